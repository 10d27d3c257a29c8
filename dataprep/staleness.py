"""Why a step will run again: the first thing that differs from the plan that was run last."""

from __future__ import annotations

from typing import Any, NamedTuple

from dataprep.plan import Plan, saved
from dataprep.resume import Progress
from dataprep.store import Store


class State(NamedTuple):
    """One step of a plan as `dataprep plan` shows it."""

    step: str
    stages: tuple[str, ...]
    state: str
    """`cached`, `to run: ...` or `stale: ...`."""


def states(plan: Plan, store: Store) -> list[State]:
    """The state of every step, without reading any shard (sizes are compared, not checksums)."""
    progress = Progress(plan, store)
    before = saved(store)
    changes = _changes(before, plan) if before is not None else []
    found = []
    for step in plan.steps:
        p = plan.passes[step.number]
        names = tuple(dict.fromkeys(part.entry for part in p.parts)) if step.kind == "pass" else tuple(p.builds)
        todo = progress.left(step)
        if todo is not None and not todo:
            state = "cached"
        else:
            parts = [part for q in plan.passes[: step.number + 1] for part in q.parts]
            labels = {None, *(part.label for part in parts), *(part.entry for part in parts)}
            why = next((line for label, line in changes if label in labels), None)
            amount = _tasks(len(todo)) if todo is not None else "tasks known after the step before"
            if why is not None:
                state = f"stale: {why}; {amount}"
            elif before is not None and todo is not None and _complete(progress, step.number):
                state = f"to run: {amount}; its shards were removed when the last run ended, --keep holds on to them"
            else:
                state = f"to run: {amount}"
        found.append(State(f"{step.kind} {step.number + 1}", names, state))
    return found


def _tasks(n: int) -> str:
    return f"{n} task{'s' if n != 1 else ''}"


def _complete(progress: Progress, number: int) -> bool:
    tasks = progress.pass_tasks(number)
    return tasks is not None and all(progress.record(task["name"]) is not None for task in tasks)


def _changes(before: dict[str, Any], plan: Plan) -> list[tuple[str | None, str]]:
    """(label, what differs) in order of the pipeline; label None concerns every stage."""
    old_inputs = {relative: tag for _, relative, _, _, tag in before["inputs"]}
    found: list[tuple[str | None, str]] = []
    for file, (_, tag) in zip(plan.inputs, plan.identities, strict=True):
        if file.relative not in old_inputs:
            found.append((None, f"input {file.relative} is new"))
        elif old_inputs[file.relative] != tag:
            found.append((None, f"input {file.relative} has changed"))
    gone = old_inputs.keys() - {f.relative for f in plan.inputs}
    found += [(None, f"input {relative} is gone") for relative in sorted(gone)]
    if before["limit"] != plan.limit:
        found.append((None, f"limit {before['limit']} -> {plan.limit}"))
    found += _changed_settings(before["pipeline"], plan.pipeline.to_json())
    old_facts = {(fact.get("label"), fact["stage"]): fact for fact in before["facts"]}
    for fact in plan.facts:
        old = old_facts.get((fact.get("label"), fact["stage"]), fact)
        for what in ("packages", "models", "secrets"):
            held = old.get(what, {})
            for key in sorted(fact[what].keys() | held.keys()):
                found += _change(fact.get("label"), key, held.get(key), fact[what].get(key))
        files, held = fact["files"], old.get("files", {})
        for name in sorted(files.keys() | held.keys()):
            found += _change(fact.get("label"), f"{name} sha256", _start(held.get(name)), _start(files.get(name)))
        found += _change(fact.get("label"), f"{fact['stage']} version", old["version"], fact["version"])
        found += _change(fact.get("label"), f"{fact['stage']}.py", _start(old.get("file")), _start(fact["file"]))
    return found


def _changed_settings(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str | None, str]]:
    """What the user changed in the YAML, setting by setting, up to the first stage that is another one."""
    found: list[tuple[str | None, str]] = []
    (old_kind, old_source), (kind, source) = next(iter(old["source"].items())), next(iter(new["source"].items()))
    found += _change(None, "source", old_kind, kind)
    found += _change(None, "name", old["name"], new["name"])
    found += _change(None, "task_mib", old.get("task_mib"), new["task_mib"])
    for key in sorted(source.keys() | old_source.keys() - {"paths"}):
        found += _change(None, f"source.{key}", old_source.get(key), source.get(key))
    for n in range(max(len(old["stages"]), len(new["stages"]))):
        before, config = _entry(old["stages"], n), _entry(new["stages"], n)
        if before[0] != config[0]:
            found.append((config[0], f"stage {n + 1} {before[0] or 'none'} -> {config[0] or 'none'}"))
            break
        for key in sorted(before[1].keys() | config[1].keys()):
            found += _change(config[0], f"{config[0]}.{key}", before[1].get(key), config[1].get(key))
    return found


def _entry(stages: list[dict[str, dict[str, Any]]], n: int) -> tuple[str | None, dict[str, Any]]:
    if n >= len(stages):
        return None, {}
    name, config = next(iter(stages[n].items()))
    return config.get("as", name), config


def _change(label: str | None, what: str, old: Any, new: Any) -> list[tuple[str | None, str]]:
    return [(label, f"{what} {_short(old)} -> {_short(new)}")] if old != new else []


def _start(sha256: str | None) -> str | None:
    return sha256[:8] if sha256 else None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
