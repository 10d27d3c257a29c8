"""Score documents with FineWeb's quality signals as datatrove computes them."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dataprep.documents import Documents
from dataprep.stage import Example, Map


class FinewebQualityDatatroveScores(Map):
    """Score documents with FineWeb's quality signals as datatrove 0.10.1 computes them (fineweb_quality_filter.py).

    Words are spaCy's (blank English, in every language), signs are words too. Lines are non-blank, with the white space
    around them: one with a space behind its stop has none. A text without words or lines has ratios of 0.

    Chinese: what stands between white space and signs at its ends is one word, so `newline_ratio` is high.
    """

    packages: ClassVar[tuple[str, ...]] = ("spacy",)

    prefix: str = "fineweb_quality"
    """Columns are called `<prefix>.<score>`."""
    short_line_chars: Annotated[int, Field(ge=0)] = 30
    """Longest line that counts as short, in characters. FineWeb section 3.6."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "f", "short_line_chars": 10},
            {"text": ["Home\n\nHome\nThis line ends with a stop.", "今天天气很好。\n明天呢？ ", " \n"]},
            {
                "f.lines": [3, 2, 0],
                "f.punctuated_line_ratio": [0.3333333333333333, 0.5, 0.0],
                "f.short_line_ratio": [0.6666666666666666, 1.0, 0.0],
                "f.duplicate_line_char_ratio": [0.11428571428571428, 0.0, 0.0],
                "f.newline_ratio": [0.3333333333333333, 0.25, 0.0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        ratios = ("punctuated_line_ratio", "short_line_ratio", "duplicate_line_char_ratio", "newline_ratio")
        kinds: dict[str, pa.DataType | None] = {"lines": pa.int32(), **dict.fromkeys(ratios, pa.float64())}
        return {f"{self.prefix}.{name}": kind for name, kind in kinds.items()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.datatrove_lines import count_visible_lines, visible_lines
        from dataprep.text.line_counts import newlines
        from dataprep.text.ngrams import duplicate_spans
        from dataprep.text.ratios import exact_ratios
        from dataprep.text.utf8 import char_counts

        spans, breaks = visible_lines(docs.text), newlines(docs.text)
        lines, words = np.diff(spans.offsets), np.diff(docs.spacy_words.offsets)
        line = count_visible_lines(spans, docs.text, self.short_line_chars)
        repeated = duplicate_spans(spans, docs.text)[1]
        scores = {
            "lines": lines.astype(np.int32),
            "punctuated_line_ratio": exact_ratios(line.stopped, lines),
            "short_line_ratio": exact_ratios(line.short, lines),
            "duplicate_line_char_ratio": exact_ratios(repeated, char_counts(docs.text) - breaks),
            "newline_ratio": exact_ratios(breaks, words),
        }
        return {f"{self.prefix}.{name}": pa.array(values) for name, values in scores.items()}
