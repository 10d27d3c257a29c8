"""Drop short documents."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.documents import Documents
from dataprep.stage import Count, Filter


class Short(Filter):
    """Judge by `length`."""

    min_characters: Count
    """Shortest document kept."""

    def needs(self) -> tuple[str, ...]:
        return ("length",)

    def defects(self) -> tuple[str, ...]:
        return ("too_short",)

    def reasons(self, docs: Documents) -> pa.StringArray:
        return pc.if_else(pc.less(docs["length"], self.min_characters), "too_short", pa.scalar(None, pa.string()))
