"""Characters that are removed or replaced before anything reads a text: controls, invisible ones, line breaks, widths.

What is done with a character is one look-up, `actions`. A joiner stays only where its script or emoji needs it: that
depends on the character kept before it alone (and for emoji on the next one), so cleaning twice changes nothing more.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.kernel import inlined, kernel
from dataprep.text.marks import Marks, marks
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers
from dataprep.text.utf8 import code_point, encode, width

Widths = Literal["keep", "alphanumeric", "signs", "all"]
Spacing = Literal["keep", "trim", "collapse"]

KINDS: Final = ("control_characters", "invisible", "noncharacters", "line_breaks", "full_width", "white_space")
"""What the columns of `cleaned` count."""

CONTROL: Final = 1
INVISIBLE: Final = 2
NONCHARACTER: Final = 3
RETURN: Final = 4
"""`\\r`: a line break with the `\\n` behind it."""
BREAK: Final = 5
WIDE: Final = 6
"""A full-width form of ASCII."""
SPACE: Final = 7
"""White space that is no line break: nothing to do unless `spacing` says so."""
JOINER: Final = 8
"""U+200D."""
NON_JOINER: Final = 9
"""U+200C."""
WORD_BREAK: Final = 10
"""U+200B."""
TAG: Final = 11
"""Tags spell the flags of England, Scotland, Wales after U+1F3F4."""

_JOINS: Final = 1
"""A context: a letter or mark of a script whose letters join."""
_EMOJI: Final = 2
_UNSPACED: Final = 4
"""A context: a letter or mark of a script without spaces, where U+200B marks the words."""
_FLAG: Final = 8

_CONTROLS: Final = (*range(0x00, 0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0))
_INVISIBLE: Final = (0x00AD, 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF,
                     *range(0xFFF9, 0xFFFC), 0xE0001)  # fmt: skip
_SEPARATORS: Final = (0x85, 0x2028, 0x2029)
_PUNCTUATION: Final = "！（），．：；？［］｛｝～＂＇"
"""Full-width signs that are punctuation of Chinese and Japanese."""
_JOINING: Final = ((0x0590, 0x109F), (0x1700, 0x1CFF), (0xA800, 0xABFF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC),
                   (0x10A00, 0x1E95F))  # fmt: skip
"""Hebrew to Burmese, Philippine to Vedic, Syloti Nagri to Meetei Mayek, Arabic forms, and planes' 1 scripts."""
_UNSPACED_BLOCKS: Final = ((0x0E00, 0x0EFF), (0x0F00, 0x109F), (0x1780, 0x17FF), (0x1950, 0x1AAF), (0xA9E0, 0xA9FF),
                           (0xAA60, 0xAADF))  # fmt: skip
_BLACK_FLAG: Final = 0x1F3F4
_WHITE: Final = (0x09, 0x0A, 0x20)


class Actions(NamedTuple):
    """What to do with each character, for one choice of settings."""

    of: Bytes
    """uint8[0x110000]: an action, 0 for none."""
    context: Bytes
    """uint8[0x110000]: what a character allows behind it."""
    spacing: int
    """0: white space stays; 1: trimmed at the ends of lines; 2: runs are one space."""
    busy: Marks
    """Characters that need work, with mark 1."""


def _ranges(table: Bytes, ranges: tuple[tuple[int, int], ...], value: int) -> None:
    """Add `value` to the letters and marks in these ranges."""
    for first, last in ranges:
        part = tables.classes()[first : last + 1]
        wanted = (part == tables.MARK) | (part == tables.LETTER) | (part == tables.SOUTH_EAST_ASIAN)
        table[first : last + 1][wanted] |= value


@cache
def _context() -> Bytes:
    """uint8[0x110000], read-only. About 5 ms, once per process."""
    table = np.zeros(0x110000, np.uint8)
    _ranges(table, _JOINING, _JOINS)
    _ranges(table, _UNSPACED_BLOCKS, _UNSPACED)
    for first, last in ((0x2190, 0x2BFF), (0x1F000, 0x1FAFF)):  # arrows to stars; emoji
        table[first : last + 1] |= _EMOJI
    table[[0xFE0F, 0x20E3]] |= _EMOJI
    table[[_BLACK_FLAG, *range(0xE0020, 0xE007F)]] |= _FLAG
    table.setflags(write=False)
    return table


@cache
def actions(*, separators: bool, widths: Widths, spacing: Spacing) -> Actions:
    """What to do with each character. `separators`: U+0085, U+2028 and U+2029 break lines; else they stay."""
    table = np.zeros(0x110000, np.uint8)
    if widths == "all":
        table[0x3000] = WIDE
    for c in range(0xFF01, 0xFF5F):
        alphanumeric = chr(c - 0xFEE0).isalnum()
        wanted = alphanumeric or widths == "all" or (widths == "signs" and chr(c) not in _PUNCTUATION)
        if wanted and widths != "keep":
            table[c] = WIDE
    spaces = [c for c in range(0x3000 + 1) if chr(c).isspace() and c not in (0x0A, 0x0B, 0x0C, 0x0D, *_SEPARATORS)]
    if spacing != "keep":
        table[[c for c in spaces if table[c] != WIDE]] = SPACE
    table[list(_CONTROLS)] = CONTROL
    table[list(_INVISIBLE)] = INVISIBLE
    table[[0xFDD0 + k for k in range(32)]] = NONCHARACTER
    for plane in range(17):
        table[[plane << 16 | 0xFFFE, plane << 16 | 0xFFFF]] = NONCHARACTER
    table[0x0D] = RETURN
    table[[0x0B, 0x0C]] = BREAK
    table[list(_SEPARATORS)] = BREAK if separators else 0
    table[0x200D], table[0x200C], table[0x200B] = JOINER, NON_JOINER, WORD_BREAK
    table[0xE0020:0xE0080] = TAG
    table.setflags(write=False)
    busy = (table > 0).astype(np.uint8)
    busy[list(_WHITE)] = 0  # with other spacing than `keep` every document is read anyway
    return Actions(table, _context(), ("keep", "trim", "collapse").index(spacing), marks(busy))


@inlined
def _stays(action: Int, before: np.uint8, next_context: np.uint8) -> bool:
    """Whether a joiner, a word break or a tag stays behind a character of this context."""
    if action == JOINER:
        return bool(before & _JOINS or (before & _EMOJI and next_context & _EMOJI))
    if action == NON_JOINER:
        return bool(before & _JOINS)
    if action == WORD_BREAK:
        return bool(before & _UNSPACED)
    return bool(before & _FLAG)


@inlined
def _one_space(out: Bytes, n: Int, white: Int, pending: Int, breaks: Int, single: bool) -> tuple[Int, Int]:
    """(where the next character goes, characters of white space changed) once a run of it has become one space, or
    nothing at the beginning of a line."""
    if breaks > 0:
        white += pending
    else:
        white += pending - 1 + np.int64(not single and pending == 1)
        out[n] = np.uint8(0x20)
        n += 1
    return n, white


@kernel
def _cleaned(
    offsets: Int64s,
    data: Bytes,
    chosen: Bytes,
    of: Bytes,
    context: Bytes,
    spacing: int,
    out_offsets: Int64s,
    out: Bytes,
    counts: Int64s,
) -> Int:
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        out_offsets[d] = n
        i: Int = offsets[d]
        stop = offsets[d + 1]
        if not chosen[d]:
            size = stop - i
            out[n : n + size] = data[i:stop]
            n += size
            continue
        first = n
        content = n  # end of the last visible character of this line, or its beginning
        breaks = np.int64(2)  # line breaks just written; a text does not begin with them
        before = np.uint8(0)
        control = np.int64(0)
        invisible = np.int64(0)
        nons = np.int64(0)
        lines = np.int64(0)
        wide = np.int64(0)
        white: Int = np.int64(0)
        pending = np.int64(0)  # characters of white space since `content`, with `collapse` not yet written
        single = False  # they are one U+0020
        while i < stop:
            if 0x20 < data[i] < 0x7F:  # nothing is ever done to these
                if pending:
                    if spacing == 2:
                        n, white = _one_space(out, n, white, pending, breaks, single)
                    pending = np.int64(0)
                breaks = np.int64(0)
                before = np.uint8(0)
                while i < stop and 0x20 < data[i] < 0x7F:
                    out[n] = data[i]
                    n += 1
                    i += 1
                content = n
                continue
            w = width(data, i, stop)
            c = code_point(data, i, w)
            action = of[c]
            if action == WIDE:
                wide += 1
                c = np.int64(0x20) if c == 0x3000 else c - np.int64(0xFEE0)
                action = np.uint8(SPACE if c == 0x20 and spacing else 0)
            elif action in (RETURN, BREAK):
                lines += 1
                if action == RETURN and i + 1 < stop and data[i + 1] == 0x0A:
                    w = 2
                c = np.int64(0x0A)
                action = np.uint8(0)
            elif action == CONTROL:
                control += 1
                i += w
                continue
            elif action == INVISIBLE:
                invisible += 1
                i += w
                continue
            elif action == NONCHARACTER:
                nons += 1
                i += w
                continue
            elif action >= JOINER:
                after = np.uint8(0)
                if action == JOINER and i + w < stop:
                    after = context[code_point(data, i + w, width(data, i + w, stop))]
                if not _stays(np.int64(action), before, after):
                    invisible += 1
                    i += w
                    continue
                action = np.uint8(0)
            i += w
            if spacing:
                if c == 0x0A:
                    white += pending
                    pending = np.int64(0)
                    n = content
                    if breaks >= 2:
                        white += 1
                        before = np.uint8(0)
                        continue
                    breaks += 1
                    out[n] = np.uint8(0x0A)
                    n += 1
                    content = n
                    before = np.uint8(0)
                    continue
                if action == SPACE:
                    before = np.uint8(0)
                    pending += 1
                    single = pending == 1 and c == 0x20
                    if spacing == 1:
                        n = encode(c, out, n)
                    continue
                if pending and spacing == 2:
                    n, white = _one_space(out, n, white, pending, breaks, single)
                pending = np.int64(0)
                breaks = np.int64(0)
            before = context[c]
            n = encode(c, out, n)
            content = n
        if spacing:
            white += pending
            n = content
            while n > first and out[n - 1] == 0x0A:
                white += 1
                n -= 1
        counts[d, 0] = control
        counts[d, 1] = invisible
        counts[d, 2] = nons
        counts[d, 3] = lines
        counts[d, 4] = wide
        counts[d, 5] = white
    out_offsets[offsets.size - 1] = n
    return n


def cleaned(text: TextBuffers, wanted: Actions, busy: Bytes) -> tuple[pa.LargeStringArray | None, Int64s]:
    """(the column cleaned, None if nothing changes; int64[documents, 6]: characters changed, see `KINDS`).

    Of the documents with a character that needs work: `busy` (uint8[documents]), by `marked(text, wanted.busy)`; of
    all if white space is not kept. Some ns a character, others are copied.
    """
    documents = len(text.offsets) - 1
    counts = np.zeros((documents, len(KINDS)), np.int64)
    chosen = np.ones(documents, np.uint8) if wanted.spacing else busy
    if not chosen.any():
        return None, counts
    size = int(text.offsets[-1] - text.offsets[0])
    offsets, data = np.empty(documents + 1, np.int64), np.empty(size, np.uint8)
    n = _cleaned(text.offsets, text.data, chosen, wanted.of, wanted.context, wanted.spacing, offsets, data, counts)
    if not counts.any():
        return None, counts
    return pa.LargeStringArray.from_buffers(documents, pa.py_buffer(offsets), pa.py_buffer(data[:n])), counts


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    every = np.ones(len(text.offsets) - 1, np.uint8)
    cleaned(text, actions(separators=True, widths="keep", spacing="trim"), every)
