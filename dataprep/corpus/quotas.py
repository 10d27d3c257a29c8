"""How many of the first n samples come from each source: exact at the border of every block, found at once."""

from __future__ import annotations

from typing import Final

BLOCK: Final = 65_536
"""Samples of a block. The last one takes what is left, too, so that no block is smaller unless it is the only one."""


def blocks(n: int) -> int:
    """How many blocks `n` samples make."""
    return max(1, n // BLOCK)


def border(n: int, block: int) -> int:
    """The first sample of a block of `n` samples; of the one after the last, `n`."""
    return n if block == blocks(n) else block * BLOCK


def quotas(weights: tuple[int, ...], n: int) -> list[int]:
    """Samples of each source among the first `n`, where a block ends: they add up to `n`.

    Each source has its share rounded down, and what is left over goes to those whose fraction is largest. So a count is
    less than one sample off its share, unless some weights are so small that a block may hold less than one sample for
    each source: those are rounded down, and others may be as many samples over as there are such sources. That keeps
    counts from falling while n grows, which plain largest remainders do not.
    """
    total = sum(weights)
    counts = [n * weight // total for weight in weights]
    left = n - sum(counts)
    if left:
        large = [i for i, weight in enumerate(weights) if weight * BLOCK >= len(weights) * total]
        large.sort(key=lambda i: (-(n * weights[i] % total), i))
        for k in range(left):
            counts[large[k % len(large)]] += 1
    return counts
