"""Score documents with Gopher's repetition signals as dolma computes them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Example, Map

_LINES = ("duplicate_line_ratio", "duplicate_line_char_ratio")
_TOP = tuple(f"top_{n}_gram_ratio" for n in range(2, 5))
_DUPLICATES = tuple(f"duplicate_{n}_gram_ratio" for n in range(5, 11))


class GopherRepetitionDolmaScores(Map):
    """Score documents with Gopher's repetition signals as dolma's tagger `gopher_v1` writes them (allenai/dolma
    669f534, python/dolma/taggers/gopher.py), with 5 digits behind the point.

    Words are what stands between white space (`str.split`), signs and all. All copies of what occurs twice or more are
    duplicates, the first too. Lengths are those of words, without white space: of the most frequent n-gram, also if it
    occurs once, to all words; of duplicate n-grams to all n-grams. Lines are those between `\\n`, blank ones too, so
    that two blank lines are duplicates; their length, with white space, is to all words and may be above 1.

    Chinese: what stands between two spaces or line breaks is one word, so a 5-gram is several sentences.
    """

    prefix: str = "gopher_repetition"
    """Columns are called `<prefix>.<score>`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "r"},
            {"text": ["ab cd\n\nab cd\n\nef", "你好，世界。 你好，世界。", "a b c d e f\na b c d e f", ""]},
            {
                "r.duplicate_line_ratio": [0.8, 0.0, 1.0, 0.0],
                "r.duplicate_line_char_ratio": [1.0, 0.0, 1.83333, 0.0],
                "r.top_2_gram_ratio": [0.8, 1.0, 0.33333, 0.0],
                "r.top_3_gram_ratio": [0.6, 0.0, 0.5, 0.0],
                "r.top_4_gram_ratio": [0.8, 0.0, 0.66667, 0.0],
                "r.duplicate_5_gram_ratio": [0.0, 0.0, 0.5, 0.0],
                "r.duplicate_6_gram_ratio": [0.0, 0.0, 0.28571, 0.0],
                "r.duplicate_7_gram_ratio": [0.0, 0.0, 0.0, 0.0],
                "r.duplicate_8_gram_ratio": [0.0, 0.0, 0.0, 0.0],
                "r.duplicate_9_gram_ratio": [0.0, 0.0, 0.0, 0.0],
                "r.duplicate_10_gram_ratio": [0.0, 0.0, 0.0, 0.0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        return {f"{self.prefix}.{name}": pa.float64() for name in (*_LINES, *_TOP, *_DUPLICATES)}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.dolma_words import line_counts, n_grams
        from dataprep.text.ratios import exact_ratios, rounded

        grams = n_grams(docs.split_words, docs.text)
        line = line_counts(docs.text)
        shares = [
            exact_ratios(line.repeated, line.lines),
            exact_ratios(line.repeated_chars, np.maximum(grams.chars, 1)),
            *(exact_ratios(part, grams.chars) for part in grams.top.T),
            *(exact_ratios(part, whole) for part, whole in zip(grams.repeated.T, grams.whole.T, strict=True)),
        ]
        names = (*_LINES, *_TOP, *_DUPLICATES)
        return {f"{self.prefix}.{name}": pa.array(rounded(share, 5)) for name, share in zip(names, shares, strict=True)}
