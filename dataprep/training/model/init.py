"""Initial weights: a function of the seed and of a parameter's name."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

from dataprep.training.model.config import ModelConfig

RESIDUAL = ("attention.output.weight", "feed_forward.down.weight")
"""Matrices that write to the residual stream."""


def initial(name: str, shape: torch.Size, config: ModelConfig, seed: int) -> Tensor:
    """The whole parameter, float32 on the CPU; the same on every device and for every way to divide a model."""
    kind = name.rsplit(".", 1)[-1]
    if kind == "bias":
        return torch.zeros(shape)
    if len(shape) == 1:  # of a norm
        return torch.ones(shape)
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
    return torch.randn(shape, generator=generator) * deviation(name, config)


def deviation(name: str, config: ModelConfig) -> float:
    """Standard deviation of a matrix: see `ModelConfig.init`."""
    std = math.sqrt(2 / (5 * config.width)) if config.init == "scaled" else config.init_std
    if config.init != "normal" and name.endswith(RESIDUAL):
        std /= math.sqrt(2 * config.layers)
    return std
