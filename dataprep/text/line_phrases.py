"""Which of some fixed phrases occur in a piece of text, whatever the case of ASCII letters: about 1 GB/s.

Every phrase is looked for by four of its bytes, those that are rarest in English text; the rest is compared only there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.text.blocks import load32
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bools, Bytes, Int, Int32s, Int64s, TextBuffers

SHORTEST = 4
"""Bytes of the shortest phrase."""

_BITS = 13
_SPREAD = np.uint64(0x9E3779B1)  # 2^32 / golden ratio
_FOLD = np.uint64(0x20202020)
_COMMON = b" etaoinsrhldcumfpgwybvkxjqz"
"""Letters of English by frequency; a byte that is not here is taken to be rare."""

_A, _Z = 0x41, 0x5A


class Phrases(NamedTuple):
    """Phrases prepared for kernels."""

    heads: npt.NDArray[np.int16]
    """int16[2^13]: by hash of four bytes, the first phrase to compare; -1: none."""
    chain: npt.NDArray[np.int16]
    """int16[phrases]: the next phrase of the same hash; -1: none."""
    anchor: Int32s
    """int32[phrases]: where in the phrase the four bytes are."""
    bounds: Int32s
    """int32[phrases + 1]: phrase k is `data[bounds[k]:bounds[k + 1]]`."""
    data: Bytes
    kind: Int64s
    """int64[phrases]: bit that a find sets, 0 to 62."""


def phrases(groups: Sequence[Sequence[str]]) -> Phrases:
    """Prepare the phrases of each group, at least `SHORTEST` bytes long; group k sets bit k.

    ASCII letters match in either case. So that other letters do in the usual spellings, a phrase with such letters
    stands for itself, its upper-case and its capitalised form too. Raises ValueError on a shorter phrase.
    """
    forms: dict[tuple[bytes, int], None] = {}
    for kind, group in enumerate(groups):
        for phrase in group:
            for form in (phrase.lower(), phrase.upper(), phrase.capitalize(), phrase.title()):
                forms[_ascii_lower(form.encode()), kind] = None
    return prepared(list(forms))


@cache
def cached(groups: tuple[tuple[str, ...], ...]) -> Phrases:
    """The same, once per process."""
    return phrases(groups)


def prepared(forms: Sequence[tuple[bytes, int]]) -> Phrases:
    """Tables for (lower-case bytes, bit) pairs."""
    heads = np.full(1 << _BITS, -1, np.int16)
    chain, anchor = np.full(len(forms), -1, np.int16), np.zeros(len(forms), np.int32)
    for k, (form, _) in enumerate(forms):
        if len(form) < SHORTEST:
            raise ValueError(f"a phrase has {SHORTEST} bytes or more: {form.decode()!r}")
        windows = range(len(form) - 3)
        anchor[k] = min(windows, key=lambda i: sum(_frequency(b) for b in form[i : i + 4]))
        four = int.from_bytes(form[anchor[k] : anchor[k] + 4], "little")
        slot = (((four | int(_FOLD)) * int(_SPREAD)) & 0xFFFFFFFF) >> (32 - _BITS)
        chain[k], heads[slot] = heads[slot], k
    bounds = np.cumsum([0, *(len(form) for form, _ in forms)]).astype(np.int32)
    data = np.frombuffer(b"".join(form for form, _ in forms), np.uint8)
    return Phrases(heads, chain, anchor, bounds, data, np.array([kind for _, kind in forms], np.int64))


def _ascii_lower(form: bytes) -> bytes:
    return form.lower()  # of bytes: ASCII only


def _frequency(byte: int) -> int:
    at = _COMMON.find(byte)
    return 0 if at < 0 else len(_COMMON) - at


@kernel
def phrases_at(
    data: Bytes,
    start: Int,
    end: Int,
    heads: npt.NDArray[np.int16],
    chain: npt.NDArray[np.int16],
    anchor: Int32s,
    bounds: Int32s,
    phrase: Bytes,
    kind: Int64s,
) -> Int:
    """Bits of the groups with a phrase in `data[start:end]`."""
    found = np.int64(0)
    for i in range(start, end - 3):
        four = load32(data, i) | _FOLD
        k = np.int64(heads[((four * _SPREAD) & np.uint64(0xFFFFFFFF)) >> np.uint64(32 - _BITS)])
        while k >= 0:
            begin = i - anchor[k]
            first = np.int64(bounds[k])
            size = bounds[k + 1] - first
            if begin >= start and begin + size <= end and _is_phrase(data, begin, phrase, first, size):
                found |= np.int64(1) << kind[k]
            k = np.int64(chain[k])
    return found


@inlined
def _is_phrase(data: Bytes, begin: Int, phrase: Bytes, first: Int, size: Int) -> bool:
    j = np.int64(0)
    while j < size:
        b = data[begin + j]
        if _A <= b <= _Z:
            b |= np.uint8(0x20)
        if b != phrase[first + j]:
            break
        j += 1
    return bool(j == size)


@kernel
def _in_spans(
    start: Int32s,
    end: Int32s,
    data: Bytes,
    heads: npt.NDArray[np.int16],
    chain: npt.NDArray[np.int16],
    anchor: Int32s,
    bounds: Int32s,
    phrase: Bytes,
    kind: Int64s,
    out: Int64s,
) -> None:
    for k in range(start.size):
        out[k] = phrases_at(data, np.int64(start[k]), np.int64(end[k]), heads, chain, anchor, bounds, phrase, kind)


def phrases_in(start: Int32s, end: Int32s, data: Bytes, wanted: Phrases) -> Int64s:
    """int64[spans]: bits of the groups with a phrase in each span."""
    out = np.empty(len(start), np.int64)
    _in_spans(start, end, data, *wanted, out)
    return out


def holding_any(text: TextBuffers, wanted: Phrases) -> Bools:
    """bool[documents]: which hold a phrase."""
    found = phrases_in(text.offsets[:-1].astype(np.int32), text.offsets[1:].astype(np.int32), text.data, wanted)
    held: Bools = found != 0
    return held


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    holding_any(text, phrases([["none"]]))
