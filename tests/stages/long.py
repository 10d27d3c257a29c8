"""Drop long documents."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.documents import Documents
from dataprep.stage import Count, Filter


class Long(Filter):
    """Judge by `length`."""

    max_characters: Count
    """Longest document kept."""

    def needs(self) -> tuple[str, ...]:
        return ("length",)

    def defects(self) -> tuple[str, ...]:
        return ("too_long",)

    def reasons(self, docs: Documents) -> pa.StringArray:
        return pc.if_else(pc.greater(docs["length"], self.max_characters), "too_long", pa.scalar(None, pa.string()))
