"""Drop rows and remember every one: verdicts (a text-free row per input row), drop counts, samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.documents import Documents
from dataprep.ledger import SAMPLES_PER_REASON, Ledger, Sample, add_counts, smallest
from dataprep.shards import row_bytes


class Verdicts:
    """The verdicts of one batch: rows dropped so far; `table` adds the rows that were kept."""

    def __init__(self, columns: pa.Schema) -> None:
        self._columns = columns
        self._held: list[pa.RecordBatch] = []

    def add(self, docs: Documents, label: str | None, reasons: pa.Array | None) -> None:
        """These rows with the scores they reached; `reasons` null means kept."""
        n = len(docs)
        arrays: list[pa.Array] = []
        for f in self._columns:
            if f.name == "stage":
                arrays.append(pa.repeat(pa.scalar(label, pa.string()), n))
            elif f.name == "reason":
                arrays.append(pa.nulls(n, pa.string()) if reasons is None else reasons)
            elif f.name == schema.BYTES:
                arrays.append(pa.array(row_bytes(docs.batch)))
            else:
                arrays.append(docs[f.name] if f.name in docs else pa.nulls(n, f.type))
        self._held.append(pa.RecordBatch.from_arrays(arrays, schema=self._columns))

    def table(self, kept: Documents) -> pa.RecordBatch:
        """Every row of the batch in its first order, which is that of places."""
        self.add(kept, None, None)
        if len(self._held) == 1:
            return self._held[0]
        rows = pa.concat_batches(self._held)
        order = np.argsort(rows.column(schema.PLACE).to_numpy(), kind="stable")
        return rows.take(pa.array(order))


def drop(docs: Documents, reasons: pa.Array, label: str, ledger: Ledger, verdicts: Verdicts | None) -> Documents:
    """The rows without a reason; the others are counted, sampled and given a verdict."""
    assert len(reasons) == len(docs), f"{label}: {len(reasons)} reasons for {len(docs)} documents"
    if reasons.null_count == len(docs):
        return docs
    keep = np.asarray(reasons.is_null())
    gone = Documents(docs.batch.filter(pa.array(~keep)))
    why = reasons.drop_null()
    _count(ledger, label, gone, why)
    if verdicts is not None:
        verdicts.add(gone, label, why)
    return docs.keep(keep)


def _count(ledger: Ledger, label: str, gone: Documents, why: pa.Array) -> None:
    entry = ledger.entry(label)
    languages, sources = gone.languages(), gone[schema.SOURCE]
    table = pa.table({"reason": why, "language": languages, "source": sources})
    for reason, n in _grouped(table, ["reason"]):
        entry.dropped[reason] = entry.dropped.get(reason, 0) + n
    for by, column in ((entry.dropped_by_language, "language"), (entry.dropped_by_source, "source")):
        for key, reason, n in _grouped(table, [column, "reason"]):
            counts = by.setdefault(key if key is not None else schema.UNDETERMINED, {})
            counts[reason] = counts.get(reason, 0) + n
    ledger.samples = smallest(ledger.samples + _samples(label, gone, why))


def _grouped(table: pa.Table, keys: list[str]) -> list[tuple[Any, ...]]:
    counted = table.group_by(keys, use_threads=False).aggregate([([], "count_all")])
    columns = [counted.column(key).to_pylist() for key in keys]
    return list(zip(*columns, counted.column("count_all").to_pylist(), strict=True))


def _samples(label: str, gone: Documents, why: pa.Array) -> list[Sample]:
    from dataprep.pii.excerpt import WINDOW_BYTES, excerpt
    from dataprep.pii.redaction import redacted
    from dataprep.text.hashes import xxh64
    from dataprep.text.spans import text_buffers

    ranks = xxh64(text_buffers(pc.cast(gone[schema.ID], pa.large_string())), 0)
    codes = np.asarray(why.dictionary_encode().indices)
    order = np.lexsort((ranks, codes))
    starts = np.searchsorted(codes[order], codes[order], side="left")
    first = order[np.arange(len(order)) - starts < SAMPLES_PER_REASON]
    text, languages = gone.text, gone.languages()
    found = []
    for row in first.tolist():
        begin = int(text.offsets[row])
        end = int(text.offsets[row + 1])
        shown = excerpt(text.data[begin : min(end, begin + WINDOW_BYTES)].tobytes(), whole=end - begin <= WINDOW_BYTES)
        url = gone[schema.URL][row].as_py() if schema.URL in gone else None
        url = redacted(url) if url else url
        language = languages[row].as_py() or schema.UNDETERMINED
        name = gone[schema.ID][row].as_py()
        place = gone[schema.PLACE][row].as_py()
        found.append(Sample(label, why[row].as_py(), int(ranks[row]), place, name, url, shown, language))
    return found


def count_tallies(ledger: Ledger, label: str, columns: tuple[str, ...], docs: Documents) -> None:
    """Add up what a Map found in these rows, by language and source; a name loses the label that it begins with."""
    for column in columns:
        table = pa.table({"language": docs.languages(), "source": docs[schema.SOURCE], "found": docs[column]})
        table = table.filter(pc.not_equal(table.column("found"), 0))
        if not table.num_rows:
            continue
        by = table.group_by(["language", "source"], use_threads=False)
        summed = by.aggregate([("found", "sum"), ([], "count_all")])
        for row in summed.to_pylist():
            name = column.removeprefix(f"{label}.")
            language, source = (
                row[key] if row[key] is not None else schema.UNDETERMINED for key in ("language", "source")
            )
            ledger.entry(label).tally(name, language, source, row["found_sum"], row["count_all"])


def count_input(ledger: Ledger, label: str, docs: Documents) -> None:
    """Count rows by the language and source that they have before this entry gives them others."""
    entry = ledger.entry(label)
    table = pa.table({"language": docs.languages(), "source": docs[schema.SOURCE]})
    for counts, column in ((entry.in_by_language, "language"), (entry.in_by_source, "source")):
        found = {key if key is not None else schema.UNDETERMINED: n for key, n in _grouped(table, [column])}
        add_counts(counts, found)


def count_output(ledger: Ledger, docs: Documents) -> None:
    """Add the rows a task gives to its counts by language and source."""
    if not len(docs):
        return
    sizes = pa.array(row_bytes(docs.batch))
    table = pa.table({"language": docs.languages(), "source": docs[schema.SOURCE], "bytes": sizes})
    for held, column in ((ledger.languages, "language"), (ledger.sources, "source")):
        counted = table.group_by(column, use_threads=False).aggregate([([], "count_all"), ("bytes", "sum")])
        for key, n, size in zip(
            counted.column(column).to_pylist(),
            counted.column("count_all").to_pylist(),
            counted.column("bytes_sum").to_pylist(),
            strict=True,
        ):
            sums = held.setdefault(key if key is not None else schema.UNDETERMINED, [0, 0])
            sums[0] += n
            sums[1] += size
