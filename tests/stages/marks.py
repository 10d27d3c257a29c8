"""Count marks in every document."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.documents import Documents
from dataprep.stage import Map


class Marks(Map):
    """How often each mark occurs; null where no mark does."""

    prefix: str
    """Beginning of the names of the columns."""
    marks: tuple[str, ...] = ("word1", "中")
    """What to count."""

    def _column(self, mark: str) -> str:
        return f"{self.prefix}.{mark}"

    def gives(self) -> dict[str, pa.DataType | None]:
        return {**{self._column(mark): pa.int32() for mark in self.marks}, f"{self.prefix}.characters": pa.int64()}

    def tallies(self) -> tuple[str, ...]:
        return tuple(self._column(mark) for mark in self.marks)

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        counts = {
            self._column(mark): pc.cast(pc.count_substring(docs["text"], mark), pa.int32()) for mark in self.marks
        }
        some = pc.greater(pc.max_element_wise(*counts.values()), 0)
        length = pc.cast(pc.utf8_length(docs["text"]), pa.int64())
        counts = {name: pc.if_else(some, column, pa.scalar(None, pa.int32())) for name, column in counts.items()}
        return {**counts, f"{self.prefix}.characters": length}
