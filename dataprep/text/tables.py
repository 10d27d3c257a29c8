"""Unicode classes as one byte per code point, built from Python's own `unicodedata` when first asked for."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

import numpy as np

from dataprep.text.spans import Bytes

OTHER: Final = 0
"""Invisible and no space: controls, bidirectional marks, zero-width space, byte order mark."""
SPACE: Final = 1
"""What `str.isspace` calls white space."""
SYMBOL: Final = 2
"""Every other visible character: punctuation, signs, emoji, private use."""
APOSTROPHE: Final = 3
"""Visible, and kept between two letters: ' ’ ＇."""
JOINER: Final = 4
"""Invisible, and kept between two letters: soft hyphen, zero-width (non-)joiner, word joiner."""
MARK: Final = 5
"""Combining marks: belong to the character before them."""
LETTER: Final = 6
DIGIT: Final = 7
"""Any number character: LETTER | 1, so that one mask accepts both."""
HIRAGANA: Final = 8
KATAKANA: Final = 9
PROLONGED: Final = 10
"""ー and its half-width form: continue Hiragana and Katakana alike."""
HANGUL: Final = 11
HAN: Final = 12
SOUTH_EAST_ASIAN: Final = 13
"""Letters of Thai, Lao, Burmese, Khmer: written without spaces between words."""

STOP: Final = 1
"""A role: ends a sentence before white space, a closing mark or the end."""
WIDE_STOP: Final = 2
"""A role: ends a sentence whatever follows."""
CLOSING: Final = 3
"""A role: a closing quote or bracket, absorbed by the sentence it closes."""
CAPITAL: Final = 4
"""A role: an upper-case letter, an initial if it stands alone before a full stop."""

_PLANES: Final = (0, 1, 14)
"""Planes to ask `unicodedata` about: 2 and 3 are all Han; 15 and 16 are private use, the rest is empty: symbols."""

_BY_CATEGORY: Final = {
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo"), LETTER),
    **dict.fromkeys(("Nd", "Nl", "No"), DIGIT),
    **dict.fromkeys(("Mn", "Mc", "Me"), MARK),
    **dict.fromkeys(("Cc", "Cf", "Cs"), OTHER),
}

_SCRIPTS: Final = (
    (HANGUL, ((0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7FB), (0xFFA0, 0xFFDC))),
    (HIRAGANA, ((0x3041, 0x3096), (0x309D, 0x309F), (0x1B001, 0x1B11F), (0x1B150, 0x1B152))),
    (KATAKANA, ((0x30A1, 0x30FA), (0x30FD, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B000),
                (0x1B120, 0x1B122), (0x1B164, 0x1B167))),
    (SOUTH_EAST_ASIAN, ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F))),
)  # fmt: skip
"""Blocks of the Unicode standard, chapter 18 and 16; only their letters are meant."""

_HAN: Final = ((0x2E80, 0x2EF3), (0x2F00, 0x2FD5), (0x3005, 0x3005), (0x3007, 0x3007), (0x3021, 0x3029),
               (0x3038, 0x303B), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x3FFFD))  # fmt: skip
"""Script Han: radicals, iteration marks and numerals too. Planes 2 and 3 are all Han, assigned yet or not."""

_STOPS: Final = ".!?‼⁇⁈⁉؟۔।॥։።၊။។៕"
_WIDE_STOPS: Final = "。．！？；…⋯｡︒﹒﹖﹗﹔"
_CLOSING: Final = "\"'＂＇»›”’"
"""Closing marks besides the categories Pe and Pf."""


def _by_category(plane: int, values: dict[str, int], other: int) -> Bytes:
    """uint8[65536]: the value of each code point's category, in 10 ms."""
    names = "".join(map(unicodedata.category, map(chr, range(plane << 16, (plane + 1) << 16))))
    of_pair = np.full(0x10000, other, np.uint8)
    for name, value in values.items():
        of_pair[int.from_bytes(name.encode(), "little")] = value
    values_of: Bytes = of_pair[np.frombuffer(names.encode(), "<u2")]
    return values_of


@cache
def classes() -> Bytes:
    """uint8[0x110000], the class of each code point; read-only. About 30 ms, once per process."""
    table = np.full(0x110000, SYMBOL, np.uint8)
    for plane in _PLANES:
        table[plane << 16 : (plane + 1) << 16] = _by_category(plane, _BY_CATEGORY, SYMBOL)
    table[[c for c in range(0x3001) if chr(c).isspace()]] = SPACE
    letters = table == LETTER
    for kind, ranges in _SCRIPTS:
        for first, last in ranges:
            table[first : last + 1][letters[first : last + 1]] = kind
    for first, last in _HAN:
        table[first : last + 1] = HAN
    table[[0x30FC, 0xFF70]] = PROLONGED
    table[[ord(c) for c in "'’＇"]] = APOSTROPHE
    table[[0x00AD, 0x200C, 0x200D, 0x2060]] = JOINER
    table.setflags(write=False)
    return table


@cache
def roles() -> Bytes:
    """uint8[0x110000], what each code point does to a sentence: 0 or one of the roles; read-only. About 10 ms."""
    table = np.zeros(0x110000, np.uint8)
    table[:0x10000] = _by_category(0, {"Pe": CLOSING, "Pf": CLOSING, "Lu": CAPITAL}, 0)
    table[[ord(c) for c in _CLOSING]] = CLOSING
    table[[ord(c) for c in _STOPS]] = STOP
    table[[ord(c) for c in _WIDE_STOPS]] = WIDE_STOP
    table.setflags(write=False)
    return table
