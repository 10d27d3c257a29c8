"""Tables of language models on disk: made once from an ARPA file, mapped by every process that scores."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import secrets
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dataprep.errors import OutputError
from dataprep.home import home
from dataprep.ngram import arpa
from dataprep.store import fsync
from dataprep.text.ngram_table import Table

_VERSION = 1
_ALIGNED = 4096
_STALE_DAYS = 30


def table(path: Path, sha256: str) -> Table | None:
    """The table of an ARPA file with this checksum; None for one that only KenLM can use (see `arpa.Open`).

    Makes it at the first call on this machine, in `$DATAPREP_HOME/lm`, as large as 24 bytes an n-gram. Raises
    InputError for a damaged file, OutputError if the table can't be written.
    """
    folder = home() / "lm"
    made = folder / f"{sha256[:32]}.{_VERSION}.table"
    try:
        if not made.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with open(folder / f"{made.name}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not made.exists():
                    _make(path, made)
                    _forget_stale(folder)
        os.utime(made)
        return _read(made)
    except OSError as error:
        raise OutputError(
            f"{folder}: can't hold the table of {path}: {error.strerror or error}; set DATAPREP_HOME to a "
            "folder with room"
        ) from error


def _make(path: Path, made: Path) -> None:
    temporary = made.parent / f".{made.name}.{secrets.token_hex(6)}.tmp"
    try:
        try:
            found: Table | None = arpa.table(path)
        except arpa.Open:
            found = None
        with temporary.open("wb") as file:
            arrays: list[npt.NDArray[Any]] = [] if found is None else [*found[1:]]
            head: dict[str, Any] = {"order": 0 if found is None else found.order, "arrays": []}
            at = _ALIGNED
            for array in arrays:
                head["arrays"].append([at, array.dtype.str, len(array)])
                at += -(-array.nbytes // _ALIGNED) * _ALIGNED
            file.write(json.dumps(head).encode().ljust(_ALIGNED))
            for array, (place, _, _) in zip(arrays, head["arrays"], strict=True):
                file.seek(place)
                array.tofile(file)
            file.truncate(max(at, _ALIGNED))
        fsync(temporary)
        os.replace(temporary, made)
    finally:
        temporary.unlink(missing_ok=True)


def _forget_stale(folder: Path) -> None:
    """Remove tables that nobody has asked for in a month: they can be made again."""
    oldest = time.time() - _STALE_DAYS * 86400
    for other in folder.iterdir():
        if other.stat().st_mtime < oldest:
            other.unlink(missing_ok=True)


def _read(made: Path) -> Table | None:
    with made.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    head = json.loads(data[:_ALIGNED])
    if not head["order"]:
        return None
    arrays = [np.frombuffer(data, kind, count, place) for place, kind, count in head["arrays"]]
    return Table(head["order"], *arrays)
