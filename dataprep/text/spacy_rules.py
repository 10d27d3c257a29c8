"""The rules by which spaCy's English tokenizer splits a chunk, as kernels over classes of characters.

Prefixes, suffixes and infixes of spaCy 3.8 (lang/punctuation.py, lang/en/punctuation.py, lang/char_classes.py);
`spacy_english` reads the classes from spaCy itself and makes sure that its patterns are these.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, TextBuffers, UInt32s
from dataprep.text.utf8 import before, code_point, width

PREFIX: Final = 1
"""A prefix whatever follows."""
SUFFIX: Final = 2
"""A suffix whatever is before."""
LOWER: Final = 4
UPPER: Final = 8
ALPHA: Final = 16
DIGIT: Final = 32
"""0 to 9 only."""
BEFORE_STOP: Final = 64
"""After it a full stop is a suffix."""
QUOTE: Final = 128
INFIX: Final = 256
"""An infix wherever it is."""
OPERATOR: Final = 512
"""An infix between a letter or digit and a letter: `:<>=/`."""
CURRENCY: Final = 1024
"""A suffix after a digit."""
UNIT: Final = 2048
"""Beyond ASCII, and part of a unit: the table knows."""
SPACE: Final = 4096


@inlined
def _is_digit(b: Int) -> bool:
    return bool(0x30 <= b <= 0x39)


@inlined
def prefix(text: Bytes, a: Int, z: Int, classes: UInt32s) -> Int:
    """Bytes of the prefix of `text[a:z]`; 0: it has none."""
    b = text[a]
    n: Int = np.int64(0)
    if b >= 0x80:
        w = width(text, a, z)
        n = np.int64(w) if classes[code_point(text, a, w)] & PREFIX else np.int64(0)
    elif classes[b] & PREFIX:
        n = np.int64(1)
    elif b == 0x2B:  # +
        n = np.int64(not (a + 1 < z and _is_digit(text[a + 1])))
    elif b == 0x2E:  # .
        while a + n < z and text[a + n] == 0x2E:
            n += 1
        n = n if n > 1 else np.int64(0)
    elif b in (0x41, 0x43, 0x55) and a + 1 < z:  # A$ C$ US$
        if b != 0x55:
            n = np.int64(2 if text[a + 1] == 0x24 else 0)
        elif a + 2 < z:
            n = np.int64(3 if text[a + 1] == 0x53 and text[a + 2] == 0x24 else 0)
    return n


_ASCII_UNITS: Final = """
km m dm cm mm ha nm yd in ft kg g mg t lb oz m/s km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K %
"""
_UNIT_KEYS: Final = np.array([int.from_bytes(unit.encode(), "big") for unit in _ASCII_UNITS.split()], np.uint64)
_LONGEST_UNIT: Final = 4


@inlined
def _unit(text: Bytes, a: Int, z: Int, classes: UInt32s) -> Int:
    """Bytes of a unit after a digit at the end of `text[a:z]`; -1: only the table knows."""
    i = z
    unknown = False
    while i > a and not _is_digit(text[i - 1]) and z - i < 16:
        j = before(text, i, a)
        if text[j] >= 0x80:
            unknown = unknown or bool(classes[code_point(text, j, width(text, j, i))] & UNIT)
        i = j
    n = z - i
    found: Int = np.int64(0)
    if i > a and _is_digit(text[i - 1]):
        if unknown:
            found = np.int64(-1)
        elif 0 < n <= _LONGEST_UNIT:
            key = np.uint64(0)
            for j in range(i, z):
                key = (key << np.uint64(8)) | np.uint64(text[j])
            for unit in _UNIT_KEYS:
                if unit == key:
                    found = n
    return found


@inlined
def suffix(text: Bytes, a: Int, z: Int, classes: UInt32s) -> Int:
    """Bytes of the suffix of `text[a:z]`; 0: it has none; -1: only the table knows."""
    n: Int = np.int64(0)
    if a >= z:
        return n
    j = before(text, z, a)
    c = code_point(text, j, width(text, j, z))
    f = classes[c]
    if c == 0x2E:  # .
        i = z
        while i > a and text[i - 1] == 0x2E:
            i -= 1
        if z - i > 1:
            n = z - i
        elif i > a:
            k = before(text, i, a)
            p = code_point(text, k, width(text, k, i))
            if classes[p] & BEFORE_STOP:
                n = np.int64(1)
            elif k > a:
                m = before(text, k, a)
                q = code_point(text, m, width(text, m, k))
                if (classes[p] & UPPER and classes[q] & UPPER) or (q == 0xB0 and p in (0x46, 0x43, 0x4B)):
                    n = np.int64(1)
    elif c == 0x2026:  # two of them are one suffix
        n = np.int64(3)
        if j - a >= 3 and text[j - 3] == 0xE2 and text[j - 2] == 0x80 and text[j - 1] == 0xA6:
            n = np.int64(6)
    elif f & SUFFIX:
        n = z - j
    else:
        if c in (0x73, 0x53):  # 's
            if j > a and text[j - 1] == 0x27:
                n = np.int64(2)
            elif j - a >= 3 and text[j - 3] == 0xE2 and text[j - 2] == 0x80 and text[j - 1] == 0x99:
                n = np.int64(4)
        elif c == 0x2B:
            n = np.int64(j > a and _is_digit(text[j - 1]))
        elif f & CURRENCY:
            if j > a and _is_digit(text[j - 1]):
                n = z - j
            elif c == 0x24 and j - a >= 2 and text[j - 1] in (0x41, 0x43) and _is_digit(text[j - 2]):
                n = np.int64(2)
            elif c == 0x24 and j - a >= 3 and text[j - 1] == 0x53 and text[j - 2] == 0x55 and _is_digit(text[j - 3]):
                n = np.int64(3)
        if n == 0:
            n = _unit(text, a, z, classes)
    return n


@kernel
def infix(text: Bytes, a: Int, i: Int, z: Int, classes: UInt32s) -> Int:
    """Bytes of an infix of `text[a:z]` at `i`; 0: there is none."""
    w = width(text, i, z)
    c = code_point(text, i, w)
    if c == 0x2E and i + 1 < z and text[i + 1] == 0x2E:
        n = i
        while n < z and text[n] == 0x2E:
            n += 1
        return n - i
    f = classes[c]
    if f & INFIX:
        return np.int64(w)
    if i == a or i + w >= z:
        return np.int64(0)
    k = before(text, i, a)
    p = classes[code_point(text, k, width(text, k, i))]
    q = classes[code_point(text, i + w, width(text, i + w, z))]
    if c in (0x2B, 0x2D, 0x2A, 0x5E) and p & DIGIT and (q & DIGIT or text[i + 1] == 0x2D):
        return np.int64(1)
    if c == 0x2E:
        return np.int64(bool(p & (LOWER | QUOTE)) and bool(q & (UPPER | QUOTE)))
    if c == 0x2C:
        return np.int64(bool(p & ALPHA) and bool(q & ALPHA))
    if not p & (ALPHA | DIGIT):
        return np.int64(0)
    if f & OPERATOR:
        return np.int64(bool(q & ALPHA))
    if c in (0x7E, 0x2013):
        return np.int64(w if q & ALPHA else 0)
    if c not in (0x2D, 0x2014):
        return np.int64(0)
    n = i + w
    for _ in range(2 if c == 0x2D else 1):  # up to --- or ——
        if n < z and not classes[code_point(text, n, width(text, n, z))] & ALPHA:
            if code_point(text, n, width(text, n, z)) != c:
                break
            n += w
    if n < z and classes[code_point(text, n, width(text, n, z))] & ALPHA:
        return n - i
    return np.int64(0)


@kernel
def may_be_url(text: Bytes, a: Int, z: Int, classes: UInt32s) -> bool:
    stops = 0
    for i in range(a + 1, z - 1):
        if text[i] != 0x2E:
            continue
        stops += 1
        k = before(text, i, a)
        p = code_point(text, k, width(text, k, i))
        if not (0x30 <= p <= 0x39 or 0x41 <= p <= 0x5A or 0x61 <= p <= 0x7A or 0xA1 <= p <= 0xFFFF):
            continue
        v = width(text, i + 1, z)
        j = i + 1 + v
        if (
            j < z
            and classes[code_point(text, i + 1, v)] & LOWER
            and classes[code_point(text, j, width(text, j, z))] & LOWER
        ):
            return True
    return stops > 2


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    end, classes = np.int64(text.offsets[-1]), np.zeros(0x110000, np.uint32)
    infix(text.data, np.int64(0), np.int64(0), end, classes)
    may_be_url(text.data, np.int64(0), end, classes)
