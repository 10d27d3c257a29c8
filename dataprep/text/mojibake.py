"""Documents that may hold mojibake, UTF-8 read as something else: a superset of what `ftfy` looks at twice."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import numpy as np

from dataprep.text.kernel import kernel
from dataprep.text.marks import Marks, marked, marks
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers
from dataprep.text.utf8 import code_point, width

_MEMBER: Final = 1
"""A character of one of ftfy's categories."""
_ODD: Final = 2
"""One that is needed, beside another member, by nearly all patterns of `ftfy.badness`."""
_ALONE: Final = 4
"""One that is odd without a member beside it: C1 controls, Â, Ã, ligatures OE."""

_ORDINARY: Final = frozenset(("common", "start_punctuation", "end_punctuation", "upper_common", "lower_common"))
_MEMBERS: Final = "ŒœŠšŸŽž€©®·»«–—´°²³×√±∂†≠™≤≥¥µøπ≈¢‚ÄìîïòôúùûâóàêвЂВГРСўβΒΓΞΟāΆß¹¼½¾¡Øاâ\xa0\xad"
"""Characters that patterns name besides the categories."""
_ODDS: Final = "ЂВГРСΒΓΞΟ°"


@cache
def suspects() -> Marks:
    """Marks of ftfy's categories. Needs ftfy."""
    from ftfy.badness import MOJIBAKE_CATEGORIES

    table = np.zeros(0x110000, np.uint8)
    for name, members in MOJIBAKE_CATEGORIES.items():
        bits = _MEMBER if name in _ORDINARY else _MEMBER | _ODD
        for first, last in re.findall(r"(.)-(.)", members, re.S):
            table[ord(first) : ord(last) + 1] |= bits
        table[[ord(c) for c in members if c != "-"]] |= bits
    table[[ord(c) for c in _MEMBERS]] |= _MEMBER
    table[[ord(c) for c in _ODDS]] |= _MEMBER | _ODD
    table[[*range(0x80, 0xA0), *map(ord, "ÂÃŒœ")]] |= _MEMBER | _ALONE
    table[:0x80] = 0
    return marks(table)


@kernel
def _suspicious(offsets: Int64s, data: Bytes, of: Bytes, bits: Bytes, out: Bytes) -> None:
    for d in range(offsets.size - 1):
        found = bits[d] & np.uint8(_ALONE)
        if not found and bits[d] & np.uint8(_ODD):
            i: Int = offsets[d]
            stop = offsets[d + 1]
            last = np.uint8(0)
            while i < stop and not found:
                w = width(data, i, stop)
                mark = of[code_point(data, i, w)] if w > 1 else np.uint8(0)
                found = np.uint8(mark != 0 and last != 0) & np.uint8((mark | last) & np.uint8(_ODD) != 0)
                last = mark
                i += w
        out[d] = np.uint8(found != 0)


def suspicious(text: TextBuffers) -> Bytes:
    """uint8[documents]: 0 where `ftfy.fix_encoding` surely changes nothing. Needs ftfy."""
    table = suspects()
    bits = marked(text, table)
    out = np.empty(len(bits), np.uint8)
    _suspicious(text.offsets, text.data, table.of, bits, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    none = np.zeros(len(text.offsets) - 1, np.uint8)
    of = np.zeros(0x110000, np.uint8)
    of.setflags(write=False)
    _suspicious(text.offsets, text.data, of, none, none.copy())
