"""A pipeline and its inputs -> passes with barriers, each with a fingerprint that says what makes its output.

Maps and Filters are fused into passes: read a shard once, write it once. A Build rides on the pass it stands in and
ends it only where a later stage reads its artefact. Passes, then per pass with Builds a `combine` and a `finish`
step: that is the whole schedule, and each step is a list of independent JSON tasks.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any, NamedTuple

import pyarrow as pa

from dataprep import catalog, models, pipeline, schema
from dataprep.errors import UsageError, did_you_mean
from dataprep.manifest import DOCUMENTS
from dataprep.pipeline import Pipeline, Placed, entry_of
from dataprep.scored import Scored
from dataprep.stage import Build, Filter, Map, Source, Stage
from dataprep.store import File, Store, find, identity

GROUP_TASKS = 8
"""Tasks whose input makes one partition of a shuffle, and whose output makes about one shard after a barrier."""
MAX_PARTITIONS = 256
ACCOUNTS = 2
"""Raise it when verdicts or ledgers hold something else: what was recorded before is made again."""
NAMED = 3
"""Inputs that a note names."""
PLAN = ".dataprep/plan.json"
VERSION = 1
"""Of what `PLAN` holds."""
INPUTS = ".dataprep/inputs.json"
FOLDERS = ("documents", "verdicts", "artefacts", "dropped")
"""Folders of an output in which a run removes what it did not write."""


class Step(NamedTuple):
    """One list of independent tasks. `kind` is pass, combine or finish."""

    kind: str
    number: int
    """Of the pass it is or belongs to, from 0."""


class BuildPrints(NamedTuple):
    """What makes a Build's rows of one shard, and what makes its artefact."""

    collect: str
    artefact: str


class Pass(NamedTuple):
    """Maps and Filters (and Builds that ride along), fused."""

    number: int
    parts: tuple[Placed, ...]
    columns: pa.Schema
    """Of its output shards, `_place` first."""
    chain: str
    """Fingerprint of the source and every Map and Filter up to here, and of what earlier passes read; a first pass
    leaves its inputs out, so that a task's own inputs decide. Builds never enter it."""
    fingerprint: str
    """Of all documents it gives: `chain` and every input."""
    builds: dict[str, BuildPrints]
    """Each Build riding on it, by label."""


class Plan(NamedTuple):
    """All that is known before anything runs. Tasks of later passes follow from the sizes of earlier shards."""

    pipeline: Pipeline
    inputs: tuple[File, ...]
    identities: tuple[tuple[str, str], ...]
    """(`sha256` or `etag`, value) of each input."""
    reads: tuple[tuple[tuple[int, int, int], ...], ...]
    """First-pass tasks: (input number, start, end) ranges of each."""
    limit: int | None
    partitions: int
    source_columns: pa.Schema
    passes: tuple[Pass, ...]
    facts: list[dict[str, Any]]
    """What each stage's fingerprint was made of, to say later what changed."""

    @property
    def steps(self) -> list[Step]:
        steps: list[Step] = []
        for p in self.passes:
            steps.append(Step("pass", p.number))
            if p.builds:
                steps += [Step("combine", p.number), Step("finish", p.number)]
        return steps

    @property
    def group_bytes(self) -> int:
        """Size of a partition and of a shard after a barrier."""
        return GROUP_TASKS * _task_bytes(self.pipeline)

    @property
    def modules(self) -> list[str]:
        """Where the source and the stages are written."""
        return sorted(
            {type(part).__module__ for part in (self.pipeline.source, *(p.stage for p in self.pipeline.parts))}
        )

    @property
    def fingerprint(self) -> str:
        """Of the corpus, or of what is built in its place: everything that shapes its bytes."""
        if self.pipeline.kind != DOCUMENTS:
            return next(iter(self.passes[-1].builds.values())).artefact
        return self.passes[-1].fingerprint

    @property
    def asked(self) -> dict[str, Any]:
        """The pipeline and the limit, as manifests hold them."""
        return self.pipeline.to_json() | ({"limit": self.limit} if self.limit is not None else {})

    @property
    def described_inputs(self) -> list[dict[str, Any]]:
        """The inputs, as manifests hold them."""
        described = zip(self.inputs, self.identities, strict=True)
        return [{"path": f.relative, "bytes": f.bytes, kind: tag} for f, (kind, tag) in described]

    def versions(self, what: str) -> dict[str, str]:
        """Every stage's `packages` or `models`, sorted."""
        return dict(sorted({k: v for fact in self.facts for k, v in fact[what].items()}.items()))

    def read_identity(self, n: int) -> list[Any]:
        """What first-pass task n reads, as it enters fingerprints."""

        reads = [[i, self.inputs[i].relative, *self.identities[i], start, end] for i, start, end in self.reads[n]]
        return [*reads, self.limit]


def fingerprint(*values: Any) -> str:
    """sha256 over canonical JSON: 64 hex digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def sealed(value: dict[str, Any]) -> dict[str, Any]:
    """With its own checksum in it."""
    return value | {"checksum": fingerprint(value)}


def unsealed(value: Any) -> dict[str, Any] | None:
    """What `sealed` was given; None if it is missing, torn or altered."""
    if not isinstance(value, dict):
        return None
    checksum = value.pop("checksum", None)
    return value if fingerprint(value) == checksum else None


def make(pipe: Pipeline, *, limit: int | None = None) -> Plan:
    """Find and identify the inputs, cut them into tasks, fuse the stages. Reads inputs once for their sha256.

    Raises InputError for missing inputs, UsageError for a pipeline that can't work, ModelMissing.
    """
    store = Store(pipe.output)
    inputs = find(pipe.source.paths, type(pipe.source).suffixes)
    if len(inputs) >= 1 << (63 - schema.PLACE_BITS):
        raise UsageError(f"{len(inputs)} inputs are more than one run can number; split the run")
    _refuse_own_output(pipe.source.paths, inputs, store)
    identities = _identities(inputs, store)
    reads = _reads(pipe.source, inputs, limit, _task_bytes(pipe))
    return _assemble(pipe, tuple(inputs), tuple(identities), tuple(reads), limit, pipe.source.gives(inputs))


def to_json(plan: Plan) -> dict[str, Any]:
    """What a worker on any machine needs to rebuild the plan: see `from_json`. It carries its own checksum."""
    source = plan.pipeline.to_json()["source"][plan.pipeline.source_kind]
    value = {
        "version": VERSION,
        "fingerprint": plan.fingerprint,
        "pipeline": plan.pipeline.to_json()
        | {
            "source": {plan.pipeline.source_kind: source | {"paths": list(plan.pipeline.source.paths)}},
            "output": plan.pipeline.output,
            "on_error": plan.pipeline.on_error,
            "max_batch_seconds": plan.pipeline.max_batch_seconds,
        },
        "paths": plan.pipeline.stage_paths(),
        "inputs": [[*f, *i] for f, i in zip(plan.inputs, plan.identities, strict=True)],
        "reads": plan.reads,
        "limit": plan.limit,
        "source_columns": plan.source_columns.serialize().to_pybytes().hex(),
        "facts": plan.facts,
    }
    return sealed(value)


def saved(store: Store) -> dict[str, Any] | None:
    """What `to_json` gave for the run in this folder; None if it is missing, torn, altered or of another version."""
    value = unsealed(store.read_json(PLAN))
    return value if value is not None and value.get("version") == VERSION else None


def from_json(value: dict[str, Any]) -> Plan:
    """The plan again, from `to_json`; touches no input. Raises UsageError where packages, models or stages differ."""
    pipe = pipeline.parse(value["pipeline"], "plan.json", paths=value.get("paths"))
    inputs = tuple(File(path, relative, size) for path, relative, size, _, _ in value["inputs"])
    identities = tuple((kind, tag) for *_, kind, tag in value["inputs"])
    reads = tuple(tuple((i, a, b) for i, a, b in task) for task in value["reads"])
    columns = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(value["source_columns"])))
    plan = _assemble(pipe, inputs, identities, reads, value["limit"], columns)
    if (plan.fingerprint, plan.facts) != (value["fingerprint"], value["facts"]):
        raise UsageError(
            f"{pipe.output}: was planned with other packages, models, files, keys or stages than this machine has; "
            "type: dataprep plan PIPELINE --write"
        )
    return plan


# ---------------------------------------------------------------- inputs


def _identities(inputs: Sequence[File], store: Store) -> list[tuple[str, str]]:
    """Identity of each input; a local file's sha256 is remembered by path, size and modification time."""
    known: dict[str, list[Any]] = store.read_json(INPUTS) or {}
    found: dict[str, list[Any]] = {}
    for file in inputs:
        stamp = os.stat(file.path).st_mtime_ns if "://" not in file.path else 0
        held = known.get(file.path)
        if held is None or stamp == 0 or held[:2] != [file.bytes, stamp]:
            held = [file.bytes, stamp, *identity(file.path)]
        found[file.path] = held
    if found != known:
        store.publish_notes(INPUTS, found)
    return [(found[f.path][2], found[f.path][3]) for f in inputs]


def _refuse_own_output(paths: Sequence[str], inputs: Sequence[File], store: Store) -> None:
    root = os.path.realpath(store.root) if store.local else store.root
    own = tuple(f"{root}/{folder}/" for folder in FOLDERS)
    for file in inputs:
        if (file.path if "://" in file.path else os.path.realpath(file.path)).startswith(own):
            raise UsageError(f"{file.path}: the run would replace its own input; choose another place with --output")
    for path in paths:
        folder = path.rstrip("/") if "://" in path else os.path.realpath(path)
        if f"{root}/".startswith(f"{folder}/") and not any(f.startswith(".") for f in root[len(folder) :].split("/")):
            raise UsageError(
                f"{store.root}: lies in the input folder {path}, so the next run would read what this one wrote; "
                "choose another place with --output"
            )


def _task_bytes(pipe: Pipeline) -> int:
    return max(1, int(pipe.task_mib * (1 << 20)))


def _reads(
    source: Source, inputs: Sequence[File], limit: int | None, target: int
) -> list[tuple[tuple[int, int, int], ...]]:
    """Ranges of about `target` bytes: large inputs are split, consecutive small ones share a task."""
    ranges: list[tuple[int, int, int]] = []
    weights: list[float] = []
    for i, file in enumerate(inputs):
        cuts = source.splits(file, target)
        whole = cuts[-1][1] - cuts[0][0]  # in the source's own units: a range weighs its share of the file's bytes
        ranges += [(i, start, end) for start, end in cuts]
        weights += [file.bytes * (end - start) / whole if whole else file.bytes for start, end in cuts]
    if limit is not None:  # the first N documents of the input order: one task reads until it has them
        return [tuple(ranges)]
    tasks: list[tuple[tuple[int, int, int], ...]] = []
    held: list[tuple[int, int, int]] = []
    size = 0.0
    for read, weight in zip(ranges, weights, strict=True):
        if held and size + weight > target:
            tasks.append(tuple(held))
            held, size = [], 0.0
        held.append(read)
        size += weight
    return [*tasks, tuple(held)]


# ---------------------------------------------------------------- passes


def _assemble(
    pipe: Pipeline,
    inputs: tuple[File, ...],
    identities: tuple[tuple[str, str], ...],
    reads: tuple[tuple[tuple[int, int, int], ...], ...],
    limit: int | None,
    source_columns: pa.Schema,
) -> Plan:
    total = sum(f.bytes for f in inputs)
    partitions = max(1, min(MAX_PARTITIONS, -(-total // (GROUP_TASKS * _task_bytes(pipe)))))
    plan = Plan(pipe, inputs, identities, reads, limit, partitions, source_columns, (), [])
    source_facts = _facts(pipe.source_kind, pipe.source)
    source_facts["packages"]["pyarrow"] = package_version("pyarrow")  # it lays out the bytes of every shard
    everything = fingerprint([plan.read_identity(n) for n in range(len(reads))])
    # The columns of one input depend on those of the others: every shard has all of them.
    chain = fingerprint("source", ACCOUNTS, source_facts, [[f.name, str(f.type)] for f in source_columns])
    if pipe.kind != DOCUMENTS:
        chain = fingerprint(chain, pipe.kind)
    columns = source_columns
    artefacts: dict[str, str] = {}
    passes: list[Pass] = []
    facts = [source_facts]
    for number, parts in enumerate(fuse(pipe.parts)):
        builds: dict[str, BuildPrints] = {}
        for label, stage in parts:
            fact = {"label": label} | _facts(stage.stage_name(), stage)
            read = stage.reads_artefact()
            if read is not None:
                if read not in artefacts:
                    raise UsageError(f"{pipe.name}: {label}: no earlier stage builds '{read}', which it reads")
                fact["artefact"] = artefacts[read]
            _check_columns(pipe, label, stage, columns)
            if isinstance(stage, Build):
                if label in builds or label in artefacts:
                    raise UsageError(f"{pipe.name}: {label}: two Builds have this label; give one part a suffix")
                collect = fingerprint("build", chain, fact, partitions)
                # An artefact's own manifest says what was asked and by what it was made.
                told = [] if stage.kind is None else [plan.asked, *facts]
                builds[label] = BuildPrints(collect, fingerprint("artefact", collect, everything, *told))
            else:
                chain = fingerprint(chain, fact)
                if isinstance(stage, Map):
                    _check_tallies(pipe, label, stage)
                    columns = _columns_after(columns, stage)
            facts.append(fact)
        artefacts |= {label: prints.artefact for label, prints in builds.items()}
        whole = fingerprint("pass", chain, everything)
        passes.append(Pass(number, parts, columns, chain, whole, builds))
        chain = fingerprint(whole, plan.group_bytes)  # which cuts the shards of the passes behind a barrier
    return plan._replace(passes=tuple(passes), facts=facts)


def fuse(parts: Iterable[Placed]) -> list[tuple[Placed, ...]]:
    """Cut where a stage reads an artefact that a Build of the same pass makes."""
    passes: list[list[Placed]] = [[]]
    for part in parts:
        building = {p.label for p in passes[-1] if isinstance(p.stage, Build)}
        if part.stage.reads_artefact() in building:
            passes.append([])
        passes[-1].append(part)
    return [tuple(p) for p in passes]


def _facts(name: str, stage: Stage | Source) -> dict[str, Any]:
    """Everything a stage's fingerprint depends on, readable."""
    return {
        "stage": name,
        "version": stage.version,
        "config": stage.model_dump(mode="json", exclude={"paths"}) if isinstance(stage, Source) else stage.asked(),
        "packages": {p: package_version(p) for p in stage.packages},
        "models": {m: models.sha256(m) for m in stage.models()} if isinstance(stage, Stage) else {},
        "files": stage.files() if isinstance(stage, Stage) else {},
        "secrets": stage.secrets() if isinstance(stage, Stage) else {},
        "file": catalog.own_file(type(stage)),
    }


def package_version(name: str) -> str:
    """Installed version of a distribution. Raises UsageError if it is missing."""
    try:
        about = distribution(name).read_text("METADATA") or ""
    except PackageNotFoundError:
        raise UsageError(f"package '{name}' is not installed; type: pip install {_source(name)}") from None
    # `importlib.metadata.version` parses all of it, a page of prose too, which takes 3 ms.
    found = re.search(r"^Version: *(\S+)", about, re.MULTILINE)
    return found.group(1) if found else version(name)


def _source(name: str) -> str:
    """What to install for a package: the extra of ours that has it in the right version, or the package itself."""
    try:
        needed = distribution("dataprep").requires or []
    except PackageNotFoundError:  # run from its source
        needed = []
    wanted = re.compile(rf"{re.escape(name)}(?![\w.-]).*extra == ['\"](?!dev\b)([\w-]+)['\"]", re.IGNORECASE)
    extras = [match.group(1) for match in map(wanted.fullmatch, needed) if match]
    return f"'dataprep[{extras[0]}]'" if extras else name


def _check_columns(pipe: Pipeline, label: str, stage: Stage, columns: pa.Schema) -> None:
    for name in stage.needs():
        if name not in columns.names:
            known = ", ".join(n for n in columns.names if n != schema.PLACE)
            near = did_you_mean(name, columns.names)
            near = near if near.endswith("?") else ""
            raise UsageError(
                f"{pipe.name}: {label}: needs column '{name}', which neither the {pipe.source_kind} source nor an "
                f"earlier stage gives; there are {known}{near}"
            )
    if misfit := stage.misfit(columns):
        raise UsageError(f"{pipe.name}: {label}: {misfit}")


def _check_tallies(pipe: Pipeline, label: str, stage: Map) -> None:
    gives = stage.gives()
    for name in stage.tallies():
        kind = gives.get(name)
        if kind is None or not pa.types.is_integer(kind):
            raise UsageError(f"{pipe.name}: {label}: tallies '{name}', which is no whole-number column that it gives")


def _columns_after(columns: pa.Schema, stage: Map) -> pa.Schema:
    fields = {f.name: f for f in columns}
    for name, kind in stage.gives().items():
        if kind is None:
            fields.pop(name, None)
        else:
            known = name in schema.COLUMNS and schema.COLUMNS[name] == kind
            fields[name] = schema.field(name) if known else pa.field(name, kind)
    return pa.schema(list(fields.values()))


def warnings(plan: Plan) -> list[str]:
    """Stages that work but lose something."""
    found = []
    if schema.HTML in plan.passes[-1].columns.names:
        found.append("no stage turns the column 'html' into text; put extract_html first")
    parts = plan.pipeline.parts
    for n, part in enumerate(parts):
        read = part.stage.reads_artefact()
        if not isinstance(part.stage, Filter) or read is None or entry_of(read) != part.entry:
            continue
        if not part.stage.drops_copies:
            continue
        after = [p.entry for p in parts[n + 1 :] if isinstance(p.stage, Filter) and p.stage.reads_artefact() is None]
        if after:
            names = ", ".join(dict.fromkeys(after))
            found.append(
                f"{names}: filters after {part.entry} can drop a kept copy whose duplicates are gone; put them before"
            )
    for label, stage in _unlabelled(plan):
        if codes := ", ".join(map(repr, stage.model_extra or {})):
            found.append(f"{label}: bounds for {codes} are never used: {_no_language(plan)}")
    return found


def _unlabelled(plan: Plan) -> list[tuple[str, Scored]]:
    """Entries that judge before any document has a language."""
    if schema.LANGUAGE in plan.source_columns.names:
        return []
    before = itertools.takewhile(
        lambda part: not (isinstance(part.stage, Map) and schema.LANGUAGE in part.stage.gives()), plan.pipeline.parts
    )
    names = {part.entry for part in before}
    return [(label, s) for label, s in plan.pipeline.entries if label in names and isinstance(s, Scored)]


def _no_language(plan: Plan) -> str:
    inside = " (a key `language` of JSON Lines goes into `metadata`)" if plan.pipeline.source_kind == "jsonl" else ""
    return f"no document has a language there; put the stage `language` before it{inside}"


def notes(plan: Plan) -> list[str]:
    """What settings amount to, as the stages put it; which large inputs are one task each."""
    found = [f"{label}: {line}" for label, stage in plan.pipeline.entries for line in stage.notes()]
    for label, stage in _unlabelled(plan):
        if stage.bounds() and not stage.model_extra:
            found.append(f"{label}: judges all languages by the same bounds: {_no_language(plan)}")
    whole = _not_split(plan)
    if whole:
        more = f" and {len(whole) - NAMED} more" if len(whole) > NAMED else ""
        names = ", ".join(whole[:NAMED]) + more
        found.append(f"{names}: not splittable: one task reads all of it, whatever `task_mib` says")
    return found


def _not_split(plan: Plan) -> list[str]:
    """Inputs larger than a task that the source could not cut."""
    ranges = Counter(i for task in plan.reads for i, _, _ in task)
    return [f.relative for i, f in enumerate(plan.inputs) if f.bytes > _task_bytes(plan.pipeline) and ranges[i] == 1]


def at_home(plan: Plan, this: Pass) -> set[str]:
    """Entries accounted for in this pass: one that spans a barrier is counted where its last part runs."""
    later = {part.entry for p in plan.passes[this.number + 1 :] for part in p.parts}
    return {part.entry for part in this.parts} - later


def labelling(this: Pass) -> set[str]:
    """Entries that give documents their language or source in this pass."""
    labels = {schema.LANGUAGE, schema.SOURCE}
    return {part.entry for part in this.parts if isinstance(part.stage, Map) and labels & part.stage.gives().keys()}


def verdict_columns(plan: Plan, this: Pass) -> pa.Schema:
    """Schema of a pass's verdicts: one row per input row, without texts and lists.

    What its Maps give, and of what came in what its Filters compare, `language` and `source`.
    """
    came = plan.passes[this.number - 1].columns if this.number else plan.source_columns
    fields = {
        schema.PLACE: pa.field(schema.PLACE, pa.int64(), nullable=False),
        schema.ID: schema.field(schema.ID),
        schema.SOURCE: schema.field(schema.SOURCE),
        "stage": pa.field("stage", pa.string()),
        "reason": pa.field("reason", pa.string()),
        schema.BYTES: pa.field(schema.BYTES, pa.int64(), nullable=False),
    }
    compared = {
        name for _, stage in this.parts if isinstance(stage, Filter) and stage.compares for name in stage.needs()
    }
    given = [
        pa.field(*one) for _, stage in this.parts if isinstance(stage, Map) for one in stage.gives().items() if one[1]
    ]
    for field in [*(f for f in came if f.name in compared | {schema.LANGUAGE}), *given]:
        bulky = pa.types.is_large_string(field.type) or pa.types.is_nested(field.type)
        if not bulky and field.name not in fields:
            fields[field.name] = pa.field(field.name, field.type)
    return pa.schema(list(fields.values()))
