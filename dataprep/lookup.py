"""Find one document in a finished run: its scores, what they were compared with, its verdict, where it is now."""

from __future__ import annotations

import difflib
import json
import posixpath
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dataprep import manifest, parents, pipeline, schema
from dataprep.clusters import CLUSTERS, Cluster, cluster
from dataprep.commit import SAMPLES
from dataprep.documents import Documents
from dataprep.errors import InputError, UsageError
from dataprep.ledger import Sample
from dataprep.pii.redaction import redacted
from dataprep.pipeline import Pipeline
from dataprep.plan import saved
from dataprep.stage import Build, Filter, Map
from dataprep.stages.quality.thresholds import Rule, Thresholds
from dataprep.store import Store

NEAR = 1000
"""Ids that share a half with the one asked for and are compared letter by letter."""


class Run(NamedTuple):
    """A finished run's folder."""

    root: str
    store: Store
    manifest: dict[str, Any]
    pipeline: Pipeline
    """As the manifest records it: stages and settings, no paths."""


class Score(NamedTuple):
    """One score of one document, and a bound it was compared with, if any."""

    name: str
    value: Any
    min: float | None = None
    max: float | None = None
    exclusive: bool = False
    """The bound itself is dropped too."""
    missed: bool = False
    reason: str | None = None
    """The defect that this bound names; the first one missed, in this order, is the verdict."""


class Judged(NamedTuple):
    """One entry of the pipeline and one document."""

    stage: str
    verdict: str
    """`kept`, `dropped` or `not reached`."""
    reason: str | None
    scores: tuple[Score, ...]


class Copy(NamedTuple):
    """The document that was kept in place of a duplicate."""

    id: str
    input: str
    offset: int
    url: str | None
    """Where it is known: of documents that are in the corpus. Personal data in it is masked."""


class Found(NamedTuple):
    """All that a run knows about one document."""

    id: str
    input: str
    """Path of its input, relative to the common folder of the inputs."""
    offset: int
    """In its input, in the source's unit: bytes for WARC, WET and JSONL, the row for Parquet."""
    verdict: str
    """`kept` or `dropped`."""
    stage: str | None
    reason: str | None
    copy_of: Copy | None
    clusters: tuple[Cluster, ...]
    """For each stage that found copies of it, it among them; of a stage that does not list clusters there is none."""
    shard: str | None
    row: int | None
    """Its row in the shard, from 0."""
    url: str | None
    """As that of a `Copy`."""
    stages: tuple[Judged, ...]


# ---------------------------------------------------------------- runs


def folder(given: str | None) -> str:
    """The folder of a run: as given, also as the path of its manifest; else this one, else the only one in ./out.

    Raises UsageError if there is none or more than one to choose from.
    """
    if given is not None:
        if posixpath.basename(given) == manifest.MANIFEST:
            given = posixpath.dirname(given) or "."
        return given.rstrip("/") or "/"
    if Path(manifest.MANIFEST).is_file():
        return "."
    runs = sorted(str(path.parent) for path in Path("out").glob(f"*/{manifest.MANIFEST}"))
    if not runs:
        raise UsageError("there is no finished run here or in ./out; name a run's folder, as in out/web")
    if len(runs) > 1:
        raise UsageError(f"there are {len(runs)} runs; name the folder of one: {', '.join(runs)}")
    return runs[0]


def open_run(given: str | None) -> Run:
    """A finished run. Raises UsageError or InputError if `given` (see `folder`) is none."""
    root = folder(given)
    made = manifest.read(root)
    if made["kind"] != "documents":
        above = parents.noted(root)
        where = f"; those are in {', '.join(above)}" if above else ""
        raise InputError(f"{root}: holds {made['kind']}, not documents{where}")
    return Run(root, Store(root), made, recorded(root, made))


def recorded(root: str, made: dict[str, Any], overrides: tuple[str, ...] = ()) -> Pipeline:
    """The pipeline that a manifest holds, with `STAGE.KEY=VALUE` changed; its paths are not known."""
    kind, source = next(iter(made["pipeline"]["source"].items()))
    settings = {key: value for key, value in made["pipeline"].items() if key != "limit"}
    settings |= {"source": {kind: source | {"paths": []}}, "output": root}
    return pipeline.parse(settings, f"{root}/{manifest.MANIFEST}", overrides=overrides)


def samples(run: Run) -> list[Sample]:
    """The samples of dropped documents, by stage, reason and rank."""
    raw = run.store.read_bytes(SAMPLES)
    if raw is None:
        raise InputError(f"{run.root}/{SAMPLES}: does not exist; `dataprep run` writes it")
    return [Sample(**json.loads(line)) for line in raw.splitlines()]


# ---------------------------------------------------------------- documents


def find(run: Run, wanted: str) -> list[Found]:
    """Every document with this id, in order of the inputs. Raises InputError with a near id if there is none, or if
    what the run wrote is damaged.

    Reads the id column of the first pass's verdicts, then single row groups; holds little more than one of these.
    """
    passes = verdict_files(run)
    names = pc.field(schema.ID) == wanted
    try:
        places = _table(run, passes[0], names, [schema.PLACE]).column(schema.PLACE).to_pylist()
        if not places:
            raise InputError(f"{wanted}: no document in {run.root} has this id{_near(run, passes[0], wanted)}")
        kept = {entry.label: _kept(run, entry.label, places) for entry in run.pipeline.entries}
        return [_found(run, passes, kept, place) for place in sorted(places)]
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:150]
        raise InputError(
            f"{run.root}: its verdicts or artefacts can't be read; `dataprep run` makes damaged files again ({said})"
        ) from error


def verdict_files(run: Run) -> list[list[str]]:
    """Verdict files of each pass. Raises InputError if some are missing, or are another run's."""
    planned = saved(run.store)
    if planned is not None and planned["fingerprint"] != run.manifest["fingerprint"]:
        raise InputError(
            f"{run.root}: a later run began here and has not finished; finish it with `dataprep run`, then ask again"
        )
    passes: dict[int, list[str]] = {}
    for path in run.store.files("verdicts"):
        passes.setdefault(int(posixpath.basename(path).partition("-")[0]), []).append(path)
    if not passes or max(passes) >= len(passes):
        lost = next(number for number in range(len(passes) + 1) if number not in passes)
        what = f"those of pass {lost + 1} are missing" if passes else "none are left"
        raise InputError(f"{run.root}/verdicts: {what}; `dataprep run` writes them")
    return [passes[number] for number in sorted(passes)]


def dataset(run: Run, paths: list[str]) -> ds.Dataset:
    files = [f"{run.store.base}/{path}" for path in paths]
    return ds.dataset(files, format="parquet", filesystem=None if run.store.local else run.store.fs)


def _table(run: Run, paths: list[str], where: pc.Expression, columns: list[str] | None = None) -> pa.Table:
    """The rows of Parquet files that fit, with the file each is in as `__filename`."""
    rows = dataset(run, paths)
    return rows.to_table(filter=where, columns=columns or [*rows.schema.names, "__filename"])


def _near(run: Run, paths: list[str], wanted: str) -> str:
    """`; did you mean 'x'?` for the nearest id that holds, begins or ends as the one asked for."""
    half = (len(wanted) + 1) // 2
    close: list[str] = []
    for batch in dataset(run, paths).to_batches(columns=[schema.ID]):
        ids = batch.column(0)
        fits = pc.match_substring(ids, wanted, ignore_case=True)
        if half > 1:
            fits = pc.or_(fits, pc.or_(pc.starts_with(ids, wanted[:half]), pc.ends_with(ids, wanted[-half:])))
        close += ids.filter(fits).to_pylist()[: NEAR - len(close)]
        if len(close) >= NEAR:
            break
    near = difflib.get_close_matches(wanted, close, n=3, cutoff=0.6) or close[:3]
    if not near:
        return "; a record skipped at the source has none: see `dataprep dropped`"
    return f"; did you mean {' or '.join(repr(name) for name in dict.fromkeys(near))}?"


def _found(run: Run, passes: list[list[str]], kept: dict[str, dict[int, int]], place: int) -> Found:
    """The document at `place`; `kept`: entry -> place of a document with this id -> that of the copy it gave way to."""
    values: dict[str, pa.Array] = {}
    for paths in passes:
        row = _table(run, paths, pc.field(schema.PLACE) == place)
        if not row.num_rows:
            break
        values |= {name: row.column(name).combine_chunks() for name in row.schema.names}
        last = paths
    stage, reason = values["stage"][0].as_py(), values["reason"][0].as_py()
    shard = number = url = None
    if stage is None:
        assert last == passes[-1], "a document without a reason is missing from later verdicts"
        shard, number = whereabouts(run, values["__filename"][0].as_py(), place)
        row = corpus_row(run, shard, number, [schema.LANGUAGE, schema.URL])
        if schema.LANGUAGE not in values and schema.LANGUAGE in row.column_names:  # a column of the source
            values[schema.LANGUAGE] = row.column(schema.LANGUAGE).combine_chunks()
        url = shown_url(row)
    name, offset = _origin(run, place)
    return Found(
        values[schema.ID][0].as_py(),
        name,
        offset,
        "kept" if stage is None else "dropped",
        stage,
        reason,
        _copy(run, passes, kept.get(stage or "", {}).get(place)),
        _clusters(run, values[schema.ID][0].as_py(), kept, place, stage),
        shard,
        number,
        url,
        _judged(run.pipeline, values, stage, reason),
    )


def _origin(run: Run, place: int) -> tuple[str, int]:
    """Path of the input and offset in it."""
    number, offset = place >> schema.PLACE_BITS, place & ((1 << schema.PLACE_BITS) - 1)
    return run.manifest["inputs"][number]["path"], offset


def whereabouts(run: Run, verdicts: str, place: int) -> tuple[str, int]:
    """Shard and row of a kept document. Verdicts `P-NNNNN-MARK` are those of shard `NNNNN-MARK`, in its order."""
    name = posixpath.basename(verdicts)
    shard = f"documents/{name.partition('-')[2]}"
    assert shard in {s["path"] for s in run.manifest["shards"]}, f"{name}: no shard {shard} in the manifest"
    with run.store.fetched(f"verdicts/{name}") as path:
        table = pq.read_table(path, columns=[schema.PLACE, "stage"])
    kept = table.filter(pc.is_null(table.column("stage"))).column(schema.PLACE).to_numpy()
    return shard, int(np.flatnonzero(kept == place)[0])


def corpus_row(run: Run, shard: str, row: int, columns: list[str]) -> pa.Table:
    """Those of `columns` that the corpus has, of one of its rows."""
    with run.store.fetched(shard) as path, pq.ParquetFile(path) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        before = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < before + rows:
                return file.read_row_group(group, columns=there).slice(row - before, 1)
            before += rows
    raise InputError(f"{run.root}/{shard}: has no row {row}; see `dataprep manifest verify {run.root}`")


def shown_url(row: pa.Table) -> str | None:
    if schema.URL not in row.column_names:
        return None
    url = row.column(schema.URL)[0].as_py()
    return None if url is None else redacted(url)


def _kept(run: Run, entry: str, places: list[int]) -> dict[int, int]:
    """Which of these documents an entry dropped in favour of another one, and the place of that one."""
    stages = [part.stage for part in run.pipeline.parts if part.entry == entry]
    read = {stage.reads_artefact() for stage in stages if isinstance(stage, Filter)} - {None}
    found: dict[int, int] = {}
    wanted = pc.field(schema.PLACE).isin(places)
    for path in (path for label in sorted(map(str, read)) for path in artefact_files(run, label)):
        if {schema.PLACE, "kept"} <= set(dataset(run, [path]).schema.names):
            rows = _table(run, [path], wanted, [schema.PLACE, "kept"])
            found |= dict(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    return found


def _copy(run: Run, passes: list[list[str]], kept: int | None) -> Copy | None:
    if kept is None:
        return None
    here = pc.field(schema.PLACE) == kept
    name = _table(run, passes[0], here, [schema.ID]).column(0)[0].as_py()
    # A later stage may have dropped the kept copy, too; then it is in no shard.
    last = _table(run, passes[-1], here & pc.field("stage").is_null(), ["__filename"])
    url = None
    if last.num_rows:
        shard, row = whereabouts(run, last.column(0)[0].as_py(), kept)
        url = shown_url(corpus_row(run, shard, row, [schema.URL]))
    return Copy(name, *_origin(run, kept), url)


def artefact_files(run: Run, label: str) -> list[str]:
    """Parquet files that the Build of this label wrote."""
    builds = [build for stage in run.manifest["stages"] for build in stage.get("builds", [])]
    folders = tuple(f"{build['artefact']}/" for build in builds if build["name"] == label)
    paths = [artefact["path"] for artefact in run.manifest.get("artefacts", [])]
    return [path for path in paths if path.startswith(folders) and path.endswith(".parquet")]


def _clusters(
    run: Run, name: str, kept: dict[str, dict[int, int]], place: int, stage: str | None
) -> tuple[Cluster, ...]:
    """The clusters that this document is in, of every stage that it reached."""
    found = []
    for entry in _reached(run.pipeline, stage):
        labels = {part.label for part in run.pipeline.parts if part.entry == entry and isinstance(part.stage, Build)}
        paths = [path for label in sorted(labels) for path in artefact_files(run, label)]
        tables = [path for path in paths if posixpath.basename(path) == CLUSTERS]
        if not tables:
            continue
        number = kept[entry].get(place)
        if number is None:
            found.append(cluster(dataset(run, tables), entry, place, None))
            continue
        # Ids collide, also within a cluster: there its members are in order of place.
        before = sum(copy == number for other, copy in kept[entry].items() if other < place)
        found.append(cluster(dataset(run, tables), entry, number, name, before))
    return tuple(one for one in found if one is not None)


def _reached(pipe: Pipeline, stage: str | None) -> list[str]:
    """Entries that judged a document, the one that dropped it last. A document that killed its worker met none."""
    labels = [entry.label for entry in pipe.entries]
    if stage is None:
        return labels
    return labels[: labels.index(stage) + 1] if stage in labels else []


# ---------------------------------------------------------------- scores


def _judged(pipe: Pipeline, values: dict[str, pa.Array], stage: str | None, reason: str | None) -> tuple[Judged, ...]:
    """Every entry in order. A document that killed its worker was dropped before the first one."""
    found = []
    reached = _reached(pipe, stage)
    for label in (entry.label for entry in pipe.entries):
        if label not in reached:
            found.append(Judged(label, "not reached", None, ()))
            continue
        verdict = ("dropped", reason) if label == stage else ("kept", None)
        found.append(Judged(label, *verdict, _scores(pipe, label, values)))
    return tuple(found)


def _scores(pipe: Pipeline, label: str, values: dict[str, pa.Array]) -> tuple[Score, ...]:
    """Scores with bounds, in the order in which they are tried, then the scores without one."""
    stages = [part.stage for part in pipe.parts if part.entry == label]
    rules = [rule for stage in stages if isinstance(stage, Thresholds) for rule in stage.rules]
    plain = [name for stage in stages if isinstance(stage, Map) for name in stage.gives() if name in values]
    found = [_compared(rule, label, values) for rule in rules if rule.column in values]
    bounded = {rule.column for rule in rules}
    found += [Score(short_name(name, label), _value(values[name])) for name in plain if name not in bounded]
    return tuple(found)


def _compared(rule: Rule, label: str, values: dict[str, pa.Array]) -> Score:
    language = values[schema.LANGUAGE][0].as_py() if schema.LANGUAGE in values else schema.UNDETERMINED
    upper = rule.min is None and rule.max is not None
    bound = rule.languages.get(language, rule.max if upper else rule.min)
    # The stage itself compares: a rule missed here is a rule missed in the run.
    row = {name: values[name] for name in (rule.column, schema.LANGUAGE) if name in values}
    missed = Thresholds(rules=(rule,)).reasons(Documents(pa.RecordBatch.from_pydict(row)))[0].is_valid
    return Score(
        short_name(rule.column, label),
        _value(values[rule.column]),
        None if upper else bound,
        bound if upper else None,
        rule.exclusive,
        missed,
        rule.reason,
    )


def short_name(column: str, label: str) -> str:
    return column.removeprefix(f"{label}.")


def _value(column: pa.Array) -> Any:
    """A float32 as the shortest decimal that means it: 0.3, not 0.30000001192092896."""
    value = column[0].as_py()
    return float(str(np.float32(value))) if value is not None and pa.types.is_float32(column.type) else value
