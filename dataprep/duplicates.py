"""Lists of duplicates: what a Build's partitions say of copies becomes a table that any shard can look itself up in.

Every dedup Build's `combine` gives edges: rows (`_place`, `leader`[, `rank`]) sorted by place, where `leader` is a
place at most as large, and is itself a row. `write_lists` connects them and chooses the copy to keep.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.shards import ParquetShard
from dataprep.text.spans import Int64s, TextBuffers, UInt64s

DUPLICATES: Final = "duplicates.parquet"
"""(`_place`, `kept`) of every document to drop and of the copy to keep, sorted by place."""
KEPT: Final = "kept.parquet"
"""(`_place`, `members`) of every kept copy and the size of its cluster, sorted by place."""
SAMPLE: Final = "sample.parquet"
"""(`_place`, `kept`) of the duplicates whose exact similarity to the kept copy is to be measured."""
SAMPLED_PAIRS = 1000
PAIRS: Final = "pairs.parquet"
"""(`_place`, `leader`, `component`) of candidates to confirm, sorted by place; a leader is its own leader, too."""

_DUPLICATES = pa.schema([(schema.PLACE, pa.int64()), ("kept", pa.int64())])
_KEPT = pa.schema([(schema.PLACE, pa.int64()), ("members", pa.int64())])
_PAIRS = pa.schema([(schema.PLACE, pa.int64()), ("leader", pa.int64()), ("component", pa.int64())])
_WRITE_ROWS = 8_192
_HELD_ROWS = 1 << 19
"""Rows that a merge holds of all its files together, but at least 1,024 of each."""

Keep = Annotated[str, Field(pattern=r"^(first|longest|newest|best:.+)$")]
"""Which copy survives."""


def edges(*, ranked: bool) -> pa.Schema:
    """Schema of what `combine` gives."""
    fields = [(schema.PLACE, pa.int64()), ("leader", pa.int64())]
    return pa.schema([*fields, ("rank", pa.uint64())] if ranked else fields)


# ---------------------------------------------------------------- which copy to keep


def needs(keep: str) -> tuple[str, ...]:
    """Columns that this policy reads."""
    if keep.startswith("best:"):
        return (keep.removeprefix("best:"),)
    return (schema.DATE,) if keep == "newest" else ()


def ranks(docs: Documents, keep: str) -> UInt64s:
    """uint64[documents]: the higher the better; equal ranks are settled by place. 0 where nothing is known."""
    if keep == "longest":
        return np.diff(docs.text.offsets).astype(np.uint64)
    if keep == "newest":
        seconds = np.array([_microseconds(value) for value in docs[schema.DATE].to_pylist()], np.int64)
        return np.asarray(seconds.view(np.uint64) ^ np.uint64(1 << 63))
    if keep.startswith("best:"):
        column = docs[keep.removeprefix("best:")]
        values = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
        numbers = np.asarray(values.to_numpy(zero_copy_only=False), np.float64) + 0.0  # -0.0 is 0.0
        bits = numbers.view(np.uint64)
        ordered = np.where(bits >> np.uint64(63), ~bits, bits | np.uint64(1 << 63))
        return np.where(np.isnan(numbers), np.uint64(0), ordered)
    return np.zeros(len(docs), np.uint64)


def _microseconds(date: str | None) -> int:
    """Since 1970, UTC where no zone is given; the smallest number where there is no date that can be read."""
    try:
        when = datetime.fromisoformat(date or "")
    except ValueError:
        return -(1 << 63)
    since = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


# ---------------------------------------------------------------- documents of one key


def keys(keep: str) -> pa.Schema:
    """Schema of what `collect` gives where documents of one 128-bit key are copies; `low` partitions it."""
    fields = [("low", pa.uint64()), ("high", pa.uint64()), (schema.PLACE, pa.int64())]
    return pa.schema([*fields, ("rank", pa.uint64())] if keep != "first" else fields)


def keyed(docs: Documents, keep: str, content: TextBuffers) -> pa.RecordBatch:
    """Key of each document by the bytes that copies have in common; one without such bytes has none."""
    from dataprep.text.hashes import xxh64

    some = np.diff(content.offsets) > 0
    columns = [xxh64(content, 0), xxh64(content, 1), docs[schema.PLACE].to_numpy()]
    if keep != "first":
        columns.append(ranks(docs, keep))
    return pa.RecordBatch.from_arrays([pa.array(column[some]) for column in columns], schema=keys(keep))


def of_one_key(partition: pa.Table) -> pa.Table:
    """Edges: documents whose key occurs again, led by the first of that key."""
    low, high, place = (partition.column(name).to_numpy() for name in ("low", "high", schema.PLACE))
    order = np.lexsort((place, high, low))
    low, high = low[order], high[order]
    again = np.zeros(len(order) + 1, np.bool_)
    again[1:-1] = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    first = np.maximum.accumulate(np.where(again[:-1], 0, np.arange(len(order))))
    shared = again[:-1] | again[1:]
    rows, leaders = order[shared], place[order[first[shared]]]
    found = partition.drop_columns(["low", "high"]).take(rows).add_column(1, "leader", pa.array(leaders))
    return found.sort_by(schema.PLACE)


# ---------------------------------------------------------------- from edges to lists


def merged(parts: Sequence[Path], by: str) -> Iterator[pa.Table]:
    """Rows of files that are each sorted by integer column `by`, in the order of all: tables of whole runs of equal
    values. Holds half a million rows. Equal values of one file keep their order.
    """
    # Without `pre_buffer=False` pyarrow holds what it has read until the end of the file.
    files = [pq.ParquetFile(part, pre_buffer=False) for part in parts]
    rows = max(1024, _HELD_ROWS // max(1, len(files)))
    streams = [file.iter_batches(rows, use_threads=False) for file in files]
    held: list[tuple[int, int]] = []  # (last value of what is held of a file, file)
    batches: dict[int, pa.RecordBatch] = {}

    def fill(n: int) -> None:
        batch = next((b for b in streams[n] if b.num_rows), None)
        if batch is not None:
            batches[n] = batch
            heapq.heappush(held, (batch.column(by)[-1].as_py(), n))

    for n in range(len(streams)):
        fill(n)
    rest: list[pa.RecordBatch] = []
    while held:
        # Below the smallest last value nothing can follow from any file.
        bound, n = heapq.heappop(held)
        ready = [*rest, batches.pop(n)]
        rest = []
        for other, batch in batches.items():
            cut = int(np.searchsorted(batch.column(by).to_numpy(), bound, side="left"))
            if cut:
                ready.append(batch.slice(0, cut))
                batches[other] = batch.slice(cut)
        fill(n)
        table = pa.Table.from_batches(ready)
        table = table.take(np.argsort(table.column(by).to_numpy(), kind="stable"))
        if held:  # the last value may go on in the next batch
            cut = int(np.searchsorted(table.column(by).to_numpy(), bound, side="left"))
            rest = table.slice(cut).combine_chunks().to_batches()
            table = table.slice(0, cut)
        if table.num_rows:
            yield table


class Components(NamedTuple):
    """Every document that has a copy, by place, and which belong together."""

    places: Int64s
    root: npt.NDArray[np.uint32]
    rank: UInt64s
    """Empty if the first copy is kept."""


def connect(parts: Sequence[Path]) -> Components:
    """Connected components of edges, by streaming them once. Holds 12 bytes a document, 20 with ranks, of those that
    have a copy, and as much again for a moment while an array grows by a quarter.
    """
    from dataprep.text.graph import settle, union

    ranked = bool(parts) and "rank" in pq.read_schema(parts[0]).names
    places, parent = np.empty(0, np.int64), np.empty(0, np.uint32)
    rank = np.empty(0, np.uint64)
    n = room = 0
    for table in merged(parts, schema.PLACE):
        place = table.column(schema.PLACE).to_numpy()
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        new = place[starts]
        if n + len(new) > len(places):
            room = max(n + len(new), len(places) + len(places) // 4)
            for array in (places, parent, rank) if ranked else (places, parent):
                array.resize(room, refcheck=False)
        assert room <= 1 << 32, "more than 2^32 documents have copies"
        places[n : n + len(new)] = new
        parent[n : n + len(new)] = np.arange(n, n + len(new), dtype=np.uint32)
        if ranked:
            rank[n : n + len(new)] = table.column("rank").to_numpy()[starts]
        node = n + np.cumsum(np.diff(place, prepend=place[0]) != 0)
        n += len(new)
        # In order of leaders: neighbours are looked up, and united, while their memory is at hand.
        leader = table.column("leader").to_numpy()
        order = np.argsort(leader)
        union(parent, node[order], np.searchsorted(places[:n], leader[order]))
    for array in (places, parent, rank) if ranked else (places, parent):
        array.resize(n, refcheck=False)
    settle(parent)
    return Components(places, parent, rank)


def write_lists(parts: Sequence[Path], out: Path) -> dict[str, int]:
    """Connect the edges of `parts` and write `DUPLICATES`, `KEPT` and `SAMPLE` to folder `out`.

    Gives the number of duplicates, of clusters and of documents in the largest. Streams its input and its output: peak
    memory is 28 bytes for each document that has a copy.
    """
    from dataprep.text.graph import sizes, survivors

    places, root, rank = connect(parts)
    kept = survivors(root, rank)
    del rank
    duplicates = ParquetShard(out / DUPLICATES, _DUPLICATES)
    sampled = _no_pairs()
    for lo in range(0, len(places), _WRITE_ROWS):
        place, copy = places[lo : lo + _WRITE_ROWS], places[kept[lo : lo + _WRITE_ROWS]]
        dropped = place != copy
        pairs = np.column_stack([place[dropped], copy[dropped]])
        duplicates.write(_batch(_DUPLICATES, *pairs.T))
        sampled = _smallest(np.concatenate([sampled, pairs]))
    duplicates.close()
    sample = ParquetShard(out / SAMPLE, _DUPLICATES)
    sample.write(_batch(_DUPLICATES, *sampled[np.argsort(sampled[:, 0])].T))
    sample.close()
    members = sizes(root)
    largest = int(members.max(initial=0))
    clusters = int(np.count_nonzero(members))
    copies = ParquetShard(out / KEPT, _KEPT)
    for lo in range(0, len(places), _WRITE_ROWS):
        nodes = np.arange(lo, min(lo + _WRITE_ROWS, len(places)))
        nodes = nodes[kept[nodes] == nodes]
        copies.write(_batch(_KEPT, places[nodes], members[root[nodes]].astype(np.int64)))
    copies.close()
    return {"duplicates": len(places) - clusters, "clusters": clusters, "largest_cluster": largest}


def write_pairs(parts: Sequence[Path], out: Path) -> dict[str, int]:
    """Write `PAIRS` to folder `out`: every edge once, and the component it is in. Memory as for `write_lists`."""
    places, root, _ = connect(parts)
    shard = ParquetShard(out / PAIRS, _PAIRS)
    for table in merged(parts, schema.PLACE):
        pairs = distinct_pairs(table.column(schema.PLACE).to_numpy(), table.column("leader").to_numpy())[1]
        component = places[root[np.searchsorted(places, pairs[:, 0])]]
        shard.write(_batch(_PAIRS, *pairs.T, component))
    shard.close()
    return {"candidate_documents": len(places), "candidate_pairs": shard.rows - len(places)}


def distinct_pairs(a: Int64s, b: Int64s) -> tuple[Int64s, Int64s]:
    """(int64[m], int64[m, 2]): where each pair (a, b) is first met once they are sorted, and the sorted pairs."""
    order = np.lexsort((b, a))
    pairs = np.column_stack([a[order], b[order]])
    once = np.ones(len(pairs), np.bool_)
    once[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return order[once], pairs[once]


def _batch(columns: pa.Schema, *arrays: Int64s) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(np.ascontiguousarray(a)) for a in arrays], schema=columns)


def _no_pairs() -> Int64s:
    return np.empty((0, 2), np.int64)


def _smallest(pairs: Int64s) -> Int64s:
    """The pairs of smallest hash of the duplicate's place: a sample that no order of work changes."""
    if len(pairs) <= SAMPLED_PAIRS:
        return pairs
    from dataprep.text.hashes import mixed

    return pairs[np.argsort(mixed(pairs[:, 0]), kind="stable")[:SAMPLED_PAIRS]]


def listed(path: Path, places: Int64s) -> pa.Table:
    """The rows of a list, sorted by `_place`, between the smallest and the largest of `places`.

    Reads only row groups that may hold them: memory is bounded by a batch's share of the list.
    """
    low, high = int(places.min()), int(places.max())
    with pq.ParquetFile(path) as file:
        groups = []
        for i in range(file.num_row_groups):
            bounds = file.metadata.row_group(i).column(0).statistics
            if bounds is not None and bounds.min <= high and bounds.max >= low:
                groups.append(i)
        table = file.read_row_groups(groups, use_threads=False)
    column = table.column(0).to_numpy()
    lo, hi = np.searchsorted(column, low), np.searchsorted(column, high, side="right")
    return table.slice(lo, hi - lo)
