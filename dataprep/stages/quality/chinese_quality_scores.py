"""Score Chinese documents: what they are made of, whether they have sentences, repeat phrases or advertise."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map

_NAMES = ("han_ratio", "sign_ratio", "latin_ratio", "traditional_ratio", "particle_ratio", "rare_han_ratio",
          "repeated_phrase_ratio", "contact_per_1000_chars", "spam_per_1000_chars", "sentence_char_ratio",
          "mean_sentence_length", "sentences_per_100_chars")  # fmt: skip


class ChineseQualityScores(Map):
    """Score Chinese documents as `chinese_quality` describes it; documents of other languages have no scores (null).

    About 100 MB/s. A text without characters has ratios of 0.
    """

    prefix: str = "chinese_quality"
    """Columns are called `<prefix>.<score>`."""
    judged: tuple[str, ...] = ("zh", "yue", "wuu")
    """Values of the `language` column that are scored."""
    shortest_sentence: Annotated[int, Field(ge=1)] = 5
    """Fewest visible characters of a sound sentence."""
    longest_sentence: Annotated[int, Field(ge=1)] = 200
    """Most visible characters of a sound sentence."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "c"},
            {"text": ["今天天气，真好。", "加微信矣v1。、", "Hello."], "language": ["zh", "zh", "en"]},
            {
                "c.han_ratio": [0.75, 0.5, None],
                "c.sign_ratio": [0.25, 0.25, None],
                "c.latin_ratio": [0.0, 0.125, None],
                "c.traditional_ratio": [0.0, 0.0, None],
                "c.particle_ratio": [0.0, 0.25, None],
                "c.rare_han_ratio": [0.0, 0.0, None],
                "c.repeated_phrase_ratio": [0.0, 0.0, None],
                "c.contact_per_1000_chars": [0.0, 125.0, None],
                "c.spam_per_1000_chars": [0.0, 0.0, None],
                "c.sentence_char_ratio": [1.0, 0.875, None],
                "c.mean_sentence_length": [7.0, 6.0, None],
                "c.sentences_per_100_chars": [12.5, 12.5, None],
            },
        ),
    )

    def needs(self) -> tuple[str, ...]:
        return (schema.LANGUAGE,)

    def gives(self) -> dict[str, pa.DataType | None]:
        return {f"{self.prefix}.{name}": pa.float32() for name in _NAMES}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        judged = np.asarray(pc.is_in(docs[schema.LANGUAGE], pa.array(self.judged, pa.string())))
        scores = self._scores(docs, judged.astype(np.uint8))
        return {f"{self.prefix}.{name}": pa.array(scores[name], mask=~judged) for name in _NAMES}

    def _scores(self, docs: Documents, judged: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        from dataprep.text.bait import bait
        from dataprep.text.chinese import chinese_counts, phrases
        from dataprep.text.ngrams import duplicate_spans
        from dataprep.text.ratios import ratios

        n = chinese_counts(docs.text, judged, self.shortest_sentence, self.longest_sentence)
        contact, spam = bait(docs.text, judged)
        return {
            "han_ratio": ratios(n.han, n.visible),
            "sign_ratio": ratios(n.signs, n.visible),
            "latin_ratio": ratios(n.latin, n.visible),
            "traditional_ratio": ratios(n.traditional, n.han),
            "particle_ratio": ratios(n.particles, n.han),
            "rare_han_ratio": ratios(n.rare, n.han),
            "repeated_phrase_ratio": ratios(duplicate_spans(phrases(docs.text, judged), docs.text)[1], n.visible),
            "contact_per_1000_chars": ratios(contact * 1000, n.visible),
            "spam_per_1000_chars": ratios(spam * 1000, n.visible),
            "sentence_char_ratio": ratios(n.sound_chars, n.visible),
            "mean_sentence_length": ratios(n.sentence_chars, n.sentences),
            "sentences_per_100_chars": ratios(n.sentences * 100, n.visible),
        }
