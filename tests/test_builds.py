"""Builds that read one another, share a name, or are read by no stage: each runs, is kept, and is made once."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from runs import CHAIN, make_plan, records, run_here, tree, write_corpus, write_pipeline

from dataprep import catalog, manifest
from dataprep.errors import UsageError
from dataprep.plan import Plan, from_json, to_json, warnings
from dataprep.resume import Progress
from dataprep.staleness import states
from dataprep.store import Store

pytestmark = pytest.mark.usefixtures("own_stages")
UNREAD: list[Any] = ["length", {"common_lengths": {"judge": False}}]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "in", files=4, rows=60)


def planned(folder: Path, stages: list[Any], task_mib: float = 0.01, **options: Any) -> Plan:
    return make_plan(write_pipeline(folder, stages, task_mib=task_mib), **options)


def lengths(corpus: Path) -> Counter[int]:
    """Length -> documents that reach the first Build."""
    texts = [json.loads(line)["text"] for path in corpus.iterdir() for line in path.read_text("utf-8").splitlines()]
    return Counter(len(text) for text in texts if len(text) >= 2)


def of(value: dict[str, Any], label: str) -> dict[str, Any]:
    (found,) = [build for stage in value["stages"] for build in stage.get("builds", []) if build["name"] == label]
    return dict(found)


def test_each_build_has_its_own_name_files_and_facts(corpus: Path, tmp_path: Path) -> None:
    plan = planned(tmp_path, CHAIN)
    assert [[part.label for part in p.parts] for p in plan.passes] == [
        ["length", "short", "common_lengths"],
        ["common_lengths.shares"],
        ["common_lengths"],
    ]
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan
    made = run_here(plan)
    counts = lengths(corpus)
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]

    first, second = of(made, "common_lengths"), of(made, "common_lengths.shares")
    assert first["facts"] == {
        "lengths": len(counts),
        "most": [{"length": length, "documents": n} for length, n in most],
    }
    assert second["facts"] == {"largest_share": pytest.approx(most[0][1] / counts.total())}
    assert [(b["stage"], b["artefact"].rpartition("-")[0]) for b in (first, second)] == [
        ("length_counts", "artefacts/common_lengths"),
        ("length_shares", "artefacts/common_lengths.shares"),
    ]
    assert [a["path"] for a in made["artefacts"]] == [
        f"{first['artefact']}/counts.parquet",
        f"{second['artefact']}/shares/all.parquet",
    ]
    table = pq.read_table(tmp_path / "out" / first["artefact"] / "counts.parquet").to_pylist()
    assert {row["length"]: row["documents"] for row in table} == counts
    assert manifest.verify(str(tmp_path / "out")) == []


def test_rows_are_accounted_for_under_the_name_of_the_entry(corpus: Path, tmp_path: Path) -> None:
    made = run_here(planned(tmp_path, CHAIN))
    counts = lengths(corpus)
    rare = sum(n for n in counts.values() if n / counts.total() < 0.02)
    assert 0 < rare < counts.total()
    assert [stage["name"] for stage in made["stages"]] == ["jsonl", "length", "short", "common_lengths"]
    entry = made["stages"][-1]
    assert entry["dropped"] == {"rare_length": rare}
    assert (entry["documents_in"], entry["documents_out"]) == (counts.total(), made["documents"])
    for path in (tmp_path / "out/.dataprep/records").glob("documents-*.json"):
        assert json.loads(path.read_text())["ledger"]["stages"].keys() <= {"length", "short", "common_lengths"}


def test_cuts_do_not_change_an_artefact(corpus: Path, tmp_path: Path) -> None:
    found = []
    for task_mib in (32.0, 0.02, 0.004):
        made = run_here(planned(tmp_path, CHAIN, task_mib, output=str(tmp_path / str(task_mib))))
        facts = [of(made, label)["facts"] for label in ("common_lengths", "common_lengths.shares")]
        found.append([*facts, *(artefact["sha256"] for artefact in made["artefacts"])])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("stages", [CHAIN, UNREAD])
def test_every_build_is_made_once(corpus: Path, tmp_path: Path, stages: list[Any], keep: bool) -> None:
    made = run_here(planned(tmp_path, stages), keep=keep)
    want, held = tree(tmp_path / "out"), records(tmp_path / "out")
    plan = planned(tmp_path, stages)
    assert {state.state for state in states(plan, Store(plan.pipeline.output))} == {"cached"}
    assert run_here(plan, keep=keep) == made
    assert (tree(tmp_path / "out"), records(tmp_path / "out")) == (want, held)


def left(plan: Plan) -> list[tuple[str, ...]]:
    """Of each step with something to do, what its first task owes."""
    progress = Progress(plan, Store(plan.pipeline.output), verify=True)
    todo = [(step, progress.left(step)) for step in plan.steps]
    return [(step.kind, *found[0].outputs) for step, found in todo if found]


@pytest.mark.parametrize("label", ["common_lengths", "common_lengths.shares"])
@pytest.mark.parametrize("stages", [CHAIN, UNREAD])
def test_a_lost_artefact_is_made_again_and_nothing_else(
    corpus: Path, tmp_path: Path, stages: list[Any], label: str
) -> None:
    plan, out = planned(tmp_path, stages), tmp_path / "out"
    made = run_here(plan, keep=True)
    want = tree(out)
    shutil.rmtree(out / of(made, label)["artefact"])
    assert left(plan) == [("finish", "artefact")]
    shutil.rmtree(out / ".dataprep/collect")
    shutil.rmtree(out / ".dataprep/combine")
    assert left(plan) == [("pass", f"collect:{label}"), ("combine", "combine"), ("finish", "artefact")]
    run_here(plan)
    assert tree(out) == want


def test_a_build_nobody_reads_survives_the_loss_of_everything_but_the_inputs(corpus: Path, tmp_path: Path) -> None:
    made = run_here(planned(tmp_path, UNREAD))
    assert len(made["artefacts"]) == 2
    assert made["documents"] == made["stages"][0]["documents_out"]
    want = tree(tmp_path / "out")
    shutil.rmtree(tmp_path / "out/.dataprep")
    for path in (tmp_path / "out/artefacts").rglob("*.parquet"):
        path.unlink()
    run_here(planned(tmp_path, UNREAD))
    assert tree(tmp_path / "out") == want


def prints(plan: Plan) -> dict[str, str]:
    return {label: mark.artefact for p in plan.passes for label, mark in p.builds.items()}


def test_what_makes_an_artefact(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Build's artefact depends on the one it reads; documents depend on neither unless a stage reads them."""
    read, unread = planned(tmp_path, CHAIN), planned(tmp_path, UNREAD)
    with monkeypatch.context() as patch:
        patch.setattr(catalog.stage("length_shares"), "version", 2)
        changed = prints(planned(tmp_path, CHAIN))
        assert changed["common_lengths"] == prints(read)["common_lengths"]
        assert changed["common_lengths.shares"] != prints(read)["common_lengths.shares"]
    with monkeypatch.context() as patch:
        patch.setattr(catalog.stage("length_counts"), "version", 2)
        changed = prints(planned(tmp_path, CHAIN))
        assert all(changed[label] != mark for label, mark in prints(read).items())
        assert planned(tmp_path, UNREAD).fingerprint == unread.fingerprint
        assert planned(tmp_path, CHAIN).fingerprint != read.fingerprint


def test_a_changed_build_is_stale_under_its_entry(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run_here(planned(tmp_path, UNREAD), keep=True)
    with monkeypatch.context() as patch:
        patch.setattr(catalog.stage("length_shares"), "version", 2)
        plan = planned(tmp_path, UNREAD)
        shown = [state.state.split(";")[0] for state in states(plan, Store(plan.pipeline.output))]
        assert shown[:3] == ["cached"] * 3
        assert set(shown[3:]) == {"stale: length_shares version 1 -> 2"}
        after = run_here(plan)
    assert after["shards"] == before["shards"]
    assert after["stages"][-1]["fingerprint"] != before["stages"][-1]["fingerprint"]
    assert after["stages"][1]["fingerprint"] == before["stages"][1]["fingerprint"]


def test_twins_under_one_name_are_two_artefacts(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run_here(planned(tmp_path, _composite(tmp_path, monkeypatch, '("", "b")')))
    assert of(made, "twins")["facts"] == of(made, "twins.b")["facts"]
    assert len({artefact["path"] for artefact in made["artefacts"]}) == 2
    assert len({artefact["sha256"] for artefact in made["artefacts"]}) == 1


@pytest.mark.parametrize(
    ("suffixes", "says"),
    [
        ('("", "")', "twins: two Builds have this label; give one part a suffix"),
        ('("a", "a")', "twins.a: two Builds have this label"),
        ('("a", "a.b")', "stage 2 twins: the suffix 'a.b' of length_counts must be letters"),
        ('("a", "../b")', "the suffix '../b' of length_counts must be letters"),
    ],
)
def test_labels_that_collide_are_refused(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffixes: str, says: str
) -> None:
    stages = _composite(tmp_path, monkeypatch, suffixes)
    with pytest.raises(UsageError) as error:
        planned(tmp_path, stages)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def _composite(folder: Path, monkeypatch: pytest.MonkeyPatch, suffixes: str) -> list[Any]:
    """Stages with a Composite of two equal Builds that have these suffixes."""
    text = f'''
    """Two equal Builds."""

    from dataprep.stage import Composite, Part


    class Twins(Composite):
        """Two equal Builds."""

        def expand(self, label):
            return [Part("length_counts", {{}}, suffix) for suffix in {suffixes}]
    '''
    (folder / "stages").mkdir()
    (folder / "stages/twins.py").write_text(textwrap.dedent(text))
    monkeypatch.setenv("DATAPREP_STAGES", f"{Path(__file__).parent / 'stages'}:{folder / 'stages'}")
    monkeypatch.delitem(__import__("sys").modules, "dataprep_stage_twins", raising=False)
    return ["length", "twins"]


def test_a_filter_behind_a_composite_of_several_builds_is_warned_of(corpus: Path, tmp_path: Path) -> None:
    (line,) = warnings(planned(tmp_path, [*CHAIN, {"long": {"max_characters": 100}}]))
    assert line.startswith("long: filters after common_lengths can drop a kept copy")
    assert warnings(planned(tmp_path, CHAIN)) == []
