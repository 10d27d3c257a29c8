"""How tensors of the transformers library are made of ours, and taken apart again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

from dataprep.training.model.config import ModelConfig


class Layout(NamedTuple):
    """How their one tensor is made of ours, and taken apart again."""

    join: Callable[[list[Tensor], ModelConfig], Tensor]
    split: Callable[[Tensor, ModelConfig], list[Tensor]]


class Entry(NamedTuple):
    """Weights of ours that are one tensor of theirs. `N` stands for the number of a block."""

    theirs: str
    ours: tuple[str, ...]
    layout: Layout


SAME: Final = Layout(lambda parts, _: parts[0], lambda whole, _: [whole])
TURNED: Final = Layout(lambda parts, _: parts[0].t(), lambda whole, _: [whole.t()])
"""GPT-2 keeps matrices the other way round: [in, out]."""
JOINED: Final = Layout(lambda parts, _: torch.cat(parts, -1), lambda whole, _: list(whole.chunk(3, -1)))
JOINED_TURNED: Final = Layout(
    lambda parts, _: torch.cat([part.t() for part in parts], -1),
    lambda whole, _: [part.t() for part in whole.chunk(3, -1)],
)
"""Queries, keys, values one after another."""


def _by_head(parts: list[Tensor], config: ModelConfig) -> Tensor:
    heads = [part.view(config.heads, config.head_dim, *part.shape[1:]) for part in parts]
    return torch.stack(heads, 1).flatten(0, 2)


def _from_heads(whole: Tensor, config: ModelConfig) -> list[Tensor]:
    heads = whole.view(config.heads, 3, config.head_dim, *whole.shape[1:])
    return [heads[:, n].flatten(0, 1) for n in range(3)]


BY_HEAD: Final = Layout(_by_head, _from_heads)
"""Query, key and value of the first head, then of the next one."""
_BEFORE: Final = 2
"""Rows of OPT's table of positions before the first position; nothing reads them."""
OFFSET: Final = Layout(
    lambda parts, _: torch.cat([parts[0].new_zeros(_BEFORE, parts[0].shape[1]), parts[0]]),
    lambda whole, _: [whole[_BEFORE:]],
)


def linear(theirs: str, ours: str, layout: Layout = SAME) -> list[Entry]:
    """Weight and bias; a bias has no other way round."""
    return [
        Entry(f"{theirs}.weight", (f"{ours}.weight",), layout),
        Entry(f"{theirs}.bias", (f"{ours}.bias",), SAME),
    ]


BLOCK: Final = "blocks.N"
QKV: Final = ("query", "key", "value")


def fused(theirs: str, weight: Layout, bias: Layout) -> list[Entry]:
    return [
        Entry(f"{theirs}.{kind}", tuple(f"{BLOCK}.attention.{part}.{kind}" for part in QKV), layout)
        for kind, layout in (("weight", weight), ("bias", bias))
    ]


HEAD: Final = Entry("lm_head.weight", ("head.weight",), SAME)
