"""What Chinese text is made of, character by character: Han, signs, Latin, old and rare forms, sentences, phrases."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from dataprep.text import tables
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve, trim
from dataprep.text.traditional import TRADITIONAL
from dataprep.text.utf8 import code_point, width

_VISIBLE: Final = 1
_HAN: Final = 2
_SIGN: Final = 4
_LATIN: Final = 8
_TRADITIONAL: Final = 16
_PARTICLE: Final = 32
_RARE: Final = 64
_STOP: Final = 128

PARTICLES: Final = "之乎者也矣焉哉兮"
STOPS: Final = "。！？．｡…!?"
"""Ends of sentences. The full stop of ASCII is none: it also ends numbers and stands in addresses."""

_PHRASE: Final = 4
"""Fewest Han characters of a phrase."""


class ChineseCounts(NamedTuple):
    """Counts for each document, int64[documents]."""

    visible: Int64s
    """Characters that are neither white space, invisible nor marks."""
    han: Int64s
    signs: Int64s
    """Punctuation and every other visible character that is no letter or digit."""
    latin: Int64s
    """Letters of ASCII and their full-width forms."""
    traditional: Int64s
    """Han characters that only traditional Chinese uses."""
    particles: Int64s
    """Classical particles."""
    rare: Int64s
    """Han characters that neither GB 2312 nor the frequent level of Big5 has."""
    sentences: Int64s
    """Runs of visible characters that end with a stop; a line break ends a run too, without one."""
    sentence_chars: Int64s
    """Visible characters in sentences, without their stops."""
    sound_chars: Int64s
    """Visible characters in sentences of a sound length, with their stops."""


def _level_1(c: str) -> bool:
    """Whether Big5 has the character in its level 1, of 5,401 frequent ones."""
    try:
        return 0xA440 <= int.from_bytes(c.encode("big5"), "big") <= 0xC67E
    except UnicodeEncodeError:
        return False


def _common(c: str) -> bool:
    try:
        return bool(c.encode("gb2312"))
    except UnicodeEncodeError:
        return _level_1(c)


@cache
def _bits() -> Bytes:
    """uint8[0x110000], read-only. About 50 ms, once per process."""
    classes = tables.classes()
    bits = np.where(classes >= tables.LETTER, np.uint8(_VISIBLE), np.uint8(0))
    bits[(classes == tables.SYMBOL) | (classes == tables.APOSTROPHE)] = _VISIBLE | _SIGN
    han = classes == tables.HAN
    bits[han] = _VISIBLE | _HAN | _RARE
    bits[[c for c in range(0x4E00, 0xA000) if _common(chr(c))] + [0x3005, 0x3007]] = _VISIBLE | _HAN
    for first in (0x41, 0x61, 0xFF21, 0xFF41):
        bits[first : first + 26] = _VISIBLE | _LATIN
    bits[[ord(c) for c in TRADITIONAL]] |= _TRADITIONAL
    bits[[ord(c) for c in PARTICLES]] |= _PARTICLE
    bits[[ord(c) for c in STOPS]] |= _STOP
    bits.setflags(write=False)
    return bits


@kernel
def _count(offsets: Int64s, data: Bytes, chosen: Bytes, of: Bytes, shortest: Int, longest: Int, out: Int64s) -> None:
    for d in range(offsets.size - 1):
        if not chosen[d]:
            continue
        i: Int = offsets[d]
        stop = offsets[d + 1]
        visible = np.int64(0)
        han = np.int64(0)
        signs = np.int64(0)
        latin = np.int64(0)
        traditional = np.int64(0)
        particles = np.int64(0)
        rare = np.int64(0)
        sentences = np.int64(0)
        in_sentences = np.int64(0)
        sound = np.int64(0)
        length = np.int64(0)
        stopped: bool = False  # a stop right behind a stop belongs to it
        while i < stop:
            w = width(data, i, stop)
            c = code_point(data, i, w)
            bits = of[c]
            i += w
            visible += np.int64(bits & _VISIBLE)
            if bits & _HAN:
                han += 1
                traditional += np.int64(bits & _TRADITIONAL != 0)
                particles += np.int64(bits & _PARTICLE != 0)
                rare += np.int64(bits & _RARE != 0)
                length += 1
                stopped = False
            elif bits & _STOP:
                signs += 1
                if length:
                    sentences += 1
                    in_sentences += length
                    stopped = bool(shortest <= length <= longest)
                    sound += length if stopped else 0
                    length = np.int64(0)
                sound += np.int64(stopped)
            elif c == 0x0A:
                length = np.int64(0)
                stopped = False
            elif bits:
                signs += np.int64(bits & _SIGN != 0)
                latin += np.int64(bits & _LATIN != 0)
                length += 1
                stopped = False
        out[0, d] = visible
        out[1, d] = han
        out[2, d] = signs
        out[3, d] = latin
        out[4, d] = traditional
        out[5, d] = particles
        out[6, d] = rare
        out[7, d] = sentences
        out[8, d] = in_sentences
        out[9, d] = sound


def chinese_counts(text: TextBuffers, chosen: Bytes, shortest: int, longest: int) -> ChineseCounts:
    """Counts over the documents where `chosen` (uint8[documents]) is not 0; 0 elsewhere. A sentence of a sound length
    has `shortest` to `longest` visible characters before its stop."""
    out = np.zeros((len(ChineseCounts._fields), len(text.offsets) - 1), np.int64)
    _count(text.offsets, text.data, chosen, _bits(), shortest, longest, out)
    return ChineseCounts(*out)


@kernel
def _phrases(
    offsets: Int64s,
    data: Bytes,
    chosen: Bytes,
    of: Bytes,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
) -> None:
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        if not chosen[d]:
            continue
        i: Int = offsets[d]
        stop = offsets[d + 1]
        begin = i
        han = np.int64(0)
        while i <= stop:
            w = np.int64(1)
            bits = np.uint8(0)
            if i < stop:
                w = np.int64(width(data, i, stop))
                bits = of[code_point(data, i, w)]
            if bits & _VISIBLE and not bits & _SIGN:
                han += np.int64(bits & _HAN != 0)
            else:
                if han >= _PHRASE:
                    start[k] = begin
                    end[k] = i
                    hashes[k] = hash_bytes(data, begin, i)
                    k += 1
                begin = i + w
                han = np.int64(0)
            i += w
    first[offsets.size - 1] = k


def phrases(text: TextBuffers, chosen: Bytes) -> Spans:
    """Runs of letters and digits, of any script, with four Han characters or more: what stands between signs, white
    space, marks and invisible characters. None in documents where `chosen` is 0."""
    documents = len(text.offsets) - 1
    # A phrase has 12 bytes and more, and a byte between it and the next one.
    found = reserve(int(text.offsets[-1] - text.offsets[0]) // 13 + documents, documents)
    _phrases(text.offsets, text.data, chosen, _bits(), *found)
    return trim(found)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    chosen = np.ones(len(text.offsets) - 1, np.uint8)
    chinese_counts(text, chosen, 5, 200)
    phrases(text, chosen)
