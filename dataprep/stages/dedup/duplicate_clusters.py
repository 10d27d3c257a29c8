"""Build the table of clusters: who is a copy of whom, how similar, and from which sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import schema
from dataprep.documents import Documents
from dataprep.duplicates import DUPLICATES, KEPT, SAMPLE, listed, merged
from dataprep.shards import ParquetShard, row_bytes
from dataprep.stage import Build, Count
from dataprep.text.spans import Bools, Int64s

_COLLECTED = pa.schema(
    [
        ("cluster", pa.uint64()),
        (schema.PLACE, pa.int64()),
        (schema.ID, pa.string()),
        (schema.SOURCE, pa.string()),
        ("bytes", pa.int64()),
        ("signature", pa.large_list(pa.uint32())),
        ("shingles", pa.large_list(pa.uint64())),
    ]
)
_CLUSTERS = pa.schema(
    [
        ("cluster", pa.int64()),
        (schema.ID, pa.string()),
        (schema.SOURCE, pa.string()),
        ("kept", pa.bool_()),
        ("similarity", pa.float32()),
        ("jaccard", pa.float32()),
        ("bytes", pa.int64()),
    ]
)
_COMBINED = pa.schema([*_CLUSTERS, ("kept_source", pa.string())])
_SOURCE_PAIRS = 100
_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


class DuplicateClusters(Build):
    """Table of every document that has a copy: its cluster, whether it is the one kept, how similar it is to that one.

    `similarity` is estimated from MinHash signatures where the duplicates were found by them, 1 for equal texts; of
    1,000 pairs of duplicate and kept copy `jaccard` is the exact similarity of their word 5-grams: what the estimate,
    and the whole list, is worth. Used through the `*_dedup` stages; `dataprep explain` and `dataprep manifest` show it.

    Cost: only documents that have copies are looked at again; 450 bytes each on disk for a while with MinHash.
    """

    partition_by: ClassVar[str] = "cluster"
    artefact: ClassVar[str] = "clusters.parquet"

    of: str
    """Label of the stage whose list to describe."""
    permutations: Count = 0
    """Length of the signatures to estimate similarity with; 0: texts are equal, or were not compared."""
    seed: Count = 1
    """Seed of the permutations."""
    equal: bool = False
    """Members of a cluster are equal: their similarity is 1."""

    def reads_artefact(self) -> str:
        return self.of

    def collected(self) -> pa.Schema:
        return _COLLECTED

    def combined(self) -> pa.Schema:
        return _COMBINED

    def collect(self, docs: Documents) -> pa.RecordBatch:
        folder = docs.artefacts[self.of]
        places = docs[schema.PLACE].to_numpy()
        dropped, copies = listed(folder / DUPLICATES, places), listed(folder / KEPT, places).column(schema.PLACE)
        member = np.concatenate([dropped.column(schema.PLACE).to_numpy(), copies.to_numpy()])
        cluster = np.concatenate([dropped.column("kept").to_numpy(), copies.to_numpy()])
        order = np.argsort(member)
        member, cluster = member[order], cluster[order]
        size = row_bytes(docs.batch)[np.isin(places, member)]
        docs = docs.keep(np.isin(places, member))
        places = docs[schema.PLACE].to_numpy()
        cluster = cluster[np.searchsorted(member, places)]
        signatures, shingles = (
            pa.nulls(len(docs), pa.large_list(pa.uint32())),
            pa.nulls(len(docs), pa.large_list(pa.uint64())),
        )
        if self.permutations and len(docs):
            sample = pq.read_table(folder / SAMPLE, use_threads=False)
            wanted = np.isin(places, np.concatenate([c.to_numpy() for c in sample.columns]))
            signatures, shingles = self._signed(docs, wanted)
        columns = [pa.array(cluster.astype(np.uint64)), docs[schema.PLACE], docs[schema.ID], docs[schema.SOURCE]]
        return pa.RecordBatch.from_arrays([*columns, pa.array(size), signatures, shingles], schema=_COLLECTED)

    def _signed(self, docs: Documents, wanted: Bools) -> tuple[pa.Array, pa.Array]:
        """Every row's signature, and the sets of shingles of the wanted rows."""
        from dataprep.text.graph import as_sets
        from dataprep.text.minhash import permutations, shingles, signatures

        hashes, first = docs.lower_words.hash, docs.lower_words.offsets
        signed = signatures(hashes, first, permutations(self.permutations, self.seed))
        counts = np.diff(first)
        few = np.concatenate([[0], np.cumsum(counts[wanted])])
        values, offsets = as_sets(*shingles(hashes[np.repeat(wanted, counts)], few))
        lengths = np.zeros(len(docs), np.int64)
        lengths[wanted] = np.diff(offsets)
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        sets = pa.LargeListArray.from_arrays(bounds, values, mask=pa.array(~wanted))
        starts = np.arange(len(docs) + 1) * self.permutations
        return pa.LargeListArray.from_arrays(starts, signed.ravel()), sets

    def combine(self, partition: pa.Table) -> pa.Table:
        cluster, place = (
            partition.column("cluster").to_numpy().astype(np.int64),
            partition.column(schema.PLACE).to_numpy(),
        )
        kept = place == cluster
        order = np.lexsort((place, ~kept, cluster))
        partition = partition.take(order).combine_chunks()
        cluster, kept = cluster[order], kept[order]
        copy = np.maximum.accumulate(np.where(kept, np.arange(len(order)), 0))
        assert (cluster[copy] == cluster).all(), "a cluster without its kept copy"
        columns = [
            pa.array(cluster),
            partition.column(schema.ID),
            partition.column(schema.SOURCE),
            pa.array(kept),
            self._similarity(partition.column("signature").combine_chunks(), copy),
            _exact(partition.column("shingles").combine_chunks(), copy, kept),
            partition.column("bytes"),
            partition.column(schema.SOURCE).take(copy),
        ]
        return pa.Table.from_arrays(columns, schema=_COMBINED)

    def _similarity(self, signatures: pa.LargeListArray, copy: Int64s) -> pa.Array:
        if self.equal:
            return pa.array(np.ones(len(copy), np.float32))
        if not self.permutations:
            return pa.nulls(len(copy), pa.float32())
        signed = signatures.values.to_numpy().reshape(-1, self.permutations)
        found = np.empty(len(copy), np.float32)
        for lo in range(0, len(copy), 65_536):
            mine, theirs = signed[lo : lo + 65_536], signed[copy[lo : lo + 65_536]]
            found[lo : lo + 65_536] = (mine == theirs).mean(axis=1)
        return pa.array(found)

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        shard = ParquetShard(out / self.artefact, _CLUSTERS)
        pairs: Counter[tuple[str, str]] = Counter()
        removed: Counter[tuple[str, str]] = Counter()
        sampled = []
        for table in merged(parts, "cluster"):
            for batch in table.select(_CLUSTERS.names).combine_chunks().to_batches():
                shard.write(batch)
            dropped = table.filter(pa.compute.invert(table.column("kept")))
            by_pair = dropped.group_by(["kept_source", schema.SOURCE]).aggregate([("bytes", "sum"), ("bytes", "count")])
            for row in by_pair.to_pylist():
                pair = row["kept_source"], row[schema.SOURCE]
                pairs[pair] += row["bytes_count"]
                removed[pair] += row["bytes_sum"]
            sampled.append(dropped.column("jaccard").drop_null().to_numpy())
        shard.close()
        exact = np.concatenate(sampled) if sampled else np.empty(0)
        facts: dict[str, Any] = {
            "members": shard.rows,
            "removed_bytes": sum(removed.values()),
            "source_pairs": [
                {"kept": kept, "dropped": source, "documents": n, "bytes": removed[kept, source]}
                for (kept, source), n in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:_SOURCE_PAIRS]
            ],
        }
        if self.permutations:
            at_least = {str(level): round(float((exact >= level).mean()), 4) for level in _LEVELS} if len(exact) else {}
            facts |= {"sampled_pairs": len(exact), "sampled_jaccard": at_least}
        return facts


def _exact(shingles: pa.LargeListArray, copy: Int64s, kept: Bools) -> pa.Array:
    """Exact similarity of the sampled duplicates to their kept copies, null elsewhere."""
    from dataprep.text.graph import jaccard

    known = shingles.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(known & known[copy] & ~kept)
    found = np.full(len(copy), np.nan, np.float32)
    found[rows] = jaccard(shingles.values.to_numpy(), shingles.offsets.to_numpy(), rows, copy[rows])
    return pa.array(found, from_pandas=True)
