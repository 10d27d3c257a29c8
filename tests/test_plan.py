"""What a plan refuses, what its fingerprints cover, and the accounts of stages on both sides of a barrier."""

from __future__ import annotations

import gzip
import json
import sys
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import make_plan, run_here, tree, write_corpus, write_pipeline

from dataprep.errors import UsageError
from dataprep.plan import from_json, notes, package_version, to_json, warnings

QUIET = '''
"""Keep short documents."""

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.stage import Filter


class Quiet(Filter):
    """Keep short documents."""

    def defects(self):
        return ("long",)

    def reasons(self, docs):
        return pc.if_else(pc.greater(pc.utf8_length(docs["text"]), 30), "long", pa.scalar(None, pa.string()))
'''

SPANNING = '''
"""Drop on both sides of a barrier."""

from dataprep.stage import Composite, Part


class Spanning(Composite):
    """Drop on both sides of a barrier."""

    def expand(self, label):
        return [Part("empty", {}), Part("exact_duplicates", {}), Part("duplicate", {"of": label})]
'''


@pytest.mark.parametrize("label", ["../up", "a/b", "a.b", "a b", "", "quarantine"])
def test_labels_that_could_leave_the_output_are_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(UsageError, match="can't be a name; use letters"):
        make_plan(write_pipeline(tmp_path, [{"exact_dedup": {"as": label}}]))


def test_labels_may_be_chinese(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    made = run_here(
        make_plan(write_pipeline(tmp_path, [{"exact_dedup": {"as": "去重"}}, {"exact_dedup": {"as": "再"}}]))
    )
    assert [stage["name"] for stage in made["stages"][1:]] == ["去重", "再"]
    assert made["stages"][1]["dropped"]["duplicate"] > 0
    assert made["stages"][2]["dropped"] == {}


def _move_below_output(folder: Path) -> dict[str, Any]:
    return {"source": {"jsonl": str(folder / "out/documents")}}


def _link_into_output(folder: Path) -> dict[str, Any]:
    (folder / "link").symlink_to(folder / "out")
    return {"source": {"jsonl": str(folder / "link/documents/part-00.jsonl")}}


def _output_inside_input(folder: Path) -> dict[str, Any]:
    return {"source": {"jsonl": str(folder)}}


@pytest.mark.parametrize("where", [_move_below_output, _link_into_output, _output_inside_input])
def test_a_run_never_replaces_its_own_input(tmp_path: Path, where: Callable[[Path], dict[str, Any]]) -> None:
    write_corpus(tmp_path / "out/documents", files=1)
    with pytest.raises(UsageError, match="would replace its own input; choose another place with --output"):
        make_plan(write_pipeline(tmp_path, [], **where(tmp_path)))


def test_an_output_in_the_input_folder_is_refused_the_first_time(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    path = write_pipeline(tmp_path, [], output=str(tmp_path / "in/out"))
    with pytest.raises(UsageError, match=r"in/out: lies in the input folder .*/in, .* choose another place"):
        make_plan(path)
    make_plan(write_pipeline(tmp_path, [], output=str(tmp_path / "in/.out")))  # hidden files are no input
    make_plan(write_pipeline(tmp_path, [], output=str(tmp_path / "in-out")))


def test_pages_that_nobody_extracts_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>One.")
    settings = {"source": {"html": str(tmp_path / "page.html")}}
    assert "put extract_html first" in warnings(make_plan(write_pipeline(tmp_path, ["empty"], **settings)))[0]
    assert warnings(make_plan(write_pipeline(tmp_path, ["extract_html"], **settings))) == []


def test_bounds_for_a_language_that_no_document_has_are_warned_of(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    bounds = {"gopher_quality": {"zh": {"min_words": 20}}}
    (told,) = warnings(make_plan(write_pipeline(tmp_path, [bounds])))
    assert told.startswith("gopher_quality: bounds for 'zh' are never used")
    (told,) = warnings(make_plan(write_pipeline(tmp_path, [bounds, "language"])))
    assert "put the stage `language` before it" in told
    assert warnings(make_plan(write_pipeline(tmp_path, ["language", bounds]))) == []
    plain = make_plan(write_pipeline(tmp_path, ["gopher_quality", {"gopher_repetition": {"profile": "datatrove"}}]))
    assert warnings(plain) == []
    assert [note.partition(": judges all languages")[0] for note in notes(plain)] == ["gopher_quality"]
    pq.write_table(pa.table({"text": ["one"], "language": ["zh"]}), tmp_path / "own.parquet")
    own = {"source": {"parquet": str(tmp_path / "own.parquet")}}
    assert warnings(make_plan(write_pipeline(tmp_path, [bounds], **own))) == []


def test_a_column_that_a_new_input_brings_is_in_every_shard(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    texts = [f"text {n}" for n in range(50)]
    settings: dict[str, Any] = {"source": {"parquet": str(folder)}, "task_mib": 0.0001}
    pq.write_table(pa.table({"text": texts}), folder / "a.parquet")
    run_here(make_plan(write_pipeline(tmp_path, ["exact_dedup"], **settings)), keep=True)
    pq.write_table(pa.table({"text": texts[:9], "rating": list(range(9))}), folder / "b.parquet")
    made = run_here(make_plan(write_pipeline(tmp_path, ["exact_dedup"], **settings)), keep=True)
    for shard in made["shards"]:
        assert "rating" in pq.read_schema(tmp_path / "out" / shard["path"]).names
    run_here(
        make_plan(write_pipeline(tmp_path, ["exact_dedup"], **settings, output=str(tmp_path / "fresh"))), keep=True
    )
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_a_stage_of_ones_own_is_stale_when_its_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(tmp_path / "in", files=1)
    prints = []
    for folder, text in (("a", QUIET), ("b", QUIET.replace("30", "40")), ("c", QUIET)):
        stages = tmp_path / folder
        stages.mkdir()
        (stages / "quiet.py").write_text(text)
        monkeypatch.setenv("DATAPREP_STAGES", str(stages))
        monkeypatch.delitem(__import__("sys").modules, "dataprep_stage_quiet", raising=False)
        prints.append(make_plan(write_pipeline(tmp_path, ["quiet"])).fingerprint)
    assert prints[0] == prints[2] != prints[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("class Broken:\n", r"broken.py: line 1: not Python: expected an indented block"),
        (
            QUIET.replace("Quiet", "Broken").replace("pyarrow.compute", "no_such"),
            r"broken.py: can't be imported: ModuleNotFoundError: No module named",
        ),
    ],
)
def test_a_stage_of_ones_own_that_is_broken_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/broken.py").write_text(text)
    monkeypatch.setenv("DATAPREP_STAGES", str(tmp_path / "stages"))
    write_corpus(tmp_path / "in", files=1)
    for _ in range(2):
        with pytest.raises(UsageError, match=says) as caught:
            make_plan(write_pipeline(tmp_path, ["broken"]))
        assert "\n" not in str(caught.value)


def test_large_inputs_that_cannot_be_split_are_named(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=6)
    (*whole, split) = sorted((tmp_path / "in").iterdir())
    for path in whole:
        path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert split.stat().st_size > 10_000
    (note,) = notes(make_plan(write_pipeline(tmp_path, [], task_mib=0.01)))
    names = ", ".join(f"{path.name}.gz" for path in whole[:3])
    assert note.startswith(f"{names} and 2 more: not splittable")
    assert notes(make_plan(write_pipeline(tmp_path, []))) == []


def test_a_worker_with_other_packages_refuses_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(tmp_path / "in", files=1)
    saved = to_json(make_plan(write_pipeline(tmp_path, ["extract_html"])))
    assert to_json(from_json(saved)) == saved
    monkeypatch.setattr("dataprep.plan.package_version", lambda name: "0.0")
    with pytest.raises(UsageError, match="was planned with other packages"):
        from_json(saved)


@pytest.mark.parametrize(
    ("package", "install"),
    [("spacy", r"'dataprep\[profiles\]'"), ("OpenCC", r"'dataprep\[clean\]'"), ("numpy", "numpy"), ("flask", "flask")],
)
def test_a_missing_package_is_named_with_its_extra(
    package: str, install: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An environment that holds nothing but ours: what an extra of it or it itself needs is missing.
    home = tmp_path / "dataprep-0.dist-info"
    home.mkdir()
    extras = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    lines = [f"Requires-Dist: {one}" for one in extras["dependencies"]]
    for extra, held in extras["optional-dependencies"].items():
        lines += [f'Requires-Dist: {one}; extra == "{extra}"' for one in held]
    (home / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", "Name: dataprep", "Version: 0", *lines]))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(UsageError, match=f"^package '{package}' is not installed; type: pip install {install}$"):
        package_version(package)


def test_a_composite_may_drop_on_both_sides_of_its_barrier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/spanning.py").write_text(textwrap.dedent(SPANNING))
    monkeypatch.setenv("DATAPREP_STAGES", str(tmp_path / "stages"))
    corpus = write_corpus(tmp_path / "in", files=2)
    made = run_here(make_plan(write_pipeline(tmp_path, ["spanning"])))
    (stage,) = made["stages"][1:]
    rows = [json.loads(line)["text"] for path in corpus.iterdir() for line in path.read_text("utf-8").splitlines()]
    filled = [text for text in rows if text.strip()]
    assert stage["documents_in"] == len(rows)
    assert stage["dropped"] == {"duplicate": len(filled) - len(set(filled)), "empty": len(rows) - len(filled)}
    assert stage["documents_out"] == len(set(filled)) == made["documents"]
