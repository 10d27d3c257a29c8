"""Documents out of WARC records: which are kept, why others are not, and what is known about each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dataprep.sources.encodings import to_utf8
from dataprep.sources.http_message import body, charset, media_type, response
from dataprep.sources.rows import Row, metadata, printable
from dataprep.sources.warc_records import Record, records
from dataprep.stage import Report
from dataprep.store import File, open_input

HTML_TYPES = frozenset(("text/html", "application/xhtml+xml"))
TEXT_TYPES = frozenset(("text/plain",))
CARRIERS = frozenset(("response", "resource", "conversion"))
"""Types of records that hold a document."""

# WARC 1.1 allows any precision from the year to the nanosecond.
_ISO = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?)?)?")
_DIGITS = re.compile(r"\d{14}")


def warc_rows(file: File, start: int, end: int, limit: int, types: frozenset[str], report: Report) -> Iterator[Row]:
    """Documents of the records that begin in a range. `types`: which record types hold documents."""
    with open_input(file.path) as stream:
        for record in records(stream, file.relative, start, end, limit, report):
            report.records += 1
            row = _row(record, limit, types)
            if isinstance(row, str):
                report.skip(row)
            else:
                yield row


def _row(record: Record, limit: int, types: frozenset[str]) -> Row | str:
    """The document of a record, or the reason why it has none."""
    kind = record.headers.get("warc-type", "").lower()
    if kind not in types:
        return "not_a_document" if "response" not in types else "not_a_response"
    if record.block is None:
        return "too_large"
    declared = record.headers.get("content-type", "")
    stored: bytes | None = record.block
    known: dict[str, object] = {}
    if kind == "response":
        if not media_type(declared).startswith("application/http") and not record.block.startswith(b"HTTP/"):
            return "not_http"
        found = response(record.block)
        if not found.status:
            return "not_http"
        if not 200 <= found.status < 300:
            return "http_status"
        declared = found.headers.get("content-type", "")
        stored = body(found, limit)
        if found.headers.get("content-language"):
            known["content_language"] = found.headers["content-language"]
    if stored is None:
        return "too_large"
    if not stored.strip():
        return "empty_body"
    media = media_type(declared) or _sniffed(stored)
    if media not in HTML_TYPES and media not in TEXT_TYPES:
        return "not_html_or_text"
    is_html = media in HTML_TYPES
    decoded = to_utf8(stored, charset(declared), is_html=is_html)
    if decoded is None:
        return "undecodable"
    text, codec = decoded
    known = {"content_type": media, "encoding": codec, **known}
    if record.headers.get("warc-identified-content-language"):
        known["languages"] = record.headers["warc-identified-content-language"]
    if record.headers.get("warc-truncated"):
        known["truncated"] = record.headers["warc-truncated"]
    return Row(
        place=record.place,
        text=b"" if is_html else text,
        html=text if is_html else None,
        id=_bare(record.headers.get("warc-record-id", "")),
        url=printable(record.headers.get("warc-target-uri", "").strip("<>")) or None,
        date=_iso(record.headers.get("warc-date", "")),
        metadata=printable(metadata(known) or "") or None,
    )


def _iso(date: str) -> str | None:
    """ISO 8601, also of the 14 digits that old crawlers wrote; None for anything else."""
    if _DIGITS.fullmatch(date):
        return f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:]}Z"
    return date if _ISO.fullmatch(date) else None


def _bare(urn: str) -> str:
    return printable(urn.strip("<> ").removeprefix("urn:uuid:"))


def _sniffed(stored: bytes) -> str:
    """Media type by content, for the records that name none."""
    from resiliparse.parse.encoding import detect_mime

    return str(detect_mime(stored[:4096]))
