"""Parquet with canonical cuts: batches, row groups and files whose bytes depend on their rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import schema

BATCH_ROWS = 4096
BATCH_BYTES = 16 << 20
GROUP_ROWS = 16_384
GROUP_BYTES = 32 << 20

# Worth a dictionary: few distinct values. Text never is, and trying costs time.
DICTIONARY = (schema.SOURCE, schema.LANGUAGE, "stage", "reason")


def row_bytes(batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.int64]]:
    """int64[rows]: bytes of the large columns of each row, the weight that cuts go by."""
    weights = np.zeros(batch.num_rows, np.int64)
    for i, field in enumerate(batch.schema):
        if pa.types.is_large_string(field.type):
            column = batch.column(i)
            offsets = column.buffers()[1]
            if offsets is not None and len(column):
                weights += np.diff(np.frombuffer(offsets, np.int64, len(column) + 1, column.offset * 8))
    return weights


def recut(batches: Iterable[pa.RecordBatch], rows: int, size: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches that end at `rows` rows or at the row that reaches `size` bytes.

    The cuts depend on the rows alone, not on how they arrived. Each batch is one contiguous chunk. What arrived is let
    go of before what was made of it is given away: one row can be 50 MB.
    """
    held: list[pa.RecordBatch] = []
    held_rows = held_bytes = 0
    for batch in batches:
        ends = np.cumsum(row_bytes(batch))
        start, end = 0, batch.num_rows
        while start < end:
            before = int(ends[start - 1]) if start else 0
            by_bytes = int(np.searchsorted(ends, before + size - held_bytes)) + 1
            stop = min(end, start + rows - held_rows, by_bytes)
            held.append(batch.slice(start, stop - start))
            held_rows += stop - start
            held_bytes += int(ends[stop - 1]) - before
            start = stop
            if start == end:
                del batch
            if held_rows == rows or held_bytes >= size:
                held_rows = held_bytes = 0
                yield _taken(held)
    if held:
        yield _taken(held)


def _taken(held: list[pa.RecordBatch]) -> pa.RecordBatch:
    batch = held[0] if len(held) == 1 else pa.concat_batches(held)
    held.clear()
    return batch


class ParquetShard:
    """Writes one Parquet file whose bytes depend on its rows alone.

    Row groups are cut by `recut` and each column of one is a single chunk: pyarrow's page boundaries follow the
    chunks it is given, so equal row groups alone are not enough.
    """

    def __init__(self, path: Path, columns: pa.Schema, compression: str = "zstd") -> None:
        dictionary = [name for name in columns.names if name in DICTIONARY]
        # Bytes that a stage has packed itself give little for the time.
        codecs = {f.name: "none" if pa.types.is_large_binary(f.type) else compression for f in columns}
        self.schema = columns
        self.rows = 0
        self._writer = pq.ParquetWriter(path, columns, compression=codecs, use_dictionary=dictionary)
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        self._held.append(batch)
        self._held_rows += batch.num_rows
        self._held_bytes += int(row_bytes(batch).sum())
        self.rows += batch.num_rows
        if self._held_rows >= GROUP_ROWS or self._held_bytes >= GROUP_BYTES:
            *whole, last = recut(self._held, GROUP_ROWS, GROUP_BYTES)
            last_bytes = int(row_bytes(last).sum())
            if last.num_rows == GROUP_ROWS or last_bytes >= GROUP_BYTES:
                whole, last, last_bytes = [*whole, last], None, 0
            for group in whole:
                self._write_group(group)
            self._held = [last] if last is not None else []
            self._held_rows, self._held_bytes = (last.num_rows if last is not None else 0), last_bytes

    def write_group(self, batch: pa.RecordBatch) -> None:
        """One row group of exactly these rows, also of none (partition p of a shuffle is row group p)."""
        self.rows += batch.num_rows
        self._write_group(batch)

    def _write_group(self, batch: pa.RecordBatch) -> None:
        self._writer.write_table(
            pa.Table.from_batches([_packed(batch)], self.schema), row_group_size=max(1, batch.num_rows)
        )

    def close(self) -> None:
        for group in recut(self._held, GROUP_ROWS, GROUP_BYTES):
            self._write_group(group)
        self._held = []
        self._writer.close()

    def abandon(self) -> None:
        """Let go of the file after an error: what was written is not a shard."""
        self._held = []
        try:
            self._writer.close()
        except OSError:
            pass  # the error that brought us here is the one to report


def _packed(batch: pa.RecordBatch) -> pa.RecordBatch:
    # A slice keeps its parent's offset, and validity bitmaps that begin inside a byte change the page layout.
    if any(column.offset for column in batch.columns):
        return pa.concat_batches([batch.slice(0, 0), batch]) if batch.num_rows else batch
    return batch
