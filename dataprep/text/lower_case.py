"""Hashes of words in lower case: `The`, `THE` and `the` are one word to whoever looks for near-duplicates."""

from __future__ import annotations

from functools import cache

import numpy as np

from dataprep.text.blocks import load64
from dataprep.text.hashes import hash_bytes, mix64, tail64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Spans, TextBuffers, UInt64s, reserve
from dataprep.text.utf8 import code_point, width

_CASED = 0x20000
"""No character from plane 2 on has case."""
_HIGH = np.uint64(0x8080808080808080)
_ONES = np.uint64(0x0101010101010101)
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)  # as in `hash_bytes`, which is taken apart here


@cache
def lower_case() -> Int32s:
    """int32[0x20000]: the lower-case character of each, itself where Unicode has none or several. 3 ms, once."""
    # All at once; but İ becomes two characters, Σ depends on what surrounds it, and surrogates are no text.
    odd = {0x130: 0x130, 0x3A3: 0x3C3, **{c: c for c in range(0xD800, 0xE000)}}
    characters = "".join("_" if c in odd else chr(c) for c in range(_CASED))
    table = np.frombuffer(characters.lower().encode("utf-32-le"), np.int32).copy()
    table[list(odd)] = list(odd.values())
    table.setflags(write=False)
    return table


@inlined
def _lower64(x: np.uint64) -> np.uint64:
    """Eight ASCII bytes in lower case."""
    from_a = x + np.uint64(0x80 - 0x41) * _ONES
    after_z = x + np.uint64(0x7F - 0x5A) * _ONES
    return x | ((from_a ^ after_z) & _HIGH) >> np.uint64(2)


@inlined
def _encode(c: Int, out: Bytes, n: Int) -> Int:
    """Write character `c` as UTF-8 at `out[n]`; where the next begins."""
    if c < 0x80:
        out[n] = c
        return n + 1
    if c < 0x800:
        out[n] = 0xC0 | c >> 6
        out[n + 1] = 0x80 | c & 0x3F
        return n + 2
    if c < 0x10000:
        out[n] = 0xE0 | c >> 12
        out[n + 1] = 0x80 | c >> 6 & 0x3F
        out[n + 2] = 0x80 | c & 0x3F
        return n + 3
    out[n] = 0xF0 | c >> 18
    out[n + 1] = 0x80 | c >> 12 & 0x3F
    out[n + 2] = 0x80 | c >> 6 & 0x3F
    out[n + 3] = 0x80 | c & 0x3F
    return n + 4


@kernel
def _hash_by_characters(data: Bytes, start: Int, end: Int, lower: Int32s, scratch: Bytes) -> np.uint64:
    i: Int = start
    n: Int = np.int64(0)
    while i < end:
        w = width(data, i, end)
        c = np.int64(code_point(data, i, w))
        if c < lower.size:
            c = np.int64(lower[c])
        n = _encode(c, scratch, n)
        i += w
    return hash_bytes(scratch, np.int64(0), n)


@kernel
def _lower_hashes(
    start: Int32s, end: Int32s, hashes: UInt64s, data: Bytes, lower: Int32s, scratch: Bytes, out: UInt64s
) -> None:
    for k in range(start.size):
        a, b = np.int64(start[k]), np.int64(end[k])
        # A word that begins in U+3000..U+9FFF or U+AC00..U+D7FF is all Han, Kana or Hangul: no case.
        lead = data[a]
        if 0xE3 <= lead <= 0xED and (lead != 0xEA or data[a + 1] >= 0xB0):
            out[k] = hashes[k]
            continue
        # `hash_bytes`, but of lower-case bytes, while they are ASCII.
        h = np.uint64(b - a) * _MULTIPLY
        seen = np.uint64(0)
        i = a
        while i + 8 <= b:
            x = load64(data, i)
            seen |= x
            h = (h ^ _lower64(x)) * _MULTIPLY
            h ^= h >> np.uint64(32)
            i += 8
        if i < b:
            x = tail64(data, i, b - i)
            seen |= x
            h ^= _lower64(x)
        out[k] = _hash_by_characters(data, a, b, lower, scratch) if seen & _HIGH else mix64(h)


def lower_hashes(words: Spans, text: TextBuffers) -> UInt64s:
    """uint64[words]: `hash_bytes` of each word in lower case, character by character (ß stays, İ stays)."""
    out = np.empty(len(words.start), np.uint64)
    longest = int((words.end - words.start).max(initial=0))
    scratch = np.empty(2 * longest + 8, np.uint8)  # lower case takes up to 3 bytes where upper case took 2
    _lower_hashes(words.start, words.end, words.hash, text.data, lower_case(), scratch, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    lower_hashes(reserve(0, len(text.offsets) - 1), text)
