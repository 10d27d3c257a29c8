"""Positions that are added: sinusoids to embeddings, ALiBi's and T5's biases to attention scores."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """float32 [..., T, width] of int64 positions [..., T]: sin(p / 10000^(2i / width)) in dimension 2i, the cosine in
    2i + 1 (Vaswani et al. 2017, arXiv:1706.03762, section 3.5)."""
    exponents = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32) / width
    angles = positions.to(torch.float32)[..., None] / 10_000.0**exponents
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def alibi_slopes(heads: int, device: torch.device) -> Tensor:
    """float32[heads]: how much each head's scores fall a token of distance (Press et al. 2022, arXiv:2108.12409).

    2^(-8 / n), its square, ... for n a power of two; for other numbers the slopes of the power below, then every other
    slope of the power above, as the authors' code has it.
    """
    below = 2 ** math.floor(math.log2(heads))
    numbers = torch.arange(1, below + 1, device=device, dtype=torch.float32)
    slopes = torch.exp2(-8.0 / below * numbers)
    others = torch.arange(heads - below, device=device, dtype=torch.float32)
    return torch.cat([slopes, torch.exp2(-4.0 / below * (2 * others + 1))])


def t5_bucket(distance: Tensor, buckets: int, max_distance: int) -> Tensor:
    """int64 bucket of int64 distances (query minus key): one each below `buckets` / 2, then logarithmic up to
    `max_distance` (Raffel et al. 2020, arXiv:1910.10683, section 2.1, for attention that looks back only)."""
    exact = buckets // 2
    distance = distance.clamp(min=0)
    log = torch.log(distance.clamp(min=1).float() / exact) / math.log(max_distance / exact)
    far = exact + (log * (buckets - exact)).long()
    return torch.where(distance < exact, distance, far.clamp(max=buckets - 1))
