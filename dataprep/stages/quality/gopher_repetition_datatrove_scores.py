"""Score documents with Gopher's repetition signals as datatrove computes them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Example, Map
from dataprep.text.spans import Floats, Int64s

_SPANS = ("line", "paragraph")
_TOP = tuple(f"top_{n}_gram_ratio" for n in range(2, 5))
_DUPLICATES = tuple(f"duplicate_{n}_gram_ratio" for n in range(5, 11))


class GopherRepetitionDatatroveScores(Map):
    """Score documents with Gopher's repetition signals as datatrove 0.10.1 computes them
    (gopher_repetition_filter.py).

    Words are spaCy's (blank English, in every language), signs are words too. The most frequent n-gram is as long as
    its words joined by spaces, times its count, also if it occurs once. Duplicate n-grams are compared and measured
    without spaces. Lines stand between runs of line breaks, with the white space around them, paragraphs between runs
    of two or more in the text without white space around it. Ratios are to all characters of the text.

    Chinese: what stands between white space and signs at its ends is one word, so a 5-gram is several sentences.
    """

    packages: ClassVar[tuple[str, ...]] = ("spacy",)

    prefix: str = "gopher_repetition"
    """Columns are called `<prefix>.<score>`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "r"},
            {"text": ["ab cd\n\nab cd\nef", "你好，世界。你好，世界。", ""]},
            {
                "r.chars": [15, 12, 0],
                "r.duplicate_line_ratio": [0.3333333333333333, 0.0, 0.0],
                "r.duplicate_line_char_ratio": [0.3333333333333333, 0.0, 0.0],
                "r.duplicate_paragraph_ratio": [0.0, 0.0, 0.0],
                "r.duplicate_paragraph_char_ratio": [0.0, 0.0, 0.0],
                "r.top_2_gram_ratio": [0.6666666666666666, 1.0833333333333333, 0.0],
                "r.top_3_gram_ratio": [0.5333333333333333, 0.0, 0.0],
                "r.top_4_gram_ratio": [0.7333333333333333, 0.0, 0.0],
                **{f"r.{name}": [0.0, 0.0, 0.0] for name in _DUPLICATES},
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        spans = [f"duplicate_{span}_{ratio}" for span in _SPANS for ratio in ("ratio", "char_ratio")]
        ratios: dict[str, pa.DataType | None] = dict.fromkeys((*spans, *_TOP, *_DUPLICATES), pa.float64())
        return {f"{self.prefix}.{name}": kind for name, kind in {"chars": pa.int64(), **ratios}.items()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.datatrove_lines import all_lines, stripped_paragraphs
        from dataprep.text.datatrove_words import glued_duplicates
        from dataprep.text.ngrams import duplicate_spans, top_n_grams
        from dataprep.text.ratios import exact_ratios
        from dataprep.text.utf8 import char_counts

        chars = char_counts(docs.text)
        scores: dict[str, Floats | Int64s] = {"chars": chars}
        for name, spans in (("line", all_lines(docs.text)), ("paragraph", stripped_paragraphs(docs.text))):
            repeats, repeated = duplicate_spans(spans, docs.text)
            scores[f"duplicate_{name}_ratio"] = exact_ratios(repeats, np.diff(spans.offsets))
            scores[f"duplicate_{name}_char_ratio"] = exact_ratios(repeated, chars)
        grams = (*top_n_grams(docs.spacy_words, docs.text).T, *glued_duplicates(docs.spacy_words, docs.text).T)
        for name, repeated in zip((*_TOP, *_DUPLICATES), grams, strict=True):
            scores[name] = exact_ratios(repeated, chars)
        return {f"{self.prefix}.{name}": pa.array(values) for name, values in scores.items()}
