"""`dataprep pretrain`: train a language model on the token corpora of a mix."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dataprep.training.settings import TrainSettings

REQUEUE = 75
"""Exit code of a run that a signal stopped and that is to be started again: EX_TEMPFAIL of sysexits.h."""


@click.command()
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--mix", metavar="MIX", help="Mix file; in place of the one that FILE names.")
@click.option("--model", metavar="PRESET", help="A published shape, as gpt2 or llama-7b; FILE may change it further.")
@click.option("--output", metavar="RUN", help="The run's folder; default: what FILE says, else out/NAME-OF-MIX-run.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one setting.")
@click.option("--until-step", type=click.IntRange(1), help="Stop after so many steps of the run; go on later.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda where there is one.")
@click.option("--dry-run", is_flag=True, help="Check everything, show what would be trained, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print how it ended as JSON.")
def pretrain(
    file: str | None,
    mix: str | None,
    model: str | None,
    output: str | None,
    changes: tuple[str, ...],
    until_step: int | None,
    device: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a language model on a mix of token corpora, as FILE or the options say.

    Type the same command again after any interruption: it goes on from the newest checkpoint, with the very next batch,
    on any number of processes. `torchrun` and Slurm's `srun` start the same command. Exit codes: 0 done, 1 failed, 2
    bad usage, 75 stopped by a signal with everything kept: to be started again.

    \b
    Examples:
      dataprep pretrain --mix pipelines/mix.yaml --model gpt2 --output out/run
      dataprep pretrain pipelines/pretrain-tiny.yaml --set optimizer.learning_rate=1e-3
      torchrun --nproc-per-node 8 -m dataprep pretrain pipelines/pretrain-1b.yaml
    """
    from dataprep.errors import DataprepError, Diverged, UsageError
    from dataprep.training import need_torch
    from dataprep.training.settings import load

    rank = _number("RANK", "SLURM_PROCID", default=0)
    try:
        need_torch()
        given: dict[str, Any] = {"mix": mix, "output": output, "model": {"preset": model} if model else None}
        if file is None:
            if mix is None:
                raise UsageError("pretrain: name a training file, or give --mix MIX; see `dataprep pretrain --help`")
            name = os.path.splitext(os.path.basename(mix))[0]
            given["name"] = name
            given["output"] = output or f"out/{name}-run"
            given["model"] = given["model"] or {"preset": "gpt2"}
        settings = load(file, changes, **given)
        if dry_run:
            _show(settings, as_json)
            return
        from dataprep.training.loop import pretrain as train

        outcome = train(settings, device=device, until=until_step)
    except (UsageError, Diverged) as error:
        # All ranks find the same; one tells.
        if rank:
            sys.exit(error.exit_code)
        raise
    except DataprepError as error:
        if rank:
            raise type(error)(f"rank {rank}: {error}") from error
        raise
    if rank == 0:
        ended = {"run": settings.output, "steps": outcome.steps, "of": outcome.of, "signal": outcome.signal}
        click.echo(json.dumps(ended) if as_json else _ended(ended))
    if outcome.signal is not None and outcome.steps < outcome.of:
        sys.exit(REQUEUE)


def _number(*names: str, default: int) -> int:
    """Of the first variable that is set; what is wrong with the others is for `launch` to say."""
    text = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return int(text) if text.isdecimal() else default


def _ended(ended: dict[str, Any]) -> str:
    run, steps, of = ended["run"], ended["steps"], ended["of"]
    if ended["signal"] is not None and steps != of:
        return f"{run}: stopped by a signal after {steps:,} of {of:,} steps, all kept; type the same command again"
    if steps != of:
        return f"{run}: {steps:,} of {of:,} steps done; type the command again to go on"
    return f"{run}: all {of:,} steps done; see `dataprep report {run}`, `dataprep generate {run}`"


def _show(settings: TrainSettings, as_json: bool) -> None:
    """What would be trained."""
    from dataprep.training import flops, record
    from dataprep.training.prepared import prepare

    world = _number("WORLD_SIZE", "SLURM_NTASKS", default=1)
    run = prepare(settings, world=world, device_type="cpu", full=False)
    reader, config = run.reader, run.config
    tokens = reader.sampler.total * reader.length
    counted = flops.parameters(config)
    per_token = flops.per_token(config, reader.length)
    told = {
        "run": settings.output,
        "parameters": counted.all,
        "processes": world,
        "strategy": run.strategy,
        "steps": reader.steps,
        "next_step": reader.next_step,
        "tokens": tokens,
        "flops_per_token": per_token,
        "flops": per_token * tokens,
        "model": config.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
        "changes": run.changes,
    }
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return
    click.echo(
        f"{settings.name}: {counted.all:,} parameters, {world} process{'es' if world > 1 else ''}, {run.strategy}\n"
        f"{tokens:,} tokens in {reader.steps:,} steps, from step {reader.next_step:,} on; "
        f"{per_token * tokens:.3g} floating-point operations\n"
        f"run  {settings.output}\nmix  {settings.mix}"
    )
    for line in [*run.differ, *map(record.told, run.changes)]:
        click.echo(line)
