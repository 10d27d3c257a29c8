"""Byte-level byte-pair encoding, of text that GPT-4's pattern, or Qwen2's, has split into words. A word is the first of

- `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` in either case;
- letters, with one character before them that is no letter, digit, carriage return or newline, if there is one;
- up to three digits (GPT-4) or one (Qwen2);
- other visible characters, with a space before and with carriage returns and newlines behind them, if there are any;
- white space up to its last newline; white space up to the end or to the last character before a visible one.

Words are cut further where no token spans two neighbouring characters of three bytes: no merge ever crosses such a
place. Chinese, whose clauses are words here, falls into characters and short words. Segments are remembered, see
`pieces`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

import numpy as np

from dataprep.text.blocks import load64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.pieces import AT_ONCE, SHORT, Memory, Merges, memory, resolve
from dataprep.text.spans import Bools, Bytes, Int, Int32s, Int64s, TextBuffers, UInt32s, UInt64s
from dataprep.text.utf8 import code_point, width

OTHER, LETTER, NUMBER, NEWLINE, SPACE, STRANGE = range(6)
"""Classes of characters. STRANGE ones are unknown to Python's Unicode, so that a pattern may know better; and the long
s, which a pattern that ignores case takes for an s."""
_SPACES = (0x09, 0x0B, 0x0C, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_LONG_S = 0x17F
SPAN_BITS = 21
"""How tokens span two characters is kept in 2^21 bits, by hash: a false hit only leaves a place uncut."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_APOSTROPHE = 0x27
_TOP_BITS = np.uint64(0x8080808080808080)


@cache
def classes() -> Bytes:
    """uint8[0x110000]: the class of each character."""
    by_category = {"L": LETTER, "N": NUMBER}
    names = [unicodedata.category(chr(c)) for c in range(0x110000)]
    table = np.array([STRANGE if name == "Cn" else by_category.get(name[0], OTHER) for name in names], np.uint8)
    table[list(_SPACES)] = SPACE
    table[[0x0A, 0x0D]] = NEWLINE
    table[_LONG_S] = STRANGE
    return table


def merges(tokens: dict[bytes, int], pairs: list[tuple[bytes, bytes]], vocabulary: int) -> Merges:
    """Lay out a vocabulary of byte strings: their tokens, all 256 bytes among them, and what is merged, best first.

    Raises ValueError if a token is made by two merges, which one rank can't tell apart, or a byte has none.
    """
    from dataprep.text.pieces import laid_out

    if vocabulary >= 1 << 20:
        raise ValueError(f"a vocabulary of {vocabulary} tokens, more than 2^20")
    if len({left + right for left, right in pairs}) < len(pairs):
        raise ValueError("a token that two merges make")
    missing = [byte for byte in range(256) if bytes([byte]) not in tokens]
    if missing:
        raise ValueError(f"{len(missing)} bytes without a token")
    single = np.array([tokens[bytes([byte])] for byte in range(256)], np.int32)
    rank = np.zeros(vocabulary, np.int32)
    made = [(tokens[left], tokens[right], tokens[left + right]) for left, right in pairs]
    rank[[token for _, _, token in made]] = np.arange(len(made))
    return Merges(single, single, _spans(tokens), np.zeros(0, np.uint64), laid_out(made), rank)


# ---------------------------------------------------------------- which places tokens span


def _spans(tokens: Iterable[bytes]) -> UInt64s:
    """uint64[2^21 / 64 + 1]: the last 1 to 3 bytes before a place and the first 1 to 3 after it, of every token that
    has a character of three bytes, or its beginning, behind another one; and a mask of the numbers of bytes."""
    found = {
        (token[max(0, p - 3) : p], token[p : p + 3])
        for token in tokens
        for p in range(1, len(token))
        if 0xE0 <= token[p] <= 0xEF and 0x80 <= token[p - 1] < 0xC0
    }
    table = np.zeros((1 << SPAN_BITS) // 64 + 1, np.uint64)
    _note_spans(np.array([_number(a, b) for a, b in sorted(found)], np.uint64), table)
    for a, b in found:
        table[-1] |= np.uint64(1 << (len(a) * 4 + len(b)))
    return table


def _number(before: bytes, after: bytes) -> int:
    return int.from_bytes(before, "big") << 24 | int.from_bytes(after, "big") | len(before) << 50 | len(after) << 54


@kernel
def _note_spans(keys: UInt64s, table: UInt64s) -> None:
    for key in keys:
        bit = key * _SPREAD >> np.uint64(64 - SPAN_BITS)
        table[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))


@inlined
def _spanned(data: Bytes, i: Int, table: UInt64s, sizes: np.uint64) -> bool:
    """Whether a token may span the place at byte i, between two characters of three bytes."""
    before = np.uint64(0)
    for a in range(1, 4):
        before |= np.uint64(data[i - a]) << np.uint64(8 * (a - 1))
        after = np.uint64(0)
        for b in range(1, 4):
            after = after << np.uint64(8) | np.uint64(data[i + b - 1])
            if (sizes >> np.uint64(4 * a + b)) & np.uint64(1):
                key = before << np.uint64(24) | after | np.uint64(a) << np.uint64(50) | np.uint64(b) << np.uint64(54)
                bit = key * _SPREAD >> np.uint64(64 - SPAN_BITS)
                if (table[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & np.uint64(1):
                    return True
    return False


# ---------------------------------------------------------------- words


@inlined
def _class(data: Bytes, i: Int, stop: Int, known: Bytes) -> np.uint8:
    c = np.int64(data[i])
    return np.uint8(known[c if c < 0x80 else code_point(data, i, width(data, i, stop))])


@inlined
def _run(data: Bytes, i: Int, stop: Int, known: Bytes, kind: int) -> Int:
    """Where a run of characters of a class that goes on at `i` ends."""
    while i < stop:
        if data[i] < 0x80:
            if known[data[i]] != kind:
                break
            i += 1
        else:
            w = width(data, i, stop)
            if known[code_point(data, i, w)] != kind:
                break
            i += w
    return i


@inlined
def _contraction(data: Bytes, i: Int, stop: Int) -> Int:
    """Bytes of the `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at the apostrophe at `i`, 0 if there is none."""
    if i + 1 >= stop:
        return 0
    a = data[i + 1] | 0x20
    if a in (0x73, 0x74, 0x6D, 0x64) and data[i + 1] < 0x80:
        return 2
    if i + 2 >= stop or data[i + 1] >= 0x80 or data[i + 2] >= 0x80:
        return 0
    b = data[i + 2] | 0x20
    return 3 if (b == 0x65 and a in (0x72, 0x76)) or (a == 0x6C and b == 0x6C) else 0


@inlined
def _word(data: Bytes, i: Int, stop: Int, known: Bytes, digits: Int) -> Int:
    """Where the word that begins at `i` ends."""
    if data[i] == _APOSTROPHE:
        size = _contraction(data, i, stop)
        if size:
            return i + size
    kind = _class(data, i, stop, known)
    j = i + width(data, i, stop)
    if kind == LETTER:
        return _run(data, j, stop, known, LETTER)
    if kind == NUMBER:
        taken = 1
        while taken < digits and j < stop and _class(data, j, stop, known) == NUMBER:
            j += width(data, j, stop)
            taken += 1
        return j
    after = _class(data, j, stop, known) if j < stop else np.uint8(STRANGE)
    if kind != NEWLINE and after == LETTER:
        return _run(data, j, stop, known, LETTER)
    if kind == OTHER or (data[i] == 0x20 and after == OTHER):
        return _run(data, _run(data, j, stop, known, OTHER), stop, known, NEWLINE)
    if kind == STRANGE:
        return j  # whatever: the document is left to others
    # White space: up to its last newline; else all of it at the end of the text; else all but the last character.
    last = i
    newline = i
    j = i
    while j < stop:
        kind = _class(data, j, stop, known)
        if kind not in (NEWLINE, SPACE):
            break
        last = j
        j += width(data, j, stop)
        if kind == NEWLINE:
            newline = j
    if newline > i:
        return newline
    return j if j == stop or last == i else last


@kernel
def _encode(
    offsets: Int64s, data: Bytes, known: Bytes, digits: Int, single: Int32s, spans: UInt64s, pairs: UInt64s,
    rank: Int32s, slots: UInt64s, arena: Bytes, used: Int64s, alone: UInt64s, out: UInt32s, first: Int64s,
    strange: Bools,
) -> None:  # fmt: skip
    tokens, places = np.empty(SHORT, np.int64), np.empty(SHORT, np.int64)
    made, ranks = np.empty(SHORT, np.int64), np.empty(SHORT, np.int64)
    ends = np.empty(AT_ONCE, np.int64)
    sizes = spans[spans.size - 1]
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        first[d] = n
        i: Int = offsets[d]
        stop = offsets[d + 1]
        begin: Int = i
        segments = 0
        while i < stop:
            end = _word(data, i, stop, known, digits)
            before = False
            if end - i <= 8 and i + 8 <= data.size:
                tops = load64(data, i) & (_TOP_BITS >> np.uint64(64 - 8 * (end - i)))
                if not tops:
                    i = end  # ASCII
            while i < end:
                if data[i] < 0x80:
                    i += 1
                    before = False
                    continue
                w = width(data, i, end)
                strange[d] |= known[code_point(data, i, w)] == STRANGE
                if w == 3:
                    if before and not _spanned(data, i, spans, sizes):
                        ends[segments] = i
                        segments += 1
                        if segments == AT_ONCE - 1:
                            n = resolve(
                                data, begin, ends, segments, False, single, single, pairs, rank, slots, arena, used,
                                alone, tokens, places, made, ranks, out, n,
                            )  # fmt: skip
                            begin = i
                            segments = 0
                    before = True
                else:
                    before = False
                i += w
            ends[segments] = end
            segments += 1
            if segments == AT_ONCE - 1 or end == stop:
                n = resolve(
                    data, begin, ends, segments, False, single, single, pairs, rank, slots, arena, used, alone,
                    tokens, places, made, ranks, out, n,
                )  # fmt: skip
                begin = end
                segments = 0
    first[offsets.size - 1] = n


def encode(text: TextBuffers, table: Merges, known: Memory, digits: int) -> tuple[UInt32s, Int64s, Bools]:
    """The tokens of a batch: uint32[tokens], int64[documents + 1], where each document's begin, and bool[documents]:
    which hold characters that a pattern may class otherwise. `digits` of a number are one word at most.

    Memory is 4 bytes per byte of text reserved, as much used as there are tokens.
    """
    size = int(text.offsets[-1] - text.offsets[0])
    out, first = np.empty(size + 4, np.uint32), np.zeros(len(text.offsets), np.int64)
    strange = np.zeros(len(text.offsets) - 1, np.bool_)
    single, _, spans, _, pairs, rank = table
    _encode(text.offsets, text.data, classes(), digits, single, spans, pairs, rank, *known, out, first, strange)
    out.resize(int(first[-1]), refcheck=False)
    return out, first, strange


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    tokens = {**{bytes([byte]): byte for byte in range(256)}, b"On": 256}
    encode(text, merges(tokens, [(b"O", b"n")], 257), memory(), 3)
