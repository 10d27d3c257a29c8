"""What the lines of a document are like: how they begin, how they end, how short and how long they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataprep.text import tables
from dataprep.text.kernel import kernel
from dataprep.text.lines import line_end
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, reserve
from dataprep.text.tables import CLOSING, STOP, WIDE_STOP
from dataprep.text.utf8 import before, code_point, count_chars, width

_BULLETS = np.array(sorted(map(ord, "-*•‣⁃◦○●▪■·・")), np.int64)
"""Gopher says "a bullet point". Open versions look for • and -; * is Markdown's, the rest is met on pages."""


class LineCounts(NamedTuple):
    """Counts for each document, int64[documents]."""

    bullet: Int64s
    """Lines whose first character is a bullet: - * • ‣ ⁃ ◦ ○ ● ▪ ■ · ・."""
    ellipsis: Int64s
    """Lines that end with `...` or `…`."""
    stopped: Int64s
    """Lines that end with a sentence's stop of any script, also inside a closing quote or bracket."""
    short: Int64s
    """Lines of at most `short_chars` characters."""


@kernel
def _count(
    offsets: Int64s,
    start: Int32s,
    end: Int32s,
    data: Bytes,
    roles: Bytes,
    bullets: Int64s,
    short_chars: int,
    out: Int64s,
) -> None:
    for d in range(offsets.size - 1):
        bullet = np.int64(0)
        ellipsis = np.int64(0)
        stopped = np.int64(0)
        short = np.int64(0)
        for k in range(offsets[d], offsets[d + 1]):
            a = np.int64(start[k])
            z = np.int64(end[k])
            first = code_point(data, a, width(data, a, z))
            for b in bullets:
                bullet += b == first
            # Fewer bytes are fewer characters; more than four times as many are more.
            if z - a <= short_chars or (z - a <= 4 * short_chars and count_chars(data, a, z) <= short_chars):
                short += 1
            j = before(data, z, a)
            last = code_point(data, j, width(data, j, z))
            ellipsis += last == 0x2026 or (last == 0x2E and z - a >= 3 and data[z - 2] == 0x2E and data[z - 3] == 0x2E)
            role = roles[last]
            while role == CLOSING and j > a:
                i = j
                j = before(data, i, a)
                role = roles[code_point(data, j, width(data, j, i))]
            stopped += role in (STOP, WIDE_STOP)
        out[0, d] = bullet
        out[1, d] = ellipsis
        out[2, d] = stopped
        out[3, d] = short


def line_counts(lines: Spans, text: TextBuffers, short_chars: int) -> LineCounts:
    """Counts over non-blank lines without the white space around them (`text.lines`). A few ns a line."""
    out = np.empty((4, len(lines.offsets) - 1), np.int64)
    _count(lines.offsets, lines.start, lines.end, text.data, tables.roles(), _BULLETS, short_chars, out)
    return LineCounts(*out)


@kernel
def _newlines(offsets: Int64s, data: Bytes, out: Int64s) -> None:
    for d in range(offsets.size - 1):
        n = np.int64(0)
        for b in data[offsets[d] : offsets[d + 1]]:
            n += np.int64(b == 0x0A)
        out[d] = n


def newlines(text: TextBuffers) -> Int64s:
    """int64[documents]: line breaks, those of blank lines too. Several GB/s."""
    out = np.empty(len(text.offsets) - 1, np.int64)
    _newlines(text.offsets, text.data, out)
    return out


@kernel
def _nth_longest(offsets: Int64s, data: Bytes, longest: Int64s, out: Int64s) -> None:
    for d in range(offsets.size - 1):
        longest[:] = 0
        i: Int = offsets[d]
        stop = offsets[d + 1]
        while i < stop:
            a: Int = i
            z: Int = line_end(data, i, stop)
            i = z + 1
            # Fewer bytes are fewer characters.
            if z - a <= longest[0]:
                continue
            chars = count_chars(data, a, z)
            k = 0
            while k < longest.size and longest[k] < chars:
                if k > 0:
                    longest[k - 1] = longest[k]
                k += 1
            if k > 0:
                longest[k - 1] = chars
        out[d] = longest[0]


def nth_longest_line(text: TextBuffers, n: int) -> Int64s:
    """int64[documents]: characters of the `n`-th longest line, white space too; 0 if there are fewer lines.

    Lines are what stands between `\\n`. Several GB/s where lines are long.
    """
    out = np.empty(len(text.offsets) - 1, np.int64)
    _nth_longest(text.offsets, text.data, np.zeros(n, np.int64), out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    spans = reserve(0, len(text.offsets) - 1)
    line_counts(spans, text, 30)
    newlines(text)
    nth_longest_line(text, 1)
