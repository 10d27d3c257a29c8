"""What is done and what is left: tasks, their records, and the smallest set of tasks that makes a run whole.

A record is written after the files it describes and is their completion: a task is done if its record matches its
fingerprint and the files match the record. Everything is found by walking back from what the run must hold.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dataprep.manifest import DOCUMENTS
from dataprep.plan import Pass, Plan, Step, fingerprint, sealed, unsealed
from dataprep.stage import Build
from dataprep.store import Store

SHORT = 16
WORK = ".dataprep"


class Todo(NamedTuple):
    """One task and the outputs it still owes."""

    task: dict[str, Any]
    outputs: tuple[str, ...]
    """`documents` (with verdicts), `collect:LABEL`, `combine` or `artefact`."""


class Progress:
    """Reads records and files once each. `verify` also compares the sha256 of what is on disk."""

    def __init__(self, plan: Plan, store: Store, *, verify: bool = False) -> None:
        self.plan = plan
        self.store = store
        self._verify = verify
        self._records: dict[str, dict[str, Any] | None] = {}
        self._files: dict[tuple[str, int, str], bool] = {}
        self._tasks: dict[int, list[dict[str, Any]] | None] = {}

    # ------------------------------------------------------------ records

    def record(self, name: str) -> dict[str, Any] | None:
        if name not in self._records:
            self._records[name] = read_record(self.store, name)
        return self._records[name]

    def forget(self) -> None:
        """Look again: tasks have run."""
        self._records = {name: record for name, record in self._records.items() if record is not None}
        self._tasks = {number: tasks for number, tasks in self._tasks.items() if tasks is not None}

    def done(self, name: str) -> bool:
        """The record is there and so is every file it lists."""
        record = self.record(name)
        return record is not None and all(self._intact(*f) for f in record["files"])

    def _intact(self, relative: str, size: int, sha256: str) -> bool:
        key = (relative, size, sha256)
        if not self._files.get(key):
            intact = self.store.size(relative) == size
            if intact and self._verify:
                intact = self.store.sha256(relative) == sha256
            self._files[key] = intact
        return self._files[key]

    def trust(self, name: str) -> None:
        """This process saw the task publish: its files need no second reading."""
        self._records.pop(name, None)
        record = self.record(name)
        if record is not None:
            self._files |= dict.fromkeys(((path, size, sha) for path, size, sha in record["files"]), True)

    # ------------------------------------------------------------ tasks

    def pass_tasks(self, number: int) -> list[dict[str, Any]] | None:
        """Every task of a pass; None while an earlier pass has tasks without records."""
        if number not in self._tasks:
            self._tasks[number] = self._pass_tasks(self.plan.passes[number])
        return self._tasks[number]

    def _pass_tasks(self, p: Pass) -> list[dict[str, Any]] | None:
        if p.number == 0:
            reads = [{"reads": [list(r) for r in task], "limit": self.plan.limit} for task in self.plan.reads]
            return [self._pass_task(p, n, read, self.plan.read_identity(n)) for n, read in enumerate(reads)]
        before = self.pass_tasks(p.number - 1)
        if before is None:
            return None
        groups: list[list[dict[str, Any]]] = []
        held = 0
        for task in before:
            record = self.record(task["name"])
            if record is None:
                return None
            if not groups or (held and held + record["bytes"] > self.plan.group_bytes):
                groups.append([])
                held = 0
            held += record["bytes"]
            groups[-1].append(task)
        return [
            self._pass_task(p, n, {"shards": [t["documents"] for t in group]}, [t["fingerprint"] for t in group])
            for n, group in enumerate(groups)
        ]

    def _pass_task(self, p: Pass, n: int, reads: dict[str, Any], identity: list[Any]) -> dict[str, Any]:
        # A first-pass task depends on its own inputs and their numbers: a new input leaves those before it valid.
        mark = fingerprint("task", p.chain, identity, n)
        final = p.number == len(self.plan.passes) - 1
        return {
            "kind": "pass",
            "pass": p.number,
            "n": n,
            "name": f"documents-{mark[:SHORT]}",
            "fingerprint": mark,
            **reads,
            "documents": self._shard(n, mark, final),
            "final": final,
            "verdicts": f"verdicts/{p.number}-{n:05d}-{mark[:8]}.parquet",
            "collect": {
                label: {
                    "name": f"collect-{fingerprint(prints.collect, identity)[:SHORT]}",
                    "path": f"{WORK}/collect/{label}-{fingerprint(prints.collect, identity)[:SHORT]}.parquet",
                }
                for label, prints in p.builds.items()
            },
            "artefacts": {label: self.artefact_folder(label) for label in _reads_artefacts(p)},
        }

    def _shard(self, n: int, mark: str, final: bool) -> str | None:
        """Where the documents of a task go; None in a run that gives something else."""
        if not final:
            return f"{WORK}/shards/{mark[:SHORT]}.parquet"
        return f"documents/{n:05d}-{mark[:8]}.parquet" if self.plan.pipeline.kind == DOCUMENTS else None

    def artefact_folder(self, label: str) -> str:
        return f"artefacts/{label}-{self._build(label)[:8]}"

    def _build(self, label: str) -> str:
        return next(p.builds[label].artefact for p in self.plan.passes if label in p.builds)

    def combine_tasks(self, number: int) -> list[dict[str, Any]] | None:
        """One task per Build and partition."""
        before = self.pass_tasks(number)
        if before is None:
            return None
        tasks = []
        for label, (_, build) in self.plan.passes[number].builds.items():
            for partition in range(self.plan.partitions):
                mark = self._combined(label, partition)
                tasks.append(
                    {
                        "kind": "combine",
                        "pass": number,
                        "label": label,
                        "partition": partition,
                        "name": f"combine-{mark}",
                        "fingerprint": build,
                        "inputs": [t["collect"][label]["path"] for t in before],
                        "output": self.artefact_folder(label) if self._writes(label) else _combined_path(mark),
                    }
                )
        return tasks

    def finish_tasks(self, number: int) -> list[dict[str, Any]]:
        """One task per Build."""
        return [
            {
                "kind": "finish",
                "pass": number,
                "label": label,
                "name": f"artefact-{label}-{build[:SHORT]}",
                "fingerprint": build,
                "inputs": [
                    f"combine-{mark}" if self._writes(label) else _combined_path(mark)
                    for mark in (self._combined(label, p) for p in range(self.plan.partitions))
                ],
                "output": self.artefact_folder(label),
            }
            for label, (_, build) in self.plan.passes[number].builds.items()
        ]

    def _combined(self, label: str, partition: int) -> str:
        return f"{label}-{partition:05d}-{self._build(label)[:SHORT]}"

    def _writes(self, label: str) -> bool:
        """Whether its partitions write files of the artefact; then their records are what `finish` reads."""
        return any(build_of(p, label).writes for p in self.plan.passes if label in p.builds)

    # ------------------------------------------------------------ what is left

    def left(self, step: Step) -> list[Todo] | None:
        """The tasks of a step that must run; None while that can't be known."""
        if step.kind == "finish":
            return [Todo(t, ("artefact",)) for t in self.finish_tasks(step.number) if not self.done(t["name"])]
        if step.kind == "combine":
            tasks = self.combine_tasks(step.number)
            if tasks is None:
                return None
            wanted = {todo.task["label"] for todo in self.left(Step("finish", step.number)) or ()}
            return [Todo(t, ("combine",)) for t in tasks if t["label"] in wanted and not self.done(t["name"])]
        return self._left_of_pass(step.number)

    def _left_of_pass(self, number: int) -> list[Todo] | None:
        tasks = self.pass_tasks(number)
        if tasks is None:
            return None
        wanted_collects = {t.task["label"] for t in self.left(Step("combine", number)) or ()}
        wanted_shards = self._wanted_shards(number)
        todo = []
        for task in tasks:
            outputs = []
            if not self._documents_done(task, wanted_shards):
                outputs.append("documents")
            for label, part in task["collect"].items():
                if label in wanted_collects and not self.done(part["name"]):
                    outputs.append(f"collect:{label}")
            if outputs:
                todo.append(Todo(task, tuple(outputs)))
        return todo

    def _documents_done(self, task: dict[str, Any], wanted_shards: set[str] | None) -> bool:
        if wanted_shards is None or task["documents"] in wanted_shards:
            return self.done(task["name"])
        # Nobody reads this shard any more: its verdicts and its record are what the run must hold.
        record = self.record(task["name"])
        return record is not None and all(self._intact(*f) for f in record["files"] if f[0] != task["documents"])

    def _wanted_shards(self, number: int) -> set[str] | None:
        """Shards of a pass that a later task still reads; None for all of them."""
        if number == len(self.plan.passes) - 1:
            return None
        later = self._left_of_pass(number + 1)
        if later is None:
            return None
        return {shard for todo in later for shard in todo.task["shards"]}


def _reads_artefacts(p: Pass) -> list[str]:
    found = [part.stage.reads_artefact() for part in p.parts]
    return sorted({label for label in found if label is not None})


def _combined_path(mark: str) -> str:
    return f"{WORK}/combine/{mark}.parquet"


def record_path(name: str) -> str:
    return f"{WORK}/records/{name}.json"


def write_record(store: Store, name: str, value: dict[str, Any]) -> None:
    """Publish a record: the last thing a task does. It carries its own checksum, for the manifest is made of it."""
    store.publish_notes(record_path(name), sealed(value))


def read_record(store: Store, name: str) -> dict[str, Any] | None:
    """The record; None if it is missing, torn or altered."""
    return unsealed(store.read_json(record_path(name)))


def step_path(step: Step) -> str:
    return f"{WORK}/steps/{step.number}-{step.kind}.json"


def write_step(store: Store, step: Step, todo: list[Todo] | None) -> None:
    """Publish what is left of a step, where `dataprep task` finds it; None, not known yet, is nothing to do."""
    store.publish_notes(step_path(step), sealed({"tasks": [[t.task, list(t.outputs)] for t in todo or ()]}))


def read_step(store: Store, step: Step) -> list[Any] | None:
    """The tasks and outputs that `write_step` was given; None if what it wrote is missing, torn or altered."""
    value = unsealed(store.read_json(step_path(step)))
    return None if value is None else value["tasks"]


def build_of(p: Pass, label: str) -> Build:
    """The Build riding on a pass under this label."""
    return next(part.stage for part in p.parts if part.label == label and isinstance(part.stage, Build))
