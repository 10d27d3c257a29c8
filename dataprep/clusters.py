"""One cluster of duplicates out of the table of all clusters: streamed, never loaded whole."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds

from dataprep import schema

CLUSTERS: Final = "clusters.parquet"
"""(`cluster`, `id`, `source`, `kept`, `similarity`, `jaccard`, `bytes`) of every document that has a copy, sorted by
cluster, the kept copy first, the others in order of place. A cluster's number is the place of its kept copy."""
MEMBERS = 1000
"""Others of one cluster that are held; the rest is counted."""


class Member(NamedTuple):
    """One document of a cluster."""

    id: str
    source: str
    similarity: float | None
    """To the kept copy, estimated; 1 for an exact copy, null where it was not compared."""
    jaccard: float | None
    """To the kept copy, exact, where it was computed."""
    bytes: int


class Cluster(NamedTuple):
    """The copies of one document that a stage found, as seen from one of them."""

    stage: str
    size: int
    """Documents in it, the kept copy included."""
    kept: Member
    this: Member
    """The document asked for; the kept copy itself if that is it."""
    others: tuple[Member, ...]
    """The first `MEMBERS` of those that are neither, in order of place."""


def cluster(rows: ds.Dataset, stage: str, number: int, wanted: str | None, nth: int = 0) -> Cluster | None:
    """Cluster `number` as seen from its `nth` dropped document with id `wanted` (None: the kept copy); None if the
    table has no such cluster.

    Reads the row groups whose range of clusters holds the number, one after the other, and holds `MEMBERS` rows.
    """
    kept = this = None
    others: list[Member] = []
    size = seen = 0
    scanner = rows.scanner(filter=pc.field("cluster") == number, batch_readahead=1, use_threads=False)
    for batch in scanner.to_batches():
        size += batch.num_rows
        first = 0
        if kept is None and batch.num_rows:
            assert batch.column("kept")[0].as_py(), f"cluster {number}: its kept copy is not its first row"
            kept, first = _member(batch.slice(0, 1).to_pylist()[0]), 1
        mine = -1
        if wanted is not None and this is None:
            named = np.flatnonzero(pc.equal(batch.column(schema.ID), wanted).to_numpy(zero_copy_only=False))
            named = named[named >= first]
            if nth < seen + len(named):
                mine = int(named[nth - seen])
                this = _member(batch.slice(mine, 1).to_pylist()[0])
            seen += len(named)
        room = MEMBERS - len(others)
        if room > 0:
            shown = batch.slice(first, room + 1).to_pylist()
            others += [_member(row) for n, row in enumerate(shown, first) if n != mine][:room]
    if kept is None:
        return None
    assert this is not None or wanted is None, f"cluster {number} lacks a document that {stage} dropped"
    return Cluster(stage, size, kept, this or kept, tuple(others))


def _member(row: dict[str, Any]) -> Member:
    return Member(row["id"], row["source"], _short(row["similarity"]), _short(row["jaccard"]), row["bytes"])


def _short(value: float | None) -> float | None:
    """A float32 as the shortest decimal that means it: 0.3, not 0.30000001192092896."""
    return None if value is None else float(str(np.float32(value)))
