"""Attention: queries, keys and values from one matrix product, scores by PyTorch's own kernels."""

from __future__ import annotations

from functools import cache as memoized
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.flex_attention import flex_attention

from dataprep.training.model.cache import Cache
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.linear import Linear, together
from dataprep.training.model.mask import Mask
from dataprep.training.model.norm import RMSNorm
from dataprep.training.model.rope import rotate


class Attention(nn.Module):
    """Multi-head attention (MHA), or with fewer key and value heads MQA (Shazeer 2019, arXiv:1911.02150) and GQA
    (Ainslie et al. 2023, arXiv:2305.13245)."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim, self.gqa = layer, config.head_dim, config.groups < config.heads
        width, inner, narrow = config.width, config.heads * config.head_dim, config.groups * config.head_dim
        self.query = Linear(width, inner, bias=config.attention_bias)
        self.key = Linear(width, narrow, bias=config.attention_bias)
        self.value = Linear(width, narrow, bias=config.attention_bias)
        self.output = Linear(inner, width, bias=config.output_bias)
        self.query_norm = RMSNorm(self.head_dim, config.norm_eps) if config.qk_norm else None
        self.key_norm = RMSNorm(self.head_dim, config.norm_eps) if config.qk_norm else None

    def forward(self, x: Tensor, mask: Mask, rotation: tuple[Tensor, Tensor] | None, cache: Cache | None) -> Tensor:
        """[b, T, width] to the same; `rotation` is what `rope.tables` gives."""
        # Sizes of heads come from the tensors: a parallel plan may give this process only some of them.
        query, key, value = (
            part.view(*part.shape[:2], -1, self.head_dim) for part in together(x, self.query, self.key, self.value)
        )
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if rotation is not None:
            query, key = rotate(query, *rotation), rotate(key, *rotation)
        query, key, value = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        if cache is not None:
            key, value = cache.extend(self.layer, key, value)
        mixed = attend(query, key, value, mask, self.gqa)
        return self.output(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Mask, gqa: bool) -> Tensor:
    """softmax(query key^T / sqrt(head_dim) + mask) value: [b, heads, T, head_dim]; key and value may have fewer heads
    (`gqa`) and more tokens."""
    if mask.blocks is None:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask.dense, is_causal=mask.causal, enable_gqa=gqa
        )
    slopes = mask.slopes

    def alibi(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        assert slopes is not None
        return score + slopes[h] * (k - q)

    flex = flex_attention if torch.compiler.is_compiling() or query.is_cpu else _compiled()
    mod = None if slopes is None else alibi
    mixed: Tensor = flex(query, key, value, score_mod=mod, block_mask=mask.blocks, enable_gqa=gqa)
    return mixed


@memoized
def _compiled() -> Any:
    # Uncompiled it would hold all scores.
    return torch.compile(flex_attention)
