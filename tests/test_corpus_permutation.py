"""A permutation of any size is one, can be undone, and looks like a shuffle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.corpus.permutation import MAX_N, Permutation, key


def test_bijection_of_every_size_to_ten_thousand() -> None:
    for n in range(1, 10_001):
        shuffled = Permutation(n, key(n))(np.arange(n))
        seen = np.zeros(n, np.bool_)
        seen[shuffled] = True
        assert seen.all(), n


@settings(deadline=None, max_examples=300)
@given(st.integers(1, MAX_N), st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**63), min_size=1, max_size=50))
def test_inverse_undoes_it_at_any_size(n: int, seed: int, picks: list[int]) -> None:
    positions = np.array([p % n for p in picks])
    permutation = Permutation(n, seed)
    images = permutation(positions)
    assert ((images >= 0) & (images < n)).all()
    assert (permutation.inverse(images) == positions).all()
    assert (permutation(permutation.inverse(positions)) == positions).all()


@pytest.mark.parametrize("n", [10**6 + 3, 10**9, 10**12, MAX_N])
def test_samples_of_large_sizes_do_not_meet(n: int) -> None:
    positions = np.unique(np.random.default_rng(0).integers(0, n, 100_000))
    images = Permutation(n, key("large", n))(positions)
    assert len(np.unique(images)) == len(positions)
    # Spread evenly: ten classes of about 10,000, whose standard deviation is 95.
    assert np.abs(np.bincount((images // ((n + 9) // 10)), minlength=10) - len(positions) / 10).max() < 500


def test_one_at_a_time_and_all_at_once_agree() -> None:
    permutation = Permutation(1000, 7)
    together = permutation(np.arange(1000))
    assert [int(permutation(np.array([i]))[0]) for i in range(0, 1000, 37)] == together[::37].tolist()


def test_small_sizes_reach_every_arrangement() -> None:
    """All 24 arrangements of four items, about equally often; expected 100, standard deviation 10."""
    arrangements: dict[tuple[int, ...], int] = {}
    for seed in range(2400):
        found = tuple(Permutation(4, key(seed))(np.arange(4)).tolist())
        arrangements[found] = arrangements.get(found, 0) + 1
    assert len(arrangements) == 24
    assert max(arrangements.values()) < 145
    assert min(arrangements.values()) > 60


def test_keys_of_different_parts_differ() -> None:
    assert len({key(1, "a"), key(1, "b"), key(2, "a"), key("1a"), key(11, "a"), key(1, "1a")}) == 6
    assert key(3, "wiki") == key(3, "wiki")
