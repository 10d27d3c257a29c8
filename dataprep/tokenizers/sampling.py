"""A sample of finished corpora: which documents depends on the documents alone, not on shard cuts or on workers.

Every document has a number, a keyed hash of its text; the key is its source's name. A source's smallest numbers are
held out, to measure on; the next ones, until its quota of bytes is met, are the sample, in the order of the numbers. So
one reading is enough, no more is held in memory than the sample and what may still get into it, and copies of a
document are held out together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dataprep import manifest, schema
from dataprep.errors import InputError, UsageError
from dataprep.shards import BATCH_ROWS
from dataprep.store import Store
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


def open_mix(path: str) -> list[Origin]:
    """The sources of a mix with their weights in its first stage, or their epochs. Its manifests are those of finished
    runs, not yet of token corpora. Raises UsageError.
    """
    from dataprep.corpus import mix

    held = mix.load(path)
    weights = {} if held.by_epochs else mix.weights(held, held.stages[0])
    used = []
    for name, source in held.sources.items():
        if weights.get(name, source.epochs):
            weight = float(weights[name]) if weights else None
            used.append(Origin(name, source.manifest, weight, float(source.epochs or 1)))
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
    return sum(int(sizes.sum()) for _, _, sizes in _texts(origin))


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


def _texts(origin: Origin) -> Iterator[tuple[pa.RecordBatch, pa.LargeStringArray, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Batches with their text and the bytes of each document. Raises InputError for a shard that can't be read."""
    store = Store(origin.folder)
    wanted = [schema.TEXT, schema.LANGUAGE]
    for shard in _documents(origin.folder)["shards"]:
        try:
            with store.fetched(shard["path"]) as path, pq.ParquetFile(path) as file:
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


def _take(origin: Origin, quota: int) -> Sampled:
    """The documents held out, and those after them that make up a quota."""
    room = quota + HELD_OUT_BYTES
    held: list[tuple[int, Document]] = []
    held_bytes = all_documents = all_bytes = 0
    limit: int | None = None
    for batch, text, sizes in _texts(origin):
        keys = _keys(origin.name, text)
        all_documents += batch.num_rows
        all_bytes += int(sizes.sum())
        languages = batch.column(schema.LANGUAGE) if schema.LANGUAGE in batch.schema.names else None
        for i in np.flatnonzero((keys <= np.uint64(limit)) & (sizes > 0) if limit is not None else sizes > 0).tolist():
            language = languages[i].as_py() if languages is not None else None
            held.append((int(keys[i]), Document(text[i].as_buffer().to_pybytes(), language or schema.UNDETERMINED)))
            held_bytes += int(sizes[i])
        if held_bytes > _SLACK * room:
            held, held_bytes = _smallest(held, room)
            limit = held[-1][0]
    held, _ = _smallest(held, room)
    return _split(origin, held, quota, all_documents, all_bytes)


def _keys(name: str, text: pa.LargeStringArray) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """uint64[rows]: the number of each document."""
    from dataprep.text.hashes import xxh64

    seed = int(xxh64(text_buffers(pa.array([f"tokenizer sample of {name}"], pa.large_string())))[0])
    return xxh64(text_buffers(text), seed)


def _smallest(held: list[tuple[int, Document]], room: int) -> tuple[list[tuple[int, Document]], int]:
    """Those of the smallest numbers, up to and with the one that fills the room. Equal numbers are equal documents."""
    held.sort(key=lambda item: item[0])
    size = 0
    for n, (_, document) in enumerate(held):
        size += len(document.text)
        if size >= room:
            return held[: n + 1], size
    return held, size


def _split(origin: Origin, held: list[tuple[int, Document]], quota: int, all_documents: int, all_bytes: int) -> Sampled:
    most = min(HELD_OUT_BYTES, int(HELD_OUT_SHARE * all_bytes))
    out: list[Document] = []
    taken: list[Document] = []
    out_bytes = taken_bytes = 0
    several = bool(held) and held[0][0] != held[-1][0]
    last = -1
    for key, document in held:
        if several and not taken and (not out or key == last or out_bytes + len(document.text) <= most):
            last = key
            out.append(document)
            out_bytes += len(document.text)
        elif taken_bytes < quota:
            taken.append(document)
            taken_bytes += len(document.text)
    fingerprint = str(_documents(origin.folder)["fingerprint"])
    return Sampled(origin, fingerprint, taken, taken_bytes, out, out_bytes, all_documents, all_bytes)


def texts(sampled: Iterable[Sampled]) -> Iterator[bytes]:
    """The documents of a sample, source after source."""
    for part in sampled:
        for document in part.documents:
            yield document.text
