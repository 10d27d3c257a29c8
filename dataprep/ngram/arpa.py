"""Language models in ARPA format, read into the tables that score."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataprep.errors import InputError
from dataprep.ngram.vocabulary import Vocabulary
from dataprep.text.kernel import kernel
from dataprep.text.ngram_table import EMPTY, MOST_WORDS, Float32s, Table, find, packed
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, UInt32s, UInt64s

_BLOCK = 8 << 20
_NOT_A_NUMBER, _WRONG_FIELDS, _POSITIVE = 1, 2, 3
_WRONG = {
    _NOT_A_NUMBER: "a probability or back-off that is no number",
    _WRONG_FIELDS: "another number of words than its section says",
    _POSITIVE: "a log probability above 0",
}
_OPEN, _TWICE = 1, 2
_NO_WORD = np.float32(-100)
"""log10 p of `<unk>` in a model without it, as KenLM has it."""


class Open(InputError):
    """A model whose n-grams lack some that they end or begin with: only KenLM itself fills those in."""


class Head(NamedTuple):
    notes: dict[str, str]
    """From lines `# dataprep NAME=VALUE` in front."""
    counts: list[int]
    """n-grams by order."""
    end: int
    """Where the first section begins."""


def head(path: Path) -> Head:
    """The beginning of a file, up to its first section. Raises InputError for a file that is no ARPA file."""
    notes: dict[str, str] = {}
    counts: list[int] = []
    begun = False
    with path.open("rb") as file:
        while line := file.readline(1 << 16):
            text = line.decode("utf-8", "replace").strip()
            if text.startswith("# dataprep "):
                name, _, value = text.removeprefix("# dataprep ").partition("=")
                notes[name] = value
            elif text == "\\data\\":
                begun = True
            elif begun and (found := re.fullmatch(r"ngram (\d+) ?= ?(\d+)", text)) and int(found[1]) == len(counts) + 1:
                counts.append(int(found[2]))
            elif text and (begun or not text.startswith("#")):
                if text == "\\1-grams:" and counts:
                    return Head(notes, counts, file.tell())
                break
    raise InputError(f"{path}: not a language model in ARPA format")


@kernel
def _number(data: Bytes, i: Int, stop: Int) -> tuple[Int, float]:
    """Where the number at `i` ends, and it; -1 if there is none."""
    negative = i < stop and data[i] == 0x2D
    if negative or (i < stop and data[i] == 0x2B):
        i += 1
    mantissa = np.int64(0)
    power = np.int64(0)
    digits = np.int64(0)
    point = False
    while i < stop:
        b = data[i]
        if b == 0x2E and not point:
            point = True
        elif 0x30 <= b <= 0x39:
            digits += 1
            if mantissa < 100_000_000_000_000_000:
                mantissa = mantissa * 10 + (np.int64(b) - 0x30)
                power -= point
            else:
                power += not point
        else:
            break
        i += 1
    if digits == 0:
        if i + 3 <= stop and data[i] == 0x69 and data[i + 1] == 0x6E and data[i + 2] == 0x66:
            return i + 3, -np.inf if negative else np.inf
        return np.int64(-1), 0.0
    if i < stop and (data[i] == 0x65 or data[i] == 0x45):
        i += 1
        down = i < stop and data[i] == 0x2D
        if down or (i < stop and data[i] == 0x2B):
            i += 1
        exponent = np.int64(0)
        while i < stop and 0x30 <= data[i] <= 0x39:
            exponent = min(exponent * 10 + (np.int64(data[i]) - 0x30), np.int64(10000))
            i += 1
        power += -exponent if down else exponent
    value = np.float64(mantissa) * 10.0 ** np.float64(power)
    return i, -value if negative else value


@kernel
def _parse(
    data: Bytes, words: Int, longest: bool, blank: Bytes, p: Float32s, backoff: Float32s, start: Int32s, end: Int32s,
    state: Int64s,
) -> None:  # fmt: skip
    """Lines of one section, up to `p.size` of them; state: lines read, where the next begins, what is wrong with it."""
    i = state[1]
    n = np.int64(0)
    state[2] = 0
    while n < p.size and i < data.size:
        stop = i
        while stop < data.size and data[stop] != 0x0A:
            stop += 1
        if i == stop or data[i] == 0x5C or data[i] == 0x0D:
            break
        at, value = _number(data, i, stop)
        if at < 0:
            state[2] = _NOT_A_NUMBER
            break
        if value > 0:
            state[2] = _POSITIVE
            break
        p[n] = value
        backoff[n] = 0
        found = np.int64(0)
        while True:
            while at < stop and blank[data[at]]:
                at += 1
            if at == stop or found == words:
                break
            start[n * words + found] = at
            while at < stop and not blank[data[at]]:
                at += 1
            end[n * words + found] = at
            found += 1
        if found < words:
            state[2] = _WRONG_FIELDS
            break
        if at < stop:
            if longest:
                state[2] = _WRONG_FIELDS
                break
            at, value = _number(data, at, stop)
            if at < 0 or (at < stop and not blank[data[at]]):
                state[2] = _WRONG_FIELDS
                break
            backoff[n] = value
        n += 1
        i = stop + 1
    state[0] = n
    state[1] = min(i, data.size)


@kernel
def _insert(
    numbers: UInt32s, words: Int, p: UInt32s, backoff: UInt32s, closed: bool, unigrams: UInt64s, slots: UInt64s
) -> Int:
    """Put n-grams of so many words into the table: 0, or what is wrong. `closed`: what one begins with is there."""
    types = np.int64(unigrams.size)
    high = np.uint64(0x80000000)
    for i in range(p.size):
        last = (i + 1) * words - 1
        node = np.int64(numbers[last])
        for j in range(1, words - 1):
            at = find(np.uint64(node) << np.uint64(32) | np.uint64(numbers[last - j]), slots)
            if slots[2 * at] == EMPTY:
                return _OPEN
            node = types + at
        key = np.uint64(node) << np.uint64(32) | np.uint64(numbers[last - words + 1])
        at = find(key, slots)
        if slots[2 * at] != EMPTY:
            return _TWICE
        if not closed:
            other = np.int64(numbers[last - 1])
            for j in range(2, words):
                before = find(np.uint64(other) << np.uint64(32) | np.uint64(numbers[last - j]), slots)
                if slots[2 * before] == EMPTY:
                    return _OPEN
                other = types + before
        slots[2 * at] = key
        slots[2 * at + 1] = packed(p[i], backoff[i], False)
        if node < types:
            unigrams[node] |= high
        else:
            slots[2 * (node - types) + 1] |= high
    return 0


def table(path: Path) -> Table:
    """The model of a file, 24 bytes an n-gram. 1 s for 1.5 million n-grams.

    Raises InputError for a damaged file, Open for one that these tables can't hold.
    """
    made = head(path)
    order = len(made.counts)
    if not 2 <= order <= MOST_WORDS:
        raise Open(f"{path}: n-grams of up to {order} words")
    size = 3 * sum(made.counts[1:]) // 2 + 16
    if size + made.counts[0] >= 1 << 32:
        raise Open(f"{path}: more than 2^31 n-grams")
    slots = np.full(2 * size, EMPTY)
    slots[1::2] = 0
    vocabulary = Vocabulary()
    unigrams = np.zeros(0, np.uint64)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = made.end
        for words, count in enumerate(made.counts, 1):
            if words > 1:
                at = _titled(path, data, at, f"\\{words}-grams:")
            reader = _Section(path, data, at, words, count, words == order)
            for numbers, p, backoff in reader.rows(vocabulary):
                if words == 1:
                    unigrams = _unigrams(unigrams, len(vocabulary), numbers, p, backoff)
                    continue
                wrong = _insert(
                    numbers, words, p.view(np.uint32), backoff.view(np.uint32), bool(made.notes), unigrams, slots
                )  # fmt: skip
                if wrong == _OPEN:
                    raise Open(f"{path}: holds {words}-grams without those that they end or begin with")
                if wrong:
                    raise InputError(f"{path}: holds a {words}-gram twice; make it anew")
            at = reader.at
        _titled(path, data, at, "\\end\\")
    inside = vocabulary.arrays()
    return Table(order, unigrams, slots, *inside)


def _unigrams(known: UInt64s, words: int, numbers: UInt32s, p: Float32s, backoff: Float32s) -> UInt64s:
    if not len(known):
        known = np.full(3, np.abs(_NO_WORD).view(np.uint32), np.uint64)
    more = np.zeros(words, np.uint64)
    more[: len(known)] = known
    held = np.abs(p).view(np.uint32).astype(np.uint64)
    more[numbers] = held | backoff.view(np.uint32).astype(np.uint64) << np.uint64(32)
    return more


def _titled(path: Path, data: mmap.mmap, at: int, title: str) -> int:
    """Where the line after `title` begins, which must be the next one that is not blank."""
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line = data[at : min(end, at + 100)].strip()
        at = end + 1
        if line == title.encode():
            return at
        if line:
            raise InputError(f"{path}: damaged: where {title} must be, it says '{line.decode('utf-8', 'replace')}'")
    raise InputError(f"{path}: cut short: it ends without {title}; make or copy it anew")


class _Section:
    def __init__(self, path: Path, data: mmap.mmap, at: int, words: int, count: int, longest: bool) -> None:
        self.at = at
        self._path, self._data, self._words, self._count, self._longest = path, data, words, count, longest

    def rows(self, vocabulary: Vocabulary):  # type: ignore[no-untyped-def]
        """(word numbers, log10 p, log10 back-off) of pieces of the section."""
        blank = np.zeros(256, np.uint8)
        blank[list(b"\0\t\n\f\r ")] = 1
        left = self._count
        known = len(vocabulary)
        while left:
            end = min(len(self._data), self.at + _BLOCK)
            if end < len(self._data):
                end = self._data.rfind(b"\n", self.at, end) + 1
            block = np.frombuffer(self._data[self.at : end], np.uint8)
            room = min(left, len(block) // 4 + 1)
            p, backoff = np.empty(room, np.float32), np.empty(room, np.float32)
            start, stop = np.empty(room * self._words, np.int32), np.empty(room * self._words, np.int32)
            state = np.zeros(3, np.int64)
            _parse(block, self._words, self._longest, blank, p, backoff, start, stop, state)
            n = int(state[0])
            if state[2]:
                line = self._data[: self.at + int(state[1])].count(b"\n") + 1
                raise InputError(f"{self._path}: line {line}: {_WRONG[int(state[2])]}; make or copy the file anew")
            if not n:
                done = self._count - left
                raise InputError(
                    f"{self._path}: holds {done:,} of {self._count:,} {self._words}-grams: it is cut short or damaged; "
                    "make or copy it anew"
                )
            self.at += int(state[1])
            left -= n
            numbers = vocabulary.numbers(block, start[: n * self._words], stop[: n * self._words])
            if self._words > 1 and len(vocabulary) > known:
                raise InputError(f"{self._path}: a {self._words}-gram has a word that is no unigram; make it anew")
            yield numbers, p[:n], backoff[:n]
