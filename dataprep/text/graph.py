"""Connected components by union-find over numbered nodes: one array, 4 bytes a node.

`parent[i] <= i` always, so a component's root is its smallest node, whatever the order of the edges.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.text.hashes import mix64
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Int, Int64s, TextBuffers, UInt64s, read_only

_SPREAD = np.uint64(0x9E3779B97F4A7C15)

UInt32s = npt.NDArray[np.uint32]


@inlined
def root_of(parent: UInt32s, i: Int) -> Int:
    """The root of node i; halves the path to it on the way."""
    while True:
        up = np.int64(parent[i])
        if up == i:
            return up
        parent[i] = parent[up]
        i = np.int64(parent[i])


@inlined
def unite(parent: UInt32s, i: Int, j: Int) -> None:
    """Make one component of those of i and j."""
    a, b = root_of(parent, i), root_of(parent, j)
    if a < b:
        parent[b] = a
    elif b < a:
        parent[a] = b


@kernel
def union(parent: UInt32s, i: Int64s, j: Int64s) -> None:
    """Add the edges (i[k], j[k])."""
    for k in range(i.size):
        unite(parent, i[k], j[k])


@kernel
def settle(parent: UInt32s) -> None:
    """Point every node at its root. One pass, for parents come before their children."""
    for i in range(parent.size):
        parent[i] = parent[parent[i]]


@kernel
def _survivors(root: UInt32s, rank: UInt64s, kept: UInt32s) -> None:
    for i in range(root.size):
        kept[i] = i
    for i in range(root.size):
        best = kept[root[i]]
        if rank.size and rank[i] > rank[best]:
            kept[root[i]] = i
    for i in range(root.size - 1, -1, -1):  # a root's own entry is read until the last: it comes first
        kept[i] = kept[root[i]]


def survivors(root: UInt32s, rank: UInt64s) -> UInt32s:
    """uint32[nodes]: the node of the highest rank in each node's component, the first of several.

    `rank` is uint64[nodes], or empty: then the first node survives.
    """
    kept = np.empty(len(root), np.uint32)
    _survivors(root, rank, kept)
    return kept


@kernel
def _sizes(root: UInt32s, sizes: UInt32s) -> None:
    for i in range(root.size):
        sizes[root[i]] += np.uint32(1)


def sizes(root: UInt32s) -> UInt32s:
    """uint32[nodes]: at each root the nodes of its component, 0 elsewhere."""
    found = np.zeros(len(root), np.uint32)
    _sizes(root, found)
    return found


@inlined
def _common(values: UInt64s, a: Int, a_end: Int, b: Int, b_end: Int) -> Int:
    """Values in both of two ascending runs without repeats."""
    n = np.int64(0)
    while a < a_end and b < b_end:
        x, y = values[a], values[b]
        n += np.int64(x == y)
        a += np.int64(x <= y)
        b += np.int64(y <= x)
    return n


@kernel
def _jaccard(values: UInt64s, offsets: Int64s, i: Int64s, j: Int64s, out: npt.NDArray[np.float64]) -> None:
    for k in range(i.size):
        a, a_end, b, b_end = offsets[i[k]], offsets[i[k] + 1], offsets[j[k]], offsets[j[k] + 1]
        both = _common(values, a, a_end, b, b_end)
        either = a_end - a + b_end - b - both
        out[k] = both / either if either else 0.0


def jaccard(values: UInt64s, offsets: Int64s, i: Int64s, j: Int64s) -> npt.NDArray[np.float64]:
    """float64[pairs]: exact Jaccard similarity of sets i[k] and j[k], 0 for two empty ones.

    Set s is `values[offsets[s]:offsets[s + 1]]`, ascending and without repeats.
    """
    out = np.empty(len(i), np.float64)
    _jaccard(read_only(values), read_only(offsets), i, j, out)
    return out


@kernel
def _as_sets(values: UInt64s, offsets: Int64s, out: UInt64s, bounds: Int64s) -> None:
    n = np.int64(0)
    for d in range(offsets.size - 1):
        bounds[d] = n
        run = np.sort(values[offsets[d] : offsets[d + 1]])
        for k in range(run.size):
            if k == 0 or run[k] != run[k - 1]:
                out[n] = run[k]
                n += 1
    bounds[offsets.size - 1] = n


def as_sets(values: UInt64s, offsets: Int64s) -> tuple[UInt64s, Int64s]:
    """The same runs ascending and without repeats, as `jaccard` wants them."""
    out, bounds = np.empty(len(values), np.uint64), np.empty(len(offsets), np.int64)
    _as_sets(values, offsets, out, bounds)
    return out[: bounds[-1]], bounds


@kernel
def _set_hashes(values: UInt64s, offsets: Int64s, out: UInt64s) -> None:
    for d in range(offsets.size - 1):
        h = np.uint64(offsets[d + 1] - offsets[d])
        for k in range(offsets[d], offsets[d + 1]):
            h = mix64(h * _SPREAD + values[k])
        out[d] = h


def set_hashes(values: UInt64s, offsets: Int64s) -> UInt64s:
    """uint64[sets]: equal for equal sets, given as by `as_sets`."""
    out = np.empty(len(offsets) - 1, np.uint64)
    _set_hashes(values, offsets, out)
    return out


@kernel
def _unite_similar(
    group: Int64s,
    member: Int64s,
    number: Int64s,
    values: UInt64s,
    offsets: Int64s,
    least: float,
    leaders: int,
    parent: UInt32s,
) -> None:
    leader = np.empty(leaders, np.int64)
    known = 0
    for k in range(member.size):
        if k == 0 or group[k] != group[k - 1]:
            known = 0
        m = member[k]
        found = False
        for n in range(known):
            other = leader[n]
            if root_of(parent, m) == root_of(parent, other):
                found = True
                break
            a, b = offsets[number[m]], offsets[number[other]]
            a_end, b_end = offsets[number[m] + 1], offsets[number[other] + 1]
            small, large = min(a_end - a, b_end - b), max(a_end - a, b_end - b)
            if small < least * large:  # even if one holds the other
                continue
            both = _common(values, a, a_end, b, b_end)
            if both >= least * (a_end - a + b_end - b - both):
                unite(parent, m, other)
                found = True
                break
        if not found and known < leaders:
            leader[known] = m
            known += 1


def unite_similar(
    group: Int64s,
    member: Int64s,
    number: Int64s,
    values: UInt64s,
    offsets: Int64s,
    least: float,
    leaders: int,
    parent: UInt32s,
) -> None:
    """Unite the members of each group whose sets have a Jaccard similarity of at least `least`.

    Node `member[k]`, whose set is number `number[member[k]]` (see `jaccard`), is in group `group[k]`; equal groups are
    adjacent. The first member of a group leads; each other one is compared with the leaders so far and joins the first
    that is similar, or becomes a leader itself, of up to `leaders`.
    """
    _unite_similar(group, member, number, read_only(values), read_only(offsets), least, leaders, parent)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    parent, none, no_rank = np.zeros(1, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.uint64)
    union(parent, none, none)
    settle(parent)
    sizes(parent)
    survivors(parent, no_rank)
    values, offsets = as_sets(no_rank, np.zeros(1, np.int64))
    jaccard(values, offsets, none, none)
    set_hashes(values, offsets)
    unite_similar(none, none, none, values, offsets, 0.5, 8, parent)
