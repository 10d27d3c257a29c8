"""A worker process: spawned, fed tasks over a pipe, dead as soon as its parent is."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from dataprep.errors import DataprepError

if TYPE_CHECKING:
    from dataprep.executors.local import Job

_SPAWN = multiprocessing.get_context("spawn")
PR_SET_PDEATHSIG = 1


class Worker:
    """The parent's handle. One job at a time; `batch` is the last one the worker said it began, of so many `rows`."""

    def __init__(self, plan_json: dict[str, Any]) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, plan_json, os.getpid()))
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.batch, self.rows = -1, 0
        self._heard: float | None = None

    def give(self, job: Job, quarantine: dict[str, str]) -> None:
        self.job, self.batch, self._heard = job, -1, None
        try:
            self.pipe.send((job.todo.task, job.todo.outputs, {int(p): r for p, r in quarantine.items()}, job.probed()))
        except OSError:
            pass  # it died while idle: the sentinel tells, and the job is handled as lost

    def hear(self) -> Any:
        """The next message; None if there is none yet. Raises EOFError if the worker is dead."""
        if self.pipe.poll():
            self._heard = time.monotonic()
            return self.pipe.recv()
        if not self.process.is_alive() and not self.pipe.poll():
            raise EOFError
        return None

    def silent_s(self) -> float:
        """Seconds since the worker last said something about its job; 0 while it starts up."""
        return 0.0 if self._heard is None else time.monotonic() - self._heard

    def stop(self, *, kill: bool = False) -> None:
        if kill or self.job is not None:
            self.process.kill()
        else:
            try:
                self.pipe.send(None)
            except OSError:
                pass  # already dead, which is what was wanted
        self.process.join()
        self.process.close()
        self.pipe.close()


def _serve(pipe: Any, plan_json: dict[str, Any], parent: int) -> None:
    """The worker's side: tasks in, messages out, until None or until the parent is gone."""
    # The kernel ends this process with its parent, also when the parent is killed with SIGKILL.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    import pyarrow as pa

    pa.set_cpu_count(1)
    from dataprep import plan as planning
    from dataprep.worker import StageFailed, probe, run_task

    plan, unfit = None, ""
    try:
        plan = planning.from_json(plan_json)
    except Exception as error:  # what it names may have gone since it was made: every task says so, and fails
        unfit = _said(error)

    def notify(batch: int, rows: int, documents: int, size: int) -> None:
        pipe.send(("batch", batch, rows, documents, size))

    while True:
        try:
            message = pipe.recv()
        except EOFError:
            return
        if message is None:
            return
        task, outputs, quarantine, search = message
        pipe.send(("begun",))
        if plan is None:
            pipe.send(("failed", unfit, None))
            continue
        try:
            if search is None:
                result: Any = run_task(plan, task, outputs, notify, quarantine)
            else:
                batch, lo, hi = search
                result = probe(plan, task, batch, (lo, hi), notify, quarantine)
        except StageFailed as error:
            pipe.send(("failed", str(error), error.batch))
        except MemoryError:
            os._exit(137)  # as if the system had ended it: the document is looked for
        except Exception as error:  # a defect of ours or of a library: named, and the task fails
            pipe.send(("failed", _said(error), None))
        else:
            pipe.send(("done", result))


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, DataprepError) else f"{type(error).__name__}: {error}".replace("\n", " ")
