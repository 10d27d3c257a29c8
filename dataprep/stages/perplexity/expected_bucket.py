"""Keep documents in wanted buckets."""

from __future__ import annotations

from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc

from dataprep.documents import Documents
from dataprep.stage import Example, Filter

Bucket = Literal["head", "middle", "tail", "all"]
_DEFECTS = {"head": "in_head", "middle": "in_middle", "tail": "in_tail", "all": "in_no_bucket"}


class ExpectedBucket(Filter):
    """Keep documents whose bucket is wanted. Used through `perplexity`."""

    compares: ClassVar[bool] = True

    column: str = "perplexity.bucket"
    """The bucket."""
    keep: tuple[Bucket, ...]
    """Buckets kept; `all` is that of documents without a score."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"column": "b", "keep": ["head", "middle"]},
            {"b": ["head", "middle", "tail", "all"]},
            [None, None, "in_tail", "in_no_bucket"],
        ),
    )

    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def defects(self) -> tuple[str, ...]:
        return tuple(defect for bucket, defect in _DEFECTS.items() if bucket not in self.keep)

    def reasons(self, docs: Documents) -> pa.StringArray:
        buckets = pc.cast(docs[self.column], pa.string())
        reasons = pa.array([None if name in self.keep else defect for name, defect in _DEFECTS.items()], pa.string())
        return reasons.take(pc.index_in(buckets, pa.array(list(_DEFECTS), pa.string())))
