"""Matrices: linear layers and embeddings, and several linear layers of one input as one product."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Linear(nn.Linear):
    """On the meta device nothing is drawn: torch would load its compiler for that, a second and more."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class Embedding(nn.Embedding):
    """The same for a table."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


def together(x: Tensor, *layers: nn.Linear) -> tuple[Tensor, ...]:
    """What each layer makes of x [..., in], in their order.

    Under autocast the weights have to be copied to be cast, and the copy is one matrix: one product forward, one for
    x's gradient. Elsewhere each layer runs by itself: a copy of the weights would live until the backward pass and
    undo their sharding. So do layers that something else has taken hold of (adapters, parallel plans).
    """
    device = x.device.type
    if not (torch.is_autocast_enabled(device) and all(_plain(layer) for layer in layers)):
        return tuple(layer(x) for layer in layers)
    dtype = torch.get_autocast_dtype(device)
    weight = torch.cat([layer.weight.to(dtype) for layer in layers])
    bias = None if layers[0].bias is None else torch.cat([layer.bias.to(dtype) for layer in layers])
    sizes = [layer.out_features for layer in layers]
    return torch.split(functional.linear(x, weight, bias), sizes, dim=-1)


def _plain(layer: nn.Linear) -> bool:
    return type(layer) is Linear and not layer._forward_hooks and not layer._forward_pre_hooks
