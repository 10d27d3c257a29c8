"""Die by SIGKILL at every moment at which a training run touches a file, and see how the next one goes on.

`python killed_training.py SETTINGS FOLDER STRIDE` trains undisturbed and counts the moments: each line of the log, each
fsync and each rename, some of them in the thread that saves. For every STRIDE-th it forks a process that is killed just
before it, then one that runs to the end. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from killed_everywhere import forked
from training_runs import load, logged, weights

from dataprep.training import log
from dataprep.training.loop import pretrain


def at_moments(act: Callable[[], None]) -> None:
    """Call `act` before every moment from now on."""

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            act()
            return real(*arguments)

        return call

    os.replace = before(os.replace)  # type: ignore[assignment]
    os.fsync = before(os.fsync)  # type: ignore[assignment]
    log.Log.append = before(log.Log.append)  # type: ignore[method-assign]


def train(settings: Path, output: Path) -> None:
    pretrain(load(settings, output=str(output)), device="cpu")


def train_and_die(settings: Path, output: Path, moment: int) -> None:
    count = 0

    def act() -> None:
        nonlocal count
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    at_moments(act)
    train(settings, output)


def result(output: Path) -> Any:
    held = {name: value.tolist() for name, value in weights(output).items()}
    return [logged(output), logged(output, "validation"), held]


def main(settings: Path, folder: Path, stride: int) -> None:
    whole = folder / "whole"
    train(settings, whole)
    want = result(whole)
    counting, writing = os.pipe()

    def count() -> None:
        at_moments(lambda: os.write(writing, b".") and None)
        train(settings, folder / "counted")

    assert forked(count) == 0
    os.close(writing)
    moments = len(os.read(counting, 1 << 16))
    wrong, killed = [], 0
    for moment in range(0, moments, stride):
        output = folder / str(moment)
        died = forked(lambda: train_and_die(settings, output, moment))  # noqa: B023
        killed += os.WIFSIGNALED(died) and os.WTERMSIG(died) == signal.SIGKILL
        ended = forked(lambda: train(settings, output))  # noqa: B023
        if ended != 0 or result(output) != want:
            wrong.append([moment, ended])
    print(json.dumps({"moments": moments, "killed": killed, "tried": len(range(0, moments, stride)), "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
