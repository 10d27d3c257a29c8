"""A finished run as the source of the next one: its shards, and whether they are still what its manifest says."""

from __future__ import annotations

import posixpath
from typing import Any

from dataprep import manifest
from dataprep.errors import InputError
from dataprep.plan import Plan


def shards(root: str, made: dict[str, Any]) -> list[str]:
    """Paths of the documents of the run in `root`, `made` being its manifest.

    Only what the manifest lists: a run that was killed leaves more. Raises InputError if there are none.
    """
    if made["kind"] != manifest.DOCUMENTS:
        raise InputError(f"{root}: holds {made['kind']}, not documents; name the run that they were made from")
    if not made["shards"]:
        raise InputError(f"{root}: holds no documents: the run dropped all; see `dataprep manifest show {root}`")
    return [f"{root}/{shard['path']}" for shard in made["shards"]]


def confirm(plan: Plan, root: str, made: dict[str, Any]) -> None:
    """Raise InputError if an input of the plan, a shard of that run, is another file than its manifest lists."""
    listed = {posixpath.basename(shard["path"]): shard for shard in made["shards"]}
    for file, (kind, tag) in zip(plan.inputs, plan.identities, strict=True):
        shard = listed[file.relative]
        if file.bytes != shard["bytes"] or (kind == "sha256" and tag != shard["sha256"]):
            raise InputError(
                f"{file.path}: is not the file that {root}/{manifest.MANIFEST} lists; "
                f"`dataprep run` makes it again, `dataprep manifest verify {root}` tells more"
            )
