"""How many of the first n samples come from each source: exact at the border of every block, found at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

# Not larger: shares are exact at every border, so after 4,096 samples, a few steps, and not only after 65,536.
BLOCK: Final = 4_096
"""Samples of a block: between its borders shares wander by some dozens of samples. The last block takes what is left,
too, so that no block is smaller unless it is the only one."""
MAX_SOURCES: Final = 256
"""For so many, a block has room for a sample of each: see `_large`."""


def blocks(n: int) -> int:
    """How many blocks `n` samples make."""
    return max(1, n // BLOCK)


def border(n: int, block: int) -> int:
    """The first sample of a block of `n` samples; of the one after the last, `n`."""
    return n if block == blocks(n) else block * BLOCK


def quotas(weights: tuple[int, ...], n: int) -> list[int]:
    """Samples of each source among the first `n`, where a block ends: they add up to `n`.

    Each source has its share rounded down, and what is left over goes to those whose fraction is largest. So a count is
    less than one sample off its share, unless some weights are so small that a block may hold no sample of them: those
    are rounded down, and others may be over by as many samples as there are such sources. That keeps counts from
    falling while n grows, which plain largest remainders do not.
    """
    total = sum(weights)
    counts = [n * weight // total for weight in weights]
    left = n - sum(counts)
    if left:
        large = sorted(_large(weights), key=lambda i: (-(n * weights[i] % total), i))
        for k in range(left):
            counts[large[k % len(large)]] += 1
    return counts


@lru_cache(maxsize=256)
def _large(weights: tuple[int, ...]) -> list[int]:
    """The largest weights, as many as may share what is left over.

    Fewer samples than there are sources are left over. Shared by k sources they make at most ceil(sources / k) for
    each, which must not be more than what a block adds to the k-th: then no count falls. Were that true of no k, the
    shares would sum to less than (1 + H) x sources / BLOCK, H the harmonic number of sources: below 1 for up to 512.
    """
    order = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    total = sum(weights)
    for k in range(len(order), 0, -1):
        if weights[order[k - 1]] * BLOCK >= -(-len(weights) // k) * total:
            return order[:k]
    raise AssertionError("more sources than a block has room for")
