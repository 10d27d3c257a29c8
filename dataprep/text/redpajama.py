"""Counts behind RedPajama-v2's quality signals: raw words, sentences, lines raw and in plain spelling."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.plain_words import plain_text
from dataprep.text.spans import Bytes, Floats, Int, Int64s, TextBuffers, UInt64s
from dataprep.text.utf8 import code_point, width
from dataprep.text.word_sets import WordSets, within, word_sets

_WORD: Final = 1
"""`\\w`."""
_SPACE: Final = 2
_UPPER: Final = 4
_LOWER: Final = 8
"""Lower or title case: no word with one is all capitals."""
_LETTER: Final = 16
"""A to Z, a to z."""
_NUMERIC: Final = 32
"""`str.isnumeric`."""
_BULLET: Final = 64
_FINAL: Final = 128
""". ! ? ”"""

_BULLETS: Final = "•‣▶◀◦■□▪▫–"
_LOREM, _IPSUM = np.frombuffer(b"lorem", np.uint8), np.frombuffer(b"ipsum", np.uint8)
_SCRIPT = np.frombuffer(b"javascript", np.uint8)


class RawCounts(NamedTuple):
    """Counts of each document, int64[documents], and sums over its lines, float64[documents]."""

    chars: Int64s
    sentences: Int64s
    words: Int64s
    """Runs of word characters, and of others that are no white space."""
    without_letter: Int64s
    """Words without a letter of ASCII."""
    capitals: Int64s
    """Words in capitals."""
    stop_words: Int64s
    brackets: Int64s
    lines: Int64s
    ellipsis_lines: Int64s
    final_lines: Int64s
    """Lines that end with . ! ? or ”."""
    bullet_lines: Int64s
    upper_share: Floats
    """Sum over lines of the share of capitals."""


class PlainLines(NamedTuple):
    """Sums over the lines of a document in plain spelling."""

    javascript: Int64s
    """int64[documents]: words `javascript`."""
    numeric_share: Floats
    """float64[documents]: sum over lines of the share of numeric characters."""
    lorem_ipsum: Int64s


@cache
def _kinds() -> Bytes:
    """uint8[0x110000], read-only. About 70 ms, once per process."""
    table = np.zeros(0x110000, np.uint8)
    for c in (*range(0xD800), *range(0xE000, 0x20000)):
        char = chr(c)
        kind = 0
        if char.isalnum():
            kind = _WORD | (_UPPER if char.isupper() else _LOWER if char.islower() or char.istitle() else 0)
            kind |= _NUMERIC * char.isnumeric()
        elif char.isspace():
            kind = _SPACE
        elif char.isupper() or char.islower():  # circled letters, marks with case
            kind = _UPPER if char.isupper() else _LOWER
        elif char.isnumeric():
            kind = _NUMERIC
        table[c] = kind
    table[0x20000:0x32000] = [_WORD * chr(c).isalnum() | _NUMERIC * chr(c).isnumeric() for c in range(0x20000, 0x32000)]
    table[0x5F] |= _WORD
    table[[*range(0x41, 0x5B), *range(0x61, 0x7B)]] |= _LETTER
    table[[ord(c) for c in _BULLETS]] |= _BULLET
    table[[ord(c) for c in ".!?”"]] |= _FINAL
    table.setflags(write=False)
    return table


@kernel
def _raw(
    offsets: Int64s,
    data: Bytes,
    kinds: Bytes,
    stops: UInt64s,
    bounds: Int64s,
    set_bits: Int64s,
    chosen: Int64s,
    out: Int64s,
    share: Floats,
) -> None:
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = offsets[d + 1]
        listed = bounds[chosen[d]]
        bits = set_bits[chosen[d]]
        chars = np.int64(0)
        sentences = np.int64(0)
        words = np.int64(0)
        bare = np.int64(0)
        capitals = np.int64(0)
        stop_words = np.int64(0)
        brackets = np.int64(0)
        lines = np.int64(0)
        dots = np.int64(0)
        finals = np.int64(0)
        bullets = np.int64(0)
        shares = 0.0
        sentence = 0  # 0: none begun, 1: inside, 2: in its stops
        run = np.uint8(0)  # kind of the word we are in: 0 none, 1 of word characters, 2 of others
        begin: Int = i
        seen = np.uint8(0)  # bits of its characters
        length = np.int64(0)  # of the line, in characters
        upper = np.int64(0)
        blank = True  # nothing but white space so far
        last = np.int64(0)  # last character that is no white space
        full_stops = 0  # in a row, up to it
        before_stop = False  # the character before was one
        while i <= stop:
            kind = np.uint8(_SPACE)
            c = np.int64(-1)
            w = np.int64(1)
            if i < stop:
                c = np.int64(data[i])
                if c >= 0x80:
                    w = np.int64(width(data, i, stop))
                    c = np.int64(code_point(data, i, w))
                kind = kinds[c]
            now = np.uint8(1) if kind & _WORD else (np.uint8(0) if kind & _SPACE else np.uint8(2))
            if now != run:
                if run:
                    words += 1
                    bare += np.int64(not seen & _LETTER)
                    capitals += np.int64(seen & _UPPER != 0 and not seen & _LOWER)
                    if bits:
                        stop_words += np.int64(within(stops, listed, bits, hash_bytes(data, begin, i)))
                run = now
                begin = i
                seen = np.uint8(0)
            seen |= kind
            if c == 0x0A or i == stop:
                if c == 0x0A:
                    length += 1
                if length:
                    lines += 1
                    shares += np.float64(upper) / np.float64(length)
                    dots += np.int64(last == 0x2026 or full_stops >= 3)
                    finals += np.int64(last > 0 and kinds[last] & _FINAL != 0)
                chars += length
                length = np.int64(0)
                upper = np.int64(0)
                blank = True
                last = np.int64(0)
                full_stops = 0
                before_stop = False
                if i == stop:
                    break
            else:
                length += 1
                upper += np.int64(kind & _UPPER != 0)
                if not kind & _SPACE:
                    if blank:
                        bullets += np.int64(kind & _BULLET != 0)
                        blank = False
                    last = c
                    if c != 0x2E:
                        full_stops = 0
                    elif before_stop:
                        full_stops += 1
                    else:
                        full_stops = 1
                before_stop = c == 0x2E
            brackets += np.int64(c == 0x7B or c == 0x7D)
            ends = c == 0x2E or c == 0x21 or c == 0x3F
            if sentence == 1 and ends:
                sentence = 2
            elif sentence == 2 and not ends:
                sentence = 0
            if sentence == 0 and kind & _WORD:
                sentence = 1
                sentences += 1
            i += w
            if run == 1:  # the rest of a plain word changes little
                j = i
                while i < stop and data[i] < 0x80 and kinds[data[i]] & _WORD:
                    seen |= kinds[data[i]]
                    upper += np.int64(kinds[data[i]] & _UPPER != 0)
                    i += 1
                if i > j:
                    length += i - j
                    last = np.int64(data[i - 1])
        out[0, d] = chars
        out[1, d] = sentences
        out[2, d] = words
        out[3, d] = bare
        out[4, d] = capitals
        out[5, d] = stop_words
        out[6, d] = brackets
        out[7, d] = lines
        out[8, d] = dots
        out[9, d] = finals
        out[10, d] = bullets
        share[d] = shares


def raw_counts(text: TextBuffers, stops: WordSets, chosen: Int64s) -> RawCounts:
    """Counts over texts as they are. `chosen` int64[documents] says which set of stop words counts, 0: none."""
    documents = len(text.offsets) - 1
    out, share = np.empty((11, documents), np.int64), np.empty(documents, np.float64)
    _raw(text.offsets, text.data, _kinds(), stops.table, stops.first, stops.bits, chosen, out, share)
    return RawCounts._make([*out, share])


@inlined
def _is(data: Bytes, start: Int, end: Int, word: Bytes) -> bool:
    """Whether `data[start:end]` is `word`."""
    if end - start != word.size:
        return False
    k = np.int64(0)
    while k < word.size and data[start + k] == word[k]:
        k += 1
    return bool(k == word.size)


@kernel
def _plain_lines(
    offsets: Int64s,
    data: Bytes,
    kinds: Bytes,
    script: Bytes,
    lorem: Bytes,
    ipsum: Bytes,
    javascript: Int64s,
    share: Floats,
    lorems: Int64s,
) -> None:
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = offsets[d + 1]
        scripts = np.int64(0)
        shares = 0.0
        found = np.int64(0)
        length = np.int64(0)
        numeric = np.int64(0)
        begin: Int = i
        before = False  # the last word ends with `lorem`
        while i <= stop:
            c = np.int64(0x0A)
            w = np.int64(1)
            if i < stop:
                c = np.int64(data[i])
                if c >= 0x80:
                    w = np.int64(width(data, i, stop))
                    c = np.int64(code_point(data, i, w))
            if c == 0x20 or c == 0x0A:
                if i > begin:
                    scripts += np.int64(_is(data, begin, i, script))
                    if before and i - begin >= 5:
                        found += np.int64(_is(data, begin, begin + 5, ipsum))
                    before = bool(i - begin >= 5) and _is(data, i - 5, i, lorem)
                begin = i + 1
                if c == 0x0A:
                    if length:
                        shares += np.float64(numeric) / np.float64(length)
                    length = np.int64(0)
                    numeric = np.int64(0)
                else:
                    length += 1
            else:
                length += 1
                numeric += np.int64(kinds[c] & _NUMERIC != 0)
            i += w
        javascript[d] = scripts
        share[d] = shares
        lorems[d] = found


def plain_lines(text: TextBuffers) -> PlainLines:
    """Sums over texts in plain spelling."""
    documents = len(text.offsets) - 1
    scripts, lorems = np.empty(documents, np.int64), np.empty(documents, np.int64)
    share = np.empty(documents, np.float64)
    _plain_lines(text.offsets, text.data, _kinds(), _SCRIPT, _LOREM, _IPSUM, scripts, share, lorems)
    return PlainLines(scripts, share, lorems)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    raw_counts(text, word_sets([]), np.zeros(len(text.offsets) - 1, np.int64))
    plain_lines(plain_text(text))
