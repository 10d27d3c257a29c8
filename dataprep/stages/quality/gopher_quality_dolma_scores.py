"""Score documents with Gopher's quality signals as dolma computes them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Example, Map

_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class GopherQualityDolmaScores(Map):
    """Score documents with Gopher's quality signals as dolma's tagger `gopher_v1` writes them (allenai/dolma 669f534,
    python/dolma/taggers/gopher.py), with 5 digits behind the point.

    Words are what stands between white space (`str.split`), signs and all; their length is the median one. Stop words
    count as often as they occur. Lines are those between `\\n`, blank ones too: bullets are `*` and `-` in the first
    column, an ellipsis is `…` in the last one. A text without words has scores of 0.

    Chinese: what stands between two spaces or line breaks is one word, often a whole sentence.
    """

    prefix: str = "gopher_quality"
    """Columns are called `<prefix>.<score>`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "g"},
            {"text": ["To be, or not to be: that's #1…\n", "- 你好，世界\n\n* 再见…", "one\nof the", ""]},
            {
                "g.words": [8, 4, 3, 0],
                "g.median_word_length": [3.0, 2.0, 3.0, 0.0],
                "g.symbol_word_ratio": [0.125, 0.25, 0.0, 0.0],
                "g.alphabetic_word_ratio": [0.875, 0.5, 1.0, 0.0],
                "g.stop_words": [1, 0, 2, 0],
                "g.bullet_line_ratio": [0.0, 0.66667, 0.0, 0.0],
                "g.ellipsis_line_ratio": [0.5, 0.33333, 0.0, 0.0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        whole = ("words", "stop_words")
        names = ("words", "median_word_length", "symbol_word_ratio", "alphabetic_word_ratio", "stop_words",
                 "bullet_line_ratio", "ellipsis_line_ratio")  # fmt: skip
        return {f"{self.prefix}.{name}": pa.int32() if name in whole else pa.float64() for name in names}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.dolma_words import line_counts, word_counts
        from dataprep.text.ratios import exact_ratios, rounded
        from dataprep.text.word_counts import stop_word_table

        words = np.diff(docs.split_words.offsets)
        count = word_counts(docs.split_words, docs.text, stop_word_table(_STOP_WORDS))
        line = line_counts(docs.text)
        scores = {
            "words": words.astype(np.int32),
            "median_word_length": count.median_twice / 2,
            "symbol_word_ratio": rounded(exact_ratios(count.with_symbol, words), 5),
            "alphabetic_word_ratio": rounded(exact_ratios(count.with_letter, words), 5),
            "stop_words": count.stop_words.astype(np.int32),
            "bullet_line_ratio": rounded(exact_ratios(line.bullet, line.lines), 5),
            "ellipsis_line_ratio": rounded(exact_ratios(line.ellipsis, line.lines), 5),
        }
        return {f"{self.prefix}.{name}": pa.array(values) for name, values in scores.items()}
