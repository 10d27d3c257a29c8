"""WARC web archives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pyarrow as pa

from dataprep import schema
from dataprep.sources.rows import batches
from dataprep.sources.warc_records import warc_splits
from dataprep.sources.warc_rows import CARRIERS, warc_rows
from dataprep.stage import Count, Report, Source
from dataprep.store import File


class Warc(Source):
    """Pages of WARC archives, plain, gzip or zstd, told apart by their first bytes.

    Read: HTTP responses with status 2xx, and resource and conversion records; HTML and XHTML into `html`, plain text
    into `text`. `id` is the record's UUID, `url` its target, `date` its WARC date; `metadata` holds the content type,
    the encoding the bytes were in and language hints.

    Skipped: `not_a_response` (requests, metadata, revisits...), `not_http`, `http_status`, `empty_body`,
    `not_html_or_text`, `undecodable`, `too_large`, `damaged` (a record that is not intact; the damage is reported).

    The offset is the record's in a plain file; in a compressed one that of its gzip member or zstd frame, plus its
    number in there. Splittable where each record has a member of its own, and plain. After a damaged member reading
    goes on at the next one that begins with `WARC/`. One limit: a cut that falls into a record whose payload is itself
    a stored, not deflated, `.warc.gz` would read the inner records.
    """

    packages: ClassVar[tuple[str, ...]] = ("fastwarc", "resiliparse")
    suffixes: ClassVar[tuple[str, ...]] = (".warc", ".warc.gz", ".warc.zst")

    max_bytes: Count = 64 << 20
    """Largest record, and largest body once its content encoding is undone, in bytes."""

    def gives(self, inputs: Sequence[File]) -> pa.Schema:
        return schema.source_schema(html=True)

    def splits(self, file: File, target_bytes: int) -> list[tuple[int, int]]:
        return warc_splits(file, target_bytes, self.max_bytes)

    def read(self, file: File, start: int, end: int, report: Report) -> Iterator[pa.RecordBatch]:
        rows = warc_rows(file, start, end, self.max_bytes, CARRIERS, report)
        return batches(rows, self.name, html=True)
