"""What a mix comes to before anything is trained: tokens, epochs, repeats of each source in each stage, and steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataprep.corpus import mix_plan
from dataprep.corpus.mix import load
from dataprep.corpus.mix_plan import Opened
from dataprep.corpus.sampler import Sampler
from dataprep.corpus.state import begin
from dataprep.corpus.supply import REPEATS, demands, repetition, shortage
from dataprep.errors import InputError, UsageError


def preview(path: str | Path) -> dict[str, Any]:
    """The whole account, for JSON. Reads manifests, and the index of every shard unless documents are concatenated.

    `warnings` are lines about what may be unwise, `problems` about what would be refused. Raises UsageError or
    InputError for a mix that can't be planned.
    """
    mix = load(path)
    try:
        opened = mix_plan.open_sources(mix, planned=True)
        plan = mix_plan.plan(mix, opened)
        sampler = Sampler(begin(plan))
    except (InputError, UsageError) as error:
        raise type(error)(f"{Path(path).name}: {error}") from error
    found = demands(sampler)
    length = plan.sequence_length
    problems = [shortage(sampler, demand) for demand in found if demand.runs_out is not None]
    warnings = [repetition(sampler, demand) for demand in found if demand.runs_out is None and demand.epochs > REPEATS]
    warnings += [f"source {demand.name}: is never used" for demand in found if not demand.drawn]
    if plan.ramp and plan.ramp.until_sample >= sampler.total:
        warnings.append(f"ramp: the run ends before batches reach {plan.batch_size:,} samples; end the ramp before it")
    if not sampler.steps.count:
        problems.append(f"{sampler.total:,} samples fill no step of {plan.batch_size:,}; make batch_size smaller")
    return {
        "name": plan.name,
        "packing": plan.packing,
        "sequence_length": length,
        "batch_size": plan.batch_size,
        "ramp": plan.ramp and {**plan.ramp._asdict(), "until_step": sampler.steps.step(plan.ramp.until_sample)},
        "samples": sampler.total,
        "tokens": sampler.total * length,
        "steps": sampler.steps.count,
        "left_over_samples": sampler.steps.left_over,
        "sources": [
            _source(opened[demand.name], length)
            | {"name": demand.name, "drawn_tokens": demand.drawn * length, "epochs": demand.epochs}
            for demand in found
        ],
        "stages": [_stage(sampler, n) for n in range(len(sampler.segments))],
        "warnings": warnings,
        "problems": problems,
    }


def _source(one: Opened, length: int) -> dict[str, Any]:
    if one.stream is None or one.windows is None:
        return {"planned": True, "documents": None, "tokens": one.number * length, "windows": one.number}
    return {
        "planned": False,
        "documents": one.stream.documents,
        "tokens": one.stream.tokens,
        "windows": one.number,
        "padding_ratio": one.windows.padding / (one.number * (length + 1)),
        "lost_tokens": one.windows.lost,
    }


def _stage(sampler: Sampler, n: int) -> dict[str, Any]:
    segment = sampler.segments[n]
    after = sampler.consumed(segment.last)
    size = segment.last - segment.first
    length = sampler.plan.sequence_length
    sources = [
        {
            "name": source.name,
            "share": (end - start) / size,
            "tokens": (end - start) * length,
            "epochs": (end - start) / source.windows,
            "epochs_by_its_end": end / source.windows,
        }
        for source, start, end in zip(sampler.plan.sources, segment.before, after, strict=True)
    ]
    return {
        "name": segment.stage,
        "first_sample": segment.first,
        "samples": size,
        "tokens": size * length,
        "first_step": sampler.steps.step(segment.first),
        "sources": sources,
    }
