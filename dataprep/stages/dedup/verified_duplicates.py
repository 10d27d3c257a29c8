"""Build the list of near-duplicates whose similarity was confirmed shingle by shingle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.documents import Documents
from dataprep.duplicates import PAIRS, Keep, edges, listed, needs, ranks, write_lists
from dataprep.stage import Build, Fraction
from dataprep.text.spans import Bools, Int64s, UInt64s

_LEADERS = 32
"""Documents of one bucket that others are compared with: a bound for a bucket of many that are all different."""

_COLLECTED = pa.schema(
    [
        ("component", pa.uint64()),
        (schema.PLACE, pa.int64()),
        ("rank", pa.uint64()),
        ("set", pa.uint64()),
        ("shingles", pa.large_list(pa.uint64())),
        ("leaders", pa.large_list(pa.int64())),
    ]
)


class VerifiedDuplicates(Build):
    """Confirm candidate pairs by the exact Jaccard similarity of their word 5-grams, and list what is left of them.

    Within each bucket the first document leads. Every other one joins the first leader that it is similar enough to,
    or becomes a leader itself, of up to 32. So no pair is united that is not similar, and a wrong first document does
    not part two right ones. Used through `minhash_dedup` with `verify: true`.

    Cost: 8 bytes on disk for each different 5-gram of a document that has a candidate; copies that are equal share
    theirs within a batch.
    """

    partition_by: ClassVar[str] = "component"
    artefact: ClassVar[str] = "duplicates.parquet"

    of: str
    """Label of the stage whose candidate pairs to confirm."""
    similarity: Fraction
    """Jaccard similarity from which two documents are duplicates."""
    keep: Keep = "first"
    """Which copy survives."""

    def needs(self) -> tuple[str, ...]:
        return needs(self.keep)

    def reads_artefact(self) -> str:
        return self.of

    def collected(self) -> pa.Schema:
        return _COLLECTED

    def combined(self) -> pa.Schema:
        return edges(ranked=True)

    def collect(self, docs: Documents) -> pa.RecordBatch:
        from dataprep.text.graph import as_sets, set_hashes
        from dataprep.text.minhash import shingles

        pairs = listed(docs.artefacts[self.of] / PAIRS, docs[schema.PLACE].to_numpy())
        pair_place = pairs.column(schema.PLACE).to_numpy()
        docs = docs.keep(np.isin(docs[schema.PLACE].to_numpy(), pair_place))
        if not len(docs):
            return pa.RecordBatch.from_pylist([], schema=_COLLECTED)
        places = docs[schema.PLACE].to_numpy()
        values, offsets = as_sets(*shingles(docs.lower_words.hash, docs.lower_words.offsets))
        names = set_hashes(values, offsets)
        lo, hi = np.searchsorted(pair_place, places), np.searchsorted(pair_place, places, side="right")
        leaders = [pairs.column("leader").to_numpy()[a:b] for a, b in zip(lo, hi, strict=True)]
        component = pairs.column("component").to_numpy()[lo].astype(np.uint64)
        _, first = np.unique(np.column_stack([component, names]), axis=0, return_index=True)
        said = np.ones(len(docs), np.bool_)
        said[first] = False
        lengths = np.where(said, 0, np.diff(offsets))
        values = values[np.repeat(~said, np.diff(offsets))]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        arrays = [
            pa.array(component),
            pa.array(places),
            pa.array(ranks(docs, self.keep)),
            pa.array(names),
            pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values), mask=pa.array(said)),
            pa.array(leaders, pa.large_list(pa.int64())),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=_COLLECTED)

    def combine(self, partition: pa.Table) -> pa.Table:
        from dataprep.text.graph import settle, union, unite_similar

        order = np.lexsort([partition.column(name).to_numpy() for name in (schema.PLACE, "component")])
        component, place, rank, name = (
            partition.column(field).to_numpy()[order] for field in ("component", schema.PLACE, "rank", "set")
        )
        shingles = partition.column("shingles").combine_chunks()
        values, offsets = shingles.values.to_numpy(), shingles.offsets.to_numpy()
        same = _spoken_for(component, name, shingles.is_valid().to_numpy(zero_copy_only=False)[order])
        parent = np.arange(len(order), dtype=np.uint32)
        union(parent, np.arange(len(order)), same)

        leaders = partition.column("leaders").combine_chunks()
        counts = np.diff(leaders.offsets.to_numpy())
        of_row = np.empty(len(order), np.int64)
        of_row[order] = np.arange(len(order))
        member, group = np.repeat(of_row, counts), leaders.values.to_numpy()
        by_group = np.lexsort((member, group))
        # Sets are numbered as they lie in the file, nodes in order of place.
        unite_similar(
            group[by_group],
            same[member[by_group]],
            order,
            values,
            offsets,
            self.similarity,
            _LEADERS,
            parent,
        )
        settle(parent)
        size = np.bincount(parent, minlength=len(parent))
        shared = np.flatnonzero(size[parent] > 1)
        shared = shared[np.argsort(place[shared])]
        columns = [place[shared], place[parent[shared]], rank[shared]]
        return pa.Table.from_arrays([pa.array(c) for c in columns], schema=self.combined())

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        return write_lists(parts, out)


def _spoken_for(component: UInt64s, name: UInt64s, has_shingles: Bools) -> Int64s:
    """int64[rows]: for each row one of the same component and set that holds its shingles."""
    order = np.lexsort((~has_shingles, name, component))
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (component[order[1:]] != component[order[:-1]]) | (name[order[1:]] != name[order[:-1]])
    first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    same = np.empty(len(order), np.int64)
    same[order] = order[first]
    assert has_shingles[same].all()
    return same
