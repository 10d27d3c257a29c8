"""Bad input and bad places: one clear line, the right exit code, nothing lost."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import dataprep, error, make_plan, manifest, run_here, tree, write_corpus, write_jsonl, write_pipeline

from dataprep import plan as planning
from dataprep.cli.progress import Progress
from dataprep.errors import RunError
from dataprep.executors import local
from dataprep.resume import read_step, write_step
from dataprep.store import Store

PAGE = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


def run(
    folder: Path, stages: list[Any], *options: object, code: int = 0, **settings: Any
) -> subprocess.CompletedProcess[str]:
    return dataprep("run", write_pipeline(folder, stages, **settings), *options, code=code)


def warc_record(n: int) -> bytes:
    """One gzip member: a page with a few words."""
    text = f"<p>Page {n} has a paragraph with a handful of words.</p>"
    body = f"{PAGE}<html><body><main>{text}</main></body></html>".encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{n:032x}>\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"WARC-Target-URI: https://example.org/{n}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + body + b"\r\n\r\n", mtime=0)


def damaged_line(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return line


def test_truncated_warc_keeps_what_is_whole(tmp_path: Path) -> None:
    records = [warc_record(n) for n in range(10)]
    path = tmp_path / "cut.warc.gz"
    path.write_bytes(b"".join(records)[:-20])
    done = run(tmp_path, ["extract_html"], code=1, source={"warc": str(path)})
    line = damaged_line(done)
    assert "cut.warc.gz: offset " in line
    made = manifest(tmp_path / "out")
    assert made["documents"] == 9
    assert len(made["stages"][0]["damaged"]) == 1
    assert made["stages"][0]["documents_in"] == 9 + sum(made["stages"][0]["dropped"].values())


def test_corrupt_member_costs_itself_alone(tmp_path: Path) -> None:
    records = [bytearray(warc_record(n)) for n in range(10)]
    records[4][40:44] = b"\xff\xff\xff\xff"
    path = tmp_path / "bad.warc.gz"
    path.write_bytes(b"".join(map(bytes, records)))
    done = run(tmp_path, ["extract_html"], code=1, source={"warc": str(path)})
    assert "bad.warc.gz: offset " in damaged_line(done)
    ids = set(pq.read_table(tmp_path / "out/documents").column("url").to_pylist())
    assert ids == {f"https://example.org/{n}" for n in range(10) if n != 4}


def test_truncated_jsonl_gz(tmp_path: Path) -> None:
    lines = b"".join(json.dumps({"id": str(n), "text": os.urandom(300).hex()}).encode() + b"\n" for n in range(200))
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(lines)[:-5000])
    done = run(tmp_path, ["exact_dedup"], code=1, source={"jsonl": str(path)})
    assert "cut.jsonl.gz" in damaged_line(done)
    assert 100 < manifest(tmp_path / "out")["documents"] < 200


def test_bad_lines_are_counted_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(
        b'{"text": "fine"}\n{"text": "\xff\xfe"}\nnot json\n{"text": 3}\n{"other": "x"}\n\n'
        b'{"text": "\xe4\xb8\xad"}\n[1]\n'
    )
    run(tmp_path, [], source={"jsonl": str(path)})
    source = manifest(tmp_path / "out")["stages"][0]
    assert source["documents_out"] == 2
    assert source["documents_in"] == 2 + sum(source["dropped"].values())
    assert {"invalid_utf8", "invalid_json", "text_not_string", "no_text"} <= source["dropped"].keys()


def test_empty_files_and_documents(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/empty.jsonl").touch()
    run(tmp_path, ["empty", "exact_dedup"])
    made = manifest(tmp_path / "out")
    assert (made["documents"], made["shards"]) == (0, [])
    write_jsonl(tmp_path / "in/blank.jsonl", [{"text": ""}, {"text": " \n"}, {"text": "something"}])
    run(tmp_path, ["empty", "exact_dedup"])
    made = manifest(tmp_path / "out")
    assert made["documents"] == 1
    assert made["stages"][1]["dropped"] == {"empty": 2}
    assert dataprep("manifest", "verify", tmp_path / "out").returncode == 0


def test_shard_with_no_rows(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    columns = pa.schema([("id", pa.string()), ("text", pa.string())])
    pq.write_table(columns.empty_table(), tmp_path / "in/a.parquet")
    pq.write_table(pa.table({"id": ["1"], "text": ["one"]}, schema=columns), tmp_path / "in/b.parquet")
    run(tmp_path, ["exact_dedup"], source={"parquet": str(tmp_path / "in")})
    assert manifest(tmp_path / "out")["documents"] == 1
    (tmp_path / "in/c.parquet").write_bytes(b"PAR1 is not enough")
    message = error("run", tmp_path / "pipeline.yaml", code=1)
    assert "c.parquet: not a readable Parquet file" in message


def test_one_document_of_50_mb_and_many_tiny_ones(tmp_path: Path) -> None:
    sentence = "The river that we saw with them had to be the one of the old maps, and it was wide. "
    big = "\n".join(f"{n}: {sentence}" for n in range(50_000_000 // 92))
    rows = [{"id": "big", "text": big}, *({"id": f"t{n}", "text": f"tiny {n}"} for n in range(100_000))]
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", rows)
    run(tmp_path, [{"gopher_quality": {"max_words": None, "min_words": None}}, "gopher_repetition", "exact_dedup"])
    made = manifest(tmp_path / "out")
    assert made["stages"][0]["documents_out"] == 100_001
    for stage in made["stages"][1:]:
        assert stage["documents_in"] == stage["documents_out"] + sum(stage["dropped"].values())
    timings = json.loads((tmp_path / "out/timings.json").read_text())
    assert timings["peak_worker_memory_bytes"] < 1_000_000_000


def test_page_that_hangs_the_extractor(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for n in range(5):
        (tmp_path / f"in/{n}.html").write_text(f"<html><body><p>Page {n} is well-behaved.</p></body></html>")
    # Worse than quadratic in the depth of nesting: minutes for this one.
    (tmp_path / "in/deep.html").write_text("<html><body>" + "<div>" * 100_000 + "deep" + "</div>" * 100_000)
    run(tmp_path, [{"extract_html": {"seconds_per_page": 1}}], source={"html": str(tmp_path / "in")})
    made = manifest(tmp_path / "out")
    assert made["documents"] == 5
    assert made["stages"][1]["dropped"] == {"timeout": 1}


def test_missing_inputs(tmp_path: Path) -> None:
    for path in ("gone.jsonl", "*.jsonl", "empty-folder"):
        (tmp_path / "empty-folder").mkdir(exist_ok=True)
        pipeline = write_pipeline(tmp_path, [], source={"jsonl": str(tmp_path / path)})
        message = error("run", pipeline, code=1)
        assert path in message
        assert "no such file" in message or "a folder without" in message


def test_missing_model(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "x"}])
    pipeline = write_pipeline(tmp_path, ["language"], source={"jsonl": str(tmp_path / "a.jsonl")})
    message = error("run", pipeline, code=1, DATAPREP_HOME=str(tmp_path / "home"))
    assert "dataprep models install lid.176" in message


# ---------------------------------------------------------------- places


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_then_space(tmp_path: Path, small_disk: Path) -> None:
    write_corpus(tmp_path / "in", files=4)
    pipeline = write_pipeline(tmp_path, ["exact_dedup"], task_mib=0.03)
    dataprep("run", pipeline)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((1 << 20) - (120 << 10)))
    message = error("run", pipeline, "--output", small_disk / "out", code=1)
    assert "no space left on the device" in message
    assert "type the same command again" in message
    assert not (small_disk / "out/manifest.json").exists()
    ballast.unlink()
    dataprep("run", pipeline, "--output", small_disk / "out")
    assert tree(small_disk / "out") == tree(tmp_path / "out")


def test_read_only_output(tmp_path: Path, small_disk: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    pipeline = write_pipeline(tmp_path, ["exact_dedup"])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    message = error("run", pipeline, "--output", small_disk / "out", code=1)
    assert str(small_disk / "out") in message
    assert "--output" in message


def test_output_that_is_a_file(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    (tmp_path / "file").write_text("mine")
    pipeline = write_pipeline(tmp_path, [])
    message = error("run", pipeline, "--output", tmp_path / "file", code=1)
    assert str(tmp_path / "file") in message
    assert (tmp_path / "file").read_text() == "mine"


# ---------------------------------------------------------------- plans that can't be used


def test_a_damaged_plan_is_no_plan(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1, rows=20)
    pipeline = write_pipeline(tmp_path, ["empty"])
    dataprep("plan", pipeline, "--write")
    store, path = Store(str(tmp_path / "out")), tmp_path / "out" / planning.PLAN
    raw, good = path.read_bytes(), planning.saved(Store(str(tmp_path / "out")))
    assert good is not None
    made = planning.from_json(good)
    assert made == make_plan(pipeline)
    value = json.loads(raw)
    damaged: list[Any] = [None, 3, [], {}, value | {"version": 2}, value | {"version": "1"}, value | {"more": 1}]
    damaged += [{k: v for k, v in value.items() if k != name} for name in value]
    damaged += [value | {name: [7]} for name in value]
    for held in damaged:
        path.write_text(json.dumps(held))
        assert planning.saved(store) is None, held
    for text in (raw[:-9], b"", b"\xff" + raw):
        path.write_bytes(text)
        assert planning.saved(store) is None
    path.write_text(json.dumps({"version": 2}))
    message = error("task", tmp_path / "out", 1, 0, code=2)
    assert message.endswith(
        "its plan is damaged or of another version of dataprep; `dataprep plan --write` makes it again"
    )
    assert "to run: 1 task" in dataprep("plan", pipeline, "--write").stdout
    assert path.read_bytes() == raw


def test_a_damaged_list_of_tasks_is_none(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1, rows=20)
    made = make_plan(write_pipeline(tmp_path, ["empty"]))
    store, step = Store(str(tmp_path / "out")), made.steps[0]
    write_step(store, step, [])
    assert read_step(store, step) == []
    for held in (None, 3, [], {}, {"tasks": [7]}):
        next((tmp_path / "out/.dataprep/steps").iterdir()).write_text(json.dumps(held))
        assert read_step(store, step) is None


def test_a_worker_that_can_not_rebuild_its_plan_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A list that goes after the plan was made, as a file system that is unmounted does."""
    write_corpus(tmp_path / "in", files=2, rows=20)
    words = tmp_path / "words.txt"
    words.write_text("word1\n")
    settings = {"lists": {"words": str(words)}, "drop_any": ["words"]}
    made = make_plan(write_pipeline(tmp_path, [{"keywords": settings}], task_mib=0.001))
    words.unlink()
    with pytest.raises(RunError, match=r"^pass 1 task 0: .*words\.txt: no such file, .* more tasks?\); finished tasks"):
        local.run(made, workers=1, keep=False, watcher=Progress(len(made.steps)))
    assert "Traceback" not in capfd.readouterr().err
    words.write_text("word1\n")
    assert run_here(made)["documents"] > 0
