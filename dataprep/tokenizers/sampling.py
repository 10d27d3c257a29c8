"""A sample of finished corpora: which documents depends on the documents alone, not on shard cuts or on workers.

Every document has a number, a keyed hash of its text; the key is its source's name. A source's smallest numbers are
held out, to measure on; the next ones, until its quota of bytes is met, are the sample, in the order of the numbers. So
one reading is enough, no more is held in memory than the sample and what may still get into it, and copies of a
document are held out together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import manifest, schema
from dataprep.corpus.staged import differs, sha256
from dataprep.errors import InputError, UsageError
from dataprep.shards import BATCH_ROWS
from dataprep.store import Store, file_sha256
from dataprep.text.spans import text_buffers

HELD_OUT_BYTES = 2 << 20
"""Most text of a source that is held out."""
HELD_OUT_SHARE = 0.05
"""The same, of the source's text; one document is held out of two or more, whatever its size."""
_SLACK = 1.25
"""How far candidates may outgrow their quota before those that can't get in any more are let go."""


class Origin(NamedTuple):
    """One source to sample from: a finished run's documents."""

    name: str
    folder: str
    """Holds `manifest.json`."""
    weight: float | None = None
    """Share of the sample, beside the other weights; None: as much as it has text, times `epochs`."""
    epochs: float = 1.0


class Document(NamedTuple):
    text: bytes
    language: str


class Sampled(NamedTuple):
    """What was taken of one source."""

    origin: Origin
    fingerprint: str
    """Of the run that made it."""
    documents: list[Document]
    bytes: int
    held_out: list[Document]
    held_out_bytes: int
    all_documents: int
    all_bytes: int


def open_folders(folders: Sequence[str]) -> list[Origin]:
    """Sources from folders of finished runs, named as their pipelines are. Raises InputError, UsageError."""
    origins: list[Origin] = []
    for folder in folders:
        folder = folder.removesuffix(f"/{manifest.MANIFEST}").rstrip("/")
        if any(folder == other.folder for other in origins):
            raise UsageError(f"{folder}: is named twice")
        name = str(_documents(folder)["pipeline"].get("name") or folder)
        origins.append(Origin(name if all(name != other.name for other in origins) else folder, folder))
    return origins


def open_mix(path: str, documents: Callable[[str], str] = str) -> list[Origin]:
    """The sources of a mix with their weights in its first stage, or their epochs. `documents` gives the folder of the
    documents that a source, which may be a token corpus, was made from. Raises UsageError.
    """
    from dataprep.corpus import mix

    held = mix.load(path)
    weights = {} if held.by_epochs else mix.weights(held, held.stages[0])
    used = []
    for name, source in held.sources.items():
        if weights.get(name, source.epochs):
            weight = float(weights[name]) if weights else None
            try:
                folder = documents(source.manifest)
            except InputError as error:
                raise InputError(f"{Path(path).name}: source {name}: {error}") from error
            used.append(Origin(name, folder, weight, float(source.epochs or 1)))
    if not used:
        raise UsageError(f"{path}: no source has a weight")
    return used


def _documents(folder: str) -> dict[str, Any]:
    value = manifest.read(folder)
    if value["kind"] != "documents":
        raise InputError(f"{folder}: holds {value['kind']}, not documents; name the folder of a `dataprep run`")
    return value


def identity(origin: Origin) -> dict[str, Any]:
    """What of an origin decides the sample, for a fingerprint."""
    return {**origin._asdict(), "folder": None, "manifest": _documents(origin.folder)["fingerprint"]}


def sample(origins: Sequence[Origin], size: int) -> list[Sampled]:
    """About `size` bytes of text, shared among the origins by weight; a document is taken whole or not at all.

    A source with less text than its share gives all it has, and the others give more. Holds the sample in memory,
    1.25 times over while it reads. Reads every document of every source once, those of sources without a weight or
    beside a source that has too little a second time.
    """
    weights = _weights(origins)
    known: dict[int, int] = {}
    asked: dict[int, int] = {}
    taken: dict[int, Sampled] = {}
    quotas = shares(weights, known, size)
    while True:
        for n, origin in enumerate(origins):
            if n not in taken or (quotas[n] > asked[n] and taken[n].bytes < known[n]):
                taken[n], asked[n] = _take(origin, quotas[n]), quotas[n]
                known[n] = taken[n].all_bytes - taken[n].held_out_bytes
        again = shares(weights, known, size)
        if again == quotas:
            return [taken[n] for n in range(len(origins))]
        quotas = again


def _weights(origins: Sequence[Origin]) -> list[float]:
    """Weights as given; else by the bytes of text that each has, which a reading of it tells."""
    if len(origins) == 1:
        return [1.0]
    return [_size(origin) * origin.epochs if origin.weight is None else origin.weight for origin in origins]


def _size(origin: Origin) -> int:
    return sum(int(sizes.sum()) for _, _, sizes in batches(origin))


def shares(weights: Sequence[float], known: dict[int, int], size: int) -> list[int]:
    """Bytes that each source gives: in proportion to weight, but never more than what it is known to have."""
    quotas = [0] * len(weights)
    free, rest = [n for n, weight in enumerate(weights) if weight > 0], size
    while free:
        total = sum(weights[n] for n in free)
        short = [n for n in free if n in known and known[n] <= rest * weights[n] / total]
        for n in short or free:
            quotas[n] = known[n] if short else int(rest * weights[n] / total)
        if not short:
            break
        rest -= sum(known[n] for n in short)
        free = [n for n in free if n not in short]
    return quotas


# ---------------------------------------------------------------- one source


def batches(
    origin: Origin,
) -> Iterator[tuple[pa.RecordBatch, pa.LargeStringArray, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Batches with their text and the bytes of each document. Raises InputError for a shard that is not the one that
    the manifest lists, or can't be read."""
    store = Store(origin.folder)
    wanted = [schema.TEXT, schema.LANGUAGE]
    for shard in _documents(origin.folder)["shards"]:
        try:
            with store.fetched(shard["path"]) as path, _confirmed(path, shard, store) as file:
                columns = [name for name in wanted if name in file.schema_arrow.names]
                for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False):
                    text = batch.column(schema.TEXT)
                    yield batch, text, np.diff(text_buffers(text).offsets)
        except FileNotFoundError:
            raise InputError(f"{store.path(shard['path'])}: is missing; run its pipeline again") from None
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise InputError(
                f"{store.path(shard['path'])}: can't be read: {' '.join(str(error).split())}; see `dataprep manifest "
                f"verify {origin.folder}`"
            ) from error


def _confirmed(path: Path, shard: dict[str, Any], store: Store) -> pq.ParquetFile:
    found = sha256(path) if store.local else file_sha256(path)  # the copy of a remote one is gone soon
    if found != shard["sha256"]:
        raise InputError(differs(store.path(shard["path"]), found, shard["sha256"]))
    return pq.ParquetFile(path)


def _take(origin: Origin, quota: int) -> Sampled:
    """The documents held out, and those after them that make up a quota."""
    room = quota + HELD_OUT_BYTES
    held: list[tuple[int, Document]] = []
    held_bytes = all_documents = all_bytes = 0
    limit: int | None = None
    for batch, text, sizes in batches(origin):
        keys = _keys(origin.name, text)
        all_documents += batch.num_rows
        all_bytes += int(sizes.sum())
        languages = batch.column(schema.LANGUAGE) if schema.LANGUAGE in batch.schema.names else None
        for i in np.flatnonzero((keys <= np.uint64(limit)) & (sizes > 0) if limit is not None else sizes > 0).tolist():
            language = languages[i].as_py() if languages is not None else None
            held.append((int(keys[i]), Document(text[i].as_buffer().to_pybytes(), language or schema.UNDETERMINED)))
            held_bytes += int(sizes[i])
        if held_bytes > _SLACK * room:
            held = _smallest(held, quota)
            held_bytes = sum(len(document.text) for _, document in held)
            room, limit = max(room, held_bytes), held[-1][0]
    held.sort(key=lambda item: item[0])
    return _split(origin, held, quota, all_documents, all_bytes)


def _keys(name: str, text: pa.LargeStringArray) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """uint64[rows]: the number of each document."""
    from dataprep.text.hashes import xxh64

    seed = int(xxh64(text_buffers(pa.array([f"tokenizer sample of {name}"], pa.large_string())))[0])
    return xxh64(text_buffers(text), seed)


def _smallest(held: list[tuple[int, Document]], quota: int) -> list[tuple[int, Document]]:
    """Those that may be held out or in the sample whatever else is read: the sample begins behind as many documents
    held out as there can be, and ends where its quota is met. Equal numbers are equal documents."""
    held.sort(key=lambda item: item[0])
    return held[: _end(held, _held_out(held, HELD_OUT_BYTES), quota) + 1]


def _held_out(held: list[tuple[int, Document]], most: int) -> int:
    """How many documents in front are held out: the first, whatever its size, as many more as make `most` bytes with
    it, and the copies of all of these."""
    size = 0
    for n, (key, document) in enumerate(held):
        size += len(document.text)
        if n and key != held[n - 1][0] and size > most:
            return n
    return len(held)


def _end(held: list[tuple[int, Document]], begin: int, quota: int) -> int:
    """Where a sample that begins at a document ends."""
    size = 0
    for n in range(begin, len(held)):
        if size >= quota:
            return n
        size += len(held[n][1].text)
    return len(held)


def _split(origin: Origin, held: list[tuple[int, Document]], quota: int, all_documents: int, all_bytes: int) -> Sampled:
    several = bool(held) and held[0][0] != held[-1][0]
    begin = _held_out(held, min(HELD_OUT_BYTES, int(HELD_OUT_SHARE * all_bytes))) if several else 0
    out = [document for _, document in held[:begin]]
    taken = [document for _, document in held[begin : _end(held, begin, quota)]]
    out_bytes, taken_bytes = (sum(len(document.text) for document in part) for part in (out, taken))
    fingerprint = str(_documents(origin.folder)["fingerprint"])
    return Sampled(origin, fingerprint, taken, taken_bytes, out, out_bytes, all_documents, all_bytes)


def texts(sampled: Iterable[Sampled]) -> Iterator[bytes]:
    """The documents of a sample, source after source."""
    for part in sampled:
        for document in part.documents:
            yield document.text
