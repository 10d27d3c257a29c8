"""Score documents with the quality signals of Gopher."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map

_ENGLISH = ("the", "be", "to", "of", "and", "that", "have", "with")
_STOP_WORDS: dict[str, tuple[str, ...]] = {"en": _ENGLISH, schema.UNDETERMINED: _ENGLISH}


class GopherQualityScores(Map):
    """Score documents with the quality signals of Gopher (Rae et al. 2021, appendix A1.1), and with `markup_ratio`.

    Words are ours: no symbol is one, each Han character is. Lines are non-blank ones. A text without words or lines
    has ratios and lengths of 0.
    """

    prefix: str = "gopher_quality"
    """Columns are called `<prefix>.<score>`."""
    stop_words: dict[str, Annotated[tuple[str, ...], Field(max_length=64)]] = _STOP_WORDS
    """Stop words by `language`, matched exactly; other languages have no `stop_words` score. `und` is text that no
    stage has labelled. Default: Gopher's eight."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "g"},
            {
                "text": ["To be, or not to be: that is #1...", "- 你好，\n- <b>世界</b>…", ""],
                "language": ["en", "zh", "en"],
            },
            {
                "g.words": [9, 6, 0],
                "g.mean_word_length": [2.2222222, 1.0, 0.0],
                "g.hash_ratio": [0.11111111, 0.0, 0.0],
                "g.ellipsis_ratio": [0.11111111, 0.16666667, 0.0],
                "g.bullet_line_ratio": [0.0, 1.0, 0.0],
                "g.ellipsis_line_ratio": [1.0, 0.5, 0.0],
                "g.alphabetic_word_ratio": [0.8888889, 1.0, 0.0],
                "g.stop_words": [3, None, 0],
                "g.markup_ratio": [0.0, 0.3888889, 0.0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        whole = ("words", "stop_words")
        names = ("words", "mean_word_length", "hash_ratio", "ellipsis_ratio", "bullet_line_ratio",
                 "ellipsis_line_ratio", "alphabetic_word_ratio", "stop_words", "markup_ratio")  # fmt: skip
        return {f"{self.prefix}.{name}": pa.int32() if name in whole else pa.float32() for name in names}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.line_counts import line_counts
        from dataprep.text.markup import markup_chars
        from dataprep.text.ratios import ratios
        from dataprep.text.symbols import count_hash_and_ellipsis
        from dataprep.text.utf8 import char_counts
        from dataprep.text.word_counts import stop_word_table, word_counts

        words, lines = np.diff(docs.words.offsets), np.diff(docs.lines.offsets)
        lists = np.stack([stop_word_table(()), *map(stop_word_table, self.stop_words.values())])
        languages = docs.languages().fill_null(schema.UNDETERMINED)
        chosen = np.asarray(pc.index_in(languages, pa.array(self.stop_words, pa.string())).fill_null(-1), np.int64)
        count = word_counts(docs.words, docs.text, lists, chosen + 1)
        line = line_counts(docs.lines, docs.text, 0)
        hashes, ellipses = count_hash_and_ellipsis(docs.text)
        scores = {
            "words": pa.array(words.astype(np.int32)),
            "mean_word_length": ratios(count.chars, words),
            "hash_ratio": ratios(hashes, words),
            "ellipsis_ratio": ratios(ellipses, words),
            "bullet_line_ratio": ratios(line.bullet, lines),
            "ellipsis_line_ratio": ratios(line.ellipsis, lines),
            "alphabetic_word_ratio": ratios(count.with_letter, words),
            "stop_words": pa.array(count.stop_words.astype(np.int32), mask=chosen < 0),
            "markup_ratio": ratios(markup_chars(docs.text), char_counts(docs.text)),
        }
        return {f"{self.prefix}.{name}": pa.array(values) for name, values in scores.items()}
