"""`dataprep trace` of a training run: the documents of its steps and of its spikes, as it saw them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from training_runs import load, write_mix, write_settings

from dataprep.cli.main import dataprep
from dataprep.corpus import trace
from dataprep.corpus.reader import open_reader
from dataprep.errors import DataprepError

loop = pytest.importorskip("dataprep.training.loop")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 steps asked for and 12 done; step 9 was taken for a spike: undone from step 8 on, and its samples skipped."""
    folder = tmp_path_factory.mktemp("trace")
    settings = load(write_settings(folder, write_mix(folder), spikes={"sigmas": None}))
    with pytest.MonkeyPatch.context() as patch:
        checked = loop.spike.Guard.check
        seen: list[int] = []

        def check(guard: object, loss: float, grad_norm: float) -> object:
            seen.append(len(seen))
            return checked(guard, float("nan") if len(seen) == 10 else loss, grad_norm)

        patch.setattr(loop.spike.Guard, "check", check)
        loop.pretrain(settings, device="cpu", until=12)
    return folder / "run"


def typed(*words: str) -> tuple[str, str]:
    """Standard output and error of a command that succeeds."""
    done = CliRunner().invoke(dataprep, ["trace", *words])
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_a_step_is_what_the_run_saw(run: Path) -> None:
    kept = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert kept["step"] == 11
    plain = open_reader(run.parent / "mix.yaml", full=False)
    for step, same in ((7, True), (8, True), (9, False), (11, False)):
        out, err = typed(str(run), "--step", str(step), "--json")
        assert err == ""
        samples = json.loads(out)
        assert [one["step"] for one in samples] == [step] * 4
        ids = [[i for part in one["parts"] for i in part["ids"]] for one in samples]
        asked = plain.sampler.steps.samples(step if same else step + 1)  # one step's samples fewer from the spike on
        assert [one["sample"] for one in samples] == asked.tolist()
        for row, (held, length) in enumerate(zip(ids, plain.samples(asked)["lengths"], strict=True)):
            assert held == plain.samples(asked)["tokens"][row][:length].tolist()
    page, _ = typed(str(run), "--step", "9")
    assert "from" in page
    assert "step 9" in page


def test_steps_to_come_are_said_to_be(run: Path) -> None:
    out, err = typed(str(run), "--step", "13")
    assert "step 13" in out
    assert err == "note: the newest checkpoint has 12 steps; later ones are shown as they will be\n"
    assert typed(str(run), "--samples", "0:2")[1] == ""


def test_a_spike(run: Path) -> None:
    out, _ = typed(str(run), "--spike", "9")
    head, back, *rest = out.splitlines()
    assert head.startswith("step 9: loss or gradient not finite: loss ")
    assert back == "back to after step 7; samples skipped: 36 to 39"
    assert [line.split(",")[0] for line in rest if line.startswith("sample ")] == [f"sample {n}" for n in range(36, 40)]
    rows = json.loads(typed(str(run), "--spike", "9", "--json")[0])
    reader = open_reader(run.parent / "mix.yaml", full=False)
    there = [part.document.id for one in trace.samples(reader, np.arange(36, 40)) for part in one.parts]
    assert [row["id"] for row in rows] == there
    assert rows[0]["id"] in out


def test_where_a_document_was_seen(run: Path) -> None:
    rows = json.loads(typed(str(run), "--spike", "9", "--json")[0])
    (sought,) = json.loads(typed(str(run), "--document", rows[0]["id"], "--json")[0])
    seen = {one["sample"]: one["step"] for one in sought["seen"]}
    assert seen[rows[0]["sample"]] is None  # skipped: in no step


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["RUN", "--spike", "3"], "--spike 3: spikes are at steps 9"),
        (["MIX", "--spike", "9"], "is no folder of a training run; --spike is of a run"),
        (["RUN", "--step", "1", "--state", "x.json"], "has its own state; leave out --state, or name the mix file"),
        (["RUN", "--step", "99"], "--step 99: the run has steps 0 to 14"),
        (["RUN"], "give one of --step, --samples, --document and --spike"),
        (["RUN/checkpoints", "--step", "1"], "manifest.json: does not exist"),
        (["WEB", "--step", "1"], "holds tokens, not a training run"),
    ],
)
def test_errors_are_one_line(run: Path, words: list[str], said: str) -> None:
    places = {
        "RUN": run,
        "MIX": run.parent / "mix.yaml",
        "WEB": run.parent / "web",
        "RUN/checkpoints": run / "checkpoints",
    }
    done = CliRunner().invoke(dataprep, ["trace", *(str(places.get(word, word)) for word in words)])
    assert isinstance(done.exception, DataprepError)
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
