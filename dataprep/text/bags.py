"""What a fastText model makes of a line: its words, word n-grams and character n-grams as rows, and their mean.

As fastText 0.9.3 has it, hash for hash: models of any maker give the same score to five decimals. The rows stay in the
file, mapped, so that all workers of a machine share one copy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers, UInt32s

Float32s = npt.NDArray[np.float32]

_BASIS = np.uint32(2166136261)
_PRIME = np.uint32(16777619)
"""FNV-1a of 32 bits; fastText takes bytes as signed."""
_LINE_END = np.frombuffer(b"</s>", np.uint8)


class Vocabulary(NamedTuple):
    """The words and labels of a model, and how it makes features of a line."""

    table: Int32s
    """int32[2^k]: entry by hash, open addressing; -1 where there is none."""
    hashes: UInt32s
    """uint32[entries]: words, then labels."""
    bounds: Int64s
    """int64[entries + 1]: where each stands in `spelled`."""
    spelled: Bytes
    words: int
    """How many of the entries are words."""
    bucket: int
    word_ngrams: int
    minn: int
    maxn: int
    parts: Int32s
    """Rows of the character n-grams of every word, word after word; empty if there are none."""
    part_bounds: Int64s
    """int64[words + 1]: where those of each word are."""


@inlined
def _fnv(data: Bytes, start: Int, end: Int, h: np.uint32) -> np.uint32:
    for i in range(start, end):
        h = np.uint32(np.uint32(h ^ np.uint32(np.int32(np.int8(data[i])))) * _PRIME)
    return h


@inlined
def _entry(
    data: Bytes, start: Int, end: Int, h: np.uint32, table: Int32s, hashes: UInt32s, bounds: Int64s, spelled: Bytes
) -> Int:
    """The number of the word or label `data[start:end]`; -1 if the model does not know it."""
    mask = np.int64(table.size - 1)
    at = np.int64(h) & mask
    while True:
        k = np.int64(table[at])
        if k < 0:
            break
        if hashes[k] == h:
            begin = bounds[k]
            if bounds[k + 1] - begin == end - start:
                same = True
                for j in range(end - start):
                    same &= spelled[begin + j] == data[start + j]
                if same:
                    break
        at = (at + 1) & mask
    return k


@kernel
def _character_ngrams(
    word: Bytes, size: Int, minn: Int, maxn: Int, bucket: Int, words: Int, rows: Int32s, n: Int
) -> Int:
    """Rows of the character n-grams of `<word>`, brackets and all, behind the first `n`; how many there are then."""
    for i in range(size):
        if word[i] & 0xC0 == 0x80:
            continue
        h = _BASIS
        j = i
        length = 1
        while j < size and length <= maxn:
            h = np.uint32(np.uint32(h ^ np.uint32(np.int32(np.int8(word[j])))) * _PRIME)
            j += 1
            while j < size and word[j] & 0xC0 == 0x80:
                h = np.uint32(np.uint32(h ^ np.uint32(np.int32(np.int8(word[j])))) * _PRIME)
                j += 1
            if length >= minn and not (length == 1 and (i == 0 or j == size)):
                rows[n] = words + np.int64(h) % bucket
                n += 1
            length += 1
    return n


@kernel
def _bracketed(
    data: Bytes,
    begin: Int,
    end: Int,
    minn: Int,
    maxn: Int,
    bucket: Int,
    words: Int,
    scratch: Bytes,
    rows: Int32s,
    n: Int,
) -> Int:
    size = end - begin
    scratch[0] = 0x3C
    for j in range(size):
        scratch[1 + j] = data[begin + j]
    scratch[1 + size] = 0x3E
    return _character_ngrams(scratch, size + 2, minn, maxn, bucket, words, rows, n)


@kernel
def _same(data: Bytes, start: Int, what: Bytes) -> bool:
    same = True
    for j in range(what.size):
        same &= data[start + j] == what[j]
    return same


@kernel
def _rows(
    data: Bytes,
    start: Int,
    stop: Int,
    table: Int32s,
    hashes: UInt32s,
    bounds: Int64s,
    spelled: Bytes,
    words: Int,
    bucket: Int,
    word_ngrams: Int,
    minn: Int,
    maxn: Int,
    parts: Int32s,
    part_bounds: Int64s,
    summed: bool,
    seen: Int32s,
    scratch: Bytes,
    known: Int32s,
    rows: Int32s,
) -> tuple[Int, Int, Int]:
    """The features of one line: words that the model knows to `known`, all others, n-grams, to `rows`, which have room
    for them. How many are in each, and how many character n-grams are left out, if those of known words are `summed`.
    """
    n: Int = np.int64(0)
    m = np.int64(0)
    w = np.int64(0)
    left = np.int64(0)
    i: Int = start
    ended = False
    while not ended:
        begin = i
        h = _BASIS
        while i < stop and data[i] != 0x20:
            h = np.uint32(np.uint32(h ^ np.uint32(np.int32(np.int8(data[i])))) * _PRIME)
            i += 1
        end = i
        i += 1
        if begin == end:
            if i <= stop:
                continue
            # The line's end is a word too.
            ended = True
            h = _fnv(_LINE_END, 0, _LINE_END.size, _BASIS)
            k = _entry(_LINE_END, 0, _LINE_END.size, h, table, hashes, bounds, spelled)
        else:
            k = _entry(data, begin, end, h, table, hashes, bounds, spelled)
        if k >= words:
            continue  # a label
        if k >= 0:
            known[w] = k
            w += 1
        if maxn > 0 and k >= 0:
            if summed:
                left += part_bounds[k + 1] - part_bounds[k]
            else:
                for j in range(part_bounds[k], part_bounds[k + 1]):
                    rows[n] = parts[j]
                    n += 1
        elif maxn > 0 and not ended:
            n = _bracketed(data, begin, end, minn, maxn, bucket, words, scratch, rows, n)
        seen[m] = np.int32(h)
        m += 1
    if word_ngrams > 1:
        for a in range(m):
            g = np.uint64(np.int64(seen[a]))
            for b in range(a + 1, min(m, a + word_ngrams)):
                g = np.uint64(np.uint64(g * np.uint64(116049371)) + np.uint64(np.int64(seen[b])))
                rows[n] = words + np.int64(g % np.uint64(bucket))
                n += 1
    return w, n, left


@kernel
def _add(matrix: Float32s, rows: Int32s, n: Int, total: Float32s) -> None:
    """Add the first `n` of these rows."""
    k = 0
    while k + 8 <= n:
        a, b, c, e = rows[k], rows[k + 1], rows[k + 2], rows[k + 3]
        f, g, h, i = rows[k + 4], rows[k + 5], rows[k + 6], rows[k + 7]
        for j in range(total.size):
            first = (matrix[a, j] + matrix[b, j]) + (matrix[c, j] + matrix[e, j])
            total[j] += first + ((matrix[f, j] + matrix[g, j]) + (matrix[h, j] + matrix[i, j]))
        k += 8
    while k < n:
        a = rows[k]
        for j in range(total.size):
            total[j] += matrix[a, j]
        k += 1


@kernel
def _means(
    offsets: Int64s,
    data: Bytes,
    table: Int32s,
    hashes: UInt32s,
    bounds: Int64s,
    spelled: Bytes,
    words: Int,
    bucket: Int,
    word_ngrams: Int,
    minn: Int,
    maxn: Int,
    parts: Int32s,
    part_bounds: Int64s,
    summed: bool,
    sums: Float32s,
    matrix: Float32s,
    seen: Int32s,
    scratch: Bytes,
    known: Int32s,
    rows: Int32s,
    out: Float32s,
    counts: Int64s,
) -> None:
    dim = out.shape[1]
    total = np.zeros(dim, np.float32)
    for d in range(offsets.size - 1):
        w, n, left = _rows(
            data, offsets[d], offsets[d + 1], table, hashes, bounds, spelled, words, bucket, word_ngrams, minn, maxn,
            parts, part_bounds, summed, seen, scratch, known, rows,
        )  # fmt: skip
        total[:] = np.float32(0)
        _add(sums, known, w, total)
        _add(matrix, rows, n, total)
        counts[d] = w + n + left
        if counts[d]:
            scale = np.float32(1.0 / counts[d])
            for j in range(dim):
                out[d, j] = total[j] * scale


@kernel
def _sum_words(parts: Int32s, bounds: Int64s, matrix: Float32s, out: Float32s) -> None:
    for k in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[k, j] = matrix[k, j]
        for i in range(bounds[k], bounds[k + 1]):
            for j in range(out.shape[1]):
                out[k, j] += matrix[parts[i], j]


def word_sums(vocabulary: Vocabulary, matrix: Float32s) -> Float32s:
    """float32[words, dim]: the sum of each known word's row and those of its character n-grams."""
    out = np.empty((vocabulary.words, matrix.shape[1]), np.float32)
    _sum_words(vocabulary.parts, vocabulary.part_bounds, matrix, out)
    return mapped(out.ravel()).reshape(out.shape)


def means(
    lines: TextBuffers, vocabulary: Vocabulary, matrix: Float32s, sums: Float32s | None
) -> tuple[Float32s, Int64s]:
    """(float32[lines, dim], int64[lines]): the mean of each line's rows, zeros where there is none, and how many.

    Lines are as `one_line` makes them. `matrix` is float32[rows, dim], `sums` its `word_sums`: one row in place of some
    seventeen for a word of a model with character n-grams, so three times the speed. 4 bytes a feature of the longest
    line are held.
    """
    dim = matrix.shape[1]
    n = len(lines.offsets) - 1
    longest = int(np.diff(lines.offsets).max(initial=0))
    tokens = longest // 2 + 2
    per_byte = max(0, vocabulary.maxn - vocabulary.minn + 1) if vocabulary.maxn else 0
    room = tokens * (1 + max(1, vocabulary.word_ngrams)) + (longest + 2 * tokens) * per_byte
    out, counts = np.zeros((n, dim), np.float32), np.zeros(n, np.int64)
    _means(
        lines.offsets, lines.data, vocabulary.table, vocabulary.hashes, vocabulary.bounds, vocabulary.spelled,
        vocabulary.words, vocabulary.bucket, vocabulary.word_ngrams, vocabulary.minn, vocabulary.maxn,
        vocabulary.parts, vocabulary.part_bounds, sums is not None, matrix if sums is None else sums, matrix,
        np.empty(tokens, np.int32), np.empty(longest + 8, np.uint8), np.empty(tokens, np.int32),
        np.empty(room, np.int32), out, counts,
    )  # fmt: skip
    return out, counts


@kernel
def _fill_table(hashes: UInt32s, table: Int32s) -> None:
    mask = np.int64(table.size - 1)
    for k in range(hashes.size):
        at = np.int64(hashes[k]) & mask
        while table[at] >= 0:
            at = (at + 1) & mask
        table[at] = k


@kernel
def _hash_all(bounds: Int64s, spelled: Bytes, out: UInt32s) -> None:
    for k in range(out.size):
        out[k] = _fnv(spelled, bounds[k], bounds[k + 1], _BASIS)


def vocabulary(
    bounds: Int64s, spelled: Bytes, *, words: int, bucket: int, word_ngrams: int, minn: int, maxn: int
) -> Vocabulary:
    """With a table to find entries by; of equal entries the first is found."""
    hashes = np.empty(len(bounds) - 1, np.uint32)
    _hash_all(bounds, spelled, hashes)
    table = np.full(1 << max(4, (2 * len(hashes) - 1).bit_length()), -1, np.int32)
    _fill_table(hashes, table)
    parts, part_bounds = np.empty(0, np.int32), np.zeros(words + 1, np.int64)
    if maxn > 0:
        lengths = np.diff(bounds[: words + 1])
        room = np.empty(int(lengths.max(initial=0)) + 2, np.uint8)
        rows = np.empty((len(room) + 2) * (maxn - minn + 2), np.int32)
        total = _all_parts(bounds, spelled, words, minn, maxn, bucket, room, rows, part_bounds, parts)
        parts = np.empty(total, np.int32)
        _all_parts(bounds, spelled, words, minn, maxn, bucket, room, rows, part_bounds, parts)
    return Vocabulary(table, hashes, bounds, spelled, words, bucket, word_ngrams, minn, maxn, parts, part_bounds)


@kernel
def _all_parts(
    bounds: Int64s,
    spelled: Bytes,
    words: Int,
    minn: Int,
    maxn: Int,
    bucket: Int,
    room: Bytes,
    rows: Int32s,
    part_bounds: Int64s,
    parts: Int32s,
) -> Int:
    """Character n-grams of all words, written if there is room; how many there are."""
    total = np.int64(0)
    for k in range(words):
        part_bounds[k] = total
        n: Int = np.int64(0)
        start, end = bounds[k], bounds[k + 1]
        if not (end - start == _LINE_END.size and _same(spelled, start, _LINE_END)):
            n = _bracketed(spelled, start, end, minn, maxn, bucket, words, room, rows, n)
        if parts.size:
            parts[total : total + n] = rows[:n]
        total += n
    part_bounds[words] = total
    return total


@kernel
def _entries(raw: Bytes, n: Int, bounds: Int64s, spelled: Bytes, counts: Int64s, is_label: Bytes) -> Int:
    """Read `n` entries: spelling, NUL, int64 count, int8 kind. Where they end; -1 if the file ends before."""
    i = np.int64(0)
    at = np.int64(0)
    bounds[0] = 0
    for k in range(n):
        while i < raw.size and raw[i]:
            spelled[at] = raw[i]
            at += 1
            i += 1
        if i + 10 > raw.size:
            return np.int64(-1)
        count = np.uint64(0)
        for j in range(8):
            count |= np.uint64(raw[i + 1 + j]) << np.uint64(8 * j)
        counts[k] = np.int64(count)
        is_label[k] = raw[i + 9]
        bounds[k + 1] = at
        i += 10
    return i


def entries(raw: Bytes, n: int) -> tuple[Int64s, Bytes, Int64s, Bytes, int]:
    """(bounds, spelled, counts, kinds, bytes read) of the first `n` entries of a dictionary as it lies in a file.

    Raises ValueError if the file ends before they do.
    """
    bounds, counts, kinds = np.empty(n + 1, np.int64), np.empty(n, np.int64), np.empty(n, np.uint8)
    spelled = np.empty(raw.size, np.uint8)
    end = int(_entries(raw, n, bounds, spelled, counts, kinds))
    if end < 0:
        raise ValueError("the file ends in its dictionary")
    return bounds, spelled[: bounds[-1]].copy(), counts, kinds, end


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    raw = np.frombuffer(b"One.\0" + bytes(9) + b"__label__a\0" + bytes(8) + b"\1", np.uint8)
    bounds, spelled, _, _, _ = entries(raw, 2)
    known = vocabulary(bounds, spelled, words=1, bucket=1, word_ngrams=2, minn=1, maxn=2)
    matrix = mapped(np.zeros(4, np.float32)).reshape(2, 2)
    means(text, known, matrix, word_sums(known, matrix))


def mapped(matrix: Float32s) -> Float32s:
    """The type of array that kernels are compiled for: as one mapped from a file, which may lie anywhere in it."""
    raw = np.zeros(matrix.nbytes + 1, np.uint8)
    raw[1:] = matrix.view(np.uint8)
    raw.flags.writeable = False
    return raw[1:].view(np.float32)
