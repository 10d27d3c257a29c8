"""Adafactor (Shazeer and Stern 2018, arXiv:1804.04235): second moments of a matrix from its rows and columns.

As in the paper: beta2 grows with the steps, updates are clipped by their root mean square, there is no first moment.
Unlike it: the learning rate is the one given (no relative steps) and is not multiplied with the size of the parameter,
so that the same schedules serve as for AdamW; weight decay is decoupled. torch.optim.Adafactor scales by the parameter
and can't work on sharded tensors, whose partial sums it changes in place; here only parameters are changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from dataprep.training.parallel import whole

_BETA2_DECAY = -0.8
"""beta2 of step t is 1 - t^-0.8 (section 7.2)."""
_CLIP = 1.0
"""Most that the root mean square of an update may be (section 6)."""
_EPS = 1e-30
"""Added to squares of gradients (section 4)."""


class Adafactor(torch.optim.Optimizer):
    """State of a matrix [n, m]: float32 [n] and [m]; of anything else: as large as itself."""

    def __init__(self, params: Iterable[Any], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["lr"], group["weight_decay"])

    def _move(self, parameter: Tensor, gradient: Tensor, lr: float, decay: float) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # on the CPU: reading it waits for no device
        state["step"] += 1
        new = float(state["step"]) ** _BETA2_DECAY
        squares = gradient.float().square() + _EPS
        if gradient.ndim == 2:
            # Sums over the whole, divided: means of uneven shards would not add up to the mean.
            rows, columns = gradient.shape
            row = _average(state, "row", squares.sum(1) / columns, new)
            column = _average(state, "column", whole(squares.sum(0) / rows), new)
            mean = whole(row.sum() / rows)
            update = gradient * (row / mean).rsqrt()[:, None] * column.rsqrt()[None, :]
        else:
            update = gradient * _average(state, "square", squares, new).rsqrt()
        size = whole(update.square().sum() / gradient.numel()).sqrt()
        update = update / (size / _CLIP).clamp(min=1.0)
        if decay:
            parameter.mul_(1 - lr * decay)
        parameter.add_(update, alpha=-lr)


def _average(state: dict[str, Tensor], name: str, value: Tensor, new: float) -> Tensor:
    """The moving average with weight `new` for the value; the first step's weight is 1."""
    state[name] = value * new + state[name] * (1 - new) if name in state else value
    return state[name]
