"""Which phrases of many are in a text, and how often: all lists at once, one pass, however many phrases.

Phrases are a trie whose edges are up to eight bytes: one look-up in one hash table goes eight bytes down, so a word or
three Han characters take one or two. Tables of the first two and four bytes, and a filter of two bytes an edge, small
enough to stay near the processor, turn away nearly every place where no phrase begins. Nothing is left to chance: edges
are compared, not only hashed.

Whether a phrase must be a whole word is a property of each of its ends: see `Entry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dataprep.text.blocks import load64
from dataprep.text.folding import Folding, fold, folded, words
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers, UInt64s, read_only

_STEP = 8
"""Longest edge, in bytes."""
_FILTER_BITS = 16
"""Bits of the filter for each edge: 1 place in 16 is let through for nothing."""
_MULTIPLY = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_FOUR_BITS = 15
_SHORT = 7
"""Edges of one to three bytes, as bits of `first`."""


class Entry(NamedTuple):
    """One phrase of one list."""

    phrase: bytes
    """Folded as the texts are, not empty."""
    slot: int
    """Number of its list."""
    left: int
    """Kind that the byte before may not have: the word would go on there. 0: anything may stand before it."""
    right: int
    """Kind that the byte after may not have."""


class Phrases(NamedTuple):
    """A trie of phrases as kernels read it."""

    first: Bytes
    """uint8[2, 65536]: by the first two bytes, bit k - 1 set if an edge of k bytes begins so; [1] only of phrases that
    may begin inside a word."""
    four: Bytes
    """uint8[32768]: the same for edges of four bytes and more, by a hash of the first four."""
    lengths: Bytes
    """uint8[nodes]: lengths of the edges that leave each node, as in `first`."""
    edges: UInt64s
    """uint64[slots]: an open-addressed table of edges: their bytes."""
    tags: Int64s
    """int64[slots]: node << 3 | bytes - 1 of each; -1: free."""
    nodes: Int32s
    """int32[slots]: the node that the edge leads to."""
    filter: Bytes
    """uint8[bits / 8]: which hashes of edges there are."""
    ends: Int32s
    """int32[nodes + 1]: entries that end at each node."""
    entries: Int32s
    """int32[entries, 3]: slot, left and right of each, by node."""


def _hash(edge: int, tag: int) -> int:
    return ((edge ^ (tag * _MULTIPLY & _MASK)) * _MULTIPLY) & _MASK


@inlined
def _edge_hash(edge: np.uint64, tag: np.int64) -> np.uint64:
    return (edge ^ (np.uint64(tag) * np.uint64(_MULTIPLY))) * np.uint64(_MULTIPLY)


@inlined
def _four(edge: np.uint64) -> np.int64:
    """Place in `four` of an edge, by its first four bytes."""
    return np.int64(((edge << np.uint64(32)) * np.uint64(_MULTIPLY)) >> np.uint64(64 - _FOUR_BITS))


def phrases(entries: Sequence[Entry]) -> Phrases:
    """The trie of these entries; those that are equal count once. 5 microseconds and about 100 bytes for each."""
    first, four = np.zeros((2, 1 << 16), np.uint8), np.zeros(1 << _FOUR_BITS, np.uint8)
    edges: dict[tuple[int, int], int] = {}
    lengths = [0]
    ending: dict[int, list[Entry]] = {}
    for entry in dict.fromkeys(entries):
        node = 0
        for at in range(0, len(entry.phrase), _STEP):
            piece = entry.phrase[at : at + _STEP]
            lengths[node] |= 1 << (len(piece) - 1)
            key = (int.from_bytes(piece, "little"), node << 3 | (len(piece) - 1))
            child = edges.get(key)
            if child is None:
                child = edges[key] = len(lengths)
                lengths.append(0)
            node = child
        ending.setdefault(node, []).append(entry)
        length = min(len(entry.phrase), _STEP)
        if length >= 4:
            four[_four(np.uint64(int.from_bytes(entry.phrase[:4], "little")))] |= 1 << (length - 1)
        for row in range(2 if entry.left == 0 else 1):
            if len(entry.phrase) == 1:
                first[row, entry.phrase[0] :: 256] |= 1
            else:
                first[row, int.from_bytes(entry.phrase[:2], "little")] |= 1 << (length - 1)
    return Phrases(first, four, np.array(lengths, np.uint8), *_table(edges), *_endings(ending, len(lengths)))


def _table(edges: dict[tuple[int, int], int]) -> tuple[UInt64s, Int64s, Int32s, Bytes]:
    size = 1 << max(4, (2 * len(edges)).bit_length())
    shift = 64 - (size.bit_length() - 1)
    bits = size * _FILTER_BITS // 2
    filter_shift = 64 - (bits.bit_length() - 1)
    keys, tags, nodes = np.zeros(size, np.uint64), np.full(size, -1, np.int64), np.zeros(size, np.int32)
    seen = np.zeros(bits // 8, np.uint8)
    for (edge, tag), node in edges.items():
        h = _hash(edge, tag)
        seen[h >> filter_shift + 3] |= 1 << (h >> filter_shift & 7)
        slot = h >> shift
        while tags[slot] >= 0:
            slot = (slot + 1) % size
        keys[slot], tags[slot], nodes[slot] = edge, tag, node
    return keys, tags, nodes, seen


def _endings(ending: dict[int, list[Entry]], nodes: int) -> tuple[Int32s, Int32s]:
    ends = np.zeros(nodes + 1, np.int32)
    for node, found in ending.items():
        ends[node + 1] = len(found)
    rows = [(e.slot, e.left, e.right) for node in sorted(ending) for e in ending[node]]
    return np.cumsum(ends, dtype=np.int32), np.array(rows, np.int32).reshape(-1, 3)


@kernel
def _count(
    offsets: Int64s,
    data: Bytes,
    lower: Int32s,
    kinds: Bytes,
    first: Bytes,
    four: Bytes,
    lengths: Bytes,
    edges: UInt64s,
    tags: Int64s,
    nodes: Int32s,
    seen: Bytes,
    ends: Int32s,
    entries: Int32s,
    shift: np.uint64,
    filter_shift: np.uint64,
    columns: Int32s,
    chosen: Int32s,
    text: Bytes,
    kind: Bytes,
    last: Int32s,
    until: Int64s,
    best: Int64s,
    which: Int64s,
    out: Int32s,
    distinct: Int32s,
) -> None:
    count = until.size
    for d in range(offsets.size - 1):
        n = fold(data, offsets[d], offsets[d + 1], lower, kinds, text, kind)
        until[:] = 0
        column = columns[chosen[d]]
        before = np.uint8(0)
        for i in range(n):
            b = text[i]
            if b & 0xC0 == 0x80:
                continue
            k = kind[i]
            x = load64(text, i)
            inside = np.int64(k != 0 and k == before)
            before = k
            left = first[inside, np.int64(x & np.uint64(0xFFFF))]
            if left > _SHORT:
                left &= four[_four(x)] | np.uint8(_SHORT)
            if not left:
                continue
            node = np.int64(0)
            at: Int = i
            hit = False
            while True:
                below = np.int64(-1)
                size = np.int64(0)
                while left:
                    size += 1
                    one = left & 1
                    left >>= 1
                    if not one or at + size > n:
                        continue
                    edge = x & (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * size))
                    tag = node << 3 | (size - 1)
                    # A node's look-up, written out: an array handed to a function costs the counting of references.
                    h = _edge_hash(edge, tag)
                    bit = h >> filter_shift
                    if not seen[bit >> np.uint64(3)] >> np.uint8(bit & np.uint64(7)) & 1:
                        continue
                    slot = np.int64(h >> shift)
                    child = np.int64(-1)
                    while tags[slot] >= 0:
                        if tags[slot] == tag and edges[slot] == edge:
                            child = np.int64(nodes[slot])
                            break
                        slot = (slot + 1) & (tags.size - 1)
                    if child < 0:
                        continue
                    if size == _STEP:
                        below = child
                    stop = at + size
                    for e in range(ends[child], ends[child + 1]):
                        c = column[entries[e, 0]]
                        if c < 0 or i < until[c]:
                            continue
                        need = entries[e, 1]
                        if need and i > 0 and kind[i - 1] == need:
                            continue
                        need = entries[e, 2]
                        if need and stop < n and kind[stop] == need:
                            continue
                        hit = True
                        best[c] = stop
                        which[c] = e
                if below < 0 or not lengths[below]:
                    break
                node = below
                at += _STEP
                left = lengths[node]
                x = load64(text, at)
            if hit:
                for c in range(count):
                    if best[c]:
                        out[c, d] += 1
                        until[c] = best[c]
                        best[c] = 0
                        e = which[c]
                        if last[e] != d:
                            last[e] = d
                            distinct[c, d] += 1


class Found(NamedTuple):
    """What was found in each document."""

    matches: Int32s
    """int32[columns, documents]: matches. Those of one column do not overlap: leftmost first, then longest."""
    distinct: Int32s
    """int32[columns, documents]: different phrases among them."""


def count_phrases(text: TextBuffers, trie: Phrases, folding: Folding, columns: Int32s, chosen: Int32s) -> Found:
    """How often phrases are in each document.

    `columns` is int32[choices, slots]: the column in which matches of each list count, -1: not at all; `chosen` is
    int32[documents]: which row of it holds for each document. 10,000 phrases: 60 to 120 MB/s, most of it matches.
    """
    documents = len(text.offsets) - 1
    longest = int(np.diff(text.offsets).max(initial=0))
    kinds = int(columns.max(initial=-1)) + 1
    room = 2 * longest + 2 * _STEP  # lower case takes up to 3 bytes where upper case took 2
    out, distinct = np.zeros((kinds, documents), np.int32), np.zeros((kinds, documents), np.int32)
    shift = np.uint64(65 - len(trie.tags).bit_length())
    filter_shift = np.uint64(65 - (8 * len(trie.filter)).bit_length())
    if documents and len(trie.entries):
        _count(
            text.offsets, text.data, *folding, *trie, shift,  # type: ignore[arg-type]
            filter_shift, columns, read_only(chosen),
            np.empty(room, np.uint8), np.empty(room, np.uint8), np.full(len(trie.entries), -1, np.int32),
            np.zeros(kinds, np.int64), np.zeros(kinds, np.int64), np.zeros(kinds, np.int64), out, distinct,
        )  # fmt: skip
    return Found(out, distinct)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    trie = phrases([Entry(folded(["phrase"], words())[0], 0, 1, 1)])
    count_phrases(text, trie, words(), np.zeros((1, 1), np.int32), np.zeros(len(text.offsets) - 1, np.int32))
