"""Training runs whole: interrupted anywhere, on other numbers of ranks, with spikes, with changed data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from hand_made_tokens import write_tokens
from runs import dataprep, environment, start, until
from token_corpora import example_tokenizer
from training_runs import LENGTH, VOCAB, documents, load, logged, weights, write_mix, write_settings

from dataprep.corpus.reader import open_reader
from dataprep.errors import Diverged, InputError, UsageError
from dataprep.report.training import summary, tell
from dataprep.training.batches import document_numbers, step_of
from dataprep.training.loop import pretrain
from dataprep.training.run import open_run
from dataprep.training.settings import SpikeGuard
from dataprep.training.spike import Guard

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def mix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 steps: the second epoch of `web` begins in the 7th, the second stage with the 13th."""
    sources = {"web": {"manifest": "web", "weight": 3, "max_tokens": 320}, "books": {"manifest": "books", "weight": 1}}
    return write_mix(tmp_path_factory.mktemp("mix"), sources=sources)


@pytest.fixture(scope="module")
def whole(mix: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    pretrain(load(write_settings(folder, mix)), device="cpu")
    return folder / "run"


def same(run: Path, other: Path) -> None:
    """Bit for bit: every line of the log but for the clock, and the weights."""
    assert logged(run) == logged(other)
    assert logged(run, "validation") == logged(other, "validation")
    ours, theirs = weights(run), weights(other)
    assert all((ours[name] == theirs[name]).all() for name in theirs)


# ---------------------------------------------------------------- a run and what it leaves


def test_a_run(whole: Path, mix: Path) -> None:
    steps = logged(whole)
    assert [line["step"] for line in steps] == list(range(16))
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.5
    assert steps[-1]["seen"] == 16 * 4 * LENGTH
    reader = open_reader(mix)
    for line in steps:
        batch = reader.batch(line["step"])
        for name, held in line["sources"].items():
            assert held["tokens"] == batch["loss"][batch["source"] == name].sum()
    assert [line["step"] for line in logged(whole, "validation")] == [7, 15]
    assert set(logged(whole, "validation")[0]["sources"]) == {"web", "books"}
    run = open_run(whole)
    assert run.latest() == 16
    assert run.steps_kept() == [12, 16]
    assert run.manifest["data"]["web"]["sha256"] == reader.corpora["web"].sha256
    accounts = run.manifest["accounts"]
    assert accounts["steps"] == 16
    assert sum(source["samples"] for source in accounts["sources"].values()) == accounts["samples"] == 64
    assert accounts["sources"]["web"]["epochs"] > 1.5
    assert dataprep("manifest", "verify", whole).stdout.strip()
    assert "16 steps, 1,024 tokens trained on" in dataprep("manifest", "show", whole).stdout
    assert dataprep("manifest", "diff", whole, whole).stdout == "equal\n"


def test_stopped_and_gone_on_with_twice(mix: Path, whole: Path, tmp_path: Path) -> None:
    settings = load(write_settings(tmp_path, mix))
    for step, done in ((5, 5), (13, 13), (None, 16)):
        assert pretrain(settings, device="cpu", until=step).steps == done
    same(tmp_path / "run", whole)
    assert pretrain(settings, device="cpu").steps == 16
    same(tmp_path / "run", whole)


def test_killed_at_any_moment(mix: Path, tmp_path: Path) -> None:
    settings = write_settings(tmp_path, mix, checkpoint={"every": 5})
    ran = subprocess.run(
        [sys.executable, HERE / "killed_training.py", settings, tmp_path, "5"],
        env=environment(OMP_NUM_THREADS="1", PYTHONPATH=str(HERE)),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["wrong"] == [], ran.stderr[-3000:]
    assert found["killed"] == found["tried"] >= 15, found


def test_asked_to_stop(tmp_path: Path) -> None:
    path = write_settings(tmp_path, write_mix(tmp_path, samples=8000), checkpoint={"every": 100_000})
    process = start("pretrain", path, "--device", "cpu", OMP_NUM_THREADS="1")
    until(lambda: (tmp_path / "run/log.jsonl").exists() and len(logged(tmp_path / "run")) > 3, "steps")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert "stopped by a signal after " in out
    run = open_run(tmp_path / "run")
    done = run.latest()
    assert done == len(logged(run.root))
    assert run.state().sample == done * 4
    dataprep("pretrain", path, "--device", "cpu", "--until-step", str(done + 2), OMP_NUM_THREADS="1")
    assert [line["step"] for line in logged(run.root)] == list(range(done + 2))


def launched(path: Path, ranks: int, *arguments: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    ran = subprocess.run(
        [*command, "-m", "dataprep", "pretrain", str(path), "--device", "cpu", *arguments],
        env=environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]


def test_from_2_ranks_to_4_to_1(mix: Path, whole: Path, tmp_path: Path) -> None:
    path = write_settings(tmp_path, mix)
    launched(path, 2, "--until-step", "6", "--set", "parallel.strategy=zero3")
    launched(path, 4, "--until-step", "11", "--set", "parallel.strategy=zero1")
    assert pretrain(load(path), device="cpu").steps == 16
    ours, theirs = logged(tmp_path / "run"), logged(whole)
    for here, there in zip(ours, theirs, strict=True):
        assert here["step"] == there["step"]
        assert here["seen"] == there["seen"]
        # The same samples: each source's tokens, and losses that differ by the order of sums alone.
        for name, held in there["sources"].items():
            assert here["sources"][name]["tokens"] == held["tokens"]
            assert here["sources"][name]["loss"] == pytest.approx(held["loss"], abs=2e-5)
        assert here["grad_norm"] == pytest.approx(there["grad_norm"], rel=1e-4)
    changed = [(c["step"], c["setting"], c["to"]) for c in open_run(tmp_path / "run").manifest["changes"]]
    assert changed == [(6, "parallel.strategy", "zero1"), (11, "parallel.strategy", None)]


# ---------------------------------------------------------------- spikes


def planted(folder: Path) -> Path:
    """A mix in which one document in the middle is nothing like the others."""
    model = example_tokenizer().read_bytes()
    rng = np.random.default_rng(5)
    bad = [rng.integers(100, 500, 6 * LENGTH).tolist()]
    good = documents(0, 150, shortest=40)
    write_tokens(folder / "web", [[*good[:75], *bad, *good[75:]]], name="web", vocab_size=VOCAB, tokenizer=model)
    mix = {
        "name": "spiky",
        "seed": 1,
        "sequence_length": LENGTH,
        "batch_size": 4,
        "packing": "document",
        "sources": {"web": {"manifest": "web", "weight": 1, "max_epochs": 1}},
        "stages": [{"name": "main", "until_tokens": 148 * LENGTH}],
    }
    path = folder / "mix.yaml"
    path.write_text(yaml.safe_dump(mix))
    return path


def test_a_bad_document_is_rolled_back_skipped_and_traced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mix = planted(tmp_path)
    path = write_settings(tmp_path, mix, spikes={"window": 16, "sigmas": 8.0}, checkpoint={"every": 5})
    bad = next(seen for seen in _traced(mix) if seen["id"] == "web-75")
    assert bad["step"] is not None
    settings = load(path)
    outcome = pretrain(settings, device="cpu")
    run = open_run(tmp_path / "run")
    (spike,) = run.skipped()
    assert spike["step"] == bad["step"]
    first = bad["step"] * 4
    assert spike["skipped"] == [[first, first + 4]]
    assert spike["back_to"] == bad["step"] // 5 * 5 - 1
    held = pq.read_table(tmp_path / f"run/spikes/{spike['step']}.parquet")
    assert "web-75" in held.column("id").to_pylist()
    assert sorted(set(held.column("sample").to_pylist())) == list(range(first, first + 4))
    # Every other sample once, the skipped ones never: one step fewer.
    assert outcome.steps == 37 - 1 == len({line["step"] for line in logged(run.root)})
    assert [line["steps"] for kind in ("start", "spike") for line in logged(run.root, kind)] == [37, 36]
    assert summary(tell([run.root])[0])["steps"] == 36
    assert "step 35 of 35, " in capsys.readouterr().err
    reader = open_reader(mix, run.state())
    seen = np.concatenate([reader.sampler.steps.samples(n) for n in range(outcome.steps)])
    assert sorted([*seen.tolist(), *range(first, first + 4)]) == list(range(148))
    # Going on from before the spike knows of the skip, once.
    (tmp_path / "run/checkpoints/latest").write_text(f"step-{run.steps_kept()[0]:08d}\n")
    pretrain(settings, device="cpu")
    assert open_run(tmp_path / "run").skipped() == [spike]
    assert open_run(tmp_path / "run").state().skipped == ((first, first + 4),)


def _traced(mix: Path) -> list[dict[str, Any]]:
    from dataprep.corpus import trace

    reader = open_reader(mix)
    found = trace.samples(reader, np.arange(reader.sampler.total))
    return [{"id": part.document.id, "step": one.step} for one in found for part in one.parts]


def test_a_killed_rollback_is_taken_up(tmp_path: Path) -> None:
    mix = planted(tmp_path)
    path = write_settings(tmp_path, mix, spikes={"window": 16, "sigmas": 8.0}, checkpoint={"every": 5})
    pretrain(load(path), device="cpu")
    want = logged(tmp_path / "run")[-1]
    for moment in ("spike_record.write", "publish_json", "point"):
        code = (
            "import os, signal, sys; from training_runs import load\n"
            "from dataprep.training import loop, spike_record, checkpoint, run\n"
            "def die(*a, **k): os.kill(os.getpid(), signal.SIGKILL)\n"
            "undo = loop._Loop._undo\n"
            "def planned(*a):\n"
            f"    {_PLANT[moment]}\n"
            "    return undo(*a)\n"
            "loop._Loop._undo = planned\n"
            f"loop.pretrain(load({str(path)!r}, output={str(tmp_path / moment)!r}), device='cpu')\n"
        )
        died = subprocess.run([sys.executable, "-c", code], env=environment(PYTHONPATH=str(HERE), OMP_NUM_THREADS="1"))
        assert died.returncode == -signal.SIGKILL
        pretrain(load(path, output=str(tmp_path / moment)), device="cpu")
        assert len(open_run(tmp_path / moment).skipped()) == 1
        assert logged(tmp_path / moment)[-1] == want
        same(tmp_path / moment, tmp_path / "run")


_PLANT = {
    "spike_record.write": "spike_record.write = die",
    "publish_json": "loop.Store.publish_json = die",
    "point": "checkpoint.Checkpoints.point = die",
}


def test_too_many_spikes_stop_the_run(tmp_path: Path) -> None:
    mix = write_mix(tmp_path, samples=400)
    path = write_settings(
        tmp_path, mix, spikes={"window": 8, "sigmas": 0.01, "most": 2}, optimizer={"learning_rate": 1e-9}
    )
    with pytest.raises(Diverged, match=r"3 spikes.*lower the learning rate"):
        pretrain(load(path), device="cpu")


def test_the_guard() -> None:
    guard = Guard(SpikeGuard(window=8, sigmas=4.0))
    rng = np.random.default_rng(0)
    losses = 3 + 0.1 * rng.standard_normal(40)
    assert all(guard.check(loss, 1.0) is None for loss in losses)
    found = guard.check(9.0, 1.0)
    assert found is not None
    assert found.value == "loss"
    assert found.mean == pytest.approx(np.mean(losses[-8:]))
    assert found.sigma == pytest.approx(np.std(losses[-8:]))
    assert guard.check(float("nan"), 1.0).value == "not finite"  # type: ignore[union-attr]
    assert guard.check(3.0, 50.0).value == "grad_norm"  # type: ignore[union-attr]
    again = Guard(SpikeGuard(window=8, sigmas=4.0))
    again.restore(json.loads(json.dumps(guard.to_json())))
    assert again.check(9.0, 1.0) == guard.check(9.0, 1.0)


# ---------------------------------------------------------------- what is refused


def test_changed_data_is_refused_by_name(tmp_path: Path) -> None:
    mix = write_mix(tmp_path)
    path = write_settings(tmp_path, mix)
    pretrain(load(path), device="cpu", until=4)
    shard = tmp_path / "books/00001.bin"
    good = shard.read_bytes()
    shard.write_bytes(good[:-2] + bytes([good[-2] ^ 1, good[-1]]))
    with pytest.raises(InputError, match=r"books/00001\.bin: its sha256 is"):
        pretrain(load(path), device="cpu")
    shard.write_bytes(good)
    # Another corpus in its place, whole by its own manifest.
    write_tokens(tmp_path / "books", [documents(77, 60)], vocab_size=VOCAB, tokenizer=example_tokenizer().read_bytes())
    with pytest.raises((InputError, UsageError), match="books"):
        pretrain(load(path), device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"width": 32}}, r"model: width was 16 .* can't become 32"),
        ({"optimizer": {"name": "adafactor"}}, r"optimizer\.name was adamw .* can't become adafactor"),
        ({"seed": 7}, r"seed was 0 .* can't become 7"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(
    mix: Path, whole: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = write_settings(tmp_path, mix, output=str(whole), **change)
    with pytest.raises(UsageError, match=message):
        pretrain(load(path), device="cpu")


def test_a_changed_mix_and_learning_rate_are_kept_on_record(tmp_path: Path) -> None:
    mix = write_mix(tmp_path)
    path = write_settings(tmp_path, mix)
    pretrain(load(path), device="cpu", until=4)
    write_mix(tmp_path, sources={"web": {"manifest": "web", "weight": 1}, "books": {"manifest": "books", "weight": 1}})
    path = write_settings(tmp_path, mix, optimizer={"learning_rate": 5e-3})
    assert pretrain(load(path), device="cpu").steps == 16
    run = open_run(tmp_path / "run")
    assert [entry.first for entry in run.state().history] == [0, 16]
    changed, rate = run.manifest["changes"]
    assert (changed["step"], changed["setting"]) == (4, "mix")
    assert changed["to"] == f"sha256 {run.manifest['inputs'][0]['sha256'][:16]}..." != changed["from"]
    assert rate == {"step": 4, "setting": "optimizer.learning_rate", "from": 1e-2, "to": 5e-3}


def test_damaged_checkpoints(
    mix: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    settings = load(write_settings(tmp_path, mix))
    pretrain(settings, device="cpu", until=8)
    folder = tmp_path / "run/checkpoints/step-00000008"
    (data,) = folder.glob("*.distcp")
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"step-00000008: can't be read .* earlier folder"):
        pretrain(settings, device="cpu")
    metadata = (folder / ".metadata").read_bytes()
    for damaged in (None, metadata[: len(metadata) // 2]):
        (folder / ".metadata").unlink(missing_ok=True)
        if damaged is not None:
            (folder / ".metadata").write_bytes(damaged)
        capfd.readouterr()
        caplog.clear()
        with pytest.raises(InputError, match=r"step-00000008: can't be read .* earlier folder"):
            open_run(tmp_path / "run").load_model()
        assert "Traceback" not in capfd.readouterr().err + caplog.text  # nor what torch itself would say of it
    (folder.parent / "latest").write_text("step-00000007\n")
    with pytest.raises(InputError, match=r"step-00000007: no such checkpoint; steps that are kept: 4, 8"):
        pretrain(settings, device="cpu")
    (folder.parent / "latest").write_text("step-00000004\n")
    assert pretrain(settings, device="cpu").steps == 16


def test_a_save_that_fails_gives_its_room_back(mix: Path, tmp_path: Path) -> None:
    code = (
        "import resource, signal; from training_runs import load\n"
        "from dataprep.training.loop import pretrain\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # too large a file is an error then, as a full disk is
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        f"pretrain(load({str(write_settings(tmp_path, mix))!r}), device='cpu')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(PYTHONPATH=str(HERE), OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
    )
    assert "OutputError: " in ended.stderr.splitlines()[-1]
    assert "step-00000000" in ended.stderr.splitlines()[-1]
    assert list((tmp_path / "run/checkpoints").iterdir()) == []


def test_a_run_begins_with_the_weights_of_another(mix: Path, whole: Path, tmp_path: Path) -> None:
    path = write_settings(tmp_path, mix, init_from=str(whole), optimizer={"learning_rate": 1e-9})
    pretrain(load(path), device="cpu", until=1)
    model, step = open_run(whole).load_model(), step_of(open_reader(mix), 0, 0, 1, 4, False, torch.device("cpu"))
    (micro,) = step.micros
    with torch.no_grad():
        nll = torch.nn.functional.cross_entropy(model(micro.tokens).transpose(1, 2), micro.targets, reduction="none")
    assert logged(tmp_path / "run")[0]["loss"] == pytest.approx(float(nll[micro.loss].mean()), rel=1e-5)
    pretrain(load(path), device="cpu", until=2)  # goes on from its own weights now
    assert [line["step"] for line in logged(tmp_path / "run")] == [0, 1]
    began = {"name": "tiny", "kind": "training", "fingerprint": open_run(whole).manifest["fingerprint"], "steps": 16}
    assert open_run(tmp_path / "run").manifest["began_from"] == began

    other = {"output": str(tmp_path / "other")}
    for model_changes, said in [
        ({"layers": 2}, "layers is 1 in the model of the weights and 2 here; give layers: 1 under model"),
        ({"norm_eps": 1e-3}, "norm_eps is 1e-05"),
    ]:
        path = write_settings(tmp_path, mix, init_from=str(whole), model=model_changes)
        with pytest.raises(UsageError, match=said):
            pretrain(load(path, **other), device="cpu")
    for folder, said in [(mix.parent, "no model; name a run, or"), (mix.parent / "web", "holds tokens, not a model")]:
        path = write_settings(tmp_path, mix, init_from=str(folder))
        with pytest.raises(InputError, match=said):
            pretrain(load(path, **other), device="cpu")
    assert not (tmp_path / "other").exists()


def refused(*arguments: object) -> tuple[int, str]:
    """Exit code and the one line of the command in this process: torch takes seconds to load."""
    from click.testing import CliRunner

    from dataprep.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dataprep", *map(str, arguments)])
        ended = CliRunner().invoke(_command(main.main))
    return ended.exit_code, ended.output


def _command(work: Callable[[], None]) -> click.Command:
    return click.Command("dataprep", callback=work)


def test_errors_of_the_command(mix: Path, whole: Path, tmp_path: Path) -> None:
    path = write_settings(tmp_path, mix)
    for arguments, code, message in [
        ((path, "--set", "optimizer.learning_rat=1"), 2, "unknown setting 'learning_rat'; did you mean"),
        ((path, "--set", "optimizer=3"), 2, "optimizer: must be a mapping"),
        ((path, "--set", "precision=fp8"), 2, "precision"),
        ((tmp_path / "none.yaml",), 2, "no such file"),
        ((), 2, "--mix"),
        ((path, "--model", "gpt5"), 2, "gpt5"),
        ((path, "--mix", tmp_path / "none.yaml"), 2, "no such file"),
        ((path, "--output", mix.parent / "web"), 1, "not a training run"),
        ((path, "--set", "parallel.strategy=zero3"), 2, "there is one"),
        ((path, "--output", "s3://bucket/run"), 2, "output: must be a path on this machine"),
        ((path, "--mix", "s3://bucket/mix.yaml"), 2, "mix: must be a path on this machine"),
        ((path, "--set", "optimizer.learning_rate=inf"), 2, "learning_rate: input should be a finite number"),
        ((path, "--set", "schedule.warmup_tokens=2K"), 2, "warmup_tokens are 2,000 and the schedule ends after 1,024"),
    ]:
        ended, out = refused("pretrain", *arguments)
        assert (ended, len(out.splitlines())) == (code, 1), out
        assert out.startswith("error: ")
        assert message in out
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RANK", "x")
        patch.setenv("WORLD_SIZE", "2")
        assert refused("pretrain", path) == (2, "error: RANK is 'x'; it must be a number, as torchrun sets it\n")
    told = json.loads(dataprep("pretrain", path, "--dry-run", "--json").stdout)
    assert told["steps"] == 16
    assert told["changes"] == []
    assert not (tmp_path / "run").exists()
    ended, out = refused("pretrain", path, "--output", whole, "--dry-run", "--set", "optimizer.clip=2")
    assert (ended, out.splitlines()[-1]) == (0, "from here on optimizer.clip: 1.0 -> 2.0")
    ended, out = refused("pretrain", path, "--output", whole, "--dry-run", "--set", "seed=2")
    assert (ended, out) == (
        2, "error: seed was 0 when the run began and can't become 2; set it back, or choose another --output\n"
    )  # fmt: skip


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize("micro", [1, 2, 3, 16])
def test_ranks_get_every_row_once_in_equal_shapes(mix: Path, world: int, micro: int) -> None:
    import torch

    reader = open_reader(mix)
    batch = reader.batch(3)
    rows = []
    shapes = set()
    for rank in range(world):
        step = step_of(reader, 3, rank, world, micro, True, torch.device("cpu"))
        shapes.add(tuple(tuple(part.tokens.shape) for part in step.micros))
        for part in step.micros:
            assert len(part.tokens) <= micro
            for tokens, loss, source in zip(part.tokens, part.loss, part.sources, strict=True):
                if int(source) < 2:
                    rows.append(tokens.tolist())
                else:
                    assert not loss.any()
    assert len(shapes) == 1
    assert sorted(rows) == sorted(batch["tokens"][:, :-1].tolist())


def test_numbers_of_documents(mix: Path) -> None:
    batch = open_reader(mix).batch(0)
    documents, positions = document_numbers(batch)
    for row in range(len(batch["tokens"])):
        starts = batch["starts"][batch["offsets"][row] : batch["offsets"][row + 1]].tolist()
        number, place = -1, 0
        for at in range(LENGTH):
            if at in starts:
                number, place = number + 1, 0
            assert (documents[row, at], positions[row, at]) == (number, place)
            place += 1


def test_environment_is_clean() -> None:
    assert "WORLD_SIZE" not in os.environ
