"""Every column name, and what a document looks like in memory and on disk."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

ID: Final = "id"
TEXT: Final = "text"
HTML: Final = "html"
SOURCE: Final = "source"
URL: Final = "url"
DATE: Final = "date"
METADATA: Final = "metadata"
LANGUAGE: Final = "language"
LANGUAGE_SCORE: Final = "language_score"

EXTRACT_ERROR: Final = "extract_error"
"""Why a page gave no text: `timeout`, `crashed`, `failed` or null. Passed from extraction to the filter that drops
the row, so it is in the verdicts and not in the corpus."""

PLACE: Final = "_place"
"""Where a row came from: input number << 40 | offset in that input. Internal; never in the corpus."""

BYTES: Final = "_bytes"
"""UTF-8 bytes of a row's `text` and `html` when it was kept or dropped. Internal; in the verdicts only."""

PLACE_BITS: Final = 40
"""Offsets below 2^40 (an input of 1 TiB) and 2^23 inputs fit one signed 64-bit place."""

UNDETERMINED: Final = "und"
"""The language of a document that no stage has labelled (ISO 639-2)."""

COLUMNS: Final[dict[str, pa.DataType]] = {
    ID: pa.string(),
    TEXT: pa.large_string(),
    HTML: pa.large_string(),
    SOURCE: pa.string(),
    URL: pa.string(),
    DATE: pa.string(),
    METADATA: pa.large_string(),
    LANGUAGE: pa.string(),
    LANGUAGE_SCORE: pa.float32(),
}
"""Types of the columns whose meaning is fixed. `text` is never null; `date` is ISO 8601;
`metadata` is one JSON object holding what the source knew and no column declares."""


def field(name: str) -> pa.Field:
    """The Arrow field of a fixed column."""
    return pa.field(name, COLUMNS[name], nullable=name not in (ID, TEXT, SOURCE))


def source_schema(*, html: bool) -> pa.Schema:
    """What a source without columns of its own gives, `PLACE` first."""
    names = [ID, TEXT, *([HTML] if html else []), SOURCE, URL, DATE, METADATA]
    return pa.schema([pa.field(PLACE, pa.int64(), nullable=False), *(field(n) for n in names)])
