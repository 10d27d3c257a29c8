"""Build the list of near-duplicates from MinHash signatures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.documents import Documents
from dataprep.duplicates import Keep, distinct_pairs, edges, needs, ranks, write_lists, write_pairs
from dataprep.stage import Build, Count
from dataprep.text.spans import Int64s, UInt64s


class MinhashDuplicates(Build):
    """Connect documents that share a band of their MinHash signatures and list all but one of each cluster.

    A document without words is in no cluster. Used through `minhash_dedup`.

    Cost: 150-250 MB/s of text to signatures; 16 bytes a band and document on disk, 24 with ranks, before compression.
    """

    partition_by: ClassVar[str] = "band"
    artefact: ClassVar[str] = "duplicates.parquet"

    bands: Count
    """Bands of a signature."""
    rows: Count
    """Numbers of a band."""
    seed: Count = 1
    """Seed of the permutations."""
    keep: Keep = "first"
    """Which copy survives."""
    candidates: bool = False
    """Write the candidate pairs, for a later stage to confirm, instead of the list of duplicates."""

    def needs(self) -> tuple[str, ...]:
        return needs(self.keep)

    def _ranked(self) -> bool:
        return self.keep != "first"

    def collected(self) -> pa.Schema:
        fields = [("band", pa.uint64()), (schema.PLACE, pa.int64())]
        return pa.schema([*fields, ("rank", pa.uint64())] if self._ranked() else fields)

    def combined(self) -> pa.Schema:
        return edges(ranked=self._ranked())

    def collect(self, docs: Documents) -> pa.RecordBatch:
        from dataprep.text.minhash import band_hashes, permutations, signatures

        words = docs.lower_words
        some = np.diff(words.offsets) > 0  # no words, no copy of anything
        found = signatures(words.hash, words.offsets, permutations(self.bands * self.rows, self.seed))
        columns = [
            band_hashes(found[some], self.bands, self.rows).ravel(),
            np.repeat(docs[schema.PLACE].to_numpy()[some], self.bands),
        ]
        if self._ranked():
            columns.append(np.repeat(ranks(docs, self.keep)[some], self.bands))
        return pa.RecordBatch.from_arrays([pa.array(c) for c in columns], schema=self.collected())

    def combine(self, partition: pa.Table) -> pa.Table:
        rows, leaders = _stars(partition.column("band").to_numpy())
        place = partition.column(schema.PLACE).to_numpy()
        # Twins share most bands: say each pair once.
        once, pairs = distinct_pairs(place[rows], place[leaders])
        table = partition.select([n for n in partition.column_names if n != "band"]).take(rows[once])
        return table.add_column(1, "leader", pa.array(pairs[:, 1])).cast(self.combined())

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        return write_pairs(parts, out) if self.candidates else write_lists(parts, out)


def _stars(band: UInt64s) -> tuple[Int64s, Int64s]:
    """(int64[n], int64[n]): each row whose band occurs again, and the first row with that band: a star a bucket.

    Rows are in order of place. Sorting the bands in chunks of their own range keeps the scratch small.
    """
    found_rows, found_leaders = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    bits = max(0, (len(band) // _CHUNK_ROWS).bit_length())
    chunk = band >> np.uint64(64 - bits) if bits else np.zeros(len(band), np.uint64)
    for number in range(1 << bits):
        rows = np.flatnonzero(chunk == number) if bits else np.arange(len(band))
        values = band[rows]
        order = np.argsort(values)
        values = values[order]
        again = np.zeros(len(rows) + 1, np.bool_)
        again[1:-1] = values[1:] == values[:-1]
        shared = again[:-1] | again[1:]
        rows, values = rows[order[shared]], values[shared]
        order = np.lexsort((rows, values))
        rows, values = rows[order], values[order]
        starts = np.ones(len(rows), np.bool_)
        starts[1:] = values[1:] != values[:-1]
        first = np.maximum.accumulate(np.where(starts, np.arange(len(rows)), 0))
        found_rows.append(rows)
        found_leaders.append(rows[first] if len(rows) else rows)
    return np.concatenate(found_rows), np.concatenate(found_leaders)


_CHUNK_ROWS = 4_000_000
