"""A run before its first step: what it will be, everything checked, nothing written yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from dataprep import manifest
from dataprep.corpus.reader import Reader, open_reader
from dataprep.training import flops, initial, parallel, record
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.presets import resolve
from dataprep.training.optim import schedule
from dataprep.training.run import Run, open_run
from dataprep.training.settings import Strategy, TrainSettings


class Prepared(NamedTuple):
    """What settings, data and the run's folder come to."""

    reader: Reader
    """At the run's next sample."""
    config: ModelConfig
    strategy: Strategy
    kept: Run | None
    """The run that is there already."""
    start: int | None
    """Steps done at its newest checkpoint; None if it has none."""
    manifest: dict[str, Any]
    """Of the run, but for its tokenizer and its accounts."""
    changes: list[dict[str, Any]]
    """What is asked for otherwise than before, from the next step on."""
    differ: list[str]
    """What of the model differs from the one whose weights it begins with, a line each."""


def at(root: Path) -> tuple[Run | None, int | None]:
    """The run in a folder and the steps done at its newest checkpoint; None for what is not there."""
    kept = open_run(root) if (root / manifest.MANIFEST).exists() else None
    return kept, kept.latest() if kept else None


def prepare(settings: TrainSettings, *, world: int, device_type: str, full: bool) -> Prepared:
    """Open the mix and check everything, on `world` processes. `full` compares checksums of all data.

    Raises UsageError or InputError, one line, for settings that do not fit together, data that has changed, and a
    folder that holds something else.
    """
    root = Path(settings.output)
    kept, start = at(root)
    state = kept.state(start) if kept is not None and start is not None else None
    reader = open_reader(settings.mix, state, full=full)
    config = resolve(
        settings.model,
        vocab_size=int(reader.tokenizer["vocab_size"]),
        context=reader.length,
        where=f"{settings.name}: model",
    )
    strategy = parallel.check(settings, config, world, device_type)
    schedule.check(settings.schedule, reader.sampler.total * reader.length, settings.name)
    made = record.describe_run(root, settings, config, flops.parameters(config).all, reader)
    changes, differ = list[dict[str, Any]](), list[str]()
    if kept is not None and start is not None:
        record.changed_data(kept.manifest, made)
        changes = record.changes(kept.manifest, made, reader.next_step)
        made["changes"] = kept.manifest["changes"] + changes
        if "began_from" in kept.manifest:
            made["began_from"] = kept.manifest["began_from"]
    elif settings.init_from is not None:
        differ = initial.check(settings.init_from, config, reader.tokenizer["sha256"])
        made["began_from"] = initial.origin(settings.init_from)
    return Prepared(reader, config, strategy, kept, start, made, changes, differ)
