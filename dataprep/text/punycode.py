"""Punycode: the ASCII spelling of one label of an international host name, read back as characters (RFC 3492)."""

from __future__ import annotations

import numpy as np

from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int32s, TextBuffers

LABEL_BYTES = 63
"""Longest label of a host name, RFC 1035: no longer one is read, and so none has more characters."""

_HYPHEN = 0x2D
_BASE, _T_MIN, _T_MAX, _SKEW, _DAMP, _BIAS, _FIRST = 36, 1, 26, 38, 700, 72, 0x80
"""RFC 3492, section 5."""
_TOO_LARGE = 1 << 40
"""No valid delta comes near, and products of what is below fit 64 bits."""


@kernel
def _adapted(delta: Int, points: Int, first: bool) -> Int:
    """RFC 3492, section 6.1."""
    delta = delta // _DAMP if first else delta // 2
    delta += delta // points
    k = np.int64(0)
    while delta > (_BASE - _T_MIN) * _T_MAX // 2:
        delta //= _BASE - _T_MIN
        k += _BASE
    return k + (_BASE - _T_MIN + 1) * delta // (delta + _SKEW)


@kernel
def from_punycode(data: Bytes, start: Int, end: Int, points: Int32s) -> Int:
    """Write the characters of lower-case label `data[start:end]`, without its `xn--`, to `points`; how many.

    0 if it is not Punycode, or has no character beyond ASCII. `points` has room for `LABEL_BYTES`.
    """
    if end - start > LABEL_BYTES:
        return np.int64(0)
    at: Int = start
    for j in range(start, end):
        if data[j] == _HYPHEN:
            at = j + 1
    count = np.int64(0)
    for j in range(start, at - 1):
        if data[j] >= 0x80:
            return np.int64(0)
        points[count] = data[j]
        count += 1
    if at == end:
        return np.int64(0)
    c = np.int64(_FIRST)
    i = np.int64(0)
    bias: Int = np.int64(_BIAS)
    while at < end:
        before = i
        weight = np.int64(1)
        k = np.int64(_BASE)
        while True:
            if at == end:
                return np.int64(0)
            b = np.int64(data[at])
            at += 1
            if 0x61 <= b <= 0x7A:
                digit = b - 0x61
            elif 0x30 <= b <= 0x39:
                digit = b - 0x30 + 26
            else:
                return np.int64(0)
            i += digit * weight
            t: Int = min(max(k - bias, np.int64(_T_MIN)), np.int64(_T_MAX))
            if digit < t:
                break
            weight *= _BASE - t
            k += _BASE
            if weight > _TOO_LARGE:
                return np.int64(0)
        bias = _adapted(i - before, count + 1, before == 0)
        c += i // (count + 1)
        i %= count + 1
        if c > 0x10FFFF or 0xD800 <= c < 0xE000:
            return np.int64(0)
        for j in range(count, i, -1):
            points[j] = points[j - 1]
        points[i] = c
        count += 1
        i += 1
    return count


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    from_punycode(text.data, 0, 0, np.zeros(LABEL_BYTES, np.int32))
