"""A manifest says what is beside it, what differs from another one, and where each document came from and is now."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from runs import run_here, write_jsonl

from dataprep import lookup, manifest
from dataprep import plan as planning
from dataprep.comparison import compare
from dataprep.errors import InputError, UsageError
from dataprep.lookup import Found, Run
from dataprep.pipeline import load
from dataprep.schema import ID, PLACE
from dataprep.store import Store

SENTENCE = "The people of town {} walk to the river with bread, and there they have a talk about the weather. "


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"id": f"page-{n:03d}", "text": SENTENCE.format(n) * (n % 7)} for n in range(60)]
    rows[41] = {"id": "page-005", "text": "The other document of this name is longer, and that of these is a pity."}
    rows[17] = {"text": rows[3]["text"]}
    return rows


PIPELINE = """
name: towns
source: {jsonl: IN}
output: OUT
stages:
  - gopher_quality: {min_words: 15, max_words: 80, zh: {min_words: 5}}
  - exact_dedup
  - fineweb_quality: {max_duplicate_line_char_ratio: 0.5, min_punctuated_line_ratio: 0.2}
"""


def make(folder: Path, *overrides: str) -> Path:
    """A run of a corpus of two files; gives its output folder."""
    rows = _rows()
    (folder / "in").mkdir(parents=True)
    write_jsonl(folder / "in/a.jsonl", rows[:25])
    write_jsonl(folder / "in/b.jsonl", rows[25:])
    yaml = folder / "towns.yaml"
    yaml.write_text(PIPELINE.replace("IN", str(folder / "in")).replace("OUT", str(folder / "out")))
    run_here(planning.make(load(yaml, overrides=overrides)))
    return folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("towns"))


@pytest.fixture(scope="module")
def run(out: Path) -> Run:
    return lookup.open_run(str(out))


@pytest.fixture
def other(out: Path, tmp_path: Path) -> Path:
    """A copy of the run to damage."""
    return Path(shutil.copytree(out, tmp_path / "copy"))


# ---------------------------------------------------------------- verify


def test_a_fresh_run_holds(out: Path) -> None:
    assert manifest.verify(str(out)) == []


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_flip, "sha256 differs"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, not"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.with_name("more.parquet").write_bytes(b""), "is not listed"),
    ],
)
def test_damage_is_found(other: Path, damage: Callable[[Path], Any], what: str) -> None:
    damage(next((other / "documents").glob("*.parquet")))
    (problem,) = manifest.verify(str(other))
    assert problem.startswith("documents/")
    assert what in problem


def test_every_problem_is_told(other: Path) -> None:
    for path in [*(other / "documents").iterdir(), *(other / "artefacts").rglob("*.parquet")]:
        path.unlink()
    made = manifest.read(str(other))
    assert len(manifest.verify(str(other))) == len(made["shards"]) + len(made["artefacts"]) >= 2


@pytest.mark.parametrize("text", [None, "{", "[]", '{"version": 0}', '{"version": 1}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json: "):
        manifest.read(str(tmp_path))


# ---------------------------------------------------------------- compare


def test_equal_runs_have_equal_manifests(out: Path, tmp_path: Path) -> None:
    again = make(tmp_path)
    assert (again / "manifest.json").read_bytes() == (out / "manifest.json").read_bytes()
    assert compare(manifest.read(str(out)), manifest.read(str(again))) == {}


def test_a_setting_and_what_follows_from_it(out: Path, tmp_path: Path) -> None:
    old, new = manifest.read(str(out)), manifest.read(str(make(tmp_path, "gopher_quality.min_words=30")))
    found = compare(old, new)
    assert found["settings"] == ["gopher_quality.min_words: 15 -> 30"]
    assert found["stages"][0].startswith("gopher_quality: out ")
    assert {"shards", "languages", "sources"} <= found.keys()
    assert "inputs" not in found
    assert "versions" not in found
    assert compare(new, old).keys() == found.keys()


def _change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(made: dict[str, Any]) -> None:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        held: Any = made
        for key in parents:
            held = held[key]
        held[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "section", "line"),
    [
        (_change("inputs/0/sha256", "0"), "inputs", "a.jsonl: changed"),
        (_change("inputs/0/path", "c.jsonl"), "inputs", "a.jsonl: gone"),
        (_change("packages/pyarrow", "0.1"), "packages", "-> 0.1"),
        (_change("models/m", "abc"), "models", "m: none -> abc"),
        (_change("parents", [{"name": "up", "fingerprint": "f"}]), "parents", "up: none -> f"),
        (_change("pipeline/source", {"parquet": {"name": "towns"}}), "settings", "source: jsonl -> parquet"),
        (_change("pipeline/limit", 5), "settings", "limit: none -> 5"),
        (_change("stages/1/fingerprint", "0"), "versions", "gopher_quality: another version of the stage"),
        (_change("stages/1/dropped/too_few_words", 1), "stages", "too_few_words"),
        (_change("languages/und/documents", 1), "languages", "-> 1 documents"),
        (_change("shards/0/sha256", "0"), "shards", "are the same"),
        (_change("stages/2/builds/0/facts/duplicates", 9), "artefacts", "exact_dedup duplicates: 1 -> 9"),
        (_change("artefacts/0/sha256", "0"), "artefacts", "exact_dedup/duplicates.parquet: sha256 "),
        (_change("fingerprint", "0"), "manifests", "differ"),
    ],
)
def test_every_kind_of_difference_is_told(
    out: Path, change: Callable[[dict[str, Any]], None], section: str, line: str
) -> None:
    old = manifest.read(str(out))
    new = copy.deepcopy(old)
    change(new)
    found = compare(old, new)
    assert any(line in told for told in found[section]), found
    assert set(found) == {section}


# ---------------------------------------------------------------- lookup


def _everything(run: Run) -> list[Found]:
    names = [json.loads(line).get("id") for file in ("a", "b") for line in _lines(run, file)]
    found = [found for name in sorted({name for name in names if name}) for found in lookup.find(run, name)]
    return found + lookup.find(run, _nameless(run))


def _nameless(run: Run) -> str:
    """The id that the engine gave to the document that has none, the 18th of its file."""
    return f"towns/a.jsonl#{sum(map(len, _lines(run, 'a')[:17]))}"


def _lines(run: Run, file: str) -> list[str]:
    return Path(run.root).parent.joinpath(f"in/{file}.jsonl").read_text().splitlines(keepends=True)


def test_every_document_is_found_where_it_came_from_and_where_it_is(run: Run) -> None:
    found = _everything(run)
    assert len(found) == 60
    seen = dict.fromkeys(("kept", "dropped"), 0)
    for document in found:
        raw = Path(run.root).parent.joinpath("in", document.input).read_bytes()[document.offset :]
        line = json.loads(raw.splitlines()[0])
        assert line.get("id", _nameless(run)) == document.id
        seen[document.verdict] += 1
        if document.verdict == "kept":
            shard = pq.read_table(f"{run.root}/{document.shard}")
            assert shard.column("text")[document.row].as_py() == line["text"]
            assert all(judged.verdict == "kept" for judged in document.stages)
    assert min(seen.values()) > 10


def test_the_first_bound_missed_is_the_verdict(run: Run) -> None:
    """The bounds shown are those of the run: they explain every verdict and no kept document misses one."""
    reasons = set()
    for document in _everything(run):
        for judged in document.stages:
            missed = [score.reason for score in judged.scores if score.missed]
            if judged.reason != "duplicate":
                assert judged.reason == (missed[0] if missed else None)
            reasons.add(judged.reason)
            for score in judged.scores:
                if score.min is not None and score.value is not None:
                    assert score.missed == (score.value < score.min)
                if score.max is not None and score.value is not None:
                    assert score.missed == (score.value > score.max)
    assert {"too_few_words", "too_many_words", "duplicate", None} <= reasons


def test_counts_of_what_is_found_are_those_of_the_manifest(run: Run) -> None:
    found = _everything(run)
    for stage in run.manifest["stages"][1:]:
        told: dict[str, int] = {}
        for document in found:
            if document.stage == stage["name"]:
                told[str(document.reason)] = told.get(str(document.reason), 0) + 1
        assert told == stage["dropped"]
    assert sum(document.verdict == "kept" for document in found) == run.manifest["documents"]


def test_stages_after_the_verdict_are_not_reached(run: Run) -> None:
    (document,) = lookup.find(run, "page-007")
    assert [(judged.stage, judged.verdict) for judged in document.stages] == [
        ("gopher_quality", "dropped"),
        ("exact_dedup", "not reached"),
        ("fineweb_quality", "not reached"),
    ]


def test_a_duplicate_names_the_copy_that_was_kept(run: Run) -> None:
    (document,) = lookup.find(run, _nameless(run))
    assert (document.stage, document.reason) == ("exact_dedup", "duplicate")
    assert document.copy_of == ("page-003", "a.jsonl", sum(map(len, _lines(run, "a")[:3])), None)


def test_an_id_that_occurs_twice_shows_both_in_order(run: Run) -> None:
    first, second = lookup.find(run, "page-005")
    assert (first.input, second.input) == ("a.jsonl", "b.jsonl")
    assert (first.reason, second.verdict) == ("too_many_words", "kept")


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("page-0055", "page-005"),
        ("pge-031", "page-031"),
        ("PAGE-012", "page-012"),
        ("towns/a.jsonl#1", "towns/a.jsonl#"),
    ],
)
def test_an_unknown_id_suggests_a_near_one(run: Run, wanted: str, near: str) -> None:
    with pytest.raises(InputError, match=f"did you mean .*{near}") as error:
        lookup.find(run, wanted)
    assert "\n" not in str(error.value)


def test_verdicts_of_a_run_that_was_not_finished_are_not_mixed_with_older_ones(other: Path, out: Path) -> None:
    made = planning.make(load(out.parent / "towns.yaml", overrides=("gopher_quality.min_words=30",)))
    Store(str(other)).publish_json(planning.PLAN, planning.to_json(made))
    with pytest.raises(InputError, match="has not finished"):
        lookup.find(lookup.open_run(str(other)), "page-005")


def test_a_run_is_read_from_its_manifest_alone(other: Path) -> None:
    """What a user would copy: the corpus, its manifest and verdicts, without the run's own notes or the inputs."""
    shutil.rmtree(other / ".dataprep")
    (document, *_) = lookup.find(lookup.open_run(str(other)), "page-003")
    assert document.verdict == "kept"
    verdicts = pq.read_table(next((other / "verdicts").glob("0-*")), columns=[PLACE, ID]).to_pylist()
    assert {row[ID] for row in verdicts if row[PLACE] == document.offset} == {"page-003"}


def test_samples_tell_what_was_dropped(run: Run) -> None:
    found = lookup.samples(run)
    dropped = {(s["name"], reason): n for s in run.manifest["stages"][1:] for reason, n in s["dropped"].items()}
    for key, n in dropped.items():
        assert sum((s.stage, s.reason) == key for s in found) == min(n, 10)
    assert {s.language for s in found} == {"und"}


# ---------------------------------------------------------------- folders


def test_a_folder_is_named_in_any_way(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in (str(out), f"{out}/", f"{out}/manifest.json"):
        assert lookup.folder(given) == str(out)
    monkeypatch.chdir(out)
    assert lookup.folder(None) == lookup.folder("manifest.json") == "."


def test_the_default_folder_is_never_a_guess(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no finished run"):
        lookup.folder(None)
    shutil.copytree(out, tmp_path / "out/one")
    assert lookup.folder(None) == "out/one"
    shutil.copytree(out, tmp_path / "out/two")
    with pytest.raises(UsageError, match=r"2 runs; .*out/one, out/two"):
        lookup.folder(None)
