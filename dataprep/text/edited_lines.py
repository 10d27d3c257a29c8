"""Measure lines, judge the short ones by patterns, and take lines out of texts with their line breaks."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bools, Bytes, Int, Int32s, Int64s, Spans, TextBuffers
from dataprep.text.splice import splice
from dataprep.text.tables import DIGIT, HAN, HIRAGANA, JOINER, LETTER, MARK, OTHER, SOUTH_EAST_ASIAN, SPACE
from dataprep.text.utf8 import code_point, width

_NEWLINE = 0x0A
_CASED = 0x20000
"""No character from plane 2 on has case."""


class Measures(NamedTuple):
    """What each line is made of: int32[lines] each."""

    words: Int32s
    unspaced: Int32s
    """Words that are single characters, of scripts without spaces: Han, Thai, Lao, Burmese, Khmer."""
    characters: Int32s
    """Visible characters, marks not among them."""
    upper: Int32s
    letters: Int32s
    """Letters of any script, Han too."""
    digits: Int32s


@cache
def upper_case() -> Bytes:
    """uint8[0x20000]: whether Python's `str.isupper` is true of the character; read-only. 5 ms, once."""
    table = np.array([chr(c).isupper() for c in range(_CASED)], np.uint8)
    table.setflags(write=False)
    return table


@kernel
def _measure(
    start: Int32s,
    end: Int32s,
    word_start: Int32s,
    data: Bytes,
    classes: Bytes,
    cased: Bytes,
    words: Int32s,
    unspaced: Int32s,
    characters: Int32s,
    upper: Int32s,
    letters: Int32s,
    digits: Int32s,
) -> None:
    k = 0
    for n in range(start.size):
        i: Int = np.int64(start[n])
        stop = np.int64(end[n])
        first = k
        alone = np.int32(0)
        while k < word_start.size and word_start[k] < stop:
            at = np.int64(word_start[k])
            if data[at] >= 0x80:
                kind = classes[code_point(data, at, width(data, at, stop))]
                alone += np.int32(kind in (HAN, SOUTH_EAST_ASIAN))
            k += 1
        words[n] = k - first
        unspaced[n] = alone
        seen, high, letter, digit = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        while i < stop:
            c = np.int64(data[i])
            if c < 0x80:
                i += 1
            else:
                w = width(data, i, stop)
                c = np.int64(code_point(data, i, w))
                i += w
            kind = classes[c]
            seen += np.int32(kind not in (OTHER, SPACE, JOINER, MARK))
            letter += np.int32(kind == LETTER or kind >= HIRAGANA)
            digit += np.int32(kind == DIGIT)
            if c < cased.size:
                high += np.int32(cased[c])
        characters[n], upper[n], letters[n], digits[n] = seen, high, letter, digit


def measure(lines: Spans, words: Spans, text: TextBuffers) -> Measures:
    """What each line is made of. `words` are those of `text.words`, of the same texts."""
    made = Measures(*(np.zeros(len(lines.start), np.int32) for _ in Measures._fields))
    _measure(lines.start, lines.end, words.start, text.data, tables.classes(), upper_case(), *made)
    return made


@kernel
def _gather(start: Int32s, end: Int32s, data: Bytes, chosen: Int64s, bounds: Int64s, out: Bytes) -> None:
    for k in range(chosen.size):
        a = np.int64(start[chosen[k]])
        for j in range(bounds[k + 1] - bounds[k]):
            out[bounds[k] + j] = data[a + j]


def gather(lines: Spans, text: TextBuffers, chosen: Int64s) -> pa.LargeStringArray:
    """The lines of these numbers as a column."""
    bounds = np.zeros(len(chosen) + 1, np.int64)
    np.cumsum(lines.end[chosen] - lines.start[chosen], out=bounds[1:], dtype=np.int64)
    out = np.empty(int(bounds[-1]), np.uint8)
    _gather(lines.start, lines.end, text.data, chosen, bounds, out)
    return pa.LargeStringArray.from_buffers(len(chosen), pa.py_buffer(bounds), pa.py_buffer(out))


@kernel
def _removed(
    start: Int32s, end: Int32s, first: Int64s, offsets: Int64s, data: Bytes, gone: Bools, a: Int64s, b: Int64s
) -> Int:
    n = np.int64(0)
    for d in range(offsets.size - 1):
        own = n
        for k in range(first[d], first[d + 1]):
            if not gone[k]:
                continue
            i = np.int64(start[k])
            while i > offsets[d] and data[i - 1] != _NEWLINE:
                i -= 1
            j = np.int64(end[k])
            while j < offsets[d + 1] and data[j] != _NEWLINE:
                j += 1
            last = j == offsets[d + 1]
            if n > own and b[n - 1] == i:
                n -= 1
                i = a[n]
            # The last line has no break of its own: the one before it goes.
            if last and i > offsets[d]:
                i -= 1
            a[n] = i
            b[n] = j if last else j + 1
            n += 1
    return n


def without_lines(text: TextBuffers, lines: Spans, gone: Bools) -> pa.LargeStringArray:
    """The column without the lines where `gone` is true: what `"\\n".join` makes of the others, blank lines kept."""
    a, b = np.empty(int(gone.sum()), np.int64), np.empty(int(gone.sum()), np.int64)
    n = _removed(lines.start, lines.end, lines.offsets, text.offsets, text.data, gone, a, b)
    return splice(text, a[:n], b[:n], [b""] * int(n))


def by_line(lines: Spans, text: TextBuffers) -> TextBuffers:
    """Each line, with the white space up to the next, as a text of its own; nothing is copied."""
    bounds = np.append(lines.start.astype(np.int64), text.offsets[-1])
    bounds.flags.writeable = False
    return TextBuffers(bounds, text.data)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    from dataprep.text.lines import lines
    from dataprep.text.words import words

    found = lines(text)
    measure(found, words(text), text)
    gather(found, text, np.zeros(0, np.int64))
    without_lines(text, found, np.zeros(len(found.start), np.bool_))
