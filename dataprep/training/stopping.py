"""Signals that ask a run to stop: it ends its step, keeps everything, and leaves."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Slurm and torchrun send SIGTERM, `sbatch --signal` what it is told to, a person Ctrl-C.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@contextmanager
def stopping() -> Iterator[Callable[[], int | None]]:
    """The signal that has asked this process to stop, if one has; the second time it ends at once."""
    got: list[int] = []

    def asked(number: int, frame: FrameType | None) -> None:
        if got:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        got.append(number)

    before = {number: signal.signal(number, asked) for number in _SIGNALS}
    try:
        yield lambda: got[0] if got else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
