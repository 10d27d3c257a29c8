"""Words by number, in the order in which they are met."""

from __future__ import annotations

import numpy as np

from dataprep.text.hashes import hash_bytes, same_bytes
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, UInt32s, UInt64s

SPECIAL = (b"<unk>", b"<s>", b"</s>")
"""Numbers 0, 1, 2. As words of a text they are white space, as for `lmplz --skip_symbols`."""
_ROOM = 1 << 12


@kernel
def _number(
    data: Bytes, start: Int32s, end: Int32s, at: Int, slots: Int64s, hashes: UInt64s, letters: Bytes, starts: Int64s,
    used: Int64s, out: UInt32s,
) -> Int:  # fmt: skip
    """Number spans from `at` on until there is no room for a new word; which span comes next.

    `slots` hold a word's number + 1; `used[0]` words are known, whose bytes are `letters`, from `starts` on.
    """
    mask = np.uint64(slots.size - 1)
    for k in range(at, start.size):
        a = np.int64(start[k])
        size = np.int64(end[k]) - a
        h = hash_bytes(data, a, a + size)
        slot = h & mask
        found = np.int64(-1)
        while slots[slot]:
            word = slots[slot] - 1
            alike = hashes[word] == h and starts[word + 1] - starts[word] == size
            if alike and same_bytes(letters, starts[word], data, a, size):
                found = word
                break
            slot = (slot + np.uint64(1)) & mask
        if found < 0:
            n = used[0]
            if 2 * (n + 1) > slots.size or n + 1 > hashes.size or starts[n] + size > letters.size:
                return k
            for j in range(size):
                letters[starts[n] + j] = data[a + j]
            starts[n + 1] = starts[n] + size
            hashes[n] = h
            slots[slot] = n + 1
            used[0] = n + 1
            found = n
        out[k] = found
    return start.size


@kernel
def _fill(hashes: UInt64s, words: Int, slots: Int64s) -> None:
    mask = np.uint64(slots.size - 1)
    for word in range(words):
        slot = hashes[word] & mask
        while slots[slot]:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = word + 1


class Vocabulary:
    """Grows with what is put in. About 40 bytes a word besides its own."""

    def __init__(self) -> None:
        self._slots = np.zeros(4 * _ROOM, np.int64)
        self._hashes = np.zeros(_ROOM, np.uint64)
        self._letters = np.zeros(16 * _ROOM, np.uint8)
        self._starts = np.zeros(_ROOM + 1, np.int64)
        self._used = np.zeros(1, np.int64)
        for word in SPECIAL:
            self.number(word)

    def __len__(self) -> int:
        return int(self._used[0])

    def number(self, word: bytes) -> int:
        """Of one word."""
        span = np.array([0, len(word)], np.int32)
        return int(self.numbers(np.frombuffer(word, np.uint8), span[:1], span[1:])[0])

    def numbers(self, data: Bytes, start: Int32s, end: Int32s) -> UInt32s:
        """uint32[spans]: of each span; a word not met before gets the next number."""
        out = np.empty(len(start), np.uint32)
        at = 0
        while True:
            table = self._slots, self._hashes, self._letters, self._starts, self._used
            at = int(_number(data, start, end, at, *table, out))
            if at == len(start):
                return out
            self._grow(int(end[at] - start[at]))

    def _grow(self, size: int) -> None:
        words = len(self)
        if self._starts[words] + size > len(self._letters):
            self._letters = np.concatenate([self._letters, np.zeros(len(self._letters) + size, np.uint8)])
        if 2 * (words + 1) > len(self._slots) or words + 1 > len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros(len(self._hashes), np.uint64)])
            self._starts = np.concatenate([self._starts, np.zeros(len(self._starts), np.int64)])
            self._slots = np.zeros(2 * len(self._slots), np.int64)
            _fill(self._hashes, words, self._slots)

    def letters(self) -> tuple[Bytes, Int64s]:
        """The bytes of all words, and where each one's begin."""
        words = len(self)
        return self._letters[: self._starts[words]], self._starts[: words + 1]

    def arrays(self) -> tuple[Int64s, UInt64s, Bytes, Int64s]:
        """Slots, hashes, letters and starts: what `text.ngram_table` looks words up in."""
        return self._slots, self._hashes[: len(self)], *self.letters()
