"""Files of a corpus on this machine: remote ones are copied to a cache once, checksums are worked out once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dataprep.errors import InputError
from dataprep.home import home
from dataprep.store import Published, Store, file_sha256


def local(store: Store, files: tuple[Published, ...]) -> tuple[Path, ...]:
    """Local paths of files that belong together, side by side under their own names.

    Files of a remote store are copied to `$DATAPREP_HOME/staged` when first asked for, and refused if they are not what
    the manifest lists; they stay there, under a name that follows from their checksums, until somebody removes them.
    """
    if store.local:
        return tuple(Path(store.path(file.path)) for file in files)
    folder = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()[:32]
    cache = Store(str(home() / "staged"))
    for file in files:
        relative = f"{folder}/{Path(file.path).name}"
        if cache.size(relative) == file.bytes:
            continue
        with cache.publishing(relative) as temporary:
            try:
                store.fs.get_file(f"{store.base}/{file.path}", str(temporary))
            except FileNotFoundError:
                raise InputError(f"{store.path(file.path)}: does not exist") from None
            found = file_sha256(temporary)
            if found != file.sha256:
                raise InputError(differs(store.path(file.path), found, file.sha256))
    return tuple(Path(cache.path(f"{folder}/{Path(file.path).name}")) for file in files)


def differs(path: str, found: str, listed: str) -> str:
    """The one line for a file that is not the one that was made."""
    return f"{path}: its sha256 is {found[:16]}..., the manifest lists {listed[:16]}...; restore it or make it again"


def sha256(path: Path) -> str:
    """Of a local file; remembered in `$DATAPREP_HOME/checksums` for as long as its size and its time stay."""
    status = path.stat()
    absolute = str(path.resolve())
    cache = Store(str(home() / "checksums"))
    relative = hashlib.sha256(absolute.encode()).hexdigest()[:32] + ".json"
    known = cache.read_json(relative)
    now = {"path": absolute, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    if isinstance(known, dict) and {k: known.get(k) for k in now} == now:
        return str(known["sha256"])
    found = file_sha256(path)
    cache.publish_json(relative, {**now, "sha256": found})
    return found
