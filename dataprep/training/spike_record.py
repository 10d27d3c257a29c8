"""The documents of the steps that a spike undid, as a Parquet file: one row a document in a sample."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.corpus import trace
from dataprep.corpus.reader import Reader
from dataprep.store import Store
from dataprep.tokenizers import load

EXCERPT_TOKENS: Final = 64
SCHEMA: Final = pa.schema(
    [
        ("step", pa.int64()),
        ("sample", pa.int64()),
        ("source", pa.string()),
        ("epoch", pa.int64()),
        ("window", pa.int64()),
        ("id", pa.string()),
        ("document_source", pa.string()),
        ("url", pa.string()),
        ("language", pa.string()),
        ("input", pa.string()),
        ("offset", pa.int64()),
        ("place", pa.int64()),
        ("first", pa.int64()),
        ("tokens", pa.int64()),
        ("excerpt", pa.string()),
    ]
)
"""`place` is where the document begins in its row, `first` its first token there, `tokens` how many of it are there."""


def write(folder: Path, step: int, reader: Reader, steps: Iterable[int]) -> Path:
    """`folder/STEP.parquet`: the documents of these steps. A second spike at the same step is added to the first."""
    tokenizer = load(reader.tokenizer_file())
    rows = []
    for number in steps:
        for one in trace.samples(reader, np.asarray(reader.sampler.steps.samples(number))):
            for part in one.parts:
                document = part.document
                rows.append(
                    {
                        "step": number,
                        "sample": one.sample,
                        "source": one.source,
                        "epoch": one.epoch,
                        "window": one.window,
                        "id": document.id,
                        "document_source": document.source,
                        "url": document.url,
                        "language": document.language,
                        "input": document.input,
                        "offset": document.offset,
                        "place": part.place,
                        "first": part.first,
                        "tokens": len(part.ids),
                        "excerpt": tokenizer.decode(part.ids[:EXCERPT_TOKENS]),
                    }
                )
    table = pa.Table.from_pylist(rows, SCHEMA)
    path = folder / f"{step}.parquet"
    if path.exists():
        earlier = pq.read_table(path)
        again = set(table.column("sample").to_pylist())  # a spike that was being recorded when the run was killed
        keep = [sample not in again for sample in earlier.column("sample").to_pylist()]
        table = pa.concat_tables([earlier.filter(pa.array(keep, pa.bool_())), table])
    with Store(str(folder)).publishing(path.name) as temporary:
        pq.write_table(table, temporary)
    return path
