"""Remove invisible characters, unify line breaks and widths, and bring text into a normal form."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map

if TYPE_CHECKING:
    from dataprep.text.marks import Marks

Form = Literal["nfc", "nfkc", "none"]
Widths = Literal["keep", "alphanumeric", "signs", "all"]
Spacing = Literal["keep", "trim", "collapse"]

_KINDS = ("control_characters", "invisible", "noncharacters", "line_breaks", "full_width", "white_space", "normalized")


class CleanCharacters(Map):
    """Remove and replace characters as `unicode_cleanup` describes it, and count them. Used through it.

    Kernels find the documents that need work: others pass at 1 GB/s and are not copied if the whole batch is clean.
    """

    prefix: str = "unicode_cleanup"
    """Columns are called `<prefix>.<kind>`: characters changed; and `<prefix>.changed`: 1 if any was."""
    normalize: Form = "nfc"
    """Normal form."""
    line_separators: bool = True
    """U+0085, U+2028 and U+2029 become line breaks."""
    full_width: Widths = "keep"
    """Which full-width forms become ASCII."""
    white_space: Spacing = "keep"
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
        column, counts = self._cleaned(docs[schema.TEXT])
        kinds = [*counts.T, counts.any(axis=1)]
        arrays = {name: pa.array(n.astype(np.int32)) for name, n in zip(self.tallies(), kinds, strict=True)}
        return {schema.TEXT: column, **arrays}

    def _cleaned(self, column: pa.LargeStringArray) -> tuple[pa.LargeStringArray, npt.NDArray[np.int64]]:
        """(the column cleaned, int64[documents, kinds]: characters changed)"""
        from dataprep.text.cleaning import actions, cleaned
        from dataprep.text.marks import marked
        from dataprep.text.normal_forms import normalized
        from dataprep.text.spans import text_buffers

        wanted = actions(separators=self.line_separators, widths=self.full_width, spacing=self.white_space)
        # One look at every character tells which documents need work, and which kind.
        found = marked(
            text_buffers(column), _marks(self.line_separators, self.full_width, self.white_space, self.normalize)
        )
        counts = np.zeros((len(column), len(_KINDS)), np.int64)
        clean, counts[:, :-1] = cleaned(text_buffers(column), wanted, found & _BUSY)
        column = column if clean is None else clean
        if self.normalize == "none":
            return column, counts
        normal, counts[:, -1] = normalized(text_buffers(column), self.normalize, found & _ODD)
        if normal is None:
            return column, counts
        # A normal form may hold what is to be cleaned: NFKC makes a space and a mark of U+00A8.
        rows = np.flatnonzero(counts[:, -1])
        again, more = self._cleaned(normal.take(pa.array(rows)))
        if not more.any():
            return normal, counts
        counts[rows] += more
        mask = np.zeros(len(column), np.bool_)
        mask[rows] = True
        return pc.replace_with_mask(normal, pa.array(mask), again), counts


_BUSY = np.uint8(1)
_ODD = np.uint8(2)


@cache
def _marks(separators: bool, widths: Widths, spacing: Spacing, form: Form) -> Marks:
    from dataprep.text.cleaning import actions
    from dataprep.text.marks import marks
    from dataprep.text.normal_forms import normal

    table = actions(separators=separators, widths=widths, spacing=spacing).busy.of * _BUSY
    return marks(table if form == "none" else table | normal(form).odd.of * _ODD)
