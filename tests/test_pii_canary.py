"""After a run no file and no line of output holds personal data, whatever became of the documents that held it."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pii_items import ITEMS, setting, wide
from runs import dataprep, manifest, write_jsonl, write_pipeline

pytestmark = pytest.mark.usefixtures("own_stages")

FATES = ("kept", "crowded", "short", "duplicate", "quarantined", "quoted", "later")
"""What becomes of a document: see `rows`."""


def canaries(fate: str) -> list[tuple[str, str]]:
    """(entity, value): values of every kind that are in no other document."""
    rng = random.Random(fate)
    return [(entity, make(rng)) for entity, makers in ITEMS.items() for make in makers]


def body(fate: str) -> str:
    """The values in Chinese and English sentences, a third in full-width forms."""
    lines = []
    for n, (entity, value) in enumerate(canaries(fate)):
        shown = wide(value).replace(" ", "\u00a0") if n % 3 == 0 and entity in ("email", "card", "cn_id") else value
        lines.append(f"{'他的是：' if n % 2 else 'It is '}{setting(entity, shown)}{'。' if n % 2 else ' .'}")
    return "\n".join(lines)


def rows() -> list[dict[str, Any]]:
    long = " and a sentence that makes the document long enough to be kept" * 9
    return [
        *({"text": body("kept") + long + str(n), "id": f"kept-{n}", "source": "site"} for n in range(3)),
        {"text": (body("crowded") + "\n") * 9 + long, "id": "crowded"},
        *({"text": setting(*item), "id": f"short-{n}"} for n, item in enumerate(canaries("short"))),
        *({"text": body("duplicate") + long, "id": f"duplicate-{n}"} for n in range(3)),
        {"text": "POISON exit " + body("quarantined") + long, "id": "quarantined"},
        {"text": "POISON raise " + body("quarantined") + long, "id": "raising"},
        {"text": "QUOTE " + body("quoted") + long, "id": "quoted"},
        {"text": body("later") + long * 20, "id": "later"},
        *({"text": f"Nothing personal here, number {n}." + long, "id": f"plain-{n}"} for n in range(20)),
    ]  # fmt: skip


STAGES: list[Any] = [
    "length",
    {"short": {"min_characters": 500}},
    "exact_dedup",  # what is before it lies on disk, raw, until the run ends
    "poison",
    "quoting",
    {"pii": {"max_matches": 40}},
    {"long": {"max_characters": 10000}},
    {"exact_dedup": {"as": "again"}},
]


def squeezed(text: str) -> str:
    """Only letters and digits, in one form: finds a value whatever separates its parts."""
    plain = text.translate({0xFEE0 + c: c for c in range(0x21, 0x7F)})
    return re.sub(r"[^0-9a-z]", "", plain.lower())


def contents(path: Path) -> str:
    """Everything in a file, decoded: tables by their values, JSON without escapes."""
    if path.suffix == ".parquet":
        return "\n".join(str(row) for row in pq.read_table(path).to_pylist()) + str(pq.read_metadata(path).metadata)
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return json.dumps(json.loads(text), ensure_ascii=False)
    if path.suffix == ".jsonl":
        return "\n".join(json.dumps(json.loads(line), ensure_ascii=False) for line in text.splitlines())
    return text


def leaks(text: str) -> list[tuple[str, str, str]]:
    held = squeezed(text)
    return [(fate, entity, value) for fate in FATES for entity, value in canaries(fate) if squeezed(value)[:24] in held]


def test_the_search_finds_what_is_there() -> None:
    for fate in FATES:
        assert len(leaks(body(fate))) == len(canaries(fate)) == sum(map(len, ITEMS.values()))
        assert leaks(json.dumps(json.loads(json.dumps(body(fate))), ensure_ascii=False))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", rows())
    with (tmp_path / "in/a.jsonl").open("a", encoding="utf-8") as file:
        broken = json.dumps({"text": body("kept")}, ensure_ascii=False)
        file.write(f"{broken[:-1]}\n{json.dumps({'text': [body('kept')]})}\n{broken[: len(broken) // 2]}")
    return tmp_path


def test_nothing_is_left_anywhere(corpus: Path) -> None:
    path = write_pipeline(corpus, STAGES, on_error="quarantine")
    done = dataprep("run", path, "--workers", "2")
    out = corpus / "out"
    made = manifest(out)
    dropped = {stage["name"]: stage["dropped"] for stage in made["stages"]}
    assert dropped["jsonl"] == {"invalid_json": 2, "text_not_string": 1}
    assert dropped["quarantine"] == {"crashed": 1, "failed": 2}
    assert dropped["short"]["too_short"] == len(canaries("short"))
    assert (dropped["exact_dedup"], dropped["pii"]) == ({"duplicate": 2}, {"too_many_matches": 1})
    assert dropped["long"] == {"too_long": 1}
    tallies = {row["name"]: row["count"] for stage in made["stages"] for row in stage.get("tallies", [])}
    assert tallies.keys() == ITEMS.keys()
    (kept,) = [pq.read_table(file) for file in out.glob("documents/*.parquet")]
    assert "<EMAIL>" in kept.column("text")[0].as_py()

    files = [file for file in out.rglob("*") if file.is_file()]
    assert {"verdicts", "dropped", "documents", ".dataprep"} <= {file.relative_to(out).parts[0] for file in files}
    for file in files:
        assert not leaks(contents(file)), file
        assert not leaks(file.read_bytes().decode("utf-8", "replace")), file
    said = [done.stdout, done.stderr]
    for command in (["dropped", out], ["manifest", "show", out], ["explain", "crowded", "--run", out], ["plan", path]):
        shown = dataprep(*command)
        said += [shown.stdout, shown.stderr]
    assert len(said[2]) > 1000, "samples were shown"
    assert not leaks("\n".join(said))


@pytest.mark.parametrize("fate", ["quoted", "quarantined"])
def test_a_run_that_fails_names_the_document_and_quotes_nothing(corpus: Path, fate: str) -> None:
    """What it leaves for the next try is another matter: raw text, under `.dataprep`, until a run is finished."""
    stages = [stage for stage in STAGES if stage != {"quoted": "poison", "quarantined": "quoting"}[fate]]
    done = dataprep("run", write_pipeline(corpus, stages), code=1)
    assert f"'{fate}'" in done.stderr or "'raising'" in done.stderr
    assert not leaks(done.stdout + done.stderr)
    left = [file for file in (corpus / "out").rglob("*") if file.is_file() and leaks(contents(file))]
    assert all(".dataprep" in file.parts and file.suffix == ".parquet" for file in left), left
