"""From Python rows to Arrow batches of a bounded size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dataprep import schema

ROWS = 512
"""Most rows of one batch."""
SIZE = 8 << 20
"""A batch is closed once its texts have this many bytes."""


class Row(NamedTuple):
    """One document as a source found it."""

    place: int
    text: bytes = b""
    """UTF-8, as `utf8` or `encodings.to_utf8` give it: bytes go into Arrow by one copy, strings by three."""
    html: bytes | None = None
    id: str = ""
    """Empty: the caller names the document after its source, path and offset."""
    source: str | None = None
    """None: the source's own `name`."""
    url: str | None = None
    date: str | None = None
    metadata: str | None = None


def batches(rows: Iterable[Row], source: str, *, html: bool) -> Iterator[pa.RecordBatch]:
    """Batches of `source_schema(html=html)`, closed at `ROWS` rows or `SIZE` bytes of text, whichever comes first."""
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row.text) + len(row.html or b"")
        del row  # a generator at rest keeps its names, and one row can be 50 MB
        if len(held) == ROWS or size >= SIZE:
            size = 0
            yield _taken(held, source, html)
    if held:
        yield _taken(held, source, html)


def _taken(held: list[Row], source: str, html: bool) -> pa.RecordBatch:
    batch = _batch(held, source, html)
    held.clear()
    return batch


def _batch(rows: list[Row], source: str, html: bool) -> pa.RecordBatch:
    columns = schema.source_schema(html=html)
    arrays = {
        schema.PLACE: pa.array([r.place for r in rows], pa.int64()),
        schema.ID: pa.array([r.id for r in rows], schema.COLUMNS[schema.ID]),
        schema.TEXT: _large([r.text for r in rows]),
        schema.HTML: _large([r.html for r in rows]),
        schema.SOURCE: pa.array([source if r.source is None else r.source for r in rows], pa.string()),
        schema.URL: pa.array([r.url for r in rows], schema.COLUMNS[schema.URL]),
        schema.DATE: pa.array([r.date for r in rows], schema.COLUMNS[schema.DATE]),
        schema.METADATA: pa.array([r.metadata for r in rows], schema.COLUMNS[schema.METADATA]),
    }
    return pa.RecordBatch.from_arrays([arrays[f.name] for f in columns], schema=columns)


def _large(values: list[bytes | None] | list[bytes]) -> pa.LargeStringArray:
    """A large_string array of UTF-8 that is known to be valid."""
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(v) if v else 0 for v in values], out=offsets[1:])
    nulls = [v is None for v in values]
    valid = pa.array([not n for n in nulls]).buffers()[1] if any(nulls) else None
    data = pa.py_buffer(b"".join([v for v in values if v]))
    return pa.Array.from_buffers(pa.large_string(), len(values), [valid, pa.py_buffer(offsets), data], sum(nulls))


def metadata(values: Mapping[str, Any]) -> str | None:
    """One JSON object, keys in the order given; None for no keys."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else None


def printable(text: str) -> str:
    """A string that Arrow and C libraries take: no NUL; lone surrogates become U+FFFD."""
    return text if text.isascii() and "\0" not in text else utf8(text).decode()


def utf8(text: str) -> bytes:
    """UTF-8 without NUL; two halves of a surrogate pair are joined, lone ones become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
