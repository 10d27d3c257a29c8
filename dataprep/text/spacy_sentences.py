"""How many sentences spaCy's sentencizer sees in each line of a text, its blank English tokenizer giving the tokens.

A sentence begins at a token that is no punctuation, once a token was a stop. spaCy cuts a line at white space and then
each chunk by itself, so what a chunk does depends on nothing but the chunk: chunks without a stop and words that end in
one are judged here, of the others each different one is put to spaCy once per process.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from dataprep.text import tables
from dataprep.text.hashes import hash_bytes, hash_spans
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spacy_english import language
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers, UInt64s, read_only
from dataprep.text.tables import SPACE
from dataprep.text.utf8 import code_point, width

_WORD, _PUNCTUATION, _STOP = 0, 1, 2
"""What a character is: anything else, of category P, a stop of the sentencizer."""

_NOTHING, _GOES_ON, _ENDS, _ODD = 0, 1, 2, 3
"""What a chunk is: punctuation only; words, no stop at its end; words, then a stop; spaCy knows."""

_SLOTS = 1024
_POISON, _LIKE_POISON = "IS_ALPHA", "IS_ALPHB"
"""A token that spaCy can't hold, and one of the same shape."""
_KNOWN_LIMIT = 1 << 20

_known: dict[int, int] = {}
"""By hash of an odd chunk what it does: see `_effect`."""


@cache
def _tokenizer() -> Any:
    from spacy.tokenizer import Tokenizer
    from spacy.vocab import Vocab

    of = language().tokenizer
    return Tokenizer(
        Vocab(),  # without the attributes of words that nobody asks for: half of the time
        rules=of.rules,
        prefix_search=of.prefix_search,
        suffix_search=of.suffix_search,
        infix_finditer=of.infix_finditer,
        token_match=of.token_match,
        url_match=of.url_match,
    )


@cache
def _stops() -> frozenset[str]:
    from spacy.pipeline import Sentencizer

    return frozenset(Sentencizer.default_punct_chars)


@cache
def _roles() -> Bytes:
    """uint8[0x110000]: what each character is to the sentencizer."""
    table = np.zeros(0x110000, np.uint8)
    table[[c for c in range(0x20000) if unicodedata.category(chr(c)).startswith("P")]] = _PUNCTUATION
    table[[ord(c) for c in _stops()]] = _STOP
    table.setflags(write=False)
    return table


@cache
def _abbreviations() -> tuple[UInt64s, int]:
    """(uint64[1024], the longest one's bytes): hashes of spaCy's exceptions, all with a full stop at their end."""
    # The others with a stop have it inside, or signs around it: never what is judged here.
    found = [rule[:-1].encode() for rule in _tokenizer().rules if rule.endswith(".") and rule.isascii()]
    end = np.cumsum([len(word) for word in found], dtype=np.int32)
    start = (end - [len(word) for word in found]).astype(np.int32)
    table = np.zeros(_SLOTS, np.uint64)
    for h in hash_spans(start, end, np.frombuffer(b"".join(found), np.uint8)):
        slot = int(h) % _SLOTS
        while table[slot]:
            slot = (slot + 1) % _SLOTS
        table[slot] = h
    table.setflags(write=False)
    return table, max(map(len, found))


@inlined
def _alphanumeric(b: Int) -> bool:
    return bool(0x61 <= (b | 0x20) <= 0x7A or 0x30 <= b <= 0x39)


@inlined
def _is_e280(data: Bytes, i: Int, stop: Int, third: Int) -> bool:
    """Is the character U+2000 + `third` - 0x80 at byte `i`?"""
    return bool(data[i] == 0xE2 and i + 2 < stop and data[i + 1] == 0x80 and data[i + 2] == third)


@inlined
def _without_closing(data: Bytes, a: Int, z: Int) -> Int:
    """The end of `data[a:z]` without the `"`, `)` and `”` at its end."""
    while a < z:
        if data[z - 1] in (0x22, 0x29):
            z -= 1
        elif z - a >= 3 and _is_e280(data, z - 3, z, 0x9D):
            z -= 3
        else:
            break
    return z


@kernel
def _ends_plainly(data: Bytes, a: Int, z: Int, abbreviations: UInt64s, longest: Int) -> Int:
    """What the chunk `data[a:z]`, with a stop somewhere, is if it is a plain word and stop; else `_ODD`."""
    # Quotes and brackets around it are cut off by spaCy one by one, and so is a stop after them.
    while a < z and (data[a] in (0x22, 0x24, 0x28) or _is_e280(data, a, z, 0x9C)):
        a += 1 if data[a] < 0x80 else 3
    z = _without_closing(data, a, z)
    end = z
    dots = a < z and data[z - 1] == 0x2E
    while end > a and (data[end - 1] == 0x2E if dots else data[end - 1] in (0x21, 0x3F)):
        end -= 1
    stops = z - end
    end = _without_closing(data, a, end)
    # The word: letters and digits, with single apostrophes and hyphens between them, points and commas between digits.
    inside = False
    i = a
    while i < end:
        b = data[i]
        if _alphanumeric(b):
            inside = True
            i += 1
            continue
        w = 3 if _is_e280(data, i, end, 0x99) else 1
        if not inside or i + w == end:
            return _ODD
        if b in (0x2C, 0x2E):
            if data[i - 1] > 0x39 or not 0x30 <= data[i + 1] <= 0x39:
                return _ODD
        elif w == 1 and b not in (0x27, 0x2D):
            return _ODD
        inside = False
        i += w
    if not inside:
        return _ODD
    if not stops or (dots and stops > 1):
        return _GOES_ON  # an ellipsis is one token and no stop
    if not dots:
        return _ENDS
    last = data[end - 1]
    if z - stops > end:
        return _ENDS
    if 0x41 <= last <= 0x5A and not (end - a > 1 and 0x41 <= data[end - 2] <= 0x5A):
        return _ODD  # an initial keeps its full stop
    # What spaCy cuts off before it, at a hyphen or before a unit, leaves the exception whole: `non-Inc.`, `3m.`
    piece = end
    while piece > a and (data[piece - 1] | 0x20) >= 0x61 and data[piece - 1] < 0x80:
        piece -= 1
    if 0 < end - piece <= longest:
        h = hash_bytes(data, piece, end)
        slot = np.int64(h & np.uint64(_SLOTS - 1))
        while abbreviations[slot]:
            if abbreviations[slot] == h:
                return _ODD
            slot = (slot + 1) & (_SLOTS - 1)
    return _ENDS


@kernel
def _sentences(
    offsets: Int64s,
    data: Bytes,
    lines: Int64s,
    classes: Bytes,
    roles: Bytes,
    abbreviations: UInt64s,
    longest: Int,
    effects: Int64s,
    start: Int32s,
    end: Int32s,
    odd_of: Int64s,
    out: Int64s,
) -> Int:
    """Count sentences. Without `effects`, list the odd chunks; with them, by odd chunk, the counts are right."""
    odd: Int = np.int64(0)
    for d in range(offsets.size - 1):
        if effects.size and odd_of[d] == 0:
            continue
        before = odd
        i: Int = offsets[d]
        stop = offsets[d + 1]
        found = lines[d]
        seen = np.int64(0)
        while i < stop:
            # White space: a token, unless it is one space.
            begin = i
            words = False
            while i < stop:
                b = data[i]
                if b > 0x20 and b < 0x7F:
                    break
                w = width(data, i, stop)
                if b == 0x0A:
                    seen = np.int64(0)
                    begin = i + 1
                elif classes[code_point(data, i, w)] != SPACE:
                    break
                i += w
            if i - begin > 1 or (i > begin and data[begin] != 0x20):
                found += seen
                seen = np.int64(0)
            begin = i
            stops = False
            while i < stop:
                b = data[i]
                if b < 0x80:
                    if b <= 0x20 and classes[b] == SPACE:
                        break
                    if _alphanumeric(b):
                        words = True
                    else:
                        role = roles[b]
                        stops = stops or role == _STOP
                        words = words or role == _WORD
                    i += 1
                    continue
                w = width(data, i, stop)
                c = code_point(data, i, w)
                if classes[c] == SPACE:
                    break
                role = roles[c]
                stops = stops or role == _STOP
                words = words or role == _WORD
                i += w
            if not stops:
                if words:
                    found += seen
                    seen = np.int64(0)
                continue
            kind = _ends_plainly(data, begin, i, abbreviations, longest)
            if kind == _ODD:
                if effects.size:
                    effect = effects[odd] >> (32 * seen)
                    found += (effect & 0xFFFFFFFF) >> 1
                    seen = effect & 1
                else:
                    start[odd] = begin
                    end[odd] = i
                odd += 1
            else:
                found += seen
                seen = np.int64(kind == _ENDS)
        out[d] = found
        odd_of[d] = odd - before
    return odd


def _effect(tokens: Iterable[str]) -> int:
    """Sentences that begin in a chunk, and whether a stop is left open after it, had none been open before it, and had
    one been: sentences << 1 | open, the second case 32 bits up."""
    tokens = list(tokens)
    effect = 0
    for before in (0, 1):
        sentences, seen = 0, before
        for token in tokens:
            if token in _stops():
                seen = 1
            elif seen and not all(unicodedata.category(c).startswith("P") for c in token):
                sentences, seen = sentences + 1, 0
        effect |= (sentences << 1 | seen) << (32 * before)
    return effect


def _tokens(english: Any, chunk: str) -> list[str]:
    # spaCy fails on this word from the second time on, by an AssertionError; datatrove then takes it out of the line.
    if _POISON in chunk:
        found = _tokens(english, chunk.replace(_POISON, _LIKE_POISON))
        return _tokens(english, chunk.replace(_POISON, "")) if _LIKE_POISON in found else found
    return [token.text for token in english(chunk)]


def _ask(hashes: UInt64s, start: Int32s, end: Int32s, data: Bytes) -> Int64s:
    """int64[chunks]: the effect of each."""
    different, first, back = np.unique(hashes, return_index=True, return_inverse=True)
    keys = different.tolist()
    unknown = [k for k, key in enumerate(keys) if key not in _known]
    if len(_known) + len(unknown) > _KNOWN_LIMIT:
        forget()
        unknown = list(range(len(keys)))
    if unknown:
        english = _tokenizer()
        with english.vocab.memory_zone():
            for k in unknown:
                chunk = data[start[first[k]] : end[first[k]]].tobytes().decode()
                _known[keys[k]] = _effect(_tokens(english, chunk))
    effects: Int64s = np.array([_known[key] for key in keys], np.int64)[back]
    return effects


def forget() -> None:
    """Forget what spaCy said so far, as when there is no more room."""
    _known.clear()


def asked() -> int:
    """How many different chunks are known that spaCy was asked about."""
    return len(_known)


def spacy_sentences(text: TextBuffers, lines: Int64s) -> Int64s:
    """int64[documents]: sentences of all lines together; a line has at least one.

    `lines` is int64[documents]: lines of each document, which line feeds part; 0: it is empty and has none. 150 MB/s,
    and 20 us for each different odd chunk not met before.
    """
    out = np.empty(len(lines), np.int64)
    size = int(text.offsets[-1] - text.offsets[0])
    abbreviations, longest = _abbreviations()
    given = text.offsets, text.data, lines, tables.classes(), _roles(), abbreviations, longest
    start, end = np.empty(size // 2 + 1, np.int32), np.empty(size // 2 + 1, np.int32)
    odd_of = np.empty(len(lines), np.int64)
    odd = int(_sentences(*given, np.empty(0, np.int64), start, end, odd_of, out))
    if odd:
        start, end = start[:odd], end[:odd]
        effects = _ask(hash_spans(start, end, text.data), start, end, text.data)
        _sentences(*given, effects, start, end, odd_of, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels; spaCy isn't asked for anything."""
    nothing = np.zeros(0, np.int32)
    roles, abbreviations = read_only(np.zeros(0x110000, np.uint8)), read_only(np.zeros(_SLOTS, np.uint64))
    out = np.empty(len(text.offsets) - 1, np.int64)
    none = text.offsets[:1]
    _sentences(
        none, text.data, out, tables.classes(), roles, abbreviations, 7, np.zeros(0, np.int64), nothing, nothing, out,
        out,
    )  # fmt: skip
