"""A stream of tokens as numbered windows, each one row of `sequence_length` + 1 tokens: three ways to pack documents.

A row's tokens but the last are what a model reads, its tokens but the first are what it is to predict. Rows that are
not full are padded at their end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from dataprep.corpus.packing import packing
from dataprep.corpus.shard import Int64s
from dataprep.corpus.stream import Stream

Strategy = Literal["concatenate", "best_fit", "document"]


class Pieces(NamedTuple):
    """What rows are made of. Piece k for k from `offsets[r]` to `offsets[r + 1]` - 1 is in row r, in this order."""

    starts: Sequence[int]
    """Where each piece begins in the stream."""
    lengths: Sequence[int]
    offsets: Sequence[int]


class Windows(Protocol):
    """All windows of a stream."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def padding(self) -> int:
        """Places of all windows that hold no token."""

    @property
    def lost(self) -> int:
        """Tokens of the stream that are in no window."""

    @property
    def whole(self) -> bool:
        """No document begins inside a piece."""

    @property
    def sha256(self) -> str:
        """Of the artefact that says what is where, if there is one; else empty."""

    def pieces(self, windows: Int64s) -> Pieces:
        """What these windows are made of."""

    def holding(self, document: int) -> Int64s:
        """int64[n]: the windows that hold any token of a document, ascending."""


def windows(stream: Stream, strategy: Strategy, length: int) -> Windows:
    """The windows of a stream. `best_fit` may have to work them out; the others cost nothing."""
    if strategy == "best_fit":
        return BestFit(stream, length)
    return Concatenated(stream, length) if strategy == "concatenate" else OneDocument(stream, length)


class Concatenated:
    """Documents one after another, cut every `length` tokens; a window's last token is the first of the next one.

    So each token but the first of all is predicted exactly once. The last window is padded.
    """

    whole = False
    lost = 0
    sha256 = ""

    def __init__(self, stream: Stream, length: int) -> None:
        self.stream, self.length = stream, length
        self.count = concatenated(stream.tokens, length)
        self.padding = max(0, self.count * length + 1 - stream.tokens) if self.count else 0

    def pieces(self, windows: Int64s) -> Pieces:
        starts = windows * self.length
        lengths = np.minimum(self.stream.tokens - starts, self.length + 1)
        return Pieces(starts.tolist(), lengths.tolist(), range(len(windows) + 1))

    def holding(self, document: int) -> Int64s:
        first, tokens = self.stream.document(document)
        if not tokens:
            return np.empty(0, np.int64)
        low = max(0, -(-(first - self.length) // self.length))
        return np.arange(low, min(self.count, (first + tokens - 1) // self.length + 1))


class BestFit:
    """Documents cut to at most `length` + 1 tokens, and rows filled with whole pieces (`best_fit`): little padding."""

    whole = True
    lost = 0

    def __init__(self, stream: Stream, length: int) -> None:
        self.stream = stream
        self._packing = packing(stream, length + 1)
        self.count = self._packing.rows
        self.padding = self.count * (length + 1) - self._packing.tokens
        self.sha256 = self._packing.sha256

    def pieces(self, windows: Int64s) -> Pieces:
        offsets, starts, lengths = [0], list[int](), list[int]()
        for low, high in zip(
            self._packing.offsets[windows].tolist(), self._packing.offsets[windows + 1].tolist(), strict=True
        ):
            starts += self._packing.starts[low:high].tolist()
            lengths += self._packing.lengths[low:high].tolist()
            offsets.append(len(starts))
        return Pieces(starts, lengths, offsets)

    def holding(self, document: int) -> Int64s:
        """Looks at where every piece begins: 8 bytes each."""
        first, tokens = self.stream.document(document)
        starts = self._packing.starts
        found = np.flatnonzero((starts >= first) & (starts < first + tokens))
        return np.unique(np.searchsorted(self._packing.offsets, found, "right") - 1)


class OneDocument:
    """One document a row: window i is document i, cut off after `length` + 1 tokens, else padded."""

    whole = True
    sha256 = ""

    def __init__(self, stream: Stream, length: int) -> None:
        self.stream, self.length = stream, length
        self.count = stream.documents

    @property
    def padding(self) -> int:
        """Reads the index of every shard."""
        return int(np.maximum(self.length + 1 - self.stream.lengths(), 0).sum())

    @property
    def lost(self) -> int:
        """Reads the index of every shard."""
        return int(np.maximum(self.stream.lengths() - (self.length + 1), 0).sum())

    def pieces(self, windows: Int64s) -> Pieces:
        spans = [self.stream.document(document) for document in windows.tolist()]
        return Pieces(
            [first for first, _ in spans],
            [min(tokens, self.length + 1) for _, tokens in spans],
            range(len(spans) + 1),
        )

    def holding(self, document: int) -> Int64s:
        return np.array([document], np.int64)


def concatenated(tokens: int, length: int) -> int:
    """How many windows so many tokens make when they are concatenated."""
    return max(0, -(-(tokens - 1) // length))
