"""Carry a Build through: publish what a task collected, combine a partition, finish the artefact."""

from __future__ import annotations

import json
import posixpath
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.manifest import MANIFEST, VERSION
from dataprep.plan import Pass, Plan
from dataprep.resume import build_of, read_record, write_record
from dataprep.shards import ParquetShard
from dataprep.stage import Build
from dataprep.store import Store, describe, json_bytes


def publish_collected(
    plan: Plan, store: Store, this: Pass, task: dict[str, Any], label: str, held: list[pa.RecordBatch]
) -> str:
    """One file with one row group per partition; rows keep the order of their places."""
    stage, part = build_of(this, label), task["collect"][label]
    table = pa.Table.from_batches(held, stage.collected())
    partition = table.column(stage.partition_by).to_numpy() % np.uint64(plan.partitions)
    with store.publishing(part["path"]) as path:
        shard = ParquetShard(path, stage.collected())
        for p in range(plan.partitions):
            rows = (table.filter(pa.array(partition == p)) if plan.partitions > 1 else table).combine_chunks()
            shard.write_group(rows.to_batches()[0] if rows.num_rows else _no_rows(stage.collected()))
        shard.close()
        file = describe(path, part["path"])
    write_record(store, part["name"], {"fingerprint": part["name"], "rows": table.num_rows, "files": [[*file]]})
    return str(part["name"])


def _no_rows(columns: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in columns], schema=columns)


def combine(plan: Plan, store: Store, task: dict[str, Any]) -> str:
    stage = build_of(plan.passes[task["pass"]], task["label"])
    tables = []
    for relative in task["inputs"]:
        with store.fetched(relative) as path, pq.ParquetFile(path) as file:
            tables.append(file.read_row_group(task["partition"], use_threads=False))
    if stage.writes:
        return _write(stage, store, task, tables)
    result = stage.combine(pa.concat_tables(tables).combine_chunks())
    with store.publishing(task["output"]) as path:
        shard = ParquetShard(path, stage.combined())
        for batch in result.to_batches():
            shard.write(batch)
        shard.close()
        file = describe(path, task["output"])
    record = {"fingerprint": task["fingerprint"], "rows": result.num_rows, "files": [[*file]]}
    write_record(store, task["name"], record)
    return str(task["name"])


def _write(stage: Build, store: Store, task: dict[str, Any], tables: list[pa.Table]) -> str:
    rows, number = sum(table.num_rows for table in tables), task["partition"]
    partition = [pa.concat_tables(tables)]
    tables.clear()  # nobody but the stage holds the rows: it lets go of them when it has what it needs
    with store.scratch() as out:
        facts = _as_json(stage.write(partition.pop(), number, out))
        files = _publish_all(store, out, task["output"])
    prefix = f"{task['output']}/{number:05d}."
    assert all(name.startswith(prefix) for name, _, _ in files), f"files of partition {number} must be {prefix}*"
    record = {"fingerprint": task["fingerprint"], "rows": rows, "facts": facts, "files": files}
    write_record(store, task["name"], record)
    return str(task["name"])


def finish(plan: Plan, store: Store, task: dict[str, Any]) -> str:
    stage = build_of(plan.passes[task["pass"]], task["label"])
    written: list[list[Any]] = []
    with ExitStack() as stack:
        if stage.writes:
            records = [read_record(store, name) for name in task["inputs"]]
            written = [file for record in records for file in _known(record)["files"]]
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            parts = [_part(folder / f"{n:05d}.json", _known(record)) for n, record in enumerate(records)]
        else:
            parts = [stack.enter_context(store.fetched(relative)) for relative in task["inputs"]]
        out = stack.enter_context(store.scratch())
        facts = _as_json(stage.finish(parts, out))
        if stage.kind is not None:
            _describe(plan, task, stage.kind, out / MANIFEST)
        files = sorted([*written, *_publish_all(store, out, task["output"])])
    record = {"fingerprint": task["fingerprint"], "facts": facts, "files": files}
    write_record(store, task["name"], record)
    return str(task["name"])


def _known(record: dict[str, Any] | None) -> dict[str, Any]:
    assert record is not None, "finish before every partition is done"
    return record


def _part(path: Path, record: dict[str, Any]) -> Path:
    files = [[posixpath.basename(name), size, sha256] for name, size, sha256 in record["files"]]
    path.write_bytes(json_bytes({"facts": record["facts"], "files": files}))
    return path


def _describe(plan: Plan, task: dict[str, Any], kind: str, path: Path) -> None:
    """Complete the artefact's own manifest. All that is in it follows from the artefact's fingerprint."""
    value = {
        "version": VERSION,
        "kind": kind,
        "fingerprint": task["fingerprint"],
        "pipeline": plan.asked,
        "inputs": plan.described_inputs,
        "stages": [],
        **json.loads(path.read_bytes()),
        "models": plan.versions("models"),
        "packages": plan.versions("packages"),
        "parents": [{"name": plan.pipeline.name, "fingerprint": plan.fingerprint}],
    }
    path.write_bytes(json_bytes(value))


def _as_json(facts: dict[str, Any]) -> Any:
    """As they are read back: a record's checksum is that of its JSON."""
    return json.loads(json.dumps(facts, allow_nan=False))


def _publish_all(store: Store, made: Path, folder: str) -> list[list[Any]]:
    """Publish every file below `made` under its name in `folder`; [path, bytes, sha256] of each."""
    files = []
    for path in sorted(p for p in made.rglob("*") if p.is_file()):
        relative = f"{folder}/{path.relative_to(made).as_posix()}"
        with store.publishing(relative) as temporary:
            shutil.move(path, temporary)
            files.append([*describe(temporary, relative)])
    return files
