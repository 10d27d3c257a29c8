"""Tokens of each document of a finished run, where they are known."""

from __future__ import annotations

import posixpath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataprep import schema
from dataprep.errors import InputError
from dataprep.judged_rows import Int64s, Rows
from dataprep.lookup import Run, dataset, verdict_files


def tokens(run: Run, rows: Rows, corpus: str | None) -> Int64s | None:
    """Tokens of each document, -1 where they are not known; None if they are known of none.

    From the tokens in folder `corpus`, made from this run; else those that the run itself made; else from a column
    `tokens` of its documents. Raises InputError if the corpus is another run's.
    """
    from dataprep import manifest
    from dataprep.store import Store

    found = np.full(len(rows.places), -1)
    own = [
        build["artefact"]
        for stage in run.manifest["stages"]
        for build in stage.get("builds", [])
        if build["stage"] == "tokenize"
    ]
    if corpus is None and not own:
        return _token_column(run, rows, found)
    root = corpus.removesuffix(f"/{manifest.MANIFEST}").rstrip("/") if corpus else f"{run.root}/{own[0]}"
    made = manifest.read(root)
    prints = [parent["fingerprint"] for parent in made.get("parents", [])]
    if made["kind"] != "tokens" or (corpus and run.manifest["fingerprint"] not in prints):
        raise InputError(f"{root}: holds no tokens made from {run.root}; `dataprep tokenize {run.root}` makes them")
    shards = {posixpath.basename(shard["path"]): shard for shard in run.manifest["shards"]}
    order = {} if not corpus else _shard_rows(run, rows)
    for shard in made["shards"]:
        with Store(root).fetched(shard["docs"]["path"]) as path:
            docs = pq.read_table(path, columns=["input", "offset", "tokens"])
        inputs, offsets, counts = (column.to_numpy() for column in docs.columns)
        if not corpus:
            at = np.searchsorted(rows.places, (inputs.astype(np.int64) << schema.PLACE_BITS) | offsets)
            found[at] = counts
            continue
        for number in np.unique(inputs).tolist():
            name = made["inputs"][number]["path"].rpartition("/")[2]
            if name in shards:
                mine = inputs == number
                found[order[name][offsets[mine]]] = counts[mine]
    return found


def _shard_rows(run: Run, rows: Rows) -> dict[str, Int64s]:
    """Name of a shard -> row of the run of each of its documents. Verdicts `P-NNNNN-MARK` are of shard `NNNNN-MARK`."""
    found = {}
    for path in verdict_files(run)[-1]:
        table = dataset(run, [path]).to_table(columns=[schema.PLACE, "stage"])
        kept = table.filter(pc.is_null(table.column("stage"))).column(schema.PLACE).to_numpy()
        found[posixpath.basename(path).partition("-")[2]] = np.searchsorted(rows.places, kept)
    return found


def _token_column(run: Run, rows: Rows, found: Int64s) -> Int64s | None:
    order: dict[str, Int64s] | None = None
    for shard in run.manifest["shards"]:
        held = dataset(run, [shard["path"]])
        if "tokens" not in held.schema.names or not pa.types.is_integer(held.schema.field("tokens").type):
            return None
        order = order or _shard_rows(run, rows)
        counts = pc.fill_null(held.to_table(columns=["tokens"]).column(0), -1).to_numpy()
        found[order[posixpath.basename(shard["path"])]] = counts
    return None if order is None else found
