"""Score documents with the repetition signals of Gopher."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Example, Map

_SPANS = ("line", "paragraph")
_GRAMS = ("top_2", "top_3", "top_4", *(f"duplicate_{n}" for n in range(5, 11)))


class GopherRepetitionScores(Map):
    """Score documents with the repetition signals of Gopher (Rae et al. 2021, appendix A1.1, table A1).

    A duplicate equals an earlier line, paragraph or n-gram of the same document; the first one is no duplicate. Ratios
    are of characters to all characters of the text, those called `duplicate_line_ratio` and `duplicate_paragraph_ratio`
    of lines to non-blank lines and of paragraphs to paragraphs. Words are ours: no symbol is one, each Han character
    is, so a 5-gram of Chinese is five characters. A blank text has ratios of 0.
    """

    prefix: str = "gopher_repetition"
    """Columns are called `<prefix>.<score>`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "r"},
            {"text": ["ab cd\n\nab cd\nef", ""]},
            {
                "r.duplicate_line_ratio": [0.33333334, 0.0],
                "r.duplicate_line_char_ratio": [0.33333334, 0.0],
                "r.duplicate_paragraph_ratio": [0.0, 0.0],
                "r.duplicate_paragraph_char_ratio": [0.0, 0.0],
                "r.top_2_gram_ratio": [0.6666667, 0.0],
                "r.top_3_gram_ratio": [0.53333336, 0.0],
                "r.top_4_gram_ratio": [0.73333335, 0.0],
                **{f"r.duplicate_{n}_gram_ratio": [0.0, 0.0] for n in range(5, 11)},
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        spans = [f"duplicate_{span}_{ratio}" for span in _SPANS for ratio in ("ratio", "char_ratio")]
        return {f"{self.prefix}.{name}": pa.float32() for name in (*spans, *(f"{gram}_gram_ratio" for gram in _GRAMS))}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.ngrams import duplicate_spans, repetition
        from dataprep.text.ratios import ratios
        from dataprep.text.utf8 import char_counts

        chars = char_counts(docs.text)
        scores = {}
        for span, view in (("line", docs.lines), ("paragraph", docs.paragraphs)):
            repeats, repeated = duplicate_spans(view, docs.text)
            scores[f"duplicate_{span}_ratio"] = ratios(repeats, np.diff(view.offsets))
            scores[f"duplicate_{span}_char_ratio"] = ratios(repeated, chars)
        for name, repeated in zip(_GRAMS, repetition(docs.words, docs.text).T, strict=True):
            scores[f"{name}_gram_ratio"] = ratios(repeated, chars)
        return {f"{self.prefix}.{name}": pa.array(values) for name, values in scores.items()}
