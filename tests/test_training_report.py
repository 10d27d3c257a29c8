"""Reports of training runs: what is told of a log, the picture, the page, the command."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hand_made_tokens import write_mix, write_tokens
from token_corpora import example_tokenizer

from dataprep.cli.main import dataprep
from dataprep.corpus.reader import open_reader
from dataprep.corpus.state import skip
from dataprep.errors import DataprepError, InputError
from dataprep.report.curves import _parts
from dataprep.report.training import short, summary, tell
from dataprep.tokenizers import load as load_tokenizer
from dataprep.training import record
from dataprep.training.log import Log
from dataprep.training.model.config import ModelConfig
from dataprep.training.run import CHECKPOINTS, LATEST, SKIPPED, STATE, folder_of
from dataprep.training.settings import parse

pytest.importorskip("matplotlib")

MODEL = ModelConfig(vocab_size=32_000, context=32, layers=2, width=64, heads=2)


def lines(seed: int, steps: int, spike_at: int | None, back_to: int = 0) -> Iterator[dict[str, Any]]:
    """What a run logs: a loss that falls with noise, two sources, one spike if asked for, one restart at its middle."""
    rng = np.random.default_rng(seed)
    start = {"kind": "start", "steps": steps, "world": 1, "strategy": "single", "device": "cpu, 2 threads",
             "peak_flops": 1e11, "measured_flops": 1e11}  # fmt: skip
    yield start | {"step": 0}
    n = 0
    while n < steps:
        if n == spike_at:
            yield {"kind": "spike", "step": n, "value": "loss", "loss": 11.5, "grad_norm": 60.0, "mean": 3.0,
                   "sigma": 0.1, "back_to": back_to, "skipped": [[4 * n, 4 * n + 4]],
                   "sources": {"web": {"loss": 11.5, "tokens": 128}}}  # fmt: skip
            n, spike_at = back_to + 1, None
            continue
        if n == steps // 2:
            yield start | {"step": n, "world": 2}
        loss = 3 + 4.5 * math.exp(-n / (steps / 8)) + float(rng.normal(0, 0.08))
        seconds = 0.01 * (1 + abs(float(rng.normal(0, 0.1))))
        yield {
            "kind": "step", "step": n, "loss": loss,
            "grad_norm": 0.8 + 6 * math.exp(-n / 30) + abs(float(rng.normal(0, 0.2))),
            "learning_rate": 1e-3 * min(1, (n + 1) / (steps / 20)) * (0.55 + 0.45 * math.cos(math.pi * n / steps)),
            "tokens": 128, "seen": 128 * (n + 1), "seconds": seconds, "wait_seconds": seconds / 500,
            "tokens_per_second": 128 / seconds, "mfu": 0.4 * 0.01 / seconds, "memory": 10**9, "batch": 4,
            "sources": {"web": {"loss": loss + 0.2, "tokens": 96}, "books": {"loss": loss - 0.6, "tokens": 32}},
        }  # fmt: skip
        if n % (steps // 10) == steps // 10 - 1:
            held = {
                name: {"loss": 3.1 + more + 4 * math.exp(-n / (steps / 8)), "perplexity": 22.2, "bits_per_byte": 1.234,
                       "tokens": 500, "bytes": 2000}
                for name, more in (("web", 0.2), ("books", -0.6))
            }  # fmt: skip
            yield {"kind": "validation", "step": n, "sources": held}
        n += 1


def write_run(folder: Path, name: str, seed: int = 0, steps: int = 200, **spike: Any) -> Path:
    """A run's folder: a manifest and a state as they are really written, a log made up."""
    sources = {n: {"manifest": str(folder / n), "weight": w} for n, w in (("web", 3), ("books", 1))}
    for source in sources:
        if not (folder / source).exists():
            write_tokens(folder / source, [[300] * 60], name=source, tokenizer=example_tokenizer().read_bytes())
    mix = write_mix(folder, sources, stages=[{"name": "main", "until_tokens": 128 * steps}])
    root = folder / name
    raw = {"name": name, "mix": str(mix), "output": str(root), "model": {}}
    reader = open_reader(mix)
    made = record.describe_run(root, parse(raw, "test"), MODEL, 1, reader)
    root.mkdir()
    (root / "manifest.json").write_text(
        json.dumps(made | record.keep_tokenizer(root, reader, load_tokenizer(reader.tokenizer_file())))
    )
    log = Log(root / "log.jsonl")
    for line in lines(seed, steps, spike.get("spike_at"), spike.get("back_to", 0)):
        log.append(line)
    log.close()
    state = reader.state
    spikes = [line for line in lines(seed, steps, **spike) if line["kind"] == "spike"] if spike else []
    (root / SKIPPED).write_text(json.dumps({"spikes": spikes}))
    for told in spikes:
        state = skip(state, *told["skipped"][0])
    at = root / CHECKPOINTS / folder_of(steps)
    at.mkdir(parents=True)
    (at / STATE).write_text(json.dumps({"step": steps, "sampler": state._replace(sample=4 * steps).to_json()}))
    (root / CHECKPOINTS / LATEST).write_text(folder_of(steps) + "\n")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder, "calm")
    write_run(folder, "jumpy", seed=1, spike_at=120, back_to=99)
    return folder


def test_what_is_told(folder: Path) -> None:
    calm, jumpy = tell([folder / "calm", folder / "jumpy"])
    facts = summary(calm)
    assert facts["step"] == 199
    assert facts["tokens"] == 200 * 128
    assert facts["loss"] == pytest.approx(float(calm.steps["loss"][-100:].mean()))
    assert facts["validation_loss"] == pytest.approx(3.1 + -0.2 + 4 * math.exp(-199 / 25))
    assert facts["wait_ratio"] == pytest.approx(0.002)
    assert (facts["spikes"], facts["undone_steps"], facts["starts"]) == (0, 0, 2)
    sources = {held["name"]: held for held in facts["sources"]}
    assert sources["web"]["tokens"] == 200 * 96
    assert sources["web"]["undone_tokens"] == 0
    assert sources["web"]["epochs"] == pytest.approx(600 / (60 * 300 // 32), rel=0.01)  # of 800 samples 3 in 4

    facts = summary(jumpy)
    assert facts["step"] == 199
    assert facts["spikes"] == 1
    assert facts["undone_steps"] == 21  # 100 to 119, and 120 itself
    assert jumpy.kept.sum() == 200
    assert jumpy.steps["step"][jumpy.kept].tolist() == list(range(200))
    assert [v.step for v in jumpy.validations] == [19, 39, 59, 79, 99, 119, 139, 159, 179, 199]  # 119 once
    sources = {held["name"]: held for held in facts["sources"]}
    assert sources["web"]["tokens"] == 200 * 96
    assert sources["web"]["undone_tokens"] == 20 * 96 + 128
    assert sources["web"]["skipped_samples"] + sources["books"]["skipped_samples"] == 4


def test_the_command_draws_one_and_several(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(dataprep, ["report", str(folder / "calm")])
    assert done.exit_code == 0, done.output
    assert "calm" in done.output
    assert re.search(r"^web +19,200 +1\.07 +\d\.\d{4} +3\.3014 +22\.2 +1\.234$", done.output, re.M), done.output
    assert (folder / "calm" / "report.html").exists()
    both = [str(folder / "calm"), str(folder / "jumpy"), "--output", str(tmp_path / "both"), "--json"]
    done = CliRunner().invoke(dataprep, ["report", *both])
    assert done.exit_code == 0, done.output
    assert [one["name"] for one in json.loads(done.output)] == ["calm", "jumpy"]
    png = (tmp_path / "both" / "report.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert width > 1000
    assert height > 800
    page = (tmp_path / "both" / "report.html").read_text("utf-8")
    assert "jumpy" in page
    assert "data:image/png;base64," in page
    assert not re.search(r"""(src|href)=["']?http|<link|<script""", page)  # nothing beside it is needed
    assert "samples skipped" in page
    assert "11.5000" in page


def test_same_run_same_bytes(folder: Path, tmp_path: Path) -> None:
    seen = set()
    for n in "ab":
        CliRunner().invoke(dataprep, ["report", str(folder / "jumpy"), "--output", str(tmp_path / n)])
        seen.add((tmp_path / n / "report.png").read_bytes() + (tmp_path / n / "report.html").read_bytes())
    assert len(seen) == 1


def test_a_run_that_has_just_begun_and_one_that_is_none(folder: Path, tmp_path: Path) -> None:
    root = write_run(tmp_path, "young", steps=20)
    (root / CHECKPOINTS / LATEST).unlink()
    log = (root / "log.jsonl").read_bytes().splitlines(keepends=True)
    first = json.loads(log[1])
    (root / "log.jsonl").write_bytes(log[0] + json.dumps(first | {"mfu": None, "loss": None}).encode() + b'\n{"kind')
    facts = summary(tell([root])[0])
    assert facts["loss"] is None
    assert facts["sources"][0]["epochs"] is None
    done = CliRunner().invoke(dataprep, ["report", str(root)])
    assert done.exit_code == 0, done.output
    (root / "log.jsonl").write_bytes(log[0])
    (tmp_path / "empty").mkdir()
    for path, expected in (
        (root, "has taken no step yet"),
        (folder / "web", "holds tokens, not a training run"),
        (tmp_path / "empty", "manifest.json: does not exist"),
    ):
        with pytest.raises(InputError, match=re.escape(expected)) as caught:
            tell([path])
        assert "\n" not in str(caught.value)
        done = CliRunner().invoke(dataprep, ["report", str(path)])
        assert isinstance(done.exception, DataprepError)


def test_undone_stretches_are_not_joined() -> None:
    undone = np.array([0, 1, 1, 1, 1, 1, 0, 0, 1], np.bool_)
    seen = np.array([1, 2, 3, 4, 2, 3, 2, 3, 4], np.float64)
    assert [part.tolist() for part in _parts(undone, seen)] == [[1, 2, 3], [4, 5], [8]]
    assert _parts(~np.ones(3, np.bool_), seen[:3]) == []


def test_numbers_are_short() -> None:
    values = (0, 950, 12_500, 999_999, 1_240_000, 3e9, 1.5e12)
    assert [short(v) for v in values] == ["0", "950", "12.5K", "1M", "1.24M", "3B", "1.5T"]
