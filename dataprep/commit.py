"""Make a finished run visible: samples, timings, then the manifest, which is the commit; then tidy up."""

from __future__ import annotations

import json
from typing import Any

from dataprep import __version__, manifest
from dataprep.errors import OutputError
from dataprep.ledger import QUARANTINE, Entry, Flow, Ledger, add_counts
from dataprep.pipeline import entry_of
from dataprep.plan import FOLDERS, INPUTS, PLAN, Plan, at_home, fingerprint, labelling, package_version
from dataprep.resume import WORK, Progress, build_of, record_path, step_path
from dataprep.store import Store, json_bytes

SAMPLES = "dropped/samples.jsonl"
TIMINGS = "timings.json"
QUARANTINED = f"{WORK}/quarantine.json"
MAX_SOURCES = 200
"""Sources that each of a manifest's accounts tells apart; a crawl can have a million."""
OTHER = "(other)"
"""The rest, together."""


def commit(plan: Plan, store: Store, progress: Progress, *, keep: bool, wall_s: float, workers: int) -> dict[str, Any]:
    """Publish the manifest of a run whose every task is done, unless it is in place already. Gives the manifest."""
    records = pass_records(plan, progress)
    total = totals(records)
    value = _manifest(plan, progress, records, total)
    lines = [json.dumps(sample._asdict(), ensure_ascii=False) for sample in total.samples]
    samples = "".join(f"{line}\n" for line in lines).encode()
    if store.read_bytes(SAMPLES) != samples:
        store.publish_bytes(SAMPLES, samples)
    if store.read_bytes(manifest.MANIFEST) != json_bytes(value):
        store.publish_json(TIMINGS, _timings(records, wall_s, workers))
        store.publish_json(manifest.MANIFEST, value)
    _tidy(plan, store, progress, value, keep=keep)
    return value


def refuse_foreign(store: Store, kind: str) -> None:
    """Raise OutputError if the output holds files that no run of this kind made: tidying up would remove them."""
    held = store.read_json(manifest.MANIFEST)
    if held is not None and held["kind"] != kind:
        raise OutputError(f"{store.root}: holds {held['kind']}, not {kind}; choose another place with --output")
    if store.exists(PLAN) or store.exists(manifest.MANIFEST):
        return
    for folder in FOLDERS:
        if store.files(folder):
            raise OutputError(
                f"{store.root}: its folder '{folder}' holds files that no run wrote; choose another place with --output"
            )


def pass_records(plan: Plan, progress: Progress) -> list[list[dict[str, Any]]]:
    """The records of every task of every pass, in order."""
    found = []
    for p in plan.passes:
        tasks = progress.pass_tasks(p.number)
        assert tasks is not None, "commit before every pass is done"
        records = [progress.record(task["name"]) for task in tasks]
        found.append([record for record in records if record is not None])
        assert len(found[-1]) == len(tasks), "commit before every task is done"
    return found


def totals(records: list[list[dict[str, Any]]]) -> Ledger:
    """The run's accounts: the first pass's records at the source, every pass's stages, the last pass's output."""
    total = Ledger()
    for number, tasks in enumerate(records):
        for record in tasks:
            ledger = Ledger.from_json(record["ledger"])
            if number:
                ledger.records = ledger.documents = ledger.bytes = 0
            if number < len(records) - 1:
                ledger.languages, ledger.sources = {}, {}
            total.add(ledger)
    total.check()
    return total


def flows(plan: Plan, records: list[list[dict[str, Any]]]) -> dict[str, Flow]:
    """What each entry gave by language and by source, found from the end of every pass backwards."""
    found = {}
    for p, tasks in zip(plan.passes, records, strict=True):
        total = Ledger()
        for record in tasks:
            total.add(Ledger.from_json(record["ledger"]))
        flow = Flow(*({key: n for key, (n, _) in held.items()} for held in (total.languages, total.sources)))
        home, labelled = at_home(plan, p), labelling(p)
        for label in reversed(dict.fromkeys(part.entry for part in p.parts)):
            if label in home:
                found[label] = flow
            flow = flow.before(total.stages.get(label, Entry()), labels=label in labelled)
    return found


def _manifest(plan: Plan, progress: Progress, records: list[list[dict[str, Any]]], total: Ledger) -> dict[str, Any]:
    files = {relative: (size, sha) for record in records[-1] for relative, size, sha in record["files"]}
    shards = [
        {
            "path": r["documents"],
            "rows": r["rows"],
            "bytes": files[r["documents"]][0],
            "sha256": files[r["documents"]][1],
        }
        for r in records[-1]
        if r["documents"] is not None
    ]
    artefacts: list[dict[str, Any]] = []
    builds: dict[str, list[dict[str, Any]]] = {}
    for p in plan.passes:
        for task in progress.finish_tasks(p.number):
            record, label = progress.record(task["name"]), task["label"]
            assert record is not None
            artefacts += [{"path": path, "bytes": size, "sha256": sha} for path, size, sha in record["files"]]
            made = {"name": label, "stage": build_of(p, label).stage_name(), "artefact": task["output"]}
            builds.setdefault(entry_of(label), []).append(made | {"facts": record["facts"]})
    value = {
        "version": manifest.VERSION,
        "kind": plan.pipeline.kind,
        "fingerprint": plan.fingerprint,
        "pipeline": plan.asked,
        "inputs": plan.described_inputs,
        "stages": [_source_entry(plan, total), *_stage_entries(plan, total, builds, flows(plan, records))],
        "documents": sum(s["rows"] for s in shards),
        "languages": _by_name(total.languages),
        "sources": _by_name(_bounded(total.sources)),
        "shards": shards,
        "artefacts": artefacts,
        "models": plan.versions("models"),
        "packages": dict(
            sorted(
                {"dataprep": __version__, "pyarrow": package_version("pyarrow"), **plan.versions("packages")}.items()
            )
        ),
        "parents": _parents(plan),
    }
    if plan.pipeline.kind == manifest.DOCUMENTS:
        return value
    (task,) = progress.finish_tasks(len(plan.passes) - 1)
    return manifest.around(value, progress.store, task["output"])


def _source_entry(plan: Plan, total: Ledger) -> dict[str, Any]:
    return {
        "name": plan.pipeline.source_kind,
        "fingerprint": _fact_print(plan, None),
        "documents_in": total.records,
        "documents_out": total.documents,
        "bytes_in": sum(f.bytes for f in plan.inputs),
        "bytes_out": total.bytes,
        "dropped": dict(sorted(total.skipped.items())),
        "damaged": total.damaged,
    }


def _stage_entries(
    plan: Plan, total: Ledger, builds: dict[str, list[dict[str, Any]]], given: dict[str, Flow]
) -> list[dict[str, Any]]:
    labels = [placed.label for placed in plan.pipeline.entries]
    if QUARANTINE in total.stages:
        labels = [QUARANTINE, *labels]
    entries = []
    for label in labels:
        entry = total.stages.get(label, Entry())
        entries.append(
            {
                "name": label,
                "fingerprint": _fact_print(plan, label),
                "documents_in": entry.documents_in,
                "documents_out": entry.documents_out,
                "bytes_in": entry.bytes_in,
                "bytes_out": entry.bytes_out,
                "dropped": dict(sorted(entry.dropped.items())),
                **_in_and_out(entry, given.get(label)),
                "dropped_by_language": _sorted(entry.dropped_by_language),
                "dropped_by_source": _sorted(_bounded_drops(entry.dropped_by_source)),
                "tallies": _tallies(entry.tallies),
                "builds": builds.get(label, []),
            }
        )
    return entries


def _in_and_out(entry: Entry, flow: Flow | None) -> dict[str, Any]:
    """Documents in and out by language and by source. Of those that killed their worker only the number is known."""
    if flow is None:
        return {"by_language": {}, "by_source": {}}
    came = flow.before(entry, labels=False)  # by the labels of those that left, in whatever way
    assert sum(came.languages.values()) == sum(came.sources.values()) == entry.documents_in, (came, entry)
    by_source: dict[str, dict[str, int]] = {}
    own = _largest(came.sources)
    for source, n in came.sources.items():
        counts = {"in": n, "out": flow.sources.get(source, 0)}
        add_counts(by_source.setdefault(source if source in own else OTHER, {}), counts)
    by_language = {code: {"in": n, "out": flow.languages.get(code, 0)} for code, n in came.languages.items()}
    return {"by_language": dict(sorted(by_language.items())), "by_source": dict(sorted(by_source.items()))}


def _tallies(held: dict[str, dict[str, dict[str, list[int]]]]) -> list[dict[str, Any]]:
    """One row for each name, language and source in which something was found, in this order.

    Sources beyond the `MAX_SOURCES` with most in them share the source `OTHER`.
    """
    by_source: dict[str, int] = {}
    for languages in held.values():
        for sources in languages.values():
            add_counts(by_source, {source: found for source, (found, _) in sources.items()})
    own = _largest(by_source)
    bounded = Entry()
    for name, languages in held.items():
        for language, sources in languages.items():
            for source, (found, documents) in sources.items():
                bounded.tally(name, language, source if source in own else OTHER, found, documents)
    return [
        {"name": name, "language": language, "source": source, "count": found, "documents": documents}
        for name, languages in sorted(bounded.tallies.items())
        for language, sources in sorted(languages.items())
        for source, (found, documents) in sorted(sources.items())
    ]


def _largest(by_source: dict[str, int]) -> set[str]:
    return set(sorted(by_source, key=lambda source: (-by_source[source], source))[:MAX_SOURCES])


def _bounded(sources: dict[str, list[int]]) -> dict[str, list[int]]:
    """[documents, bytes] of the `MAX_SOURCES` with most documents, and of `OTHER`."""
    own = _largest({source: documents for source, (documents, _) in sources.items()})
    found: dict[str, list[int]] = {}
    for source, (documents, size) in sources.items():
        held = found.setdefault(source if source in own else OTHER, [0, 0])
        held[0] += documents
        held[1] += size
    return found


def _bounded_drops(sources: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Counts by reason of the `MAX_SOURCES` that lost most documents, and of `OTHER`."""
    own = _largest({source: sum(counts.values()) for source, counts in sources.items()})
    found: dict[str, dict[str, int]] = {}
    for source, counts in sources.items():
        add_counts(found.setdefault(source if source in own else OTHER, {}), counts)
    return found


def _fact_print(plan: Plan, label: str | None) -> str:
    """Of every part of an entry; None is the source."""
    return fingerprint([fact for fact in plan.facts if _entry(fact) == label])


def _entry(fact: dict[str, Any]) -> str | None:
    return entry_of(fact["label"]) if "label" in fact else None


def _by_name(counts: dict[str, list[int]]) -> dict[str, dict[str, int]]:
    return {name: {"documents": n, "bytes": size} for name, (n, size) in sorted(counts.items())}


def _sorted(counts: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {key: dict(sorted(inner.items())) for key, inner in sorted(counts.items())}


def _parents(plan: Plan) -> list[dict[str, Any]]:
    """Manifests whose shards this run read."""
    found: dict[str, dict[str, Any]] = {}
    for file in plan.inputs:
        folder, documents, _ = file.path.rpartition("/documents/")
        if documents and folder not in found:
            above = Store(folder).read_json(manifest.MANIFEST)
            if above is not None:
                found[folder] = {"name": above["pipeline"]["name"], "fingerprint": above["fingerprint"]}
    return [found[folder] for folder in sorted(found)]


def _timings(records: list[list[dict[str, Any]]], wall_s: float, workers: int) -> dict[str, Any]:
    """Where the time went; beside the manifest because it is never the same twice."""
    seconds: dict[str, float] = {}
    peak = 0
    for record in (r for tasks in records for r in tasks):
        for what, spent in record["timing"]["seconds"].items():
            seconds[what] = seconds.get(what, 0.0) + spent
        peak = max(peak, record["timing"]["peak_memory_bytes"])
    return {
        "wall_s": round(wall_s, 3),
        "workers": workers,
        "peak_worker_memory_bytes": peak,
        "seconds": {what: round(spent, 3) for what, spent in seconds.items()},
    }


def _tidy(plan: Plan, store: Store, progress: Progress, value: dict[str, Any], *, keep: bool) -> None:
    """Remove what the manifest does not list: shards, verdicts and artefacts of other plans, and intermediates."""
    records: set[str] = set()
    verdicts: set[str] = set()
    work: set[str] = {PLAN, INPUTS, QUARANTINED, f"{WORK}/lease.json", *(step_path(step) for step in plan.steps)}
    for p in plan.passes:
        tasks = [*(progress.pass_tasks(p.number) or ()), *(progress.combine_tasks(p.number) or ())]
        tasks += progress.finish_tasks(p.number)
        for task in tasks:
            names = [task["name"], *(part["name"] for part in task.get("collect", {}).values())]
            for name in names:
                record = progress.record(name)
                if record is None:
                    continue
                records.add(record_path(name))
                if "verdicts" in task and name == task["name"]:
                    verdicts |= {f[0] for f in record["files"] if f[0].startswith("verdicts/")}
                if keep:
                    work |= {f[0] for f in record["files"]}
    store.prune("documents", {s["path"] for s in value["shards"]})
    store.prune("verdicts", verdicts)
    store.prune("artefacts", {file["path"] for file in manifest.files(value)})
    store.prune(WORK, records | work)
