"""Kill it anywhere, start it again: the same bytes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from runs import (
    CHAIN,
    DEDUP,
    alive,
    dataprep,
    error,
    kill,
    killed_everywhere,
    make_plan,
    records,
    run_here,
    start,
    tree,
    until,
    workers_of,
    write_corpus,
    write_jsonl,
    write_pipeline,
)

from dataprep import lease as leases
from dataprep.errors import OutputBusy
from dataprep.store import Store

SLOWLY: list[Any] = [
    *DEDUP[:2],
    {"slow": {"batch_seconds": 0.1}},
    "exact_dedup",
    {"slow": {"batch_seconds": 0.1, "as": "s2"}},
    DEDUP[3],
]
NEAR: list[Any] = [DEDUP[0], {"minhash_dedup": {"verify": True, "keep": "longest"}}, DEDUP[3]]
"""Three barriers: candidates, what is left of them, and the clusters."""
MANY_TASKS = 0.011
"""`task_mib` that makes about four tasks of every input."""


@pytest.fixture(scope="module")
def slow_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A pipeline of many tasks that takes a while, and what it gives when nobody disturbs it."""
    folder = tmp_path_factory.mktemp("slow")
    write_corpus(folder / "in", files=2, rows=70)
    pipeline = write_pipeline(folder, SLOWLY, task_mib=MANY_TASKS)
    dataprep("run", pipeline, "--workers", 2)
    return pipeline, tree(folder / "out")


@pytest.mark.parametrize("stages", [DEDUP, CHAIN, NEAR], ids=["dedup", "chain", "minhash"])
def test_killed_around_every_rename(tmp_path: Path, stages: list[Any]) -> None:
    write_corpus(tmp_path / "in", files=2, rows=60)
    # Each input is a task, so that a kill leaves some done and some not; one of the plans has several of an input.
    pipeline = write_pipeline(tmp_path, stages, task_mib=0.025 if stages == DEDUP else 0.04)
    found = killed_everywhere(pipeline, tmp_path)
    assert found["renames"] > 20
    assert found["killed"] == found["renames"] + 1
    assert found["wrong"] == []


@pytest.mark.usefixtures("own_stages")
def test_parent_killed_after_each_task(tmp_path: Path) -> None:
    """Two tasks of the first pass and one of every step behind it."""
    write_corpus(tmp_path / "in", files=2, rows=70)
    pipeline = write_pipeline(tmp_path, SLOWLY, task_mib=0.045)
    plan = make_plan(pipeline, output=str(tmp_path / "whole"))
    assert len(plan.reads) == 2
    run_here(plan)
    want = tree(tmp_path / "whole")
    out, rounds = tmp_path / "out", 0
    while True:
        before = records(out)
        process = start("run", pipeline, "--output", out, "--workers", 1)
        until(lambda: records(out) - before or process.poll() is not None, "a record or the end")  # noqa: B023
        if process.poll() is not None:
            break
        rounds += 1
        kill(process)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert rounds >= 7
    assert tree(out) == want


@pytest.mark.parametrize("seed", range(4))
def test_parent_killed_at_random_moments(slow_run: tuple[Path, dict[str, str]], tmp_path: Path, seed: int) -> None:
    pipeline, want = slow_run
    out, rng = tmp_path / "out", random.Random(seed)
    for _ in range(2):
        process = start("run", pipeline, "--output", out, "--workers", rng.randint(1, 3))
        try:
            process.wait(rng.uniform(0.2, 2.0))
            break
        except subprocess.TimeoutExpired:
            kill(process)
    dataprep("run", pipeline, "--output", out, "--workers", 2)
    assert tree(out) == want


@pytest.mark.parametrize("seed", range(3))
def test_workers_killed(slow_run: tuple[Path, dict[str, str]], tmp_path: Path, seed: int) -> None:
    pipeline, want = slow_run
    out, rng = tmp_path / "out", random.Random(seed)
    process = start("run", pipeline, "--output", out, "--workers", 2)
    for _ in range(2):
        wait_for = rng.randrange(6)
        until(lambda: len(records(out)) >= wait_for or process.poll() is not None, "records")  # noqa: B023
        workers = until(lambda: workers_of(process) or process.poll() is not None, "workers")
        if workers is True:
            break
        os.kill(rng.choice(workers), signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert tree(out) == want


def test_interrupted_from_the_keyboard(slow_run: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    pipeline, want = slow_run
    out = tmp_path / "out"
    process = start("run", pipeline, "--output", out, "--workers", 2)
    until(lambda: records(out), "a record")
    workers = workers_of(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith("interrupted; finished tasks are kept")
    assert "Traceback" not in err
    assert not any(alive(pid) for pid in workers)
    dataprep("run", pipeline, "--output", out)
    assert tree(out) == want


# ---------------------------------------------------------------- damage to what was written


def damage_nothing_lost(out: Path) -> list[tuple[str, Path]]:
    """One file of every kind that a finished run with --keep holds."""
    kinds = {
        "shard": "documents/*.parquet",
        "verdicts": "verdicts/*.parquet",
        "artefact": "artefacts/*/*",
        "samples": "dropped/*",
        "manifest": "manifest.json",
        "record": ".dataprep/records/documents-*.json",
        "record of a build": ".dataprep/records/collect-*.json",
        "record of an artefact": ".dataprep/records/artefact-*.json",
        "intermediate": ".dataprep/shards/*.parquet",
        "collected": ".dataprep/collect/*.parquet",
        "combined": ".dataprep/combine/*.parquet",
        "plan": ".dataprep/plan.json",
        "checksums of inputs": ".dataprep/inputs.json",
    }
    return [(kind, sorted(out.glob(pattern))[0]) for kind, pattern in kinds.items()]


@pytest.mark.usefixtures("own_stages")
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("stages", [DEDUP, CHAIN], ids=["dedup", "chain"])
def test_damage_is_repaired(tmp_path: Path, stages: list[Any], keep: bool) -> None:
    write_corpus(tmp_path / "in", files=3, rows=60)
    pipeline = write_pipeline(tmp_path, stages, task_mib=0.01)
    whole, out = tmp_path / "whole", tmp_path / "out"
    run_here(make_plan(pipeline, output=str(whole)), keep=True)
    want = tree(whole)
    for kind, path in damage_nothing_lost(whole):
        for how in ("gone", "shorter", "altered"):
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(whole, out)
            victim = out / path.relative_to(whole)
            if how == "gone":
                victim.unlink()
            else:
                alter(victim, how)
            run_here(make_plan(pipeline, output=str(out)), keep=keep)
            assert tree(out) == want, (kind, how)


def alter(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "shorter":
        path.write_bytes(data[: len(data) // 2])
        return
    middle = len(data) // 2
    while chr(data[middle]).isspace():
        middle += 1
    data[middle] = ord("7") if data[middle] != ord("7") else ord("8")
    path.write_bytes(data)


@pytest.mark.usefixtures("own_stages")
def test_without_keep_only_the_corpus_stays(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=3, rows=60)
    out = tmp_path / "out"
    pipeline = write_pipeline(tmp_path, DEDUP, task_mib=0.01)
    run_here(make_plan(pipeline), keep=True)
    held = {path.name for path in (out / ".dataprep").iterdir()}
    run_here(make_plan(pipeline), keep=False)
    assert {path.name for path in (out / ".dataprep").iterdir()} == held - {"shards", "collect", "combine"}
    # A corpus without its run's notes is made again, and nothing else is.
    want = tree(out)
    shutil.rmtree(out / ".dataprep")
    run_here(make_plan(pipeline))
    assert tree(out) == want


# ---------------------------------------------------------------- one writer


def test_second_run_is_refused(slow_run: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    pipeline, want = slow_run
    out = tmp_path / "out"
    first = start("run", pipeline, "--output", out, "--workers", 1)
    until((out / leases.LEASE).exists, "the lease")
    line = error("run", pipeline, "--output", out, code=1)
    assert "another run is writing here" in line
    assert str(first.pid) in line
    assert "--output" in line
    _, err = first.communicate()
    assert first.returncode == 0, err
    assert tree(out) == want
    assert not (out / leases.LEASE).exists()


def test_lost_lease_stops_the_run(slow_run: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    pipeline, _ = slow_run
    out = tmp_path / "out"
    process = start("run", pipeline, "--output", out, "--workers", 1)
    until(lambda: records(out), "a record")
    lease = out / leases.LEASE
    taken = json.loads(lease.read_text()) | {"token": "another"}
    lease.write_text(json.dumps(taken))
    _, err = process.communicate()
    assert process.returncode == 1
    assert "another run took over this output" in err.splitlines()[-1]
    assert not (out / "manifest.json").exists()
    assert json.loads(lease.read_text())["token"] == "another"


def test_lease_is_watched_while_tasks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_S", 0.01)
    store = Store(str(tmp_path))
    with leases.lease(store) as held:
        held.check()
        first = store.read_json(leases.LEASE)["beat"]
        until(lambda: store.read_json(leases.LEASE)["beat"] > first, "a heartbeat")
        # The heart may beat between our reading and writing: take over until it has been noticed.
        until(lambda: taken_over(store, held), "the loss")
        with pytest.raises(OutputBusy, match="took over"):
            held.confirm()


def taken_over(store: Store, held: leases.Lease) -> bool:
    store.publish_json(leases.LEASE, {**store.read_json(leases.LEASE), "token": "another"})
    try:
        held.check()
    except OutputBusy:
        return True
    return False


@pytest.mark.parametrize(
    ("change", "free"),
    [
        ({}, False),
        ({"host": "elsewhere", "pid": 1}, False),
        ({"host": "elsewhere", "beat": 0.0}, True),
        ({"started": 1}, True),
        ({"pid": 2**22 + 1}, True),
    ],
)
def test_who_holds_a_lease(tmp_path: Path, change: dict[str, Any], free: bool) -> None:
    store = Store(str(tmp_path))
    with leases.lease(store):
        held = store.read_json(leases.LEASE)
    store.publish_json(leases.LEASE, held | change)
    if free:
        with leases.lease(store):
            pass
        assert not store.exists(leases.LEASE)
    else:
        with pytest.raises(OutputBusy), leases.lease(store):
            pass


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"text": "a text of some length"}])
    mine = tmp_path / "out/documents/thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    pipeline = write_pipeline(tmp_path, ["length"], source={"jsonl": str(tmp_path / "in.jsonl")})
    assert "no run wrote" in error("run", pipeline, code=1)
    assert mine.read_text() == "years of work"
