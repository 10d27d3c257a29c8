"""What the words of a document are like: their characters, how many have a letter, which stop words are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.text import tables
from dataprep.text.blocks import ones
from dataprep.text.hashes import hash_spans, tail64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve
from dataprep.text.tables import HIRAGANA, LETTER
from dataprep.text.utf8 import code_point, width

_SLOTS = 256
"""Slots of a stop-word table: at most 64 are taken, so nearly every look-up ends at its first slot."""

_HIGH_BITS = np.uint64(0x8080808080808080)


class WordCounts(NamedTuple):
    """Counts for each document, int64[documents]."""

    chars: Int64s
    """Code points in all words."""
    with_letter: Int64s
    """Words with at least one letter of any script."""
    stop_words: Int64s
    """Distinct stop words."""


def stop_word_table(words: Sequence[str]) -> UInt64s:
    """uint64[256, 2]: an open-addressed table of hash and bit of up to 64 words. Raises ValueError on more."""
    if len(words) > 64:
        raise ValueError(f"at most 64 stop words, not {len(words)}")
    table = np.zeros((_SLOTS, 2), np.uint64)
    raw = [word.encode() for word in words]
    end = np.cumsum([len(word) for word in raw], dtype=np.int32)
    start = (end - [len(word) for word in raw]).astype(np.int32)
    for k, h in enumerate(hash_spans(start, end, np.frombuffer(b"".join(raw), np.uint8))):
        slot = int(h) % _SLOTS
        while table[slot, 1]:
            slot = (slot + 1) % _SLOTS
        table[slot] = h, np.uint64(1) << np.uint64(k)
    return table


@inlined
def _has_letter(data: Bytes, start: Int, end: Int, classes: Bytes) -> bool:
    i = start
    while i < end:
        # Below "A" a word holds only digits and apostrophes, above it all ASCII characters of words are letters.
        if data[i] < 0x80:
            if data[i] >= 0x41:
                return True
            i += 1
        else:
            w = width(data, i, end)
            c = classes[code_point(data, i, w)]
            if c == LETTER or c >= HIRAGANA:
                return True
            i += w
    return False


@kernel
def _count(
    offsets: Int64s,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    data: Bytes,
    classes: Bytes,
    stops: UInt64s,
    chosen: Int64s,
    out: Int64s,
) -> None:
    for d in range(offsets.size - 1):
        chars = np.int64(0)
        letters = np.int64(0)
        seen = np.uint64(0)
        table = stops[chosen[d]]
        for k in range(offsets[d], offsets[d + 1]):
            a = np.int64(start[k])
            z = np.int64(end[k])
            chars += z - a
            i = a
            while i < z:
                x = tail64(data, i, z - i if z - i < 7 else 7)
                # A byte continues a character if its highest bit is set and the next one is not.
                chars -= ones(x & ~(x << np.uint64(1)) & _HIGH_BITS)
                i += 7
            letters += _has_letter(data, a, z, classes)
            h = hashes[k]
            slot = np.int64(h & np.uint64(_SLOTS - 1))
            while table[slot, 1]:
                if table[slot, 0] == h:
                    seen |= table[slot, 1]
                    break
                slot = (slot + 1) & (_SLOTS - 1)
        out[0, d] = chars
        out[1, d] = letters
        out[2, d] = ones(seen)


def word_counts(words: Spans, text: TextBuffers, stops: UInt64s, chosen: npt.NDArray[np.int64]) -> WordCounts:
    """Counts over `words`. `stops` is uint64[lists, 256, 2] of `stop_word_table`s, `chosen` int64[documents] says
    which of them counts in each document. Reads each word once."""
    out = np.empty((3, len(words.offsets) - 1), np.int64)
    _count(words.offsets, words.start, words.end, words.hash, text.data, tables.classes(), stops, chosen, out)
    return WordCounts(*out)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    spans = reserve(0, len(text.offsets) - 1)
    word_counts(spans, text, np.zeros((1, _SLOTS, 2), np.uint64), np.zeros(len(text.offsets) - 1, np.int64))
