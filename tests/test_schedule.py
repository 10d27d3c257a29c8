"""What is fused, how inputs are cut into tasks, what makes what stale, and the least that is left to do."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from runs import DEDUP, make_plan, run_here, write_corpus, write_jsonl, write_pipeline

from dataprep import plan as planning
from dataprep.errors import UsageError
from dataprep.plan import Plan, Step
from dataprep.resume import Progress
from dataprep.store import Store

pytestmark = pytest.mark.usefixtures("own_stages")


def planned(folder: Path, stages: list[Any], **given: Any) -> Plan:
    if not (folder / "in").exists():
        write_corpus(folder / "in", files=3, rows=20)
    return make_plan(write_pipeline(folder, stages, **given))


def labels(plan: Plan) -> list[list[str]]:
    return [[part.label for part in p.parts] for p in plan.passes]


# ---------------------------------------------------------------- passes


@pytest.mark.parametrize(
    ("stages", "passes", "steps"),
    [
        ([], [[]], ["pass"]),
        (["length", {"short": {"min_characters": 1}}], [["length", "short"]], ["pass"]),
        (
            ["length", "exact_dedup", {"short": {"min_characters": 1}}],
            [["length", "exact_dedup"], ["exact_dedup.clusters", "exact_dedup", "short"]],
            ["pass", "combine", "finish"] * 2,
        ),
        (
            ["exact_dedup", {"exact_dedup": {"as": "again"}}],
            [["exact_dedup"], ["exact_dedup.clusters", "exact_dedup", "again"], ["again.clusters", "again"]],
            ["pass", "combine", "finish"] * 3,
        ),
        # A Build that nobody reads is no barrier for what comes after it.
        (["exact_duplicates", "length"], [["exact_duplicates", "length"]], ["pass", "combine", "finish"]),
    ],
)
def test_fused_up_to_a_barrier(tmp_path: Path, stages: list[Any], passes: list[list[str]], steps: list[str]) -> None:
    plan = planned(tmp_path, stages)
    assert labels(plan) == passes
    assert [step.kind for step in plan.steps] == steps


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ([{"short": {"min_characters": 1}}], "short: needs column 'length'"),
        ([{"duplicate": {"of": "exact_dedup"}}], "duplicate: no earlier stage builds 'exact_dedup'"),
        ([{"duplicate": {"of": "exact_dedup"}}, "exact_dedup"], "no earlier stage builds 'exact_dedup'"),
    ],
)
def test_pipelines_that_can_not_work(tmp_path: Path, stages: list[Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        planned(tmp_path, stages)


def test_columns_follow_the_stages(tmp_path: Path) -> None:
    plan = planned(tmp_path, DEDUP)
    assert "length" not in plan.source_columns.names
    assert all("length" in p.columns.names for p in plan.passes)
    names = ["_place", "id", "source", "stage", "reason", "_bytes", "length"]
    assert planning.verdict_columns(plan, plan.passes[0]).names == names
    assert planning.verdict_columns(plan, plan.passes[1]).names == names[:-1]


def test_a_worker_rebuilds_the_same_plan(tmp_path: Path) -> None:
    plan = planned(tmp_path, DEDUP, task_mib=0.004, on_error="quarantine", max_batch_seconds=5)
    saved = json.loads(json.dumps(planning.to_json(plan)))
    assert planning.from_json(saved) == plan


# ---------------------------------------------------------------- cuts of the input


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.floats(0.0002, 0.01), st.booleans())
@example(lines=[1, 11], task_mib=0.0002, limited=False)  # a small file and the first part of one whose last is small
def test_tasks_cover_the_inputs_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], task_mib: float, limited: bool
) -> None:
    folder = tmp_path_factory.mktemp("cuts")
    (folder / "in").mkdir()
    for n, count in enumerate(lines):
        write_jsonl(folder / f"in/{n}.jsonl", [{"text": f"line {i}"} for i in range(count)])
    plan = make_plan(write_pipeline(folder, [], task_mib=task_mib), limit=5 if limited else None)
    reads = [read for task in plan.reads for read in task]
    assert reads == sorted(reads)
    for number, ranges in itertools.groupby(reads, key=lambda read: read[0]):
        cuts = [(start, end) for _, start, end in ranges]
        assert cuts[0][0] == 0
        assert cuts[-1][1] == plan.inputs[number].bytes
        assert all(a[1] == b[0] for a, b in itertools.pairwise(cuts))
    assert {read[0] for read in reads} == set(range(len(lines)))
    target = task_mib * (1 << 20)
    if limited:
        assert len(plan.reads) == 1
    else:
        weights = [sum(end - start for _, start, end in task) for task in plan.reads]
        assert all(weight <= target for weight in weights), "no task reads more than was asked"


# ---------------------------------------------------------------- fingerprints

BASE: list[Any] = ["length", {"short": {"min_characters": 3}}, "exact_dedup", {"long": {"max_characters": 9}}]


def prints(plan: Plan) -> tuple[str, ...]:
    """Of the documents of each pass, then of each Build's rows of a task and of its artefact."""
    builds = [mark for p in plan.passes for prints in p.builds.values() for mark in prints]
    return (*(p.fingerprint for p in plan.passes), *builds)


NOTHING: tuple[bool, ...] = (False,) * 6
EVERYTHING: tuple[bool, ...] = (True,) * 6
LAST_DOCUMENTS: tuple[bool, ...] = (False, True, False, False, False, False)


@pytest.mark.parametrize(
    ("stages", "changed"),
    [
        (BASE, NOTHING),
        ([*BASE[:3], {"long": {"max_characters": 8}}], LAST_DOCUMENTS),
        ([BASE[0], {"short": {"min_characters": 4}}, *BASE[2:]], EVERYTHING),
        ([*BASE, {"slow": {"batch_seconds": 0}}], LAST_DOCUMENTS),
        ([{"slow": {"batch_seconds": 0}}, *BASE], EVERYTHING),
        # A Build rides on documents and does not make them.
        (["length", BASE[1], {"exact_dedup": {"as": "d"}}, BASE[3]], (False, True, True, True, True, True)),
    ],
)
def test_what_a_stage_makes_stale(tmp_path: Path, stages: list[Any], changed: tuple[bool, ...]) -> None:
    before, after = prints(planned(tmp_path, BASE)), prints(planned(tmp_path, stages))
    assert tuple(a != b for a, b in zip(before, after, strict=True)) == changed


@pytest.mark.parametrize(
    ("settings_given", "changed"),
    [
        ({"on_error": "quarantine"}, NOTHING),
        ({"max_batch_seconds": 1}, NOTHING),
        ({"output": "elsewhere"}, NOTHING),
        ({"name": "other"}, EVERYTHING),  # it is the `source` of the documents
    ],
)
def test_what_a_setting_makes_stale(tmp_path: Path, settings_given: dict[str, Any], changed: tuple[bool, ...]) -> None:
    given_output = {"output": str(tmp_path / "x")} if "output" in settings_given else settings_given
    before, after = prints(planned(tmp_path, BASE)), prints(planned(tmp_path, BASE, **given_output))
    assert tuple(a != b for a, b in zip(before, after, strict=True)) == changed


# ---------------------------------------------------------------- what is left


def left(plan: Plan) -> dict[str, list[tuple[str, ...]]]:
    """Outputs owed by the tasks of each step."""
    progress = Progress(plan, Store(plan.pipeline.output), verify=True)
    found = {}
    for step in plan.steps:
        todo = progress.left(step)
        found[f"{step.kind} {step.number}"] = [t.outputs for t in todo or ()]
    return found


@pytest.mark.parametrize(
    ("gone", "owed"),
    [
        ([], {}),
        (["documents"], {"pass 1": ["documents"]}),
        # What only led up to something that is there is not missed.
        ([".dataprep/shards", ".dataprep/collect", ".dataprep/combine"], {}),
        (["artefacts"], {f"finish {n}": ["artefact"] for n in (0, 1)}),
        (
            ["artefacts", ".dataprep/combine"],
            {
                f"{step} {n}": [output]
                for n in (0, 1)
                for step, output in (("combine", "combine"), ("finish", "artefact"))
            },
        ),
        (
            ["artefacts", ".dataprep/combine", ".dataprep/collect"],
            {
                "pass 0": ["collect:exact_dedup"],
                "combine 0": ["combine"],
                "finish 0": ["artefact"],
                "pass 1": ["collect:exact_dedup.clusters"],
                "combine 1": ["combine"],
                "finish 1": ["artefact"],
            },
        ),
        (["documents", ".dataprep/shards"], {"pass 0": ["documents"], "pass 1": ["documents"]}),
    ],
)
def test_the_least_that_is_left(tmp_path: Path, gone: list[str], owed: dict[str, list[str]]) -> None:
    plan = planned(tmp_path, DEDUP)
    assert [step.kind for step in plan.steps] == ["pass", "combine", "finish"] * 2
    run_here(plan, keep=True)
    for folder in gone:
        shutil.rmtree(tmp_path / "out" / folder)
    assert {step: list(outputs[0]) for step, outputs in left(plan).items() if outputs} == owed


def test_a_first_run_knows_only_what_it_can(tmp_path: Path) -> None:
    plan = planned(tmp_path, DEDUP)
    progress = Progress(plan, Store(plan.pipeline.output))
    assert progress.left(Step("pass", 0)) is not None
    assert progress.left(Step("pass", 1)) is None, "tasks behind a barrier follow from the sizes before it"


def test_shards_regroup_after_a_barrier(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=6, rows=60)
    plan = planned(tmp_path, DEDUP, task_mib=0.01)
    run_here(plan, keep=True)
    progress = Progress(plan, Store(plan.pipeline.output))
    before, after = progress.pass_tasks(0), progress.pass_tasks(1)
    assert before is not None
    assert after is not None
    assert 1 < len(after) < len(before) / 2
    assert [shard for task in after for shard in task["shards"]] == [task["documents"] for task in before]
    records = [progress.record(task["name"]) for task in before]
    size = {task["documents"]: record["bytes"] for task, record in zip(before, records, strict=True) if record}
    for task in after:
        assert sum(size[shard] for shard in task["shards"]) <= plan.group_bytes or len(task["shards"]) == 1
