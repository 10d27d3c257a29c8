"""MinHash signatures of word 5-grams, bit for bit those of `datasketch.MinHash`, scheme `affine32`.

A signature holds for each of n random permutations of the 32-bit numbers the smallest image of the document's
shingles. Two documents agree at a position with the probability of their Jaccard similarity: |A & B| / |A | B| of
their shingle sets (Broder 1997, "On the resemblance and containment of documents"). Permutation i of a shingle's hash
h is `a[i] * fmix32(h) + b[i]` modulo 2^32, where fmix32 is the finaliser of MurmurHash3 and h the low half of our
64-bit hash; `a` and `b` come from numpy's RandomState, as in datasketch 2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.text.hashes import mix64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Int, Int64s, TextBuffers, UInt64s

UInt32s = npt.NDArray[np.uint32]

NGRAM = 5
"""Words of a shingle."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_BLOCK = 1024
"""Shingles hashed at a time: they stay in the fastest cache."""
_LARGEST = np.uint32(0xFFFFFFFF)


class Permutations(NamedTuple):
    """What `datasketch.MinHash(num_perm, seed).permutations` holds."""

    a: UInt32s
    b: UInt32s


def permutations(count: int, seed: int = 1) -> Permutations:
    """`count` permutations of the 32-bit numbers."""
    numbers = np.random.RandomState(seed)
    a = numbers.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return Permutations(a, numbers.randint(0, 1 << 32, count, dtype=np.uint32))


@inlined
def _shingle(hashes: UInt64s, k: Int, n: Int) -> np.uint64:
    """Hash of the n words from k on."""
    h = np.uint64(n)
    for j in range(n):
        h = h * _SPREAD + hashes[k + j]
    return mix64(h)


@inlined
def _fmix32(h: np.uint64) -> np.uint32:
    x = np.uint32(h)
    x = np.uint32((x ^ np.uint32(x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    x = np.uint32((x ^ np.uint32(x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(x ^ np.uint32(x >> np.uint32(16)))


@kernel
def _shingles(hashes: UInt64s, first: Int64s, out: UInt64s, offsets: Int64s) -> None:
    n = np.int64(0)
    for d in range(first.size - 1):
        offsets[d] = n
        words = first[d + 1] - first[d]
        if words >= NGRAM:
            for k in range(words - NGRAM + 1):
                out[n + k] = _shingle(hashes, first[d] + k, NGRAM)
            n += words - NGRAM + 1
        elif words > 0:
            out[n] = _shingle(hashes, first[d], words)
            n += 1
    offsets[first.size - 1] = n


def shingles(hashes: UInt64s, first: Int64s) -> tuple[UInt64s, Int64s]:
    """(uint64[shingles], int64[documents + 1]): the shingles of each document, repeats and order kept.

    `hashes` is one of each word, `first` where each document's words begin. A document of fewer than five words has
    one shingle, one without words none.
    """
    out = np.empty(len(hashes), np.uint64)
    offsets = np.empty(len(first), np.int64)
    _shingles(hashes, first, out, offsets)
    return out[: offsets[-1]], offsets


@kernel
def _fill(hashes: UInt64s, first: Int, n: Int, block: UInt32s) -> None:
    """Mixed shingles of n 5-grams from word `first` on. A call of its own: within other loops LLVM leaves it scalar."""
    for j in range(n):
        block[j] = _fmix32(_shingle(hashes, first + j, NGRAM))


@kernel
def _smallest(block: UInt32s, n: Int, a: UInt32s, b: UInt32s, row: UInt32s) -> None:
    """Lower `row` to the images of `block[:n]`. Eight at a time: 1.6 ns a shingle for 112 permutations with AVX-512,
    6.3 one at a time.
    """
    eights = n & ~np.int64(7)
    for s in range(0, eights, 8):
        x0, x1, x2, x3 = block[s], block[s + 1], block[s + 2], block[s + 3]
        x4, x5, x6, x7 = block[s + 4], block[s + 5], block[s + 6], block[s + 7]
        for p in range(row.size):
            m, c = a[p], b[p]
            v0 = min(np.uint32(x0 * m + c), np.uint32(x1 * m + c))
            v1 = min(np.uint32(x2 * m + c), np.uint32(x3 * m + c))
            v2 = min(np.uint32(x4 * m + c), np.uint32(x5 * m + c))
            v3 = min(np.uint32(x6 * m + c), np.uint32(x7 * m + c))
            row[p] = min(row[p], min(min(v0, v1), min(v2, v3)))
    for s in range(eights, n):
        x = block[s]
        for p in range(row.size):
            row[p] = min(row[p], np.uint32(x * a[p] + b[p]))


@kernel
def _signatures(
    hashes: UInt64s, first: Int64s, shingled: bool, a: UInt32s, b: UInt32s, out: npt.NDArray[np.uint32]
) -> None:
    block = np.empty(_BLOCK, np.uint32)
    for d in range(first.size - 1):
        row = out[d]
        row[:] = _LARGEST
        begin, items = first[d], first[d + 1] - first[d]
        if not shingled:
            if 0 < items < NGRAM:
                block[0] = _fmix32(_shingle(hashes, begin, items))
                _smallest(block, np.int64(1), a, b, row)
                continue
            items -= NGRAM - 1
        for k in range(0, items, _BLOCK):
            n = min(np.int64(_BLOCK), items - k)
            if shingled:
                for j in range(n):
                    block[j] = _fmix32(hashes[begin + k + j])
            else:
                _fill(hashes, begin + k, n, block)
            _smallest(block, n, a, b, row)


def signatures(hashes: UInt64s, first: Int64s, by: Permutations) -> npt.NDArray[np.uint32]:
    """uint32[documents, permutations] from the hashes of words: the signature of each document's word 5-grams.

    A document without words has the signature of the empty set: 2^32 - 1 everywhere.
    """
    out = np.empty((len(first) - 1, len(by.a)), np.uint32)
    _signatures(hashes, first, False, by.a, by.b, out)
    return out


def signatures_of(shingles: UInt64s, offsets: Int64s, by: Permutations) -> npt.NDArray[np.uint32]:
    """The same from hashes of shingles, whatever these are: `offsets` says where each document's begin."""
    out = np.empty((len(offsets) - 1, len(by.a)), np.uint32)
    _signatures(shingles, offsets, True, by.a, by.b, out)
    return out


@kernel
def _bands(signature: npt.NDArray[np.uint32], bands: int, rows: int, out: npt.NDArray[np.uint64]) -> None:
    for d in range(signature.shape[0]):
        for band in range(bands):
            h = np.uint64(band + 1)
            for j in range(band * rows, (band + 1) * rows):
                h = mix64(h * _SPREAD + np.uint64(signature[d, j]))
            out[d, band] = h


def band_hashes(signature: npt.NDArray[np.uint32], bands: int, rows: int) -> npt.NDArray[np.uint64]:
    """uint64[documents, bands]: documents that agree in all rows of a band share its hash. Different bands never do,
    but by chance of 2^-64.
    """
    out = np.empty((len(signature), bands), np.uint64)
    _bands(signature, bands, rows, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    empty, first = np.zeros(0, np.uint64), np.zeros(len(text.offsets), np.int64)
    by = permutations(16)
    shingles(empty, first)
    signatures(empty, first, by)
    band_hashes(signatures_of(empty, first, by), 2, 8)
