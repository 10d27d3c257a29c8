"""The spike guard: tells a loss or a gradient that has jumped from the noise of training."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

from dataprep.training.settings import SpikeGuard as Settings


class Spike(NamedTuple):
    """What jumped, and how far."""

    value: str
    """`loss`, `grad_norm`, or `not finite`."""
    loss: float
    grad_norm: float
    mean: float | None
    """Of the steps before; None if it is not finite that was found."""
    sigma: float | None


class Guard:
    """Looks at each step's loss and gradient norm. A spike is not remembered: what follows is held against good steps.

    A pure function of the steps it has seen, so that a run that goes on decides as one that never stopped.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[str, deque[float]] = {
            "loss": deque(maxlen=settings.window),
            "grad_norm": deque(maxlen=settings.window),
        }

    def check(self, loss: float, grad_norm: float) -> Spike | None:
        """The spike that this step is, if it is one; else it is remembered."""
        now = {"loss": loss, "grad_norm": grad_norm}
        if not all(map(math.isfinite, now.values())):
            return Spike("not finite", loss, grad_norm, None, None)
        for name, value in now.items():
            seen = self._seen[name]
            if self._settings.sigmas is None or len(seen) < self._settings.window // 2:
                continue
            mean = math.fsum(seen) / len(seen)
            sigma = math.sqrt(math.fsum((x - mean) ** 2 for x in seen) / len(seen))
            # Steps that are all alike leave no spread to measure by: a thousandth of the mean stands for it.
            if value > mean + self._settings.sigmas * max(sigma, 1e-3 * abs(mean)):
                return Spike(name, loss, grad_norm, mean, sigma)
        for name, value in now.items():
            self._seen[name].append(value)
        return None

    def to_json(self) -> dict[str, Any]:
        return {name: list(seen) for name, seen in self._seen.items()}

    def restore(self, value: dict[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        for name, seen in self._seen.items():
            seen.clear()
            seen.extend(value[name])
