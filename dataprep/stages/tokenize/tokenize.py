"""Encode documents and write them, shuffled, as token shards that any trainer reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.errors import RunError, UsageError
from dataprep.shards import ParquetShard
from dataprep.stage import Build, Example, Fraction
from dataprep.store import describe, file_sha256, json_bytes
from dataprep.text.spans import Bools, Int64s, TextBuffers, text_buffers

if TYPE_CHECKING:
    from dataprep.tokenizers import Encoded, Tokenizer

_COLLECTED = pa.schema(
    [
        ("key", pa.uint64()),
        (schema.PLACE, pa.int64()),
        schema.field(schema.ID),
        schema.field(schema.SOURCE),
        schema.field(schema.URL),
        schema.field(schema.LANGUAGE),
        ("bytes", pa.int64()),
        ("validation", pa.bool_()),
        ("tokens", pa.large_binary()),
    ]
)
DOCS = pa.schema(
    [
        schema.field(schema.ID),
        schema.field(schema.SOURCE),
        schema.field(schema.URL),
        schema.field(schema.LANGUAGE),
        ("input", pa.int32()),
        ("offset", pa.int64()),
        ("tokens", pa.int32()),
        ("bytes", pa.int64()),
    ]
)
"""Columns of `NNNNN.docs.parquet`: row i is document i of the shard."""
_CHECKED = 1 << 54
"""Documents whose key is smaller, one in 1,024, are encoded by the reference library too."""
_CHECKED_BYTES = 1 << 14
"""Of a longer document only so much: the library takes as long for one book as the rest for a hundred."""
_SPLITS = ("train", "validation")
_TOKENIZER = "tokenizer"
"""Folder of its copy."""
_PIECE = 4 << 20
"""Tokens brought into order at a time."""


class Tokenize(Build):
    """Encode every document and write token shards in Megatron's layout, with a manifest of their own.

    A shard is `NNNNN.bin` and `NNNNN.idx`, one sequence a document, and `NNNNN.docs.parquet`, which says of each
    sequence which document it is: id, source, url, language, number of the input and offset in it, tokens, bytes.
    Tokens are uint16, or int32 if the tokenizer has 65,500 ids or more. Documents are shuffled over all shards, the
    same way each time. Validation documents have shards of their own, `NNNNN.validation.*`: which they are depends on
    their text alone, so that equal texts are on one side, and on the same one when the corpus grows.

    What looks like a special token in a text (`<|endoftext|>`) is encoded as the text that it is. A document whose
    text gives no token, an empty one, is in no shard: it would be an end without anything before. It is counted.

    Every 1,000th document or so, of a long one its first 16 KiB, is encoded by the tokenizer's own library as well: a
    difference stops the task and names the document. Must be the last stage. `dataprep tokenize` does the same for a
    corpus that is there already.

    Cost: a task holds the tokens of its documents; writing a shard, all tokens of one shard twice.
    """

    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ("sentencepiece", "tiktoken", "tokenizers")
    paths: ClassVar[tuple[str, ...]] = ("tokenizer",)
    partition_by: ClassVar[str] = "key"
    artefact: ClassVar[str] = "manifest.json"
    writes: ClassVar[bool] = True
    kind: ClassVar[str | None] = "tokens"

    tokenizer: str
    """A `.model` of SentencePiece, a `tokenizer.json`, a `.tiktoken` file, or a folder that `train-tokenizer` wrote."""
    append_eos: bool = True
    """End each document with the tokenizer's end-of-sequence token."""
    prepend_bos: bool = False
    """Begin each document with the tokenizer's begin-of-sequence token."""
    validation_ratio: Fraction = 0.001
    """Share of documents kept for validation; 0: none. One in a thousand of 10^9 tokens are 10^6, enough to tell
    losses apart that differ by 0.01."""
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    """Another one gives another order and another choice of validation documents."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"tokenizer": "out/tokenizer"}, {"text": ["A document.", "", "天气很好。<|endoftext|>"]}, [None, None, None]
        ),
    )

    def files(self) -> dict[str, str]:
        tokenizer = self._tokenizer()
        for wanted, token, what in (
            ("append_eos", tokenizer.eos, "end-of-sequence"),
            ("prepend_bos", tokenizer.bos, "begin-of-sequence"),
        ):
            if getattr(self, wanted) and token is None:
                raise UsageError(
                    f"tokenize: {wanted}: {tokenizer.file} has no {what} token; "
                    f"set {wanted} to false, or take a tokenizer that has one"
                )
        return {path.name: file_sha256(path) for path in tokenizer.files}

    def notes(self) -> tuple[str, ...]:
        slow = self._tokenizer().why_slow
        return (f"encodes with the tokenizer's own library, many times slower: {slow}",) if slow else ()

    def collected(self) -> pa.Schema:
        return _COLLECTED

    def _tokenizer(self) -> Tokenizer:
        path = Path(self.tokenizer)
        held = [path, *sorted(path.iterdir())] if path.is_dir() else [path] if path.exists() else []
        return _loaded(self.tokenizer, tuple((p.name, p.stat().st_mtime_ns, p.stat().st_size) for p in held))

    # ------------------------------------------------------------ documents -> rows with tokens

    def collect(self, docs: Documents) -> pa.RecordBatch:
        from dataprep.text.hashes import mixed

        tokenizer, places = self._tokenizer(), docs[schema.PLACE].to_numpy()
        # Not the seed itself: `mixed` leaves 0 as it is, and place 0 would always come first.
        keys = mixed(places ^ mixed(np.array([self.seed + 1])).view(np.int64))
        encoded = tokenizer.encode(docs.text)
        self._check(tokenizer, docs, encoded, np.flatnonzero(keys < _CHECKED))
        columns = [
            pa.array(keys),
            docs[schema.PLACE],
            docs[schema.ID],
            docs[schema.SOURCE],
            *(
                docs[name] if name in docs else pa.nulls(len(docs), pa.string())
                for name in (schema.URL, schema.LANGUAGE)
            ),
            pa.array(np.diff(docs.text.offsets)),
            pa.array(self._is_validation(docs.text)),
            self._sequences(tokenizer, encoded),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=_COLLECTED)

    def _is_validation(self, text: TextBuffers) -> Bools:
        from dataprep.text.hashes import xxh64

        if self.validation_ratio == 1:
            return np.ones(len(text.offsets) - 1, np.bool_)
        return xxh64(text, self.seed) < np.uint64(self.validation_ratio * 2**64)

    def _check(self, tokenizer: Tokenizer, docs: Documents, encoded: Encoded, rows: Int64s) -> None:
        """Hold the fast backend's ids of these rows against the reference library's."""
        if tokenizer.why_slow or not len(rows):
            return
        heads = [_head(docs.text, row) for row in rows.tolist()]
        expected = tokenizer.reference.encode(_as_buffers(heads))
        long = [n for n, row in enumerate(rows.tolist()) if len(heads[n]) < np.diff(docs.text.offsets[row : row + 2])]
        again = dict(zip(long, _each(tokenizer.encode(_as_buffers([heads[n] for n in long]))), strict=True))
        for n, (row, wanted) in enumerate(zip(rows.tolist(), _each(expected), strict=True)):
            mine = again.get(n, encoded.ids[encoded.offsets[row] : encoded.offsets[row + 1]])
            if not np.array_equal(mine, wanted):
                raise RunError(
                    f"tokenize: document '{docs[schema.ID][row].as_py()}': the fast backend gives other ids than "
                    f"the library of {tokenizer.file.name}; report it, with this document's text and the tokenizer"
                )

    def _sequences(self, tokenizer: Tokenizer, encoded: Encoded) -> pa.LargeBinaryArray:
        """Each document's tokens as little-endian bytes, with BOS and EOS; a document without tokens stays empty."""
        from dataprep.corpus.shard import dtype_for

        kind = dtype_for(tokenizer.vocab_size)
        lengths = np.diff(encoded.offsets)
        some = lengths > 0
        before, after = some * int(self.prepend_bos), some * int(self.append_eos)
        offsets = np.zeros(len(encoded.offsets), np.int64)
        np.cumsum(before + lengths + after, out=offsets[1:])
        if before.any() or after.any():
            ids = np.empty(offsets[-1], kind)
            inside = np.ones(len(ids), np.bool_)
            for at, token in ((offsets[:-1][before > 0], tokenizer.bos), (offsets[1:][after > 0] - 1, tokenizer.eos)):
                if len(at):
                    ids[at], inside[at] = token, False
            ids[inside] = encoded.ids
        else:
            ids = encoded.ids.astype(kind)
        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(lengths), [None, pa.py_buffer(offsets * kind.itemsize), pa.py_buffer(ids)]
        )

    # ------------------------------------------------------------ rows -> shards

    def write(self, partition: pa.Table, number: int, out: Path) -> dict[str, Any]:
        from dataprep.corpus.shard import dtype_for

        kind = dtype_for(self._tokenizer().vocab_size)
        tokens = partition.column("tokens").combine_chunks()
        rows = partition.drop_columns(["tokens"]).combine_chunks()
        del partition
        pa.default_memory_pool().release_unused()  # as much as `tokens` takes
        sizes = pc.binary_length(tokens).to_numpy() // kind.itemsize
        order = np.argsort(rows.column("key").to_numpy())
        order = order[sizes[order] > 0]
        validation = rows.column("validation").to_numpy()[order]
        facts: dict[str, Any] = {"empty": rows.num_rows - len(order)}
        for split, chosen in zip(_SPLITS, (order[~validation], order[validation]), strict=True):
            docs = _docs(rows.take(chosen), sizes[chosen])
            facts[split] = _counts(docs)
            if len(chosen):
                _write(out / _name(number, split), docs, _gathered(tokens, chosen, docs, kind), kind)
        return facts

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        from dataprep.corpus.shard import dtype_for

        tokenizer = self._tokenizer()
        made = [json.loads(part.read_bytes()) for part in parts]
        sources = _sources(part["facts"] for part in made)
        empty = sum(part["facts"]["empty"] for part in made)
        total = _sum(n for held in sources.values() for n in held.values())
        value = {
            "tokenizer": {
                "kind": tokenizer.kind,
                "file": f"{_TOKENIZER}/{tokenizer.file.name}",
                "sha256": tokenizer.sha256,
                "vocab_size": tokenizer.vocab_size,
                **{name: getattr(tokenizer, name) for name in ("bos", "eos", "unk", "pad")},
            },
            "policy": {"append_eos": self.append_eos, "prepend_bos": self.prepend_bos},
            "dtype": dtype_for(tokenizer.vocab_size).name,
            "documents": total["documents"],
            "tokens": total["tokens"],
            "empty": empty,
            "splits": {split: _sum(held[split] for held in sources.values()) for split in _SPLITS},
            "sources": sources,
            "shards": [shard for number, part in enumerate(made) for shard in _shards(number, part)],
            "artefacts": _copied(tokenizer, out),
        }
        (out / self.artefact).write_bytes(json_bytes(value))
        return {
            "tokenizer": f"{tokenizer.file.name}, {tokenizer.vocab_size:,} ids",
            **total,
            "empty": empty,
            "sources": [
                {"source": source, "split": split, **n, "bytes_per_token": round(n["bytes"] / n["tokens"], 3)}
                for source, held in sources.items()
                for split, n in held.items()
                if n["documents"]
            ],
        }


def _head(text: TextBuffers, row: int) -> bytes:
    """The beginning of a document, whole characters."""
    begin, end = text.offsets[row : row + 2].tolist()
    stop = min(end, begin + _CHECKED_BYTES)
    while stop < end and text.data[stop] & 0xC0 == 0x80:
        stop -= 1
    return text.data[begin:stop].tobytes()


def _as_buffers(texts: list[bytes]) -> TextBuffers:
    return text_buffers(pa.array(texts, pa.large_binary()).cast(pa.large_string()))


def _each(encoded: Encoded) -> list[npt.NDArray[np.uint32]]:
    """The ids of every document."""
    return [encoded.ids[begin:end] for begin, end in pairwise(encoded.offsets.tolist())]


@lru_cache(maxsize=2)
def _loaded(path: str, stamps: tuple[tuple[str, int, int], ...]) -> Tokenizer:
    """Loading takes half a second; `stamps` tell of files that have changed."""
    from dataprep.tokenizers import load

    return load(path)


# ---------------------------------------------------------------- a shard


def _name(number: int, split: str) -> str:
    return f"{number:05d}" if split == "train" else f"{number:05d}.{split}"


def _docs(rows: pa.Table, tokens: Int64s) -> pa.Table:
    places = rows.column(schema.PLACE).to_numpy()
    columns = {
        **{name: rows.column(name) for name in (schema.ID, schema.SOURCE, schema.URL, schema.LANGUAGE, "bytes")},
        "input": pa.array((places >> schema.PLACE_BITS).astype(np.int32)),
        "offset": pa.array(places & ((1 << schema.PLACE_BITS) - 1)),
        "tokens": pa.array(tokens.astype(np.int32)),
    }
    return pa.Table.from_arrays([columns[name] for name in DOCS.names], schema=DOCS)


def _gathered(tokens: pa.LargeBinaryArray, chosen: Int64s, docs: pa.Table, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """The ids of the chosen rows, one after another. In pieces: Arrow takes three times the room of what it gives."""
    ends = np.cumsum(docs.column("tokens").to_numpy(), dtype=np.int64)
    ids = np.empty(ends[-1], kind)
    row = begin = 0
    while row < len(chosen):
        stop = max(row + 1, int(np.searchsorted(ends, begin + _PIECE)))
        ids[begin : ends[stop - 1]] = np.frombuffer(tokens.take(pa.array(chosen[row:stop])).buffers()[2], kind)
        row, begin = stop, int(ends[stop - 1])
    return ids


def _write(base: Path, docs: pa.Table, ids: npt.NDArray[Any], kind: np.dtype[Any]) -> None:
    from dataprep.corpus.shard import write

    write(base, (ids, docs.column("tokens").to_numpy()), kind)
    shard = ParquetShard(Path(f"{base}.docs.parquet"), DOCS)
    for batch in docs.combine_chunks().to_batches():
        shard.write(batch)
    shard.close()


def _counts(docs: pa.Table) -> dict[str, dict[str, int]]:
    """Of each source: documents, tokens, bytes of text."""
    found = docs.group_by(schema.SOURCE).aggregate([("tokens", "count"), ("tokens", "sum"), ("bytes", "sum")])
    return {
        row[schema.SOURCE]: {"documents": row["tokens_count"], "tokens": row["tokens_sum"], "bytes": row["bytes_sum"]}
        for row in sorted(found.to_pylist(), key=lambda row: str(row[schema.SOURCE]))
    }


# ---------------------------------------------------------------- the manifest


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total = {"documents": 0, "tokens": 0, "bytes": 0}
    for held in counts:
        for what, n in held.items():
            total[what] += n
    return total


def _sources(facts: Iterable[dict[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    """Source -> split -> documents, tokens, bytes; sorted by source."""
    found: dict[str, dict[str, list[dict[str, int]]]] = {}
    for held in facts:
        for split in _SPLITS:
            for source, counts in held[split].items():
                found.setdefault(source, {name: [] for name in _SPLITS})[split].append(counts)
    return {source: {split: _sum(held) for split, held in splits.items()} for source, splits in sorted(found.items())}


def _shards(number: int, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    files = {name: {"path": name, "bytes": size, "sha256": sha256} for name, size, sha256 in part["files"]}
    for split in _SPLITS:
        base = _name(number, split)
        if f"{base}.bin" in files:
            total = _sum(part["facts"][split].values())
            yield {
                **files[f"{base}.bin"],
                "rows": total["documents"],
                "tokens": total["tokens"],
                "split": split,
                "idx": files[f"{base}.idx"],
                "docs": files[f"{base}.docs.parquet"],
            }


def _copied(tokenizer: Tokenizer, out: Path) -> list[dict[str, Any]]:
    """Copy what makes the tokenizer, so that its tokens can be read without anything else. Names may mean something."""
    (out / _TOKENIZER).mkdir()
    files = []
    for path in tokenizer.files:
        name = f"{_TOKENIZER}/{path.name}"
        shutil.copyfile(path, out / name)
        files.append(describe(out / name, name)._asdict())
    return files
