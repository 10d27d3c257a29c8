"""Score words by an n-gram language model with back-off: KenLM's numbers, from tables that processes share.

Every n-gram of two words and more is an entry of one hash table, found by walking left from its last word: its key is
the entry of its last words without the first, and the first word. Keys are exact. Since no look-up of one word's chain
waits for another word's, words are looked up level by level, a block at a time, and memory answers many at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.text.blocks import prefetch
from dataprep.text.hashes import hash_bytes, same_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Floats, Int, Int32s, Int64s, TextBuffers, UInt64s

Float32s = npt.NDArray[np.float32]
BEGIN, END = 1, 2
"""Numbers of `<s>` and `</s>`; 0 is `<unk>`."""
MOST_WORDS = 6
EMPTY = ~np.uint64(0)
_BLOCK = 1024
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_HIGH = np.uint64(0x80000000)
_LOW = np.uint64(0x7FFFFFFF)
_HALF = np.uint64(32)
_SIGN = np.uint64(31)


class Table(NamedTuple):
    """A model. Read-only arrays."""

    order: int
    unigrams: UInt64s
    """uint64[words]: `packed` of each."""
    slots: UInt64s
    """uint64[2 * size]: key and `packed`; `EMPTY` where there is none. A key is the number of the n-gram that this one
    ends with << 32 | its first word. A word's number is its own, an n-gram's is words + its place in `slots` / 2."""
    word_slots: Int64s
    """int64[2^n]: a word's number + 1, by hash; 0: none."""
    word_hashes: UInt64s
    letters: Bytes
    starts: Int64s
    """int64[words + 1]: a word's bytes are `letters[starts[i]:starts[i + 1]]`."""


@inlined
def packed(p: np.uint32, backoff: np.uint32, extended: bool) -> np.uint64:
    """What belongs to an n-gram: bits of its log10 probability, whose sign says whether a longer one ends with it, and
    of its back-off << 32."""
    own = np.uint64(p) & _LOW
    return own | (_HIGH if extended else np.uint64(0)) | np.uint64(backoff) << _HALF


@inlined
def home(key: np.uint64, size: Int) -> Int:
    """Where a key is looked for first, of `size` places."""
    h = key * _MULTIPLY
    h = (h ^ (h >> np.uint64(29))) * _MULTIPLY
    return np.int64(((h >> _HALF) * np.uint64(size)) >> _HALF)


@inlined
def find(key: np.uint64, slots: UInt64s) -> Int:
    """The place of a key, or the empty one where it would be put."""
    size = np.int64(slots.size) >> 1
    at = home(key, size)
    while slots[2 * at] != key and slots[2 * at] != EMPTY:
        at += 1
        if at == size:
            at = np.int64(0)
    return at


@kernel
def _scores(
    words: Int32s, order: Int, unigrams: UInt64s, slots: UInt64s, node: Int64s, value: UInt64s, length: Int64s,
    active: Int64s, keys: UInt64s, places: Int64s, backoffs: UInt64s, out: Float32s,
) -> None:  # fmt: skip
    """log10 p of each word of sentences that stand one after another, each from `<s>` on; 0 for `<s>` itself.

    All from `node` to `places` are room for a block; `backoffs`: for a block and the word before it, `MOST_WORDS` each.
    """
    types = np.int64(unigrams.size)
    size = np.int64(slots.size) >> 1
    bits = np.zeros(2, np.uint32)
    real = bits.view(np.float32)
    depth = np.int64(0)
    before = np.int64(0)  # length of the n-gram that the word before the block ends
    begin = np.int64(0)
    while begin < words.size:
        count = min(np.int64(_BLOCK), words.size - begin)
        for i in range(count):
            w = np.int64(words[begin + i])
            value[i] = unigrams[w]
            node[i] = w
            depth = np.int64(0) if w == BEGIN else depth + 1
            # So many words before this one are of its sentence; the sign says that the chain goes on.
            length[i] = min(depth, np.int64(order - 1)) << 8 | 1
            backoffs[(i + 1) * MOST_WORDS] = value[i] >> _HALF
        live = count
        for i in range(count):
            active[i] = i
        for level in range(2, order + 1):
            n = np.int64(0)
            for a in range(live):
                i = active[a]
                keys[n] = np.uint64(node[i]) << _HALF | np.uint64(words[max(begin + i - level + 1, np.int64(0))])
                places[n] = home(keys[n], size)
                prefetch(slots, 2 * places[n])
                active[n] = i
                n += np.int64((length[i] >> 8) >= level - 1) & np.int64(value[i] >> _SIGN & np.uint64(1))
            live = np.int64(0)
            for a in range(n):
                at = places[a]
                while slots[2 * at] != keys[a] and slots[2 * at] != EMPTY:
                    at += 1
                    if at == size:
                        at = np.int64(0)
                i = active[a]
                active[live] = i
                if slots[2 * at] == keys[a]:
                    value[i] = slots[2 * at + 1]
                    node[i] = types + at
                    length[i] += 1
                    if level < order:
                        backoffs[(i + 1) * MOST_WORDS + level - 1] = value[i] >> _HALF
                    live += 1
        for i in range(count):
            matched = length[i] & 0xFF
            bits[0] = np.uint32(value[i] & _LOW)
            p = np.float32(-real[0])
            for k in range(matched, min(before, np.int64(order - 1)) + 1):
                bits[1] = np.uint32(backoffs[i * MOST_WORDS + k - 1])
                p = np.float32(p + real[1])
            out[begin + i] = np.float32(0) if words[begin + i] == BEGIN else p
            before = matched
        for k in range(MOST_WORDS):
            backoffs[k] = backoffs[count * MOST_WORDS + k]
        begin += count


def scores(table: Table, words: Int32s) -> Float32s:
    """float32[words]: log10 of each word's probability after those before it in its sentence, as KenLM gives it.

    Sentences stand one after another, each begins with `<s>` (which gets 0) and ends with `</s>`. 8 to 20 million
    words a second.
    """
    out = np.empty(len(words), np.float32)
    room = (
        np.zeros(_BLOCK, np.int64),
        np.zeros(_BLOCK, np.uint64),
        np.zeros(_BLOCK, np.int64),
        np.zeros(_BLOCK, np.int64),
        np.zeros(_BLOCK, np.uint64),
        np.zeros(_BLOCK, np.int64),
        np.zeros((_BLOCK + 1) * MOST_WORDS, np.uint64),
    )
    _scores(words, table.order, table.unigrams, table.slots, *room, out)
    return out


@kernel
def _look_up(
    data: Bytes, start: Int32s, end: Int32s, slots: Int64s, hashes: UInt64s, letters: Bytes, starts: Int64s, out: Int32s
) -> None:
    mask = np.uint64(slots.size - 1)
    for k in range(start.size):
        a = np.int64(start[k])
        size = np.int64(end[k]) - a
        h = hash_bytes(data, a, a + size)
        slot = h & mask
        out[k] = 0
        while slots[slot]:
            word = slots[slot] - 1
            alike = hashes[word] == h and starts[word + 1] - starts[word] == size
            if alike and same_bytes(letters, starts[word], data, a, size):
                out[k] = word
                break
            slot = (slot + np.uint64(1)) & mask


def look_up(table: Table, data: Bytes, start: Int32s, end: Int32s) -> Int32s:
    """int32[spans]: the number of each span's word, 0 for one that the model does not know."""
    out = np.zeros(len(start), np.int32)
    _look_up(data, start, end, table.word_slots, table.word_hashes, table.letters, table.starts, out)
    return out


@kernel
def _float_sums(p: Float32s, bounds: Int64s, out: Float32s) -> None:
    for s in range(bounds.size - 1):
        total = np.float32(0)
        for i in range(bounds[s], bounds[s + 1]):
            total = np.float32(total + p[i])
        out[s] = total


def sentence_sums(p: Float32s, bounds: Int64s) -> Float32s:
    """float32[sentences]: the sum of each, one after the other in the precision of KenLM."""
    out = np.empty(len(bounds) - 1, np.float32)
    _float_sums(p, bounds, out)
    return out


@kernel
def _worst_windows(words: Int32s, p: Float32s, bounds: Int64s, window: Int, out: Floats) -> None:
    for d in range(bounds.size - 1):
        count = np.int64(0)
        for i in range(bounds[d], bounds[d + 1]):
            count += words[i] != BEGIN
        windows = max((count + window // 2) // window, np.int64(1))
        w = np.int64(1)
        n = np.int64(0)
        held = np.int64(0)
        total = 0.0
        least = np.inf
        for i in range(bounds[d], bounds[d + 1]):
            if words[i] == BEGIN:
                continue
            total += np.float64(p[i])
            n += 1
            held += 1
            if n == w * count // windows:
                least = min(least, total / held)
                w += 1
                held = np.int64(0)
                total = 0.0
        out[d] = least


def worst_windows(words: Int32s, p: Float32s, bounds: Int64s, window: int) -> Floats:
    """float64[documents]: the least mean log10 p of the windows that each document falls into, of about `window` words,
    all equally long to within one; `</s>` counts as a word. Infinite for a document without words."""
    out = np.empty(len(bounds) - 1, np.float64)
    _worst_windows(words, p, bounds, window, out)
    return out


def frozen(table: Table) -> Table:
    """The same, not to be written to: kernels are compiled for one kind of array."""
    for array in table[1:]:
        array.flags.writeable = False
    return table


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    numbers = np.zeros(1, np.int64)
    none = np.full(2, EMPTY)
    table = frozen(Table(2, np.zeros(3, np.uint64), none, numbers, none.copy(), np.zeros(1, np.uint8), numbers.copy()))
    p = scores(table, np.array([BEGIN, END], np.int32))
    sentence_sums(p, np.array([0, 2], np.int64))
    worst_windows(np.array([BEGIN, END], np.int32), p, np.array([0, 2], np.int64), 2)
    look_up(table, text.data, np.zeros(1, np.int32), np.ones(1, np.int32))
