"""Words: what a document is made of, in any script.

A word is a maximal run of letters, digits and the marks on them. An apostrophe (' ’ ＇) or an invisible joiner (soft
hyphen, zero-width joiner and non-joiner) between two of them belongs to the word: `don't` is one word, `'tis'` is
`tis`, `snake_case` and `well-known` are two words each.

- Each Han character is a word. Hiragana, Katakana (ー continues both) and Hangul are words by run; where one of these
  scripts meets another or meets other letters or digits, a word ends: `第3章` is three words, `テストです` two.
- Thai, Lao, Burmese and Khmer put no space between words. Finding them needs a dictionary; here each letter with the
  marks on it is a word, so that counts compare with Chinese ones. Their digits form runs as all digits do.
- Every other visible character is a symbol. Symbols are not words.
- A mark without a letter or digit before it (a variation selector after an emoji) is part of what it follows.
"""

from __future__ import annotations

import numpy as np

from dataprep.text import tables
from dataprep.text.blocks import alphanumeric64, lowest, special64
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.lower_case import hash_by_characters, lower_case, lower_hash
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve, trim
from dataprep.text.tables import (
    APOSTROPHE,
    DIGIT,
    HAN,
    HIRAGANA,
    JOINER,
    KATAKANA,
    LETTER,
    MARK,
    PROLONGED,
    SOUTH_EAST_ASIAN,
)
from dataprep.text.utf8 import code_point, width

_APOSTROPHE = 0x27


@inlined
def _markless(data: Bytes, i: Int, stop: Int) -> bool:
    """Whether surely no mark begins at `i`: neither ASCII nor U+4000..U+9FFF holds one."""
    return bool(i >= stop or data[i] < 0x80 or 0xE4 <= data[i] <= 0xE9)


@kernel
def _extend(data: Bytes, i: Int, stop: Int, classes: Bytes, kind: np.uint8) -> Int:
    """Where the word ends whose first character, of this kind, ends at `i`."""
    if kind == DIGIT:
        kind = np.uint8(LETTER)
    elif kind == PROLONGED:
        kind = np.uint8(KATAKANA)
    kana = kind in (HIRAGANA, KATAKANA)
    alone = kind in (HAN, SOUTH_EAST_ASIAN)
    while i < stop:
        w = width(data, i, stop)
        c = classes[code_point(data, i, w)]
        if c == MARK or (c == kind and not alone) or (c == DIGIT and kind == LETTER) or (c == PROLONGED and kana):
            i += w
        elif c in (APOSTROPHE, JOINER) and kind == LETTER and i + w < stop:
            v = width(data, i + w, stop)
            if classes[code_point(data, i + w, v)] & 0xFE != LETTER:
                break
            i += w + v
        else:
            break
    return i


@inlined
def _masks(data: Bytes, i: Int, stop: Int) -> tuple[np.uint64, np.uint64]:
    """`alphanumeric64` and `special64` of the 64 bytes at `i`, cut at `stop`."""
    n = stop - i
    if i + 64 <= data.size:
        plain = alphanumeric64(data, i)
        special = special64(data, i)
        if n < 64:
            inside = (np.uint64(1) << np.uint64(n)) - np.uint64(1)
            plain &= inside
            special &= inside
        return plain, special
    plain = np.uint64(0)
    special = np.uint64(0)
    for j in range(min(n, 64)):
        b = data[i + j]
        bit = np.uint64(1) << np.uint64(j)
        if 0x61 <= b | 0x20 <= 0x7A or 0x30 <= b <= 0x39:
            plain |= bit
        elif b >= 0x80 or b == _APOSTROPHE:
            special |= bit
    return plain, special


@kernel
def _words(
    offsets: Int64s,
    data: Bytes,
    classes: Bytes,
    lower: Int32s,
    scratch: Bytes,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
) -> None:
    lowered = lower.size > 0
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        i: Int = offsets[d]
        stop = offsets[d + 1]
        base = i - 64
        plain = np.uint64(0)
        special = np.uint64(0)
        while i < stop:
            begin = i
            if data[i] >= 0x80:
                w = width(data, i, stop)
                kind = classes[code_point(data, i, w)]
                i += w
                if kind < LETTER:
                    continue
                if kind not in (HAN, SOUTH_EAST_ASIAN) or not _markless(data, i, stop):
                    i = _extend(data, i, stop, classes, kind)
            else:
                if i >= base + 64:
                    base = i
                    plain, special = _masks(data, base, stop)
                found = (plain | special) >> np.uint64(i - base)
                if not found:
                    i = base + 64
                    continue
                i += lowest(found)
                begin = i
                run = lowest(~(plain >> np.uint64(i - base)))
                if not run:
                    i += np.int64(data[i] == _APOSTROPHE)
                    continue
                i += run
                while i == base + 64 and i < stop:
                    base = i
                    plain, special = _masks(data, base, stop)
                    i += lowest(~plain)
                if i < stop and (special >> np.uint64(i - base)) & np.uint64(1):
                    i = _extend(data, i, stop, classes, np.uint8(LETTER))
            start[k] = begin
            end[k] = i
            if lowered:
                hashes[k], enough = lower_hash(data, begin, i)
                if not enough:
                    hashes[k] = hash_by_characters(data, begin, i, lower, scratch)
            else:
                hashes[k] = hash_bytes(data, begin, i)
            k += 1
    first[offsets.size - 1] = k


_AS_IT_IS = np.empty(0, np.int32)
_AS_IT_IS.flags.writeable = False
_NO_ROOM = np.empty(0, np.uint8)


def _room(text: TextBuffers) -> int:
    """Most words there can be."""
    # Two words of one byte each need a separator between them; words of one script change need 3 bytes or more.
    return int(text.offsets[-1] - text.offsets[0] + len(text.offsets) - 1) // 2 + 1


def words(text: TextBuffers) -> Spans:
    """The words of a batch, with the hash of their bytes (case matters).

    Peak memory is 8 bytes per byte of text reserved, 16 bytes per word used.
    """
    documents = len(text.offsets) - 1
    found = reserve(_room(text), documents)
    _words(text.offsets, text.data, tables.classes(), _AS_IT_IS, _NO_ROOM, *found)
    return trim(found)


def lower_words(text: TextBuffers) -> Spans:
    """The same words with the hash of their lower-case bytes, as `lower_case.lower_hashes` gives it."""
    documents = len(text.offsets) - 1
    longest = int(np.diff(text.offsets).max(initial=0))  # memory is taken only as it is written
    found = reserve(_room(text), documents)
    _words(text.offsets, text.data, tables.classes(), lower_case(), np.empty(2 * longest + 8, np.uint8), *found)
    return trim(found)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    words(text)
    lower_words(text)
