"""Several optimisers as one, their states on one process or divided among all (ZeRO stage 1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor


class Together(torch.optim.Optimizer):
    """Optimisers of different parameters. Groups are the optimisers' own, so that a learning rate set in one holds.

    With `owners`, the rank that moves each parameter, a rank's optimisers have only its own; after each step ranks tell
    one another the new values (Rajbhandari et al. 2020, arXiv:1910.02054, section 5.1). Parameters are not cut up, so
    that every optimiser works as on one process; the largest is the least that a rank holds the state of.
    """

    def __init__(self, optimizers: list[torch.optim.Optimizer], owners: dict[Tensor, int] | None = None) -> None:
        super().__init__([group for one in optimizers for group in one.param_groups], {})
        self.optimizers, self.owners = optimizers, owners
        for one in optimizers:
            assert not one.state
            one.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; with owners a collective call."""
        assert closure is None
        for one in self.optimizers:
            one.step()
        if self.owners is not None:
            _exchange(self.owners)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Of all parameters, those of other ranks too."""
        super().zero_grad(set_to_none)
        for parameter in self.owners or ():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.zero_()


def divided(parameters: list[Tensor], ranks: int) -> dict[Tensor, int]:
    """An owner for each parameter, so that all have about as many elements: the largest first, to who has least."""
    held, owners = [0] * ranks, dict[Tensor, int]()
    for parameter in sorted(parameters, key=lambda p: -p.numel()):
        rank = held.index(min(held))
        owners[parameter] = rank
        held[rank] += parameter.numel()
    return owners


def _exchange(owners: dict[Tensor, int]) -> None:
    """Each rank's parameters to all others: one message a rank."""
    for rank in range(dist.get_world_size()):
        own = [p.detach() for p, owner in owners.items() if owner == rank]
        if not own:
            continue
        message = torch.cat([p.flatten() for p in own])
        dist.broadcast(message, src=rank)
        if rank != dist.get_rank():
            for p, part in zip(own, torch.split(message, [p.numel() for p in own]), strict=True):
                p.copy_(part.view_as(p))
