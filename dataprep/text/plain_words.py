"""Text as RedPajama-v2 compares it: without ASCII punctuation, in lower case, in normal form D, words between spaces.

What differs from `str.translate`, `str.lower` and `unicodedata.normalize` taken together is only how white space is
kept: a run of it is its line breaks, or one space if it holds none. A capital sigma, and marks out of their order,
depend on what stands beside them: documents with these are written by Python.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import kernel
from dataprep.text.normal_forms import normal
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve, text_buffers, trim
from dataprep.text.utf8 import code_point, count_chars, encode, width

_SIGMA: Final = 0x3A3
_GONE: Final = -1
_SPACE: Final = -2
_POOL: Final = -3
"""Values from here down point into the pool."""
_GROWTH: Final = 3
"""A character becomes at most three times as many bytes: Hangul syllables, U+0390."""

_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


class Spelling(NamedTuple):
    """What each character becomes."""

    of: Int32s
    """int32[0x110000]: a code point; or -1: nothing; -2: white space; -3 - k: the characters at `pool[k]`."""
    pool: Int32s
    """Runs of a length and so many code points."""


@cache
def _spelling() -> Spelling:
    """About 50 ms, once per process."""
    of = np.arange(0x110000, dtype=np.int32)
    pool: list[int] = []
    for c in (
        *range(0x80),
        *range(0x80, 0x3400),
        *range(0xA000, 0xD800),
        *range(0xF900, 0x20000),
        *range(0x2F800, 0x2FA20),
    ):
        spelled = unicodedata.normalize("NFD", chr(c).lower())
        if len(spelled) == 1:
            of[c] = ord(spelled)
        else:
            of[c] = _POOL - len(pool)
            pool += [len(spelled), *map(ord, spelled)]
    of[tables.classes() == tables.SPACE] = _SPACE
    of[[ord(c) for c in string.punctuation]] = _GONE
    made = Spelling(of, np.array(pool, np.int32))
    for table in made:
        table.setflags(write=False)
    return made


@kernel
def _spell(
    offsets: Int64s,
    data: Bytes,
    of: Int32s,
    pool: Int32s,
    classes: Bytes,
    out_offsets: Int64s,
    out: Bytes,
    odd: Bytes,
) -> Int:
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        out_offsets[d] = n
        begin = n
        i: Int = offsets[d]
        stop = offsets[d + 1]
        space: bool = False  # white space before, not yet written
        last = np.uint8(0)
        unsure = False
        while i < stop:
            w = np.int64(1)
            c = np.int64(data[i])
            if c >= 0x80:
                w = np.int64(width(data, i, stop))
                c = np.int64(code_point(data, i, w))
                unsure = unsure or c == _SIGMA
            i += w
            s = np.int64(of[c])
            if s == _GONE:
                continue
            if s == _SPACE:
                last = np.uint8(0)
                if c == 0x0A:
                    out[n] = np.uint8(0x0A)
                    n += 1
                    space = False
                else:
                    space = bool(n > begin and out[n - 1] != 0x0A)
                continue
            if space:
                out[n] = np.uint8(0x20)
                n += 1
                space = False
            if 0 <= s < 0x80:
                out[n] = np.uint8(s)
                n += 1
                last = np.uint8(0)
                while i < stop and data[i] < 0x80 and of[data[i]] >= 0:
                    out[n] = np.uint8(of[data[i]])
                    n += 1
                    i += 1
                continue
            first = np.int64(0)
            count = np.int64(1)
            if s <= _POOL:
                first = _POOL - s + 1
                count = np.int64(pool[first - 1])
            for k in range(count):
                p = s if s >= 0 else np.int64(pool[first + k])
                kind = classes[p]
                unsure = unsure or (kind != 0 and kind < last)
                last = kind
                n = encode(p, out, n)
        odd[d] = np.uint8(unsure)
    out_offsets[offsets.size - 1] = n
    return n


def plain_text(text: TextBuffers) -> TextBuffers:
    """The batch in plain spelling: words between single spaces and line breaks, of which every one is kept."""
    spelling = _spelling()
    documents = len(text.offsets) - 1
    offsets, odd = np.empty(documents + 1, np.int64), np.empty(documents, np.uint8)
    out = np.empty(_GROWTH * int(text.offsets[-1] - text.offsets[0]), np.uint8)  # taken only as it is written
    classes = normal("nfc").classes
    n = _spell(text.offsets, text.data, spelling.of, spelling.pool, classes, offsets, out, odd)
    out.resize(int(n), refcheck=False)
    if odd.any():
        return _spelled_by_python(text, offsets, out, odd)
    for array in (offsets, out):
        array.setflags(write=False)
    return TextBuffers(offsets, out)


def _spelled_by_python(text: TextBuffers, offsets: Int64s, out: Bytes, odd: Bytes) -> TextBuffers:
    spelled = pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(out))
    values = spelled.to_pylist()
    for d in np.flatnonzero(odd).tolist():
        values[d] = plain(bytes(text.data[text.offsets[d] : text.offsets[d + 1]]).decode())
    return text_buffers(pa.array(values, pa.large_string()))


def plain(text: str) -> str:
    """One document in plain spelling."""
    lowered = unicodedata.normalize("NFD", text.translate(_NO_PUNCTUATION).lower())
    return re.sub(r"\s+", lambda run: "\n" * run[0].count("\n") or " ", lowered).strip(" ")


@kernel
def _split(
    offsets: Int64s, data: Bytes, start: Int32s, end: Int32s, hashes: UInt64s, first: Int64s, chars: Int32s
) -> None:
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        begin = offsets[d]
        for i in range(offsets[d], offsets[d + 1] + 1):
            if i == offsets[d + 1] or data[i] == 0x20 or data[i] == 0x0A:
                if i > begin:
                    start[k] = begin
                    end[k] = i
                    hashes[k] = hash_bytes(data, np.int64(begin), np.int64(i))
                    chars[k] = count_chars(data, np.int64(begin), np.int64(i))
                    k += 1
                begin = np.int64(i + 1)
    first[offsets.size - 1] = k


def plain_words(text: TextBuffers) -> tuple[Spans, Int32s]:
    """(words of texts in plain spelling, int32[words]: their characters)."""
    documents = len(text.offsets) - 1
    room = int(text.offsets[-1] - text.offsets[0]) // 2 + documents
    found, chars = reserve(room, documents), np.empty(room, np.int32)
    _split(text.offsets, text.data, *found, chars)
    trim(found)
    chars.resize(len(found.start), refcheck=False)
    return found, chars


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    plain_words(plain_text(text))
