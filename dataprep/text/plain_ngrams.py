"""How varied the words of a document are, and what repeats among them, as RedPajama-v2 measures it.

An n-gram repeats only if the (n-1)-grams at its first and second word both do, so every level looks only at the places
that survived the one before, as in `ngrams`; here it begins with words, and counts every copy of what repeats.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dataprep.text.kernel import kernel
from dataprep.text.ngrams import count_key, lengthen, table_bits
from dataprep.text.spans import Floats, Int, Int32s, Int64s, Spans, TextBuffers, UInt32s, UInt64s, reserve

_LONGEST = 10
_TOP = 4
_COUNT = np.uint64(0x7FFFFFFF)
_SEEN = np.uint64(0x80000000)


class PlainNgrams(NamedTuple):
    """For each document."""

    chars: Int64s
    """int64[documents]: characters of all words."""
    distinct: Int64s
    """int64[documents]: different words."""
    entropy: Floats
    """float64[documents]: of the distribution of words, in nats."""
    top: Int64s
    """int64[documents, 3]: characters in all copies of the most frequent 2-, 3-, 4-gram, of several the one met first;
    0 if none repeats."""
    duplicate: Int64s
    """int64[documents, 6]: characters of words inside any 5- to 10-gram that occurs twice or more, each word once."""


@kernel
def _measure(
    hashes: UInt64s,
    first: Int64s,
    lengths: Int32s,
    table: UInt64s,
    places: Int32s,
    slots: UInt32s,
    ends: Int64s,
    chars: Int64s,
    distinct: Int64s,
    entropy: Floats,
    top: Int64s,
    duplicate: Int64s,
) -> None:
    epoch = np.uint64(0)
    for d in range(first.size - 1):
        a = first[d]
        words = first[d + 1] - a
        total = np.int64(0)
        for t in range(words):
            total += np.int64(lengths[a + t])
            ends[t] = total
        chars[d] = total
        alive: Int = words
        for n in range(1, _LONGEST + 1):
            if alive < 1 or words < n:
                break
            epoch += np.uint64(1)
            candidates: Int = np.int64(0)
            if n == 1:
                bits = table_bits(words)
                for t in range(words):
                    places[t] = t
                    slots[t] = count_key(table, bits, epoch, hashes[a + t])
                candidates = words
            else:
                bits = table_bits(alive)
                candidates = lengthen(places, slots, alive, table, bits, epoch)
            alive = np.int64(0)
            best = np.uint64(1)
            best_place = np.int64(0)
            covered = np.int64(0)  # words before this one are counted
            inside = np.int64(0)
            sum_of = 0.0
            different = np.int64(0)
            for t in range(candidates):
                known = np.uint64(slots[t]) | np.uint64(1)
                count = table[known] & _COUNT
                if n == 1 and not table[known] & _SEEN:
                    table[known] |= _SEEN
                    different += 1
                    share = np.float64(count) / np.float64(words)
                    sum_of += -share * math.log(share)
                if count < np.uint64(2):
                    continue
                place = np.int64(places[t])
                if count > best:
                    best = count
                    best_place = place
                if n > _TOP:
                    begin = max(place, covered)
                    covered = place + n
                    inside += ends[covered - 1] - (ends[begin - 1] if begin else np.int64(0))
                places[alive] = places[t]
                slots[alive] = slots[t]
                alive += 1
            if n == 1:
                distinct[d] = different
                entropy[d] = sum_of
            elif n <= _TOP:
                if best > np.uint64(1):
                    before = ends[best_place - 1] if best_place else np.int64(0)
                    top[d, n - 2] = np.int64(best) * (ends[best_place + n - 1] - before)
            else:
                duplicate[d, n - _TOP - 1] = inside


def plain_ngrams(words: Spans, lengths: Int32s) -> PlainNgrams:
    """Measures over `plain_words`. Scratch memory: some 40 bytes per word of the largest document."""
    documents = len(words.offsets) - 1
    largest = int(np.diff(words.offsets).max(initial=0))
    table = np.zeros(2 << int(table_bits(largest)), np.uint64)
    places, slots, ends = np.empty(largest, np.int32), np.empty(largest, np.uint32), np.empty(largest, np.int64)
    chars, distinct, entropy = np.zeros(documents, np.int64), np.zeros(documents, np.int64), np.zeros(documents)
    top, duplicate = np.zeros((documents, 3), np.int64), np.zeros((documents, 6), np.int64)
    found = PlainNgrams(chars, distinct, entropy, top, duplicate)
    _measure(words.hash, words.offsets, lengths, table, places, slots, ends, *found)
    return found


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    plain_ngrams(reserve(0, len(text.offsets) - 1), np.zeros(0, np.int32))
