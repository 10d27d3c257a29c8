"""What stages count in documents is in the manifest by language and source, whatever becomes of the documents."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import dataprep, make_plan, run_here, write_corpus, write_jsonl, write_pipeline

from dataprep import commit
from dataprep.errors import UsageError
from dataprep.retention import findings

pytestmark = pytest.mark.usefixtures("own_stages")
MARKED: dict[str, Any] = {"marks": {"as": "found", "prefix": "found"}}


def rows(corpus: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(corpus.iterdir()) for line in path.read_text("utf-8").splitlines()]


def counted(rows: list[dict[str, Any]], language: str) -> list[dict[str, Any]]:
    """The tallies, in plain Python."""
    found: Counter[tuple[str, str]] = Counter()
    documents: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for mark in ("word1", "中"):
            if n := row["text"].count(mark):
                found[mark, row.get("source", "test")] += n
                documents[mark, row.get("source", "test")] += 1
    return [
        {"name": mark, "language": language, "source": source, "count": n, "documents": documents[mark, source]}
        for (mark, source), n in sorted(found.items())
    ]


@pytest.mark.parametrize("task_mib", [32.0, 0.004])
def test_sums_are_those_of_every_row_that_came_by(tmp_path: Path, task_mib: float) -> None:
    """Also of those that a later filter, here or behind a barrier, drops; and not of those dropped before."""
    corpus = write_corpus(tmp_path / "in", files=4)
    stages = ["length", {"short": {"min_characters": 12}}, MARKED, "exact_dedup", {"long": {"max_characters": 300}}]
    made = run_here(make_plan(write_pipeline(tmp_path, stages, task_mib=task_mib)))
    expected = counted([row for row in rows(corpus) if len(row["text"]) >= 12], "und")
    assert {row["source"] for row in expected} == {"a", "b", "test"}
    assert [stage["tallies"] for stage in made["stages"][1:]] == [[], [], expected, [], []]
    assert made["stages"][4]["dropped"]["duplicate"] > 10 < made["stages"][5]["dropped"]["too_long"]


def test_languages_are_those_the_rows_have_by_then(tmp_path: Path) -> None:
    texts = {"en": "word1 word2 word1", "zh": "中国", "fr": "un autre mot"}
    given = [{"text": text, "language": code} for code, text in texts.items()] * 3
    pq.write_table(pa.Table.from_pylist(given), tmp_path / "in.parquet")
    settings = {"source": {"parquet": str(tmp_path / "in.parquet")}}
    made = run_here(make_plan(write_pipeline(tmp_path, [MARKED], **settings)))
    assert made["stages"][1]["tallies"] == [
        {"name": "word1", "language": "en", "source": "test", "count": 6, "documents": 3},
        {"name": "中", "language": "zh", "source": "test", "count": 3, "documents": 3},
    ]


def test_what_spans_a_barrier_is_counted_where_it_was_found(tmp_path: Path) -> None:
    """One entry has a Map before its barrier and a filter behind it."""
    corpus = write_corpus(tmp_path / "in", files=2)
    made = run_here(make_plan(write_pipeline(tmp_path, [{"marked_dedup": {"as": "found"}}])))
    (entry,) = made["stages"][1:]
    assert entry["tallies"] == counted(rows(corpus), "und")
    assert entry["documents_in"] == len(rows(corpus)) > entry["documents_out"] == made["documents"]


def test_sources_without_end_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [{"text": "中" * (n + 1), "source": f"site-{n:02d}"} for n in range(20)]
    write_jsonl(tmp_path / "in.jsonl", [*given, {"text": "word1", "source": "site-03"}])
    monkeypatch.setattr(commit, "MAX_SOURCES", 2)
    settings = {"source": {"jsonl": str(tmp_path / "in.jsonl")}}
    made = run_here(make_plan(write_pipeline(tmp_path, [MARKED], **settings)))
    assert made["stages"][1]["tallies"] == [
        {"name": "word1", "language": "und", "source": "(other)", "count": 1, "documents": 1},
        {"name": "中", "language": "und", "source": "(other)", "count": 171, "documents": 18},
        {"name": "中", "language": "und", "source": "site-18", "count": 19, "documents": 1},
        {"name": "中", "language": "und", "source": "site-19", "count": 20, "documents": 1},
    ]
    assert {name: held["documents"] for name, held in made["sources"].items()} == {
        "(other)": 18, "site-00": 1, "site-03": 2,
    }  # fmt: skip


def test_sources_that_lose_documents_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [{"text": "x" * 9, "source": f"site-{n % 7}"} for n in range(20)]
    write_jsonl(tmp_path / "in.jsonl", given)
    monkeypatch.setattr(commit, "MAX_SOURCES", 1)
    settings = {"source": {"jsonl": str(tmp_path / "in.jsonl")}}
    made = run_here(make_plan(write_pipeline(tmp_path, ["exact_dedup"], **settings)))
    assert made["stages"][1]["dropped_by_source"] == {"(other)": {"duplicate": 16}, "site-1": {"duplicate": 3}}


def test_the_table_adds_them_up(tmp_path: Path) -> None:
    texts = [("en", "a", "word1 word1"), ("en", "b", "word1"), ("zh", "a", "中"), ("fr", "c", "word1")]
    given = [{"text": text, "language": code, "source": source} for code, source, text in texts]
    pq.write_table(pa.Table.from_pylist(given), tmp_path / "in.parquet")
    pipeline = write_pipeline(tmp_path, [MARKED], source={"parquet": str(tmp_path / "in.parquet")})
    (block,) = findings(run_here(make_plan(pipeline)))
    assert block.splitlines() == [
        "found  found  documents  by language  by source",
        "word1      4          3  en 3, fr 1   a 2, b 1, c 1",
        "中         1          1  zh 1         a 1",
    ]
    assert block in dataprep("manifest", "show", tmp_path / "out").stdout
    shown = json.loads(dataprep("manifest", "show", tmp_path / "out", "--json").stdout)
    assert sum(row["count"] for row in shown["stages"][1]["tallies"]) == 5


@pytest.mark.parametrize("column", ["absent", "found.text"])
def test_only_whole_numbers_that_a_stage_gives_are_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    from dataprep import catalog

    write_corpus(tmp_path / "in", files=1)
    marks = catalog.stage("marks")
    gives = marks.gives  # type: ignore[attr-defined]
    monkeypatch.setattr(marks, "gives", lambda self: {**gives(self), "found.text": pa.string()})
    monkeypatch.setattr(marks, "tallies", lambda self: (column,))
    with pytest.raises(UsageError, match=f"test: found: tallies '{column}', which is no whole-number column"):
        make_plan(write_pipeline(tmp_path, [MARKED]))
