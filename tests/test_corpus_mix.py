"""`mix.yaml`: what is read, and one clear line for what is wrong."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hand_made_tokens import write_tokens

from dataprep.corpus.mix import load
from dataprep.corpus.preview import preview
from dataprep.corpus.reader import open_reader
from dataprep.errors import UsageError

GOOD: dict[str, Any] = {
    "name": "mix",
    "sequence_length": 2048,
    "batch_size": 512,
    "sources": {
        "web": {"manifest": "../out/web", "weight": 0.7},
        "wiki": {"manifest": "s3://b/wiki", "weight": "3e-1"},
    },
    "stages": [{"name": "main", "until_tokens": "1.4T"}],
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "mix.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in {**GOOD, **changes}.items() if v is not None}))
    return path


def test_a_mix_is_read(tmp_path: Path) -> None:
    mix = load(write(tmp_path, ramp={"start": 32, "increase": 32, "until_tokens": "12_000M"}))
    assert mix.sources["web"].manifest == str(tmp_path.parent / "out" / "web")
    assert mix.sources["wiki"].manifest == "s3://b/wiki"
    assert mix.sources["web"].weight == Fraction(7, 10)
    assert mix.sources["wiki"].weight == Fraction(3, 10)
    assert mix.stages[0].until_tokens == 1_400_000_000_000
    assert mix.ramp is not None
    assert mix.ramp.until_tokens == 12 * 10**9


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000), ("2.5K", 2500), ("1_000", 1000), ("7", 7)])
def test_numbers_as_people_write_them(tmp_path: Path, text: str, value: int) -> None:
    assert load(write(tmp_path, stages=[{"name": "main", "until_tokens": text}])).stages[0].until_tokens == value


def source(**settings: Any) -> dict[str, Any]:
    return {"sources": {"web": {"manifest": "web", **settings}}}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"sequence_lenght": 4}, "unknown setting 'sequence_lenght'; did you mean 'sequence_length'?"),
        ({"batch_size": None}, "'batch_size' is missing"),
        ({"batch_size": "many"}, "batch_size: must be a number, as in 300000, 1.4e12 or 1.4T (got 'many')"),
        ({"batch_size": True}, "batch_size: must be a number (got true)"),
        ({"packing": "best-fit"}, "packing: input should be 'concatenate', 'best_fit' or 'document' (got 'best-fit')"),
        ({"sources": []}, "sources: must be a mapping, as in {key: value} (got [])"),
        ({"sources": {}}, "sources: names none; give one, as in `web: {manifest: out/web, weight: 1}`"),
        ({"sources": {"web": "out/web"}}, "source web: must be a mapping, as in {manifest: out/web, weight: 1}"),
        (source(wieght=1), "source web: unknown setting 'wieght'; did you mean 'weight'?"),
        (source(weight=1, epochs=1), "source web: gives both weight and epochs; leave out one"),
        (source(), "source web: 'weight' is missing"),
        (source(weight=-1), "source web: weight: must be 0 or more (got -1)"),
        (source(weight="-.5"), "source web: weight: must be 0 or more (got '-.5')"),
        (source(weight=1, max_tokens=-3), "source web: max_tokens: must be 1 or more (got -3)"),
        (source(weight="heavy"), "source web: weight: must be a number, as in 300000, 1.4e12 or 1.4T (got 'heavy')"),
        (source(weight=0), "stage 1 main: all weights are 0"),
        (source(weight=1, max_tokens=1.5), "source web: max_tokens: must be a whole number (got 1.5)"),
        (source(weight=1, max_epochs=0), "source web: max_epochs: must be more than 0 (got 0)"),
        (
            {"sources": {"a": {"manifest": "a", "epochs": 1}, "b": {"manifest": "b", "weight": 1}}, "stages": None},
            "source b: gives weight where another source gives epochs; all sources give the same one",
        ),
        (
            source(epochs=1),
            "stages go with weights; sources by epochs end the run when all of them are seen",
        ),
        (
            {**source(epochs=1, max_epochs=2), "stages": None},
            "source web: max_epochs is for a source with a weight; `epochs` says how often it is seen",
        ),
        (
            {"stages": None},
            "'stages' is missing: say when it ends, as in [{name: main, until_tokens: 300B}]",
        ),
        ({"stages": ["main"]}, "stage 1: must be a mapping, as in {name: main, until_tokens: 300B}"),
        (
            {"stages": [{"name": "main", "until": 3}]},
            "stage 1: unknown setting 'until'; known: name, until_tokens, weights",
        ),
        (
            {"stages": [{"name": "a", "until_tokens": 9}, {"name": "b", "until_tokens": 9}]},
            "stage 2 b: until_tokens counts from the beginning of the run; it must be above the 9 of stage a (got 9)",
        ),
        (
            {"stages": [{"name": "a", "until_tokens": 9}, {"name": "a", "until_tokens": 99}]},
            "stage 2 a: the name is taken by an earlier stage",
        ),
        (
            {"stages": [{"name": "a", "until_tokens": 9, "weights": {"wikii": 1}}]},
            "stage 1 a: weights: no source 'wikii'; did you mean 'wiki'?",
        ),
        (
            {"ramp": {"start": 512, "increase": 1, "until_tokens": 9}},
            "ramp: start must be below batch_size 512 (got 512)",
        ),
        (
            {"ramp": {"start": 500, "increase": 7, "until_tokens": 9}},
            "ramp: from 500 to 512 is no whole number of steps of 7; change start or increase",
        ),
        ({"ramp": 3}, "ramp: must be a mapping, as in {start: 32, increase: 32, until_tokens: 10B} (got 3)"),
        ({"ramp": {"start": 500, "step": 7}}, "ramp: unknown setting 'step'"),
    ],
)
def test_one_clear_line(tmp_path: Path, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(write(tmp_path, **changes))
    assert str(caught.value).startswith(f"mix.yaml: {line}")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_mix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: no such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(UsageError, match=r"list\.yaml: must be a mapping with name, sequence_length"):
        load(tmp_path / "list.yaml")
    (tmp_path / "twice.yaml").write_text("name: a\nname: b\n")
    with pytest.raises(UsageError, match=r"twice\.yaml: line 2 'name' is given twice"):
        load(tmp_path / "twice.yaml")


# ---------------------------------------------------------------- the mixes we ship

PIPELINES = Path(__file__).parent.parent / "pipelines"


@pytest.mark.parametrize("path", sorted(PIPELINES.glob("mix*.yaml")), ids=lambda p: p.name)
def test_shipped_mixes_are_good(path: Path) -> None:
    load(path)


def test_llama_has_its_published_table() -> None:
    """Touvron et al. 2023 (arXiv:2302.13971), Table 1: proportions and epochs."""
    found = preview(PIPELINES / "mix-llama.yaml")
    table = {
        "commoncrawl": (0.670, 1.10),
        "c4": (0.150, 1.06),
        "github": (0.045, 0.64),
        "wikipedia": (0.045, 2.45),
        "books": (0.045, 2.23),
        "arxiv": (0.025, 1.06),
        "stackexchange": (0.020, 1.03),
    }
    (stage,) = found["stages"]
    shares = {source["name"]: (round(source["share"], 6), round(source["epochs"], 2)) for source in stage["sources"]}
    assert shares == table
    assert found["tokens"] == 1_400_000_000_000
    assert not found["warnings"] + found["problems"]


def test_the_demo_mix_runs_on_a_corpus_of_its_size(tmp_path: Path) -> None:
    write_tokens(tmp_path / "out" / "web-tokens", [[1200] * 358])
    (tmp_path / "pipelines").mkdir()
    shutil.copy(PIPELINES / "mix.yaml", tmp_path / "pipelines")
    found = preview(tmp_path / "pipelines" / "mix.yaml")
    assert [stage["name"] for stage in found["stages"]] == ["main", "anneal"]
    assert not found["warnings"] + found["problems"]
    assert open_reader(tmp_path / "pipelines" / "mix.yaml").batch(found["steps"] - 1)["tokens"].shape == (8, 257)
