"""What counting alone reaches: a bigram model over tokens, for trained models to be held against."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.integer[Any]]


def bigram_loss(train_ids: Ids | Iterable[Ids], validation_windows: Iterable[Ids], vocab: int) -> float:
    """Mean loss in nats a token of an interpolated Kneser-Ney bigram model on windows, which may be ragged.

    `train_ids` is one stream of tokens, or documents: no pair is counted across them. Each token of a window but its
    first is predicted from the one before it. p(w | v) = max(c(v, w) - D, 0) / c(v) + D n(v) / c(v) p1(w), with
    n(v) the kinds of tokens seen after v and p1 the same one order lower: of N(w), the kinds seen before w, and the
    uniform distribution. Each discount is that of Ney, Essen and Kneser (1994), n1 / (n1 + 2 n2), n1 and n2 the pairs
    (tokens) with a count of one and two: Chen and Goodman (1998), section 2.7. Memory grows with the kinds of pairs.
    """
    documents = [train_ids] if isinstance(train_ids, np.ndarray) else list(train_ids)
    before = np.concatenate([ids[:-1] for ids in documents]).astype(np.int64)
    after = np.concatenate([ids[1:] for ids in documents]).astype(np.int64)
    pairs, counts = np.unique(before * vocab + after, return_counts=True)
    seen = np.bincount(before, minlength=vocab)
    kinds_after = np.bincount(pairs // vocab, minlength=vocab)
    kinds_before = np.bincount(pairs % vocab, minlength=vocab)
    discount, lower = _discount(counts), _discount(kinds_before)
    unigram = (
        np.maximum(kinds_before - lower, 0) / len(pairs) + lower * np.count_nonzero(kinds_before) / len(pairs) / vocab
    )

    nats, tokens = 0.0, 0
    for window in validation_windows:
        v, w = window[:-1].astype(np.int64), window[1:].astype(np.int64)
        at = np.minimum(np.searchsorted(pairs, v * vocab + w), len(pairs) - 1)
        count = np.where(pairs[at] == v * vocab + w, counts[at], 0)
        total = np.maximum(seen[v], 1)
        higher = np.maximum(count - discount, 0) / total
        left = np.where(seen[v] > 0, discount * kinds_after[v] / total, 1.0)  # after a token never seen: p1 alone
        nats -= float(np.log(higher + left * unigram[w]).sum())
        tokens += len(w)
    return nats / tokens


def _discount(counts: Ids) -> float:
    """What is taken off each count; a half where too few counts of one and two are there to tell."""
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return once / (once + 2 * twice) if once and twice else 0.5
