"""HTML files: one document a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa

from dataprep import schema
from dataprep.sources.one_file import whole_file
from dataprep.stage import Count, Report, Source
from dataprep.store import File


class Html(Source):
    """Saved web pages, one document each: the page goes into `html` in any encoding (`metadata` names it).

    `text` is empty until a stage such as `extract_html` fills it. The offset is 0; not splittable.
    Skipped: `undecodable` (an image, an archive...), `too_large`.
    """

    packages: ClassVar[tuple[str, ...]] = ("resiliparse",)
    suffixes: ClassVar[tuple[str, ...]] = (".html", ".htm", ".xhtml")

    max_bytes: Count = 64 << 20
    """Largest file read."""

    def gives(self, inputs: Sequence[File]) -> pa.Schema:
        return schema.source_schema(html=True)

    def splits(self, file: File, target_bytes: int) -> list[tuple[int, int]]:
        return [(0, file.bytes)]

    def read(self, file: File, start: int, end: int, report: Report) -> Iterator[pa.RecordBatch]:
        return whole_file(file, self.name, self.max_bytes, report, html=True)
