"""A transformer block: attention and feed-forward layer, each with its residual sum and its norms."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from dataprep.training.model.attention import Attention
from dataprep.training.model.cache import Cache
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.feed_forward import feed_forward
from dataprep.training.model.mask import Mask
from dataprep.training.model.norm import norm


@dataclass(frozen=True, eq=False)
class Order:
    """Where tokens stand and what they see: made once a forward pass, the same for all blocks."""

    masks: dict[int | None, Mask]
    """By the window of a layer; None for layers that see everything."""
    rotation: tuple[Tensor, Tensor] | None
    """Cosines and sines of rotary positions; fp32."""


class Block(nn.Module):
    """Norms go before each sublayer (pre), after each residual sum (post; Vaswani et al. 2017), or before and after
    each sublayer (sandwich; Ding et al. 2021, arXiv:2105.13290)."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.window = config.window_of(layer)
        self.post = config.norm_placement == "post"
        sandwich = config.norm_placement == "sandwich"
        self.attention_norm = norm(config)
        self.attention = Attention(config, layer)
        self.attention_post_norm = norm(config) if sandwich else None
        self.feed_forward_norm = norm(config)
        self.feed_forward = feed_forward(config, layer)
        self.feed_forward_post_norm = norm(config) if sandwich else None

    def forward(self, x: Tensor, order: Order, cache: Cache | None = None) -> Tensor:
        """[b, T, width] to the same."""
        mask, rotation = order.masks[self.window], order.rotation
        if self.post:
            x = self.attention_norm(x + self.attention(x, mask, rotation, cache))
            return self.feed_forward_norm(x + self.feed_forward(x))  # type: ignore[no-any-return]
        made: Tensor = self.attention(self.attention_norm(x), mask, rotation, cache)
        if self.attention_post_norm is not None:
            made = self.attention_post_norm(made)
        x = x + made
        made = self.feed_forward(self.feed_forward_norm(x))
        if self.feed_forward_post_norm is not None:
            made = self.feed_forward_post_norm(made)
        return x + made
