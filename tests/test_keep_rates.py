"""What every stage got and kept of each language and source, and which stages keep one of them too seldom."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import WORDS, dataprep, error, make_plan, run_here, write_corpus, write_jsonl, write_pipeline

from dataprep import commit
from dataprep.retention import keep_rates, suspicions

pytestmark = pytest.mark.usefixtures("own_stages")


def rows(seed: int = 3) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.choice([2, 30, 120]))) for _ in range(60)]
    given = [{"text": rng.choice(texts), "n": n} for n in range(300)]
    return [row | {"language": rng.choice(["en", "zh", None]), "source": rng.choice("abc")} for row in given]


@pytest.mark.parametrize("task_mib", [32.0, 0.002])
def test_they_are_those_of_a_walk_in_plain_python(tmp_path: Path, task_mib: float) -> None:
    """Over filters on both sides of a barrier, and one that spans it."""
    pq.write_table(pa.Table.from_pylist(rows()), tmp_path / "in.parquet")
    stages: list[Any] = ["length", {"short": {"min_characters": 60}}, "exact_dedup", {"long": {"max_characters": 500}}]
    settings = {"source": {"parquet": str(tmp_path / "in.parquet")}, "task_mib": task_mib}
    made = run_here(make_plan(write_pipeline(tmp_path, stages, **settings)))
    seen: set[str] = set()
    left = rows()
    walk = [left, left]
    left = [row for row in left if len(row["text"]) >= 60]
    walk.append(left)
    left = [row for row in left if row["text"] not in seen and not seen.add(row["text"])]  # type: ignore[func-returns-value]
    walk.append(left)
    walk.append([row for row in left if len(row["text"]) <= 500])
    assert len(walk[-1]) < len(walk[-2]) < len(walk[-3]) < len(walk[-4])
    for by, default in (("language", "und"), ("source", "")):
        for stage, came, went in zip(made["stages"][1:], walk, walk[1:], strict=False):
            ins, outs = (Counter(row[by] or default for row in side) for side in (came, went))
            assert stage[f"by_{by}"] == {key: {"in": ins[key], "out": outs[key]} for key in sorted(ins)}, stage["name"]


def test_what_a_stage_labels_is_counted_by_its_label(tmp_path: Path) -> None:
    """Before the label it is `und`; in the stage that gives it, those who leave it count."""
    english, chinese = (
        "The weather was fine and we walked along the river until it was dark.",
        "今天天气很好，我们沿着河边散步。",
    )
    write_jsonl(tmp_path / "in.jsonl", [{"text": text} for text in [english] * 3 + [chinese] * 2 + ["", "x"]])
    stages: list[Any] = [
        "length",
        {"short": {"min_characters": 1}},
        {"language": {"keep": ["en", "zh"]}},
        "exact_dedup",
    ]
    made = run_here(make_plan(write_pipeline(tmp_path, stages, source={"jsonl": str(tmp_path / "in.jsonl")})))
    _, length, short, language, dedup = made["stages"]
    assert length["by_language"] == {"und": {"in": 7, "out": 7}}
    assert short["by_language"] == {"und": {"in": 7, "out": 6}}
    assert {code: n["out"] for code, n in language["by_language"].items() if n["out"]} == {"en": 3, "zh": 2}
    assert sum(n["in"] for n in language["by_language"].values()) == language["documents_in"] == 6
    assert dedup["by_language"] == {"en": {"in": 3, "out": 1}, "zh": {"in": 2, "out": 1}}


def test_sources_without_end_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"text": "x" * (n % 3), "source": f"site-{n % 7}"} for n in range(20)])
    monkeypatch.setattr(commit, "MAX_SOURCES", 1)
    stages: list[Any] = ["length", {"short": {"min_characters": 1}}]
    made = run_here(make_plan(write_pipeline(tmp_path, stages, source={"jsonl": str(tmp_path / "in.jsonl")})))
    assert made["stages"][2]["by_source"] == {"(other)": {"in": 17, "out": 11}, "site-0": {"in": 3, "out": 2}}


def stage(name: str, counts: dict[str, tuple[int, int]], **more: Any) -> dict[str, Any]:
    return {"name": name, "by_language": {key: {"in": a, "out": b} for key, (a, b) in counts.items()}, **more}


def test_four_fifths_of_the_rate_of_all_others() -> None:
    asked = {"dropped_by_language": {"fr": {"unwanted_language": 90}}}
    stages = [
        {"name": "jsonl"},
        stage("fair", {"en": (1000, 900), "zh": (50, 36)}),
        stage("harsh", {"en": (1000, 900), "zh": (50, 35)}),
        stage("few", {"en": (1000, 900), "zh": (49, 0)}),
        stage("alone", {"en": (1000, 10), "zh": (10, 10)}),
        stage("asked", {"en": (1000, 900), "fr": (90, 0)}, **asked),
    ]
    assert [(s.stage, s.group, s.documents, s.keep_rate) for s in suspicions({"stages": stages}, "language")] == [
        ("harsh", "zh", 50, 0.7)
    ]
    shown = keep_rates({"stages": stages}, "language")
    assert "! harsh keeps 70.0% of 50 documents of language zh, and 90.0% of all others" in shown
    assert [line.split()[-1] for line in shown.splitlines() if line.startswith("harsh")] == ["70.0%!"]


def test_the_command_shows_them(tmp_path: Path) -> None:
    given = [{"text": "x" * 40, "source": "long"}] * 60 + [
        {"text": "x" * (30 * (n % 2)), "source": "mixed"} for n in range(60)
    ]
    write_jsonl(tmp_path / "in.jsonl", given)
    stages: list[Any] = ["length", {"short": {"min_characters": 10}}]
    run_here(make_plan(write_pipeline(tmp_path, stages, source={"jsonl": str(tmp_path / "in.jsonl")})))
    shown = dataprep("manifest", "show", tmp_path / "out", "--by", "source").stdout
    assert "! short keeps 50.0% of 60 documents of source mixed, and 100.0% of all others" in shown
    told = json.loads(dataprep("manifest", "show", tmp_path / "out", "--by", "source", "--json").stdout)
    assert told["stages"]["short"] == {"long": {"in": 60, "out": 60}, "mixed": {"in": 60, "out": 30}}
    assert [row["group"] for row in told["suspicions"]] == ["mixed"]


def test_a_manifest_without_counts_says_so(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    made = run_here(make_plan(write_pipeline(tmp_path, ["length"])))
    del made["stages"][1]["by_source"]
    (tmp_path / "out/manifest.json").write_text(json.dumps(made))
    assert "has no counts by source" in error("manifest", "show", tmp_path / "out", "--by", "source", code=1)
