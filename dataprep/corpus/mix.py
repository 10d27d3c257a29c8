"""`mix.yaml`: which token corpora a model is trained on, in which shares, for how long, in what batches."""

from __future__ import annotations

import posixpath
import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dataprep.corpus.windows import Strategy
from dataprep.errors import UsageError, did_you_mean
from dataprep.yaml_file import read, validated

_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def _number(value: object) -> object:
    """`1.4T`, `300B`, `1.4e12`: YAML reads these as text. The exact value of what was written."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    if not isinstance(value, (int, float, str)):
        return value
    text = str(value).replace("_", "")
    scale = _UNITS.get(text[-1:].upper(), 1)
    digits = text[:-1] if scale > 1 else text
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?|-?\.[0-9]+", digits):
        raise ValueError("must be a number, as in 300000, 1.4e12 or 1.4T")
    return Fraction(digits) * scale


def whole(value: object) -> object:
    """`1.4T`, `300B`, `1.4e12` as the whole number that they are; other types as they are."""
    exact = _number(value)
    if not isinstance(exact, Fraction):
        return exact
    if exact.denominator != 1:
        raise ValueError("must be a whole number")
    return exact.numerator


Count = Annotated[int, BeforeValidator(whole), Field(ge=1)]
"""A whole number; `1.4e12` and `1.4T` are ones."""
Share = Annotated[Fraction, BeforeValidator(_number), Field(ge=0)]
"""Exactly what was written: 0.1 is one tenth."""
Positive = Annotated[Fraction, BeforeValidator(_number), Field(gt=0)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True)


class SourceSettings(_Settings):
    """One token corpus. It never changes: more data is a source of its own."""

    manifest: str
    """Folder that `dataprep tokenize` wrote, or a run that ends in `tokenize`; relative to the mix's file, or a URL."""
    weight: Share | None = None
    """Its share of the samples, relative to the other weights: they need not add up to anything. 0 keeps a source that
    was used before a change of the mix and is not any more. A source that comes to its end begins again, in another
    order, until `max_epochs`."""
    epochs: Positive | None = None
    """How many times it is seen in the whole run, which ends when all sources are done; they are interleaved evenly.
    Either all sources of a mix give `epochs` or all give `weight`; then `stages` say when the run ends."""
    max_epochs: Positive | None = None
    """Most times that it may be seen. A mix that asks for more is refused before anything is trained, with what to
    change: shares that drift while a model trains would not be those that were asked for."""
    max_tokens: Count | None = None
    """Use only its first documents that hold at most so many tokens, as if it had no more. `tokenize` has shuffled
    documents, so that this is a random sample of them."""
    planned_tokens: Count | None = None
    """How many tokens it is going to have: lets `dataprep mix` preview a mix before its manifest exists."""


class StageSettings(_Settings):
    """A part of the run with weights of its own, as the last one, in which the learning rate anneals."""

    name: str = Field(pattern=r"^\w[\w-]*$")
    """What previews and traces call it."""
    until_tokens: Count
    """Tokens since the beginning of the run at which it ends: rounded up to whole samples."""
    weights: dict[str, Share] | None = None
    """Shares in this stage, of all sources: one that is not named is not used in it. By default those that the sources
    give."""


class Ramp(_Settings):
    """Smaller batches in the beginning: Brown et al. 2020 (arXiv:2005.14165), section 2.3."""

    start: Count
    """Samples of the first batches."""
    increase: Count
    """Samples by which batches grow, in equal parts of the ramp; `batch_size` - `start` is a multiple of it."""
    until_tokens: Count
    """Tokens trained on when batches reach `batch_size`."""


class Mix(_Settings):
    """The top level of a mix file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the run's data."""
    seed: int = Field(0, ge=0)
    """Another seed, another order."""
    sequence_length: Count
    """Tokens that a model reads at a time. A row has one more, to be predicted from the last."""
    batch_size: Count
    """Samples (rows) of one step, of all ranks together; times `sequence_length` it is tokens."""
    ramp: Ramp | None = None
    """Smaller batches in the beginning."""
    packing: Strategy = "concatenate"
    """How documents become rows. `concatenate`: one after another, cut every `sequence_length` tokens; nothing is lost
    and only the end is padded. `best_fit`: cut only where longer than a row, and packed with little padding.
    `document`: one a row, cut off or padded."""
    sources: dict[str, SourceSettings]
    """Token corpora by name."""
    stages: tuple[StageSettings, ...] = ()
    """Parts of the run, in order; a mix by `weight` has at least one."""

    @property
    def by_epochs(self) -> bool:
        """Sources give `epochs`."""
        return any(source.epochs is not None for source in self.sources.values())


def load(path: str | Path) -> Mix:
    """Read and check a mix file; paths of manifests in it become absolute. Raises UsageError, one line.

    Opens no manifest: `mix_plan.plan` does.
    """
    where = Path(path).name
    raw = dict(read(path, "name, sequence_length, batch_size, sources and stages"))
    sources = raw.get("sources")
    if isinstance(sources, dict):
        if not sources:
            raise UsageError(f"{where}: sources: names none; give one, as in `web: {{manifest: out/web, weight: 1}}`")
        raw["sources"] = {
            str(name): _source(settings, f"{where}: source {name}", Path(path).parent)
            for name, settings in sources.items()
        }
    if isinstance(raw.get("stages"), list):
        raw["stages"] = tuple(_stage(settings, f"{where}: stage {n}") for n, settings in enumerate(raw["stages"], 1))
    if raw.get("ramp") is not None:
        raw["ramp"] = _ramp(raw["ramp"], f"{where}: ramp")
    mix = validated(Mix, raw, where)
    _check(mix, where)
    return mix


def _source(settings: object, at: str, folder: Path) -> SourceSettings:
    if not isinstance(settings, dict):
        raise UsageError(f"{at}: must be a mapping, as in {{manifest: out/web, weight: 1}}")
    source = validated(SourceSettings, settings, at)
    if "://" in source.manifest:
        return source
    absolute = posixpath.normpath(folder.resolve().joinpath(source.manifest))
    return source.model_copy(update={"manifest": absolute})


def _stage(settings: object, at: str) -> StageSettings:
    if not isinstance(settings, dict):
        raise UsageError(f"{at}: must be a mapping, as in {{name: main, until_tokens: 300B}}")
    return validated(StageSettings, settings, at)


def _ramp(settings: object, at: str) -> Ramp:
    if not isinstance(settings, dict):
        raise UsageError(
            f"{at}: must be a mapping, as in {{start: 32, increase: 32, until_tokens: 10B}} (got {settings!r})"
        )
    return validated(Ramp, settings, at)


def _check(mix: Mix, where: str) -> None:
    """What no single field can tell."""
    by_epochs = mix.by_epochs
    for name, source in mix.sources.items():
        at = f"{where}: source {name}"
        if source.weight is not None and source.epochs is not None:
            raise UsageError(f"{at}: gives both weight and epochs; leave out one")
        if source.weight is None and source.epochs is None:
            raise UsageError(f"{at}: '{'epochs' if by_epochs else 'weight'}' is missing")
        if (source.epochs is not None) != by_epochs:
            raise UsageError(f"{at}: gives weight where another source gives epochs; all sources give the same one")
        if by_epochs and source.max_epochs is not None:
            raise UsageError(f"{at}: max_epochs is for a source with a weight; `epochs` says how often it is seen")
    if by_epochs and mix.stages:
        raise UsageError(f"{where}: stages go with weights; sources by epochs end the run when all of them are seen")
    if not by_epochs and not mix.stages:
        raise UsageError(f"{where}: 'stages' is missing: say when it ends, as in [{{name: main, until_tokens: 300B}}]")
    before: StageSettings | None = None
    for n, stage in enumerate(mix.stages, 1):
        at = f"{where}: stage {n} {stage.name}"
        if stage.name in [other.name for other in mix.stages[: n - 1]]:
            raise UsageError(f"{at}: the name is taken by an earlier stage")
        if before and stage.until_tokens <= before.until_tokens:
            raise UsageError(
                f"{at}: until_tokens counts from the beginning of the run; it must be above the "
                f"{before.until_tokens:,} of stage {before.name} (got {stage.until_tokens:,})"
            )
        for name in stage.weights or {}:
            if name not in mix.sources:
                raise UsageError(f"{at}: weights: no source '{name}'{did_you_mean(name, mix.sources)}")
        if not any(weights(mix, stage).values()):
            raise UsageError(f"{at}: all weights are 0")
        before = stage
    if mix.ramp:
        rise = mix.batch_size - mix.ramp.start
        if rise <= 0:
            raise UsageError(f"{where}: ramp: start must be below batch_size {mix.batch_size} (got {mix.ramp.start})")
        if rise % mix.ramp.increase:
            raise UsageError(
                f"{where}: ramp: from {mix.ramp.start} to {mix.batch_size} is no whole number of steps of "
                f"{mix.ramp.increase}; change start or increase"
            )


def weights(mix: Mix, stage: StageSettings) -> dict[str, Fraction]:
    """The share of every source in a stage of a mix by weights, as given."""
    if stage.weights is not None:
        return {name: stage.weights.get(name, Fraction(0)) for name in mix.sources}
    return {name: source.weight or Fraction(0) for name, source in mix.sources.items()}
