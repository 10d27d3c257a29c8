"""The same corpus whatever the number of workers, the size of batches, the order of inputs, the folder or the past."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import (
    DEDUP,
    dataprep,
    make_plan,
    manifest,
    random_rows,
    records,
    run_here,
    start,
    tree,
    write_corpus,
    write_jsonl,
    write_pipeline,
)

from dataprep import reading, shards, worker
from dataprep.resume import step_path

pytestmark = pytest.mark.usefixtures("own_stages")
MANY_TASKS = 0.03
"""`task_mib` that makes one task of an input of 50 documents."""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """`pipeline.yaml` over inputs of one task each."""
    write_corpus(tmp_path / "in", files=4, rows=50)
    return write_pipeline(tmp_path, DEDUP, task_mib=MANY_TASKS)


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    """`pipeline.yaml` over inputs of several tasks each, with several shards and partitions after the barrier."""
    write_corpus(tmp_path / "in", files=4)
    return write_pipeline(tmp_path, DEDUP, task_mib=0.01)


def test_worker_count_and_order_of_inputs(fine: Path, tmp_path: Path) -> None:
    run_here(make_plan(fine))
    want = tree(tmp_path / "out")
    assert len(manifest(tmp_path / "out")["shards"]) > 1
    names = sorted(str(path) for path in (tmp_path / "in").iterdir())
    orders = {
        1: [tmp_path / "in"],
        2: [*reversed(names)],
        3: [names[2], tmp_path / "in" / "part-0[013].jsonl", names[2]],
    }
    for workers, inputs in orders.items():
        out = tmp_path / f"out-{workers}"
        named = [argument for path in inputs for argument in ("--input", path)]
        dataprep("run", fine, "--output", out, "--workers", workers, *named)
        assert tree(out) == want, workers


@pytest.mark.parametrize(("rows", "size"), [(1, 1 << 20), (7, 1 << 20), (64, 900), (100_000, 1 << 30)])
def test_batch_size(fine: Path, tmp_path: Path, rows: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run_here(make_plan(fine))
    want = tree(tmp_path / "out")
    for module in (worker, reading):
        monkeypatch.setattr(module, "BATCH_ROWS", rows)
    monkeypatch.setattr(worker, "BATCH_BYTES", size)
    run_here(make_plan(fine, output=str(tmp_path / "other")))
    assert tree(tmp_path / "other") == want


def test_row_groups_do_not_follow_batches(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "GROUP_ROWS", 50)
    monkeypatch.setattr(shards, "GROUP_BYTES", 5_000)
    trees = []
    for rows in (13, 4096):
        for module in (worker, reading):
            monkeypatch.setattr(module, "BATCH_ROWS", rows)
        out = tmp_path / str(rows)
        run_here(make_plan(corpus, output=str(out)))
        trees.append(tree(out))
        assert pq.read_metadata(next((out / "documents").iterdir())).num_row_groups > 1
    assert trees[0] == trees[1]


def test_cuts_into_tasks_change_shards_but_no_row(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=4)
    found = []
    for task_mib in (32.0, 0.015, 0.004):
        out = tmp_path / str(task_mib)
        made = run_here(make_plan(write_pipeline(tmp_path, DEDUP, output=str(out), task_mib=task_mib)))
        rows = [row for shard in made["shards"] for row in pq.read_table(out / shard["path"]).to_pylist()]
        stages = [{k: v for k, v in stage.items() if k not in ("fingerprint", "builds")} for stage in made["stages"]]
        facts = [build["facts"] for stage in made["stages"] for build in stage.get("builds", [])]
        samples = (out / "dropped/samples.jsonl").read_bytes()
        found.append((len(made["shards"]), rows, stages, facts, samples, made["languages"], made["sources"]))
    assert len({shards for shards, *_ in found}) == 3
    assert [rest for _, *rest in found] == [list(found[0][1:])] * 3


def test_another_folder(corpus: Path, tmp_path: Path) -> None:
    run_here(make_plan(corpus))
    want = tree(tmp_path / "out")
    moved = tmp_path / "elsewhere" / "deeper"
    moved.mkdir(parents=True)
    shutil.move(tmp_path / "in", moved / "in")
    shutil.copytree(tmp_path / "out", moved / "out")
    pipeline = write_pipeline(moved, DEDUP, task_mib=MANY_TASKS)
    # The run that was moved with its inputs is cached ...
    assert "stale" not in dataprep("plan", pipeline).stdout
    assert "to run" not in dataprep("plan", pipeline).stdout
    run_here(make_plan(pipeline))
    assert tree(moved / "out") == want
    # ... and one made there is the same.
    run_here(make_plan(pipeline, output=str(moved / "fresh")))
    assert tree(moved / "fresh") == want


# ---------------------------------------------------------------- change something and run again


def states(pipeline: Path, *arguments: object) -> list[dict[str, Any]]:
    found = json.loads(dataprep("plan", pipeline, "--json", *arguments).stdout)
    assert isinstance(found, list)
    return found


def test_a_threshold(tmp_path: Path) -> None:
    stages: list[Any] = [
        {"gopher_quality": {"min_words": 50, "min_stop_words": 0, "min_mean_word_length": 1}},
        "exact_dedup",
        "length",
        {"long": {"max_characters": 5000}},
    ]
    write_corpus(tmp_path / "in", files=4)
    pipeline = write_pipeline(tmp_path, stages, task_mib=MANY_TASKS)
    dataprep("run", pipeline, "--keep")
    assert {s["state"] for s in states(pipeline)} == {"cached"}

    later = ("--set", "long.max_characters=1500")
    assert [s["state"].split(";")[0] for s in states(pipeline, *later)] == [
        "cached",
        "cached",
        "cached",
        "stale: long.max_characters 5000 -> 1500",
        "cached",
        "cached",
    ]
    first = records(tmp_path / "out")
    out = dataprep("run", pipeline, "--keep", *later).stderr
    assert out.count("cached") >= 3
    again = records(tmp_path / "out")
    assert len(first - again) == len(again - first) == len(manifest(tmp_path / "out")["shards"])
    dataprep("run", pipeline, "--output", tmp_path / "fresh", *later)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")

    earlier = ("--set", "gopher_quality.min_words=80", *later)
    shown = dataprep("plan", pipeline, *earlier).stdout
    assert "stale: gopher_quality.min_words 50 -> 80" in shown
    dataprep("run", pipeline, "--keep", *earlier)
    dataprep("run", pipeline, "--output", tmp_path / "fresh2", *earlier)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh2")


def add_input(folder: Path) -> str:
    write_jsonl(folder / "part-99.jsonl", random_rows(random.Random(5), 30))
    return "input part-99.jsonl is new"


def add_input_in_front(folder: Path) -> str:
    write_jsonl(folder / "a.jsonl", random_rows(random.Random(5), 30))
    return "input a.jsonl is new"


def remove_input(folder: Path) -> str:
    (folder / "part-01.jsonl").unlink()
    return "input part-01.jsonl is gone"


def change_input(folder: Path) -> str:
    write_jsonl(folder / "part-02.jsonl", random_rows(random.Random(6), 50))
    return "input part-02.jsonl has changed"


def grow_first_input(folder: Path) -> str:
    write_jsonl(folder / "part-00.jsonl", random_rows(random.Random(6), 700))
    return "input part-00.jsonl has changed"


def empty_first_input(folder: Path) -> str:
    write_jsonl(folder / "part-00.jsonl", [])
    return "input part-00.jsonl has changed"


@pytest.mark.parametrize(
    ("change", "rerun"),
    [(add_input, 1), (add_input_in_front, 5), (remove_input, 2), (change_input, 1), (grow_first_input, None),
     (empty_first_input, None)],
)  # fmt: skip
@pytest.mark.parametrize("keep", [True, False])
def test_an_input(corpus: Path, tmp_path: Path, change: Callable[[Path], str], rerun: int | None, keep: bool) -> None:
    run_here(make_plan(corpus), keep=keep)
    held = records(tmp_path / "out")
    why = change(tmp_path / "in")
    assert f"stale: {why}" in dataprep("plan", corpus).stdout
    run_here(make_plan(corpus), keep=keep)
    if keep and rerun is not None:
        made = {name for name in records(tmp_path / "out") - held if name.startswith("collect-")}
        assert len(made) == rerun + 1, "behind the barrier a task collects clusters anew, of another list"
    run_here(make_plan(corpus, output=str(tmp_path / "fresh")))
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_limit(corpus: Path, tmp_path: Path) -> None:
    whole = run_here(make_plan(corpus))
    run_here(make_plan(corpus, output=str(tmp_path / "few"), limit=150))
    few = manifest(tmp_path / "few")
    assert few["stages"][0]["documents_out"] == 150
    assert few["fingerprint"] != whole["fingerprint"]
    places = [row["_place"] for row in verdicts(tmp_path / "few", 0)]
    assert places == [row["_place"] for row in verdicts(tmp_path / "out", 0)][:150]


def test_versions(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer stage, package or source makes stale what depends on it, and nothing before it."""
    from dataprep import catalog
    from dataprep.staleness import states as states_of
    from dataprep.store import Store

    run_here(make_plan(corpus), keep=True)

    def now() -> list[str]:
        plan = make_plan(corpus)
        return [state.state.split(";")[0] for state in states_of(plan, Store(plan.pipeline.output))]

    assert now() == ["cached"] * 6
    with monkeypatch.context() as patch:
        patch.setattr(catalog.stage("long"), "version", 2)
        assert now() == [*["cached"] * 3, "stale: long version 1 -> 2", *["cached"] * 2]
    with monkeypatch.context() as patch:
        patch.setattr(catalog.stage("short"), "version", 2)
        assert now()[0] == "stale: short version 1 -> 2"
    with monkeypatch.context() as patch:
        patch.setattr(catalog.source("jsonl"), "version", 2)
        assert now()[0] == "stale: jsonl version 1 -> 2"
    with monkeypatch.context() as patch:
        patch.setattr(catalog.stage("length"), "packages", ("pyyaml",))
        assert now()[0].startswith("stale: pyyaml None -> ")
    assert now() == ["cached"] * 6


# ---------------------------------------------------------------- by hand


def test_tasks_by_hand(corpus: Path, tmp_path: Path) -> None:
    dataprep("run", corpus, "--output", tmp_path / "run")
    out, rng = tmp_path / "out", random.Random(3)
    for number, step in enumerate(make_plan(corpus).steps, 1):
        dataprep("plan", corpus, "--write")
        tasks = list(range(len(json.loads((out / step_path(step)).read_text())["tasks"])))
        assert tasks
        rng.shuffle(tasks)
        while tasks:
            pair = [start("task", out, number, tasks.pop()) for _ in range(min(2, len(tasks)))]
            for process in pair:
                printed, err = process.communicate()
                assert process.returncode == 0, err
                assert all(f"{name}.json" in records(out) for name in json.loads(printed))
    done = dataprep("run", corpus)
    assert done.stderr.count("cached") == 6
    assert tree(out) == tree(tmp_path / "run")


# ---------------------------------------------------------------- accounts


def verdicts(out: Path, number: int) -> list[dict[str, Any]]:
    files = sorted((out / "verdicts").glob(f"{number}-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 30),
    sizes=st.lists(st.integers(0, 90), min_size=1, max_size=5),
    shortest=st.sampled_from([0, 1, 12, 10_000]),
    task_mib=st.sampled_from([0.002, 0.02, 32.0]),
)
def test_every_row_is_accounted_for(
    tmp_path: Path, seed: int, sizes: list[int], shortest: int, task_mib: float
) -> None:
    folder = tmp_path / f"{seed}-{len(list(tmp_path.iterdir()))}"
    (folder / "in").mkdir(parents=True)
    rng = random.Random(seed)
    given = []
    for n, size in enumerate(sizes):
        rows = random_rows(rng, size)
        given += rows
        write_jsonl(folder / "in" / f"{n}.jsonl", rows)
    stages: list[Any] = [
        "length",
        {"short": {"min_characters": shortest}},
        "exact_dedup",
        {"long": {"max_characters": 700}},
    ]
    out = folder / "out"
    made = run_here(make_plan(write_pipeline(folder, stages, task_mib=task_mib)))

    source, *entries = made["stages"]
    assert source["documents_in"] == source["documents_out"] + sum(source["dropped"].values())
    assert source["documents_out"] == len(given)
    flow = source["documents_out"]
    for entry in entries:
        assert entry["documents_in"] == flow
        flow = entry["documents_out"]
        assert entry["documents_in"] == flow + sum(entry["dropped"].values())
        for split in (entry["dropped_by_language"], entry["dropped_by_source"]):
            assert sum(n for counts in split.values() for n in counts.values()) == sum(entry["dropped"].values())
    assert flow == made["documents"] == sum(shard["rows"] for shard in made["shards"])
    assert sum(v["documents"] for v in made["sources"].values()) == flow

    judged = [verdicts(out, 0), verdicts(out, 1)]
    assert len(judged[0]) == len(given)
    for rows in judged:
        places = [row["_place"] for row in rows]
        assert places == sorted(set(places))
        assert all((row["stage"] is None) == (row["reason"] is None) for row in rows)
    passed = [row["_place"] for row in judged[0] if row["stage"] is None]
    assert passed == [row["_place"] for row in judged[1]]
    dropped = [row for rows in judged for row in rows if row["stage"] is not None]
    counted: dict[tuple[str, str], int] = {}
    for row in dropped:
        counted[row["stage"], row["reason"]] = counted.get((row["stage"], row["reason"]), 0) + 1
    assert counted == {(e["name"], reason): n for e in entries for reason, n in e["dropped"].items()}

    kept = [row["text"] for shard in made["shards"] for row in pq.read_table(out / shard["path"]).to_pylist()]
    texts = [row["text"] for row in given if len(row["text"]) >= shortest]
    first = [t for i, t in enumerate(texts) if not t or t not in texts[:i]]
    assert kept == [t for t in first if len(t) <= 700]
