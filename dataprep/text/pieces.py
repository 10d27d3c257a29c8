"""Byte-pair encoding of text whose symbols are characters, as SentencePiece's BPE models do it.

Two facts make it fast and leave every token as it is:

- If no piece of the vocabulary holds character a followed by b, no merge ever crosses a place where they meet. There
  the text falls into segments that have nothing to do with one another: most Chinese characters are alone, and a word
  never spans a space unless a piece does.
- Segments repeat. Their tokens are remembered, by their bytes, in a table of fixed size that is emptied when full.

Merging takes the pair that makes the best piece, the leftmost of several, until no two neighbours make one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dataprep.text.blocks import load32, load64
from dataprep.text.hashes import hash_bytes, same_bytes, tail64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers, UInt32s, UInt64s
from dataprep.text.utf8 import code_point, count_chars, width

MEETING_BITS = 20
"""Pairs of characters that meet within a piece are in 2^20 bits, by hash: a false hit only makes a segment longer."""
SLOTS = 1 << 18
"""Segments remembered, half of it at most: 8 MB."""
ARENA_BYTES = 8 << 20
"""Their bytes and long lists of tokens."""
_REMEMBERED = 96
"""Longest segment, in bytes, that is remembered."""
_INLINE = 4
"""Tokens that a slot of the table holds itself."""
AT_ONCE = 512
"""Segments found before their tokens are looked up: two plain loops run faster than one that does both."""
SHORT = 40
"""Symbols up to which a plain search for the best pair is faster than a heap."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_NO_RANK = np.int64(0x7FFFFFFF)
_TWENTY = np.uint64(0xFFFFF)
_LOW = np.uint64(0xFFFFFFFF)


class Merges(NamedTuple):
    """A vocabulary, laid out for merging."""

    single: Int32s
    """int32[0x110000]: the token of a character; -1: it has none and becomes the tokens of its bytes."""
    byte: Int32s
    """int32[256]: the token of a byte."""
    meeting: UInt64s
    """uint64[2^20 / 64]: bits of the pairs of characters that stand side by side in a piece."""
    near: UInt64s
    """uint64[256]: the same of ASCII characters, exactly: bit b of the 128 at `2 * a`."""
    pairs: UInt64s
    """uint64[2^n]: left << 42 | right << 20 | made, of two tokens whose pieces make another; all ones where empty."""
    rank: Int32s
    """int32[vocabulary]: how good a piece is, 0 best. Equal scores have equal ranks."""


class Memory(NamedTuple):
    """What segments became: scratch that only makes the next call faster."""

    slots: UInt64s
    """uint64[4 * SLOTS], per segment: hash; bytes | tokens << 8 | place in `arena` << 16, 0 if empty; four tokens."""
    arena: Bytes
    """Bytes of segments of more than 8, then their tokens if more than four."""
    used: Int64s
    """int64[2]: slots, bytes of `arena`."""
    alone: UInt64s
    """uint64[2^16]: of each character of three bytes that is a segment, where symbols are bytes: tokens << 60, and the
    three at most, of 20 bits; 0: not met yet."""


def memory() -> Memory:
    """An empty one: 16 MB, taken as it fills."""
    return Memory(
        np.zeros(4 * SLOTS, np.uint64),
        np.zeros(ARENA_BYTES, np.uint8),
        np.zeros(2, np.int64),
        np.zeros(1 << 16, np.uint64),
    )


def merges(pieces: dict[str, int], scores: dict[int, float], byte: Int32s, vocabulary: int) -> Merges:
    """Lay out a vocabulary: pieces by token, their scores (best highest), and the token of each byte.

    Every character of a piece must be a piece itself: raises ValueError if one is not, or for 2^20 tokens or more.
    """
    if vocabulary >= 1 << 20:
        raise ValueError(f"a vocabulary of {vocabulary} tokens, more than 2^20")
    single = np.full(0x110000, -1, np.int32)
    for piece, token in pieces.items():
        if len(piece) == 1:
            single[ord(piece)] = token
    order = {score: n for n, score in enumerate(sorted({scores[token] for token in pieces.values()}, reverse=True))}
    rank = np.zeros(vocabulary, np.int32)
    made: list[tuple[int, int, int]] = []
    meets: set[tuple[int, int]] = set()
    for piece, token in pieces.items():
        rank[token] = order[scores[token]]
        for a, b in pairwise(piece):
            if single[ord(a)] < 0 or single[ord(b)] < 0:
                raise ValueError(f"a character of piece {piece!r} is no piece")
            meets.add((ord(a), ord(b)))
        for cut in range(1, len(piece)):
            left, right = pieces.get(piece[:cut]), pieces.get(piece[cut:])
            if left is not None and right is not None:
                made.append((left, right, token))
    meeting, near = np.zeros((1 << MEETING_BITS) // 64, np.uint64), np.zeros(256, np.uint64)
    _note_meetings(np.array(sorted(meets), np.int64).reshape(-1, 2), meeting, near)
    return Merges(single, byte, meeting, near, laid_out(made), rank)


def laid_out(made: list[tuple[int, int, int]]) -> UInt64s:
    """The table `Merges.pairs` of left, right and the token that they make."""
    pairs = np.full(1 << max(4, (2 * len(made)).bit_length()), ~np.uint64(0), np.uint64)
    _note_pairs(np.array(made, np.int64).reshape(-1, 3), pairs)
    return pairs


@inlined
def _meeting_bit(a: Int, b: Int) -> np.uint64:
    key = np.uint64(a) << np.uint64(32) | np.uint64(b)
    return key * _SPREAD >> np.uint64(64 - MEETING_BITS)


@inlined
def _meets(meeting: UInt64s, a: Int, b: Int) -> bool:
    bit = _meeting_bit(a, b)
    return bool((meeting[bit >> np.uint64(6)] >> (bit & np.uint64(63))) & np.uint64(1))


@kernel
def _note_meetings(meets: Int64s, meeting: UInt64s, near: UInt64s) -> None:
    for k in range(meets.shape[0]):
        a = meets[k, 0]
        b = meets[k, 1]
        if a < 0x80 and b < 0x80:
            near[2 * a + (b >> 6)] |= np.uint64(1) << np.uint64(b & 63)
        bit = _meeting_bit(a, b)
        meeting[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))


@inlined
def _pair_slot(pair: np.uint64, pairs: UInt64s) -> np.uint64:
    """Where a pair, `left << 22 | right`, is or would be put."""
    mask = np.uint64(pairs.size - 1)
    h = pair * _SPREAD
    slot = (h >> np.uint64(40)) & mask
    while pairs[slot] >> np.uint64(20) != pair and pairs[slot] != ~np.uint64(0):
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def _note_pairs(made: Int64s, pairs: UInt64s) -> None:
    for k in range(made.shape[0]):
        pair = np.uint64(made[k, 0]) << np.uint64(22) | np.uint64(made[k, 1])
        pairs[_pair_slot(pair, pairs)] = pair << np.uint64(20) | np.uint64(made[k, 2])


@inlined
def _join(left: Int, right: Int, pairs: UInt64s) -> Int:
    """The token that two neighbours make, -1 if none."""
    if left < 0 or right < 0:
        return np.int64(-1)
    held = pairs[_pair_slot(np.uint64(left) << np.uint64(22) | np.uint64(right), pairs)]
    return np.int64(-1) if held == ~np.uint64(0) else np.int64(held & np.uint64(0xFFFFF))


# ---------------------------------------------------------------- merging one segment


@inlined
def _emit(data: Bytes, at: Int, token: Int, stop: Int, byte: Int32s, out: UInt32s, n: Int) -> Int:
    """Write a token, or those of the bytes of a character that has none; where the next goes."""
    if token >= 0:
        out[n] = token
        return n + 1
    for j in range(at, at + width(data, at, stop)):
        out[n] = byte[data[j]]
        n += 1
    return n


@kernel
def _merge_short(
    data: Bytes, begin: Int, end: Int, wide: bool, single: Int32s, byte: Int32s, pairs: UInt64s, rank: Int32s,
    tokens: Int64s, places: Int64s, made: Int64s, ranks: Int64s, out: UInt32s, n: Int,
) -> Int:  # fmt: skip
    """Merge a segment of up to `SHORT` characters into `out` at `n`; where the next goes."""
    count = 0
    i = begin
    while i < end:
        w = width(data, i, end) if wide else 1
        tokens[count] = single[code_point(data, i, w) if wide else np.int64(data[i])]
        places[count] = i
        count += 1
        i += w
    for k in range(count - 1):
        made[k] = _join(tokens[k], tokens[k + 1], pairs)
        ranks[k] = rank[made[k]] if made[k] >= 0 else _NO_RANK
    while count > 1:
        best = 0
        for k in range(1, count - 1):
            if ranks[k] < ranks[best]:
                best = k
        if ranks[best] == _NO_RANK:
            break
        tokens[best] = made[best]
        count -= 1
        for k in range(best + 1, count):
            tokens[k] = tokens[k + 1]
            places[k] = places[k + 1]
            made[k - 1] = made[k]
            ranks[k - 1] = ranks[k]
        for k in range(max(best - 1, 0), min(best + 1, count - 1)):
            made[k] = _join(tokens[k], tokens[k + 1], pairs)
            ranks[k] = rank[made[k]] if made[k] >= 0 else _NO_RANK
    for k in range(count):
        n = _emit(data, places[k], tokens[k], end, byte, out, n)
    return n


@inlined
def _push(heap: Int64s, size: Int, item: Int) -> Int:
    k = size
    while k > 0 and heap[(k - 1) >> 1] > item:
        heap[k] = heap[(k - 1) >> 1]
        k = (k - 1) >> 1
    heap[k] = item
    return size + 1


@inlined
def _pop(heap: Int64s, size: Int) -> Int:
    """Take the smallest away, which the caller has read; how many are left."""
    size -= 1
    item = heap[size]
    k = 0
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= item:
            break
        heap[k] = heap[child]
        k = child
    heap[k] = item
    return size


@kernel
def _merge_long(
    data: Bytes, begin: Int, end: Int, count: Int, wide: bool, single: Int32s, byte: Int32s, pairs: UInt64s,
    rank: Int32s, out: UInt32s, n: Int,
) -> Int:  # fmt: skip
    """The same for a segment of any length: O(characters log characters), 48 bytes a character."""
    tokens, places = np.empty(count, np.int32), np.empty(count, np.int64)
    made = np.empty(count, np.int32)
    before, after = np.empty(count, np.int32), np.empty(count, np.int32)
    heap = np.empty(3 * count, np.int64)
    size: Int = 0
    i = begin
    for k in range(count):
        w = width(data, i, end) if wide else 1
        tokens[k] = single[code_point(data, i, w) if wide else np.int64(data[i])]
        places[k] = i
        before[k] = k - 1
        after[k] = k + 1
        i += w
    made[count - 1] = -1
    for k in range(count - 1):
        made[k] = _join(np.int64(tokens[k]), np.int64(tokens[k + 1]), pairs)
        if made[k] >= 0:
            size = _push(heap, size, np.int64(rank[made[k]]) << 32 | k)
    while size > 0:
        item = heap[0]
        size = _pop(heap, size)
        at = item & 0xFFFFFFFF
        if made[at] < 0 or np.int64(rank[made[at]]) != item >> 32:
            continue  # one of the two has become part of another piece since
        gone = after[at]
        tokens[at] = made[at]
        made[gone] = -1
        after[at] = after[gone]
        if after[at] < count:
            before[after[at]] = at
        for left in (np.int64(before[at]), at):
            if left < 0:
                continue
            made[left] = -1
            if after[left] < count:
                made[left] = _join(np.int64(tokens[left]), np.int64(tokens[after[left]]), pairs)
                if made[left] >= 0:
                    size = _push(heap, size, np.int64(rank[made[left]]) << 32 | left)
    at = np.int64(0)
    while at < count:
        n = _emit(data, places[at], np.int64(tokens[at]), end, byte, out, n)
        at = np.int64(after[at])
    return n


@kernel
def _merge(
    data: Bytes, begin: Int, end: Int, wide: bool, single: Int32s, byte: Int32s, pairs: UInt64s, rank: Int32s,
    tokens: Int64s, places: Int64s, made: Int64s, ranks: Int64s, out: UInt32s, n: Int,
) -> Int:  # fmt: skip
    """Merge a segment into `out` at `n`; where the next goes."""
    count = count_chars(data, begin, end) if wide else end - begin
    if count <= SHORT:
        return _merge_short(data, begin, end, wide, single, byte, pairs, rank, tokens, places, made, ranks, out, n)
    return _merge_long(data, begin, end, count, wide, single, byte, pairs, rank, out, n)


# ---------------------------------------------------------------- a batch


@inlined
def _slot_of(key: np.uint64, size: Int, slots: UInt64s) -> Int:
    """Where a segment is looked for first."""
    h = (key ^ np.uint64(size)) * _SPREAD
    return np.int64((h ^ (h >> np.uint64(29))) & np.uint64(slots.size // 4 - 1)) * 4


@kernel
def resolve(
    data: Bytes, begin: Int, ends: Int64s, segments: Int, wide: bool, single: Int32s, byte: Int32s, pairs: UInt64s,
    rank: Int32s, slots: UInt64s, arena: Bytes, used: Int64s, alone: UInt64s, tokens: Int64s, places: Int64s,
    made: Int64s, ranks: Int64s, out: UInt32s, n: Int,
) -> Int:  # fmt: skip
    """Write the tokens of segments that follow one another into `out` at `n`; where the next goes.

    Segment k is `data[ends[k - 1]:ends[k]]`, the first begins at `begin`. Symbols are characters if `wide`, else bytes,
    all of which have a token. `tokens`, `places`, `made` and `ranks` are room for `SHORT` symbols.
    """
    last = ends[segments - 1]
    for s in range(segments):
        end = ends[s]
        size = end - begin
        if wide:
            if size == width(data, begin, last):
                n = _emit(data, begin, np.int64(single[code_point(data, begin, size)]), last, byte, out, n)
                begin = end
                continue
        elif size == 1:
            out[n] = single[data[begin]]
            n += 1
            begin = end
            continue
        elif size == 3 and data[begin] & 0xF0 == 0xE0:
            c = code_point(data, begin, 3)
            x = alone[c]
            if not x:
                m = _merge(data, begin, end, wide, single, byte, pairs, rank, tokens, places, made, ranks, out, n) - n
                x = np.uint64(m) << np.uint64(60)
                for k in range(m):
                    x |= np.uint64(out[n + k]) << np.uint64(20 * k)
                alone[c] = x
            out[n] = x & _TWENTY
            out[n + 1] = x >> np.uint64(20) & _TWENTY
            out[n + 2] = x >> np.uint64(40) & _TWENTY
            n += np.int64(x >> np.uint64(60))
            begin = end
            continue
        if size > _REMEMBERED:
            n = _merge(data, begin, end, wide, single, byte, pairs, rank, tokens, places, made, ranks, out, n)
            begin = end
            continue
        # Up to 8 bytes are their own key; the hash of more only says where to look.
        key = _as_number(data, begin, size) if size <= 8 else hash_bytes(data, begin, end)
        slot = _slot_of(key, size, slots)
        found = np.uint64(0)
        while slots[slot + 1]:
            about = slots[slot + 1]
            alike = slots[slot] == key and np.int64(about & np.uint64(0xFF)) == size
            if alike and (size <= 8 or same_bytes(data, begin, arena, np.int64(about >> np.uint64(16)), size)):
                found = about
                break
            slot = (slot + 4) & (slots.size - 1)
        if found:
            m = np.int64((found >> np.uint64(8)) & np.uint64(0xFF))
            if m <= _INLINE:
                x = slots[slot + 2]
                y = slots[slot + 3]
                # All four are written, as many as there are counted: room is one token a byte, and more.
                out[n] = x & _LOW
                out[n + 1] = x >> np.uint64(32)
                out[n + 2] = y & _LOW
                out[n + 3] = y >> np.uint64(32)
            else:
                at = np.int64(found >> np.uint64(16)) + (size if size > 8 else 0)
                for k in range(m):
                    out[n + k] = load32(arena, at + 4 * k)
            n += m
            begin = end
            continue
        at_first = n
        n = _merge(data, begin, end, wide, single, byte, pairs, rank, tokens, places, made, ranks, out, n)
        m = np.int64(n - at_first)
        if used[0] > slots.size // 8 or used[1] + size + 4 * m + 8 > arena.size:
            slots[:] = np.uint64(0)
            used[:] = 0
            slot = _slot_of(key, size, slots)
        at = used[1]
        if size > 8:
            for j in range(size):
                arena[used[1] + j] = data[begin + j]
            used[1] += size
        if m > _INLINE:
            for k in range(m):
                for j in range(4):
                    arena[used[1] + j] = (out[at_first + k] >> np.uint32(8 * j)) & np.uint32(0xFF)
                used[1] += 4
        else:
            x = np.uint64(0)
            y = np.uint64(0)
            for k in range(m):
                if k < 2:
                    x |= np.uint64(out[at_first + k]) << np.uint64(32 * k)
                else:
                    y |= np.uint64(out[at_first + k]) << np.uint64(32 * (k - 2))
            slots[slot + 2] = x
            slots[slot + 3] = y
        slots[slot] = key
        slots[slot + 1] = np.uint64(size) | np.uint64(m) << np.uint64(8) | np.uint64(at) << np.uint64(16)
        used[0] += 1
        begin = end
    return n


@inlined
def _as_number(data: Bytes, begin: Int, size: Int) -> np.uint64:
    """`data[begin : begin + size]`, 8 bytes at most, as one number."""
    if begin + 8 <= data.size:
        return load64(data, begin) & (~np.uint64(0) >> np.uint64(64 - 8 * size))
    return tail64(data, begin, size)


@kernel
def _encode(
    offsets: Int64s, data: Bytes, single: Int32s, byte: Int32s, meeting: UInt64s, near: UInt64s, pairs: UInt64s,
    rank: Int32s, slots: UInt64s, arena: Bytes, used: Int64s, alone: UInt64s, out: UInt32s, first: Int64s,
) -> None:  # fmt: skip
    tokens, places = np.empty(SHORT, np.int64), np.empty(SHORT, np.int64)
    made, ranks = np.empty(SHORT, np.int64), np.empty(SHORT, np.int64)
    ends = np.empty(AT_ONCE, np.int64)
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        first[d] = n
        i: Int = offsets[d]
        stop = offsets[d + 1]
        if i == stop:
            continue
        begin: Int = i
        segments = 0
        w: Int = width(data, i, stop)
        a: Int = code_point(data, i, w)
        i += w
        while i < stop:
            b: Int = np.int64(data[i])
            if a < 0x80 and b < 0x80:
                w = 1
                joined = bool((near[2 * a + (b >> 6)] >> np.uint64(b & 63)) & np.uint64(1))
            else:
                w = width(data, i, stop)
                b = code_point(data, i, w)
                joined = _meets(meeting, a, b)
            ends[segments] = i
            segments += not joined
            a = b
            i += w
            if segments == AT_ONCE - 1:
                n = resolve(
                    data, begin, ends, segments, True, single, byte, pairs, rank, slots, arena, used, alone,
                    tokens, places, made, ranks, out, n,
                )  # fmt: skip
                begin = ends[segments - 1]
                segments = 0
        ends[segments] = stop
        n = resolve(
            data, begin, ends, segments + 1, True, single, byte, pairs, rank, slots, arena, used, alone, tokens,
            places, made, ranks, out, n,
        )  # fmt: skip
    first[offsets.size - 1] = n


def encode(text: TextBuffers, table: Merges, known: Memory) -> tuple[UInt32s, Int64s]:
    """The tokens of a batch: uint32[tokens] and int64[documents + 1], where each document's begin.

    Memory is 4 bytes per byte of text reserved, as much used as there are tokens.
    """
    size = int(text.offsets[-1] - text.offsets[0])
    out, first = np.empty(size + _INLINE, np.uint32), np.zeros(len(text.offsets), np.int64)
    _encode(text.offsets, text.data, *table, *known, out, first)
    out.resize(int(first[-1]), refcheck=False)
    return out, first


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    pieces = {"O": 256, "n": 257, "e": 258, "On": 259, "One": 260}
    byte = np.arange(256, dtype=np.int32)
    encode(text, merges(pieces, dict.fromkeys(pieces.values(), 0.0), byte, 261), memory())
