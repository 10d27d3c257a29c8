"""Drop the documents that a Build listed as duplicates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Filter

ARTEFACT = "duplicates.parquet"


class Duplicate(Filter):
    """Drop every document whose place is in a list of duplicates, a table sorted by place.

    Reads only the row groups that cover a batch's places: memory is bounded by a batch, not by the list.
    """

    of: str
    """Label of the stage whose list to read."""

    def defects(self) -> tuple[str, ...]:
        return ("duplicate",)

    def reads_artefact(self) -> str:
        return self.of

    def reasons(self, docs: Documents) -> pa.StringArray:
        places = docs[schema.PLACE].to_numpy()
        listed = _listed(docs.artefacts[self.of] / ARTEFACT, int(places.min()), int(places.max()))
        found = pa.array(np.isin(places, listed, assume_unique=True))
        return pc.if_else(found, "duplicate", pa.scalar(None, pa.string()))


def _listed(path: Path, low: int, high: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Listed places of the row groups that may hold places from `low` to `high`."""
    with pq.ParquetFile(path) as file:
        groups = []
        for i in range(file.num_row_groups):
            bounds = file.metadata.row_group(i).column(0).statistics
            if bounds is not None and bounds.min <= high and bounds.max >= low:
                groups.append(i)
        return np.asarray(file.read_row_groups(groups, columns=[schema.PLACE], use_threads=False).column(0), np.int64)
