"""A text's SentencePiece pieces as a language model's words.

They are what `sentencepiece` itself gives as text: an unknown character is a word of its own, and a piece that holds
white space (a tab, say) falls into what stands between, as it does in a file of pieces with spaces between them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.errors import UsageError
from dataprep.text.literal import holding
from dataprep.text.spans import Bools, Int32s, Int64s, TextBuffers, UInt32s
from dataprep.tokenizers import Tokenizer

BLANK = re.compile(rb"[\0\t\n\v\f\r ]+")
"""Between the words of a line: the white space of ARPA files, of lmplz and of `bytes.split` together."""
_SPACE = "▁"


class Words(NamedTuple):
    """The words of every piece of a tokenizer."""

    words: tuple[bytes, ...]
    """Distinct."""
    first: Int32s
    """int32[pieces + 1]: the words of piece i are `numbers[first[i]:first[i + 1]]`."""
    numbers: Int32s
    """Places in `words`."""
    unicode_counts: Int32s
    """int32[pieces]: how many words Python's `str.split` makes of each."""


def check(tokenizer: Tokenizer) -> None:
    """Raises UsageError for a tokenizer that has no pieces of SentencePiece."""
    if tokenizer.kind != "sentencepiece":
        raise UsageError(f"{tokenizer.file}: not a SentencePiece model: language models read its pieces")


def words_of(tokenizer: Tokenizer) -> Words:
    known: dict[bytes, int] = {}
    first, numbers, counts = [0], list[int](), list[int]()
    for token in range(tokenizer.vocab_size):
        piece = tokenizer.piece(token)
        counts.append(len(piece.split()))
        numbers += [known.setdefault(word, len(known)) for word in BLANK.split(piece.encode()) if word]
        first.append(len(numbers))
    return Words(tuple(known), np.array(first, np.int32), np.array(numbers, np.int32), np.array(counts, np.int32))


def encode(tokenizer: Tokenizer, text: TextBuffers) -> tuple[UInt32s, Int64s, Bools]:
    """Tokens as the tokenizer gives them, where each document's begin, and which documents are odd.

    An odd one's tokens are not what `sentencepiece` gives as text: ask `surfaces`.
    """
    encoded = tokenizer.encode(text)
    odd = holding(text, _SPACE.encode())
    if tokenizer.unk is not None and (encoded.ids == tokenizer.unk).any():
        unknown = np.zeros(len(encoded.ids) + 1, np.int64)
        np.cumsum(encoded.ids == tokenizer.unk, out=unknown[1:])
        odd = odd | (np.diff(unknown[encoded.offsets]) > 0)
    return encoded.ids, encoded.offsets, np.asarray(odd, np.bool_)


def surfaces(tokenizer: Tokenizer, text: TextBuffers, rows: npt.NDArray[np.integer]) -> list[str]:
    """The pieces of some documents as text, with a space between two, by `sentencepiece`."""
    processor = _processor(str(tokenizer.file), tokenizer.sha256)
    documents = (text.data[text.offsets[i] : text.offsets[i + 1]].tobytes().decode() for i in rows.tolist())
    return [" ".join(processor.EncodeAsPieces(document)) for document in documents]


def lines(tokenizer: Tokenizer, text: TextBuffers) -> list[str]:
    """The pieces of every document as text: by the fast backend where there is one."""
    every = np.arange(len(text.offsets) - 1)
    if tokenizer.why_slow:
        return surfaces(tokenizer, text, every)
    ids, offsets, odd = encode(tokenizer, text)
    names = _names(tokenizer)
    found = [" ".join(names[ids[a:b]]) for a, b in pairwise(offsets.tolist())]
    rows = np.flatnonzero(odd)
    for row, line in zip(rows.tolist(), surfaces(tokenizer, text, rows), strict=True):
        found[row] = line
    return found


@lru_cache(maxsize=4)
def _names(tokenizer: Tokenizer) -> npt.NDArray[np.object_]:
    return np.array([tokenizer.piece(token) for token in range(tokenizer.vocab_size)], object)


@lru_cache(maxsize=4)
def _processor(path: str, sha256: str) -> Any:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor()
    processor.LoadFromSerializedProto(Path(path).read_bytes())
    return processor
