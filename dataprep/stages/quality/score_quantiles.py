"""Build the quantiles of a score over the whole corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from dataprep import quantiles, schema
from dataprep.documents import Documents
from dataprep.quantiles import EVERY, QUANTILES
from dataprep.stage import Build, Fraction

_COLLECTED = pa.schema([("part", pa.uint64()), (schema.LANGUAGE, pa.string()), ("value", pa.float64())])
_COMBINED = pa.schema([(schema.LANGUAGE, pa.string()), ("value", pa.float64())])


class ScoreQuantiles(Build):
    """Find the values that cut a score column at given fractions of the corpus, for each language and for all (`*`).

    A quantile is exact, and is a value that occurs: the smallest v such that at least (or more than) p*n of the n
    values are <= v. Neither batches nor shards nor partitions matter. Null and NaN are not counted. Works the same in
    every language; a document without a language counts as `und`. Used through `perplexity` and `classifier`.

    Cost: 28 bytes a document in `finish`, once.
    """

    partition_by: ClassVar[str] = "part"
    artefact: ClassVar[str] = QUANTILES

    column: str
    """A column of numbers."""
    at: Annotated[tuple[Fraction, ...], Field(min_length=1)]
    """Fractions of the documents, counted from the lowest value."""
    by_language: bool = True
    """For each language, too."""

    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def collected(self) -> pa.Schema:
        return _COLLECTED

    def combined(self) -> pa.Schema:
        return _COMBINED

    def collect(self, docs: Documents) -> pa.RecordBatch:
        from dataprep.text.hashes import mixed

        values = pc.cast(docs[self.column], pa.float64(), safe=False)
        known = pc.fill_null(pc.invert(pc.is_nan(values)), False)
        names = pc.fill_null(docs.languages(), schema.UNDETERMINED) if self.by_language else pa.repeat("", len(docs))
        part = pa.array(mixed(docs[schema.PLACE].to_numpy()))
        return pa.RecordBatch.from_arrays([part, names, values], schema=_COLLECTED).filter(known)

    def combine(self, partition: pa.Table) -> pa.Table:
        return partition.drop_columns(["part"])

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        n = sum(pq.read_metadata(part).num_rows for part in parts)
        values, codes = np.empty(n, np.float64), np.empty(n, np.int32)
        names: dict[str, int] = {}
        at = 0
        for part in parts:
            # Without `pre_buffer=False` pyarrow holds what it has read until the end of the file.
            with pq.ParquetFile(part, pre_buffer=False) as file:
                for batch in file.iter_batches(1 << 16, use_threads=False):
                    language = batch.column(0).dictionary_encode()
                    known = [names.setdefault(name, len(names)) for name in language.dictionary.to_pylist()]
                    span = slice(at, at + batch.num_rows)
                    codes[span] = np.array(known, np.int32)[language.indices.to_numpy()]
                    values[span] = batch.column(1).to_numpy()
                    at += batch.num_rows
        values += 0.0  # -0.0 is 0.0
        found = {} if n == 0 else self._found(values, codes, list(names))
        quantiles.write(out, found)
        return {"documents": n, "quantiles": [[name, *_row(found[name])] for name in sorted(found)]}

    def _found(
        self, values: npt.NDArray[np.float64], codes: npt.NDArray[np.int32], names: list[str]
    ) -> dict[str, quantiles.Quantiles]:
        found = {}
        if self.by_language:
            values = values[np.argsort(codes, kind="stable")]
            bounds = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(names)))])
            for k, name in enumerate(names):
                found[name] = quantiles.quantiles(values[bounds[k] : bounds[k + 1]], self.at)
        return {EVERY: quantiles.quantiles(values, self.at), **found}


def _row(some: quantiles.Quantiles) -> list[Any]:
    return [some.n, *(cut.least if np.isfinite(cut.least) else str(cut.least) for cut in some.at.values())]
