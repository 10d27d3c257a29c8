"""Which part of the documents each length makes up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.documents import Documents
from dataprep.stage import Build


class LengthShares(Build):
    """`shares/all.parquet`: (`length`, `share`), from the counts that another Build made."""

    partition_by: ClassVar[str] = "length"
    artefact: ClassVar[str] = "shares"

    of: str
    """Label of the Build of the counts."""

    def needs(self) -> tuple[str, ...]:
        return ("length",)

    def reads_artefact(self) -> str:
        return self.of

    def collected(self) -> pa.Schema:
        return pa.schema([("length", pa.uint64()), ("documents", pa.int64())])

    def combined(self) -> pa.Schema:
        return self.collected()

    def collect(self, docs: Documents) -> pa.RecordBatch:
        counts = pq.read_table(docs.artefacts[self.of] / "counts.parquet")
        length = docs["length"].cast(pa.uint64())
        at = np.searchsorted(counts.column("length").to_numpy(), length.to_numpy())
        documents = counts.column("documents").combine_chunks().take(pa.array(at))
        return pa.RecordBatch.from_arrays([length, documents], schema=self.collected())

    def combine(self, partition: pa.Table) -> pa.Table:
        grouped = partition.group_by("length", use_threads=False).aggregate([("documents", "max")])
        return pa.Table.from_arrays(grouped.columns, schema=self.combined())

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        table = pa.concat_tables([pq.read_table(part) for part in parts]).sort_by("length")
        documents = table.column("documents").to_numpy()
        share = documents / max(1, documents.sum())
        (out / self.artefact).mkdir()
        shares = pa.table({"length": table.column("length"), "share": share})
        pq.write_table(shares, out / self.artefact / "all.parquet")
        return {"largest_share": float(share.max(initial=0.0))}
