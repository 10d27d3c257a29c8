"""Lines and paragraphs: what stands between line breaks, and between blank lines.

Only `\\n` breaks a line: `\\r\\n` does too, since white space at both ends is stripped. A lone `\\r`, U+0085 and U+2028
are white space like any other. Lines without a visible character are blank: no lines here, but ends of paragraphs.
"""

from __future__ import annotations

import numpy as np

from dataprep.text import tables
from dataprep.text.blocks import lowest, newline64
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve, trim
from dataprep.text.tables import HAN, HIRAGANA, KATAKANA, SOUTH_EAST_ASIAN, SPACE
from dataprep.text.utf8 import before, code_point, width

_NEWLINE = 0x0A


@inlined
def line_end(data: Bytes, i: Int, stop: Int) -> Int:
    """Where the next `\\n` at or after `i` is; `stop` if there is none."""
    while i < stop and i + 64 <= data.size:
        found = newline64(data, i)
        i += lowest(found)
        if found:
            return min(i, stop)
    i = min(i, stop)
    while i < stop and data[i] != _NEWLINE:
        i += 1
    return i


@inlined
def skip_space(data: Bytes, i: Int, stop: Int, classes: Bytes) -> Int:
    """The first byte at or after `i` that begins no white space; `stop` if there is none."""
    while i < stop:
        w = width(data, i, stop)
        if classes[code_point(data, i, w)] != SPACE:
            break
        i += w
    return i


@inlined
def drop_space(data: Bytes, i: Int, first: Int, classes: Bytes) -> Int:
    """The end of the last character before byte `i` that is no white space; `first` if there is none."""
    while i > first:
        j = before(data, i, first)
        w = width(data, j, i)
        if w != i - j or classes[code_point(data, j, w)] != SPACE:
            break
        i = j
    return i


@kernel
def has_long_word(data: Bytes, i: Int, stop: Int, longest: Int, classes: Bytes, by_script: bool) -> bool:
    """Is there a run of more than `longest` characters without white space and, `by_script`, without letters of scripts
    that write none?"""
    chars = 0
    while i < stop:
        w = width(data, i, stop)
        kind = classes[code_point(data, i, w)]
        i += w
        ends = kind == SPACE or (by_script and kind in (HAN, HIRAGANA, KATAKANA, SOUTH_EAST_ASIAN))
        chars = 0 if ends else chars + 1
        if chars > longest:
            return True
    return False


@kernel
def words_up_to(data: Bytes, i: Int, stop: Int, most: Int, classes: Bytes) -> Int:
    """Words of `str.split` in `data[i:stop]`, which does not begin with white space, no more than `most`."""
    words: Int = np.int64(0)
    while i < stop and words < most:
        words += 1
        while i < stop:
            b = data[i]
            if 0x20 < b < 0x80:
                i += 1
                continue
            w = width(data, i, stop)
            if classes[code_point(data, i, w)] == SPACE:
                break
            i += w
        i = skip_space(data, i, stop, classes)
    return words


@kernel
def _count_newlines(data: Bytes, start: Int, stop: Int) -> Int:
    n = 0
    for b in data[start:stop]:
        n += b == _NEWLINE
    return n


@kernel
def _lines(
    offsets: Int64s,
    data: Bytes,
    classes: Bytes,
    joined: bool,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
) -> None:
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        i = offsets[d]
        stop = offsets[d + 1]
        begin: Int = np.int64(-1)
        finish: Int = np.int64(-1)
        while i <= stop:
            newline = line_end(data, i, stop)
            a = skip_space(data, i, newline, classes)
            blank = a == newline
            if not blank:
                if begin < 0:
                    begin = a
                finish = drop_space(data, newline, a, classes)
            if begin >= 0 and (blank or not joined or newline == stop):
                start[k] = begin
                end[k] = finish
                hashes[k] = hash_bytes(data, begin, finish)
                k += 1
                begin = np.int64(-1)
            i = newline + 1
    first[offsets.size - 1] = k


def _split(text: TextBuffers, joined: bool) -> Spans:
    documents = len(text.offsets) - 1
    room = int(_count_newlines(text.data, text.offsets[0], text.offsets[-1])) + documents
    found = reserve(room, documents)
    _lines(text.offsets, text.data, tables.classes(), joined, *found)
    return trim(found)


def lines(text: TextBuffers) -> Spans:
    """Non-blank lines without the Unicode white space around them, with the hash of what is left."""
    return _split(text, False)


def paragraphs(text: TextBuffers) -> Spans:
    """Runs of non-blank lines, from the first visible character to the last, with the hash of those bytes."""
    return _split(text, True)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    lines(text)
