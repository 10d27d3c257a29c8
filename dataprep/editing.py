"""Maps that take lines out of texts: the text that is left, and counts of what went and of what stayed."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep import schema
from dataprep.stage import Map


class Editing(Map):
    """Gives `text` and `<prefix>.<count>` for each of `removed` and `scores`; the former are summed in the manifest."""

    prefix: str
    """Columns are called `<prefix>.<count>`."""

    removed: ClassVar[tuple[str, ...]]
    """Counts of what was taken out, by rule."""
    scores: ClassVar[tuple[str, ...]] = ()
    """Counts of what else the text holds."""

    def gives(self) -> dict[str, pa.DataType | None]:
        counts = {f"{self.prefix}.{name}": pa.int32() for name in (*self.removed, *self.scores)}
        return {schema.TEXT: pa.large_string(), **counts}

    def tallies(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}.{name}" for name in self.removed)

    def given(self, text: pa.LargeStringArray, *counts: npt.NDArray[np.integer]) -> dict[str, pa.Array]:
        """The columns: counts in the order of `removed` and `scores`."""
        named = zip((*self.removed, *self.scores), counts, strict=True)
        return {
            schema.TEXT: text,
            **{f"{self.prefix}.{name}": pa.array(values.astype(np.int32)) for name, values in named},
        }
