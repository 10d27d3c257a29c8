"""Kneser-Ney counts: from how often each n-gram of the full order occurs to the adjusted counts of every order.

As lmplz does it (Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation", section 3.2): n-grams
in suffix order, that is by their last word, then by the one before; so all that end alike stand together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.errors import InputError
from dataprep.ngram.sorting import Sorter
from dataprep.text.kernel import kernel
from dataprep.text.spans import Int, Int64s, UInt32s, UInt64s

BEGIN, END = 1, 2
"""Numbers of `<s>` and `</s>`; 0 is `<unk>`."""
_CHUNK = 1 << 16
Float32s = npt.NDArray[np.float32]


@kernel
def count(ids: UInt32s, history: UInt32s, order: Int, rows: UInt32s) -> None:
    """One row for each token: it, the words before it, nearest first, and a count of 1. `</s>` ends a sentence.

    `history` are the `order - 1` words before the first token; then those before the next one.
    """
    for i in range(ids.size):
        rows[i, 0] = ids[i]
        for j in range(order - 1):
            rows[i, j + 1] = history[j]
        rows[i, order] = 1
        rows[i, order + 1] = 0
        if ids[i] == END:
            history[:] = BEGIN
        else:
            for j in range(order - 2, 0, -1):
                history[j] = history[j - 1]
            if order > 1:
                history[0] = ids[i]


@kernel
def _emit(
    level: Int, counted: np.uint64, marked: bool | np.bool_, words: UInt32s, adjusted: UInt64s, stats: Int64s,
    out: UInt32s, filled: Int64s,
) -> None:  # fmt: skip
    """Write the n-gram of `level + 1` words, in context order: its last word behind all others. `counted` is its count
    for the statistics."""
    if counted < 5:
        stats[level, np.int64(counted)] += 1
    stats[level, 5] += 1
    stats[level, 6] += not marked
    n = filled[level]
    for j in range(level):
        out[level, n, j] = words[j + 1]
    out[level, n, level] = words[0]
    value = adjusted[level]
    out[level, n, level + 1] = value & np.uint64(0xFFFFFFFF)
    out[level, n, level + 2] = (value >> np.uint64(32)) | (np.uint64(0x80000000) if marked else np.uint64(0))
    filled[level] = n + 1


@kernel
def _adjust(
    rows: UInt32s, order: Int, prune: Int64s, words: UInt32s, valid: Int64s, adjusted: UInt64s, actual: UInt64s,
    stats: Int64s, out: UInt32s, filled: Int64s,
) -> None:  # fmt: skip
    """Go through n-grams of the full order in suffix order.

    `words`, `valid`, `adjusted` and `actual` are the n-grams that the last one ends with, up to `valid` words: how many
    words are seen before each, and how often it occurs. An n-gram that begins with `<s>` has nothing before it: it
    keeps its plain count. Those that are over go to `out`. stats[k] counts those of k + 1 words: by adjusted count
    1 to 4, then all, then those that are not pruned.
    """
    for i in range(rows.shape[0]):
        times = np.uint64(rows[i, order]) | np.uint64(rows[i, order + 1]) << np.uint64(32)
        same = np.int64(0)
        while same < valid[0] and rows[i, same] == words[same]:
            same += 1
        for level in range(valid[0] - 1, same - 1, -1):
            marked = actual[level] <= np.uint64(prune[level])
            _emit(level, adjusted[level], marked, words, adjusted, stats, out, filled)
        for level in range(same):
            actual[level] += times
        if same:
            adjusted[same - 1] += np.uint64(1)
        for j in range(order):
            words[j] = rows[i, j]
        top = same
        while top < order - 1 and words[top] != BEGIN:
            adjusted[top] = np.uint64(1)
            actual[top] = times
            top += 1
        valid[0] = top
        if top < order - 1:
            adjusted[top] = times
            actual[top] = times
            valid[0] = top + 1
        else:
            marked = times <= np.uint64(prune[top])
            adjusted[top] = times
            _emit(top, times, marked, words, adjusted, stats, out, filled)


@kernel
def _rest(
    prune: Int64s, words: UInt32s, valid: Int64s, adjusted: UInt64s, actual: UInt64s, stats: Int64s, out: UInt32s,
    filled: Int64s,
) -> None:  # fmt: skip
    """The n-grams that the very last one ends with. lmplz counts these by how often they occur (adjust_counts.cc: it
    adds `lower_count` to its statistics): a few more or less in counts of counts, which the discounts are made of."""
    for level in range(valid[0]):
        marked = actual[level] <= np.uint64(prune[level])
        _emit(level, actual[level], marked, words, adjusted, stats, out, filled)


class Adjusted(NamedTuple):
    unigrams: UInt64s
    """uint64[vocabulary]: adjusted counts."""
    stats: Int64s
    """int64[order, 7]: n-grams by adjusted count 0 to 4, all, and those not pruned."""


def adjust(
    full: Iterable[UInt32s], order: int, prune: Int64s, vocabulary: int, sorters: list[Sorter]
) -> Adjusted:  # fmt: skip
    """Give each order's n-grams from 2 words on to its sorter, in context order; unigrams are small and come back."""
    unigrams = np.zeros(vocabulary, np.uint64)
    stats = np.zeros((order, 7), np.int64)
    stats[0, 0] = stats[0, 5] = stats[0, 6] = 2  # <unk> and <s>
    state = (
        np.zeros(order, np.uint32),
        np.zeros(1, np.int64),
        np.zeros(order, np.uint64),
        np.zeros(order, np.uint64),
        stats,
    )
    out = np.empty((order, _CHUNK + 1, order + 2), np.uint32)
    filled = np.zeros(order, np.int64)

    def hand_over() -> None:
        first = out[0, : filled[0]]
        unigrams[first[:, 0]] = first[:, 1] | (first[:, 2].astype(np.uint64) & np.uint64(0x7FFFFFFF)) << np.uint64(32)
        for level in range(1, order):
            sorters[level - 1].put(out[level, : filled[level], : level + 3])
        filled[:] = 0

    for rows in full:
        for begin in range(0, len(rows), _CHUNK):
            _adjust(rows[begin : begin + _CHUNK], order, prune, *state, out, filled)
            hand_over()
    _rest(prune, *state, out, filled)
    hand_over()
    return Adjusted(unigrams, stats)


def discounts(stats: Int64s, fallback: tuple[float, ...] | None) -> tuple[Float32s, list[int]]:
    """float32[order, 4]: what is taken from an adjusted count of 0, 1, 2, and 3 or more; and the orders that have the
    fallback. Chen and Goodman 1998, equation 26, in the precision of lmplz.

    Raises InputError if the text is too small or too repetitive to tell them and there is no fallback.
    """
    found = np.zeros((len(stats), 4), np.float32)
    fell = []
    for k, counts in enumerate(stats):
        wrong = _discount(counts, found[k])
        if not wrong:
            continue
        if fallback is None:
            raise InputError(
                f"the discounts of {k + 1}-grams can't be estimated: {wrong}; the text is too small or repeats itself: "
                "give more, deduplicate it, or use --discount-fallback"
            )
        found[k] = (0.0, *fallback)
        fell.append(k + 1)
    return found, fell


def _discount(counts: Int64s, out: Float32s) -> str:
    for j in (1, 2, 3):
        if not counts[j]:
            return f"none has a count of {j}"
    share = np.float32(counts[1]) / np.float32(counts[1] + 2.0 * counts[2])
    for j in (1, 2, 3):
        taken = np.float32(j) - np.float32(j + 1) * share * np.float32(counts[j + 1]) / np.float32(counts[j])
        if not 0 <= taken <= j:
            return f"that of a count of {j} would be {taken:.4g}, out of 0 to {j}"
        out[j] = taken
    return ""
