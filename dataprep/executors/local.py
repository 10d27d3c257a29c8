"""Run a plan on this machine: N spawned processes that may die, be killed or hang without losing anything."""

from __future__ import annotations

import signal
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any, Protocol

from dataprep import commit
from dataprep import plan as planning
from dataprep.errors import RunError
from dataprep.executors.process import Worker
from dataprep.lease import Lease, lease
from dataprep.plan import Plan, Step
from dataprep.resume import Progress, Todo, write_step
from dataprep.store import Store

DEATHS = 3
"""A task whose worker died this often without a batch to blame is given up."""
TICK_S = 0.5


class Watcher(Protocol):
    """What a run tells while it goes on."""

    def step(self, step: Step, todo: int, cached: int) -> None: ...
    def progress(self, tasks_done: int, documents: int, bytes: int) -> None: ...
    def note(self, line: str) -> None: ...


@dataclass
class Job:
    """A task on its way, with what has befallen it."""

    todo: Todo
    deaths: dict[int, int] = field(default_factory=dict)
    """Batch number (-1: none begun) -> workers that died there."""
    search: tuple[int, int, int] | None = None
    """(batch, lo, hi): the document that stops the worker is in rows lo to hi of this batch."""
    why: tuple[str, str] = ("", "")
    """Reason for quarantine and what was seen."""
    cleared: bool = False
    """A search has ended without a document to blame."""

    def probed(self) -> tuple[int, int, int] | None:
        """What the next worker tries: the lower half of the rows in question, or the one that is left."""
        if self.search is None:
            return None
        batch, lo, hi = self.search
        return batch, lo, (lo + hi) // 2 if hi - lo > 1 else hi

    @property
    def name(self) -> str:
        return str(self.todo.task["name"])

    @property
    def in_batches(self) -> bool:
        """Whether silence is suspicious: `combine` and `finish` have nothing to say until they end."""
        return bool(self.todo.task["kind"] == "pass")

    @property
    def title(self) -> str:
        task = self.todo.task
        which = task.get("n", task.get("partition", task.get("label")))
        return f"{task['kind']} {task['pass'] + 1} task {which}"


def run(plan: Plan, *, workers: int, keep: bool, watcher: Watcher) -> dict[str, Any]:
    """Do what is left of a plan and commit it. Gives the manifest.

    Raises OutputBusy if another run writes there; RunError naming the tasks that failed and how to go on: finished
    tasks are kept and the next run takes them up.
    """
    from dataprep.text.warmup import prepare

    began = time.monotonic()
    store = Store(plan.pipeline.output)
    with lease(store) as held:
        commit.refuse_foreign(store, plan.pipeline.kind)
        store.remove_temporaries()
        progress = Progress(plan, store, verify=True)
        pool = _Pool(plan, store, held, progress, workers, watcher)
        try:
            store.publish_notes(planning.PLAN, planning.to_json(plan))
            for step in plan.steps:
                progress.forget()
                todo = progress.left(step)
                assert todo is not None, "an earlier step left a task undone and did not fail"
                watcher.step(step, len(todo), _count(progress, step) - len(todo))
                if todo:
                    prepare(watcher.note, [__name__, *plan.modules])
                    write_step(store, step, todo)
                    pool.work([Job(t) for t in todo])
        finally:
            pool.close()
        held.confirm()
        return commit.commit(plan, store, progress, keep=keep, wall_s=time.monotonic() - began, workers=workers)


def _count(progress: Progress, step: Step) -> int:
    if step.kind == "pass":
        return len(progress.pass_tasks(step.number) or ())
    if step.kind == "combine":
        return len(progress.combine_tasks(step.number) or ())
    return len(progress.finish_tasks(step.number))


class _Pool:
    """Hands tasks to workers, replaces the dead, finds the documents that kill."""

    def __init__(self, plan: Plan, store: Store, held: Lease, progress: Progress, size: int, watcher: Watcher) -> None:
        self._plan, self._store, self._lease, self._progress = plan, store, held, progress
        self._size, self._watcher = size, watcher
        self._workers: list[Worker] = []
        self._plan_json = planning.to_json(plan)
        self._quarantine: dict[str, dict[str, str]] = store.read_json(commit.QUARANTINED) or {}
        self._jobs: deque[Job] = deque()
        self._failed: list[str] = []
        self._done = 0
        self._seen: dict[str, tuple[int, int]] = {}

    def work(self, jobs: list[Job]) -> None:
        """Run jobs to their end. Other jobs go on when one fails; then RunError says which did."""
        self._jobs, self._failed, self._done, self._seen = deque(jobs), [], 0, {}
        while self._jobs or any(w.job for w in self._workers):
            self._lease.check()
            self._assign()
            busy = {handle: w for w in self._workers if w.job for handle in (w.pipe, w.process.sentinel)}
            for handle in connection.wait(list(busy), TICK_S):
                worker = busy[handle]  # type: ignore[index]
                if worker.job is not None:
                    self._hear(worker)
            limit = self._plan.pipeline.max_batch_seconds
            for worker in [w for w in self._workers if w.job and w.job.in_batches and w.silent_s() > limit]:
                self._lost(worker, "timed_out", f"made no progress for {limit:g} s")
            self._tell()
        if self._failed:
            more = f" (and {len(self._failed) - 1} more tasks)" if len(self._failed) > 1 else ""
            raise RunError(f"{self._failed[0]}{more}; finished tasks are kept: type the same command again")

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _assign(self) -> None:
        idle = [w for w in self._workers if w.job is None]
        while self._jobs and (idle or len(self._workers) < self._size):
            if idle:
                worker = idle.pop()
            else:
                worker = Worker(self._plan_json)
                self._workers.append(worker)
            job = self._jobs.popleft()
            worker.give(job, self._quarantine.get(job.todo.task["fingerprint"], {}))

    def _tell(self) -> None:
        documents = sum(d for d, _ in self._seen.values())
        self._watcher.progress(self._done, documents, sum(b for _, b in self._seen.values()))

    # ------------------------------------------------------------ what workers say

    def _hear(self, worker: Worker) -> None:
        """One message, or the silence of a dead worker."""
        try:
            message = worker.hear()
        except (EOFError, OSError):
            worker.process.join()
            code = worker.process.exitcode or 0
            said = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
            self._lost(worker, "crashed", f"its worker {said}")
            return
        job = worker.job
        if message is None or job is None:
            return
        kind, *rest = message
        if kind == "batch":
            worker.batch, worker.rows, documents, size = rest
            self._seen[job.name] = (documents, size)
        elif kind == "done":
            worker.job = None
            self._finished(job, rest[0])
        elif kind == "failed":
            worker.job = None
            text, batch = rest
            if job.search is not None and batch is not None:
                self._narrow(job, died=True)
            elif batch is None:
                self._failed.append(f"{job.title}: {text}")
            else:
                self._look(job, batch, worker.rows, "failed", text)

    def _finished(self, job: Job, result: Any) -> None:
        if job.search is not None:
            self._probed(job, result)
            return
        for name in result:
            self._progress.trust(name)
        self._done += 1

    def _lost(self, worker: Worker, reason: str, said: str) -> None:
        """A worker died or hangs: end it and decide what becomes of its job."""
        job, batch = worker.job, worker.batch
        worker.stop(kill=True)
        worker.job = None  # its pipe and its sentinel may both have woken us
        self._workers.remove(worker)
        assert job is not None
        if job.search is not None:
            self._narrow(job, died=True)
            return
        job.deaths[batch] = job.deaths.get(batch, 0) + 1
        if batch >= 0 and (job.deaths[batch] > 1 or reason == "timed_out"):
            self._look(job, batch, worker.rows, reason, said)
        elif job.deaths[batch] >= DEATHS:
            self._failed.append(f"{job.title}: {said}, {DEATHS} times; is there enough memory?")
        else:
            # Killed from outside, perhaps: once more before a document is blamed.
            self._watcher.note(f"{job.title}: {said}; starting it again")
            self._jobs.appendleft(job)

    # ------------------------------------------------------------ finding a poison document

    def _look(self, job: Job, batch: int, rows: int, reason: str, said: str) -> None:
        job.why = (reason, said)
        job.search = (batch, 0, rows)
        self._watcher.note(f"{job.title}: {said} in batch {batch}; looking for the document")
        self._jobs.appendleft(job)

    def _narrow(self, job: Job, *, died: bool) -> None:
        """The probed lower half did or did not stop its worker: go on with the half that holds the document."""
        assert job.search is not None
        batch, lo, hi = job.search
        if hi - lo == 1:
            if died:
                job.search = (batch, lo, lo)  # an empty probe gives the name of row lo
            else:
                self._clear(job)
                return
        else:
            middle = (lo + hi) // 2
            job.search = (batch, lo, middle) if died else (batch, middle, hi)
        self._jobs.appendleft(job)

    def _clear(self, job: Job) -> None:
        """No single document does it again: workers were killed from outside, or many documents do it together."""
        assert job.search is not None
        if job.cleared or job.why[0] == "failed":
            self._failed.append(f"{job.title}: {job.why[1]} in batch {job.search[0]}, but no single document does it")
            return
        self._watcher.note(f"{job.title}: no single document does it; starting it again")
        job.search, job.cleared = None, True
        job.deaths.clear()
        self._jobs.appendleft(job)

    def _probed(self, job: Job, names: list[list[Any]]) -> None:
        assert job.search is not None
        _, lo, hi = job.search
        if lo < hi:
            self._narrow(job, died=False)
            return
        if not names:
            self._clear(job)
            return
        (place, identifier) = names[0]
        reason, said = job.why
        job.search = None
        if self._plan.pipeline.on_error != "quarantine":
            self._failed.append(
                f"{job.title}: document '{identifier}': {said}; "
                "`on_error: quarantine` in the pipeline drops and counts such documents"
            )
            return
        self._quarantine.setdefault(job.todo.task["fingerprint"], {})[str(place)] = reason
        self._store.publish_json(commit.QUARANTINED, self._quarantine)
        self._watcher.note(f"{job.title}: document '{identifier}' quarantined: {said}")
        job.deaths.clear()
        self._jobs.appendleft(job)
