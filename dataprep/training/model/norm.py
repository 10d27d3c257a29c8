"""Norms: over the last dimension, with statistics in fp32 whatever goes in."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dataprep.training.model.config import ModelConfig


class LayerNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias (Ba et al. 2016, arXiv:1607.06450)."""

    def __init__(self, width: int, eps: float, bias: bool) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] to the same, in x's dtype."""
        shape = self.weight.shape
        # CPU kernels take bf16 rows with fp32 weights as they are; CUDA's do not, and there a compiler fuses the casts.
        if x.is_cpu or x.dtype == self.weight.dtype == torch.float32:
            return functional.layer_norm(x, shape, self.weight, self.bias, self.eps)
        bias = None if self.bias is None else self.bias.float()
        return functional.layer_norm(x.float(), shape, self.weight.float(), bias, self.eps).to(x.dtype)


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich 2019, arXiv:1910.07467)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] to the same, in x's dtype."""
        return functional.rms_norm(x.float(), self.weight.shape, self.weight.float(), self.eps).to(x.dtype)


def norm(config: ModelConfig) -> nn.Module:
    """The norm of a model's hidden states."""
    if config.norm == "rms_norm":
        return RMSNorm(config.width, config.norm_eps)
    return LayerNorm(config.width, config.norm_eps, config.norm_bias)
