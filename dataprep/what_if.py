"""What other thresholds would keep, from the scores that a finished run has stored; nothing is read but verdicts.

Every row is walked through the pipeline again. A filter that only compares columns decides anew; any other one decides
as it did, if it saw the row. What no stage has seen or a dedup would compare anew is unknown until the pipeline runs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep import schema
from dataprep.commit import MAX_SOURCES, OTHER
from dataprep.errors import UsageError
from dataprep.judged_rows import Bools, Int64s, Rows, located, missed
from dataprep.lookup import Run, artefact_files, dataset
from dataprep.other_settings import side_by_side
from dataprep.pipeline import Pipeline, Placed
from dataprep.stage import Build, Filter, Map

DROPPED, KEPT, UNKNOWN = 0, 1, 2


class Outcome(NamedTuple):
    """What one choice of settings makes of every row."""

    settings: dict[str, Any]
    old: Pipeline
    """The run's, with a filter that drops nothing wherever only the new one has a filter."""
    pipeline: Pipeline
    """The new one, part by part beside the old one."""
    rows: Rows
    fate: npt.NDArray[np.int8]
    """DROPPED, KEPT or UNKNOWN."""
    at: Int64s
    """The part that drops it, or from which on it is unknown."""
    compared: dict[str, int]
    """Dedup stage -> kept documents that it would compare with new ones: they may give way to some of these."""


def outcome(run: Run, rows: Rows, settings: dict[str, Any], pipe: Pipeline) -> Outcome:
    """Walk every row through the pipeline with these settings. Raises UsageError for what can't be asked."""
    old_pipe, pipe = side_by_side(run.pipeline, pipe)
    if len(pipe.parts) != len(run.pipeline.parts):
        rows = located(old_pipe, rows)
    n = len(rows.places)
    walk = _Walk(run, old_pipe, rows, np.full(n, KEPT, np.int8), np.full(n, len(pipe.parts)), {}, set(), {})
    walk.fate[rows.end < 0] = DROPPED
    walk.at[rows.end < 0] = -1
    number = 0
    for k, (old, new) in enumerate(zip(old_pipe.parts, pipe.parts, strict=True)):
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
    return Outcome(settings, old_pipe, pipe, rows, walk.fate, walk.at, walk.compared)


class Entering(NamedTuple):
    """Rows that a Build would see and did not, and the other way round."""

    new: Bools
    gone: Bools
    maybe: Bools
    """It saw them, and now they may be gone."""


class _Walk(NamedTuple):
    run: Run
    old: Pipeline
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
    now = np.zeros(len(walk.rows.places), np.bool_)
    if known.any():
        now[one.rows[known]] = missed(pipe, walk.rows, k, number, known)
        before = missed(walk.old, walk.rows, k, number, known)
        saw = end[known] >= k
        if (before[saw] != (end[known][saw] == k)).any():
            raise UsageError(f"{pipe.parts[k].entry}: needs a rerun; its verdicts don't follow from the stored scores")
    unknown = np.ones(len(walk.rows.places), np.bool_)
    unknown[one.rows[known]] = False
    walk.set(now, DROPPED, k)
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
