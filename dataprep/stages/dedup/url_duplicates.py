"""Build the list of documents whose URL another document has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.documents import Documents
from dataprep.duplicates import DUPLICATES, Keep, edges, keyed, keys, needs, of_one_key, write_lists
from dataprep.stage import Build
from dataprep.text.spans import text_buffers


class UrlDuplicates(Build):
    """List all but one of the documents with the same URL in normal form.

    A document without a URL is no copy of anything. Used through `url_dedup`.
    """

    partition_by: ClassVar[str] = "low"
    artefact: ClassVar[str] = DUPLICATES

    tracking_parameters: tuple[str, ...] = ("utm_*",)
    """Query parameters that do not count, by name or, with `*` at the end, by how the name begins."""
    keep: Keep = "first"
    """Which copy survives."""

    def needs(self) -> tuple[str, ...]:
        return (schema.URL, *needs(self.keep))

    def collected(self) -> pa.Schema:
        return keys(self.keep)

    def combined(self) -> pa.Schema:
        return edges(ranked=self.keep != "first")

    def collect(self, docs: Documents) -> pa.RecordBatch:
        from dataprep.text.urls import normalised

        urls = text_buffers(pc.cast(pc.fill_null(docs[schema.URL], ""), pa.large_string()))
        return keyed(docs, self.keep, normalised(urls, self.tracking_parameters))

    def combine(self, partition: pa.Table) -> pa.Table:
        return of_one_key(partition)

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        return write_lists(parts, out)
