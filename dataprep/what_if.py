"""What other thresholds would keep, from the scores that a finished run has stored; nothing is read but verdicts.

Every row is walked through the pipeline again. A filter that only compares columns decides anew; any other one decides
as it did, if it saw the row. What no stage has seen or a dedup would compare anew is unknown until the pipeline runs.
"""

from __future__ import annotations

import itertools
import json
import posixpath
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from dataprep import plan as planning
from dataprep import schema
from dataprep.commit import MAX_SOURCES, OTHER
from dataprep.documents import Documents
from dataprep.errors import InputError, UsageError
from dataprep.lookup import Run, artefact_files, dataset, recorded, verdict_files
from dataprep.pipeline import Pipeline, Placed
from dataprep.stage import Build, Filter, Map
from dataprep.yaml_file import Loader

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

DROPPED, KEPT, UNKNOWN = 0, 1, 2
MAX_OUTCOMES = 100
"""Combinations of values that one command tries."""


class Passed(NamedTuple):
    """The verdicts of one pass, for the rows that it had."""

    first: int
    """Number of its first part."""
    rows: Int64s
    """Which rows of the run these are."""
    table: pa.Table


class Rows(NamedTuple):
    """Every document of a run, in order of place."""

    places: Int64s
    passes: tuple[Passed, ...]
    end: Int64s
    """The part that dropped it; the number of parts if it is kept, -1 if it killed its worker."""
    bytes: Int64s
    """When it was kept or dropped."""
    languages: pa.Array
    sources: pa.Array


class Outcome(NamedTuple):
    """What one choice of settings makes of every row."""

    settings: dict[str, Any]
    pipeline: Pipeline
    fate: npt.NDArray[np.int8]
    """DROPPED, KEPT or UNKNOWN."""
    at: Int64s
    """The part that drops it, or from which on it is unknown."""
    compared: dict[str, int]
    """Dedup stage -> kept documents that it would compare with new ones: they may give way to some of these."""


# ---------------------------------------------------------------- settings


def asked(arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Every combination of the values in `STAGE.KEY=VALUE[,VALUE...]`. Raises UsageError."""
    values: dict[str, list[Any]] = {}
    for argument in arguments:
        target, equals, value = argument.partition("=")
        if not (equals and "." in target.strip(".")):
            raise UsageError(f"{argument}: write STAGE.KEY=VALUE, or STAGE.KEY=VALUE,VALUE to compare some")
        try:
            values.setdefault(target, []).extend(yaml.load(f"[{value}]", Loader))
        except yaml.YAMLError as error:
            raise UsageError(f"{argument}: '{value}' is not YAML: {getattr(error, 'problem', error)}") from error
        if not values[target]:
            raise UsageError(f"{argument}: gives no value")
    n = int(np.prod([len(held) for held in values.values()]))
    if n > MAX_OUTCOMES:
        raise UsageError(f"these are {n:,} combinations of values; at most {MAX_OUTCOMES} are compared at once")
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def changed(run: Run, settings: dict[str, Any]) -> Pipeline:
    """The run's pipeline with these settings. Raises UsageError if one of them shapes anything but verdicts."""
    overrides = tuple(f"{target}={json.dumps(value, ensure_ascii=False)}" for target, value in settings.items())
    for one in overrides:
        target = one.partition("=")[0]
        for old, new in itertools.zip_longest(run.pipeline.parts, _recorded(run, (one,)).parts):
            if old != new and not (_compares(old) and _compares(new) and old.label == new.label):
                raise UsageError(f"{target}: needs a rerun; what-if answers thresholds only")
    return _recorded(run, overrides)


def _recorded(run: Run, overrides: tuple[str, ...]) -> Pipeline:
    try:
        return recorded(run.root, run.manifest, overrides)
    except UsageError as error:
        raise UsageError(str(error).removeprefix("--set ")) from None


def _compares(part: Placed | None) -> bool:
    return part is not None and isinstance(part.stage, Filter) and part.stage.compares


def current(run: Run, target: str) -> Any:
    """The value that a setting `STAGE.KEY` had; None if there was none.

    A language without a bound of its own has the stage's for it, else the plain one.
    """
    label, *keys = target.split(".")
    stage = next(entry.stage for entry in run.pipeline.entries if entry.label == label)
    held: Any = stage.asked()
    if len(keys) == 2 and keys[1] in held and keys[1] not in (held.get(keys[0]) or {}):
        return getattr(stage, "language_defaults", {}).get(keys[0], {}).get(keys[1], held[keys[1]])
    for key in keys:
        held = held.get(key) if isinstance(held, dict) else None
    return held


# ---------------------------------------------------------------- rows


def read(run: Run, outcomes: Sequence[Pipeline]) -> Rows:
    """Every row and the columns that filters of these pipelines compare. Raises InputError for damaged verdicts.

    Holds 40 bytes a document and its scores.
    """
    wanted = {
        name
        for pipe in (run.pipeline, *outcomes)
        for part in pipe.parts
        if _compares(part)
        for name in part.stage.needs()
    }
    fused = planning.fuse(run.pipeline.parts)
    firsts = np.cumsum([0, *(len(parts) for parts in fused)]).tolist()
    passes: list[Passed] = []
    places = np.empty(0, np.int64)
    try:
        for number, paths in enumerate(verdict_files(run)):
            table = _sorted(run, paths, wanted)
            here = table.column(schema.PLACE).to_numpy()
            places = places if number else here
            rows = np.searchsorted(places, here)
            assert number == 0 or (places[rows] == here).all(), "later verdicts hold rows that the first do not"
            passes.append(Passed(firsts[number], rows, table))
    except (pa.ArrowException, OSError) as error:
        said = " ".join(str(error).split())[:150]
        raise InputError(
            f"{run.root}: its verdicts can't be read; `dataprep run` makes damaged files again ({said})"
        ) from error
    size = np.zeros(len(places), np.int64)
    languages = pa.repeat(schema.UNDETERMINED, len(places))
    sources = pa.nulls(len(places), pa.string())
    for one in passes:
        size[one.rows] = one.table.column(schema.BYTES).to_numpy()
        sources = _overlaid(sources, one, schema.SOURCE)
        if schema.LANGUAGE in one.table.column_names:
            languages = _overlaid(languages, one, schema.LANGUAGE)
    languages = pc.fill_null(languages, schema.UNDETERMINED)
    rows_of_run = Rows(places, tuple(passes), np.full(len(places), len(run.pipeline.parts)), size, languages, sources)
    for number in range(len(passes)):
        _locate(run.pipeline, rows_of_run, number)
    return rows_of_run


def _sorted(run: Run, paths: list[str], wanted: set[str]) -> pa.Table:
    held = dataset(run, paths)
    fixed = [schema.PLACE, schema.SOURCE, "stage", "reason", schema.BYTES]
    if not set(fixed) <= set(held.schema.names):
        raise InputError(
            f"{run.root}: an earlier version of dataprep wrote its verdicts, without sizes; `dataprep run` makes them"
        )
    names = [*fixed, *(name for name in held.schema.names if name in wanted | {schema.LANGUAGE} and name not in fixed)]
    table = held.to_table(columns=names)
    return table.take(np.argsort(table.column(schema.PLACE).to_numpy(), kind="stable"))


def _overlaid(column: pa.Array, one: Passed, name: str) -> pa.Array:
    """`column`, with that of a pass where the pass had the row."""
    mask = np.zeros(len(column), np.bool_)
    mask[one.rows] = True
    new = one.table.column(name).combine_chunks()
    return pc.replace_with_mask(column, pa.array(mask), pc.cast(new, pa.string()))


def _locate(pipe: Pipeline, rows: Rows, number: int) -> None:
    """Fill in `rows.end` of what a pass dropped: an entry can have several filters, and a verdict names the entry."""
    one = rows.passes[number]
    last = rows.passes[number + 1].first if number + 1 < len(rows.passes) else len(pipe.parts)
    stage = one.table.column("stage")
    dropped = one.rows[np.asarray(pc.is_valid(stage))]
    rows.end[dropped] = -1  # it killed its worker, unless an entry says otherwise
    for label in dict.fromkeys(part.entry for part in pipe.parts[one.first : last]):
        mine = np.asarray(pc.fill_null(pc.equal(stage, label), False))
        filters = [
            n
            for n in range(one.first, last)
            if pipe.parts[n].entry == label and isinstance(pipe.parts[n].stage, Filter)
        ]
        left = mine
        for n in filters[:-1]:
            found, judge = left.copy(), pipe.parts[n].stage
            assert isinstance(judge, Filter)
            reasons = one.table.column("reason").filter(pa.array(left))
            if judge.compares:
                again = _reasons(judge, _columns(pipe, rows, n, number, left))
                found[left] = np.asarray(pc.fill_null(pc.equal(again, reasons.combine_chunks()), False))
            else:
                found[left] = np.asarray(pc.is_in(reasons, pa.array(judge.defects(), pa.string())))
            rows.end[one.rows[found]] = n
            left = left & ~found
        if filters:
            rows.end[one.rows[left]] = filters[-1]


def _columns(pipe: Pipeline, rows: Rows, n: int, number: int, which: Bools) -> Documents:
    """What part `n` compares, of those rows of pass `number`; `language` only if it is there by then."""
    table = rows.passes[number].table
    given = {
        name: k
        for k in range(rows.passes[number].first, len(pipe.parts))
        if isinstance(stage := pipe.parts[k].stage, Map)
        for name in stage.gives()
    }
    names = dict.fromkeys(pipe.parts[n].stage.needs())
    late = [name for name in names if given.get(name, -1) > n and name in table.column_names]
    missing = [name for name in names if name not in table.column_names]
    if missing or (late and not _given_before(pipe, rows, n, number, late)):
        raise UsageError(
            f"{pipe.parts[n].entry}: needs a rerun; the verdicts don't hold {', '.join(missing or late)} as it sees it"
        )
    if schema.LANGUAGE in table.column_names and _given_before(pipe, rows, n, number, [schema.LANGUAGE]):
        names[schema.LANGUAGE] = None
    chosen = table.select(list(names)).filter(pa.array(which)).combine_chunks()
    batches = chosen.to_batches()
    return Documents(batches[0] if batches else pa.RecordBatch.from_pylist([], schema=chosen.schema))


def _given_before(pipe: Pipeline, rows: Rows, n: int, number: int, names: list[str]) -> bool:
    """Whether no part of the pass after part `n` gives these columns, so that verdicts hold what `n` saw."""
    last = rows.passes[number + 1].first if number + 1 < len(rows.passes) else len(pipe.parts)
    later = (part.stage for part in pipe.parts[n + 1 : last])
    return not any(isinstance(stage, Map) and stage.gives().keys() & set(names) for stage in later)


def _reasons(judge: Filter, docs: Documents) -> pa.Array:
    return judge.reasons(docs) if len(docs) else pa.nulls(0, pa.string())


# ---------------------------------------------------------------- outcomes


def outcome(run: Run, rows: Rows, settings: dict[str, Any], pipe: Pipeline) -> Outcome:
    """Walk every row through the pipeline with these settings. Raises UsageError for what can't be asked."""
    n = len(rows.places)
    walk = _Walk(run, rows, np.full(n, KEPT, np.int8), np.full(n, len(pipe.parts)), {}, set(), {})
    walk.fate[rows.end < 0] = DROPPED
    walk.at[rows.end < 0] = -1
    number = 0
    for k, (old, new) in enumerate(zip(run.pipeline.parts, pipe.parts, strict=True)):
        if number + 1 < len(rows.passes) and k == rows.passes[number + 1].first:
            number += 1
        stage = new.stage
        if isinstance(stage, Build):
            _built(walk, k, new)
        elif isinstance(stage, Map):
            if walk.doubtful(stage):
                walk.tainted.update(stage.gives())
        elif isinstance(stage, Filter):
            assert isinstance(old.stage, Filter)
            if stage.compares and not walk.tainted & set(stage.needs()):
                _compared(walk, pipe, k, number, old.stage, stage)
            elif stage.compares or walk.doubtful(stage):
                _judged_anew(walk, k, new)
            else:
                _judged_before(walk, k)
    return Outcome(settings, pipe, walk.fate, walk.at, walk.compared)


class Entering(NamedTuple):
    """Rows that a Build would see and did not, and the other way round."""

    new: Bools
    gone: Bools
    maybe: Bools
    """It saw them, and now they may be gone."""


class _Walk(NamedTuple):
    run: Run
    rows: Rows
    fate: npt.NDArray[np.int8]
    at: Int64s
    builds: dict[str, Entering]
    """By label, those whose rows would be others."""
    tainted: set[str]
    """Columns that depend on one of those."""
    compared: dict[str, int]

    def doubtful(self, stage: Map | Filter | Build) -> bool:
        return stage.reads_artefact() in self.builds or bool(self.tainted & set(stage.needs()))

    def set(self, which: Bools, fate: int, part: int) -> None:
        fresh = which & (self.fate != DROPPED) & (self.fate != fate)
        self.fate[fresh] = fate
        self.at[fresh] = part


def _built(walk: _Walk, k: int, part: Placed) -> None:
    saw = walk.rows.end >= k
    found = Entering(~saw & (walk.fate != DROPPED), saw & (walk.fate == DROPPED), saw & (walk.fate == UNKNOWN))
    if any(which.any() for which in found) or walk.doubtful(part.stage):  # type: ignore[arg-type]
        walk.builds[part.label] = found


def _compared(walk: _Walk, pipe: Pipeline, k: int, number: int, old: Filter, new: Filter) -> None:
    """Decide anew wherever the columns are known, which is where the stages that give them saw the row."""
    one = walk.rows.passes[number]
    maps = [
        j
        for j in range(one.first, k)
        if isinstance(stage := pipe.parts[j].stage, Map) and stage.gives().keys() & {*new.needs(), *old.needs()}
    ]
    end = walk.rows.end[one.rows]
    known = end > max([*maps, one.first - 1])
    missed = np.zeros(len(walk.rows.places), np.bool_)
    if known.any():
        missed[one.rows[known]] = np.asarray(_reasons(new, _columns(pipe, walk.rows, k, number, known)).is_valid())
        before = np.asarray(_reasons(old, _columns(walk.run.pipeline, walk.rows, k, number, known)).is_valid())
        saw = end[known] >= k
        if (before[saw] != (end[known][saw] == k)).any():
            raise UsageError(f"{pipe.parts[k].entry}: needs a rerun; its verdicts don't follow from the stored scores")
    unknown = np.ones(len(walk.rows.places), np.bool_)
    unknown[one.rows[known]] = False
    walk.set(missed, DROPPED, k)
    walk.set(unknown & (walk.fate == KEPT), UNKNOWN, k)


def _judged_before(walk: _Walk, k: int) -> None:
    walk.set(walk.rows.end == k, DROPPED, k)
    walk.set((walk.rows.end < k) & (walk.fate == KEPT), UNKNOWN, k)


def _judged_anew(walk: _Walk, k: int, part: Placed) -> None:
    """By what was built from all documents, and these would be others."""
    label = part.stage.reads_artefact()
    kept = None if label is None else _duplicates(walk, label)
    if label is None or kept is None:
        walk.set(walk.fate == KEPT, UNKNOWN, k)
        return
    entering, end, n = walk.builds[label], walk.rows.end, len(kept)
    duplicate = kept >= 0
    cluster = np.where(duplicate, kept, np.arange(n))
    gone = entering.gone | entering.maybe
    touched = np.zeros(n, np.bool_)
    touched[cluster[gone]] = True
    # The only one left has no copy. Else what held the cluster together, or was kept, may be gone.
    left = np.bincount(cluster[(end >= k) & ~gone], minlength=n)
    alone = duplicate & gone[cluster] & (left[cluster] == 1) & ~entering.maybe[cluster]
    alone &= not entering.maybe.any()
    uncertain = duplicate & touched[cluster] & ~alone
    if entering.new.any():
        uncertain |= alone
        alone[:] = False
        into = int(np.count_nonzero((walk.fate == KEPT) & (end > k)))
        if into:
            walk.compared[part.entry] = into
    saw = end == k
    walk.set(saw & ~uncertain & ~alone, DROPPED, k)
    walk.set(saw & uncertain, UNKNOWN, k)
    walk.set((end < k) & (walk.fate == KEPT), UNKNOWN, k)


def _duplicates(walk: _Walk, label: str) -> Int64s | None:
    """Row of the copy that each document gave way to, -1 without one; None if the artefact is no list of copies."""
    found = None
    for path in artefact_files(walk.run, label):
        held = dataset(walk.run, [path])
        if {schema.PLACE, "kept"} <= set(held.schema.names):
            table = held.to_table(columns=[schema.PLACE, "kept"])
            place, kept = (np.searchsorted(walk.rows.places, column.to_numpy()) for column in table.columns)
            found = np.full(len(walk.rows.places), -1) if found is None else found
            found[place] = kept
    return found


def unknown_because(one: Outcome) -> dict[str, int]:
    """Entry from which on documents are unknown -> how many, in order of the pipeline."""
    found: dict[str, int] = {}
    parts, counts = np.unique(one.at[one.fate == UNKNOWN], return_counts=True)
    for part, n in zip(parts.tolist(), counts.tolist(), strict=True):
        entry = one.pipeline.parts[part].entry
        found[entry] = found.get(entry, 0) + n
    return found


# ---------------------------------------------------------------- sums


class Sum(NamedTuple):
    documents: int
    bytes: int
    tokens: int | None
    """Of those whose tokens are known; None if those of none are."""
    uncounted: int
    """Documents whose tokens are not known."""


def total(rows: Rows, which: Bools, tokens: Int64s | None) -> Sum:
    held = None if tokens is None else tokens[which]
    known = np.zeros(0, np.int64) if held is None else held[held >= 0]
    documents = int(np.count_nonzero(which))
    uncounted = documents - len(known) if held is not None else 0
    return Sum(documents, int(rows.bytes[which].sum()), None if held is None else int(known.sum()), uncounted)


def groups(column: pa.Array) -> dict[str, Bools]:
    """Which rows are of each language or source, the largest first; beyond `MAX_SOURCES` they are one, `OTHER`."""
    coded = column.dictionary_encode()
    names, codes = coded.dictionary.to_pylist(), np.asarray(coded.indices)
    sizes = np.bincount(codes, minlength=len(names))
    order = sorted(range(len(names)), key=lambda k: (-sizes[k], names[k]))
    found = {names[k]: codes == k for k in order[:MAX_SOURCES]}
    if order[MAX_SOURCES:]:
        found[OTHER] = np.isin(codes, order[MAX_SOURCES:])
    return found


def tokens(run: Run, rows: Rows, corpus: str | None) -> Int64s | None:
    """Tokens of each document, -1 where they are not known; None if they are known of none.

    From the tokens in folder `corpus`, made from this run; else those that the run itself made; else from a column
    `tokens` of its documents. Raises InputError if the corpus is another run's.
    """
    from dataprep import manifest
    from dataprep.store import Store

    found = np.full(len(rows.places), -1)
    own = [
        build["artefact"]
        for stage in run.manifest["stages"]
        for build in stage.get("builds", [])
        if build["stage"] == "tokenize"
    ]
    if corpus is None and not own:
        return _token_column(run, rows, found)
    root = corpus.removesuffix(f"/{manifest.MANIFEST}").rstrip("/") if corpus else f"{run.root}/{own[0]}"
    made = manifest.read(root)
    prints = [parent["fingerprint"] for parent in made.get("parents", [])]
    if made["kind"] != "tokens" or (corpus and run.manifest["fingerprint"] not in prints):
        raise InputError(f"{root}: holds no tokens made from {run.root}; `dataprep tokenize {run.root}` makes them")
    shards = {posixpath.basename(shard["path"]): shard for shard in run.manifest["shards"]}
    order = {} if not corpus else _shard_rows(run, rows)
    for shard in made["shards"]:
        with Store(root).fetched(shard["docs"]["path"]) as path:
            docs = pq.read_table(path, columns=["input", "offset", "tokens"])
        inputs, offsets, counts = (column.to_numpy() for column in docs.columns)
        if not corpus:
            at = np.searchsorted(rows.places, (inputs.astype(np.int64) << schema.PLACE_BITS) | offsets)
            found[at] = counts
            continue
        for number in np.unique(inputs).tolist():
            name = made["inputs"][number]["path"].rpartition("/")[2]
            if name in shards:
                mine = inputs == number
                found[order[name][offsets[mine]]] = counts[mine]
    return found


def _shard_rows(run: Run, rows: Rows) -> dict[str, Int64s]:
    """Name of a shard -> row of the run of each of its documents. Verdicts `P-NNNNN-MARK` are of shard `NNNNN-MARK`."""
    found = {}
    for path in verdict_files(run)[-1]:
        table = dataset(run, [path]).to_table(columns=[schema.PLACE, "stage"])
        kept = table.filter(pc.is_null(table.column("stage"))).column(schema.PLACE).to_numpy()
        found[posixpath.basename(path).partition("-")[2]] = np.searchsorted(rows.places, kept)
    return found


def _token_column(run: Run, rows: Rows, found: Int64s) -> Int64s | None:
    order: dict[str, Int64s] | None = None
    for shard in run.manifest["shards"]:
        held = dataset(run, [shard["path"]])
        if "tokens" not in held.schema.names or not pa.types.is_integer(held.schema.field("tokens").type):
            return None
        order = order or _shard_rows(run, rows)
        counts = pc.fill_null(held.to_table(columns=["tokens"]).column(0), -1).to_numpy()
        found[order[posixpath.basename(shard["path"])]] = counts
    return None if order is None else found
