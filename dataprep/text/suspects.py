"""Pieces of a batch that could hold a phone number, an address or a key, folded to ASCII: all that needs a closer look.

A text is cut into pieces at every character that stands in no such item: controls, anything beyond ASCII that does not
fold to it, and the space after a lower-case letter. A piece is suspect if it has an `@`, seven digits, the dots or
colons of an IP address, a long run of letters and digits, or begins a private key; of prose that is a few per cent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers

MIN_DIGITS = 7
"""Of phone numbers, cards, resident IDs and IBANs."""
MIN_RUN = 16
"""Letters, digits, `_` and `-` in a row, with a digit or capital: of an API key."""

_CUT, _OTHER, _LOWER, _CAPITAL, _DIGIT, _JOIN, _DOT, _COLON, _AT, _SPACE, _DASH = range(11)
"""Kinds of bytes. `_JOIN` is `_`; `_DASH` joins a run too, and five of them can begin a key."""


def _kinds() -> Bytes:
    kinds = np.full(256, _OTHER, np.uint8)
    kinds[:0x20] = _CUT
    kinds[0x7F] = _CUT
    kinds[0x80:] = _CUT
    kinds[ord("a") : ord("z") + 1] = _LOWER
    kinds[ord("A") : ord("Z") + 1] = _CAPITAL
    kinds[ord("0") : ord("9") + 1] = _DIGIT
    for sign, kind in (("_", _JOIN), (".", _DOT), (":", _COLON), ("@", _AT), (" ", _SPACE), ("-", _DASH)):
        kinds[ord(sign)] = kind
    return kinds


_KINDS = _kinds()


class Suspects(NamedTuple):
    """Suspect pieces, in order, each followed by a line feed."""

    folded: bytes
    """ASCII; full-width forms, fixed-width spaces and typographic hyphens are folded to it."""
    source: Int32s
    """int32[len(folded) + 1]: where each byte's character begins in `TextBuffers.data`; of a line feed, where its
    piece ends."""


@inlined
def fold(data: Bytes, i: Int, stop: Int) -> Int:
    """`ASCII byte | width << 8` of the character beyond ASCII at byte `i`; the byte is 0 if it does not fold.

    Full-width digits, letters and ＠ ． － ＋ （ ） ＿ fold, the spaces U+00A0, U+2007, U+2009 and U+202F, and the
    hyphens and dashes U+2010 to U+2013 and U+2212.
    """
    b = data[i]
    if b == 0xEF and i + 3 <= stop:
        c: Int = 0
        if data[i + 1] == 0xBC:
            c = np.int64(data[i + 2]) - 0x60
        elif data[i + 1] == 0xBD:
            c = np.int64(data[i + 2]) - 0x20
        if 0x30 <= c <= 0x39 or 0x40 <= c <= 0x5A or 0x61 <= c <= 0x7A or c in (0x28, 0x29, 0x2B, 0x2D, 0x2E, 0x5F):
            return c | 3 << 8
        return 3 << 8
    if b == 0xE2 and i + 3 <= stop:
        third = np.int64(data[i + 2])
        if data[i + 1] == 0x80:
            if third in (0x87, 0x89, 0xAF):
                return 0x20 | 3 << 8
            if 0x90 <= third <= 0x93:
                return 0x2D | 3 << 8
        elif data[i + 1] == 0x88 and third == 0x92:
            return 0x2D | 3 << 8
        return 3 << 8
    if b == 0xC2 and i + 2 <= stop:
        return (0x20 if data[i + 1] == 0xA0 else 0) | 2 << 8
    w = 1
    if b >= 0xF0:
        w = 4
    elif b >= 0xE0:
        w = 3
    elif b >= 0xC0:
        w = 2
    return (w if i + w <= stop else 1) << 8


@inlined
def _begins_key(data: Bytes, i: Int, stop: Int) -> bool:
    """Is `-BEGIN ` at byte `i`?"""
    return bool(
        i + 7 <= stop
        and data[i + 1] == 0x42
        and data[i + 2] == 0x45
        and data[i + 3] == 0x47
        and data[i + 4] == 0x49
        and data[i + 5] == 0x4E
        and data[i + 6] == 0x20
    )


@inlined
def _emit(data: Bytes, first: Int, last: Int, n: Int, out: Bytes, source: Int32s) -> Int:
    """Append one piece, folded; gives the new length."""
    i = first
    while i < last:
        b = data[i]
        source[n] = np.int32(i)
        if b < 0x80:
            out[n] = b
            i += 1
        else:
            folded = fold(data, i, last)
            out[n] = np.uint8(folded & 0xFF)
            i += folded >> 8
        n += 1
    out[n] = 0x0A
    source[n] = np.int32(last)
    return n + 1


@kernel
def _suspects(offsets: Int64s, data: Bytes, out: Bytes, source: Int32s) -> Int:
    n: Int = 0
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = offsets[d + 1]
        begin: Int = i
        digits = 0
        dots = 0
        colons = 0
        run = 0
        strong = False
        found = False
        before: Int = _CUT
        while i <= stop:
            w: Int = 1
            kind: Int = _CUT
            if i < stop:
                b: Int = np.int64(data[i])
                if b >= 0x80:
                    folded = fold(data, i, stop)
                    w = folded >> 8
                    b = folded & 0xFF
                kind = np.int64(_KINDS[b])
            if kind == _LOWER:
                run += 1
            elif kind == _CAPITAL:
                run += 1
                strong = True
            elif kind == _SPACE and before != _LOWER:
                run = 0
                strong = False
            elif kind == _DIGIT:
                run += 1
                strong = True
                digits += 1
            elif kind == _DOT:
                dots += 1
                run = 0
                strong = False
            elif kind == _DASH:
                run += 1
                found = found or _begins_key(data, i, stop)
            elif kind == _JOIN:
                run += 1
            elif kind in (_CUT, _SPACE):
                if (
                    found or digits >= MIN_DIGITS or (digits >= 4 and dots >= 3) or (digits >= 1 and colons >= 2)
                ) and i > begin:
                    n = _emit(data, begin, i, n, out, source)
                begin = i + w
                digits = 0
                dots = 0
                colons = 0
                run = 0
                strong = False
                found = False
            else:
                if kind == _COLON:
                    colons += 1
                elif kind == _AT:
                    found = True
                run = 0
                strong = False
            if run >= MIN_RUN and strong:
                found = True
            before = kind
            i += w
    return n


@kernel
def _fold_all(data: Bytes, out: Bytes) -> Int:
    n: Int = 0
    i: Int = 0
    while i < data.size:
        b: Int = np.int64(data[i])
        w: Int = 1
        if b >= 0x80:
            folded = fold(data, i, data.size)
            w = folded >> 8
            b = folded & 0xFF
        if b:
            out[n] = b
            n += 1
        else:
            for j in range(w):
                out[n + j] = data[i + j]
            n += w
        i += w
    return n


def fold_text(value: bytes) -> bytes:
    """UTF-8 with whatever folds to ASCII folded."""
    out = np.empty(len(value), np.uint8)
    return out[: _fold_all(np.frombuffer(value, np.uint8), out)].tobytes()


def suspects(text: TextBuffers) -> Suspects:
    """The suspect pieces of a batch; 300 to 700 MB/s."""
    size = int(text.offsets[-1] - text.offsets[0])
    # A piece has four characters or more before its line feed. Memory is taken only as it is written.
    room = size + size // 4 + 2
    out, source = np.empty(room, np.uint8), np.empty(room, np.int32)
    n = int(_suspects(text.offsets, text.data, out, source))
    source[n] = text.offsets[-1]
    return Suspects(out[:n].tobytes(), source[: n + 1])


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    suspects(text)
    fold_text(b"a")
