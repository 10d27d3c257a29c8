"""Unicode normal forms C and KC: find the few places that are not normal yet, and let `unicodedata` write them anew.

A character that never combines with one before it begins a new piece: normalising piece by piece is normalising the
whole (Unicode Standard Annex 15, section 9). So only the pieces round what is not normal are looked at in Python, and
each different one once.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.text.kernel import inlined, kernel
from dataprep.text.marks import Marks, marks
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers
from dataprep.text.splice import splice
from dataprep.text.utf8 import code_point, width

Form = Literal["nfc", "nfkc"]
_Name = Literal["NFC", "NFKC"]

_NAMES: Final[dict[Form, _Name]] = {"nfc": "NFC", "nfkc": "NFKC"}
_CHANGES: Final = 1
"""The character is never in normal text."""
_COMBINES: Final = 2
"""It may combine with a character before it."""
_MARK: Final = 4
"""It has a combining class: order matters."""
_PLANES: Final = (*range(0x20000), *range(0x2F800, 0x2FA20), *range(0xE0000, 0xE0200))
"""Nothing else decomposes or combines."""


class Normal(NamedTuple):
    """What a normal form asks of each character."""

    of: Bytes
    """uint8[0x110000]: the bits above; 0: begins a piece and is normal."""
    classes: Bytes
    """uint8[0x110000]: combining classes."""
    pairs: Int64s
    """int64[pairs], sorted: first << 21 | second, where the two combine into one."""
    odd: Marks


@cache
def normal(form: Form) -> Normal:
    """The tables of a form, of this Python's version of Unicode. About 40 ms, once per process."""
    name = _NAMES[form]
    of, classes = np.zeros(0x110000, np.uint8), np.zeros(0x110000, np.uint8)
    pairs = []
    for c in _PLANES:
        if 0xD800 <= c < 0xE000 or 0x3400 <= c < 0xA000 or 0xAC00 <= c < 0xD7A4:
            continue  # surrogates; Han and Hangul syllables are normal
        char = chr(c)
        if kind := unicodedata.combining(char):
            classes[c] = kind
            of[c] |= _MARK
        if parts := unicodedata.decomposition(char):
            if unicodedata.normalize(name, char) != char:
                of[c] |= _CHANGES
            elif not parts.startswith("<"):
                first, second = (int(part, 16) for part in parts.split())
                pairs.append(first << 21 | second)
                of[second] |= _COMBINES
    of[0x1161:0x1176] |= _COMBINES  # vowels and finals of Hangul
    of[0x11A8:0x11C3] |= _COMBINES
    for table in (of, classes):
        table.setflags(write=False)
    return Normal(of, classes, np.array(sorted(pairs), np.int64), marks((of > 0).astype(np.uint8)))


@inlined
def _is_pair(pairs: Int64s, first: Int, second: Int) -> bool:
    """Whether the two combine: by the table, or by the arithmetic of Hangul."""
    if 0x1161 <= second < 0x1176:
        return bool(0x1100 <= first < 0x1113)
    if 0x11A8 <= second < 0x11C3:
        return bool(0xAC00 <= first < 0xD7A4 and (first - 0xAC00) % 28 == 0)
    key = first << 21 | second
    low = np.int64(0)
    high = np.int64(pairs.size)
    while low < high:
        middle = (low + high) // 2
        if pairs[middle] < key:
            low = middle + 1
        else:
            high = middle
    return bool(low < pairs.size and pairs[low] == key)


@kernel
def _pieces(
    offsets: Int64s,
    data: Bytes,
    chosen: Bytes,
    of: Bytes,
    classes: Bytes,
    pairs: Int64s,
    start: Int64s,
    end: Int64s,
) -> Int:
    """Where the pieces are that are not surely normal; how many."""
    k = 0
    for d in range(offsets.size - 1):
        if not chosen[d]:
            continue
        i: Int = offsets[d]
        stop = offsets[d + 1]
        piece: Int = i  # where the piece of the last character begins
        starter: Int = np.int64(0)  # the last character without a combining class
        bound = False  # a mark stands between it and here
        last = np.uint8(0)  # class of the last character
        wrong = False
        while i < stop:
            w = width(data, i, stop)
            c = code_point(data, i, w)
            bits = of[c]
            if bits == 0:
                if wrong:
                    start[k] = piece
                    end[k] = i
                    k += 1
                    wrong = False
                piece = i
                starter = c
                bound = False
                last = np.uint8(0)
                i += w
                continue
            kind = classes[c]
            if bits & _CHANGES or (kind and kind < last):
                wrong = True
            elif bits & _COMBINES:
                # After other marks only one of a higher class can be reached: leave that to Python.
                wrong = wrong or bound or _is_pair(pairs, starter, c)
            if kind == 0:
                starter = c
            bound = kind != 0
            last = kind
            i += w
        if wrong:
            start[k] = piece
            end[k] = stop
            k += 1
    return k


def normalized(text: TextBuffers, form: Form, chosen: Bytes) -> tuple[pa.LargeStringArray | None, Int64s]:
    """(the column in a normal form, None if it is already; int64[documents]: characters of pieces that changed).

    Of the documents with a character that may not be normal: `chosen` (uint8[documents]), by `marked(text,
    normal(form).odd)`. As `unicodedata.normalize` gives it, document by document.
    """
    table = normal(form)
    counts = np.zeros(len(text.offsets) - 1, np.int64)
    if not chosen.any():
        return None, counts
    sizes = np.diff(text.offsets)[chosen > 0]
    start, end = np.empty(int(sizes.sum()) // 2 + 1, np.int64), np.empty(int(sizes.sum()) // 2 + 1, np.int64)
    found = int(_pieces(text.offsets, text.data, chosen, table.of, table.classes, table.pairs, start, end))
    if not found:
        return None, counts
    start, end = start[:found], end[:found]
    new, length = _written(text.data, start, end, _NAMES[form])
    changed = np.array([piece is not None for piece in new], np.bool_)
    if not changed.any():
        return None, counts
    start, end = start[changed], end[changed]
    np.add.at(counts, np.searchsorted(text.offsets, start, "right") - 1, length[changed])
    return splice(text, start, end, [piece for piece in new if piece is not None]), counts


def _written(data: Bytes, start: Int64s, end: Int64s, name: _Name) -> tuple[list[bytes | None], Int64s]:
    """(each piece in its normal form, None if it is already; characters of each piece)."""
    known: dict[bytes, tuple[bytes | None, int]] = {}
    new: list[bytes | None] = []
    length = np.zeros(len(start), np.int64)
    raw: memoryview = data.data
    for k, (a, b) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        piece = bytes(raw[a:b])
        if piece not in known:
            spelled = piece.decode()
            normal_piece = unicodedata.normalize(name, spelled)
            known[piece] = (None if normal_piece == spelled else normal_piece.encode(), len(spelled))
        written, length[k] = known[piece]
        new.append(written)
    return new, length


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    table = normal("nfc")
    none = np.zeros(1, np.int64)
    chosen = np.zeros(len(text.offsets) - 1, np.uint8)
    _pieces(text.offsets, text.data, chosen, table.of, table.classes, table.pairs, none, none.copy())
