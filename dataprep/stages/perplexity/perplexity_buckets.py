"""Sort documents into head, middle and tail by their perplexity."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import quantiles, schema
from dataprep.documents import Documents
from dataprep.stage import LANGUAGE_CODE, Example, Fraction, Map

Code = Annotated[str, Field(pattern=f"^{LANGUAGE_CODE.pattern}$")]
_NAMES = ("head", "middle", "tail", "all")


class PerplexityBuckets(Map):
    """Sort documents into head, middle and tail by their perplexity. Used through `perplexity`, which documents the
    settings. A document without a score, or in a language without cut-offs, is in `all`."""

    prefix: str = "perplexity"
    """The column is called `<prefix>.bucket`."""
    column: str
    """The score."""
    cutoffs: dict[Code, tuple[float, float]] = Field(default_factory=dict)
    """By language: below the first is the head, from the second on the tail."""
    of: str | None = None
    """Label of the quantiles of the score that give cut-offs instead."""
    shares: tuple[Fraction, Fraction] = (0.3, 0.6)
    """Which of these quantiles."""
    by_language: bool = True
    """Each language by quantiles of its own."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"column": "p", "cutoffs": {"en": [340, 520]}},
            {"p": [339.9, 340.0, 519.9, 520.0, 10.0, None], "language": ["en", "en", "en", "en", "zh", "en"]},
            {"perplexity.bucket": ["head", "middle", "middle", "tail", "all", "all"]},
        ),
    )

    def needs(self) -> tuple[str, ...]:
        return (self.column, schema.LANGUAGE) if self.of is None else (self.column,)

    def gives(self) -> dict[str, pa.DataType | None]:
        return {f"{self.prefix}.bucket": pa.string()}

    def reads_artefact(self) -> str | None:
        return self.of

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        scores = docs[self.column]
        values = np.asarray(pc.fill_null(pc.cast(scores, pa.float64()), np.nan))
        head, tail = self._cuts(docs)
        which = np.select([np.isnan(values) | np.isnan(head), values < head, values < tail], [3, 0, 1], 2)
        return {f"{self.prefix}.bucket": pa.array(_NAMES, pa.string()).take(pa.array(which))}

    def _cuts(self, docs: Documents) -> tuple[np.ndarray, np.ndarray]:
        languages = docs.languages()
        if self.of is not None:
            found = quantiles.load(docs.artefacts[self.of])
            low, high = (
                quantiles.cuts(found, share, languages, "above", by_language=self.by_language) for share in self.shares
            )
            return low, high
        bounds = np.array([*self.cutoffs.values(), (np.nan, np.nan)], np.float64)
        names = pa.array(list(self.cutoffs), pa.string())
        rows = np.asarray(pc.index_in(languages, names).fill_null(len(self.cutoffs)))
        return bounds[rows, 0], bounds[rows, 1]
