"""What repeats inside a document: words in the same order again, and whole lines or paragraphs again.

The measures are those of Gopher (Rae et al. 2021, arXiv:2112.11446, table A1) as datatrove computes them. Lengths are
in code points:

- of an n-gram that is *counted* (top n-gram): its words plus one for each gap between them, wide or narrow. For
  languages that put spaces between words this is the length of the words joined by one space, as in datatrove; Han
  characters that touch have no gap, so the measure stays below the text's own length in Chinese.
- of an n-gram that is *a duplicate*: its words alone, as in datatrove.

An n-gram repeats only if the (n-1)-grams at its first and second word both repeat. So every level looks only at the
positions that survived the level before, and names an n-gram by the pair of table slots of its two (n-1)-grams: exact,
given distinct hashes of distinct words and bigrams. In prose a few positions in a hundred survive the first level.

The table of a large document is sized by the different n-grams that a sieve of one byte a counter lets through, so that
the one document of 50 MB takes little more than 12 bytes a word.
"""

from __future__ import annotations

import numpy as np

from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt32s, UInt64s, reserve
from dataprep.text.utf8 import count_chars

REPETITION = ("top_2", "top_3", "top_4", *(f"duplicate_{n}" for n in range(5, 11)))
"""What the columns of `repetition` measure."""

_LONGEST = 10
_TOP = 4
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_COUNT = np.uint64(0x7FFFFFFF)
_SEEN = np.uint64(0x80000000)
_MANY = 1 << 16
"""Words from which on a document is large: all its levels are sieved, and its tables sized by what the sieve found."""


@inlined
def table_bits(entries: Int) -> int:
    """A table for `entries` keys has 2^bits slots: between two thirds full and a third full, where it is large up to
    four fifths, to spare memory for the one document of 50 MB.
    """
    full = np.int64(6) if entries < 1 << 20 else np.int64(5)
    bits = 4
    while (np.int64(1) << bits) * 4 < entries * full:
        bits += 1
    return bits


@inlined
def _sieve_bits(entries: Int) -> int:
    """The sieve has 2^bits counters: 8 for each slot of a table, 2 where that would leave the processor's cache."""
    bits = table_bits(entries)
    return min(bits + 3, max(bits + 1, 22))


@inlined
def count_key(table: UInt64s, bits: int, epoch: np.uint64, key: np.uint64) -> np.uint64:
    """Add one to the key's count and give its slot, 2 * s: `table[2 * s]` is a key, `table[2 * s + 1]` what is known
    of it: epoch << 32 | seen << 31 | count. A slot of another epoch is empty. The first 2^bits slots are in use.
    """
    last = (np.uint64(2) << np.uint64(bits)) - np.uint64(1)
    slot = (key * _SPREAD) >> np.uint64(64 - bits) << np.uint64(1)
    while True:
        value = table[slot | np.uint64(1)]
        if value >> np.uint64(32) != epoch:
            table[slot] = key
            table[slot | np.uint64(1)] = (epoch << np.uint64(32)) | np.uint64(1)
            return slot
        if table[slot] == key:
            table[slot | np.uint64(1)] = value + np.uint64(1)
            return slot
        slot = (slot + np.uint64(2)) & last


@inlined
def _count(table: UInt64s, slot: np.uint64) -> np.uint64:
    count: np.uint64 = table[slot | np.uint64(1)] & _COUNT
    return count


@inlined
def _words_chars(start: Int32s, end: Int32s, data: Bytes, k: Int, n: Int) -> Int:
    chars: Int = np.int64(0)
    for j in range(k, k + n):
        chars += count_chars(data, np.int64(start[j]), np.int64(end[j]))
    return chars


@inlined
def _gaps(start: Int32s, end: Int32s, k: Int, n: Int) -> Int:
    gaps: Int = np.int64(0)
    for j in range(k + 1, k + n):
        gaps += np.int64(start[j] != end[j - 1])
    return gaps


@inlined
def _pair(hashes: UInt64s, k: Int) -> np.uint64:
    pair: np.uint64 = hashes[k] * _SPREAD + hashes[k + 1]
    return pair


@inlined
def _slots_pair(slots: UInt32s, t: Int) -> np.uint64:
    pair: np.uint64 = (np.uint64(slots[t]) << np.uint64(32)) | np.uint64(slots[t + 1])
    return pair


@inlined
def lengthen(places: Int32s, slots: UInt32s, alive: Int, table: UInt64s, bits: int, epoch: np.uint64) -> Int:
    """From n-grams that repeat, at the first `alive` of `places`, to those one word longer, in the same arrays: where
    two follow one another, the pair of their slots is counted. Gives how many there are."""
    longer: Int = np.int64(0)
    for t in range(alive - 1):
        if places[t] + 1 == places[t + 1]:
            key = _slots_pair(slots, t)
            places[longer] = places[t]
            slots[longer] = count_key(table, bits, epoch, key)
            longer += 1
    return longer


@inlined
def _sift(sieve: Bytes, shift: np.uint64, key: np.uint64) -> None:
    at = (key * _SPREAD) >> shift
    sieve[at] += np.uint8(sieve[at] < 2)


@inlined
def _passes(sieve: Bytes, shift: np.uint64, key: np.uint64) -> bool:
    return bool(sieve[(key * _SPREAD) >> shift] == 2)


@kernel
def _full(sieve: Bytes) -> int:
    """Counters that stand for a repeated key, seldom for more than one: about how many different keys pass."""
    full = 0
    for value in sieve:
        full += value == 2
    return full


@kernel
def _repetition(
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
    data: Bytes,
    largest: Int,
    longest: int,
    spaced: bool,
    table: UInt64s,
    out: Int64s,
) -> None:
    sieve = np.empty(np.int64(1) << _sieve_bits(largest), np.uint8)
    places = np.empty(largest, np.int32)
    slots = np.empty(largest, np.uint32)
    epoch = np.uint64(0)
    d = 0
    larger = 0
    while d < first.size - 1:
        a = first[d]
        words = first[d + 1] - a
        large = words > _MANY
        bits = 0
        alive = np.int64(0)
        crowded = False
        for n in range(2, longest + 1):
            if words < n:
                break
            epoch += np.uint64(1)
            counters = 0
            shift = np.uint64(0)
            if n == 2 or large:
                counters = _sieve_bits(words if n == 2 else alive)
                shift = np.uint64(64 - counters)
                sieve[: np.int64(1) << counters] = 0
            # Positions that may begin a repeated n-gram, and what names it.
            candidates = np.int64(0)
            if n == 2:
                # Counters up to 2: most bigrams occur once and go no further than here.
                for t in range(a, a + words - 1):
                    _sift(sieve, shift, _pair(hashes, t))
                for t in range(words - 1):
                    places[candidates] = t
                    candidates += np.int64(_passes(sieve, shift, _pair(hashes, a + t)))
                bits = table_bits(candidates)
            elif large:
                for t in range(alive - 1):
                    if places[t] + 1 == places[t + 1]:
                        _sift(sieve, shift, _slots_pair(slots, t))
                bits = table_bits(alive)
            free = np.int64(1) << bits
            if large:
                full = _full(sieve[: np.int64(1) << counters])
                bits = min(bits, table_bits(full + full // 4) + larger)
                free = (np.int64(7) << bits) // 8
            if n == 2:
                for t in range(candidates):
                    slots[t] = count_key(table, bits, epoch, _pair(hashes, a + places[t]))
                    free -= np.int64(_count(table, np.uint64(slots[t])) == np.uint64(1))
                    if not free:
                        break
            else:
                for t in range(alive - 1):
                    if places[t] + 1 == places[t + 1]:
                        key = _slots_pair(slots, t)
                        if large and not _passes(sieve, shift, key):
                            continue
                        places[candidates] = places[t]
                        slots[candidates] = count_key(table, bits, epoch, key)
                        candidates += 1
                        free -= np.int64(_count(table, np.uint64(slots[candidates - 1])) == np.uint64(1))
                        if not free:
                            break
            if not free:
                crowded = True
                break
            best = np.uint64(1)
            top = np.int64(0)
            alive = np.int64(0)
            for t in range(candidates):
                count = _count(table, np.uint64(slots[t]))
                if count > np.uint64(1):
                    if count > best:
                        best = count
                        top = np.int64(places[t])
                    places[alive] = places[t]
                    slots[alive] = slots[t]
                    alive += 1
            if n <= _TOP:
                length = _words_chars(start, end, data, a + top, n)
                length += np.int64(n - 1) if spaced else _gaps(start, end, a + top, n)
                out[d, n - 2] = np.int64(best) * length
                continue
            beyond = np.int64(0)
            chars = np.int64(0)
            for t in range(alive):
                if places[t] < beyond:
                    continue
                known = np.uint64(slots[t]) | np.uint64(1)
                if table[known] & _SEEN:
                    chars += _words_chars(start, end, data, a + places[t], n)
                    beyond = np.int64(places[t]) + n
                else:
                    table[known] |= _SEEN
            out[d, n - 2] = chars
        # Was the sieve misled, the document is read anew with tables twice as large, in the end too large to fill.
        larger = larger + 1 if crowded else 0
        d += 0 if crowded else 1


def _table(entries: int) -> UInt64s:
    """Room for the worst case: numpy's zeros take memory as they are written, those of a kernel take it all."""
    return np.zeros(2 << int(table_bits(entries)), np.uint64)


def repetition(words: Spans, text: TextBuffers) -> Int64s:
    """int64[documents, 9], code points: columns as in `REPETITION`.

    Columns 0-2: the most frequent 2-, 3-, 4-gram (the first of several): its count times its length; a count of 1
    counts; 0 if the document has too few words. Columns 3-8: duplicate 5- to 10-grams: read from the left, an n-gram
    read before adds its length and reading goes on behind it, else one word further.

    Divide by `utf8.char_counts`. Scratch memory: 11-13 bytes per word of the largest document, and 25-50 for each
    different n-gram that repeats in it.
    """
    return _measured(words, text, _LONGEST, False)


def _measured(words: Spans, text: TextBuffers, longest: int, spaced: bool) -> Int64s:
    out = np.zeros((len(words.offsets) - 1, longest - 1), np.int64)
    largest = int(np.diff(words.offsets).max(initial=0))
    _repetition(words.start, words.end, words.hash, words.offsets, text.data, largest, longest, spaced, _table(largest),
                out)  # fmt: skip
    return out


def top_n_grams(words: Spans, text: TextBuffers) -> Int64s:
    """int64[documents, 3], code points: columns 0-2 of `repetition`, a space counted between any two words."""
    return _measured(words, text, _TOP, True)


@kernel
def _duplicates(
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
    data: Bytes,
    table: UInt64s,
    count: Int64s,
    chars: Int64s,
) -> None:
    for d in range(first.size - 1):
        bits = table_bits(first[d + 1] - first[d])
        epoch = np.uint64(d + 1)
        repeats = np.int64(0)
        length: Int = np.int64(0)
        for k in range(first[d], first[d + 1]):
            slot = count_key(table, bits, epoch, hashes[k])
            if _count(table, slot) > np.uint64(1):
                repeats += 1
                length += count_chars(data, np.int64(start[k]), np.int64(end[k]))
        count[d] = repeats
        chars[d] = length


def duplicate_spans(spans: Spans, text: TextBuffers) -> tuple[Int64s, Int64s]:
    """(int64[documents], int64[documents]): spans equal to an earlier span of their document, and their code points.

    The first occurrence is no duplicate. Meant for lines and paragraphs; equal means equal hashes.
    """
    documents = len(spans.offsets) - 1
    count, chars = np.empty(documents, np.int64), np.empty(documents, np.int64)
    largest = int(np.diff(spans.offsets).max(initial=0))
    _duplicates(spans.start, spans.end, spans.hash, spans.offsets, text.data, _table(largest), count, chars)
    return count, chars


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    spans = reserve(0, len(text.offsets) - 1)
    repetition(spans, text)
    duplicate_spans(spans, text)
