"""A whole file as one document."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from dataprep.sources.encodings import to_utf8
from dataprep.sources.rows import Row, batches, metadata
from dataprep.stage import Report
from dataprep.store import File, open_input


def whole_file(file: File, source: str, limit: int, report: Report, *, html: bool) -> Iterator[pa.RecordBatch]:
    """One batch with the document, or none and a reason in `report`."""
    report.records += 1
    if file.bytes > limit:
        report.skip("too_large")
        return
    with open_input(file.path) as stream:
        decoded = to_utf8(stream.read(), is_html=html)
    if decoded is None:
        report.skip("undecodable")
        return
    data, codec = decoded
    known = metadata({"encoding": codec})
    row = Row(0, html=data, metadata=known) if html else Row(0, text=data, metadata=known)
    yield from batches([row], source, html=html)
