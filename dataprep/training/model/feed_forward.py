"""The feed-forward layer: two matrices around an activation, or three with a gate."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from dataprep.training.model.config import Activation, ModelConfig
from dataprep.training.model.linear import Linear, together

ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,  # Hendrycks and Gimpel 2016, arXiv:1606.08415
    "gelu_tanh": partial(
        functional.gelu, approximate="tanh"
    ),  # the same paper's approximation, as GPT-2 and BLOOM have it
    "swish": functional.silu,  # Ramachandran et al. 2017, arXiv:1710.05941
    "geglu": functional.gelu,  # of the gate; Shazeer 2020, arXiv:2002.05202
    "swiglu": functional.silu,
}


class FeedForward(nn.Module):
    """down(act(up(x))), or down(act(gate(x)) * up(x)): [b, T, width] to the same."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, inner, bias = config.width, config.ffn_dim, config.output_bias
        self.up = Linear(width, inner, bias=bias)
        self.gate = Linear(width, inner, bias=bias) if config.gated else None
        self.down = Linear(inner, width, bias=bias)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: Tensor) -> Tensor:
        if self.gate is None:
            return self.down(self.activation(self.up(x)))  # type: ignore[no-any-return]
        gate, up = together(x, self.gate, self.up)
        return self.down(self.activation(gate) * up)  # type: ignore[no-any-return]


def feed_forward(config: ModelConfig, layer: int) -> nn.Module:
    """The feed-forward layer of a block (from 0): the one place that chooses it."""
    return FeedForward(config)
