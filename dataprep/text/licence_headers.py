"""Comments with a copyright or a licence at the beginning of source files."""

from __future__ import annotations

from typing import Final

import numpy as np

from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers

WORDS: Final = ("copyright", "license", "licence", "all rights reserved", "spdx-", "permission is hereby granted",
                "redistribution and use", "without warranty")  # fmt: skip
"""A comment with one of these, in either case, is a header."""
_CODING, _DIRECTIVE, _BUILD = (np.frombuffer(word, np.uint8) for word in (b"coding", b"//go:", b"// +build"))
_MOST: Final = 16384
"""Bytes within which a comment must end."""

_NONE: Final = 0
_HASH: Final = 1
_SLASHES: Final = 2
_DASHES: Final = 3
_SEMICOLON: Final = 4
_PERCENT: Final = 5
_BLOCK: Final = 6
_ANGLE: Final = 7


def _packed_words() -> tuple[Bytes, Int64s]:
    raw = [word.encode() for word in WORDS]
    bounds = np.zeros(len(raw) + 1, np.int64)
    np.cumsum([len(word) for word in raw], out=bounds[1:])
    return np.frombuffer(b"".join(raw), np.uint8), bounds


@inlined
def _line(data: Bytes, i: Int, stop: Int) -> Int:
    """Where the next line begins."""
    while i < stop and data[i] != 0x0A:
        i += 1
    return i + 1 if i < stop else i


@inlined
def _blanks(data: Bytes, i: Int, stop: Int) -> Int:
    """The first byte at or after `i` that is no blank or tab."""
    while i < stop and (data[i] == 0x20 or data[i] == 0x09):
        i += 1
    return i


@inlined
def _empty_lines(data: Bytes, i: Int, stop: Int) -> Int:
    """The beginning of the first line at or after `i` with something on it."""
    while True:
        j = _blanks(data, i, stop)
        if j < stop and data[j] == 0x0D:
            j += 1
        if j >= stop:
            return j
        if data[j] != 0x0A:
            return i
        i = j + 1


@inlined
def _marker(data: Bytes, i: Int, stop: Int) -> int:
    """What kind of comment begins at `i`."""
    if i >= stop:
        return _NONE
    b = data[i]
    after = data[i + 1] if i + 1 < stop else np.uint8(0)
    if b == 0x23:  # `#include` is none, nor is `#!`
        return _NONE if 0x61 <= after <= 0x7A or after == 0x21 else _HASH
    if b == 0x2F:
        return _SLASHES if after == 0x2F else (_BLOCK if after == 0x2A else _NONE)
    if b == 0x2D:
        return _DASHES if after == 0x2D else _NONE
    if b == 0x3B:
        return _SEMICOLON
    if b == 0x25:
        return _PERCENT
    if b == 0x3C and i + 4 <= stop and after == 0x21 and data[i + 2] == 0x2D and data[i + 3] == 0x2D:
        return _ANGLE
    return _NONE


@inlined
def _starts(data: Bytes, i: Int, stop: Int, word: Bytes) -> bool:
    """Whether `word` is at `i`."""
    k = np.int64(0)
    while k < word.size and i + k < stop and data[i + k] == word[k]:
        k += 1
    return bool(k == word.size)


@kernel
def _comment_end(data: Bytes, i: Int, stop: Int) -> Int:
    """Where the comment that begins at `i` ends, with its line break; `i` if none begins there."""
    begin = i
    i = _blanks(data, i, stop)
    kind = _marker(data, i, stop)
    limit = min(stop, begin + _MOST)
    if kind == _NONE:
        return begin
    if kind in (_BLOCK, _ANGLE):
        i += 2 if kind == _BLOCK else 4
        while i < limit:
            if kind == _BLOCK and data[i] == 0x2A and i + 1 < limit and data[i + 1] == 0x2F:
                i += 2
                break
            if kind == _ANGLE and data[i] == 0x2D and i + 2 < limit and data[i + 1] == 0x2D and data[i + 2] == 0x3E:
                i += 3
                break
            i += 1
        else:
            return begin
        j = _blanks(data, i, stop)
        if j < stop and data[j] == 0x0D:
            j += 1
        return j + 1 if j < stop and data[j] == 0x0A else i
    while i < limit and _marker(data, i, stop) == kind:
        begin = _line(data, i, stop)
        i = _blanks(data, begin, stop)
    return begin


@kernel
def _holds(data: Bytes, i: Int, end: Int, words: Bytes, bounds: Int64s) -> bool:
    """Whether one of the words is there, in either case."""
    while i < end:
        b = data[i] | 0x20
        for k in range(bounds.size - 1):
            size = bounds[k + 1] - bounds[k]
            if b != words[bounds[k]] or i + size > end:
                continue
            j = np.int64(1)
            while j < size:
                c = data[i + j]
                c = c | 0x20 if 0x41 <= c <= 0x5A else c
                if c != words[bounds[k] + j]:
                    break
                j += 1
            if j == size:
                return True
        i += 1
    return False


@kernel
def _headers(
    offsets: Int64s,
    data: Bytes,
    words: Bytes,
    bounds: Int64s,
    coding: Bytes,
    directive: Bytes,
    build: Bytes,
    start: Int64s,
    end: Int64s,
) -> None:
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = offsets[d + 1]
        if stop - i >= 3 and data[i] == 0xEF and data[i + 1] == 0xBB and data[i + 2] == 0xBF:
            i += 3
        # What must stay first: `#!`, Python's encoding, Go's build constraints.
        for number in range(8):
            i = _empty_lines(data, i, stop)
            next_line = _line(data, i, stop)
            stays = _starts(data, i, stop, directive) or _starts(data, i, stop, build)
            if number < 2 and i < stop and data[i] == 0x23:
                stays = stays or (i + 1 < stop and data[i + 1] == 0x21)
                for j in range(i, next_line):
                    stays = stays or _starts(data, np.int64(j), next_line, coding)
            if not stays:
                break
            i = next_line
        start[d] = i
        end[d] = i
        while True:
            finish = _comment_end(data, end[d], stop)
            if finish == end[d] or not _holds(data, end[d], finish, words, bounds):
                break
            end[d] = _empty_lines(data, finish, stop)


def licence_headers(text: TextBuffers) -> tuple[Int64s, Int64s]:
    """(int64[documents], int64[documents]): first byte and end of each document's header; equal where there is none.

    A header is one comment, or several with only empty lines between them, of which each holds one of `WORDS`. Before
    it may stand a byte order mark, `#!`, Python's encoding and Go's build constraints. Reads little more than it finds.
    """
    documents = len(text.offsets) - 1
    start, end = np.empty(documents, np.int64), np.empty(documents, np.int64)
    words, bounds = _packed_words()
    _headers(text.offsets, text.data, words, bounds, _CODING, _DIRECTIVE, _BUILD, start, end)
    return start, end


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    licence_headers(text)
