"""Whether every source has enough for what a mix asks of it, and what to change if not."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple

from dataprep.corpus.sampler import Sampler
from dataprep.errors import UsageError

REPEATS: Final = 4
"""Data seen up to four times is worth about as much as new data: Muennighoff et al. 2023 (arXiv:2305.16264)."""


class Demand(NamedTuple):
    """What the whole run asks of one source."""

    name: str
    windows: int
    drawn: int
    most: int | None
    """Windows that may be drawn."""
    runs_out: int | None
    """The first sample for which nothing would be left."""

    @property
    def epochs(self) -> float:
        return self.drawn / self.windows


def demands(sampler: Sampler) -> list[Demand]:
    """Every source of a run."""
    found = []
    for n, (source, drawn) in enumerate(zip(sampler.plan.sources, sampler.consumed(sampler.total), strict=True)):
        most = source.max_windows
        runs_out = sampler.sample_of(n, most) if most is not None and drawn > most else None
        found.append(Demand(source.name, source.windows, drawn, most, runs_out))
    return found


def refuse_shortage(sampler: Sampler) -> None:
    """Raises UsageError for the first source of which a run asks more than its `max_epochs` gives."""
    for demand in demands(sampler):
        if demand.runs_out is not None:
            raise UsageError(shortage(sampler, demand))


def shortage(sampler: Sampler, demand: Demand) -> str:
    """The one line for a source that runs out: what it lacks and what to change."""
    assert demand.most is not None
    assert demand.runs_out is not None
    length = sampler.plan.sequence_length
    return (
        f"source {demand.name}: runs out at token {demand.runs_out * length:,}: the mix asks for "
        f"{demand.drawn * length:,} of its tokens and max_epochs allows {demand.most * length:,}; set max_epochs to "
        f"{ceil(100 * demand.epochs) / 100:g}, {_lighter(sampler, demand, demand.most)}or end before"
    )


def repetition(sampler: Sampler, demand: Demand) -> str:
    """The one line for a source that is repeated more often than is known to be worth it."""
    return (
        f"source {demand.name}: is seen {demand.epochs:.3g} times; past {REPEATS} repeated data is worth less and less "
        f"(arXiv:2305.16264); {_lighter(sampler, demand, REPEATS * demand.windows)}end before, or add data"
    )


def _lighter(sampler: Sampler, demand: Demand, most: int) -> str:
    """What to multiply a source's weights by, so that about `most` of its windows are drawn; others take its share."""
    if sampler.plan.asked:
        return f"set epochs to {most / demand.windows:.3g}, "
    if len({segment.weights for segment in sampler.segments}) > 1:
        return "lower its weights, "
    if demand.drawn >= sampler.total:
        return ""
    factor = Fraction(most, sampler.total - most) / Fraction(demand.drawn, sampler.total - demand.drawn)
    return f"multiply its weights by {float(factor):.2g}, "
