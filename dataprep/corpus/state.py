"""Where a run is in its stream of samples: the next one, the mixes it has had, what it skipped. Small, plain JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

from dataprep.corpus.mix_plan import MixPlan
from dataprep.errors import UsageError

VERSION = 1


class Entry(NamedTuple):
    """A mix and the sample from which it holds."""

    first: int
    plan: MixPlan


class State(NamedTuple):
    """All that a run has to keep to go on exactly, on any number of ranks. Histories and skips only grow."""

    sample: int
    """Number of the next sample."""
    history: tuple[Entry, ...]
    skipped: tuple[tuple[int, int], ...] = ()
    """Ranges [from, to) of sample numbers that were left out, or were trained on and undone."""

    @property
    def plan(self) -> MixPlan:
        """The mix in force."""
        return self.history[-1].plan

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "sample": self.sample,
            "history": [{"from": entry.first, "mix": entry.plan.to_json()} for entry in self.history],
            "skipped": [list(span) for span in self.skipped],
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> State:
        """Raises UsageError for JSON that is no such state."""
        if not isinstance(value, dict) or value.get("version") != VERSION:
            raise UsageError(f"not the state of a sampler of version {VERSION}; give the file that the run wrote")
        try:
            history = tuple(Entry(entry["from"], MixPlan.from_json(entry["mix"])) for entry in value["history"])
            state = State(value["sample"], history, tuple((first, last) for first, last in value["skipped"]))
            firsts = [entry.first for entry in history]
            numbers = [state.sample, *firsts, *(n for span in state.skipped for n in span)]
            if not all(type(n) is int and n >= 0 for n in numbers):
                raise ValueError("numbers of samples are whole and not below 0")
            if firsts[:1] != [0] or sorted(firsts) != firsts or firsts[-1] > state.sample:
                raise ValueError("its mixes do not go from sample 0 to the next one")
            return state
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"the state of a sampler is damaged: {error}; go back to an earlier checkpoint") from error


def begin(plan: MixPlan) -> State:
    """Before the first sample."""
    return State(0, (Entry(0, plan),))


def with_mix(state: State, plan: MixPlan) -> State:
    """The same run with another mix from its next sample on: what was seen stays seen, the rest is planned again.

    An equal mix changes nothing. Weights, epochs, limits, stages and batches may change and sources may be added.
    Raises UsageError for a change after which "seen" would mean something else.
    """
    old = state.plan
    if plan == old:
        return state
    for what in ("seed", "sequence_length", "packing"):
        before, now = getattr(old, what), getattr(plan, what)
        if before != now:
            raise UsageError(
                f"{plan.name}: {what} was {before} when the run began and can't become {now}; set it back, or start a "
                "new run"
            )
    if old.tokenizer != plan.tokenizer:
        raise UsageError(
            f"{plan.name}: the tokenizer's sha256 was {old.tokenizer[:16]}... when the run began and is "
            f"{plan.tokenizer[:16]}... now; tokenize with the first one"
        )
    now_by_name = {source.name: source for source in plan.sources}
    for n, source in enumerate(old.sources):
        now = now_by_name.get(source.name)
        if now is None:
            raise UsageError(f"{plan.name}: source {source.name} has been used; keep it, with `weight: 0`")
        if now.sha256 != source.sha256 and now.sha256[:64] == source.sha256[:64]:
            raise UsageError(
                f"{plan.name}: source {source.name}: its max_tokens gave {source.windows:,} windows when the run began "
                f"and gives {now.windows:,} now; set it back, or give the source more or less weight"
            )
        if (now.sha256, now.windows) != (source.sha256, source.windows):
            raise UsageError(
                f"{plan.name}: source {source.name} is not the corpus that the run began with: sha256 "
                f"{now.sha256[:16]}..., was {source.sha256[:16]}...; {now.windows:,} windows, were {source.windows:,}; "
                "a source never changes: restore it, and add what is new as another source"
            )
        if plan.sources[n].name != source.name:
            raise UsageError(f"{plan.name}: source {source.name} has moved; add new sources below the old ones")
    return state._replace(history=(*state.history, Entry(state.sample, plan)))


def skip(state: State, first: int, last: int) -> State:
    """The same run without the samples from `first` to `last` - 1; a next sample among them becomes the one after.

    Raises UsageError for samples before the next one: steps would be counted anew from there, and some samples would
    come twice. To undo steps go back to a state before them and skip their samples.
    """
    if not 0 <= first < last:
        raise UsageError(f"samples {first} to {last}: a range that is skipped has a first sample below its last")
    if first < state.sample:
        raise UsageError(
            f"samples {first} to {last}: sample {state.sample} is the next one; skip from there on, or go back to a "
            "state before them"
        )
    sample, skipped = state.sample, (*state.skipped, (first, last))
    for low, high in sorted(skipped):
        sample = high if low <= sample < high else sample
    return state._replace(sample=sample, skipped=skipped)
