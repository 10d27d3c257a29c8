"""The causal transformer: embeddings, blocks, head. It knows nothing of losses, devices or processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

import torch
from torch import Tensor, nn
from torch.nn import functional

from dataprep.training.model import mask as masks
from dataprep.training.model import rope
from dataprep.training.model.block import Block, Order
from dataprep.training.model.cache import Cache
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.init import initial
from dataprep.training.model.linear import Embedding, Linear
from dataprep.training.model.norm import norm
from dataprep.training.model.position import alibi_slopes, sinusoids, t5_bucket

R = TypeVar("R")
Head = Callable[[Tensor], Tensor]


class Transformer(nn.Module):
    """A language model of `config`. Weights are not set until `init_weights` or a state is loaded.

    Residual states are in the dtype of matrix products: bf16 under autocast, and in a model whose weights are bf16.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        inner = config.embedding_width or config.width
        self.embed = Embedding(config.vocab_size, inner)
        projected = config.embedding_width is not None
        self.embed_in = Linear(inner, config.width, bias=False) if projected else None
        self.embed_out = Linear(config.width, inner, bias=False) if projected else None
        self.positions = Embedding(config.context, config.width) if config.position == "learned" else None
        self.relative = Embedding(config.t5_buckets, config.heads) if config.position == "t5" else None
        self.embed_norm = norm(config) if config.embedding_norm else None
        self.blocks = nn.ModuleDict({str(n): Block(config, n) for n in range(config.layers)})
        self.norm = None if config.norm_placement == "post" else norm(config)
        self.head: nn.Module | None
        if not config.tied_head:
            self.head = Linear(inner, config.vocab_size, bias=config.head_bias)
        else:
            self.head = TiedHead(config.vocab_size) if config.head_bias else None

    @overload
    def forward(
        self,
        tokens: Tensor,
        *,
        positions: Tensor | None = None,
        documents: Tensor | None = None,
        cache: Cache | None = None,
        then: None = None,
    ) -> Tensor: ...

    @overload
    def forward(
        self,
        tokens: Tensor,
        *,
        positions: Tensor | None = None,
        documents: Tensor | None = None,
        cache: Cache | None = None,
        then: Callable[[Tensor, Head], R],
    ) -> R: ...

    def forward(
        self,
        tokens: Tensor,
        *,
        positions: Tensor | None = None,
        documents: Tensor | None = None,
        cache: Cache | None = None,
        then: Callable[[Tensor, Head], R] | None = None,
    ) -> Tensor | R:
        """Logits [b, T, vocab_size] of int64 tokens [b, T], or what `then` makes of hidden states [b, T, width] and
        of a function that turns hidden states into logits.

        `positions` int64 [b, T] are 0 to T - 1 if not given, or go on where the cache ends; `documents` int32 [b, T]
        numbers each token's document: attention stays in it (not with a cache).
        """
        seen = 0 if cache is None else cache.seen
        assert documents is None or cache is None, "a cache holds one document"
        if positions is None:
            assert seen + tokens.shape[1] <= self.config.context or self.positions is None, "beyond the last position"
            positions = torch.arange(seen, seen + tokens.shape[1], device=tokens.device)
        x = self._embedded(tokens, positions)
        order = self._order(x, positions, documents, seen)
        for block in self.blocks.values():
            x = block(x, order, cache)
        if cache is not None:
            cache.seen += tokens.shape[1]
        if self.norm is not None:
            x = self.norm(x)
        if self.embed_out is not None:
            x = self.embed_out(x)
        return self.logits(x) if then is None else then(x, self.logits)

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., vocab_size] of final hidden states [..., width]."""
        if not self.config.tied_head:
            assert self.head is not None
            return self.head(hidden)  # type: ignore[no-any-return]
        return functional.linear(hidden, self.embed.weight, None if self.head is None else self.head.bias)  # type: ignore[arg-type]

    def _embedded(self, tokens: Tensor, positions: Tensor) -> Tensor:
        x: Tensor = self.embed(tokens)
        if self.config.embedding_shrink < 1:
            # detach(x) + a (x - detach(x)) in one operation: the value stays as it is to the last bit.
            x = torch.lerp(x.detach(), x, self.config.embedding_shrink)
        if self.embed_in is not None:
            x = self.embed_in(x)
        dtype = x.dtype
        if self.positions is not None:
            x = x + self.positions(positions)
        elif self.config.position == "sinusoidal":
            x = x + sinusoids(positions, self.config.width)
        if self.embed_norm is not None:
            x = self.embed_norm(x)
        device = x.device.type
        return x.to(torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else dtype)

    def _order(self, x: Tensor, positions: Tensor, documents: Tensor | None, seen: int) -> Order:
        config, tokens, device = self.config, x.shape[1], x.device
        rotation = rope.tables(config, positions) if config.position == "rope" else None
        windows = {config.window_of(n) for n in range(config.layers)}
        slopes = alibi_slopes(config.heads, device) if config.position == "alibi" else None
        if device.type == "cuda" and seen == 0 and tokens > 1 and self.relative is None:
            if documents is not None or slopes is not None:
                return Order({w: masks.blocks(tokens, w, documents, slopes, device) for w in windows}, rotation)
            plain = masks.Mask(causal=True)
            made = {
                w: plain if w is None or w >= tokens else masks.blocks(tokens, w, documents, slopes, device)
                for w in windows
            }
            return Order(made, rotation)
        bias = self._bias(tokens, seen, slopes, device)
        if bias is not None:
            bias = bias.to(x.dtype)
        return Order({w: masks.dense(tokens, seen, w, documents, bias, device) for w in windows}, rotation)

    def _bias(self, tokens: int, seen: int, slopes: Tensor | None, device: torch.device) -> Tensor | None:
        """What is added to scores, [1, heads, T, S]. Documents change nothing: distances inside one stay the same."""
        if slopes is None and self.relative is None:
            return None
        distance = torch.arange(seen, seen + tokens, device=device)[:, None] - torch.arange(
            seen + tokens, device=device
        )
        if slopes is not None:
            return (-slopes[:, None, None] * distance)[None]
        assert self.relative is not None
        bucket = t5_bucket(distance, self.config.t5_buckets, self.config.t5_max_distance)
        made: Tensor = self.relative(bucket)
        return made.permute(2, 0, 1)[None]

    @torch.no_grad()
    def init_weights(self, seed: int, place: Callable[[Tensor, Tensor], object] = Tensor.copy_) -> None:
        """Sets every parameter, also after `to_empty` from the meta device: the same for a seed on every device.

        `place(parameter, whole)` puts the whole initial value, float32 on the CPU, where it belongs; a sharded
        parameter takes its part of it. One parameter at a time is held.
        """
        for name, parameter in self.named_parameters():
            place(parameter, initial(name, parameter.shape, self.config, seed))


class TiedHead(nn.Module):
    """What a head has besides the embedding's weights: a bias."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocab_size))
