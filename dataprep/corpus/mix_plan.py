"""A mix and the corpora it names, in numbers: all that decides which sample is what. Plain JSON, kept with a run."""

from __future__ import annotations

import resource
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import Any, NamedTuple

from dataprep.corpus.mix import Mix, Ramp, weights
from dataprep.corpus.quotas import MAX_SOURCES
from dataprep.corpus.stream import Stream
from dataprep.corpus.tokens import TokenCorpus, exists, open_tokens
from dataprep.corpus.windows import Windows, concatenated, windows
from dataprep.errors import InputError, UsageError


class PlannedSource(NamedTuple):
    """One source."""

    name: str
    sha256: str
    """Of the contents of its corpus, how they are packed and how many tokens `max_tokens` leaves of it, if it leaves
    out any; empty if there is no corpus yet."""
    windows: int
    max_windows: int | None
    """Most windows that may be drawn from it in the whole run."""


class PlannedStage(NamedTuple):
    """One stage of a mix by weights."""

    name: str
    until_sample: int
    weights: tuple[int, ...]
    """Of each source: whole numbers in the proportions that were asked for."""


class PlannedRamp(NamedTuple):
    """How the size of batches grows."""

    start: int
    increase: int
    until_sample: int


class MixPlan(NamedTuple):
    """The whole mix."""

    name: str
    seed: int
    sequence_length: int
    packing: str
    tokenizer: str
    """The sha256 of the tokenizer's file; empty if no source has a corpus yet."""
    batch_size: int
    ramp: PlannedRamp | None
    sources: tuple[PlannedSource, ...]
    stages: tuple[PlannedStage, ...]
    """Empty in a mix by epochs."""
    asked: tuple[int, ...]
    """In a mix by epochs, the windows to draw from each source in the whole run; else empty."""

    def to_json(self) -> dict[str, Any]:
        value = self._asdict()
        value["ramp"] = self.ramp and self.ramp._asdict()
        value["sources"] = [source._asdict() for source in self.sources]
        value["stages"] = [{**stage._asdict(), "weights": list(stage.weights)} for stage in self.stages]
        value["asked"] = list(self.asked)
        return value

    @staticmethod
    def from_json(value: dict[str, Any]) -> MixPlan:
        return MixPlan(
            **{
                **value,
                "ramp": value["ramp"] and PlannedRamp(**value["ramp"]),
                "sources": tuple(PlannedSource(**source) for source in value["sources"]),
                "stages": tuple(
                    PlannedStage(**{**stage, "weights": tuple(stage["weights"])}) for stage in value["stages"]
                ),
                "asked": tuple(value["asked"]),
            }
        )


class Opened(NamedTuple):
    """A source's corpus, or that there is none yet."""

    corpus: TokenCorpus | None
    stream: Stream | None
    windows: Windows | None
    number: int
    """Of windows; estimated if there is no corpus."""


def open_sources(mix: Mix, *, planned: bool = False) -> dict[str, Opened]:
    """The corpora of a mix. Opens manifests; best-fit packing may have to be worked out.

    With `planned` a source whose manifest does not exist counts as its `planned_tokens` say. Raises InputError for a
    corpus that is missing or not made with the same tokenizer as the others, UsageError for one that is too small.
    """
    # Half of the file descriptors that this process may have, two a shard, divided among the sources.
    held = max(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4 // len(mix.sources))
    opened = {name: _open(mix, name, planned, held) for name in mix.sources}
    made = {name: source.corpus for name, source in opened.items() if source.corpus is not None}
    first = next(iter(made.items()), None)
    for name, corpus in made.items():
        assert first is not None
        if corpus.tokenizer["sha256"] != first[1].tokenizer["sha256"]:
            raise InputError(
                f"source {name}: {corpus.root} was made with another tokenizer than source {first[0]} (sha256 "
                f"{corpus.tokenizer['sha256'][:16]}..., {first[1].tokenizer['sha256'][:16]}...); tokenize both with one"
            )
    return opened


def _open(mix: Mix, name: str, planned: bool, held: int) -> Opened:
    settings = mix.sources[name]
    if planned and settings.planned_tokens is not None and not exists(settings.manifest):
        tokens = min(settings.planned_tokens, settings.max_tokens or settings.planned_tokens)
        return Opened(None, None, None, concatenated(tokens, mix.sequence_length))
    try:
        corpus = open_tokens(settings.manifest)
    except InputError as error:
        raise InputError(f"source {name}: {error}") from error
    stream = Stream(corpus, "train", settings.max_tokens, min(held, 4096))
    found = windows(stream, mix.packing, mix.sequence_length)
    if not found.count:
        raise UsageError(f"source {name}: {corpus.root} holds {stream.tokens:,} training tokens: not one window")
    return Opened(corpus, stream, found, found.count)


def plan(mix: Mix, opened: dict[str, Opened]) -> MixPlan:
    """A mix in numbers. Raises UsageError for more sources than fit."""
    if len(mix.sources) > MAX_SOURCES:
        raise UsageError(
            f"{mix.name}: {len(mix.sources)} sources; at most {MAX_SOURCES}: put small ones into one corpus"
        )
    sources = []
    for name, settings in mix.sources.items():
        one = opened[name]
        most = None if settings.max_epochs is None else floor(settings.max_epochs * one.number)
        identity = ""
        if one.corpus is not None and one.windows is not None:
            identity = one.corpus.sha256 + (f"+{one.windows.sha256}" if one.windows.sha256 else "")
            if one.stream is not None and one.stream.cut:
                identity += f"+{one.stream.tokens}"
        sources.append(PlannedSource(name, identity, one.number, most))
    made = next((one.corpus for one in opened.values() if one.corpus is not None), None)
    return MixPlan(
        mix.name,
        mix.seed,
        mix.sequence_length,
        mix.packing,
        made.tokenizer["sha256"] if made is not None else "",
        mix.batch_size,
        None if mix.ramp is None else _ramp(mix.ramp, mix.sequence_length),
        tuple(sources),
        tuple(
            PlannedStage(
                stage.name,
                -(-stage.until_tokens // mix.sequence_length),
                _integers(list(weights(mix, stage).values())),
            )
            for stage in mix.stages
        ),
        tuple(
            ceil(settings.epochs * opened[name].number)
            for name, settings in mix.sources.items()
            if settings.epochs is not None
        ),
    )


def _ramp(ramp: Ramp, length: int) -> PlannedRamp:
    return PlannedRamp(ramp.start, ramp.increase, -(-ramp.until_tokens // length))


def _integers(shares: list[Fraction]) -> tuple[int, ...]:
    """Whole numbers in the same proportions, as small as possible."""
    common = lcm(*(share.denominator for share in shares))
    whole = [int(share * common) for share in shares]
    divisor = gcd(*whole)
    return tuple(n // divisor for n in whole)
