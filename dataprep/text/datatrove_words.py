"""What datatrove counts in words, and n-grams of words that are written again.

A duplicate n-gram is one whose words, written without anything between them, were read before: `ab c` is `a bc` again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from dataprep.text.blocks import ones
from dataprep.text.datatrove_marks import LETTER, VISIBLE, marks
from dataprep.text.hashes import mix64
from dataprep.text.kernel import kernel
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


_BASE: Final = 0x9E3779B97F4A7C15
_VALUES: Final = np.random.default_rng(20260801).integers(0, 2**64, 256, np.uint64)
_POWERS: Final = np.array([pow(_BASE, n, 1 << 64) for n in range(64)], np.uint64)
_INVERSES: Final = np.array([pow(_BASE, -n, 1 << 64) for n in range(64)], np.uint64)
"""A text's hash is the sum of values of its bytes times powers of an odd number, modulo 2^64: of words put together it
depends on nothing but the bytes."""


@kernel
def _glued(
    offsets: Int64s,
    start: Int32s,
    end: Int32s,
    data: Bytes,
    values: UInt64s,
    powers: UInt64s,
    inverses: UInt64s,
    sums: UInt64s,
    shifts: UInt64s,
    chars: Int64s,
    table: UInt64s,
    out: Int64s,
) -> None:
    for d in range(offsets.size - 1):
        first = offsets[d]
        words = offsets[d + 1] - first
        power = np.uint64(1)
        inverse = np.uint64(1)
        total = np.uint64(0)
        length: Int = np.int64(0)
        for k in range(words):
            sums[k] = total
            shifts[k] = inverse
            chars[k] = length
            a = np.int64(start[first + k])
            z = np.int64(end[first + k])
            length += count_chars(data, a, z)
            while a < z:
                n = min(z - a, np.int64(63))
                part = np.uint64(0)
                for j in range(n):
                    part += values[data[a + j]] * powers[j]
                total += part * power
                power *= powers[n]
                inverse *= inverses[n]
                a += n
        sums[words] = total
        chars[words] = length
        bits = 4
        while np.int64(1) << bits < words + words // 2:
            bits += 1
        last = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
        for n in range(SHORTEST, LONGEST + 1):
            repeated: Int = np.int64(0)
            if words > n:
                table[: np.int64(1) << bits] = 0
                k = 0
                while k <= words - n:
                    key = mix64((sums[k + n] - sums[k]) * shifts[k]) | np.uint64(1)
                    slot = (key >> np.uint64(32)) & last
                    while table[slot] != 0 and table[slot] != key:
                        slot = (slot + np.uint64(1)) & last
                    if table[slot] == key:
                        repeated += chars[k + n] - chars[k]
                        k += n
                    else:
                        table[slot] = key
                        k += 1
            out[d, n - SHORTEST] = repeated


def glued_duplicates(words: Spans, text: TextBuffers) -> Int64s:
    """int64[documents, 6], code points: duplicate 5- to 10-grams. Read from the left, an n-gram whose bytes were read
    before adds its length and reading goes on behind it, else one word further. Equal means equal hashes of 63 bits.

    Scratch memory: 36 to 48 bytes per word of the largest document.
    """
    documents = len(words.offsets) - 1
    out = np.zeros((documents, LONGEST - SHORTEST + 1), np.int64)
    largest = int(np.diff(words.offsets).max(initial=0))
    sums, shifts, chars = (np.empty(largest + 1, kind) for kind in (np.uint64, np.uint64, np.int64))
    table = np.empty(1 << max(4, (largest + largest // 2 - 1).bit_length()), np.uint64)
    _glued(words.offsets, words.start, words.end, text.data, _VALUES, _POWERS, _INVERSES, sums, shifts, chars, table, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    from dataprep.text.word_counts import stop_word_table

    spans = reserve(0, len(text.offsets) - 1)
    word_counts(spans, text, stop_word_table(()))
    glued_duplicates(spans, text)
