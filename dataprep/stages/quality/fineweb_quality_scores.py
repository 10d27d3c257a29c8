"""Score documents with the quality signals of FineWeb."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dataprep.documents import Documents
from dataprep.stage import Example, Map


class FinewebQualityScores(Map):
    """Score documents with the quality signals of FineWeb (Penedo et al. 2024, section 3.6).

    Lines are non-blank ones without the white space around them, so blank lines are no duplicates of one another.
    A text without words or lines has ratios of 0.
    """

    prefix: str = "fineweb_quality"
    """Columns are called `<prefix>.<score>`."""
    short_line_chars: Annotated[int, Field(ge=0)] = 30
    """Longest line that counts as short, in characters. FineWeb section 3.6."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "f", "short_line_chars": 10},
            {"text": ["Home\n\nHome\nThis line ends with a stop.", "今天天气很好。\n明天呢？", ""]},
            {
                "f.punctuated_line_ratio": [0.33333334, 1.0, 0.0],
                "f.short_line_ratio": [0.6666667, 1.0, 0.0],
                "f.duplicate_line_char_ratio": [0.11428571, 0.0, 0.0],
                "f.newline_ratio": [0.375, 0.11111111, 0.0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        names = ("punctuated_line_ratio", "short_line_ratio", "duplicate_line_char_ratio", "newline_ratio")
        return {f"{self.prefix}.{name}": pa.float32() for name in names}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.line_counts import line_counts, newlines
        from dataprep.text.ngrams import duplicate_spans
        from dataprep.text.ratios import ratios
        from dataprep.text.utf8 import char_counts

        words, lines = np.diff(docs.words.offsets), np.diff(docs.lines.offsets)
        line = line_counts(docs.lines, docs.text, self.short_line_chars)
        breaks = newlines(docs.text)
        scores = {
            "punctuated_line_ratio": ratios(line.stopped, lines),
            "short_line_ratio": ratios(line.short, lines),
            "duplicate_line_char_ratio": ratios(
                duplicate_spans(docs.lines, docs.text)[1], char_counts(docs.text) - breaks
            ),
            "newline_ratio": ratios(breaks, words),
        }
        return {f"{self.prefix}.{name}": pa.array(values) for name, values in scores.items()}
