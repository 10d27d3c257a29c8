"""Take time, so that there is a moment to be killed in."""

from __future__ import annotations

import time

import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Filter


class Slow(Filter):
    """Keep everything."""

    batch_seconds: float
    """Time spent on a batch."""

    def defects(self) -> tuple[str, ...]:
        return ()

    def reasons(self, docs: Documents) -> pa.StringArray:
        time.sleep(self.batch_seconds)
        return pa.nulls(len(docs), pa.string())
