"""Documents that may hold mojibake, UTF-8 read as something else: a superset of what `ftfy` looks at twice.

`ftfy.badness` (6.3) is an expression of some thirty patterns. Nearly each needs two neighbours of certain categories
of characters, or three: such a pair is looked for here, and what else a pattern asks is left to ftfy.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.text import tables
from dataprep.text.kernel import kernel
from dataprep.text.marks import Marks, marked, marks
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers
from dataprep.text.utf8 import code_point, width

_NAMES: Final = ("lower_accented", "upper_accented", "box", "start_punctuation", "end_punctuation", "currency",
                 "numeric", "law", "bad", "lower_common", "kaomoji")  # fmt: skip
"""ftfy's categories, by number; `upper_common` is with `lower_common`."""
_LA, _UA, _BOX, _SP, _EP, _CUR, _NUM, _LAW, _BAD, _LC, _KAO, _FIRST, _SECOND, _WORD = (1 << k for k in range(14))
_ALL: Final = _LA | _UA | _BOX | _SP | _EP | _CUR | _NUM | _LAW

_FIRSTS: Final = "ÎÐØÙ×à√≈‚вВГРСβΒΓΞΟāÂÃ"
"""Characters that patterns name in the first place, ..."""
_SECONDS: Final = "€œŠš¢£Ÿž\xa0\xad®©°·»«–—―…’´²³±∂†≠™≤≥¥µøπìîïòôúùûÄâóàäêЂΆ¹¼½¾¡"
"""... and behind one of these."""

_PAIRS: Final = (
    (_ALL | _BAD | _LC, _BAD),
    (_BAD, _ALL),
    (_LA | _LC | _BOX | _EP | _CUR | _NUM, _UA),
    (_BOX | _EP | _CUR | _NUM, _LA),
    (_LA | _UA | _BOX | _EP, _CUR),
    (_UA | _BOX, _NUM | _LAW),
    (_CUR | _NUM | _BOX | _UA, _SP),
    (_BOX, _KAO | _EP),
    (_UA, _KAO),  # for the degree sign
    (_ALL & ~_BOX, _BOX),
    (_FIRST, _SECOND | _BAD | _SP | _EP | _CUR | _NUM),
)
_MAYBE: Final = 1
"""A mark: a pair or triple needs a character like this."""
_SURE: Final = 2
"""A mark: C1 controls."""
_OE: Final = 0x153


class Suspects(NamedTuple):
    """Categories of characters, and which of them are odd side by side."""

    of: npt.NDArray[np.uint16]
    """uint16[0x110000]: bits of the categories."""
    marks: Marks
    pairs: npt.NDArray[np.uint16]
    """uint16[16]: what is odd behind each category."""
    capitals: Bytes
    """uint8[0x110000]: 1 for Œ and œ, odd before what is no ASCII letter; 2 for Â and Ã, odd before a space too."""


@cache
def suspects() -> Suspects:
    """The tables of the ftfy that is installed. Needs ftfy; about 100 ms, once per process."""
    from ftfy.badness import MOJIBAKE_CATEGORIES

    of = np.zeros(0x110000, np.uint16)
    for name, members in MOJIBAKE_CATEGORIES.items():
        if name in ("common", "c1"):
            continue
        bit = np.uint16(1 << _NAMES.index("lower_common" if name == "upper_common" else name))
        for first, last in re.findall(r"(.)-(.)", members, re.S):
            of[ord(first) : ord(last) + 1] |= bit
        of[[ord(c) for c in members if c != "-"]] |= bit
    of[[ord(c) for c in _FIRSTS]] |= np.uint16(_FIRST)
    of[[ord(c) for c in _SECONDS]] |= np.uint16(_SECOND)
    of[:0x80] = 0
    needed = _ALL & ~(_SP | _EP) | _BAD | _FIRST
    mark = np.where(of & np.uint16(needed), np.uint8(_MAYBE), np.uint8(0))
    mark[0x80:0xA0] = _SURE
    mark[:0x80] = 0
    word = tables.classes() >= tables.LETTER
    of[word] |= np.uint16(_WORD)
    of[[0x5F]] |= np.uint16(_WORD)
    pairs = np.zeros(16, np.uint16)
    for firsts, seconds in _PAIRS:
        for k in range(16):
            pairs[k] |= np.uint16(seconds if firsts >> k & 1 else 0)
    capitals = np.zeros(0x110000, np.uint8)
    capitals[[0x152, _OE]] = 1
    capitals[[0xC2, 0xC3]] = 2
    for table in (of, pairs, capitals):
        table.setflags(write=False)
    return Suspects(of, marks(mark), pairs, capitals)


@kernel
def _suspicious(
    offsets: Int64s,
    data: Bytes,
    marked: Bytes,
    of: npt.NDArray[np.uint16],
    pairs: npt.NDArray[np.uint16],
    capitals: Bytes,
    out: Bytes,
) -> None:
    for d in range(offsets.size - 1):
        found = bool(marked[d] & np.uint8(_SURE))
        if not found and marked[d]:
            i: Int = offsets[d]
            stop = offsets[d + 1]
            last = np.int64(0)
            before_last = np.int64(0)
            capital = np.uint8(0)
            while i < stop and not found:
                b = data[i]
                if b < 0x80 and last == 0 and capital == 0:
                    i += 1
                    continue
                w = width(data, i, stop)
                c = code_point(data, i, w)
                now = np.int64(of[c])
                if capital:
                    letter = 0x41 <= c <= 0x5A or 0x61 <= c <= 0x7A
                    found = (capital == 1 and not letter) or (capital == 2 and c == 0x20)
                if last & ~_WORD:
                    odd = np.int64(0)
                    for k in range(16):
                        if last >> k & 1:
                            odd |= np.int64(pairs[k])
                    found = found or odd & now != 0
                    if before_last & ~_WORD and now:
                        accented = before_last & (_LA | _UA)
                        most = before_last & (_LA | _UA | _BOX | _CUR | _EP | _NUM | _LAW)
                        found = found or (most != 0 and last & _SP != 0 and now & _NUM != 0)
                        found = found or (most != 0 and last & _EP != 0 and now & _SP != 0)
                        found = found or (accented != 0 and last & (_SP | _EP) != 0 and now & _WORD != 0)
                capital = capitals[c]
                before_last = last
                last = now & ~np.int64(_WORD)
                i += w
        out[d] = np.uint8(found)


def suspicious(text: TextBuffers) -> Bytes:
    """uint8[documents]: 0 where `ftfy.fix_encoding` surely changes nothing. Needs ftfy."""
    table = suspects()
    bits = marked(text, table.marks)
    out = np.empty(len(bits), np.uint8)
    _suspicious(text.offsets, text.data, bits, table.of, table.pairs, table.capitals, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    none = np.zeros(len(text.offsets) - 1, np.uint8)
    of, pairs, capitals = np.zeros(0x110000, np.uint16), np.zeros(16, np.uint16), np.zeros(0x110000, np.uint8)
    for table in (of, pairs, capitals):
        table.setflags(write=False)
    _suspicious(text.offsets, text.data, none, of, pairs, capitals, none.copy())
