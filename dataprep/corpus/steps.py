"""Steps of training and the samples of each: batches that grow, ranges that are skipped; found at once, both ways.

Samples have numbers, and positions: how many samples before one are not skipped. Steps divide up positions. A step has
the size that is in force at its first position; steps are whole, so that samples at the end may fill none.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dataprep.corpus.mix_plan import MixPlan
from dataprep.corpus.shard import Int64s
from dataprep.corpus.state import State


class _Phase(NamedTuple):
    """Steps of one size."""

    step: int
    position: int
    size: int


class Steps:
    """The steps of a run of `total` samples."""

    def __init__(self, state: State, total: int) -> None:
        self._kept = _kept(state.skipped, total)
        """(first sample, its position) of each run of samples that are not skipped; then (total, number of all)."""
        self.positions = self._kept[-1][1]
        starts = [self.position(entry.first) for entry in state.history]
        self._phases = list[_Phase]()
        step = position = 0
        while position < self.positions:
            n = bisect_right(starts, position) - 1
            size, until = _size(state.history[n].plan, position)
            until = min(until, starts[n + 1] if n + 1 < len(starts) else until, self.positions)
            count = -(-(until - position) // size)
            if position + count * size > self.positions:
                count = (self.positions - position) // size
            if not count:
                break
            self._phases.append(_Phase(step, position, size))
            step, position = step + count, position + count * size
        self.count = step
        """Whole steps."""
        self.left_over = self.positions - position
        """Samples at the end that fill no step."""

    def position(self, sample: int) -> int:
        """How many samples before `sample` are not skipped."""
        n = bisect_right(self._kept, (sample, self.positions + 1)) - 1
        if n < 0:
            return 0
        first, position = self._kept[n]
        after = self._kept[n + 1][1] if n + 1 < len(self._kept) else self.positions
        return min(position + sample - first, after)

    def samples(self, step: int) -> Int64s:
        """int64[size]: numbers of the samples of a step, in order of its batch. Raises IndexError past the end."""
        if not 0 <= step < self.count:
            raise IndexError(f"step {step}: the run has steps 0 to {self.count - 1}")
        phase = self._phases[bisect_right(self._phases, step, key=lambda p: p.step) - 1]
        first = phase.position + (step - phase.step) * phase.size
        positions = np.arange(first, first + phase.size)
        kept = np.array(self._kept)
        run = np.searchsorted(kept[:, 1], positions, "right") - 1
        return np.asarray(kept[run, 0] + positions - kept[run, 1])

    def first(self, step: int) -> int:
        """Number of the first sample of a step; of the one after the last, that of the sample after it."""
        if step < self.count:
            return int(self.samples(step)[0])
        return int(self.samples(step - 1)[-1]) + 1 if step else 0

    def step(self, sample: int) -> int | None:
        """The step that a sample is in; None for one that is skipped or left over at the end."""
        position = self.position(sample)
        if position == self.position(sample + 1) or position >= self.positions - self.left_over:
            return None
        phase = self._phases[bisect_right(self._phases, position, key=lambda p: p.position) - 1]
        return phase.step + (position - phase.position) // phase.size


def _kept(skipped: tuple[tuple[int, int], ...], total: int) -> list[tuple[int, int]]:
    runs, position, at = list[tuple[int, int]](), 0, 0
    for first, last in sorted(skipped):
        if at < min(first, total):
            runs.append((at, position))
            position += min(first, total) - at
        at = max(at, last)
    if at < total:
        runs.append((at, position))
        position += total - at
    assert all(a < b for a, b in pairwise(runs))
    return [*runs, (max(at, total), position)]


def _size(plan: MixPlan, position: int) -> tuple[int, int]:
    """The size of a batch that begins at `position`, and the position at which it changes."""
    if plan.ramp is None or position >= plan.ramp.until_sample:
        return plan.batch_size, 1 << 62
    rises = (plan.batch_size - plan.ramp.start) // plan.ramp.increase
    risen = position * rises // plan.ramp.until_sample
    return plan.ramp.start + risen * plan.ramp.increase, -(-(risen + 1) * plan.ramp.until_sample // rises)
