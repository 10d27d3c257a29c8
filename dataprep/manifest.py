"""What was made, from what, by what, with checksums. Written last: replacing it is the commit.

Nothing in it depends on when, where or how fast it was made, so equal runs give byte-identical manifests.
"""

from __future__ import annotations

import posixpath
from typing import Any, Final

from dataprep.errors import InputError
from dataprep.store import Store

MANIFEST = "manifest.json"
DOCUMENTS: Final = "documents"
"""The kind of a corpus; any other names what a run gave in its place."""
VERSION = 1
REQUIRED = (
    "version", "kind", "fingerprint", "pipeline", "inputs", "stages", "shards", "models", "packages", "parents",
)  # fmt: skip


def read(root: str, command: str = "run") -> dict[str, Any]:
    """The manifest of a corpus folder. Raises InputError if it is missing, torn or of another version.

    `command` is the one that would write it, for messages.
    """
    where = root.removesuffix(f"/{MANIFEST}")
    store = Store(where)
    value = store.read_json(MANIFEST)
    if value is None:
        what = "is not valid JSON" if store.exists(MANIFEST) else "does not exist"
        raise InputError(f"{where}/{MANIFEST}: {what}; a finished `dataprep {command}` writes it")
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise InputError(f"{where}/{MANIFEST}: not a manifest of version {VERSION}; make it again with this dataprep")
    missing = [key for key in REQUIRED if key not in value]
    if missing:
        raise InputError(f"{where}/{MANIFEST}: lacks {', '.join(missing)}; make it again with `dataprep {command}`")
    return value


def is_ours(value: Any) -> bool:
    """Whether a `manifest.json`, of whatever version, is one of these: other programs write files of that name too."""
    return isinstance(value, dict) and {"version", "kind", "fingerprint", "shards"} <= value.keys()


def files(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Every file that a manifest lists, once: path, bytes, sha256."""
    listed = []
    for shard in value["shards"]:
        listed += [shard, *(shard[part] for part in ("idx", "docs") if part in shard)]
    return list({file["path"]: file for file in [*listed, *value.get("artefacts", [])]}.values())


def around(value: dict[str, Any], store: Store, folder: str) -> dict[str, Any]:
    """`value`, the manifest of a run, with what the manifest of the one artefact that it made, in `folder`, says."""
    inner = store.read_json(f"{folder}/{MANIFEST}")
    assert inner is not None, f"{folder} without its manifest"
    own = _below(folder, {key: held for key, held in inner.items() if key not in (*REQUIRED, "artefacts")})
    shards = _below(folder, inner["shards"])
    among = {file["path"] for file in files({"shards": shards})}
    artefacts = [file for file in value["artefacts"] if file["path"] not in among]
    return {**value, **own, "shards": shards, "artefacts": artefacts}


def _below(folder: str, value: Any) -> Any:
    """The same value with every `path` and `file` in it moved below a folder."""
    if isinstance(value, list):
        return [_below(folder, inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"{folder}/{held}" if key in ("path", "file") and isinstance(held, str) else _below(folder, held)
        for key, held in value.items()
    }


def verify(root: str) -> list[str]:
    """Every difference between a manifest and the files beside it, one line each; empty if it holds."""
    value = read(root)
    store = Store(root.removesuffix(f"/{MANIFEST}"))
    problems = []
    listed = files(value)
    for file in listed:
        size = store.size(file["path"])
        if size is None:
            problems.append(f"{file['path']}: is missing")
        elif size != file["bytes"]:
            problems.append(f"{file['path']}: has {size} bytes, not {file['bytes']}")
        elif store.sha256(file["path"]) != file["sha256"]:
            problems.append(f"{file['path']}: sha256 differs")
    known = {file["path"] for file in listed} | {MANIFEST}
    # Shards are beside one another: in `documents`, in an artefact, or beside their manifest.
    folders = {"documents"} if value["kind"] == DOCUMENTS else {posixpath.dirname(s["path"]) for s in value["shards"]}
    there = [path for folder in sorted(folders) for path in store.files(folder)]
    return problems + [f"{path}: is not listed" for path in there if path not in known]
