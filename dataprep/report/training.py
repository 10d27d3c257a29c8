"""What training runs did, from their manifests and logs: curves, spikes, final losses, tokens and epochs by source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.corpus.sampler import Sampler
from dataprep.errors import InputError
from dataprep.training import log
from dataprep.training.flops import parameters
from dataprep.training.run import LOG, Run, open_run

Floats = npt.NDArray[np.float64]
COLUMNS = (
    "step", "seen", "tokens", "loss", "grad_norm", "learning_rate", "tokens_per_second", "mfu", "seconds",
    "wait_seconds",
)  # fmt: skip


class Validation(NamedTuple):
    """Losses on held-out documents after a step."""

    step: int
    seen: int
    sources: dict[str, dict[str, float]]

    @property
    def loss(self) -> float:
        """Of all sources together, by tokens."""
        tokens = sum(held["tokens"] for held in self.sources.values())
        return sum(held["loss"] * held["tokens"] for held in self.sources.values()) / max(1, tokens)


class Told(NamedTuple):
    """A run as its log tells it."""

    run: Run
    name: str
    """Of the run; with where it is, if another has the same."""
    steps: dict[str, Floats]
    """Columns of equal length, one item a step, in the order in which steps were taken; NaN for what is not known."""
    kept: npt.NDArray[np.bool_]
    """Of each step: false for those that a spike undid."""
    sources: dict[str, Floats]
    """Training loss by source, one item a step: NaN where a step had none of it."""
    trained: dict[str, int]
    """Tokens of each source in steps that were kept."""
    undone: dict[str, int]
    """Tokens of each source in steps that were undone."""
    validations: list[Validation]
    spikes: list[dict[str, Any]]
    """As logged, with `seen`: tokens before."""
    starts: list[dict[str, Any]]
    """As logged, with `seen`."""


def tell(folders: Sequence[str | Path]) -> list[Told]:
    """Runs in the order given. Raises InputError for a folder that is no training run, or has taken no step yet."""
    runs = [open_run(folder) for folder in folders]
    names = [run.name for run in runs]
    unique = [name if names.count(name) == 1 else f"{name} ({run.root})" for name, run in zip(names, runs, strict=True)]
    return [_tell(run, name) for run, name in zip(runs, unique, strict=True)]


def _tell(run: Run, name: str) -> Told:
    lines = log.read(run.root / LOG)
    steps = [line for line in lines if line["kind"] == "step"]
    if not steps:
        raise InputError(f"{run.root}: has taken no step yet; ask again when `dataprep pretrain` has")
    kept = np.ones(len(steps), np.bool_)
    numbers = np.array([line["step"] for line in steps])
    validations, spikes, starts = list[Validation](), list[dict[str, Any]](), list[dict[str, Any]]()
    taken, seen = 0, 0
    for line in lines:
        if line["kind"] == "step":
            taken, seen = taken + 1, line["seen"]
        elif line["kind"] == "validation":
            validations.append(Validation(line["step"], seen, line["sources"]))
        elif line["kind"] == "start":
            starts.append(line | {"seen": seen})
        elif line["kind"] == "spike":
            spikes.append(line | {"seen": seen})
            if starts and "steps" in line:
                starts[-1]["steps"] = line["steps"]  # without what is skipped
            back = line["back_to"] if line.get("back_to") is not None else line["step"]
            kept[:taken] &= numbers[:taken] <= back
            validations = [held for held in validations if held.step <= back]
            seen = max((s["seen"] for s in steps[:taken] if s["step"] <= back), default=0)
    found = sorted({name for line in steps for name in line.get("sources", {})})
    by_source = {source: np.full(len(steps), np.nan) for source in found}
    trained, undone = dict.fromkeys(found, 0), dict.fromkeys(found, 0)
    for n, line in enumerate(steps):
        for source, held in line.get("sources", {}).items():
            by_source[source][n] = _number(held["loss"])
            (trained if kept[n] else undone)[source] += held["tokens"]
    for spike in spikes:
        for source, held in spike.get("sources", {}).items():
            undone[source] = undone.get(source, 0) + held["tokens"]
    columns = {key: np.array([_number(line.get(key)) for line in steps]) for key in COLUMNS}
    return Told(run, name, columns, kept, by_source, trained, undone, validations, spikes, starts)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


# ---------------------------------------------------------------- in a few numbers

_LAST = 100
"""Steps at the end that final figures of training are the mean or median of."""


def summary(told: Told) -> dict[str, Any]:
    """The run in a few numbers, as plain JSON: null for what is not known."""
    config, steps, kept = told.run.config, told.steps, told.kept
    last = np.flatnonzero(kept)[-_LAST:]
    count = parameters(config)
    end = int(last[-1])
    start = told.starts[-1] if told.starts else {}
    return {
        "name": told.name,
        "parameters": count.all,
        "parameters_multiplied": count.multiplied,
        "step": int(steps["step"][end]),
        "steps": start.get("steps"),
        "tokens": int(steps["seen"][end]),
        "hours": float(np.nansum(steps["seconds"])) / 3600,
        "loss": _mean(steps["loss"][last]),
        "tokens_per_second": _median(steps["tokens_per_second"][kept]),
        "mfu": _median(steps["mfu"][kept]),
        "wait_ratio": float(np.nansum(steps["wait_seconds"]) / max(1e-9, float(np.nansum(steps["seconds"])))),
        "device": start.get("device"),
        "world": start.get("world"),
        "strategy": start.get("strategy"),
        "validation": dict(told.validations[-1].sources) if told.validations else {},
        "validation_loss": told.validations[-1].loss if told.validations else None,
        "validation_step": told.validations[-1].step if told.validations else None,
        "sources": _sources(told, last),
        "spikes": len(told.spikes),
        "undone_steps": int((~kept).sum()) + len(told.spikes),
        "starts": len(told.starts),
    }


def _sources(told: Told, last: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Of each source: what was trained on, how often it has been seen, what the last steps' loss was."""
    epochs = _epochs(told.run)
    total = max(1, sum(told.trained.values()))
    return [
        {
            "name": name,
            "tokens": told.trained.get(name, 0),
            "share": told.trained.get(name, 0) / total,
            "undone_tokens": told.undone.get(name, 0),
            "epochs": epochs.get(name, (None, None))[0],
            "skipped_samples": epochs.get(name, (None, None))[1],
            "loss": _mean(told.sources[name][last]) if name in told.sources else None,
        }
        for name in dict.fromkeys([*epochs, *told.trained, *told.undone])
    ]


def _epochs(run: Run) -> dict[str, tuple[float, int]]:
    """By source: how often it had been seen whole at the newest checkpoint, and its samples that were skipped."""
    if run.latest() is None:
        return {}
    state = run.state()
    if not state.sample:
        return {source.name: (0.0, 0) for source in state.plan.sources}
    sampler = Sampler(state)
    drawn = sampler.consumed(state.sample)
    skipped = sampler.skipped(state.sample)
    return {
        source.name: (float(drawn[n] - skipped[n]) / source.windows, skipped[n])
        for n, source in enumerate(sampler.plan.sources)
    }


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _median(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


# ---------------------------------------------------------------- numbers as people write them


def short(number: float) -> str:
    """`950`, `12.5K`, `1.24M`, `3B`: three digits."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(number) >= limit * 0.9995:
            return f"{number / limit:.3g}{unit}"
    return f"{number:.3g}"


def shown(value: float | None, form: str, otherwise: str = "–") -> str:
    """`value` formatted, or a dash for what is not known."""
    return otherwise if value is None or not math.isfinite(value) else format(value, form)
