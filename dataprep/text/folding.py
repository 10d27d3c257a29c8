"""Texts as a search for phrases sees them: in one case, with white space as single spaces, each byte with its kind.

The kind of a byte says what its character is to the ends of a phrase: two neighbours of one kind, not 0, are inside one
word. A folding is two tables, of lower case and of kinds, and so says what a word is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.kernel import kernel
from dataprep.text.lower_case import lower_case
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers, text_buffers
from dataprep.text.utf8 import code_point, encode, width

FREE: Final = 0
"""A kind: stands beside any other character."""
LETTERS: Final = 1
"""A kind: letters and digits of scripts that put something between words."""
HANGUL: Final = 2
"""A kind: Hangul, whose words end where other letters begin."""
_INHERITED: Final = 3
"""In a table only: a mark, of the kind of what it is on."""
_SPACE: Final = 4
"""In a table only: white space; a run of it is one space."""
_DROPPED: Final = 5
"""In a table only: left out."""


class Folding(NamedTuple):
    """How texts and phrases are read before they are compared."""

    lower: Int32s
    """int32[characters]: what stands for each; characters beyond stand for themselves."""
    kinds: Bytes
    """uint8[0x110000]: kind of each character."""


def _kinds(of: dict[int, int]) -> Bytes:
    values = np.zeros(16, np.uint8)
    values[list(of)] = list(of.values())
    table: Bytes = values[tables.classes()]
    table.setflags(write=False)
    return table


@cache
def words(case: bool = False) -> Folding:
    """Words as `keywords` has them: `text.words`, but an apostrophe ends a word (`l'amour` holds `amour`), invisible
    joiners are left out, and Han, Kana, Thai, Lao, Burmese and Khmer are read character by character.
    """
    of = {
        tables.LETTER: LETTERS,
        tables.DIGIT: LETTERS,
        tables.HANGUL: HANGUL,
        tables.MARK: _INHERITED,
        tables.SPACE: _SPACE,
        tables.JOINER: _DROPPED,
    }
    return Folding(_as_it_is() if case else lower_case(), _kinds(of))


@cache
def regular_expressions(case: bool = False) -> Folding:
    """Words as Python's `\\w` has them: alphanumeric characters of any script and `_`, no marks. 30 ms, once."""
    table = np.zeros(0x110000, np.uint8)
    # From plane 4 on nothing is alphanumeric.
    table[:0x40000] = [chr(c).isalnum() for c in range(0x40000)]
    table[ord("_")] = LETTERS
    table.setflags(write=False)
    return Folding(_as_it_is() if case else lower_case(), table)


@cache
def ascii_words(case: bool = False) -> Folding:
    """Words are ASCII letters and digits; everything else stands between them: words of URLs."""
    table = np.zeros(0x110000, np.uint8)
    table[_alphanumeric()] = LETTERS
    table.setflags(write=False)
    return Folding(_as_it_is() if case else lower_case(), table)


@cache
def ascii_run_together() -> Folding:
    """Only ASCII letters and digits are left, run together: for words inside names, `free-x-tube.com`."""
    table = np.full(0x110000, _DROPPED, np.uint8)
    table[_alphanumeric()] = FREE
    table.setflags(write=False)
    return Folding(lower_case(), table)


def _alphanumeric() -> list[int]:
    return [c for c in range(128) if chr(c).isalnum()]


@cache
def _as_it_is() -> Int32s:
    table = np.arange(128, dtype=np.int32)
    table.setflags(write=False)
    return table


@kernel
def fold(data: Bytes, i: Int, end: Int, lower: Int32s, kinds: Bytes, out: Bytes, kind: Bytes) -> Int:
    """Write `data[i:end]`, folded, to `out`, and the kind of each byte to `kind`; how many bytes."""
    n: Int = np.int64(0)
    before = np.uint8(0)
    spaced = False
    while i < end:
        b = data[i]
        if b < 0x80:
            k = kinds[b]
            i += 1
            if k <= HANGUL:
                out[n] = lower[b]
                kind[n] = k
                n += 1
                before = k
                spaced = False
                continue
            w: Int = 1
            c: Int = np.int64(b)
        else:
            w = width(data, i, end)
            c = np.int64(code_point(data, i, w))
            i += w
            k = kinds[c]
        if k == _DROPPED:
            continue
        if k == _SPACE:
            if not spaced:
                out[n] = 0x20
                kind[n] = 0
                n += 1
            before = np.uint8(0)
            spaced = True
            continue
        spaced = False
        if k == _INHERITED:
            k = before
        before = k
        first = n
        if c < lower.size:
            n = encode(np.int64(lower[c]), out, n)
        elif b < 0xF0 and w == 3:
            out[n], out[n + 1], out[n + 2] = b, data[i - 2], data[i - 1]
            n += 3
        else:
            n = encode(c, out, n)
        for j in range(first, n):
            kind[j] = k
    return n


@kernel
def _folded(
    offsets: Int64s, data: Bytes, lower: Int32s, kinds: Bytes, scratch: Bytes, kind: Bytes, out: Bytes, bounds: Int64s
) -> None:
    n = np.int64(0)
    for d in range(offsets.size - 1):
        bounds[d] = n
        size = fold(data, offsets[d], offsets[d + 1], lower, kinds, scratch, kind)
        out[n : n + size] = scratch[:size]
        n += size
    bounds[offsets.size - 1] = n


def folded(texts: Sequence[str], folding: Folding) -> list[bytes]:
    """Each text as a search reads it."""
    given = text_buffers(pa.array(texts, pa.large_string()))
    longest = int(np.diff(given.offsets).max(initial=0))
    scratch, kind = np.empty(2 * longest + 8, np.uint8), np.empty(2 * longest + 8, np.uint8)
    out, bounds = np.empty(2 * given.data.size + 8, np.uint8), np.empty(len(given.offsets), np.int64)
    _folded(given.offsets, given.data, *folding, scratch, kind, out, bounds)
    raw = out.tobytes()
    return [raw[a:b] for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]


def edge_kinds(folded_texts: Sequence[bytes], folding: Folding) -> list[tuple[int, int]]:
    """Kinds of the first and the last character of texts that are folded and not empty."""
    found = []
    for text in folded_texts:
        own = [int(folding.kinds[ord(c)]) for c in text.decode()]
        based = [FREE]
        for k in own:
            based.append(based[-1] if k == _INHERITED else FREE if k > _INHERITED else k)
        found.append((based[1], based[-1]))
    return found


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    folded(["a"], words())
