"""WET archives: the text of web pages as Common Crawl extracted it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa

from dataprep import schema
from dataprep.sources.rows import batches
from dataprep.sources.warc_records import warc_splits
from dataprep.sources.warc_rows import warc_rows
from dataprep.stage import Count, Report, Source
from dataprep.store import File


class Wet(Source):
    """Conversion records of WET archives, plain, gzip or zstd.

    Read: the text of every conversion record. `id` is the record's UUID, `url` its target, `date` its WARC date;
    `metadata` holds the languages that Common Crawl identified. Skipped: `not_a_document` (other record types),
    `empty_body`, `not_html_or_text`, `undecodable`, `too_large`, `damaged`. Offsets and splits are those of `warc`.
    """

    packages: ClassVar[tuple[str, ...]] = ("resiliparse",)
    suffixes: ClassVar[tuple[str, ...]] = (".wet", ".wet.gz", ".wet.zst")

    max_bytes: Count = 64 << 20
    """Largest record, in bytes."""

    def gives(self, inputs: Sequence[File]) -> pa.Schema:
        return schema.source_schema(html=False)

    def splits(self, file: File, target_bytes: int) -> list[tuple[int, int]]:
        return warc_splits(file, target_bytes, self.max_bytes)

    def read(self, file: File, start: int, end: int, report: Report) -> Iterator[pa.RecordBatch]:
        rows = warc_rows(file, start, end, self.max_bytes, frozenset(("conversion",)), report)
        return batches(rows, self.name, html=False)
