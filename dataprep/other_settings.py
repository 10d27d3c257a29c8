"""Other thresholds for a finished run: what is asked, and the pipelines with and without, part by part."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from dataprep.errors import UsageError
from dataprep.lookup import Run, recorded
from dataprep.pipeline import Pipeline, Placed
from dataprep.scored import Scored
from dataprep.stage import Filter
from dataprep.stages.quality.thresholds import Thresholds
from dataprep.yaml_file import Loader

MAX_OUTCOMES = 100
"""Combinations of values that one command tries."""


def asked(arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Every combination of the values in `STAGE.KEY=VALUE[,VALUE...]`. Raises UsageError."""
    values: dict[str, list[Any]] = {}
    for argument in arguments:
        target, equals, value = argument.partition("=")
        if not (equals and "." in target.strip(".")):
            raise UsageError(f"{argument}: write STAGE.KEY=VALUE, or STAGE.KEY=VALUE,VALUE to compare some")
        try:
            values.setdefault(target, []).extend(yaml.load(f"[{value}]", Loader))
        except yaml.YAMLError as error:
            raise UsageError(f"{argument}: '{value}' is not YAML: {getattr(error, 'problem', error)}") from error
        if not values[target]:
            raise UsageError(f"{argument}: gives no value")
    n = int(np.prod([len(held) for held in values.values()]))
    if n > MAX_OUTCOMES:
        raise UsageError(f"these are {n:,} combinations of values; at most {MAX_OUTCOMES} are compared at once")
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def changed(run: Run, settings: dict[str, Any]) -> Pipeline:
    """The run's pipeline with these settings. Raises UsageError if one of them shapes anything but verdicts."""
    overrides = tuple(f"{target}={json.dumps(value, ensure_ascii=False)}" for target, value in settings.items())
    for one in overrides:
        old, new = side_by_side(run.pipeline, _recorded(run, (one,)))
        for before, after in itertools.zip_longest(old.parts, new.parts):
            if before != after and not (compares(before) and compares(after) and before.label == after.label):
                raise UsageError(f"{one.partition('=')[0]}: needs a rerun; what-if answers thresholds only")
    return _recorded(run, overrides)


def side_by_side(old: Pipeline, new: Pipeline) -> tuple[Pipeline, Pipeline]:
    """Both with as many parts, as far as only one has a filter that compares columns: a threshold that is off."""
    a_keys, b_keys = ([(part.label, part.stage.stage_name()) for part in pipe.parts] for pipe in (old, new))
    parts: tuple[list[Placed], list[Placed]] = ([], [])
    for _, a, b, c, d in difflib.SequenceMatcher(None, a_keys, b_keys, autojunk=False).get_opcodes():
        for mine, theirs, there, here in ((parts[0], parts[1], old, (a, b)), (parts[1], parts[0], new, (c, d))):
            held = there.parts[slice(*here)]
            mine += held
            if (a == b or c == d) and all(map(compares, held)):
                theirs += [part._replace(stage=Thresholds(rules=())) for part in held]
    return old._replace(parts=tuple(parts[0])), new._replace(parts=tuple(parts[1]))


def _recorded(run: Run, overrides: tuple[str, ...]) -> Pipeline:
    try:
        return recorded(run.root, run.manifest, overrides)
    except UsageError as error:
        raise UsageError(str(error).removeprefix("--set ")) from None


def compares(part: Placed | None) -> bool:
    return part is not None and isinstance(part.stage, Filter) and part.stage.compares


def current(run: Run, target: str) -> Any:
    """The value that a setting `STAGE.KEY` had; None if there was none.

    A language without a bound of its own has the stage's for it, else the plain one.
    """
    label, *keys = target.split(".")
    stage = next(entry.stage for entry in run.pipeline.entries if entry.label == label)
    held: Any = stage.asked()
    if len(keys) == 2 and keys[1] in held and keys[1] not in (held.get(keys[0]) or {}):
        own = stage.bounds() if isinstance(stage, Scored) else {}
        return own.get(keys[0], {}).get(keys[1], held[keys[1]])
    for key in keys:
        held = held.get(key) if isinstance(held, dict) else None
    return held
