"""The rows of a pass task, from inputs or from the shards of the pass before, and the artefacts it needs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import schema
from dataprep.errors import DataprepError, InputError
from dataprep.ledger import Ledger
from dataprep.plan import Plan
from dataprep.shards import BATCH_ROWS, row_bytes
from dataprep.stage import Report
from dataprep.store import Store


def read(plan: Plan, store: Store, task: dict[str, Any], ledger: Ledger) -> Iterator[pa.RecordBatch]:
    if "reads" in task:
        return _read_inputs(plan, task, ledger)
    return _read_shards(store, task, ledger)


def _read_inputs(plan: Plan, task: dict[str, Any], ledger: Ledger) -> Iterator[pa.RecordBatch]:
    source, limit = plan.pipeline.source, task["limit"]
    report = Report()
    cut = False
    for number, start, end in task["reads"]:
        file = plan.inputs[number]
        try:
            for batch in source.read(file, start, end, report):
                if limit is not None and ledger.documents + batch.num_rows >= limit:
                    batch, cut = batch.slice(0, limit - ledger.documents), True
                ledger.documents += batch.num_rows
                ledger.bytes += int(row_bytes(batch).sum())
                made = [_numbered(batch, number, file.relative, plan.source_columns)]
                del batch  # a generator at rest keeps its names, and one row can be 50 MB
                yield made.pop()
                if cut:
                    break
        except (DataprepError, GeneratorExit):
            raise
        except Exception as error:
            kind = plan.pipeline.source_kind
            raise InputError(f"{file.path}: can't be read as {kind}: {type(error).__name__}: {error}") from error
        if cut:
            break
    ledger.skipped, ledger.damaged = dict(sorted(report.skipped.items())), report.damaged
    ledger.records = ledger.documents + sum(report.skipped.values()) if cut else report.records


def _numbered(batch: pa.RecordBatch, number: int, relative: str, columns: pa.Schema) -> pa.RecordBatch:
    """Places become unique over all inputs, and every row gets an id."""
    offsets = batch.column(schema.PLACE).to_numpy()
    assert not len(offsets) or int(offsets.max()) >> schema.PLACE_BITS == 0, "offset beyond 2^40"
    arrays = {f.name: batch.column(i) for i, f in enumerate(batch.schema)}
    arrays[schema.PLACE] = pa.array(offsets + (number << schema.PLACE_BITS))
    ids = arrays[schema.ID]
    missing = pc.or_kleene(pc.is_null(ids), pc.equal(ids, ""))
    if pc.any(missing).as_py():
        prefix = pc.binary_join_element_wise(arrays[schema.SOURCE], f"{relative}#", "/")
        made = pc.binary_join_element_wise(prefix, pc.cast(pa.array(offsets), pa.string()), "")
        arrays[schema.ID] = pc.if_else(missing, made, ids)
    for field in columns:
        if field.name not in arrays:  # another input of this run has it
            arrays[field.name] = pa.nulls(batch.num_rows, field.type)
    return pa.RecordBatch.from_arrays([arrays[name] for name in columns.names], schema=columns)


def _read_shards(store: Store, task: dict[str, Any], ledger: Ledger) -> Iterator[pa.RecordBatch]:
    for shard in task["shards"]:
        with store.fetched(shard) as path, pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
                ledger.documents += batch.num_rows
                ledger.bytes += int(row_bytes(batch).sum())
                made = [batch]
                del batch  # a generator at rest keeps its names
                yield made.pop()
    ledger.records = ledger.documents


def artefacts_of(store: Store, task: dict[str, Any], stack: ExitStack) -> dict[str, Path]:
    """Local folder of each artefact the pass reads."""
    found: dict[str, Path] = {}
    for label, folder in task["artefacts"].items():
        if store.local:
            found[label] = Path(store.path(folder))
            continue
        found[label] = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for relative in store.files(folder):
            target = found[label] / relative.removeprefix(f"{folder}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(store.read_bytes(relative) or b"")
    return found
