"""Hashes of words in lower case: `The`, `THE` and `the` are one word to whoever looks for near-duplicates."""

from __future__ import annotations

from functools import cache

import numpy as np

from dataprep.text.blocks import load64
from dataprep.text.hashes import hash_bytes, mix64, tail64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Spans, TextBuffers, UInt64s, reserve
from dataprep.text.utf8 import code_point, encode, width

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


@kernel
def hash_by_characters(data: Bytes, start: Int, end: Int, lower: Int32s, scratch: Bytes) -> np.uint64:
    """Hash of the lower-case form of a word. `scratch` has room for twice its bytes and 8 more: lower case takes up to
    3 bytes where upper case took 2."""
    i: Int = start
    n: Int = np.int64(0)
    while i < end:
        w = width(data, i, end)
        c = np.int64(code_point(data, i, w))
        if c < lower.size:
            c = np.int64(lower[c])
        n = encode(c, scratch, n)
        i += w
    return hash_bytes(scratch, np.int64(0), n)


@inlined
def lower_hash(data: Bytes, a: Int, b: Int) -> tuple[np.uint64, bool]:
    """(`hash_bytes` of word `data[a:b]` in lower case, whether this was enough): if not, call `hash_by_characters`."""
    # A word that begins in U+3000..U+9FFF or U+AC00..U+D7FF is all Han, Kana or Hangul: no case.
    lead = data[a]
    cased = lead < 0xE3 or lead > 0xED or (lead == 0xEA and data[a + 1] < 0xB0)
    # `hash_bytes`, but of lower-case bytes, while they are ASCII. One return and no call: either costs the
    # counting of references to `data`.
    h = np.uint64(b - a) * _MULTIPLY
    seen = np.uint64(0)
    i = a
    while i + 8 <= b:
        x = load64(data, i)
        if cased:
            seen |= x
            x = _lower64(x)
        h = (h ^ x) * _MULTIPLY
        h ^= h >> np.uint64(32)
        i += 8
    if i < b:
        x = tail64(data, i, b - i)
        if cased:
            seen |= x
            x = _lower64(x)
        h ^= x
    return mix64(h), (seen & _HIGH) == 0


@kernel
def _lower_hashes(start: Int32s, end: Int32s, data: Bytes, lower: Int32s, scratch: Bytes, out: UInt64s) -> None:
    for k in range(start.size):
        a, b = np.int64(start[k]), np.int64(end[k])
        out[k], enough = lower_hash(data, a, b)
        if not enough:
            out[k] = hash_by_characters(data, a, b, lower, scratch)


def lower_hashes(words: Spans, text: TextBuffers) -> UInt64s:
    """uint64[words]: `hash_bytes` of each word in lower case, character by character (ß stays, İ stays)."""
    out = np.empty(len(words.start), np.uint64)
    longest = int((words.end - words.start).max(initial=0))
    scratch = np.empty(2 * longest + 8, np.uint8)
    _lower_hashes(words.start, words.end, text.data, lower_case(), scratch, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    lower_hashes(reserve(0, len(text.offsets) - 1), text)
