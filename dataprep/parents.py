"""A finished run as the source of the next one: its shards, and whether they are still what its manifest says."""

from __future__ import annotations

import posixpath
from typing import Any

from dataprep import manifest
from dataprep.errors import InputError
from dataprep.plan import Plan, saved
from dataprep.store import Store


def shards(root: str, made: dict[str, Any]) -> list[str]:
    """Paths of the documents of the run in `root`, `made` being its manifest.

    Only what the manifest lists: a run that was killed leaves more. Raises InputError if there are none.
    """
    if made["kind"] != manifest.DOCUMENTS:
        raise InputError(f"{root}: holds {made['kind']}, not documents; name the run that they were made from")
    if not made["shards"]:
        raise InputError(f"{root}: holds no documents: the run dropped all; see `dataprep manifest show {root}`")
    return [f"{root}/{shard['path']}" for shard in made["shards"]]


def noted(root: str) -> list[str]:
    """Folders of the runs whose shards the run in `root` read, where its own notes tell."""
    planned = saved(Store(root))
    return sorted({path.rpartition("/documents/")[0] for path, *_ in planned["inputs"]} - {""}) if planned else []


def documents(folder: str) -> str:
    """The folder of the run whose documents a folder holds, or that its tokens were made from.

    Raises InputError for tokens whose run is not where they say, is another one by now, or is not the only one.
    """
    root = folder.removesuffix(f"/{manifest.MANIFEST}").rstrip("/")
    made = manifest.read(root)
    if made["kind"] == manifest.DOCUMENTS:
        return root
    # A run that ends in `tokenize` has its tokens in `artefacts/NAME`.
    above = [*noted(root), posixpath.dirname(posixpath.dirname(root))]
    prints = [parent["fingerprint"] for parent in made["parents"]]
    found = [path for path in above if (Store(path).read_json(manifest.MANIFEST) or {}).get("fingerprint") in prints]
    if len(found) == 1:
        return documents(found[0])
    if found:
        where = f"those are in {', '.join(found)}: name each as a source of its own"
    elif prints:
        names = ", ".join(parent["name"] for parent in made["parents"])
        where = f"run {names} made them, and is not where it was or has changed since: make it again, or name"
    else:
        where = "they were made from no run's documents: name"
    if not found:
        where += " in its place the folder that `dataprep run` wrote"
    raise InputError(f"{root}: holds {made['kind']}; a tokenizer is trained on documents; {where}")


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
