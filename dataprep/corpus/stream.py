"""One split of a token corpus as one long sequence of tokens, across its shards."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from dataprep.corpus.shard import Int64s, Shard, Tokens
from dataprep.corpus.tokens import Split, TokenCorpus
from dataprep.errors import UsageError


class Passage(NamedTuple):
    """The part of a document that lies in some range of a stream."""

    document: int
    """Its number in the stream."""
    start: int
    """Where the part begins in the stream."""
    tokens: int


class Stream:
    """The tokens of one split, in the order of shards and of documents in them.

    `max_tokens` leaves out documents at its end: what stays are the first ones that hold at most so many tokens.
    Shards are opened when they are read; the `held` that were read last stay open, with two file descriptors each.
    """

    def __init__(
        self, corpus: TokenCorpus, split: Split = "train", max_tokens: int | None = None, held: int = 64
    ) -> None:
        self.corpus = corpus
        self.shard = lru_cache(maxsize=held)(self._open)
        self.shards = corpus.split(split)
        self._tokens = [0, *accumulate(shard.tokens for shard in self.shards)]
        self._documents = [0, *accumulate(shard.documents for shard in self.shards)]
        self.tokens, self.documents = self._tokens[-1], self._documents[-1]
        self.cut = max_tokens is not None and max_tokens < self.tokens
        """Whether `max_tokens` leaves anything out."""
        if max_tokens is not None and max_tokens < self.tokens:
            n = bisect_right(self._tokens, max_tokens) - 1
            starts = self.shard(n).starts
            inside = int(np.searchsorted(starts, max_tokens - self._tokens[n], "right")) - 1
            self.tokens = self._tokens[n] + int(starts[inside])
            self.documents = self._documents[n] + inside
            if not self.tokens:
                raise UsageError(f"{corpus.root}: its first document alone has more than {max_tokens:,} tokens")

    def _open(self, n: int) -> Shard:
        return self.corpus.open(self.shards[n])

    def read(self, start: int, out: Tokens) -> None:
        """Copy the tokens from `start` on into `out`, as many as it has room for."""
        n = bisect_right(self._tokens, start) - 1
        at = start - self._tokens[n]
        while True:
            piece = self.shard(n).tokens[at : at + len(out)]
            if len(piece) == len(out):
                out[:] = piece
                return
            out[: len(piece)] = piece
            out = out[len(piece) :]
            n, at = n + 1, 0

    def starts_within(self, low: int, high: int) -> list[int]:
        """Where documents begin among tokens `low` to `high` - 1; one twice if the first is empty."""
        n = bisect_right(self._tokens, low) - 1
        base = self._tokens[n]
        found = [base + start for start in self.shard(n).starts_within(low - base, high - base)]
        end = self._tokens[n + 1]
        return found if high <= end else found + self.starts_within(end, high)

    def document(self, number: int) -> tuple[int, int]:
        """(first token, tokens) of a document."""
        n, row = self.row(number)
        shard = self.shard(n)
        return self._tokens[n] + shard.start(row), shard.length(row)

    def row(self, number: int) -> tuple[int, int]:
        """(shard, row in it) of a document."""
        n = bisect_right(self._documents, number) - 1
        return n, number - self._documents[n]

    def number(self, shard: int, row: int) -> int:
        """The document in a row of a shard."""
        return self._documents[shard] + row

    def passages(self, low: int, high: int) -> list[Passage]:
        """Which documents hold the tokens `low` to `high` - 1, in order; empty documents hold none."""
        found = []
        while low < high:
            n = bisect_right(self._tokens, low) - 1
            shard = self.shard(n)
            row = shard.document_at(low - self._tokens[n])
            end = min(high, self._tokens[n] + shard.start(row) + shard.length(row))
            found.append(Passage(self.number(n, row), low, end - low))
            low = end
        return found

    def lengths(self) -> Int64s:
        """int64[documents]: tokens of every document. Reads the index of every shard."""
        parts = [self.shard(n).lengths.astype(np.int64) for n in range(len(self.shards))]
        return np.concatenate([np.empty(0, np.int64), *parts])[: self.documents]
