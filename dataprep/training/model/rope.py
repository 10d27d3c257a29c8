"""Rotary positions (Su et al. 2021, arXiv:2104.09864) and the ways to stretch them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dataprep.training.model.config import ModelConfig, RopeScaling


def frequencies(config: ModelConfig, device: torch.device) -> tuple[Tensor, float]:
    """Radians a position of each pair of dimensions, float32[head_dim / 2], and what cosines and sines are multiplied
    with (1 but for yarn). Made on the device, so nothing waits and nothing has to be kept with the weights."""
    scaling, width = config.rope_scaling, config.head_dim
    exponents = torch.arange(0, width, 2, device=device, dtype=torch.float32) / width
    theta = config.rope_theta
    if scaling is not None and scaling.kind == "ntk":
        # The slowest pair has exponent (width - 2) / width: its frequency comes out divided by factor.
        theta *= scaling.factor ** (width / max(width - 2, 1))
    plain = 1.0 / (theta**exponents)
    if scaling is None or scaling.kind == "ntk":
        return plain, 1.0
    if scaling.kind == "linear":
        return plain / scaling.factor, 1.0
    if scaling.kind == "llama3":
        return _llama3(plain, scaling), 1.0
    return _yarn(plain, theta, scaling), 0.1 * math.log(scaling.factor) + 1.0


def _llama3(plain: Tensor, scaling: RopeScaling) -> Tensor:
    """Frequencies that turn less than `low_frequency` times over the original context are divided, those that turn
    more than `high_frequency` times stay, between them a blend (Llama 3.1's published code)."""
    turns = plain * scaling.original_context / (2 * math.pi)
    stays = (turns - scaling.low_frequency) / (scaling.high_frequency - scaling.low_frequency)
    stays = stays.clamp(0, 1)
    return plain * (stays + (1 - stays) / scaling.factor)


def _yarn(plain: Tensor, theta: float, scaling: RopeScaling) -> Tensor:
    """The same with the blend linear in the number of the pair (arXiv:2309.00071, section 3.2, and its published code,
    which rounds the ends outwards to whole pairs)."""
    pairs = len(plain)

    def pair(turns: float) -> float:
        """The pair that turns so many times over the original context."""
        return pairs * math.log(scaling.original_context / (turns * 2 * math.pi)) / math.log(theta)

    first = max(math.floor(pair(scaling.high_frequency)), 0)
    last = min(math.ceil(pair(scaling.low_frequency)), 2 * pairs - 1)
    number = torch.arange(pairs, device=plain.device, dtype=torch.float32)
    divided = ((number - first) / max(last - first, 0.001)).clamp(0, 1)
    return plain * (1 - divided + divided / scaling.factor)


def tables(config: ModelConfig, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines, float32 [..., T, 1, head_dim / 2], of int64 positions [..., T]; the 1 is for heads."""
    radians, scale = frequencies(config, positions.device)
    angles = positions.to(torch.float32)[..., None, None] * radians
    return angles.cos() * scale, angles.sin() * scale


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """x [b, T, heads, head_dim] turned, in its dtype. Pair i is dimensions i and i + head_dim / 2, as transformers
    has it (GPT-NeoX's order, not the neighbours of the paper: a permutation of the projections' rows)."""
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1).to(x.dtype)
