"""Count the documents of every length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.documents import Documents
from dataprep.stage import Build


class LengthCounts(Build):
    """`counts.parquet`: (`length`, `documents`), sorted by length."""

    partition_by: ClassVar[str] = "length"
    artefact: ClassVar[str] = "counts.parquet"

    def needs(self) -> tuple[str, ...]:
        return ("length",)

    def collected(self) -> pa.Schema:
        return pa.schema([("length", pa.uint64())])

    def combined(self) -> pa.Schema:
        return pa.schema([("length", pa.uint64()), ("documents", pa.int64())])

    def collect(self, docs: Documents) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([docs["length"].cast(pa.uint64())], schema=self.collected())

    def combine(self, partition: pa.Table) -> pa.Table:
        length, n = np.unique(partition.column("length").to_numpy(), return_counts=True)
        return pa.Table.from_arrays([pa.array(length), pa.array(n)], schema=self.combined())

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        table = pa.concat_tables([pq.read_table(part) for part in parts]).sort_by("length")
        pq.write_table(table, out / self.artefact)
        most = table.sort_by([("documents", "descending"), ("length", "ascending")]).slice(0, 3)
        return {"lengths": table.num_rows, "most": most.to_pylist()}
