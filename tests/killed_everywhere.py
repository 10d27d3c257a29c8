"""Die by SIGKILL at every step of publishing, one after the other, and see what the next run makes of it.

`python killed_everywhere.py PIPELINE FOLDER` runs the pipeline undisturbed, counts its renames, then for every rename
forks a process that is killed just before it (and after the last), and one that runs to the end. Prints one JSON
object.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from runs import make_plan, run_here, tree

real_replace = os.replace


def forked(work: Callable[[], None]) -> int:
    """Wait status of a child that does this work."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def run(pipeline: Path, output: Path) -> None:
    run_here(make_plan(pipeline, output=str(output)))


def run_and_die(pipeline: Path, output: Path, renames: int) -> None:
    count = 0

    def replace(temporary: str, final: str) -> None:
        nonlocal count
        if count == renames:
            os.kill(os.getpid(), signal.SIGKILL)
        real_replace(temporary, final)
        count += 1

    os.replace = replace  # type: ignore[assignment]
    run(pipeline, output)
    os.kill(os.getpid(), signal.SIGKILL)


def renames_of(pipeline: Path, output: Path) -> int:
    """Renames of an undisturbed run, made in this process so that those it forks have everything loaded."""
    names: list[str] = []

    def replace(temporary: str, final: str) -> None:
        names.append(str(final))
        real_replace(temporary, final)

    os.replace = replace  # type: ignore[assignment]
    run(pipeline, output)
    os.replace = real_replace
    return len(names)


def main(pipeline: Path, folder: Path) -> None:
    whole = folder / "whole"
    renames, want = renames_of(pipeline, whole), tree(whole)
    wrong, killed = [], 0
    for at in range(renames + 1):
        output = folder / str(at)
        died = forked(lambda: run_and_die(pipeline, output, at))  # noqa: B023
        killed += os.WIFSIGNALED(died) and os.WTERMSIG(died) == signal.SIGKILL
        ended = forked(lambda: run(pipeline, output))  # noqa: B023
        if ended != 0 or tree(output) != want:
            wrong.append([at, ended])
    print(json.dumps({"renames": renames, "killed": killed, "wrong": wrong, "files": len(want)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
