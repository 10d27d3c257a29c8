"""Build the list of documents whose text an earlier document has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Build

_COLLECTED = pa.schema([("low", pa.uint64()), ("high", pa.uint64()), (schema.PLACE, pa.int64())])
_DUPLICATES = pa.schema([(schema.PLACE, pa.int64()), ("kept", pa.int64())])


class ExactDuplicates(Build):
    """List every document whose text is equal to that of an earlier one: its place and the place of the kept copy.

    The artefact `duplicates.parquet` is sorted by place, so that a task reads only the part for its own shard.
    Used through `exact_dedup`.
    """

    partition_by: ClassVar[str] = "low"
    artefact: ClassVar[str] = "duplicates.parquet"

    def collected(self) -> pa.Schema:
        return _COLLECTED

    def combined(self) -> pa.Schema:
        return _DUPLICATES

    def collect(self, docs: Documents) -> pa.RecordBatch:
        from dataprep.text.hashes import xxh64

        text = docs.text
        rows = np.diff(text.offsets) > 0  # no text is no copy of anything
        hashes = [pa.array(xxh64(text, seed)[rows]) for seed in (0, 1)]
        places = docs[schema.PLACE].filter(pa.array(rows))
        return pa.RecordBatch.from_arrays([*hashes, places], schema=_COLLECTED)

    def combine(self, partition: pa.Table) -> pa.Table:
        low, high, place = (partition.column(name).to_numpy() for name in _COLLECTED.names)
        order = np.lexsort((place, high, low))
        low, high, place = low[order], high[order], place[order]
        repeats = np.zeros(len(place), np.bool_)
        repeats[1:] = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
        first = np.maximum.accumulate(np.where(repeats, 0, np.arange(len(place))))
        found = pa.Table.from_arrays([pa.array(place[repeats]), pa.array(place[first[repeats]])], schema=_DUPLICATES)
        return found.sort_by(schema.PLACE)

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, int]:
        table = pa.concat_tables([pq.read_table(part, use_threads=False) for part in parts]).sort_by(schema.PLACE)
        pq.write_table(table.combine_chunks(), out / self.artefact, compression="zstd", row_group_size=65_536)
        kept = table.column("kept")
        return {"duplicates": table.num_rows, "clusters": len(kept.unique())}
