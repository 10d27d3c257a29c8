"""What dolma counts in words and lines, and in n-grams of words that occur more than once.

All copies of what repeats are counted, the first too. An n-gram repeats only if the (n-1)-grams at its first and second
word both do, so every level looks only at the places that survived the one before, as in `ngrams`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from dataprep.text.datatrove_marks import LETTER, marks
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.line_counts import newlines
from dataprep.text.lines import line_end
from dataprep.text.ngrams import count_key, lengthen, table_bits
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt32s, UInt64s, reserve, trim
from dataprep.text.utf8 import code_point, count_chars, width

TOP: Final = 4
"""Words of the longest n-gram whose most frequent one counts; of longer ones all that repeat do."""
LONGEST: Final = 10
_COUNT = np.uint64(0x7FFFFFFF)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_LENGTHS: Final = 64
"""Lengths of words that are counted; where the median is beyond, the lengths are sorted."""
_HASH: Final = 0x23
_ELLIPSIS: Final = 0x2026


class WordCounts(NamedTuple):
    """Counts for each document, int64[documents]."""

    chars: Int64s
    """Code points in all words."""
    median_twice: Int64s
    """Twice the median of the lengths of words; 0 without words."""
    with_symbol: Int64s
    """Words that hold `#` or `…`."""
    with_letter: Int64s
    """Words with a letter (`str.isalpha`)."""
    stop_words: Int64s
    """Words that are stop words, each as often as it occurs."""


@inlined
def _nth(counts: Int64s, n: Int) -> Int:
    """The n-th smallest length; `_LENGTHS` or more: too long to say."""
    length: Int = np.int64(0)
    below = counts[0]
    while below <= n and length < _LENGTHS:
        length += 1
        below += counts[length]
    return length


@kernel
def _count(
    offsets: Int64s,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    data: Bytes,
    flags: Bytes,
    stops: UInt64s,
    lengths: Int32s,
    counts: Int64s,
    out: Int64s,
) -> None:
    last = np.uint64(stops.shape[0] - 1)
    for d in range(offsets.size - 1):
        first = offsets[d]
        words = offsets[d + 1] - first
        chars: Int = np.int64(0)
        symbols = np.int64(0)
        letters = np.int64(0)
        stopping = np.int64(0)
        counts[:] = 0
        for k in range(first, first + words):
            i: Int = np.int64(start[k])
            z = np.int64(end[k])
            length = np.int64(0)
            symbol = False
            letter = False
            while i < z:
                b = data[i]
                if b < 0x80:
                    letter |= 0x61 <= b | 0x20 <= 0x7A
                    symbol |= b == _HASH
                    i += 1
                else:
                    w = width(data, i, z)
                    c = code_point(data, i, w)
                    letter |= flags[c] & LETTER != 0
                    symbol |= c == _ELLIPSIS
                    i += w
                length += 1
            chars += length
            lengths[k - first] = length
            counts[min(length, np.int64(_LENGTHS))] += 1
            symbols += np.int64(symbol)
            letters += np.int64(letter)
            h = hashes[k]
            slot = h & last
            while stops[slot, 1]:
                if stops[slot, 0] == h:
                    stopping += 1
                    break
                slot = (slot + np.uint64(1)) & last
        out[0, d] = chars
        out[1, d] = 0
        if words:
            low = _nth(counts, (words - 1) // 2)
            high = _nth(counts, words // 2)
            if high >= _LENGTHS:
                some = np.sort(lengths[:words])
                low = np.int64(some[(words - 1) // 2])
                high = np.int64(some[words // 2])
            out[1, d] = low + high
        out[2, d] = symbols
        out[3, d] = letters
        out[4, d] = stopping


def word_counts(words: Spans, text: TextBuffers, stops: UInt64s) -> WordCounts:
    """Counts over `split_words`; `stops` is a `word_counts.stop_word_table`."""
    out = np.empty((5, len(words.offsets) - 1), np.int64)
    lengths = np.empty(int(np.diff(words.offsets).max(initial=0)), np.int32)
    counts = np.zeros(_LENGTHS + 1, np.int64)
    _count(words.offsets, words.start, words.end, words.hash, text.data, marks(), stops, lengths, counts, out)
    return WordCounts(*out)


class Ngrams(NamedTuple):
    """For each document; lengths in code points of words, without what stands between them."""

    chars: Int64s
    """int64[documents]: of all words."""
    top: Int64s
    """int64[documents, 3]: of all copies of the most frequent 2-, 3-, 4-gram, of several the one met first."""
    repeated: Int64s
    """int64[documents, 6]: of all copies of 5- to 10-grams that occur twice or more, words as often as they are in
    one."""
    whole: Int64s
    """int64[documents, 6]: of all 5- to 10-grams."""


@inlined
def _pair(hashes: UInt64s, k: Int) -> np.uint64:
    pair: np.uint64 = (hashes[k] * _SPREAD + hashes[k + 1]) * _SPREAD
    return pair


@kernel
def _measure(
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
    data: Bytes,
    sieve: Bytes,
    table: UInt64s,
    places: Int32s,
    slots: UInt32s,
    ends: Int64s,
    chars: Int64s,
    top: Int64s,
    repeated: Int64s,
    whole: Int64s,
) -> None:
    epoch = np.uint64(0)
    for d in range(first.size - 1):
        a = first[d]
        words = first[d + 1] - a
        total: Int = np.int64(0)
        ends[0] = 0
        for t in range(words):
            total += count_chars(data, np.int64(start[a + t]), np.int64(end[a + t]))
            ends[t + 1] = total
        chars[d] = total
        for n in range(TOP + 1, min(words, np.int64(LONGEST)) + 1):
            length = np.int64(0)
            for t in range(words - n + 1):
                length += ends[t + n] - ends[t]
            whole[d, n - TOP - 1] = length
        # Counters up to 2: most bigrams occur once and go no further than here.
        bits = 6
        while np.int64(1) << bits < 8 * words and np.int64(1) << (bits + 1) <= sieve.size:
            bits += 1
        shift = np.uint64(64 - bits)
        sieve[: np.int64(1) << bits] = 0
        for t in range(words - 1):
            at = _pair(hashes, a + t) >> shift
            sieve[at] += np.uint8(sieve[at] < 2)
        alive: Int = np.int64(0)
        for t in range(words - 1):
            places[alive] = t
            alive += np.int64(sieve[_pair(hashes, a + t) >> shift] == 2)
        bits = table_bits(alive)
        for n in range(2, LONGEST + 1):
            if words < n:
                break
            epoch += np.uint64(1)
            candidates: Int = np.int64(0)
            if n == 2:
                for t in range(alive):
                    slots[t] = count_key(table, bits, epoch, _pair(hashes, a + places[t]))
                candidates = alive
            else:
                candidates = lengthen(places, slots, alive, table, bits, epoch)
            best = np.uint64(1)
            best_place = np.int64(0)
            length = np.int64(0)
            alive = np.int64(0)
            for t in range(candidates):
                count = table[np.uint64(slots[t]) | np.uint64(1)] & _COUNT
                if count < np.uint64(2):
                    continue
                place = np.int64(places[t])
                if count > best:
                    best = count
                    best_place = place
                length += ends[place + n] - ends[place]
                places[alive] = places[t]
                slots[alive] = slots[t]
                alive += 1
            if n <= TOP:
                top[d, n - 2] = np.int64(best) * (ends[best_place + n] - ends[best_place])
            else:
                repeated[d, n - TOP - 1] = length


def n_grams(words: Spans, text: TextBuffers) -> Ngrams:
    """Measures over `split_words`. Equal means equal hashes. Scratch memory: 16 to 60 bytes per word of the largest
    document, by how much repeats."""
    documents = len(words.offsets) - 1
    largest = int(np.diff(words.offsets).max(initial=0))
    sieve = np.empty(1 << max(6, min(24, (8 * largest).bit_length())), np.uint8)
    table = np.zeros(2 << int(table_bits(largest)), np.uint64)
    places, slots, ends = np.empty(largest, np.int32), np.empty(largest, np.uint32), np.empty(largest + 1, np.int64)
    lengths = (np.zeros((documents, columns), np.int64) for columns in (3, 6, 6))
    found = Ngrams(np.zeros(documents, np.int64), *lengths)
    _measure(words.start, words.end, words.hash, words.offsets, text.data, sieve, table, places, slots, ends, *found)
    return found


class LineCounts(NamedTuple):
    """Counts over the lines of `str.split("\\n")`, blank ones too, int64[documents]; an empty text has none."""

    lines: Int64s
    bullet: Int64s
    """Lines that begin with `*` or `-`."""
    ellipsis: Int64s
    """Lines that end with `…`."""
    repeated: Int64s
    """Lines that occur twice or more: all copies."""
    repeated_chars: Int64s
    """Code points in them."""


@kernel
def _lines(offsets: Int64s, data: Bytes, start: Int32s, end: Int32s, hashes: UInt64s, first: Int64s) -> None:
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        i: Int = offsets[d]
        stop = offsets[d + 1]
        while i < stop or (i == stop and i > offsets[d]):
            z = line_end(data, i, stop)
            start[k] = i
            end[k] = z
            hashes[k] = hash_bytes(data, i, z)
            k += 1
            i = z + 1
    first[offsets.size - 1] = k


@kernel
def _count_lines(
    start: Int32s, end: Int32s, hashes: UInt64s, first: Int64s, data: Bytes, table: UInt64s, slots: UInt32s, out: Int64s
) -> None:
    for d in range(first.size - 1):
        lines = first[d + 1] - first[d]
        bits = table_bits(lines)
        bullet = np.int64(0)
        ellipsis = np.int64(0)
        for k in range(first[d], first[d + 1]):
            slots[k - first[d]] = count_key(table, bits, np.uint64(d + 1), hashes[k])
            a = np.int64(start[k])
            z = np.int64(end[k])
            bullet += np.int64(z > a and (data[a] == 0x2A or data[a] == 0x2D))
            ellipsis += np.int64(z - a >= 3 and data[z - 3] == 0xE2 and data[z - 2] == 0x80 and data[z - 1] == 0xA6)
        repeated = np.int64(0)
        chars: Int = np.int64(0)
        for k in range(first[d], first[d + 1]):
            if table[np.uint64(slots[k - first[d]]) | np.uint64(1)] & _COUNT > np.uint64(1):
                repeated += 1
                chars += count_chars(data, np.int64(start[k]), np.int64(end[k]))
        out[0, d] = lines
        out[1, d] = bullet
        out[2, d] = ellipsis
        out[3, d] = repeated
        out[4, d] = chars


def line_counts(text: TextBuffers) -> LineCounts:
    """Counts over lines; equal means equal hashes."""
    documents = len(text.offsets) - 1
    spans = reserve(int(newlines(text).sum()) + documents, documents)
    _lines(text.offsets, text.data, *spans)
    trim(spans)
    largest = int(np.diff(spans.offsets).max(initial=0))
    table, slots = np.zeros(2 << int(table_bits(largest)), np.uint64), np.empty(largest, np.uint32)
    out = np.empty((5, documents), np.int64)
    _count_lines(*spans, text.data, table, slots, out)
    return LineCounts(*out)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    from dataprep.text.word_counts import stop_word_table

    spans = reserve(0, len(text.offsets) - 1)
    word_counts(spans, text, stop_word_table(()))
    n_grams(spans, text)
    line_counts(text)
