"""Remove columns from the documents."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import AfterValidator, Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map

_KEPT = (schema.PLACE, schema.ID, schema.TEXT, schema.SOURCE)


def _removable(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name in _KEPT:
            raise ValueError(f"every document has '{name}': it can't be removed")
    return names


class DropColumns(Map):
    """Remove columns from the documents. Verdicts keep the scores among them. Free, and the same in every language."""

    names: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_removable)]
    """Columns to remove; one that is not there is no error."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"names": ["score"]}, {"text": ["a", "文"], "score": [1, 2]}, {"text": ["a", "文"]}),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        return dict.fromkeys(self.names)

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        return {}
