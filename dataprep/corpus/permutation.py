"""A keyed permutation of range(n), computed and not stored: an element of a shuffle of 10^12 costs what one of 10 does.

A Feistel network permutes the 2^bits numbers of which n is more than half; a number that falls outside range(n) is sent
through again until it comes out inside ("cycle walking": Black and Rogaway, "Ciphers with arbitrary finite domains",
2002), fewer than two rounds of it on average.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from dataprep.corpus.shard import Int64s

UInt64s = npt.NDArray[np.uint64]

MAX_N: Final = 1 << 62
_ROUNDS: Final = 6
"""Four make a Feistel network of random functions a strong pseudo-random permutation (Luby and Rackoff, 1988); two more
are for halves of a few bits."""
_MIN_BITS: Final = 6
"""With halves of two bits some arrangements of a few items were half as frequent again as others."""
_GOLDEN: Final = 0x9E3779B97F4A7C15
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
"""Finaliser of SplitMix64: Stafford, "Better bit mixing", variant 13."""


def key(*parts: object) -> int:
    """64 bits that depend on every part: `key(seed, "windows", "wiki", 3)`."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Permutation:
    """The permutation of range(n) that belongs to a key: the same on every machine."""

    def __init__(self, n: int, key: int) -> None:
        assert 0 < n <= MAX_N
        self.n = n
        bits = max(_MIN_BITS, (n - 1).bit_length())
        self._whole = n == 1 << bits
        self._low = np.uint64(bits // 2)
        self._high = np.uint64(bits - bits // 2)
        self._keys = [np.uint64((key + (i + 1) * _GOLDEN) % (1 << 64)) for i in range(_ROUNDS)]

    def __call__(self, positions: Int64s) -> Int64s:
        """int64[m]: where each of `positions` (int64[m], in range(n)) goes."""
        return self._walk(positions, inverse=False)

    def inverse(self, images: Int64s) -> Int64s:
        """int64[m]: what goes to each of `images`."""
        return self._walk(images, inverse=True)

    def _walk(self, values: Int64s, *, inverse: bool) -> Int64s:
        step = self._backward if inverse else self._forward
        x = step(np.asarray(values, np.int64).view(np.uint64))
        if not self._whole:
            n = np.uint64(self.n)
            outside = np.flatnonzero(x >= n)
            while outside.size:
                again = step(x[outside])
                x[outside] = again
                outside = outside[again >= n]
        return x.view(np.int64)

    def _forward(self, x: UInt64s) -> UInt64s:
        # Halves of `high` and `low` bits; each round changes one by a function of the other, and they trade places.
        wide, narrow = self._high, self._low
        left, right = x >> narrow, x & _ones(narrow)
        for i in range(0, _ROUNDS, 2):
            left ^= _function(right, self._keys[i], wide)
            right ^= _function(left, self._keys[i + 1], narrow)
        return np.asarray((left << narrow) | right)

    def _backward(self, x: UInt64s) -> UInt64s:
        wide, narrow = self._high, self._low
        left, right = x >> narrow, x & _ones(narrow)
        for i in range(_ROUNDS - 2, -1, -2):
            right ^= _function(left, self._keys[i + 1], narrow)
            left ^= _function(right, self._keys[i], wide)
        return np.asarray((left << narrow) | right)


def _ones(bits: np.uint64) -> np.uint64:
    return np.uint64((1 << int(bits)) - 1)


def _function(half: UInt64s, key: np.uint64, bits: np.uint64) -> UInt64s:
    """`bits` bits that depend on a half and a key. Multiplication wraps around, as it should."""
    x = half + key
    x ^= x >> np.uint64(30)
    x *= _MIX_1
    x ^= x >> np.uint64(27)
    x *= _MIX_2
    return np.asarray(x >> (np.uint64(64) - bits))
