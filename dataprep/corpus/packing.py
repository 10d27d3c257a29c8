"""Best-fit packing of a corpus as an artefact: worked out once, kept in `$DATAPREP_HOME/packing`, checksummed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.corpus.best_fit import cut, pack
from dataprep.corpus.shard import Int32s, Int64s
from dataprep.corpus.staged import differs, sha256
from dataprep.corpus.stream import Stream
from dataprep.errors import InputError
from dataprep.home import home
from dataprep.store import Store, describe

VERSION: Final = 1
"""Raise it when the same documents are packed differently."""
_RECORD: Final = "packing.json"


class Packing(NamedTuple):
    """Rows of pieces of documents. Piece k for k from `offsets[r]` to `offsets[r + 1]` - 1 is in row r."""

    starts: Int64s
    """Where each piece begins in the stream."""
    lengths: Int32s
    """Tokens of each piece."""
    offsets: Int64s
    tokens: int
    """Tokens in all rows; those that begin the second and later pieces of a document count twice."""
    sha256: str

    @property
    def rows(self) -> int:
        return len(self.offsets) - 1


def packing(stream: Stream, room: int) -> Packing:
    """The best-fit packing of a stream into rows of `room` tokens: read if it is in the cache, else made.

    Making it reads the index of every shard and holds 70 bytes a piece for a while; reading maps its files. Raises
    InputError if a file is not the one that was made.
    """
    identity = {"version": VERSION, "corpus": stream.corpus.sha256, "tokens": stream.tokens, "room": room}
    name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
    cache = Store(str(home() / "packing"))
    record = cache.read_json(f"{name}/{_RECORD}")
    if not isinstance(record, dict):
        record = _make(stream, room, cache, name, identity)
    arrays: list[npt.NDArray[Any]] = []
    for file in record["files"]:
        path = Path(cache.path(file["path"]))
        found = sha256(path) if path.exists() else "missing"
        if found != file["sha256"]:
            raise InputError(f"{differs(str(path), found, file['sha256'])}: remove {path.parent} and type it again")
        arrays.append(np.load(path, mmap_mode="r").view(np.ndarray))
    starts, lengths, offsets = arrays
    return Packing(starts, lengths, offsets, record["tokens"], record["sha256"])


def _make(stream: Stream, room: int, cache: Store, name: str, identity: dict[str, Any]) -> dict[str, Any]:
    documents = stream.lengths()
    document, start, length = cut(documents, room)
    rows = pack(length, room)
    first = (np.cumsum(documents) - documents)[document] + start
    files = []
    for what, array in (
        ("starts", first[rows.pieces]),
        ("lengths", length[rows.pieces].astype(np.int32)),
        ("offsets", rows.offsets),
    ):
        relative = f"{name}/{what}.npy"
        with cache.publishing(relative) as temporary:
            with temporary.open("wb") as out:
                np.save(out, array)
            files.append(describe(temporary, relative)._asdict())
    record = {
        **identity,
        "pieces": len(length),
        "rows": len(rows.offsets) - 1,
        "tokens": int(length.sum()),
        "sha256": hashlib.sha256("".join(file["sha256"] for file in files).encode()).hexdigest(),
        "files": files,
    }
    cache.publish_json(f"{name}/{_RECORD}", record)
    return record
