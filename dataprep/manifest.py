"""What was made, from what, by what, with checksums. Written last: replacing it is the commit.

Nothing in it depends on when, where or how fast it was made, so equal runs give byte-identical manifests.
"""

from __future__ import annotations

from typing import Any

from dataprep.errors import InputError
from dataprep.store import Store

MANIFEST = "manifest.json"
VERSION = 1
REQUIRED = (
    "version", "kind", "fingerprint", "pipeline", "inputs", "stages", "shards", "models", "packages", "parents",
)  # fmt: skip


def read(root: str) -> dict[str, Any]:
    """The manifest of a corpus folder. Raises InputError if it is missing, torn or of another version."""
    where = root.removesuffix(f"/{MANIFEST}")
    store = Store(where)
    value = store.read_json(MANIFEST)
    if value is None:
        what = "is not valid JSON" if store.exists(MANIFEST) else "does not exist"
        raise InputError(f"{where}/{MANIFEST}: {what}; a finished `dataprep run` writes it")
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise InputError(f"{where}/{MANIFEST}: not a manifest of version {VERSION}; make it again with this dataprep")
    missing = [key for key in REQUIRED if key not in value]
    if missing:
        raise InputError(f"{where}/{MANIFEST}: lacks {', '.join(missing)}; make it again with `dataprep run`")
    return value


def verify(root: str) -> list[str]:
    """Every difference between a manifest and the files beside it, one line each; empty if it holds."""
    value = read(root)
    store = Store(root.removesuffix(f"/{MANIFEST}"))
    problems = []
    for file in [*value["shards"], *value.get("artefacts", [])]:
        size = store.size(file["path"])
        if size is None:
            problems.append(f"{file['path']}: is missing")
        elif size != file["bytes"]:
            problems.append(f"{file['path']}: has {size} bytes, not {file['bytes']}")
        elif store.sha256(file["path"]) != file["sha256"]:
            problems.append(f"{file['path']}: sha256 differs")
    listed = {s["path"] for s in value["shards"]}
    problems += [f"{path}: is not listed" for path in store.files("documents") if path not in listed]
    return problems
