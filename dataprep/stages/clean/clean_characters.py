"""Remove invisible characters, unify line breaks and widths, and bring text into a normal form."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map

_KINDS = ("control_characters", "invisible", "noncharacters", "line_breaks", "full_width", "white_space", "normalized")


class CleanCharacters(Map):
    """Remove and replace characters as `unicode_cleanup` describes it, and count them. Used through it.

    Kernels find the documents that need work: others pass at 1 GB/s and are not copied if the whole batch is clean.
    """

    prefix: str = "unicode_cleanup"
    """Columns are called `<prefix>.<kind>`: characters changed; and `<prefix>.changed`: 1 if any was."""
    normalize: Literal["nfc", "nfkc", "none"] = "nfc"
    """Normal form."""
    line_separators: bool = True
    """U+0085, U+2028 and U+2029 become line breaks."""
    full_width: Literal["keep", "alphanumeric", "signs", "all"] = "keep"
    """Which full-width forms become ASCII."""
    white_space: Literal["keep", "trim", "collapse"] = "keep"
    """What becomes of runs of white space."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "c", "full_width": "alphanumeric"},
            {"text": ["Ａ１，\ufeffe\u0301\r\nx\x00", "plain"]},
            {
                "text": ["A1，é\nx", "plain"],
                "c.control_characters": [1, 0],
                "c.invisible": [1, 0],
                "c.noncharacters": [0, 0],
                "c.line_breaks": [1, 0],
                "c.full_width": [2, 0],
                "c.white_space": [0, 0],
                "c.normalized": [2, 0],
                "c.changed": [1, 0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        return {schema.TEXT: pa.large_string(), **{name: pa.int32() for name in self.tallies()}}

    def tallies(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}.{kind}" for kind in (*_KINDS, "changed"))

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.cleaning import actions, cleaned
        from dataprep.text.normal_forms import normalized
        from dataprep.text.spans import text_buffers

        wanted = actions(separators=self.line_separators, widths=self.full_width, spacing=self.white_space)
        column, counts = docs[schema.TEXT], np.zeros((len(docs), len(_KINDS)), np.int64)
        while True:  # a normal form may hold what is to be cleaned: NFKC makes a space and a mark of U+00A8
            clean, found = cleaned(text_buffers(column), wanted)
            counts[:, :-1] += found
            column = column if clean is None else clean
            if self.normalize == "none":
                break
            normal, changed = normalized(text_buffers(column), self.normalize)
            counts[:, -1] += changed
            if normal is None:
                break
            column = normal
        kinds = [*counts.T, counts.any(axis=1)]
        arrays = {name: pa.array(n.astype(np.int32)) for name, n in zip(self.tallies(), kinds, strict=True)}
        return {schema.TEXT: column, **arrays}
