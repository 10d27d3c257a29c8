"""Keep the part of the corpus that scores highest."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import quantiles
from dataprep.documents import Documents
from dataprep.stage import Count, Filter


class TopRatio(Filter):
    """Keep the documents whose score is in the highest part of the corpus, by the quantiles that a Build found.

    Of n documents the `ratio` * n highest, rounded up, and every other one with a score of theirs. A document without a
    score is kept. Used through `classifier`.
    """

    drops_copies: ClassVar[bool] = False

    of: str
    """Label of the stage whose quantiles to read; they must hold 1 - `ratio`."""
    column: str
    """The score."""
    ratio: Annotated[float, Field(gt=0, lt=1)]
    """Part of the documents kept."""
    by_language: bool = False
    """Of each language, where it has `language_documents`; else of all documents together."""
    language_documents: Count = 100
    """Documents from which a language is cut by its own scores."""

    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def defects(self) -> tuple[str, ...]:
        return ("not_in_top",)

    def reads_artefact(self) -> str:
        return self.of

    def reasons(self, docs: Documents) -> pa.StringArray:
        found = quantiles.load(docs.artefacts[self.of])
        cuts = quantiles.cuts(
            found,
            round(1 - self.ratio, 12),
            docs.languages(),
            "above",
            by_language=self.by_language,
            min_documents=self.language_documents,
        )
        scores = pc.cast(docs[self.column], pa.float64()).to_numpy(zero_copy_only=False)
        below = pa.array(np.asarray(scores < cuts))
        return pc.if_else(below, "not_in_top", pa.scalar(None, pa.string()))
