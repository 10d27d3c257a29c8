"""What datatrove counts in words, and n-grams of words that are written again.

A duplicate n-gram is one whose words, written without anything between them, were read before: `ab c` is `a bc` again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from dataprep.text.blocks import load64, ones, store64
from dataprep.text.datatrove_marks import LETTER, VISIBLE, marks
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve
from dataprep.text.utf8 import code_point, count_chars, width

SHORTEST: Final = 5
LONGEST: Final = 10
"""Words of the duplicate n-grams that count."""


class WordCounts(NamedTuple):
    """Counts for each document, int64[documents]."""

    words: Int64s
    """Words that are not all punctuation."""
    chars: Int64s
    """Code points in them."""
    with_letter: Int64s
    """Words, of all, with a letter."""
    stop_words: Int64s
    """Different stop words."""


@kernel
def _count(
    offsets: Int64s, start: Int32s, end: Int32s, hashes: UInt64s, data: Bytes, flags: Bytes, stops: UInt64s, out: Int64s
) -> None:
    last = np.uint64(stops.shape[0] - 1)
    for d in range(offsets.size - 1):
        words = np.int64(0)
        chars: Int = np.int64(0)
        letters = np.int64(0)
        seen = np.uint64(0)
        for k in range(offsets[d], offsets[d + 1]):
            a = np.int64(start[k])
            z = np.int64(end[k])
            found = np.uint8(0)
            i: Int = a
            while i < z and found & (VISIBLE | LETTER) != VISIBLE | LETTER:
                w = width(data, i, z)
                found |= flags[code_point(data, i, w)]
                i += w
            letters += np.int64(found & LETTER != 0)
            if found & VISIBLE:
                words += 1
                chars += count_chars(data, a, z)
            h = hashes[k]
            slot = h & last
            while stops[slot, 1]:
                if stops[slot, 0] == h:
                    seen |= stops[slot, 1]
                    break
                slot = (slot + np.uint64(1)) & last
        out[0, d] = words
        out[1, d] = chars
        out[2, d] = letters
        out[3, d] = ones(seen)


def word_counts(words: Spans, text: TextBuffers, stops: UInt64s) -> WordCounts:
    """Counts over `spacy_words`; `stops` is a `word_counts.stop_word_table`."""
    out = np.empty((4, len(words.offsets) - 1), np.int64)
    _count(words.offsets, words.start, words.end, words.hash, text.data, marks(), stops, out)
    return WordCounts(*out)


_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_DEPTHS: Final = 3
"""Times eight bytes by which n-grams are told apart first, if they are as long."""


@inlined
def _paste(data: Bytes, a: Int, z: Int, glue: Bytes, size: Int) -> Int:
    """Write `data[a:z]` at `glue[size]`, and up to 7 bytes more: where the next begins."""
    n = z - a
    while a < z:
        if a + 8 <= data.size:
            store64(glue, size + n - (z - a), load64(data, a))
        else:
            for i in range(a, z):
                glue[size + n - (z - i)] = data[i]
        a += 8
    return size + n


@inlined
def _sift(sieve: Bytes, at: np.uint64) -> None:
    sieve[at] += np.uint8(sieve[at] < 2)


@kernel
def _glued(
    offsets: Int64s,
    start: Int32s,
    end: Int32s,
    data: Bytes,
    glue: Bytes,
    place: Int32s,
    candidates: Int32s,
    depths: Bytes,
    keys: UInt64s,
    sieve: Bytes,
    table: UInt64s,
    out: Int64s,
) -> None:
    for d in range(offsets.size - 1):
        first = offsets[d]
        words = offsets[d + 1] - first
        if words <= SHORTEST:
            continue
        size: Int = np.int64(0)
        for k in range(words):
            place[k] = size
            size = _paste(data, np.int64(start[first + k]), np.int64(end[first + k]), glue, size)
        place[words] = size
        # How many times eight bytes at each word are found at another one too.
        some = words - SHORTEST + 1
        bits: Int = np.int64(6)
        while np.int64(1) << bits < 8 * words and bits < 24:
            bits += 1
        shift = np.uint64(64 - bits)
        sieve[: np.int64(1) << bits] = 0
        for k in range(some):
            keys[k] = load64(glue, np.int64(place[k])) * _SPREAD
            _sift(sieve, keys[k] >> shift)
        kept = np.int64(0)
        for k in range(some):
            deep = sieve[keys[k] >> shift] == 2
            candidates[kept] = k
            depths[kept] = np.uint8(deep)
            keys[kept] = keys[k]
            kept += np.int64(deep or place[k + SHORTEST] - place[k] < 8)
        for depth in range(1, _DEPTHS):
            sieve[: np.int64(1) << bits] = 0
            for t in range(kept):
                if depths[t] == depth:
                    key = load64(glue, np.int64(place[candidates[t]]) + 8 * depth)
                    keys[t] = (keys[t] ^ (keys[t] >> np.uint64(32)) ^ key) * _SPREAD
                    _sift(sieve, keys[t] >> shift)
            for t in range(kept):
                if depths[t] == depth and sieve[keys[t] >> shift] == 2:
                    depths[t] = np.uint8(depth + 1)
        bits = 4
        while np.int64(1) << bits < 2 * kept:
            bits += 1
        last = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
        for n in range(SHORTEST, LONGEST + 1):
            repeated: Int = np.int64(0)
            beyond: Int = np.int64(0)
            table[: np.int64(1) << bits] = 0
            for t in range(kept):
                w = np.int64(candidates[t])
                if w < beyond or w > words - n:
                    continue
                a = np.int64(place[w])
                z = np.int64(place[w + n])
                # Equal n-grams have the same first bytes, as many as they have.
                if depths[t] < _DEPTHS and (np.int64(depths[t]) + 1) * 8 <= z - a:
                    continue
                key = hash_bytes(glue, a, z) | np.uint64(1)
                slot = (key >> np.uint64(32)) & last
                while table[slot] != 0 and table[slot] != key:
                    slot = (slot + np.uint64(1)) & last
                if table[slot] == key:
                    repeated += count_chars(glue, a, z)
                    beyond = w + n
                else:
                    table[slot] = key
            out[d, n - SHORTEST] = repeated


def glued_duplicates(words: Spans, text: TextBuffers) -> Int64s:
    """int64[documents, 6], code points: duplicate 5- to 10-grams. Read from the left, an n-gram whose bytes were read
    before adds its length and reading goes on behind it, else one word further. Equal means equal hashes of 63 bits.

    Only compared where the first 8, 16 or 24 bytes are found twice. Scratch memory: the bytes of the largest document
    and 25 to 50 bytes per word of it.
    """
    documents = len(words.offsets) - 1
    out = np.zeros((documents, LONGEST - SHORTEST + 1), np.int64)
    largest = int(np.diff(words.offsets).max(initial=0))
    glue = np.zeros(int(np.diff(text.offsets).max(initial=0)) + 8 * (_DEPTHS + 1), np.uint8)
    place, candidates = np.empty(largest + 1, np.int32), np.empty(largest + 1, np.int32)
    depths, keys = np.empty(largest + 1, np.uint8), np.empty(largest + 1, np.uint64)
    sieve = np.empty(1 << max(6, min(24, (8 * largest).bit_length())), np.uint8)
    table = np.empty(1 << max(4, (2 * largest).bit_length()), np.uint64)
    _glued(words.offsets, words.start, words.end, text.data, glue, place, candidates, depths, keys, sieve, table, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    from dataprep.text.word_counts import stop_word_table

    spans = reserve(0, len(text.offsets) - 1)
    word_counts(spans, text, stop_word_table(()))
    glued_duplicates(spans, text)
