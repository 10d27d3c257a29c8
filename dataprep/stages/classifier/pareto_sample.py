"""Keep documents by lot, the likelier the higher they score."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep.documents import Documents
from dataprep.stage import Example, Filter


class ParetoSample(Filter):
    """Keep documents by lot, the likelier the higher they score: where a number drawn from a Pareto distribution is
    above 1 - score (GPT-3, Brown et al. 2020, arXiv:2005.14165, appendix A: `np.random.pareto(9) > 1 - score`).

    The draw is a keyed hash of the text: it is the same in every run, wherever the document lies, and for every copy of
    it. With an alpha of 9 a score of .9 is kept with probability .42, of .5 with .026, of 0 with .002. Used through
    `classifier`. Works the same in every language.
    """

    column: str
    """The score, between 0 and 1; a document without one is kept."""
    alpha: Annotated[float, Field(gt=0)] = 9.0
    """Shape of the distribution: the larger, the fewer low scores are kept. GPT-3: 9."""
    key: str = "pareto"
    """Another key is another draw."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"column": "score"},
            {"text": ["one", "two", "three", "four"], "score": [1.0, 0.0, 0.0, None]},
            [None, "lost_draw", "lost_draw", None],
        ),
    )

    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def defects(self) -> tuple[str, ...]:
        return ("lost_draw",)

    def reasons(self, docs: Documents) -> pa.StringArray:
        from dataprep.text.hashes import xxh64
        from dataprep.text.spans import text_buffers

        seed = int(xxh64(text_buffers(pa.array([self.key], pa.large_string())))[0])
        uniform = ((xxh64(docs.text, seed) >> np.uint64(11)).astype(np.float64) + 0.5) / (1 << 53)
        drawn = uniform ** (-1.0 / self.alpha) - 1.0
        scores = pc.cast(docs[self.column], pa.float64()).to_numpy(zero_copy_only=False)
        lost = pa.array(np.asarray(drawn <= 1.0 - scores))
        return pc.if_else(lost, "lost_draw", pa.scalar(None, pa.string()))
