"""The baseline that trained models are held against, itself held against sums on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ngram_baseline import bigram_loss


def test_by_hand() -> None:
    """Tokens 0 1 0 1 0 2 of a vocabulary of 4: pairs 01 twice, 10 twice, 02 once."""
    # Pairs: n1 = 1, n2 = 2, so D = 1/5. Kinds before 0: {1}, before 1: {0}, before 2: {0}: N = 1, 1, 1, 0; three of
    # one, none of two, so D1 = 1/2, and p1(0) = p1(1) = p1(2) = (1 - 1/2)/3 + 1/2 * 3/3 * 1/4 = 7/24, p1(3) = 1/8.
    after_0 = 1 / 5 * 2 / 3  # two kinds, three tokens
    p01 = (2 - 1 / 5) / 3 + after_0 * 7 / 24
    p03 = after_0 / 8
    p10 = (2 - 1 / 5) / 2 + 1 / 5 * 1 / 2 * 7 / 24
    p23 = 1 / 8  # nothing is known to come after 2
    train = np.array([0, 1, 0, 1, 0, 2])
    assert bigram_loss(train, [np.array([0, 1])], 4) == pytest.approx(-math.log(p01))
    windows = [np.array([0, 1, 0, 3]), np.array([2, 3])]
    assert bigram_loss(train, windows, 4) == pytest.approx(-math.log(p01 * p10 * p03 * p23) / 4)


def test_probabilities_sum_to_one_and_documents_stay_apart() -> None:
    rng = np.random.default_rng(0)
    train = rng.zipf(1.5, 2000) % 30
    for v in (0, 1, 29):
        losses = [bigram_loss(train, [np.array([v, w])], 32) for w in range(32)]
        assert sum(math.exp(-loss) for loss in losses) == pytest.approx(1)
    # 1 is never followed by 2 in any document, though it is where they meet.
    apart = bigram_loss([np.array([0, 1, 0, 1]), np.array([2, 0, 2, 0])], [np.array([1, 2])], 3)
    assert apart > bigram_loss(np.array([0, 1, 0, 1, 2, 0, 2, 0]), [np.array([1, 2])], 3)


def test_beats_a_uniform_guess_on_text_and_not_on_noise() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 50, 20_000)
    assert bigram_loss(noise, [rng.integers(0, 50, 5000)], 50) == pytest.approx(math.log(50), rel=0.02)
    walk = np.cumsum(rng.integers(0, 2, 20_000)) % 50  # one of two tokens comes next
    assert bigram_loss(walk[:15_000], [walk[15_000:]], 50) == pytest.approx(math.log(2), rel=0.02)
