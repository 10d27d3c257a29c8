"""The log of a training run: what survives a crash, what going back takes away, what progress says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dataprep.errors import InputError
from dataprep.training.log import Log, Progress, duration, read


def step(number: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "step",
        "step": number,
        "loss": 3.0,
        "tokens": 100,
        "seen": 100 * number + 100,
        "seconds": 0.5,
    } | more


def write(path: Path, *lines: dict[str, Any]) -> Log:
    log = Log(path)
    for line in lines:
        log.append(line)
    return log


def test_each_line_is_there_at_once_and_reads_back(tmp_path: Path) -> None:
    log = Log(tmp_path / "run" / "log.jsonl")
    for n in range(3):
        log.append(step(n))
        assert read(log.path) == [step(i) for i in range(n + 1)]
    log.append(step(3, loss=float("nan"), sources={"网": {"loss": float("inf"), "tokens": 1}}))
    log.close()
    last = log.path.read_text("utf-8").splitlines()[-1]
    assert json.loads(last, parse_constant=pytest.fail)["loss"] is None
    assert json.loads(last)["sources"]["网"] == {"loss": None, "tokens": 1}


def test_a_torn_last_line_goes(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, step(0), step(1, note="x" * 200_000)).close()
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    for torn in (b'{"kind": "st', b"x" * 70_000, b"{}"):
        path.write_bytes(whole + torn)
        assert [line["step"] for line in read(path)] == [0, 1]
        write(path, step(2)).close()
        assert path.read_bytes().startswith(whole)
        assert [line["step"] for line in read(path)] == [0, 1, 2]
    path.write_bytes(whole[:-1])  # all but the end of the line: not whole
    assert [line["step"] for line in read(path)] == [0]
    Log(path).close()
    assert path.read_bytes() == whole[:second]


def test_rewind_keeps_what_was_before_byte_for_byte(tmp_path: Path) -> None:
    lines = [
        {"kind": "start", "step": 0, "world": 1},
        step(0), step(1), step(2),
        {"kind": "validation", "step": 2, "sources": {}},
        step(3), step(4),
    ]  # fmt: skip
    path = tmp_path / "log.jsonl"
    log = write(path, *lines)
    whole = path.read_bytes().splitlines(keepends=True)
    log.rewind(4)
    assert path.read_bytes() == b"".join(whole)
    log.rewind(2)
    assert path.read_bytes() == b"".join(whole[:5])
    log.append({"kind": "start", "step": 3, "world": 2})
    log.append(step(3, loss=2.0))
    log.rewind(2)  # stopped again before the next checkpoint: that it was started stays
    assert [(line["kind"], line["step"]) for line in read(path)][5:] == [("start", 3)]
    log.rewind(-1)
    assert read(path) == lines[:1]
    log.append(step(0))
    log.close()
    assert [line["step"] for line in read(path)] == [0, 0]


def test_rewind_knows_of_steps_that_a_spike_undid(tmp_path: Path) -> None:
    spike = {"kind": "spike", "step": 5, "value": "loss", "back_to": 2, "skipped": [[20, 24]]}
    first, again = [step(n) for n in range(5)], [step(n, loss=2.0) for n in range(3, 8)]
    path = tmp_path / "log.jsonl"
    log = write(path, *first, spike, *again)
    log.rewind(4)  # a checkpoint that was written after the spike
    assert read(path) == [*first, spike, *again[:2]]
    log.rewind(2)  # the one that the spike went back to
    assert read(path) == [*first, spike]
    log.rewind(1)  # an older one: before the spike
    log.close()
    assert read(path) == first[:2]


def test_a_killed_writer_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    code = f"""
from dataprep.training.log import Log
log = Log({str(path)!r})
n = 0
while True:
    log.append({{"kind": "step", "step": n}})
    n += 1
    if n == 500:
        print("there", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    steps = [line["step"] for line in read(path)]
    assert len(steps) >= 500
    assert steps == list(range(len(steps)))


def test_errors_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with pytest.raises(InputError, match=r"log\.jsonl: can't be read"):
        read(path)
    for damaged in (b"\n", b"[]\n", b'{"kind": "step"}\n', b'{"kind": 1, "step": 1}\n', b"\xff\n"):
        path.write_bytes(b'{"kind": "step", "step": 0}\n' + damaged + b'{"kind": "step", "step": 1}\n')
        with pytest.raises(InputError, match=r"line 2 is damaged; ") as caught:
            read(path)
        assert "\n" not in str(caught.value)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_and_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("dataprep.training.log.time.monotonic", lambda: now[0])
    spike = {"kind": "spike", "step": 24, "value": "grad_norm", "back_to": 19, "skipped": [[96, 100]]}
    validation = {"kind": "validation", "step": 49, "sources": {"web": {"loss": 3.25, "bits_per_byte": 1.5}}}
    for out in (Terminal(), io.StringIO()):
        progress = Progress(1000, out=out)
        for n in range(100):
            now[0] += 0.5
            progress.step(step(n, mfu=0.4125))
            if n == 24:
                progress.spike(spike)
            if n == 49:
                progress.validation(validation)
        progress.clear()
        said = out.getvalue()
        if isinstance(out, Terminal):
            assert said.count("\r\x1b[K") > 100
            assert said.endswith("\r\x1b[K")
        else:
            lines = said.splitlines()
            assert "\r" not in said
            assert len(lines) == 5 + 2  # one in ten seconds, and what happened
            assert lines[1].startswith(
                "step 24: spike of grad_norm; back to the checkpoint after step 19, samples 96 to 99"
            )
            assert lines[3] == "step 49: validation loss web 3.2500 (1.500 bits per byte)"
            assert lines[-1] == "step 99 of 999, loss 3.0000, 200 tokens/s, MFU 41.2%, 7 min 30 s left, 1 spike"


def test_a_spike_that_leads_back_to_the_beginning() -> None:
    out = io.StringIO()
    Progress(9, out=out).spike({"kind": "spike", "step": 1, "value": "not finite", "back_to": -1, "skipped": [[4, 8]]})
    assert out.getvalue() == ("step 1: loss or gradient is not finite; back to the beginning, samples 4 to 7 skipped\n")


def test_time_left_counts_tokens_where_batches_grow() -> None:
    out = io.StringIO()
    progress = Progress(2, tokens=2_000, out=out)
    progress.step(step(1, seen=1_000, loss=None))
    assert out.getvalue() == "step 1 of 1, loss not finite, 200 tokens/s, 5 s left\n"
    assert [duration(s) for s in (7.4, 63, 7500, 273_600)] == ["7 s", "1 min 03 s", "2 h 05 min", "3 d 04 h"]
