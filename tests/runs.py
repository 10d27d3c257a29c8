"""Run the real command on small corpora, look at what it wrote, and run the same tasks in this process."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from loaded import Loaded

from dataprep import commit
from dataprep import plan as planning
from dataprep.pipeline import load
from dataprep.plan import Plan
from dataprep.resume import Progress
from dataprep.store import Store
from dataprep.worker import run_task

ROOT = Path(__file__).parent.parent
STAGES = Path(__file__).parent / "stages"
PATIENCE_S = 120.0
Process = Loaded | subprocess.Popen[str]

DEDUP: list[Any] = ["length", {"short": {"min_characters": 12}}, "exact_dedup", {"long": {"max_characters": 900}}]
"""Two passes: a score, a filter and a barrier; then a filter."""
CHAIN: list[Any] = ["length", {"short": {"min_characters": 2}}, "common_lengths"]
"""Three passes: a Build, a Build that reads it, and a filter that reads that one."""


# ---------------------------------------------------------------- corpora


def write_corpus(folder: Path, files: int = 6, rows: int = 120, seed: int = 0) -> Path:
    """JSON Lines with duplicates in and across files, empty texts, Chinese, missing and colliding ids."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        write_jsonl(folder / f"part-{number:02d}.jsonl", random_rows(random.Random(f"{seed}-{number}"), rows))
    return folder


def random_rows(rng: random.Random, rows: int) -> list[dict[str, Any]]:
    shared = random.Random(99)
    common = [" ".join(shared.choices(WORDS, k=30)) for _ in range(20)]
    found: list[dict[str, Any]] = []
    for n in range(rows):
        kind = rng.random()
        if kind < 0.3:
            text = rng.choice(common)
        elif kind < 0.4:
            text = rng.choice(["", " ", "短", "short", "\n"])
        else:
            text = " ".join(rng.choices(WORDS, k=rng.choice([3, 30, 120, 300])))
        row: dict[str, Any] = {"text": text, "n": n}
        if rng.random() < 0.7:
            row["id"] = rng.choice([f"id-{n}", n, "same"])
        if rng.random() < 0.3:
            row["url"] = f"https://example.org/{n}"
        if rng.random() < 0.3:
            row["source"] = rng.choice(["a", "b"])
        found.append(row)
    return found


WORDS = [f"word{n}" for n in range(200)] + list("的一是在不了有和人这中大为上个国") + ["naïve", "Straße", "🙂"]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def write_pipeline(folder: Path, stages: list[Any], **settings: Any) -> Path:
    """`folder/pipeline.yaml`, which reads `folder/in` and writes `folder/out` unless told otherwise."""
    path = folder / "pipeline.yaml"
    value = {"name": "test", "source": {"jsonl": str(folder / "in")}, "output": str(folder / "out"), "stages": stages}
    path.write_text(yaml.safe_dump(value | settings, allow_unicode=True, sort_keys=False), "utf-8")
    return path


# ---------------------------------------------------------------- the command


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "DATAPREP_STAGES": str(STAGES), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **extra}


def start(*arguments: object, **extra: str) -> Process:
    """The command, running: in a process that has its packages loaded, unless compiled kernels are to be elsewhere.

    With one worker unless told how many: each costs more than a second of CPU to start.
    """
    given = [*map(str, arguments)]
    if given[:1] in (["run"], ["tokenize"]) and "--workers" not in given:
        given += ["--workers", "1"]
    if "DATAPREP_HOME" not in extra:
        return Loaded(given, environment(**extra), "/")
    command = [sys.executable, "-m", "dataprep", *given]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment(**extra), text=True, stdout=pipe, stderr=pipe, cwd="/")


def dataprep(*arguments: object, code: int | None = 0, **extra: str) -> subprocess.CompletedProcess[str]:
    """The command, done; its exit code checked and never a traceback."""
    process = start(*arguments, **extra)
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert "Traceback" not in err, err
    assert code is None or process.returncode == code, (process.returncode, out, err)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def error(*arguments: object, code: int, **extra: str) -> str:
    """The one line that a command which must fail with `code` prints."""
    done = dataprep(*arguments, code=code, **extra)
    lines = [line for line in done.stderr.splitlines() if line.startswith(("error:", "Error:"))]
    assert len(lines) == 1, done.stderr
    return lines[0].partition(": ")[2]


def until(condition: Callable[[], Any], what: str) -> Any:
    """Poll a condition until it holds."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.002)
    raise AssertionError(f"never came: {what}")


def workers_of(process: Process) -> list[int]:
    """Process ids of a run's workers."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [int(pid) for pid in children if "spawn_main" in _command(int(pid))]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def alive(pid: int) -> bool:
    """Whether a worker is there; one that only waits to be collected is not."""
    return _command(pid) != ""


def kill(process: Process) -> None:
    """SIGKILL a run; returns when its workers are gone too."""
    workers = workers_of(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: not any(alive(pid) for pid in workers), "the end of the workers of a killed run")


# ---------------------------------------------------------------- results


def tree(out: Path) -> dict[str, str]:
    """Path -> sha256 of all that a run gives: everything but its own notes and the timings."""
    found = {}
    for path in sorted(out.rglob("*")):
        relative = path.relative_to(out).as_posix()
        if path.is_file() and not relative.startswith(".dataprep/") and relative != "timings.json":
            found[relative] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def manifest(out: Path) -> dict[str, Any]:
    value = json.loads((out / "manifest.json").read_text())
    assert isinstance(value, dict)
    return value


def records(out: Path) -> set[str]:
    return {path.name for path in (out / ".dataprep/records").glob("[!.]*.json")}


def killed_everywhere(pipeline: Path, folder: Path) -> dict[str, Any]:
    """What `killed_everywhere.py` found."""
    script = Path(__file__).parent / "killed_everywhere.py"
    done = subprocess.run(
        [sys.executable, script, pipeline, folder], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def make_plan(pipeline: Path, *, limit: int | None = None, **options: Any) -> Plan:
    return planning.make(load(pipeline, **options), limit=limit)


def run_here(plan: Plan, *, keep: bool = False) -> dict[str, Any]:
    """The run without processes: every task in turn, then the commit."""
    store = Store(plan.pipeline.output)
    store.remove_temporaries()
    store.publish_notes(planning.PLAN, planning.to_json(plan))
    progress = Progress(plan, store, verify=True)
    for step in plan.steps:
        progress.forget()
        for todo in progress.left(step) or ():
            for name in run_task(plan, todo.task, todo.outputs, lambda *_: None, {}):
                progress.trust(name)
    return commit.commit(plan, store, progress, keep=keep, wall_s=0.0, workers=1)
