"""Global sample number -> (source, epoch, window), and back: pure functions of the history of mixes, without tables.

Samples come in blocks of 4,096. A block has an exact quota of each source and a keyed permutation of its slots; of one
source the slots take the next windows in turn. So at any sample number what was drawn from a source is the beginning of
its own sequence: epoch after epoch, each a keyed permutation of its windows. A mix that changes in the middle of a run
changes which source is drawn next and nothing about what each source gives next.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.corpus.permutation import Permutation, key
from dataprep.corpus.quotas import BLOCK, blocks, border, quotas
from dataprep.corpus.shard import Int64s
from dataprep.corpus.state import State
from dataprep.corpus.steps import Steps
from dataprep.errors import UsageError

Sources = npt.NDArray[np.int16]
_BLOCK_BITS = 48
"""Blocks of a segment that can be told apart."""


class Drawn(NamedTuple):
    """What samples are, one item a sample."""

    source: Sources
    """Number of the source in the mix."""
    epoch: Int64s
    """How many times the source had been seen whole."""
    window: Int64s


class Segment(NamedTuple):
    """Samples that are drawn with the same weights: of one stage of one mix."""

    stage: str
    first: int
    last: int
    """The sample after its last; a change of the mix may have cut it short."""
    planned: int
    """Samples it was planned for."""
    weights: tuple[int, ...]
    before: tuple[int, ...]
    """Windows drawn from each source before it."""


class _Block(NamedTuple):
    source: Sources
    """Of each slot."""
    rank: npt.NDArray[np.int32]
    """Of each slot among those of its source."""
    order: npt.NDArray[np.int64]
    """Slots by source and rank."""
    starts: list[int]
    """Where each source begins in `order`."""


class Sampler:
    """The stream of samples of a run. Making one costs a millisecond, and as many again for each change of the mix."""

    def __init__(self, state: State) -> None:
        self.plan = state.plan
        self.names = tuple(source.name for source in self.plan.sources)
        self._windows = np.array([source.windows for source in self.plan.sources])
        self._blocks = lru_cache(maxsize=16)(self._make_block)
        self._permutations = lru_cache(maxsize=4096)(self._make_permutation)
        self.segments = list[Segment]()
        for n, entry in enumerate(state.history):
            until = state.history[n + 1].first if n + 1 < len(state.history) else None
            self._add(state, n, entry.first, until)
        if not self.segments:
            raise UsageError(f"{self.plan.name}: ends where it begins: no stage is left after sample {state.sample:,}")
        self._firsts = np.array([segment.first for segment in self.segments])
        self.total = self.segments[-1].last
        """Samples of the whole run."""
        self.steps = Steps(state, self.total)
        self._skipped = state.skipped

    def _add(self, state: State, n: int, first: int, until: int | None) -> None:
        """The segments of one entry of the history, which ends before sample `until`."""
        plan = state.history[n].plan
        rest = (0,) * (len(self.names) - len(plan.sources))
        drawn = self.consumed(first)
        stages = [(stage.name, stage.until_sample, stage.weights) for stage in plan.stages]
        if plan.asked:
            left = tuple(asked - seen for asked, seen in zip(plan.asked, drawn, strict=False))
            for source, windows in zip(plan.sources, left, strict=True):
                if windows < 0:
                    raise UsageError(
                        f"{plan.name}: source {source.name} has been seen more often already than `epochs` says"
                    )
            stages = [("main", first + sum(left), left)]
        for name, planned, weights in stages:
            last = planned if until is None else min(planned, until)
            if last > first:
                self.segments.append(Segment(name, first, last, planned - first, weights + rest, drawn))
                first = last
                drawn = self.consumed(first)
        if until is not None and first < until:
            raise UsageError(f"the state of a sampler is damaged: its mix {n + 1} ends before the next one begins")

    # ------------------------------------------------------------ forward

    def at(self, samples: Int64s) -> Drawn:
        """What samples (int64[n], in range(total), in any order) are."""
        samples = np.asarray(samples, np.int64)
        assert not len(samples) or 0 <= int(samples.min()) <= int(samples.max()) < self.total
        segment = np.searchsorted(self._firsts, samples, "right") - 1
        source = np.empty(len(samples), np.int16)
        ordinal = np.empty(len(samples), np.int64)
        place = samples - self._firsts[segment]
        last = np.array([blocks(s.planned) - 1 for s in self.segments])
        block = np.minimum(place // BLOCK, last[segment])
        for chosen in _groups(segment << _BLOCK_BITS | block):
            n, b = int(segment[chosen[0]]), int(block[chosen[0]])
            made = self._blocks(n, b)
            slot = place[chosen] - b * BLOCK
            source[chosen] = made.source[slot]
            ordinal[chosen] = made.rank[slot] + np.array(self._before(n, b))[made.source[slot]]
        windows = self._windows[source]
        epoch, position = np.divmod(ordinal, windows)
        window = np.empty(len(samples), np.int64)
        for chosen in _groups(np.asarray(epoch * len(self.names) + source, np.int64)):
            one = chosen[0]
            window[chosen] = self._permutations(int(source[one]), int(epoch[one]))(position[chosen])
        return Drawn(source, epoch, window)

    def consumed(self, sample: int) -> tuple[int, ...]:
        """Windows drawn from each source before a sample. Skipped samples count: they will not come again."""
        if not self.segments:
            return (0,) * len(self.names)
        n = bisect_right(self.segments, sample, key=lambda s: s.first) - 1
        segment = self.segments[n]
        place = min(sample, segment.last) - segment.first
        b = min(place // BLOCK, blocks(segment.planned) - 1)
        if place == segment.planned:
            return tuple(self._before(n, b + 1))
        drawn = self._before(n, b)
        if place > b * BLOCK:
            first = self._blocks(n, b).source[: place - b * BLOCK]
            drawn = np.add(drawn, np.bincount(first, minlength=len(drawn))).tolist()
        return tuple(drawn)

    def skipped(self, sample: int) -> tuple[int, ...]:
        """Windows of each source that were skipped before a sample."""
        found, at = np.zeros(len(self.names), np.int64), 0
        for first, last in sorted(self._skipped):  # ranges may overlap
            low, high = min(max(first, at), sample), min(max(last, at), sample)
            found += np.subtract(self.consumed(high), self.consumed(low))
            at = max(at, last)
        return tuple(found.tolist())

    # ------------------------------------------------------------ back

    def samples_of(self, source: int, window: int, first: int = 0, last: int | None = None) -> list[int]:
        """Numbers of the samples from `first` to `last` - 1 that are this window of this source, ascending."""
        last = self.total if last is None else min(last, self.total)
        windows = int(self._windows[source])
        low, high = self.consumed(first)[source], self.consumed(last)[source]
        found = []
        for epoch in range(low // windows, -(-high // windows)):
            position = self._permutations(source, epoch).inverse(np.array([window]))
            ordinal = epoch * windows + int(position[0])
            if low <= ordinal < high:
                found.append(self.sample_of(source, ordinal))
        return found

    def sample_of(self, source: int, ordinal: int) -> int:
        """Number of the sample that is the `ordinal`-th window drawn from a source in the whole run, from 0."""
        befores = [segment.before[source] for segment in self.segments]
        n = bisect_right(befores, ordinal) - 1
        low, high = 0, blocks(self.segments[n].planned)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._before(n, middle)[source] <= ordinal else (low, middle)
        made = self._blocks(n, low)
        slot = int(made.order[made.starts[source] + ordinal - self._before(n, low)[source]])
        return self.segments[n].first + low * BLOCK + slot

    # ------------------------------------------------------------ blocks

    def _before(self, n: int, block: int) -> list[int]:
        """Windows drawn from each source before a block of a segment."""
        segment = self.segments[n]
        drawn = quotas(segment.weights, border(segment.planned, block))
        return [a + b for a, b in zip(segment.before, drawn, strict=True)]

    def _make_block(self, n: int, block: int) -> _Block:
        segment = self.segments[n]
        size = border(segment.planned, block + 1) - border(segment.planned, block)
        counts = np.subtract(self._before(n, block + 1), self._before(n, block))
        ordered = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
        shuffle = Permutation(size, key(self.plan.seed, "slots", segment.first, block))
        source = ordered[shuffle(np.arange(size))]
        order = np.argsort(source, kind="stable")
        starts = np.cumsum(counts) - counts
        rank = np.empty(size, np.int32)
        rank[order] = np.arange(size) - np.repeat(starts, counts)
        return _Block(source, rank, order, starts.tolist())

    def _make_permutation(self, source: int, epoch: int) -> Permutation:
        name = self.plan.sources[source].name
        return Permutation(int(self._windows[source]), key(self.plan.seed, "windows", name, epoch))


def _groups(keys: Int64s) -> list[Int64s]:
    """Places of equal keys, together."""
    if not len(keys):
        return []
    if (keys == keys[0]).all():
        return [np.arange(len(keys))]
    order = np.argsort(keys, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
