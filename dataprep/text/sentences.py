"""Sentences: every visible character of a document is in exactly one.

A line break always ends one: on web pages it separates headings, list items and paragraphs. Inside a line:

- `. ! ?` and their kin (Arabic ؟, Devanagari ।, ...), as many as stand together, and the closing quotes and brackets
  right after them, end a sentence where white space or the line's end follows: `3.14`, `e.g.,` and `a.b.c` go on.
- `。！？；…` and other wide stops end one whatever follows.
- A full stop after a single capital goes on (`J. Smith`), and so does a sentence without a letter so far (`1. First`).

There is no list of abbreviations: `Dr. Smith` is cut. In Thai, Lao, Burmese and Khmer, where most sentences end without
a sign, a sentence is what stands between line breaks or the signs above.
"""

from __future__ import annotations

from dataprep.text import tables
from dataprep.text.blocks import lowest, stop64
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.lines import drop_space, line_end, skip_space
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve, trim
from dataprep.text.tables import CAPITAL, CLOSING, DIGIT, LETTER, MARK, SPACE, STOP, WIDE_STOP
from dataprep.text.utf8 import before, code_point, width


@inlined
def _next_stop(data: Bytes, i: Int, stop: Int) -> Int:
    """The first byte at or after `i` that is `.`, `!`, `?` or no ASCII; `stop` if there is none."""
    while i < stop and i + 64 <= data.size:
        found = stop64(data, i)
        i += lowest(found)
        if found:
            return min(i, stop)
    i = min(i, stop)
    while i < stop and data[i] < 0x80 and data[i] not in (0x21, 0x2E, 0x3F):
        i += 1
    return i


@inlined
def _ascii_letter(data: Bytes, i: Int, stop: Int) -> bool:
    while i < stop:
        if 0x61 <= data[i] | 0x20 <= 0x7A:
            return True
        i += 1
    return False


@inlined
def _initial(data: Bytes, i: Int, first: Int, classes: Bytes, roles: Bytes) -> bool:
    """Whether a capital that begins a word ends at `i`."""
    if i == first:
        return False
    j = before(data, i, first)
    if roles[code_point(data, j, width(data, j, i))] != CAPITAL:
        return False
    if j == first:
        return True
    h = before(data, j, first)
    return bool(classes[code_point(data, h, width(data, h, j))] < MARK)


@inlined
def _sentence_end(data: Bytes, i: Int, stop: Int, classes: Bytes, roles: Bytes) -> Int:
    """Where the sentence that begins at `i` ends, in a line that ends at `stop` with a visible character."""
    begin = i
    letters = False
    while i < stop:
        sign = _next_stop(data, i, stop)
        letters = letters or _ascii_letter(data, i, sign)
        i = sign
        if i == stop:
            break
        w = width(data, i, stop)
        c = code_point(data, i, w)
        role = roles[c]
        i += w
        if role not in (STOP, WIDE_STOP):
            kind = classes[c]
            letters = letters or (kind >= LETTER and kind != DIGIT)
            continue
        alone = i
        wide = role == WIDE_STOP
        while i < stop:
            w = width(data, i, stop)
            role = roles[code_point(data, i, w)]
            if role not in (STOP, WIDE_STOP):
                break
            wide = wide or role == WIDE_STOP
            i += w
        while i < stop:
            w = width(data, i, stop)
            if roles[code_point(data, i, w)] != CLOSING:
                break
            i += w
        if letters and not (c == 0x2E and i == alone and _initial(data, sign, begin, classes, roles)):
            if wide or i == stop:
                return i
            w = width(data, i, stop)
            if classes[code_point(data, i, w)] == SPACE:
                return i
    return stop


@kernel
def _sentences(
    offsets: Int64s,
    data: Bytes,
    classes: Bytes,
    roles: Bytes,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
) -> None:
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        i: Int = offsets[d]
        stop = offsets[d + 1]
        while i < stop:
            newline = line_end(data, i, stop)
            begin = skip_space(data, i, newline, classes)
            last = drop_space(data, newline, begin, classes)
            while begin < last:
                finish = _sentence_end(data, begin, last, classes, roles)
                start[k] = begin
                end[k] = finish
                hashes[k] = hash_bytes(data, begin, finish)
                k += 1
                begin = skip_space(data, finish, last, classes)
            i = newline + 1
    first[offsets.size - 1] = k


def sentences(text: TextBuffers) -> Spans:
    """The sentences of a batch, without white space around them, with the hash of their bytes."""
    documents = len(text.offsets) - 1
    # A sentence holds a letter and a stop, or ends at a line break or with the document.
    room = int(text.offsets[-1] - text.offsets[0] + documents) // 2 + 1
    found = reserve(room, documents)
    _sentences(text.offsets, text.data, tables.classes(), tables.roles(), *found)
    return trim(found)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    sentences(text)
