"""Rows of words in order, more of them than memory holds: sorted runs on disk, merged.

A row is uint32[words + payload]: the words, most significant first, then what belongs to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dataprep.text.kernel import kernel
from dataprep.text.spans import Int, Int64s, UInt32s

_DIGIT = 11
"""Most bits sorted by at a time: the next row of each of 2^11 groups stays in the cache."""
_LEAST_ROWS = 1 << 12
"""Fewest rows that any buffer holds, whatever the bound."""


@kernel
def _one_digit(rows: UInt32s, column: Int, shift: Int, bits: Int, starts: Int64s, out: UInt32s) -> bool:
    """Order rows by one digit, equal ones as they were. False: all are equal and `out` is left as it is."""
    mask = (1 << bits) - 1
    starts[:] = 0
    n, size = rows.shape
    for i in range(n):
        starts[(np.int64(rows[i, column]) >> shift) & mask] += 1
    at = np.int64(0)
    for k in range(1 << bits):
        held = starts[k]
        if held == n:
            return False
        starts[k] = at
        at += held
    for i in range(n):
        group = (np.int64(rows[i, column]) >> shift) & mask
        to = starts[group]
        starts[group] = to + 1
        for j in range(size):
            out[to, j] = rows[i, j]
    return True


def in_order(rows: UInt32s, words: int, bits: int) -> UInt32s:
    """The rows sorted by their first `words` columns, numbers of `bits` bits: in `rows` itself or another array."""
    digits = -(-bits // _DIGIT)
    width = -(-bits // digits)
    starts = np.empty(1 << width, np.int64)
    other = np.empty_like(rows)
    for column in reversed(range(words)):
        for digit in range(digits):
            if _one_digit(rows, column, digit * width, width, starts, other):
                rows, other = other, rows
    return rows


@kernel
def _sum_equal(rows: UInt32s, words: Int) -> Int:
    """Make one row of neighbours with equal words, their counts (two columns, low first) added; how many are left."""
    n = np.int64(0)
    for i in range(rows.shape[0]):
        same = n > 0
        for j in range(words):
            if not same:
                break
            same = rows[n - 1, j] == rows[i, j]
        if same:
            count = np.uint64(rows[n - 1, words]) + (np.uint64(rows[n - 1, words + 1]) << np.uint64(32))
            count += np.uint64(rows[i, words]) + (np.uint64(rows[i, words + 1]) << np.uint64(32))
            rows[n - 1, words] = count & np.uint64(0xFFFFFFFF)
            rows[n - 1, words + 1] = count >> np.uint64(32)
        else:
            for j in range(rows.shape[1]):
                rows[n, j] = rows[i, j]
            n += 1
    return n


@kernel
def _not_after(rows: UInt32s, bound: UInt32s, words: Int) -> Int:
    """How many rows, which are in order, do not come after `bound`."""
    low = np.int64(0)
    high = np.int64(rows.shape[0])
    while low < high:
        middle = (low + high) >> 1
        after = False
        for j in range(words):
            if rows[middle, j] != bound[j]:
                after = rows[middle, j] > bound[j]
                break
        if after:
            high = middle
        else:
            low = middle + 1
    return low


class Sorter:
    """Takes rows in any order and gives them sorted, holding `room` bytes at most."""

    def __init__(self, folder: Path, name: str, words: int, payload: int, bits: int, room: int, *, add: bool) -> None:
        self.words, self.size, self.bits = words, words + payload, bits
        self._capacity = max(_LEAST_ROWS, room // (2 * 4 * self.size))  # sorting needs as much again
        self._base = folder / name
        self._add = add
        """Rows of equal words become one, their counts added."""
        self._rows = np.empty((self._capacity, self.size), np.uint32)
        self._used = 0
        self._runs: list[Path] = []

    def put(self, rows: UInt32s) -> None:
        at = 0
        while at < len(rows):
            n = min(len(rows) - at, self._capacity - self._used)
            self._rows[self._used : self._used + n] = rows[at : at + n]
            self._used += n
            at += n
            if self._used == self._capacity:
                self._spill()

    def _spill(self, last: bool = False) -> None:
        rows = in_order(self._rows[: self._used], self.words, self.bits)
        if self._add:
            rows = rows[: _sum_equal(rows, self.words)]
            if not last and len(rows) <= self._capacity // 2:
                self._rows[: len(rows)] = rows
                self._used = len(rows)
                return
        path = Path(f"{self._base}.{len(self._runs)}")
        rows.tofile(path)
        self._runs.append(path)
        self._used = 0

    def seal(self) -> None:
        """Nothing more comes: what is in memory goes to disk."""
        if self._used:
            self._spill(last=True)
        self._rows = np.empty((0, self.size), np.uint32)

    def merged(self, room: int) -> Iterator[UInt32s]:
        """All rows in order, in pieces, once: the runs go as they end. Holds `room` bytes at most."""
        rows = max(_LEAST_ROWS, room // (4 * 4 * self.size))
        if len(self._runs) == 1:
            yield from read(self._runs[0], self.size, rows)
        elif self._runs:
            yield from self._merge(max(1, rows // len(self._runs)))
        for run in self._runs:
            run.unlink()
        self._runs = []

    def _merge(self, each: int) -> Iterator[UInt32s]:
        """Rounds: of every run what does not come after the earliest end of what was read of one that goes on."""
        files: list[BinaryIO] = [run.open("rb") for run in self._runs]
        try:
            held = [_more(file, self.size, each) for file in files]
            open_ = [len(rows) == each for rows in held]
            while any(len(rows) for rows in held):
                ends = [tuple(rows[-1, : self.words].tolist()) for rows, more in zip(held, open_, strict=True) if more]
                parts = held
                if ends:
                    bound = np.array(min(ends), np.uint32)
                    cuts = [_not_after(rows, bound, self.words) for rows in held]
                    parts = [rows[:cut] for rows, cut in zip(held, cuts, strict=True)]
                    held = [rows[cut:] for rows, cut in zip(held, cuts, strict=True)]
                else:
                    held = [rows[:0] for rows in held]
                together = in_order(np.concatenate(parts), self.words, self.bits)
                yield together[: _sum_equal(together, self.words)] if self._add else together
                for n, file in enumerate(files):
                    if open_[n] and not len(held[n]):
                        held[n] = _more(file, self.size, each)
                        open_[n] = len(held[n]) == each
        finally:
            for file in files:
                file.close()


def _more(file: BinaryIO, size: int, rows: int) -> UInt32s:
    return np.fromfile(file, np.uint32, rows * size).reshape(-1, size)


def read(path: Path, size: int, rows: int) -> Iterator[UInt32s]:
    """A file of rows, in pieces of at most `rows`."""
    with path.open("rb") as file:
        while len(held := _more(file, size, rows)):
            yield held
