"""YAML -> a typed Pipeline. Every error names the file, the stage, the setting and the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import Field

from dataprep import catalog, models, yaml_file
from dataprep.errors import DataprepError, UsageError, did_you_mean
from dataprep.ledger import QUARANTINE
from dataprep.manifest import DOCUMENTS
from dataprep.stage import Build, Composite, Config, Source, Stage, each_path
from dataprep.yaml_file import Loader, validated

LABEL = re.compile(r"\w[\w-]*")
"""Labels become names of columns and files; a dot would divide `--set LABEL.KEY`."""


class Settings(Config):
    """The top level of a pipeline file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the corpus; the `source` of its documents unless the source says otherwise."""
    source: dict[str, Any]
    """One kind of source and its paths: `{warc: data/*.warc.gz}` or `{jsonl: {paths: [a, b], name: wiki}}`."""
    output: str = Field(min_length=1)
    """Folder the run writes, local or a URL; relative to where the command is typed."""
    stages: list[Any]
    """Stages in order: a name, or a name with its settings; `as:` renames one that is used twice."""
    kind: Literal["documents", "tokens"] = DOCUMENTS
    """What the run gives: `documents`, or only what its one stage builds, such as `tokens`; then no corpus."""
    on_error: Literal["fail", "quarantine"] = "fail"
    """A document that kills its worker: `fail` names it and stops its task, `quarantine` drops and counts it."""
    max_batch_seconds: float = Field(600.0, gt=0)
    """A batch that makes no progress for this long counts as hung; its document is looked for."""
    task_mib: float = Field(32.0, gt=0)
    """Stored MiB of input that one task reads: seconds of work, so that little is lost when one dies. Shards of the
    corpus are cut where tasks end; after a barrier eight of them make one."""


class Placed(NamedTuple):
    """A stage at its place in a pipeline."""

    label: str
    """The entry's name: the stage's, or `as:`. Parts of a Composite share it, or have it with a suffix."""
    stage: Stage

    @property
    def entry(self) -> str:
        """Name of the entry it belongs to."""
        return entry_of(self.label)


def entry_of(label: str) -> str:
    """The entry of a part with this label: no entry has a dot in its name, and a suffix follows one."""
    return label.partition(".")[0]


class Pipeline(NamedTuple):
    """A checked pipeline. `entries` is what the user wrote, `parts` what runs (Composites expanded)."""

    name: str
    source_kind: str
    source: Source
    output: str
    entries: tuple[Placed, ...]
    parts: tuple[Placed, ...]
    on_error: str
    max_batch_seconds: float
    task_mib: float
    kind: str

    def to_json(self) -> dict[str, Any]:
        """What was asked, without paths: equal pipelines over equal inputs are equal wherever they run."""
        settings = self.source.model_dump(mode="json", exclude={"paths"})
        return {
            "name": self.name,
            "source": {self.source_kind: settings},
            "stages": [_entry_json(placed) for placed in self.entries],
            "task_mib": self.task_mib,
            **({"kind": self.kind} if self.kind != DOCUMENTS else {}),
        }

    def stage_paths(self) -> dict[str, dict[str, Any]]:
        """Where the files are that entries name, by label and setting: what `to_json` leaves out."""
        named = {placed.label: placed.stage for placed in self.entries if placed.stage.paths}
        return {
            label: {name: each_path(stage.model_dump(mode="json")[name], models.absolute) for name in stage.paths}
            for label, stage in named.items()
        }


def _entry_json(placed: Placed) -> dict[str, Any]:
    config = placed.stage.asked()
    name = placed.stage.stage_name()
    return {name: ({"as": placed.label} if placed.label != name else {}) | config}


def load(
    path: str | Path,
    *,
    overrides: tuple[str, ...] = (),
    inputs: tuple[str, ...] = (),
    output: str | None = None,
) -> Pipeline:
    """Read and check a pipeline file.

    `overrides` are `STAGE.KEY=VALUE` (VALUE is YAML); `inputs` replace the source's paths, and its kind where the
    suffix says so. Raises UsageError, one line.
    """
    where = Path(path).name
    raw = yaml_file.read(path, "name, source, output and stages")
    pipe = parse(raw, where, overrides=overrides, inputs=inputs, output=output)
    if not pipe.source.paths:
        raise UsageError(f"{where}: source {pipe.source_kind}: names no paths; give a file, a glob or a folder")
    return pipe


def parse(
    raw: Mapping[str, Any],
    where: str,
    *,
    overrides: tuple[str, ...] = (),
    inputs: tuple[str, ...] = (),
    output: str | None = None,
    paths: Mapping[str, Mapping[str, Any]] | None = None,
) -> Pipeline:
    """Check a pipeline given as a mapping; `where` is what errors call it, `paths` puts `stage_paths` back in."""
    settings = validated(Settings, dict(raw) | ({"output": output} if output else {}), where)
    entries: list[tuple[str, str, dict[str, Any]]] = []
    for n, item in enumerate(settings.stages, 1):
        entries.append(_entry(item, f"{where}: stage {n}"))
    for override in overrides:
        _override(entries, override)
    entries = [(name, label, config | dict((paths or {}).get(label, {}))) for name, label, config in entries]
    kind, source = _source(settings, where, inputs)

    placed: list[Placed] = []
    parts: list[Placed] = []
    labels: dict[str, int] = {}
    for n, (name, label, config) in enumerate(entries, 1):
        at = f"{where}: stage {n} {label}"
        if label == QUARANTINE or (label != name and not LABEL.fullmatch(label)):
            raise UsageError(f"{at}: '{label}' can't be a name; use letters, digits, _ and -, but not '{QUARANTINE}'")
        if label in labels:
            raise UsageError(f"{at}: the name is taken by stage {labels[label]}; give this one `as: another_name`")
        labels[label] = n
        stage = validated(_class(name, f"{where}: stage {n}"), config, at)
        placed.append(Placed(label, stage))
        parts += _expand(placed[-1], at)
    return Pipeline(
        settings.name,
        kind,
        source,
        settings.output,
        tuple(placed),
        tuple(parts),
        settings.on_error,
        settings.max_batch_seconds,
        settings.task_mib,
        _kind(settings.kind, parts, where),
    )


def _kind(kind: str, parts: list[Placed], where: str) -> str:
    """What the run gives, held against its stages: what has a manifest of its own comes after all else."""
    made = [part.stage.kind if isinstance(part.stage, Build) else None for part in parts]
    if kind != DOCUMENTS and made != [kind]:
        raise UsageError(f"{where}: kind: a run of kind '{kind}' has one stage, one that builds {kind}")
    for part, what, after in zip(parts, made, made[1:], strict=False):
        if what is not None and after is None:
            raise UsageError(f"{where}: {part.entry}: must be the last stage: it builds {what} of the documents kept")
    return kind


def _class(name: str, at: str) -> type[Stage]:
    try:
        return catalog.stage(name)
    except DataprepError as error:
        raise UsageError(f"{at}: {error}") from None


def _expand(placed: Placed, at: str) -> list[Placed]:
    if not isinstance(placed.stage, Composite):
        return [placed]
    parts: list[Placed] = []
    for part in placed.stage.expand(placed.label):
        if part.suffix and not LABEL.fullmatch(part.suffix):
            raise UsageError(f"{at}: the suffix '{part.suffix}' of {part.stage} must be letters, digits, _ and -")
        label = f"{placed.label}.{part.suffix}" if part.suffix else placed.label
        parts += _expand(Placed(label, validated(catalog.stage(part.stage), part.config, at)), at)
    return parts


def _entry(item: Any, at: str) -> tuple[str, str, dict[str, Any]]:
    if isinstance(item, str):
        return item, item, {}
    if not isinstance(item, dict):
        raise UsageError(
            f"{at}: must be a name, or a name with its settings, as in `- name: {{key: value}}` (got {item!r})"
        )
    if len(item) != 1:
        raise UsageError(
            f"{at}: one stage a list item, found {', '.join(map(str, item)) or 'none'}; begin each with '- '"
        )
    name, config = next(iter(item.items()))
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise UsageError(f"{at} {name}: settings must be a mapping, as in `- {name}: {{key: value}}`")
    config = dict(config)
    label = config.pop("as", name)
    return str(name), str(label), config


def _override(entries: list[tuple[str, str, dict[str, Any]]], override: str) -> None:
    target, equals, value = override.partition("=")
    label, dot, key = target.partition(".")
    if not (equals and dot and key):
        raise UsageError(f"--set {override}: write STAGE.KEY=VALUE")
    by_label = {entry[1]: entry[2] for entry in entries}
    if label not in by_label:
        raise UsageError(f"--set {override}: no stage '{label}'{did_you_mean(label, by_label)}")
    config = by_label[label]
    *parents, last = key.split(".")
    for parent in parents:
        held = config.get(parent) or {}
        if not isinstance(held, dict):
            raise UsageError(f"--set {override}: '{parent}' is {held!r}, which has no settings inside")
        config[parent] = config = dict(held)
    try:
        config[last] = yaml.load(value, Loader)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {override}: '{value}' is not YAML: {getattr(error, 'problem', error)}") from error


def _source(settings: Settings, where: str, inputs: tuple[str, ...]) -> tuple[str, Source]:
    if len(settings.source) != 1:
        raise UsageError(f"{where}: source: give one kind, as in `source: {{warc: data/*.warc.gz}}`")
    kind, value = next(iter(settings.source.items()))
    config = dict(value) if isinstance(value, dict) else {"paths": value}
    if inputs:
        kinds = {catalog.source_for(path) or kind for path in inputs}
        if len(kinds) > 1:
            raise UsageError(f"--input: mixes {', '.join(sorted(kinds))}; give one kind of input a run")
        config["paths"] = list(inputs)
        if kinds != {kind}:  # settings of the other kind would not fit
            kind, config = (
                kinds.pop(),
                {"paths": config["paths"], **({"name": config["name"]} if "name" in config else {})},
            )
    if isinstance(config.get("paths"), str):
        config["paths"] = [config["paths"]]
    config.setdefault("name", settings.name)
    try:
        cls = catalog.source(kind)
    except DataprepError as error:
        raise UsageError(f"{where}: {error}") from None
    return kind, validated(cls, config, f"{where}: source {kind}")
