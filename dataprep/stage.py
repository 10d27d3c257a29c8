"""The vocabulary of a pipeline: Map, Filter, Build, Composite, and the Source they start from.

A stage is its config plus one verb. The config is a frozen pydantic model: its fields are its YAML, the docstring
under each field is its documentation, `examples` are both its tests and its docs. One file, one stage, one name:
`stages/quality/gopher_quality.py`, `gopher_quality`, `GopherQuality`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataprep.store import File

if TYPE_CHECKING:
    from dataprep.documents import Documents

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")


class Example(NamedTuple):
    """One documented and tested behaviour."""

    config: dict[str, Any]
    """The stage's YAML settings."""
    given: dict[str, list[Any]]
    """Input columns; each list has one value a document."""
    expect: dict[str, list[Any]] | list[str | None]
    """For a Map the columns it gives; for a Filter or Composite a reason (or None: kept) for each document."""


def snake_case(name: str) -> str:
    """`GopherQuality` -> `gopher_quality`."""
    return re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class Config(BaseModel):
    """Typed, frozen settings; unknown keys are rejected; field docstrings are the documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Stage(Config):
    """What every kind of stage declares."""

    version: ClassVar[int] = 1
    """Raise it when the same config gives different output: cached results become stale."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version can change the output."""
    examples: ClassVar[tuple[Example, ...]] = ()
    paths: ClassVar[tuple[str, ...]] = ()
    """Settings that say where files are: a path or the name of an installed model, or a list or mapping of them. Where
    shapes nothing: see `asked` and `files`."""

    @classmethod
    def stage_name(cls) -> str:
        """The name used in YAML."""
        return snake_case(cls.__name__)

    @classmethod
    def bare(cls) -> Self | None:
        """With no settings, as its name alone stands in YAML; None if it needs some."""
        try:
            return cls.model_validate({})
        except ValidationError:
            return None

    def asked(self) -> dict[str, Any]:
        """The settings as manifests and fingerprints hold them: of `paths` only the last name."""
        settings = self.model_dump(mode="json")
        return settings | {name: each_path(settings[name], _last_name) for name in self.paths}

    def needs(self) -> tuple[str, ...]:
        """Columns besides the fixed ones of every source that must be there; checked when the plan is made."""
        return ()

    def misfit(self, columns: pa.Schema) -> str | None:
        """What is wrong with the types of the columns that it needs, which are all there; None: nothing."""
        return None

    def models(self) -> tuple[str, ...]:
        """Names of model files this stage reads; their sha256 enter its fingerprint."""
        return ()

    def files(self) -> dict[str, str]:
        """Name and sha256 of each file of the user's that it reads: they enter its fingerprint.

        Called when the plan is made, by whoever makes it and by every worker: raises UsageError for a file that is
        missing or can't do what the settings ask.
        """
        return {}

    def secrets(self) -> dict[str, str]:
        """What tells apart the secrets that shape its output, never a secret itself: they enter its fingerprint.

        A secret is read from a file or variable that the config names. Called when the plan is made, by whoever makes
        it and by every worker: raises UsageError for one that is missing.
        """
        return {}

    def reads_artefact(self) -> str | None:
        """Label of the Build whose artefact this stage reads: it must run in a later pass."""
        return None

    def notes(self) -> tuple[str, ...]:
        """What these settings amount to, where numbers alone do not tell: printed by `dataprep plan`."""
        return ()


def each_path(setting: Any, change: Callable[[str], str]) -> Any:
    """A setting of `paths` with every path in it changed; a key of a mapping is none."""
    if isinstance(setting, str):
        return change(setting)
    if isinstance(setting, Mapping):
        return {key: each_path(value, change) for key, value in setting.items()}
    if isinstance(setting, Sequence):
        return [each_path(value, change) for value in setting]
    return setting


def _last_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


class Map(Stage):
    """Gives columns: same rows, same order. May replace `text`."""

    def gives(self) -> dict[str, pa.DataType | None]:
        """Columns it writes and their types; None removes a column."""
        raise NotImplementedError

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        """The columns of `gives()` that are not removals, one value a row."""
        raise NotImplementedError

    def tallies(self) -> tuple[str, ...]:
        """Whole-number columns of `gives()` whose sums by language and source the manifest holds.

        They count what was found in each document, before any later stage drops it; null counts as 0.
        """
        return ()


class Filter(Stage):
    """Judges rows and never edits them."""

    compares: ClassVar[bool] = False
    """It decides by the columns of `needs` and the language alone: `dataprep what-if` can ask it again."""
    drops_copies: ClassVar[bool] = True
    """Of one that reads an artefact: it drops copies of rows that it keeps, so those should not be dropped later."""

    def defects(self) -> tuple[str, ...]:
        """Every reason it can give. A reason names the defect: `too_few_words`."""
        raise NotImplementedError

    def reasons(self, docs: Documents) -> pa.StringArray:
        """One value a row: null keeps the row, a reason drops it."""
        raise NotImplementedError


class Build(Stage):
    """Makes one artefact from the whole corpus; the only barrier.

    `collect` runs beside the Maps and Filters of a pass; its rows are shuffled by `partition_by`; `combine` sees all
    rows of one partition, in order of place; `finish` writes the artefact. None of the three may depend on how the
    corpus is cut into batches, shards or partitions.

    An artefact too large for one process is written by its partitions: see `writes`.
    """

    partition_by: ClassVar[str]
    """A uint64 column of `collect`'s batch: equal values meet in one partition."""
    artefact: ClassVar[str]
    """File or folder name of the artefact."""
    writes: ClassVar[bool] = False
    """Each partition writes files of the artefact: `write` stands in for `combine`, and `finish` sees its facts."""
    kind: ClassVar[str | None] = None
    """Kind of manifest that describes the artefact, which then is of use without the corpus: `tokens`. `finish` writes
    what is particular to the kind to `manifest.json`; the engine adds where it came from."""

    def collected(self) -> pa.Schema:
        """Schema of `collect`'s batches."""
        raise NotImplementedError

    def combined(self) -> pa.Schema:
        """Schema of `combine`'s tables."""
        raise NotImplementedError

    def collect(self, docs: Documents) -> pa.RecordBatch:
        """What the Build needs to know about these rows."""
        raise NotImplementedError

    def combine(self, partition: pa.Table) -> pa.Table:
        """The result for one partition."""
        raise NotImplementedError

    def write(self, partition: pa.Table, number: int, out: Path) -> dict[str, Any]:
        """Write the files of one partition to the folder `out`, named `NNNNN.*` by its number; give facts, as JSON.

        They are the artefact's files: published as they are, and never read by `finish`. `partition` comes in chunks.
        """
        raise NotImplementedError

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        """Write the artefact to `out` from the partitions' Parquet files; give facts for the manifest, as JSON.

        Of a Build that `writes`, each part is a JSON file `{"facts": ..., "files": [[name, bytes, sha256], ...]}`.
        Facts are numbers, text, or short lists of rows, never NaN. May hold 32 bytes a document, no more.
        """
        raise NotImplementedError


class Part(NamedTuple):
    """One stage inside a Composite, by name: stages never import one another."""

    stage: str
    config: dict[str, Any]
    suffix: str = ""
    """Of its label, `<label>.<suffix>`, where a Composite holds several Builds: a label names one artefact.

    Documents are accounted for under the Composite's own name in any case."""


class Composite(Stage):
    """Several stages under one name. Never runs: it is expanded when the plan is made."""

    def expand(self, label: str) -> list[Part]:
        """The stages it stands for. `label` is its name in this pipeline (`as:`), the prefix of its score columns."""
        raise NotImplementedError


class Report:
    """What a source saw besides documents."""

    def __init__(self) -> None:
        self.records = 0
        """Records met, whether they became documents or not."""
        self.skipped: dict[str, int] = {}
        """Records that are no documents, by reason. Law: records = documents + sum(skipped)."""
        self.damaged: list[str] = []
        """One line for each damaged place, `path: offset N: what is wrong`. The run goes on and exits 1."""

    def skip(self, reason: str, n: int = 1) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + n


class Source(Config):
    """Reads one kind of input into documents."""

    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Which files of a folder it takes, lower case, with the compression: `.warc.gz`."""

    paths: tuple[str, ...]
    """A file, a glob or a folder, or a list of them; local or a URL."""
    name: str = ""
    """Value of the `source` column where the input has none; default: the pipeline's name."""

    @classmethod
    def source_name(cls) -> str:
        return snake_case(cls.__name__)

    def gives(self, inputs: Sequence[File]) -> pa.Schema:
        """Columns of its batches, `_place` (int64) first."""
        raise NotImplementedError

    def splits(self, file: File, target_bytes: int) -> list[tuple[int, int]]:
        """Ranges of about `target_bytes` that can be read independently, in order and without gaps.

        Units are the source's own (bytes, row groups). One range if the input is not splittable.
        """
        raise NotImplementedError

    def read(self, file: File, start: int, end: int, report: Report) -> Iterator[pa.RecordBatch]:
        """The documents of one range as batches of any size.

        `_place` holds the offset of the record in this file: the same number however the file is cut, below 2^40.
        A null or empty `id` is filled in by the caller as `source/relative#offset`.
        """
        raise NotImplementedError
