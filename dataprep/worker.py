"""Run one task: the only hot loop.

A pass task reads its shard in canonical batches, runs the fused stages over each, and publishes documents, verdicts
and the rows its Builds collect; `combine` and `finish` tasks carry a Build through. A record is written last.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.builds import combine, finish, publish_collected
from dataprep.documents import Documents
from dataprep.errors import DataprepError, RunError
from dataprep.ledger import QUARANTINE, Ledger
from dataprep.pii.redaction import redacted
from dataprep.pipeline import Placed
from dataprep.plan import Pass, Plan, at_home, labelling, verdict_columns
from dataprep.reading import artefacts_of, read
from dataprep.resume import write_record
from dataprep.shards import BATCH_BYTES, BATCH_ROWS, ParquetShard, recut, row_bytes
from dataprep.stage import Build, Filter, Map
from dataprep.store import Store, describe
from dataprep.verdicts import Verdicts, count_input, count_output, count_tallies, drop

Notify = Callable[[int, int, int, int], None]
"""Called before each batch: its number in the task and its rows; documents and bytes read so far."""


class StageFailed(RunError):
    """A stage raised on a batch: the executor looks for the document in it."""

    def __init__(self, label: str, batch: int, error: BaseException) -> None:
        # A library's message may quote the text it stumbled over.
        super().__init__(f"{label}: {type(error).__name__}: {redacted(str(error))}".replace("\n", " "))
        self.batch = batch


def run_task(
    plan: Plan, task: dict[str, Any], outputs: tuple[str, ...], notify: Notify, quarantine: Mapping[int, str]
) -> list[str]:
    """Do one task and publish the outputs it owes. Gives the names of the records written.

    `quarantine` maps places to reasons: those documents are dropped before any stage sees them.
    """
    store = Store(plan.pipeline.output)
    if task["kind"] == "combine":
        return [combine(plan, store, task)]
    if task["kind"] == "finish":
        return [finish(plan, store, task)]
    return _pass(plan, store, task, outputs, notify, quarantine)


def probe(
    plan: Plan, task: dict[str, Any], batch: int, rows: tuple[int, int], notify: Notify, quarantine: Mapping[int, str]
) -> list[list[Any]]:
    """Run the stages over rows [lo, hi) of one batch and publish nothing: does it survive?

    Gives [place, id] of row lo, so that the caller can name the last one left; an empty range runs nothing.
    """
    store, ledger, this = Store(plan.pipeline.output), Ledger(), plan.passes[task["pass"]]
    with ExitStack() as stack:
        artefacts = artefacts_of(store, task, stack)
        for n, found in enumerate(recut(read(plan, store, task, ledger), BATCH_ROWS, BATCH_BYTES)):
            notify(n, found.num_rows, ledger.documents, ledger.bytes)
            if n < batch:
                continue
            lo, hi = (min(row, found.num_rows) for row in rows)
            docs = _without(Documents(found.slice(lo, hi - lo), artefacts), quarantine, Ledger(), None)
            if len(docs):
                _stages(this, n, docs, Ledger(), None, {label: [] for label in this.builds}, {}, set())
            row = found.slice(lo, 1).select([schema.PLACE, schema.ID]).to_pylist()
            return [[one[schema.PLACE], one[schema.ID]] for one in row]
    return []


# ---------------------------------------------------------------- passes


def _pass(
    plan: Plan,
    store: Store,
    task: dict[str, Any],
    outputs: tuple[str, ...],
    notify: Notify,
    quarantine: Mapping[int, str],
) -> list[str]:
    this = plan.passes[task["pass"]]
    started = perf_counter()
    seconds: dict[str, float] = {}
    ledger = Ledger()
    collected: dict[str, list[pa.RecordBatch]] = {o.partition(":")[2]: [] for o in outputs if o.startswith("collect:")}
    columns = _without_place(this.columns) if task["final"] else this.columns
    judged = verdict_columns(plan, this)
    rows = size = 0
    with ExitStack() as stack:
        reading = recut(read(plan, store, task, ledger), BATCH_ROWS, BATCH_BYTES)
        artefacts = artefacts_of(store, task, stack)
        accounts = "documents" in outputs
        writes = accounts and task["documents"] is not None
        if writes:
            shard_path = stack.enter_context(store.publishing(task["documents"]))
            # What the next pass reads and removes is stored in half the time, and half as large again.
            shard = _shard(shard_path, columns, stack, "zstd" if task["final"] else "lz4")
            verdict_path = stack.enter_context(store.publishing(task["verdicts"]))
            verdict_shard = _shard(verdict_path, judged, stack)
        home = at_home(plan, this)
        number = -1
        while True:
            began = perf_counter()
            batch = next(reading, None)
            _spend(seconds, "read", began)
            if batch is None:
                break
            number += 1
            huge = int(row_bytes(batch).sum()) >= 2 * BATCH_BYTES
            _release(huge)
            notify(number, batch.num_rows, ledger.documents, ledger.bytes)
            verdicts = Verdicts(judged)
            arrived = [_without(Documents(batch, artefacts), quarantine, ledger, verdicts)]
            del batch  # no name here for what the stages replace: one row can be 50 MB
            docs = _stages(this, number, arrived.pop(), ledger, verdicts, collected, seconds, home)
            docs = Documents(docs.batch)  # the views have done their work: give their memory back before writing
            count_output(ledger, docs)
            rows += len(docs)
            size += int(row_bytes(docs.batch).sum())
            if writes:
                began = perf_counter()
                verdict_shard.write(verdicts.table(docs))
                shard.write(_conform(docs.batch, columns, this))
                _spend(seconds, "write", began)
            del docs
            _release(huge)
        notify(number + 1, 0, ledger.documents, ledger.bytes)
        ledger.check()
        began = perf_counter()
        files: list[list[Any]] = []
        if writes:
            shard.close()
            verdict_shard.close()
            if rows == 0 and task["final"]:  # an empty shard is no part of a corpus
                shard_path.unlink()
            else:
                files.append([*describe(shard_path, task["documents"])])
            files.append([*describe(verdict_path, task["verdicts"])])
        collects = [publish_collected(plan, store, this, task, label, held) for label, held in collected.items()]
    _spend(seconds, "write", began)
    if accounts:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        record = {
            "fingerprint": task["fingerprint"],
            "documents": task["documents"] if rows or not task["final"] else None,
            "rows": rows,
            "bytes": size,
            "files": files,
            "ledger": ledger.to_json(),
            "timing": {"seconds": seconds, "total_s": perf_counter() - started, "peak_memory_bytes": memory},
        }
        write_record(store, task["name"], record)
        collects.append(task["name"])
    return collects


def _release(huge: bool) -> None:
    """After a row of more than `BATCH_BYTES`: Arrow's allocator would keep up to six times its size. 1 ms."""
    if huge:
        pa.default_memory_pool().release_unused()


def _shard(path: Path, columns: pa.Schema, stack: ExitStack, compression: str = "zstd") -> ParquetShard:
    shard = ParquetShard(path, columns, compression)
    stack.push(lambda kind, *_: shard.abandon() if kind is not None else None)
    return shard


def _stages(
    this: Pass,
    number: int,
    docs: Documents,
    ledger: Ledger,
    verdicts: Verdicts | None,
    collected: dict[str, list[pa.RecordBatch]],
    seconds: dict[str, float],
    home: set[str],
) -> Documents:
    """Every stage of a pass over one batch; each row is kept or dropped with a reason."""
    entered: set[str] = set()
    labelled = labelling(this)
    for position, part in enumerate(this.parts):
        label, name = part.label, part.entry
        began = perf_counter()
        if name in labelled and name not in entered:
            count_input(ledger, name, docs)
        if name in home and name not in entered:
            entry = ledger.entry(name)
            entry.documents_in += len(docs)
            entry.bytes_in += int(row_bytes(docs.batch).sum())
        entered.add(name)
        try:
            after = _stage(part, docs, ledger, verdicts, collected)
        except (DataprepError, MemoryError):  # without memory the worker ends: see executors/process.py
            raise
        except Exception as error:
            raise StageFailed(label, number, error) from error
        if name not in home and len(after) < len(docs):
            # What it drops on this side of its barrier never reaches the other, where the rest is counted.
            entry = ledger.entry(name)
            entry.documents_in += len(docs) - len(after)
            entry.bytes_in += int(row_bytes(docs.batch).sum() - row_bytes(after.batch).sum())
        docs = after
        if name in home and all(later.entry != name for later in this.parts[position + 1 :]):
            entry = ledger.entry(name)
            entry.documents_out += len(docs)
            entry.bytes_out += int(row_bytes(docs.batch).sum())
        _spend(seconds, label, began)
    return docs


def _stage(
    part: Placed,
    docs: Documents,
    ledger: Ledger,
    verdicts: Verdicts | None,
    collected: dict[str, list[pa.RecordBatch]],
) -> Documents:
    stage = part.stage
    if isinstance(stage, Map):
        removed = {name: None for name, kind in stage.gives().items() if kind is None}
        if not len(docs):
            return _emptied(stage, docs)
        docs = docs.with_columns({**stage.columns(docs), **removed})
        count_tallies(ledger, part.entry, stage.tallies(), docs)
        return docs
    if isinstance(stage, Filter):
        if not len(docs):
            return docs
        return drop(docs, stage.reasons(docs), part.entry, ledger, verdicts)
    assert isinstance(stage, Build)
    if part.label in collected and len(docs):
        collected[part.label].append(stage.collect(docs))
    return docs


def _emptied(stage: Map, docs: Documents) -> Documents:
    """No rows left: the columns are still owed, and no stage needs to handle nothing."""
    return docs.with_columns(
        {name: None if kind is None else pa.array([], kind) for name, kind in stage.gives().items()}
    )


def _without(docs: Documents, quarantine: Mapping[int, str], ledger: Ledger, verdicts: Verdicts | None) -> Documents:
    if not quarantine:
        return docs
    places = docs[schema.PLACE].to_numpy()
    bad = np.isin(places, np.fromiter(quarantine, np.int64))
    entry = ledger.entry(QUARANTINE)
    entry.documents_in += len(docs)
    entry.bytes_in += int(row_bytes(docs.batch).sum())
    if bad.any():
        reasons = pa.array([quarantine.get(int(p)) for p in places], pa.string())
        docs = drop(docs, reasons, QUARANTINE, ledger, verdicts)
    entry.documents_out += len(docs)
    entry.bytes_out += int(row_bytes(docs.batch).sum())
    return docs


def _conform(batch: pa.RecordBatch, columns: pa.Schema, this: Pass) -> pa.RecordBatch:
    try:
        return pa.RecordBatch.from_arrays([batch.column(name) for name in columns.names], schema=columns)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
        labels = ", ".join(part.label for part in this.parts)
        raise AssertionError(f"{labels}: columns are not what `gives()` promised: {error}") from error


def _without_place(columns: pa.Schema) -> pa.Schema:
    return pa.schema([f for f in columns if f.name != schema.PLACE])


def _spend(seconds: dict[str, float], what: str, began: float) -> None:
    seconds[what] = seconds.get(what, 0.0) + perf_counter() - began
