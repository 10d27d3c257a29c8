"""Every row of a finished run with its scores, from the verdicts of all passes, and what a filter says of it now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import plan as planning
from dataprep import schema
from dataprep.documents import Documents
from dataprep.errors import InputError, UsageError
from dataprep.lookup import Run, dataset, verdict_files
from dataprep.other_settings import compares
from dataprep.pipeline import Pipeline
from dataprep.stage import Filter, Map

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]


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


def read(run: Run, outcomes: Sequence[Pipeline]) -> Rows:
    """Every row and the columns that filters of these pipelines compare. Raises InputError for damaged verdicts.

    Holds 40 bytes a document and its scores.
    """
    wanted = {
        name
        for pipe in (run.pipeline, *outcomes)
        for part in pipe.parts
        if compares(part)
        for name in part.stage.needs()
    }
    passes: list[Passed] = []
    places = np.empty(0, np.int64)
    try:
        for number, paths in enumerate(verdict_files(run)):
            table = _sorted(run, paths, wanted)
            here = table.column(schema.PLACE).to_numpy()
            places = places if number else here
            rows = np.searchsorted(places, here)
            assert number == 0 or (places[rows] == here).all(), "later verdicts hold rows that the first do not"
            passes.append(Passed(0, rows, _with_earlier(table, rows, wanted, passes)))
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
    return located(run.pipeline, Rows(places, tuple(passes), np.empty(0, np.int64), size, languages, sources))


def located(pipe: Pipeline, rows: Rows) -> Rows:
    """With the numbers of the parts of this pipeline."""
    firsts = np.cumsum([0, *(len(parts) for parts in planning.fuse(pipe.parts))]).tolist()
    passes = tuple(one._replace(first=first) for one, first in zip(rows.passes, firsts, strict=False))
    found = rows._replace(passes=passes, end=np.full(len(rows.places), len(pipe.parts)))
    for number in range(len(passes)):
        _locate(pipe, found, number)
    return found


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


def _with_earlier(table: pa.Table, rows: Int64s, wanted: set[str], passes: list[Passed]) -> pa.Table:
    """With what the pass before held and this one, which compared it with nothing, does not."""
    if passes:
        before = passes[-1]
        at = pa.array(np.searchsorted(before.rows, rows))
        for name in before.table.column_names:
            if name in wanted and name not in table.column_names:
                table = table.append_column(name, before.table.column(name).take(at))
    return table


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
            told = one.table.column("reason").filter(pa.array(left)).combine_chunks()
            if judge.compares:
                again = reasons(judge, columns(pipe, rows, n, number, left))
                found[left] = np.asarray(pc.fill_null(pc.equal(again, told), False))
            else:
                found[left] = np.asarray(pc.is_in(told, pa.array(judge.defects(), pa.string())))
            rows.end[one.rows[found]] = n
            left = left & ~found
        if filters:
            rows.end[one.rows[left]] = filters[-1]


def columns(pipe: Pipeline, rows: Rows, n: int, number: int, which: Bools) -> Documents:
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


def reasons(judge: Filter, docs: Documents) -> pa.Array:
    return judge.reasons(docs) if len(docs) else pa.nulls(0, pa.string())


def missed(pipe: Pipeline, rows: Rows, k: int, number: int, which: Bools) -> Bools:
    """Which of these rows of a pass a filter drops."""
    judge = pipe.parts[k].stage
    assert isinstance(judge, Filter)
    if not judge.needs():  # it is off
        return np.zeros(int(which.sum()), np.bool_)
    return np.asarray(reasons(judge, columns(pipe, rows, k, number, which)).is_valid())
