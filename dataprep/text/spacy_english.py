"""spaCy itself, for the words that `spacy_chunks` has no compiled rule for: asked once for each different chunk.

What it said is kept for the process, in a table of at most `CACHED` chunks or `CACHED_BYTES` and those of one batch
more; then the table starts anew. So is what its rules are made of: special cases and classes of characters. Another
release of spaCy may have other rules: if its patterns are not those that are compiled, it is asked for every chunk.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dataprep.errors import UsageError
from dataprep.text import spacy_chunks, spacy_rules
from dataprep.text.hashes import hash_spans
from dataprep.text.spacy_chunks import Found, empty_table, insert, pair_hashes, set_bits, split_words
from dataprep.text.spans import Int32s, Spans, TextBuffers, UInt32s, UInt64s

if TYPE_CHECKING:
    from spacy.tokenizer import Tokenizer

CACHED: Final = 1 << 18
CACHED_BYTES: Final = 32 << 20
_AT_ONCE: Final = 2000
"""Chunks in one question: spaCy needs about 1 kB for each of their words."""
_COMPILED: Final = "3b070276bf3e6482b0d0ccbff90352272746e94226d145bd983372cbe52b197f"
"""SHA-256 of the patterns that `spacy_chunks` follows: those of spaCy 3.8's English."""
_POISON: Final = "IS_ALPHA"
"""spaCy fails on a text with this word; datatrove then takes it out of the text."""
_LIKE_POISON: Final = "IS_ALPHB"
"""A word that the rules treat alike."""


@cache
def language() -> Any:
    """spaCy's blank English pipeline, made once per process (0.5 s). Raises UsageError if spaCy is not installed."""
    try:
        import spacy
    except ImportError:
        raise UsageError("profile: datatrove counts spaCy's words: pip install 'dataprep[profiles]'") from None
    return spacy.blank("en")


class _Switched:
    """A rule that is not there while special cases are loaded: so none is looked for after splitting."""

    def __init__(self, rule: Callable[[str], Any]) -> None:
        self.rule = rule
        self.on = False

    def __call__(self, text: str) -> Any:
        return self.rule(text) if self.on else None


class _Infixes(_Switched):
    def __call__(self, text: str) -> Any:
        return self.rule(text) if self.on else ()


def _without_joining(of: Tokenizer) -> Tokenizer:
    """The same tokenizer that does not look for special cases after splitting."""
    from spacy.tokenizer import Tokenizer

    switches = (_Switched(of.prefix_search), _Switched(of.suffix_search), _Infixes(of.infix_finditer))
    rules = {text: words for text, words in of.rules.items() if " " not in text}
    made = Tokenizer(of.vocab, rules, *switches, of.token_match, of.url_match)
    for switch in switches:
        switch.on = True
    return made


def _hashes(texts: Iterable[str]) -> UInt64s:
    raw = [text.encode() for text in texts]
    end = np.cumsum([len(text) for text in raw], dtype=np.int64).astype(np.int32)
    start = np.concatenate([[0], end[:-1]]).astype(np.int32) if raw else end
    return hash_spans(start, end, np.frombuffer(b"".join(raw), np.uint8))


@cache
def _every() -> tuple[Int32s, str]:
    """All characters."""
    points = np.concatenate([np.arange(0xD800), np.arange(0xE000, 0x110000)]).astype(np.int32)
    return points, points.tobytes().decode("utf-32-le")


def _code_points(one: str) -> Int32s:
    """Those that a regular expression of one character matches."""
    points, every = _every()
    runs = [points[m.start() : m.end()] for m in re.finditer(f"(?:{one})+", every)]
    return np.concatenate([_NO_POINTS, *runs])


_NO_POINTS: Final = np.zeros(0, np.int32)


def _classes() -> UInt32s:
    """uint32[0x110000]: what each code point is in spaCy's rules. 0.2 s, once per process."""
    from spacy.lang import char_classes as c

    table = np.zeros(0x110000, np.uint32)

    def add(flag: int, *found: Iterable[int]) -> None:
        for some in found:
            table[np.fromiter(some, np.int64)] |= np.uint32(flag)

    def signs(listed: Iterable[str]) -> list[int]:
        plain = (item.replace("\\", "") for item in listed)
        return [ord(item) for item in plain if len(item) == 1]

    icons = _code_points("|".join(c.LIST_ICONS))
    lower = _code_points(f"[{c.ALPHA_LOWER}]")
    marks = (signs(c.LIST_PUNCT), signs(c.LIST_QUOTES), [ord("…")], icons)
    add(spacy_rules.PREFIX, map(ord, "§%=—–"), *marks, signs(c.LIST_CURRENCY))
    add(spacy_rules.SUFFIX, map(ord, "—–"), *marks)
    add(spacy_rules.LOWER, lower)
    add(spacy_rules.UPPER, _code_points(f"[{c.ALPHA_UPPER}]"))
    add(spacy_rules.ALPHA, _code_points(f"[{c.ALPHA}]"))
    add(spacy_rules.DIGIT, range(0x30, 0x3A))
    before = rf"[0-9%²\-\+{c.PUNCT}(?:{c.CONCAT_QUOTES})]"
    add(spacy_rules.BEFORE_STOP, lower, _code_points(before))
    add(spacy_rules.QUOTE, _code_points(f"[{c.CONCAT_QUOTES}]"))
    add(spacy_rules.INFIX, [ord("…")], icons)
    add(spacy_rules.OPERATOR, map(ord, ":<>=/"))
    add(spacy_rules.CURRENCY, signs(c.LIST_CURRENCY))
    add(spacy_rules.UNIT, {ord(x) for x in c.UNITS if not x.isascii()})
    add(spacy_rules.SPACE, (x for x in range(0x3001) if chr(x).isspace()))
    return table


def _cuts(words: Iterable[str]) -> Int32s:
    """int32[words, 2]: where each begins and ends in all of them joined, in bytes."""
    ends = np.cumsum([len(word.encode()) for word in words], dtype=np.int64)
    return np.stack([np.concatenate([[0], ends[:-1]]), ends], 1).astype(np.int32) if len(ends) else _NO_CUTS


_NO_CUTS: Final = np.zeros((0, 2), np.int32)


class _Known:
    """One process's spaCy, and the table of what it said."""

    def __init__(self) -> None:
        self.language = language()
        self.tokenizer = self.language.tokenizer
        self.unjoined = _without_joining(self.tokenizer)
        t = self.tokenizer
        rules = (t.prefix_search, t.suffix_search, t.infix_finditer, t.url_match)
        patterns = "\n".join(getattr(getattr(rule, "__self__", None), "pattern", "") for rule in rules)
        self.compiled = hashlib.sha256(patterns.encode()).hexdigest() == _COMPILED
        self.classes = _classes()
        self.poison = int(_hashes([_POISON])[0])
        self.table = empty_table()
        self.longest = 1
        self.first_joined: set[str] = set()
        self.pairs: set[tuple[str, str]] = set()
        self._special_cases()
        self.special = self.table

    def _special_cases(self) -> None:
        from spacy.symbols import ORTH
        from spacy.tokenizer import Tokenizer

        t = self.tokenizer
        given = t.rules.items()
        cases = {text: [word[ORTH] for word in words] for text, words in given if not text.isspace()}
        bare = Tokenizer(t.vocab, {}, t.prefix_search, t.suffix_search, t.infix_finditer, t.token_match, t.url_match)
        parts = {text: [word.text for word in bare(text)] for text in cases}
        joins = {text for text, words in cases.items() if len(parts[text]) > 1 and parts[text] != words}
        self.first_joined = {cases[text][0] for text in joins}
        self.longest = max(len(text.encode()) for text in cases)
        flags = [spacy_chunks.SPECIAL | (spacy_chunks.JOINS if text in joins else 0) for text in cases]
        self._add(list(cases), [_cuts(words) for words in cases.values()], flags, np.zeros((len(cases), 2), np.uint64))
        self.pairs = {pair for words in parts.values() for pair in pairwise(words)}
        ends = np.zeros(128, np.uint8)
        ends[[ord(text[-1]) for text in cases if re.fullmatch(r"[A-Za-z]+[\x00-\x7f]", text)]] = 1
        self.table = self.table._replace(
            known=set_bits(_hashes(cases)),
            pairs=set_bits(pair_hashes(_hashes(a for a, _ in self.pairs), _hashes(b for _, b in self.pairs))),
            ends=ends,
        )

    def _add(self, texts: list[str], cuts: list[Int32s], flags: list[int], ends: UInt64s) -> None:
        """Put chunks into the table: their words, flags, and hashes of their first and last word before joining."""
        old = self.table
        raw = [text.encode() for text in texts]
        size = np.array([len(text) for text in raw], np.int64)
        count = np.array([len(c) for c in cuts], np.int64)
        entries = np.stack(
            [len(old.data) + np.cumsum(size) - size, size, len(old.cuts) + np.cumsum(count) - count, count, flags], 1
        )
        keys = np.concatenate([_hashes(texts)[:, None], ends], 1)
        begin = len(old.keys)
        slots = old.slots
        fresh = (begin + len(texts)) * 2 > len(slots)
        if fresh:
            slots = np.zeros(1 << ((begin + len(texts)) * 4 - 1).bit_length(), np.uint32)
        self.table = old._replace(
            slots=slots,
            keys=np.concatenate([old.keys, keys]),
            entries=np.concatenate([old.entries, entries.astype(np.int32)]),
            data=np.concatenate([old.data, np.frombuffer(b"".join(raw), np.uint8)]),
            cuts=np.concatenate([old.cuts, *cuts]),
        )
        insert(slots, self.table.keys, 0 if fresh else begin)

    def full(self) -> bool:
        return len(self.table.keys) > CACHED or len(self.table.data) > CACHED_BYTES

    def forget(self) -> None:
        """Start anew: nothing but the special cases is known."""
        slots = np.zeros(len(self.special.slots), np.uint32)
        insert(slots, self.special.keys, 0)
        self.table = self.special._replace(slots=slots)

    def ask(self, chunks: list[str]) -> None:
        """Put what spaCy says of these chunks into the table."""
        for i in range(0, len(chunks), _AT_ONCE):
            self._ask(chunks[i : i + _AT_ONCE])

    def _ask(self, chunks: list[str]) -> None:
        found = self._words(self.tokenizer, [chunk.replace(_POISON, _LIKE_POISON) for chunk in chunks])
        flags = [spacy_chunks.WHOLE if _LIKE_POISON in words else 0 for words in found]
        ends = np.zeros((len(chunks), 2), np.uint64)
        joined = [k for k, some in enumerate(found) if not self.first_joined.isdisjoint(some)]
        for k, parts in zip(joined, self._words(self.unjoined, ["".join(found[k]) for k in joined]), strict=True):
            if parts != found[k]:
                flags[k] |= spacy_chunks.FRAGILE
                ends[k] = _hashes([parts[0], parts[-1]])
        self._add(chunks, [_cuts(some) for some in found], flags, ends)

    def _words(self, tokenizer: Any, chunks: list[str]) -> list[list[str]]:
        """The words of each chunk by itself: no special case crosses a line break."""
        found: list[list[str]] = []
        with self.language.memory_zone():
            words: list[str] = []
            for word in tokenizer("\n".join(chunks)):
                text = word.text
                if text == "\n":
                    found.append(words)
                    words = []
                else:
                    words.append(text)
        return [*found, words] if chunks else found

    def together(self, chunks: list[bytes], single: list[bool], k: int) -> tuple[int, int]:
        """First and last of the chunks around a doubt between numbers `k` and `k - 1` that special cases could tie
        together; `single` says after which of them there is a single space."""

        def tied(left: int) -> bool:
            if not (0 <= left < len(single) and single[left]):
                return False
            words = [[word.text for word in self.unjoined(chunks[i].decode())] for i in (left, left + 1)]
            return bool(words[0] and words[1] and (words[0][-1], words[1][0]) in self.pairs)

        first, last = k - 1, k
        with self.language.memory_zone():
            while tied(first - 1):
                first -= 1
            while tied(last):
                last += 1
        return first, last

    def of_text(self, text: str, poisoned: bool) -> tuple[Int32s, UInt64s]:
        """(int32[words, 2], uint64[words]): a text's words, where they are in its bytes, and hashes.

        Of a poisoned text `_POISON` is taken out; the place of a word that it was inside of still covers it.
        """
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ends = np.cumsum(1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000), dtype=np.int64)
        left = np.ones(len(text), np.bool_)
        for found in re.finditer(_POISON, text) if poisoned else ():
            left[found.start() : found.end()] = False
        with self.language.memory_zone():
            words = [(word.idx, word.text) for word in self.tokenizer(text.replace(_POISON, "") if poisoned else text)]
        words = [word for word in words if not word[1].isspace()]
        place = np.flatnonzero(left)
        first = place[[at for at, _ in words]]
        last = place[[at + len(word) - 1 for at, word in words]]
        starts = np.concatenate([[0], ends])[first]
        return np.stack([starts, ends[last]], 1).astype(np.int32), _hashes(word for _, word in words)


@cache
def _known() -> _Known:
    return _Known()


def forget() -> None:
    """Forget what spaCy said so far, as when the table is full."""
    _known().forget()


def asked() -> int:
    """How many different chunks the table holds that spaCy was asked about."""
    return len(_known().table.keys) - len(_known().special.keys)


def spacy_words(text: TextBuffers) -> Spans:
    """The words of spaCy 3.8's blank English pipeline as datatrove 0.10.1 takes them, with the hash of their bytes.

    White space is no word; punctuation is. Asks spaCy about what the compiled rules do not cover: once per process for
    each different chunk as long as the table holds it, and for each document that only tells itself as a whole.
    Raises UsageError if spaCy is not installed.
    """
    known = _known()
    if known.full():
        known.forget()
    while True:
        found = split_words(text, known.classes, known.table, known.longest, known.compiled, known.poison)
        if not len(found.missing):
            break
        known.ask(sorted({text.data[a:z].tobytes().decode() for a, z in found.missing.tolist()}))
    return _corrected(found, text) if len(found.hidden) or found.poisoned.any() else found.words


_WHITE_SPACE: Final = re.compile(rb"(?:[\t-\r\x1c- ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|"
                                 rb"\xe2\x81\x9f|\xe3\x80\x80)+")  # fmt: skip


def _asked_anew(found: Found, text: TextBuffers) -> list[tuple[int, int, int]]:
    """(document, from, to): the bytes to ask about, in order and without overlap: the chunks around a doubt up to where
    no special case can go on, or all of a poisoned document."""
    pieces: list[tuple[int, int, int]] = []
    documents = np.searchsorted(text.offsets, found.hidden, "right") - 1
    for d in sorted({*np.flatnonzero(found.poisoned).tolist(), *documents.tolist()}):
        first, last = text.offsets[d : d + 2].tolist()
        if found.poisoned[d]:
            pieces.append((d, first, last))
            continue
        raw = text.data[first:last].tobytes()
        spaces = [m.span() for m in _WHITE_SPACE.finditer(raw)]
        ends = [0, *(z for _, z in spaces)], [*(a for a, _ in spaces), len(raw)]
        single = [z - a == 1 and raw[a] == 0x20 for a, z in spaces]
        chunks = [raw[a:z] for a, z in zip(*ends, strict=True)]
        for at in sorted(set((found.hidden[documents == d] - first).tolist())):
            a, z = _known().together(chunks, single, bisect_right(ends[0], at) - 1)
            piece = (d, first + ends[0][a], first + ends[1][z])
            if not pieces or piece[1] >= pieces[-1][2]:
                pieces.append(piece)
    return pieces


def _corrected(found: Found, text: TextBuffers) -> Spans:
    """The same words, but for what is asked anew."""
    words, known = found.words, _known()
    counts = np.diff(words.offsets)
    parts: list[Spans] = []
    done = 0
    for d, a, z in _asked_anew(found, text):
        first, last = np.searchsorted(words.start, np.array((a, z), np.int32)).tolist()
        cuts, hashes = known.of_text(text.data[a:z].tobytes().decode(), bool(found.poisoned[d]))
        parts.append(Spans(words.start[done:first], words.end[done:first], words.hash[done:first], words.offsets))
        parts.append(Spans(cuts[:, 0] + np.int32(a), cuts[:, 1] + np.int32(a), hashes, words.offsets))
        counts[d] += len(cuts) - (last - first)
        done = last
    parts.append(Spans(words.start[done:], words.end[done:], words.hash[done:], words.offsets))
    start, end, hash_, _ = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Spans(start, end, hash_, np.concatenate([[0], np.cumsum(counts)]))
