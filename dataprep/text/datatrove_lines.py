"""Lines and paragraphs as datatrove cuts them: with the white space around them, and empty ones where it has them."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from dataprep.text import tables
from dataprep.text.datatrove_marks import STOP, marks
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.lines import drop_space, line_end, skip_space
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve, trim
from dataprep.text.utf8 import before, code_point, count_chars, width

_NEWLINE: Final = 0x0A

_VISIBLE: Final = 0
_ALL: Final = 1
_PARAGRAPHS: Final = 2


@kernel
def _room(offsets: Int64s, data: Bytes) -> int:
    n = offsets.size - 1
    for b in data[offsets[0] : offsets[-1]]:
        n += b == _NEWLINE
    return n


@kernel
def _cut(
    offsets: Int64s, data: Bytes, classes: Bytes, kind: int, start: Int32s, end: Int32s, hashes: UInt64s, first: Int64s
) -> None:
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        i: Int = offsets[d]
        stop: Int = offsets[d + 1]
        if i == stop:
            continue
        if kind == _PARAGRAPHS:
            i = skip_space(data, i, stop, classes)
            stop = drop_space(data, stop, i, classes)
        while True:
            a: Int = i
            z: Int = line_end(data, i, stop)
            i = z
            while i < stop and data[i] == _NEWLINE:
                i += 1
            if kind == _PARAGRAPHS:
                while i < stop and i - z < 2:
                    z = line_end(data, i, stop)
                    i = z
                    while i < stop and data[i] == _NEWLINE:
                        i += 1
            if kind != _VISIBLE or skip_space(data, a, z, classes) < z:
                start[k] = a
                end[k] = z
                hashes[k] = hash_bytes(data, a, z)
                k += 1
            if z == stop:
                break
    first[offsets.size - 1] = k


def _spans(text: TextBuffers, kind: int) -> Spans:
    found = reserve(int(_room(text.offsets, text.data)), len(text.offsets) - 1)
    _cut(text.offsets, text.data, tables.classes(), kind, *found)
    return trim(found)


def visible_lines(text: TextBuffers) -> Spans:
    """What stands between line breaks and holds more than white space (FineWeb's lines)."""
    return _spans(text, _VISIBLE)


def all_lines(text: TextBuffers) -> Spans:
    """What stands between runs of line breaks; an empty one where the text begins or ends with a line break, none in an
    empty text (Gopher's lines, for repetition)."""
    return _spans(text, _ALL)


def stripped_paragraphs(text: TextBuffers) -> Spans:
    """What stands between runs of two line breaks or more in the text without white space around it; an empty one in a
    text of white space, none in an empty text (Gopher's paragraphs)."""
    return _spans(text, _PARAGRAPHS)


class VisibleLines(NamedTuple):
    """Counts over `visible_lines`, int64[documents]."""

    stopped: Int64s
    """Lines that end with a stop of any script, white space at the end not forgiven."""
    short: Int64s
    """Lines of at most `short_chars` characters."""


@kernel
def _count_visible(
    offsets: Int64s, start: Int32s, end: Int32s, data: Bytes, flags: Bytes, short_chars: Int, out: Int64s
) -> None:
    for d in range(offsets.size - 1):
        stopped = np.int64(0)
        short = np.int64(0)
        for k in range(offsets[d], offsets[d + 1]):
            a = np.int64(start[k])
            z = np.int64(end[k])
            # Fewer bytes are fewer characters; more than four times as many are more.
            short += z - a <= short_chars or (z - a <= 4 * short_chars and count_chars(data, a, z) <= short_chars)
            j = before(data, z, a)
            stopped += bool(flags[code_point(data, j, width(data, j, z))] & STOP)
        out[0, d] = stopped
        out[1, d] = short


def count_visible_lines(lines: Spans, text: TextBuffers, short_chars: int) -> VisibleLines:
    """Counts over `visible_lines`."""
    out = np.empty((2, len(lines.offsets) - 1), np.int64)
    _count_visible(lines.offsets, lines.start, lines.end, text.data, marks(), short_chars, out)
    return VisibleLines(*out)


class SplitLines(NamedTuple):
    """Counts over what `str.splitlines` gives, empty lines too, int64[documents]."""

    lines: Int64s
    bullet: Int64s
    """Lines that begin with `•` or `-`, after white space."""
    ellipsis: Int64s
    """Lines that end with `...` or `…`, before white space."""


@inlined
def _break(data: Bytes, i: Int, stop: Int) -> Int:
    """Bytes of the line boundary of `str.splitlines` at `i`; 0: there is none."""
    b = data[i]
    n: Int = np.int64(0)
    if b < 0x80:
        if b == 0x0D and i + 1 < stop and data[i + 1] == _NEWLINE:
            n = np.int64(2)
        elif 0x0A <= b <= 0x0D or 0x1C <= b <= 0x1E:
            n = np.int64(1)
    elif b == 0xC2:
        n = np.int64(2 if i + 1 < stop and data[i + 1] == 0x85 else 0)
    elif b == 0xE2 and i + 2 < stop and data[i + 1] == 0x80 and data[i + 2] in (0xA8, 0xA9):
        n = np.int64(3)
    return n


@kernel
def _count_split(offsets: Int64s, data: Bytes, classes: Bytes, out: Int64s) -> None:
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = offsets[d + 1]
        lines = np.int64(0)
        bullet = np.int64(0)
        ellipsis = np.int64(0)
        while i < stop:
            a: Int = i
            n: Int = np.int64(0)
            while i < stop:
                b = data[i]
                if b < 0x20 or b == 0xC2 or b == 0xE2:
                    n = _break(data, i, stop)
                    if n > 0:
                        break
                i += 1
            lines += 1
            c = skip_space(data, a, i, classes)
            if c < i:
                bullet += data[c] == 0x2D or (
                    i - c >= 3 and data[c] == 0xE2 and data[c + 1] == 0x80 and data[c + 2] == 0xA2
                )
                z = drop_space(data, i, c, classes)
                if z - c >= 3:
                    x = data[z - 3]
                    y = data[z - 2]
                    v = data[z - 1]
                    ellipsis += (x == 0x2E and y == 0x2E and v == 0x2E) or (x == 0xE2 and y == 0x80 and v == 0xA6)
            i += n
        out[0, d] = lines
        out[1, d] = bullet
        out[2, d] = ellipsis


def count_split_lines(text: TextBuffers) -> SplitLines:
    """Counts over the lines of `str.splitlines`."""
    out = np.empty((3, len(text.offsets) - 1), np.int64)
    _count_split(text.offsets, text.data, tables.classes(), out)
    return SplitLines(*out)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    count_visible_lines(visible_lines(text), text, 30)
    count_split_lines(text)
