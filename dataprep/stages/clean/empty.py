"""Drop documents without text."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Filter

VISIBLE = r"[^\s\p{Z}\p{Cc}\p{Cf}]"
"""Anything but white space, control and zero-width characters."""


class Empty(Filter):
    """Drop documents whose text is empty or only white space and zero-width characters, in any language.

    Where an extraction has failed, the reason is why: `timeout`, `crashed` or `failed`, from the column
    `extract_error` if there is one.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"text": ["a", "", " \n\t", "\u3000\xa0\u200b", "。"]}, [None, "empty", "empty", "empty", None]),
        Example({}, {"text": ["", "", "a"], "extract_error": ["timeout", None, None]}, ["timeout", "empty", None]),
    )

    def defects(self) -> tuple[str, ...]:
        return ("empty", "timeout", "crashed", "failed")

    def reasons(self, docs: Documents) -> pa.StringArray:
        visible = pc.match_substring_regex(docs[schema.TEXT], VISIBLE)  # stops at the first
        error = docs[schema.EXTRACT_ERROR] if schema.EXTRACT_ERROR in docs else pa.nulls(len(docs), pa.string())
        return pc.if_else(visible, pa.scalar(None, pa.string()), pc.fill_null(error, "empty"))
