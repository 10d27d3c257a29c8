"""Components, survivors and set similarity equal what plain Python finds."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.text.graph import as_sets, jaccard, set_hashes, settle, sizes, survivors, union, unite_similar
from dataprep.text.spans import Int64s, UInt64s


def components(nodes: int, edges: list[tuple[int, int]]) -> list[int]:
    """The smallest node each node is connected with."""
    root = list(range(nodes))
    while True:
        before = list(root)
        for a, b in edges:
            root[a] = root[b] = min(root[a], root[b])
        if root == before:
            return root


def found_roots(nodes: int, edges: list[tuple[int, int]]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    parent = np.arange(nodes, dtype=np.uint32)
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    union(parent, np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))
    settle(parent)
    return parent


NODES = 40
EDGES = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=60)


@settings(deadline=None)
@given(EDGES, st.lists(st.integers(0, 3), min_size=NODES, max_size=NODES), st.randoms())
def test_components_and_survivors(edges: list[tuple[int, int]], rank: list[int], rng: random.Random) -> None:
    expected = components(NODES, edges)
    root = found_roots(NODES, edges)
    assert root.tolist() == expected
    shuffled = [pair if rng.random() < 0.5 else pair[::-1] for pair in rng.sample(edges, len(edges))]
    assert found_roots(NODES, shuffled).tolist() == expected
    assert survivors(root, np.empty(0, np.uint64)).tolist() == expected
    members = {r: [i for i in range(NODES) if expected[i] == r] for r in set(expected)}
    best = {r: max(group, key=lambda i: (rank[i], -i)) for r, group in members.items()}
    assert survivors(root, np.array(rank, np.uint64)).tolist() == [best[r] for r in expected]
    assert sizes(root).tolist() == [len(members.get(i, [])) for i in range(NODES)]


def test_a_chain_of_a_million_in_the_worst_order() -> None:
    n = 1_000_000
    parent = np.arange(n, dtype=np.uint32)
    union(parent, np.arange(n - 1, 0, -1), np.arange(n - 2, -1, -1))
    settle(parent)
    assert not parent.any()


def flat(sets: list[list[int]]) -> tuple[UInt64s, Int64s]:
    offsets = np.cumsum([0, *map(len, sets)])
    return np.array([x for one in sets for x in one], np.uint64), offsets.astype(np.int64)


SETS = st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=2, max_size=12)


def similarity(a: list[int], b: list[int]) -> float:
    return len({*a} & {*b}) / len({*a} | {*b}) if a or b else 0.0


@settings(deadline=None)
@given(SETS)
def test_sets_and_their_similarity(given_sets: list[list[int]]) -> None:
    values, offsets = as_sets(*flat(given_sets))
    made = [values[a:b].tolist() for a, b in pairwise(offsets)]
    assert made == [sorted(set(one)) for one in given_sets]
    names = set_hashes(values, offsets).tolist()
    pairs = [(i, j) for i in range(len(made)) for j in range(len(made))]
    i, j = (np.array(side, np.int64) for side in zip(*pairs, strict=True))
    for (a, b), value in zip(pairs, jaccard(values, offsets, i, j), strict=True):
        assert value == pytest.approx(similarity(made[a], made[b]))
        assert (names[a] == names[b]) == (made[a] == made[b])


def united_twin(group: list[int], sets: list[list[int]], least: float, leaders: int) -> list[int]:
    edges: list[tuple[int, int]] = []
    for name in dict.fromkeys(group):
        leading: list[int] = []
        for m in (m for m, g in enumerate(group) if g == name):
            roots = components(len(sets), edges)
            joined = next((o for o in leading if roots[m] == roots[o] or similarity(sets[m], sets[o]) >= least), None)
            if joined is not None:
                edges.append((m, joined))
            elif len(leading) < leaders:
                leading.append(m)
    return components(len(sets), edges)


@settings(deadline=None)
@given(SETS, st.sampled_from([0.3, 0.5, 0.8, 1.0]), st.integers(1, 4), st.randoms())
def test_similar_sets_are_united(given_sets: list[list[int]], least: float, leaders: int, rng: random.Random) -> None:
    sets = [one or [99] for one in given_sets]
    group = sorted(rng.randrange(3) for _ in sets)
    values, offsets = as_sets(*flat(sets))
    parent = np.arange(len(sets), dtype=np.uint32)
    nodes = np.arange(len(sets))
    unite_similar(np.array(group, np.int64), nodes, nodes, values, offsets, least, leaders, parent)
    settle(parent)
    assert parent.tolist() == united_twin(group, sets, least, leaders)
