"""Keys and values of tokens that the model has read, kept for the next ones."""

from __future__ import annotations

import torch
from torch import Tensor


class Cache:
    """For generation: `Transformer.forward(tokens, cache=cache)` reads on where the last call ended.

    Takes 2 x layers x b x kv_heads x capacity x head_dim elements, in the dtype of the first keys.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        """Most tokens."""
        self.seen = 0
        """Tokens read so far; the model moves it when all layers have run."""
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keeps [b, kv_heads, T, head_dim] of new tokens; all of them so far, [b, kv_heads, seen + T, head_dim]."""
        end = self.seen + key.shape[2]
        assert end <= self.capacity, f"{end} tokens in a cache of {self.capacity}"
        if layer not in self._kept:
            b, groups, _, width = key.shape
            shape = (b, groups, self.capacity, width)
            self._kept[layer] = key.new_zeros(shape), value.new_zeros(shape)
        keys, values = self._kept[layer]
        with torch.no_grad():
            keys[:, :, self.seen : end] = key
            values[:, :, self.seen : end] = value
        return keys[:, :, :end], values[:, :, :end]
