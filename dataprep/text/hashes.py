"""64-bit hashes: of a span's bytes, of a number, and xxh64 of a whole document."""

from __future__ import annotations

import numpy as np

from dataprep.text.blocks import load32, load64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers, UInt64s, read_only

_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
"""2^64 / golden ratio."""
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
"""Finaliser of SplitMix64: Stafford, "Better bit mixing", variant 13."""

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)
"""Primes of XXH64: xxHash specification 0.1.1, "XXH64 algorithm description"."""


@inlined
def mix64(x: np.uint64) -> np.uint64:
    """A bijection of 64 bits in which every input bit moves every output bit: for places, ids, counters."""
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


@kernel
def _mixed(values: Int64s, out: UInt64s) -> None:
    for k in range(values.size):
        out[k] = mix64(np.uint64(values[k]))


def mixed(values: Int64s) -> UInt64s:
    """uint64[n]: `mix64` of each, an order that has nothing to do with theirs."""
    out = np.empty(len(values), np.uint64)
    _mixed(read_only(np.ascontiguousarray(values)), out)
    return out


@inlined
def tail64(data: Bytes, i: Int, n: Int) -> np.uint64:
    """`data[i : i + n]`, n < 8, as one little-endian number. Loads 8 bytes where the buffer has them."""
    if i + 8 <= data.size:
        return load64(data, i) & ((np.uint64(1) << np.uint64(8 * n)) - np.uint64(1))
    x = np.uint64(0)
    for j in range(n):
        x |= np.uint64(data[i + j]) << np.uint64(8 * j)
    return x


@inlined
def same_bytes(data: Bytes, i: Int, other: Bytes, j: Int, size: Int) -> bool:
    """Whether `data[i : i + size]` is `other[j : j + size]`, which equal hashes only make likely."""
    k = 0
    same = True
    while same and k + 8 <= size:
        same = load64(data, i + k) == load64(other, j + k)
        k += 8
    return bool(same and (k == size or tail64(data, i + k, size - k) == tail64(other, j + k, size - k)))


@inlined
def hash_bytes(data: Bytes, start: Int, end: Int) -> np.uint64:
    """Hash of `data[start:end]`: the `hash` of every span.

    Different spans of one length up to 8 bytes never collide. Every bit is usable as a table index.
    """
    h = np.uint64(end - start) * _MULTIPLY
    i = start
    while i + 8 <= end:
        h = (h ^ load64(data, i)) * _MULTIPLY
        h ^= h >> np.uint64(32)
        i += 8
    if i < end:
        h ^= tail64(data, i, end - i)
    return mix64(h)


@kernel
def _hash_spans(start: Int32s, end: Int32s, data: Bytes, out: UInt64s) -> None:
    for k in range(start.size):
        out[k] = hash_bytes(data, np.int64(start[k]), np.int64(end[k]))


def hash_spans(start: Int32s, end: Int32s, data: Bytes) -> UInt64s:
    """uint64[spans]: `hash_bytes` of each."""
    out = np.empty(len(start), np.uint64)
    _hash_spans(start, end, data, out)
    return out


@inlined
def _rotate(x: np.uint64, n: int) -> np.uint64:
    return (x << np.uint64(n)) | (x >> np.uint64(64 - n))


@inlined
def _round(lane: np.uint64, x: np.uint64) -> np.uint64:
    return _rotate(lane + x * _P2, 31) * _P1


@kernel
def xxh64_bytes(data: Bytes, start: Int, end: Int, seed: np.uint64) -> np.uint64:
    """XXH64 of `data[start:end]`."""
    i = start
    if end - start >= 32:
        a = seed + _P1 + _P2
        b = seed + _P2
        c = seed
        d = seed - _P1
        while i + 32 <= end:
            a = _round(a, load64(data, i))
            b = _round(b, load64(data, i + 8))
            c = _round(c, load64(data, i + 16))
            d = _round(d, load64(data, i + 24))
            i += 32
        h = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
        for lane in (a, b, c, d):
            h = (h ^ _round(np.uint64(0), lane)) * _P1 + _P4
    else:
        h = seed + _P5
    h += np.uint64(end - start)
    while i + 8 <= end:
        h = _rotate(h ^ _round(np.uint64(0), load64(data, i)), 27) * _P1 + _P4
        i += 8
    if i + 4 <= end:
        h = _rotate(h ^ (load32(data, i) * _P1), 23) * _P2 + _P3
        i += 4
    while i < end:
        h = _rotate(h ^ (np.uint64(data[i]) * _P5), 11) * _P1
        i += 1
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    return h ^ (h >> np.uint64(32))


@kernel
def _xxh64(offsets: Int64s, data: Bytes, seed: np.uint64, out: UInt64s) -> None:
    for d in range(offsets.size - 1):
        out[d] = xxh64_bytes(data, offsets[d], offsets[d + 1], seed)


def xxh64(text: TextBuffers, seed: int = 0) -> UInt64s:
    """uint64[documents]: XXH64 of each document's bytes, as the `xxhash` package gives it. Several GB/s."""
    out = np.empty(len(text.offsets) - 1, np.uint64)
    _xxh64(text.offsets, text.data, np.uint64(seed), out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    xxh64(text)
    mixed(np.zeros(1, np.int64))
    hash_spans(np.zeros(1, np.int32), np.ones(1, np.int32), text.data)
