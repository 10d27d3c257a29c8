"""Keep documents in wanted languages."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import LANGUAGE_CODE, Example, Filter, Fraction

Code = Annotated[str, Field(pattern=f"^{LANGUAGE_CODE.pattern}$")]


class ExpectedLanguage(Filter):
    """Keep documents whose `language` is wanted and whose `language_score` is high enough. Used through `language`."""

    compares: ClassVar[bool] = True

    keep: tuple[Code, ...] = ()
    """Languages kept; empty: all."""
    min_score: Fraction = 0.65
    """Least score kept."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"keep": ["en", "zh"]},
            {"language": ["en", "zh", "de", "en", "und"], "language_score": [0.9, 0.65, 0.9, 0.6, 0.0]},
            [None, None, "unwanted_language", "uncertain", "unwanted_language"],
        ),
        Example({}, {"language": ["is", "und"], "language_score": [0.9, 0.0]}, [None, "uncertain"]),
    )

    def needs(self) -> tuple[str, ...]:
        return (schema.LANGUAGE, schema.LANGUAGE_SCORE) if self.keep else (schema.LANGUAGE_SCORE,)

    def defects(self) -> tuple[str, ...]:
        return ("unwanted_language", "uncertain")

    def reasons(self, docs: Documents) -> pa.StringArray:
        none = pa.scalar(None, pa.string())
        # As float32, like the scores: .65 must keep a score of .65.
        sure = pc.greater_equal(docs[schema.LANGUAGE_SCORE], pa.scalar(self.min_score, pa.float32()))
        reasons = pc.if_else(pc.fill_null(sure, False), none, "uncertain")
        if self.keep:
            wanted = pc.is_in(docs[schema.LANGUAGE], pa.array(self.keep, pa.string()))
            reasons = pc.if_else(wanted, reasons, "unwanted_language")
        return reasons
