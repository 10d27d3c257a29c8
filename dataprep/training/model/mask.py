"""Who sees whom: one rule, and the forms that attention kernels take it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Mask:
    """What one kind of layer sees; made once a forward pass and shared by layers.

    A dataclass and no tuple: FSDP casts the tensors that it finds in tuples.
    """

    causal: bool = False
    """Plain causal attention: no mask is needed, and the fastest kernels apply."""
    dense: Tensor | None = None
    """For SDPA: bool [b or 1, 1, T, S], or what is added to scores, [b or 1, heads, T, S]."""
    blocks: BlockMask | None = None
    """For flex_attention."""
    slopes: Tensor | None = None
    """With `blocks`: ALiBi's, float32[heads]."""


def rule(window: int | None, documents: Tensor | None, seen: int = 0) -> Rule:
    """(batch, head, query, key) -> may the query see the key. Queries are numbered from `seen` on in keys."""

    def visible(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        at = q + seen if seen else q
        sees = at >= k
        if window is not None:
            sees = sees & (at - k < window)
        if documents is not None:
            sees = sees & (documents[b, q] == documents[b, k])
        return sees

    return visible


def dense(
    tokens: int, seen: int, window: int | None, documents: Tensor | None, bias: Tensor | None, device: torch.device
) -> Mask:
    """The mask for SDPA; `bias` [1, heads, T, S] is added to scores. Takes T S bytes, or the size of the bias."""
    reaches_all = window is None or seen + tokens <= window
    if bias is None and documents is None and reaches_all:
        if tokens == 1:
            return Mask()  # the newest token sees all
        if seen == 0:
            return Mask(causal=True)
    b = torch.arange(1 if documents is None else len(documents), device=device)[:, None, None, None]
    q = torch.arange(tokens, device=device)[:, None]
    k = torch.arange(seen + tokens, device=device)
    sees = rule(window, documents, seen)(b, b, q, k)
    if sees.dim() == 2:
        sees = sees[None, None]
    return Mask(dense=sees if bias is None else bias.masked_fill(~sees, float("-inf")))


def blocks(
    tokens: int, window: int | None, documents: Tensor | None, slopes: Tensor | None, device: torch.device
) -> Mask:
    """The mask for flex_attention on CUDA: blocks of 128 x 128 that nobody sees are skipped."""
    if documents is None:
        assert slopes is not None or window is not None
        return Mask(blocks=_fixed(tokens, window, device), slopes=slopes)
    make = create_block_mask if device.type == "cpu" else _compiled()
    made = make(rule(window, documents), len(documents), None, tokens, tokens, device=device)
    return Mask(blocks=made, slopes=slopes)


@cache
def _fixed(tokens: int, window: int | None, device: torch.device) -> BlockMask:
    return create_block_mask(rule(window, None), None, None, tokens, tokens, device=device)


@cache
def _compiled() -> Any:
    # Uncompiled it would hold a bool for every pair of positions.
    return torch.compile(create_block_mask)
