"""`dataprep run`: do what is left of a pipeline and print what became of every document."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dataprep.plan import Plan


@click.command()
@click.argument("pipeline", type=click.Path())
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; default: one per core.")
@click.option("--input", "inputs", multiple=True, metavar="PATH", help="Read this instead of the source's paths.")
@click.option("--output", metavar="FOLDER", help="Write here instead of the pipeline's output.")
@click.option("--limit", type=click.IntRange(1), help="Take only the first N documents.")
@click.option("--set", "overrides", multiple=True, metavar="STAGE.KEY=VALUE", help="Change one setting.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--keep", is_flag=True, help="Keep intermediate shards, so that a later change reruns less.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest instead of the table.")
def run(
    pipeline: str,
    workers: int | None,
    inputs: tuple[str, ...],
    output: str | None,
    limit: int | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    keep: bool,
    as_json: bool,
) -> None:
    """Run PIPELINE: sources to clean shards, with a manifest that accounts for every document.

    Type the same command again after any interruption: finished tasks are kept. Exit codes: 0 done, 1 failed or an
    input was damaged, 2 bad usage or YAML.

    \b
    Examples:
      dataprep run pipelines/web.yaml
      dataprep run pipelines/web.yaml --input crawl/ --output out/crawl --workers 8
      dataprep run pipelines/web.yaml --set gopher_quality.min_words=80
    """
    from dataprep import plan as planning
    from dataprep.cli.plan import show
    from dataprep.pipeline import load

    pipe = load(pipeline, overrides=overrides, inputs=inputs, output=output)
    made = planning.make(pipe, limit=limit)
    if dry_run:
        show(made, as_json=as_json)
        return
    carry_out(made, workers=workers, keep=keep, as_json=as_json)


def carry_out(made: Plan, *, workers: int | None, keep: bool, as_json: bool) -> None:
    """Do what is left of a plan, print what was made, and exit 1 if an input was damaged."""
    from dataprep import plan as planning
    from dataprep.cli.progress import Progress
    from dataprep.executors import local
    from dataprep.retention import accounts, warnings

    for line in planning.warnings(made):
        click.echo(f"warning: {line}", err=True)
    progress = Progress(len(made.steps))
    try:
        manifest = local.run(made, workers=workers or os.cpu_count() or 1, keep=keep, watcher=progress)
    finally:
        progress.close()
    click.echo(json.dumps(manifest, ensure_ascii=False, indent=1) if as_json else accounts(manifest))
    for line in warnings(manifest):
        click.echo(f"warning: {line}", err=True)
    damaged = manifest["stages"][0]["damaged"]
    if damaged:
        for line in damaged:
            click.echo(f"error: {line}", err=True)
        sys.exit(1)
