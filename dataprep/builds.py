"""Carry a Build through: publish what a task collected, combine a partition, finish the artefact."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.plan import Pass, Plan
from dataprep.resume import build_of, write_record
from dataprep.shards import ParquetShard
from dataprep.store import Store, describe


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
            rows = table.filter(pa.array(partition == p)).combine_chunks()
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


def finish(plan: Plan, store: Store, task: dict[str, Any]) -> str:
    stage = build_of(plan.passes[task["pass"]], task["label"])
    with ExitStack() as stack:
        parts = [stack.enter_context(store.fetched(relative)) for relative in task["inputs"]]
        out = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # As they are read back: a record's checksum is that of its JSON.
        facts = json.loads(json.dumps(stage.finish(parts, out), allow_nan=False))
        files = []
        for made in sorted(p for p in out.rglob("*") if p.is_file()):
            relative = f"{task['output']}/{made.relative_to(out).as_posix()}"
            with store.publishing(relative) as path:
                path.write_bytes(made.read_bytes())
                files.append([*describe(path, relative)])
    record = {"fingerprint": task["fingerprint"], "facts": facts, "files": files}
    write_record(store, task["name"], record)
    return str(task["name"])
