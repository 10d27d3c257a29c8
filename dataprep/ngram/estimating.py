"""Modified Kneser-Ney, interpolated, as lmplz estimates it, under a bound of memory.

What each step does, and in which precision, follows Heafield et al. 2013, section 3, so that every number equals
lmplz's. Steps hand rows on through sorted files: counts in suffix order, each order's adjusted counts in context order
(by the words before the last), its probabilities before interpolation in suffix order again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from dataprep.ngram.adjusting import BEGIN, END, Adjusted, Float32s, adjust, count, discounts
from dataprep.ngram.sorting import Sorter, read
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int64s, UInt32s

_TOKENS = 1 << 18
"""Tokens of text read at a time."""
_ROWS = 1 << 16
"""Rows joined at a time."""
_MARK = np.uint32(0x80000000)


class Estimated(NamedTuple):
    counts: list[int]
    """n-grams of each order in the model."""
    all_counts: list[int]
    """The same before pruning."""
    discounts: Float32s
    """float32[order, 4]."""
    fallen_back: list[int]
    """Orders whose discounts could not be estimated."""


def estimate(
    ids: Path,
    words: tuple[Bytes, Int64s],
    order: int,
    prune: tuple[int, ...],
    fallback: tuple[float, ...] | None,
    folder: Path,
    room: int,
    out: BinaryIO,
) -> Estimated:
    """Write the model of a file of word numbers (uint32, `</s>` after each sentence) to `out` as ARPA.

    `words` are the bytes of the vocabulary and where each word's begin. Temporary files go to `folder`; `room` bytes
    are held at most. Raises InputError if discounts can't be estimated.
    """
    vocabulary = len(words[1]) - 1
    bits = max(1, (vocabulary - 1).bit_length())
    thresholds = np.array([*prune, *[prune[-1]] * order][:order], np.int64)
    adjusted, sorters = _counted(ids, order, thresholds, vocabulary, bits, folder, room)
    found, fell = discounts(adjusted.stats, fallback)
    kept = adjusted.stats[:, 6].tolist()
    ready: list[Sorter] = []
    for k in range(2, order + 1):
        grams = Sorter(folder, f"suffix{k}", k, 2, bits, int(room * 0.75), add=False)
        _initial(sorters[k - 2].merged(room // 8), k, found[k - 1], grams, _contexts(folder, k - 1))
        grams.seal()
        ready.append(grams)
    head = "\\data\\\n" + "".join(f"ngram {k + 1}={n}\n" for k, n in enumerate(kept))
    out.write(head.encode())
    _unigrams(adjusted, found[0], kept[0], folder, words, out)
    for k in range(2, order + 1):
        _interpolate(ready[k - 2].merged(room // 4), k, order, folder, words, out)
    out.write(b"\n\\end\\\n")
    return Estimated(kept, adjusted.stats[:, 5].tolist(), found, fell)


def _counted(
    ids: Path, order: int, prune: Int64s, vocabulary: int, bits: int, folder: Path, room: int
) -> tuple[Adjusted, list[Sorter]]:
    """Adjusted counts: unigrams', and of each longer order a sealed sorter of n-grams in context order."""
    full = Sorter(folder, "full", order, 2, bits, int(room * 0.75), add=True)
    history = np.full(max(1, order - 1), BEGIN, np.uint32)
    rows = np.empty((_TOKENS, order + 2), np.uint32)
    for part in read(ids, 1, _TOKENS):
        count(part[:, 0], history, order, rows)
        full.put(rows[: len(part)])
    full.seal()
    del rows
    each = int(room * 0.75) // order
    sorters = [Sorter(folder, f"context{k}", k, 2, bits, each, add=False) for k in range(2, order + 1)]
    adjusted = adjust(full.merged(room // 8), order, prune, vocabulary, sorters)
    for sorter in sorters:
        sorter.seal()
    return adjusted, sorters


def _contexts(folder: Path, words: int) -> Path:
    """Back-off weights of the n-grams of so many words, in suffix order."""
    return folder / f"backoff{words}"


def _finished(folder: Path, words: int) -> Path:
    """Interpolated probabilities of the n-grams of so many words, in suffix order."""
    return folder / f"lower{words}"


# ---------------------------------------------------------------- probabilities before interpolation


@kernel
def _groups(
    rows: UInt32s, words: Int, discount: Float32s, last: bool, grams: UInt32s, gram_floats: Float32s,
    backoffs: UInt32s, backoff_floats: Float32s, sizes: Int64s,
) -> None:  # fmt: skip
    """Of n-grams in context order those of every context that is complete; sizes: rows used, n-grams, contexts."""
    begin = np.int64(0)
    made = np.int64(0)
    contexts = np.int64(0)
    total = rows.shape[0]
    while begin < total:
        end = begin
        denominator = np.uint64(0)
        pruned = np.uint64(0)
        one = np.int64(0)
        two = np.int64(0)
        more = np.int64(0)
        while end < total:
            same = True
            for j in range(words - 1):
                same = same and rows[end, j] == rows[begin, j]
            if not same:
                break
            high = rows[end, words + 1]
            value = np.uint64(rows[end, words]) | np.uint64(high & np.uint32(0x7FFFFFFF)) << np.uint64(32)
            denominator += value
            if high & _MARK:
                pruned += value
            elif value == 1:
                one += 1
            elif value == 2:
                two += 1
            elif value > 2:
                more += 1
            end += 1
        if end == total and not last:
            break
        below = np.float32(denominator)
        gamma = np.float32(0)
        gamma = np.float32(gamma + np.float32(discount[1] * np.float32(one)))
        gamma = np.float32(gamma + np.float32(discount[2] * np.float32(two)))
        gamma = np.float32(gamma + np.float32(discount[3] * np.float32(more)))
        gamma = np.float32(gamma + np.float32(pruned))
        gamma = np.float32(gamma / below)
        for j in range(words - 1):
            backoffs[contexts, j] = rows[begin, j]
        backoff_floats[contexts, words - 1] = gamma
        contexts += 1
        for i in range(begin, end):
            high = rows[i, words + 1]
            if high & _MARK:
                continue
            value = np.uint64(rows[i, words]) | np.uint64(high) << np.uint64(32)
            grams[made, 0] = rows[i, words - 1]
            for j in range(words - 1):
                grams[made, j + 1] = rows[i, j]
            taken = discount[min(np.int64(value), np.int64(3))]
            gram_floats[made, words] = np.float32(np.float32(np.float32(value) - taken) / below)
            gram_floats[made, words + 1] = gamma
            made += 1
        begin = end
    sizes[0] = begin
    sizes[1] = made
    sizes[2] = contexts


def _initial(rows: Iterator[UInt32s], words: int, discount: Float32s, grams: Sorter, backoffs: Path) -> None:
    """Each n-gram's discounted share of its context and the weight of what lies below; a context's weight is its
    back-off. A context has at most as many rows as there are words: the last one waits for the next piece."""
    held = np.empty((0, words + 2), np.uint32)
    sizes = np.zeros(3, np.int64)
    with backoffs.open("wb") as file:
        for piece in _and_end(rows):
            last = piece is None
            held = held if piece is None else np.concatenate([held, piece])
            out = np.empty((len(held), words + 2), np.uint32)
            weights = np.empty((len(held), words), np.uint32)
            floats = (out.view(np.float32), weights.view(np.float32))
            _groups(held, words, discount, last, out, floats[0], weights, floats[1], sizes)
            grams.put(out[: sizes[1]])
            weights[: sizes[2]].tofile(file)
            held = held[sizes[0] :]


def _and_end(rows: Iterator[UInt32s]) -> Iterator[UInt32s | None]:
    yield from rows
    yield None


# ---------------------------------------------------------------- interpolation


def _unigrams(
    adjusted: Adjusted, discount: Float32s, types: int, folder: Path, words: tuple[Bytes, Int64s], out: BinaryIO
) -> None:
    """Unigrams are interpolated with the uniform distribution; `<unk>` has nothing but that."""
    counts = adjusted.unigrams
    below = np.float32(counts.sum())
    gamma = np.float32(0)
    for j in (1, 2, 3):
        held = np.count_nonzero(counts == j) if j < 3 else np.count_nonzero(counts > 2)
        gamma = np.float32(gamma + np.float32(discount[j] * np.float32(held)))
    gamma = np.float32(gamma / below)
    uniform = np.float32(1.0 / np.float32(types - 1))  # <s> is never predicted
    taken = discount[np.minimum(counts, 3).astype(np.int64)]
    own = ((counts.astype(np.float32) - taken) / below).astype(np.float32)
    own[0] = 0
    p = (own + np.float32(gamma * uniform)).astype(np.float32)
    p[BEGIN] = 1  # as a context only
    numbers = np.arange(len(counts), dtype=np.uint32)
    backoff = np.ones(len(counts), np.float32)
    for rows in read(_contexts(folder, 1), 2, _ROWS):
        backoff[rows[:, 0]] = rows[:, 1].view(np.float32)
    backoff[[0, END]] = 1
    lower = np.stack([numbers, p.view(np.uint32)], axis=1)
    lower.tofile(_finished(folder, 1))
    out.write(b"\n\\1-grams:\n")
    for at in range(0, len(numbers), _ROWS):
        part = slice(at, at + _ROWS)
        out.write(_lines(numbers[part, None], p[part], backoff[part], words).data)


@kernel
def _join(
    grams: UInt32s, gram_floats: Float32s, lower: UInt32s, lower_floats: Float32s, backoffs: UInt32s,
    backoff_floats: Float32s, words: Int, at: Int64s, ends: Int64s, over: Int64s, p: Float32s, weight: Float32s,
) -> Int:  # fmt: skip
    """Interpolate n-grams in suffix order, from `at[0]` on, until a piece of an input is used up: which, 3 if none.

    `at` and `ends` are places in the three pieces, `over` says which input has no more pieces. `p` and `weight` get a
    value for each row of `grams`. A word's context is looked up among `backoffs`; without one its back-off is 1.
    """
    while at[0] < ends[0]:
        i = at[0]
        while at[1] < ends[1]:
            later = False
            for j in range(words - 1):
                if lower[at[1], j] != grams[i, j]:
                    later = lower[at[1], j] < grams[i, j]
                    break
            if not later:
                break
            at[1] += 1
        if at[1] == ends[1]:
            return 1
        found = False
        while at[2] < ends[2]:
            later = False
            found = True
            for j in range(words):
                if backoffs[at[2], j] != grams[i, j]:
                    later = backoffs[at[2], j] < grams[i, j]
                    found = False
                    break
            if not later:
                break
            at[2] += 1
        if at[2] == ends[2] and not over[2]:
            return 2
        p[i] = np.float32(
            gram_floats[i, words] + np.float32(gram_floats[i, words + 1] * lower_floats[at[1], words - 1])
        )
        weight[i] = backoff_floats[at[2], words] if found else np.float32(1)
        at[0] = i + 1
    return 0


def _interpolate(
    grams: Iterator[UInt32s], words: int, order: int, folder: Path, vocabulary: tuple[Bytes, Int64s], out: BinaryIO
) -> None:
    """Join the n-grams of one order with the probabilities of those one word shorter and with their own back-offs."""
    contexts = read(_contexts(folder, words), words + 1, _ROWS) if words < order else iter(())
    inputs = [grams, read(_finished(folder, words - 1), words, _ROWS), contexts]
    sizes = (words + 2, words, words + 1)
    held = [np.empty((0, size), np.uint32) for size in sizes]
    at, ends, over = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    p = weight = np.empty(0, np.float32)
    out.write(f"\n\\{words}-grams:\n".encode())
    with _finished(folder, words).open("wb") as file:
        need = 0
        while True:
            if need == 0 and len(held[0]):
                if words < order:
                    rows = np.empty((len(p), words + 1), np.uint32)
                    rows[:, :words] = held[0][:, :words]
                    rows[:, words] = p.view(np.uint32)
                    rows.tofile(file)
                for n in range(0, len(p), _ROWS):
                    part = slice(n, n + _ROWS)
                    lines = _lines(held[0][part, :words], p[part], weight[part] if words < order else None, vocabulary)
                    out.write(lines.data)
            piece = next(inputs[need], None)
            if piece is None:
                if need == 0:
                    break
                assert need == 2, "an n-gram without the one that it ends with"
                over[need] = 1
            else:
                held[need], at[need], ends[need] = np.ascontiguousarray(piece), 0, len(piece)
                if need == 0:
                    p, weight = np.empty(len(piece), np.float32), np.empty(len(piece), np.float32)
            floats = [rows.view(np.float32) for rows in held]
            need = int(
                _join(held[0], floats[0], held[1], floats[1], held[2], floats[2], words, at, ends, over, p, weight)
            )
    _finished(folder, words - 1).unlink()
    if words < order:
        _contexts(folder, words).unlink()


# ---------------------------------------------------------------- ARPA


@kernel
def _decimal(value: np.float32, out: Bytes, n: Int) -> Int:
    """Write a number from -99, which stands for less too, to 0 with up to seven decimals; where the next byte goes."""
    scaled = np.int64(np.round(min(max(-np.float64(value), 0.0), 99.0) * 1e7))
    if scaled > 0:
        out[n] = 0x2D
        n += 1
    whole = scaled // 10_000_000
    rest = scaled - whole * 10_000_000
    if whole > 9:
        out[n] = 0x30 + whole // 10
        n += 1
    out[n] = 0x30 + whole % 10
    n += 1
    if rest:
        out[n] = 0x2E
        n += 1
        divisor = np.int64(1_000_000)
        while rest:
            digit = rest // divisor
            out[n] = 0x30 + digit
            n += 1
            rest -= digit * divisor
            divisor //= 10
    return n


@kernel
def _write_lines(
    rows: UInt32s, p: Float32s, backoff: Float32s, longest: bool, letters: Bytes, starts: Int64s, out: Bytes
) -> Int:
    n: Int = np.int64(0)
    for i in range(rows.shape[0]):
        n = _decimal(p[i], out, n)
        for j in range(rows.shape[1] - 1, -1, -1):
            out[n] = 0x09 if j == rows.shape[1] - 1 else 0x20
            n += 1
            for b in range(starts[rows[i, j]], starts[np.int64(rows[i, j]) + 1]):
                out[n] = letters[b]
                n += 1
        if not longest:
            out[n] = 0x09
            n = _decimal(backoff[i], out, n + 1)
        out[n] = 0x0A
        n += 1
    return n


def _lines(rows: UInt32s, p: Float32s, backoff: Float32s | None, words: tuple[Bytes, Int64s]) -> Bytes:
    """Lines of an ARPA file: log10 of the probability, the words, log10 of the back-off."""
    letters, starts = words
    size = int(np.diff(starts)[rows].sum()) + len(rows) * (rows.shape[1] + 30)
    out = np.empty(size, np.uint8)
    log = np.minimum(np.log10(p), np.float32(0))
    weight = log if backoff is None else np.log10(backoff)
    rows = np.ascontiguousarray(rows)
    return out[: _write_lines(rows, log, weight, backoff is None, letters, starts, out)]
