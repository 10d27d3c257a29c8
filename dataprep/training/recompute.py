"""Activations that are worked out again in the backward pass instead of being kept."""

from __future__ import annotations

from functools import cache, partial
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

_KEPT = (
    "mm",
    "addmm",
    "bmm",
    "baddbmm",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
)
"""What costs most to work out again for its size: matrix products and attention."""


def recompute(block: nn.Module, kind: Literal["full", "selective"]) -> None:
    """Let a block keep its input only (`full`), or the results of matrix products and attention too (`selective`).

    In place, by a class of its own: modules and parameters keep their names. `full` costs a third of the forward and
    backward passes' time; `selective` keeps about a third of the activations.
    """
    block.__class__ = _recomputed(type(block), kind)  # type: ignore[arg-type]


@cache
def _recomputed(cls: type[nn.Module], kind: str) -> type[nn.Module]:
    # Nothing in a block is random.
    how: dict[str, Any] = {"use_reentrant": False, "preserve_rng_state": False}
    if kind == "selective":
        how["context_fn"] = partial(create_selective_checkpoint_contexts, _policy)

    def forward(self: nn.Module, *args: Any) -> Any:
        if not torch.is_grad_enabled():
            return cls.forward(self, *args)
        return checkpoint(partial(cls.forward, self), *args, **how)

    return type(cls.__name__, (cls,), {"forward": forward, "__doc__": cls.__doc__, "__module__": cls.__module__})


@cache
def _kept() -> frozenset[Any]:
    packets = [getattr(torch.ops.aten, name) for name in _KEPT if hasattr(torch.ops.aten, name)]
    flex = getattr(torch.ops.higher_order, "flex_attention", None)
    return frozenset([packet.default for packet in packets] + ([flex] if flex is not None else []))


def _policy(context: Any, operation: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if operation in _kept() else CheckpointPolicy.PREFER_RECOMPUTE
