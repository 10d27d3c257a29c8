"""Count the characters of every document."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.documents import Documents
from dataprep.stage import Map


class Length(Map):
    """The length of `text` in characters."""

    def gives(self) -> dict[str, pa.DataType | None]:
        return {"length": pa.int64()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        return {"length": pc.cast(pc.utf8_length(docs["text"]), pa.int64())}
