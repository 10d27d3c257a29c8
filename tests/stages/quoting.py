"""Raise an error that quotes the text, as libraries do."""

from __future__ import annotations

import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Filter


class Quoting(Filter):
    """A document that says `QUOTE` is quoted in an error message."""

    def defects(self) -> tuple[str, ...]:
        return ()

    def reasons(self, docs: Documents) -> pa.StringArray:
        for text in docs["text"].to_pylist():
            if text.startswith("QUOTE"):
                raise ValueError(f"can't make anything of {text!r}")
        return pa.nulls(len(docs), pa.string())
