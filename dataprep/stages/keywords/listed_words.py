"""Drop documents that have entries of word lists, or keep a share of them."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Filter, Fraction


class ListedWords(Filter):
    """Drop documents that have entries of word lists, or keep a share of them: the rule `drop_any` of `keywords`.

    Compares counts that `keyword_counts` gave, and the id, which draws the share kept. The same in every language.
    """

    compares: ClassVar[bool] = True

    columns: Annotated[dict[str, str], Field(min_length=1)]
    """Counts, and the reason to give for a document whose count is not 0; the first such column names it."""
    keep_ratio: Fraction = 0.0
    """Share of these documents that is kept."""
    seed: int = 0
    """Another seed keeps others."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"columns": {"k.bad": "listed_bad"}}, {"k.bad": [0, 2, None]}, [None, "listed_bad", None]),
        Example({"columns": {"k.bad": "listed_bad"}, "keep_ratio": 1.0}, {"k.bad": [0, 2]}, [None, None]),
    )

    def needs(self) -> tuple[str, ...]:
        return (*self.columns, schema.ID) if self.keep_ratio > 0 else tuple(self.columns)

    def defects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.columns.values()))

    def reasons(self, docs: Documents) -> pa.StringArray:
        from dataprep.lists.lots import lots

        reasons = list(self.columns.values())
        first = np.full(len(docs), len(reasons), np.int32)
        for k, name in reversed(list(enumerate(self.columns))):
            first[np.asarray(docs[name].fill_null(0)) > 0] = k
        if self.keep_ratio > 0:
            first[lots(docs[schema.ID], self.seed) < self.keep_ratio] = len(reasons)
        return pa.array(reasons, pa.string()).take(pa.array(first, mask=first == len(reasons)))
