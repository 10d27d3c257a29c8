"""Sentences of words with `<s>` and `</s>` around them, as language models take them."""

from __future__ import annotations

import numpy as np

from dataprep.text.kernel import kernel
from dataprep.text.ngram_table import BEGIN, END
from dataprep.text.spans import Bools, Int32s, Int64s, TextBuffers, UInt32s


@kernel
def _fill(first: Int64s, numbers: Int32s, out: Int32s, bounds: Int64s) -> None:
    n = np.int64(0)
    for s in range(first.size - 1):
        bounds[s] = n
        out[n] = BEGIN
        n += 1
        for k in range(first[s], first[s + 1]):
            out[n] = numbers[k] if numbers[k] > END else 0
            n += 1
        out[n] = END
        n += 1
    bounds[first.size - 1] = n


def fill(first: Int64s, numbers: Int32s) -> tuple[Int32s, Int64s]:
    """int32[words]: the words of all sentences with their ends, and where each begins. A word `<s>` is unknown."""
    sentences = len(first) - 1
    out, bounds = np.empty(int(first[-1] - first[0]) + 2 * sentences, np.int32), np.zeros(sentences + 1, np.int64)
    _fill(first, numbers, out, bounds)
    return out, bounds


@kernel
def _words_of_tokens(
    ids: UInt32s, offsets: Int64s, odd: Bools, first: Int32s, numbers: Int32s, counts: Int32s, out: Int32s,
    begins: Int64s, counted: Int64s,
) -> None:  # fmt: skip
    n = np.int64(0)
    for s in range(offsets.size - 1):
        begins[s] = n
        seen = np.int64(0)
        if not odd[s]:
            for k in range(offsets[s], offsets[s + 1]):
                token = np.int64(ids[k])
                seen += counts[token]
                for j in range(first[token], first[token + 1]):
                    out[n] = numbers[j]
                    n += 1
        counted[s] = seen
    begins[offsets.size - 1] = n


def words_of_tokens(
    ids: UInt32s, offsets: Int64s, odd: Bools, first: Int32s, numbers: Int32s, counts: Int32s
) -> tuple[Int32s, Int64s, Int64s]:
    """Tokens as words: token t is `numbers[first[t]:first[t + 1]]` and counts for `counts[t]`; an odd sentence is left
    empty. The words, where each sentence's begin, and each one's count."""
    most = int(np.diff(first).max(initial=1))
    out = np.empty(most * len(ids), np.int32)
    begins, counted = np.zeros(len(offsets), np.int64), np.zeros(len(offsets) - 1, np.int64)
    _words_of_tokens(ids, offsets, odd, first, numbers, counts, out, begins, counted)
    return out[: begins[-1]], begins, counted


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    first = np.zeros(2, np.int64)
    fill(first, np.zeros(0, np.int32))
    none = np.zeros(0, np.int32)
    words_of_tokens(np.zeros(0, np.uint32), first, np.zeros(1, np.bool_), np.zeros(2, np.int32), none, none)
