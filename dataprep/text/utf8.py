"""UTF-8 by hand: decode and encode one character, count characters, find what is not valid."""

from __future__ import annotations

import numpy as np

from dataprep.text.blocks import ones
from dataprep.text.hashes import tail64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int64s, Spans, TextBuffers, reserve

_TOP_BITS = np.uint64(0x8080808080808080)


@inlined
def width(data: Bytes, i: Int, stop: Int) -> Int:
    """Bytes of the character at `i`, never past `stop`. A stray continuation byte counts as one."""
    b = data[i]
    w = 1
    if b >= 0xF0:
        w = 4
    elif b >= 0xE0:
        w = 3
    elif b >= 0xC0:
        w = 2
    return w if i + w <= stop else 1


@inlined
def code_point(data: Bytes, i: Int, w: Int) -> Int:
    """The character of `w` bytes at `i`; U+FFFD for bytes that are no UTF-8. Never out of 0..0x10FFFF."""
    b = np.int64(data[i])
    if w == 1:
        return b if b < 0x80 else np.int64(0xFFFD)
    c = np.int64(data[i + 1]) & 0x3F
    if w == 2:
        return (b & 0x1F) << 6 | c
    c = c << 6 | (np.int64(data[i + 2]) & 0x3F)
    if w == 3:
        return (b & 0x0F) << 12 | c
    c = (b & 0x07) << 18 | c << 6 | (np.int64(data[i + 3]) & 0x3F)
    return c if c <= 0x10FFFF else np.int64(0xFFFD)


@inlined
def encode(c: Int, out: Bytes, n: Int) -> Int:
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


@inlined
def before(data: Bytes, i: Int, first: Int) -> Int:
    """Where the character that ends just before byte `i` begins, not before `first`."""
    j = i - 1
    while j > first and data[j] & 0xC0 == 0x80:
        j -= 1
    return j


@inlined
def count_chars(data: Bytes, start: Int, end: Int) -> Int:
    """Characters in `data[start:end]`: bytes that do not continue one."""
    if end - start < 8:
        x = tail64(data, start, end - start)
        few: Int = end - start - ones(x & ~(x << np.uint64(1)) & _TOP_BITS)
        return few
    n = np.int64(0)
    for b in data[start:end]:
        n += np.int64((b & 0xC0) != 0x80)
    return n


@kernel
def _char_counts(start: Int64s, end: Int64s, data: Bytes, out: Int64s) -> None:
    for k in range(start.size):
        out[k] = count_chars(data, np.int64(start[k]), np.int64(end[k]))


def char_counts(text: TextBuffers) -> Int64s:
    """int64[documents]: code points of each document. Several GB/s."""
    out = np.empty(len(text.offsets) - 1, np.int64)
    _char_counts(text.offsets[:-1], text.offsets[1:], text.data, out)
    return out


def span_char_counts(spans: Spans, text: TextBuffers) -> Int64s:
    """int64[spans]: code points of each span."""
    out = np.empty(len(spans.start), np.int64)
    _char_counts(spans.start, spans.end, text.data, out)  # type: ignore[arg-type]
    return out


@kernel
def _first_invalid(offsets: Int64s, data: Bytes, out: Int64s) -> None:
    for d in range(offsets.size - 1):
        first = offsets[d]
        stop = offsets[d + 1]
        i = first
        bad = np.int64(-1)
        while i < stop:
            b = data[i]
            if b < 0x80:
                i += 1
                continue
            w = 2 if b < 0xE0 else (3 if b < 0xF0 else 4)
            if b < 0xC2 or b > 0xF4 or i + w > stop:
                bad = i - first
                break
            low = 0x80
            high = 0xBF
            if b == 0xE0:
                low = 0xA0
            elif b == 0xED:
                high = 0x9F
            elif b == 0xF0:
                low = 0x90
            elif b == 0xF4:
                high = 0x8F
            good = low <= data[i + 1] <= high
            for j in range(i + 2, i + w):
                good = good and data[j] & 0xC0 == 0x80
            if not good:
                bad = i - first
                break
            i += w
        out[d] = bad


def first_invalid(text: TextBuffers) -> Int64s:
    """int64[documents]: where, in bytes from the document's beginning, the first invalid character begins; -1: none.

    The definition is the Unicode standard's table 3-7, as in `bytes.decode`: no surrogates, no overlong forms.
    """
    out = np.empty(len(text.offsets) - 1, np.int64)
    _first_invalid(text.offsets, text.data, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    char_counts(text)
    first_invalid(text)
    span_char_counts(reserve(0, 0), text)
