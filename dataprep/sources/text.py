"""Plain text, Markdown and reStructuredText: one document a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa

from dataprep import schema
from dataprep.sources.one_file import whole_file
from dataprep.stage import Count, Report, Source
from dataprep.store import File


class Text(Source):
    """Text files, one document each, in any encoding (`metadata` names it).

    Markup is kept as it is. An empty file is a document with empty text. The offset is 0; not splittable.
    Skipped: `undecodable` (an image, an archive...), `too_large`.
    """

    packages: ClassVar[tuple[str, ...]] = ("resiliparse",)
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".md", ".markdown", ".rst")

    max_bytes: Count = 1 << 30
    """Largest file read."""

    def gives(self, inputs: Sequence[File]) -> pa.Schema:
        return schema.source_schema(html=False)

    def splits(self, file: File, target_bytes: int) -> list[tuple[int, int]]:
        return [(0, file.bytes)]

    def read(self, file: File, start: int, end: int, report: Report) -> Iterator[pa.RecordBatch]:
        return whole_file(file, self.name, self.max_bytes, report, html=False)
