"""What differs between two manifests: causes first (settings, inputs, versions), then effects (counts, files)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Differences = dict[str, list[str]]


def compare(old: dict[str, Any], new: dict[str, Any]) -> Differences:
    """Section -> one line a difference; sections without any are left out, so equal manifests give nothing."""
    sections: Differences = {
        "settings": _changes(_settings(old), _settings(new), str),
        "inputs": _inputs(old, new),
        "models": _changes(old["models"], new["models"], lambda sha256: str(sha256)[:12]),
        "packages": _changes(old["packages"], new["packages"], str),
        "parents": _changes(_parents(old), _parents(new), lambda sha256: str(sha256)[:12]),
    }
    if not any(sections.values()):
        sections["versions"] = _versions(old, new)
    sections["data"], sections["trained on"] = (
        _changes(leaves(old.get(what, {})), leaves(new.get(what, {})), str) for what in ("data", "accounts")
    )
    sections["stages"] = _stages(old, new)
    for what in ("languages", "sources"):
        before, after = (_documents(value.get(what, {})) for value in (old, new))
        sections[what] = _changes(before, after, "{:,} documents".format)
    sections["tokens"] = _changes(_tokens(old), _tokens(new), _fact)
    sections["shards"] = _shards(old, new)
    sections["artefacts"] = _changes(_artefacts(old), _artefacts(new), _fact)
    found = {name: lines for name, lines in sections.items() if lines}
    return found or ({} if old == new else {"manifests": ["differ in ways that no section shows"]})


def _changes(before: dict[str, Any], after: dict[str, Any], show: Callable[[Any], str]) -> list[str]:
    """`name: old -> new` for each name whose value differs, in order of first appearance."""
    lines = []
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            lines.append(f"{name}: {show(before[name])} -> none")
        elif name not in before:
            lines.append(f"{name}: none -> {show(after[name])}")
        elif before[name] != after[name]:
            lines.append(f"{name}: {show(before[name])} -> {show(after[name])}")
    return lines


def _settings(value: dict[str, Any]) -> dict[str, Any]:
    """Every setting by its path; a stage's by its label."""
    pipe = value["pipeline"]
    if "stages" not in pipe:  # a model has none: what it is and what it was told
        return leaves({key: value[key] for key in ("settings", "model") if key in value})
    found = {key: inner for key, inner in pipe.items() if key not in ("source", "stages")}
    kind, source = next(iter(pipe["source"].items()))
    found |= {"source": kind, **leaves(source, "source")}
    labels = []
    for entry in pipe["stages"]:
        name, config = next(iter(entry.items()))
        labels.append(config.get("as", name))
        found |= leaves(config, labels[-1])
    return {"stages": ", ".join(labels), **found}


def leaves(value: dict[str, Any], path: str = "") -> dict[str, Any]:
    """`{a: {b: 1}}` as `{"a.b": 1}`."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        here = f"{path}.{key}" if path else key
        found |= leaves(inner, here) if isinstance(inner, dict) else {here: inner}
    return found


def _inputs(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before, after = ({f["path"]: f for f in value["inputs"]} for value in (old, new))
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            lines.append(f"{path}: gone")
        elif path not in before:
            lines.append(f"{path}: new, {after[path]['bytes']:,} bytes")
        elif before[path] != after[path]:
            lines.append(f"{path}: changed, {before[path]['bytes']:,} -> {after[path]['bytes']:,} bytes")
    return lines


def _parents(value: dict[str, Any]) -> dict[str, str]:
    return {parent["name"]: parent["fingerprint"] for parent in value["parents"]}


def _versions(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Stages that are the same in everything a user sets and still another one."""
    before = {stage["name"]: stage["fingerprint"] for stage in old["stages"]}
    return [
        f"{stage['name']}: another version of the stage"
        for stage in new["stages"]
        if before.get(stage["name"]) not in (None, stage["fingerprint"])
    ]


def _stages(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Documents in and out and reasons, one line for each stage with other counts."""
    before, after = ({s["name"]: _counts(s) for s in value["stages"]} for value in (old, new))
    lines = []
    for name in dict.fromkeys([*before, *after]):
        changes = _changes(before.get(name, {}), after.get(name, {}), "{:,}".format)
        if changes:
            lines.append(f"{name}: {'; '.join(change.replace(':', '', 1) for change in changes)}")
    return lines


def _counts(stage: dict[str, Any]) -> dict[str, int]:
    return {"in": stage["documents_in"], "out": stage["documents_out"], **stage["dropped"]}


def _documents(counts: dict[str, Any]) -> dict[str, int]:
    """Documents of each language or source; in a token corpus, of each source and split."""
    found: dict[str, int] = {}
    for name, held in counts.items():
        splits = {name: held} if "documents" in held else {f"{name} {split}": n for split, n in held.items()}
        found |= {split: n["documents"] for split, n in splits.items()}
    return found


def _tokens(value: dict[str, Any]) -> dict[str, Any]:
    """What a token corpus holds besides documents."""
    told = ("tokenizer", "policy", "dtype", "tokens", "empty")
    return {key: leaf for key, leaf in leaves({what: value.get(what) for what in told}, "").items() if leaf is not None}


def _shards(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Counts, not names: a shard's name says what made it, so any change renames some."""
    before, after = ({s["path"]: s["sha256"] for s in value["shards"]} for value in (old, new))
    if before == after:
        return []
    rows = [sum(s["rows"] for s in value["shards"]) for value in (old, new)]
    same = len(before.items() & after.items())
    return [f"{len(before):,} with {rows[0]:,} rows -> {len(after):,} with {rows[1]:,} rows; {same:,} are the same"]


def _artefacts(value: dict[str, Any]) -> dict[str, Any]:
    """Facts of each Build, then contents by name; the last part of a folder's name is a fingerprint."""
    found: dict[str, Any] = {}
    for build in (build for stage in value["stages"] for build in stage.get("builds", [])):
        for what, fact in build["facts"].items():
            for key, leaf in leaves(fact, what).items() if isinstance(fact, dict) else [(what, fact)]:
                found[f"{build['name']} {key}"] = leaf
    for file in value.get("artefacts", []):
        folder, _, name = file["path"].removeprefix("artefacts/").partition("/")
        found[f"{folder.rpartition('-')[0]}/{name}"] = f"sha256 {file['sha256'][:12]}"
    return found


def _fact(value: Any) -> str:
    if isinstance(value, list):
        text = "; ".join(" ".join(map(str, row.values())) if isinstance(row, dict) else str(row) for row in value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
