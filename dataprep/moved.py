"""Documents that other settings would move to the other side: their score, the old and new bound, how they look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.documents import Documents
from dataprep.judged_rows import Rows
from dataprep.lookup import Run, corpus_row, dataset, samples, shown_url, verdict_files, whereabouts
from dataprep.pipeline import Pipeline
from dataprep.stages.quality.thresholds import Rule, Thresholds
from dataprep.what_if import DROPPED, KEPT, UNKNOWN, Outcome

WORDS = {DROPPED: "dropped", KEPT: "kept", UNKNOWN: "unknown"}


class Moved(NamedTuple):
    """One document. `old` and `new` are `kept`, `dropped` or `unknown`."""

    id: str
    language: str
    source: str
    old: str
    new: str
    stage: str
    """That drops it now, or dropped it."""
    reason: str | None
    score: str | None
    value: Any
    old_bound: float | None
    new_bound: float | None
    url: str | None
    excerpt: str | None
    """Of what was kept, and of the samples of what was dropped; personal data is masked."""


def counts(one: Outcome) -> dict[tuple[str, str], int]:
    """(old, new) -> documents, without those that stay where they are."""
    return {move: int(np.count_nonzero(which)) for move, which in _moves(one)}


def _moves(one: Outcome) -> Iterator[tuple[tuple[str, str], np.ndarray[Any, Any]]]:
    kept = one.rows.end == len(one.old.parts)
    for old, was in ((KEPT, kept), (DROPPED, ~kept)):
        for new in (DROPPED, KEPT, UNKNOWN):
            which = was & (one.fate == new)
            if new != old and which.any():
                yield (WORDS[old], WORDS[new]), which


def moved(run: Run, one: Outcome, limit: int) -> list[Moved]:
    """At most `limit` documents of each move, always the same ones. Reads their rows of the corpus and the samples."""
    held = {sample.place: sample for sample in samples(run)}
    found: list[Moved] = []
    rows = one.rows
    for (old, new), which in _moves(one):
        at = np.flatnonzero(which)
        rank = rows.places[at].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        # Those whose text is at hand are the ones to look at.
        seen = np.array([place not in held for place in rows.places[at].tolist()]) & (old == WORDS[DROPPED])
        first = at[np.lexsort((rank, seen))[:limit]].tolist()
        found += [_moved(run, one, row, old, new, held) for row in first]
    return found


def _moved(run: Run, one: Outcome, row: int, old: str, new: str, held: dict[int, Any]) -> Moved:
    rows = one.rows
    place = int(rows.places[row])
    # What drops it now, or what dropped it before.
    part = int(one.at[row]) if new == WORDS[DROPPED] else int(rows.end[row])
    if new == WORDS[UNKNOWN] and old == WORDS[KEPT]:
        part = int(one.at[row])
    score = _bounds(one.old, one.pipeline, rows, part, row, leaves=new == WORDS[DROPPED])
    url = excerpt = None
    if old == WORDS[KEPT]:
        last = dataset(run, verdict_files(run)[-1])
        hit = last.to_table(filter=pc.field(schema.PLACE) == place, columns=[schema.ID, "__filename"])
        name = hit.column(0)[0].as_py()
        found = corpus_row(run, *whereabouts(run, hit.column(1)[0].as_py(), place), [schema.URL, schema.TEXT])
        url, excerpt = shown_url(found), _excerpt(found.column(schema.TEXT)[0].as_py())
    else:
        first = dataset(run, verdict_files(run)[0])
        name = first.to_table(filter=pc.field(schema.PLACE) == place, columns=[schema.ID]).column(0)[0].as_py()
        if place in held:
            url, excerpt = held[place].url, held[place].excerpt
    entry = one.old.parts[part].entry
    language, source = rows.languages[row].as_py(), rows.sources[row].as_py()
    return Moved(name, language, source, old, new, entry, *score, url, excerpt)


def _excerpt(text: str) -> str:
    from dataprep.pii.excerpt import WINDOW_BYTES, excerpt

    raw = text.encode()
    return excerpt(raw[:WINDOW_BYTES], whole=len(raw) <= WINDOW_BYTES)


def _bounds(
    old: Pipeline, new: Pipeline, rows: Rows, part: int, row: int, *, leaves: bool
) -> tuple[str | None, str | None, Any, float | None, float | None]:
    """(reason, score, value, old bound, new bound) of the first rule that this row misses, in the new settings if it
    leaves, else in the old ones."""
    judge, other = (pipe.parts[part].stage for pipe in ((new, old) if leaves else (old, new)))
    if not isinstance(judge, Thresholds) or not isinstance(other, Thresholds):
        return None, None, None, None, None
    number = max(n for n, one in enumerate(rows.passes) if one.first <= part)
    table = rows.passes[number].table
    here = table.slice(int(np.searchsorted(rows.passes[number].rows, row)), 1).combine_chunks()
    language = rows.languages[row].as_py()
    for rule in judge.rules:
        docs = Documents(
            pa.RecordBatch.from_arrays([c.combine_chunks() for c in here.columns], names=here.column_names)
        )
        if rule.column in here.column_names and Thresholds(rules=(rule,)).reasons(docs)[0].is_valid:
            same = next((r for r in other.rules if (r.column, r.reason) == (rule.column, rule.reason)), None)
            bounds = (_bound(rule, language), None if same is None else _bound(same, language))
            value = here.column(rule.column)[0].as_py()
            return rule.reason, rule.column, value, *(reversed(bounds) if leaves else bounds)
    return None, None, None, None, None


def _bound(rule: Rule, language: str) -> float | None:
    return rule.languages.get(language, rule.max if rule.min is None else rule.min)
