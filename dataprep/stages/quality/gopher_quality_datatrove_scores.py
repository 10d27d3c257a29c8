"""Score documents with Gopher's quality signals as datatrove computes them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Example, Map

_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class GopherQualityDatatroveScores(Map):
    """Score documents with Gopher's quality signals as datatrove 0.10.1 computes them (gopher_quality_filter.py).

    Words are spaCy's (blank English, in every language), signs are words too: `words` and `mean_word_length` leave out
    words that are all punctuation of datatrove's list, the other ratios are to all words. Lines are those of
    `str.splitlines`, blank ones too. A text without words or lines has ratios and lengths of 0.

    Chinese: what stands between white space and signs at its ends is one word, often a whole sentence.
    """

    packages: ClassVar[tuple[str, ...]] = ("spacy",)

    prefix: str = "gopher_quality"
    """Columns are called `<prefix>.<score>`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "g"},
            {"text": ["To be, or not to be: that's #1...\n", "- 你好，世界\n\n• 再见…", ""]},
            {
                "g.words": [9, 3, 0],
                "g.mean_word_length": [2.2222222222222223, 2.6666666666666665, 0.0],
                "g.hash_ratio": [0.07692307692307693, 0.0, 0.0],
                "g.ellipsis_ratio": [0.07692307692307693, 0.2, 0.0],
                "g.bullet_line_ratio": [0.0, 0.6666666666666666, 0.0],
                "g.ellipsis_line_ratio": [1.0, 0.3333333333333333, 0.0],
                "g.alphabetic_word_ratio": [0.6153846153846154, 0.4, 0.0],
                "g.stop_words": [3, 0, 0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        whole = ("words", "stop_words")
        names = ("words", "mean_word_length", "hash_ratio", "ellipsis_ratio", "bullet_line_ratio",
                 "ellipsis_line_ratio", "alphabetic_word_ratio", "stop_words")  # fmt: skip
        return {f"{self.prefix}.{name}": pa.int32() if name in whole else pa.float64() for name in names}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.datatrove_lines import count_split_lines
        from dataprep.text.datatrove_words import word_counts
        from dataprep.text.ratios import exact_ratios
        from dataprep.text.symbols import count_hash_and_ellipsis
        from dataprep.text.word_counts import stop_word_table

        words = np.diff(docs.spacy_words.offsets)
        count = word_counts(docs.spacy_words, docs.text, stop_word_table(_STOP_WORDS))
        line = count_split_lines(docs.text)
        hashes, ellipses = count_hash_and_ellipsis(docs.text)
        scores = {
            "words": count.words.astype(np.int32),
            "mean_word_length": exact_ratios(count.chars, count.words),
            "hash_ratio": exact_ratios(hashes, words),
            "ellipsis_ratio": exact_ratios(ellipses, words),
            "bullet_line_ratio": exact_ratios(line.bullet, line.lines),
            "ellipsis_line_ratio": exact_ratios(line.ellipsis, line.lines),
            "alphabetic_word_ratio": exact_ratios(count.with_letter, words),
            "stop_words": count.stop_words.astype(np.int32),
        }
        return {f"{self.prefix}.{name}": pa.array(values) for name, values in scores.items()}
