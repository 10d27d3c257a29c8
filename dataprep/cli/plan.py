"""`dataprep plan`: what a run would do, step by step, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dataprep.plan import Plan


@click.command()
@click.argument("pipeline", type=click.Path())
@click.option("--input", "inputs", multiple=True, metavar="PATH", help="Read this instead of the source's paths.")
@click.option("--output", metavar="FOLDER", help="Write here instead of the pipeline's output.")
@click.option("--limit", type=click.IntRange(1), help="Take only the first N documents.")
@click.option("--set", "overrides", multiple=True, metavar="STAGE.KEY=VALUE", help="Change one setting.")
@click.option("--write", is_flag=True, help="Also write the tasks that are left, for `dataprep task`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(
    pipeline: str,
    inputs: tuple[str, ...],
    output: str | None,
    limit: int | None,
    overrides: tuple[str, ...],
    write: bool,
    as_json: bool,
) -> None:
    """Show the steps of PIPELINE: cached, to run, or stale and why. Writes nothing but the inputs' checksums.

    With --write, what is left to do can be done by hand or on other machines with `dataprep task`, step after step:
    the tasks behind a barrier are known, and can be written, once those before it are done.

    \b
    Example:
      dataprep plan pipelines/web.yaml --set gopher_quality.min_words=80
    """
    from dataprep import plan as planning
    from dataprep.pipeline import load

    made = planning.make(load(pipeline, overrides=overrides, inputs=inputs, output=output), limit=limit)
    show(made, as_json=as_json)
    if write:
        _write(made)


def _write(made: Plan) -> None:
    """The plan and the tasks left, in the output's folder."""
    from dataprep import plan as planning
    from dataprep.commit import refuse_foreign
    from dataprep.lease import lease
    from dataprep.resume import Progress, write_step
    from dataprep.store import Store

    store = Store(made.pipeline.output)
    with lease(store):
        refuse_foreign(store, made.pipeline.kind)
        store.publish_json(planning.PLAN, planning.to_json(made))
        progress = Progress(made, store, verify=True)
        for step in made.steps:
            write_step(store, step, progress.left(step))


def show(made: Plan, *, as_json: bool) -> None:
    """Print the state of every step."""
    from dataprep.plan import notes, warnings
    from dataprep.staleness import states
    from dataprep.store import Store

    found = states(made, Store(made.pipeline.output))
    if as_json:
        click.echo(json.dumps([state._asdict() for state in found], ensure_ascii=False, indent=1))
        return
    size = sum(f.bytes for f in made.inputs)
    inputs = f"{len(made.inputs)} input{'s' if len(made.inputs) != 1 else ''}"
    click.echo(f"{made.pipeline.name}: {inputs}, {size / 1e6:,.1f} MB -> {made.pipeline.output}")
    for line in warnings(made):
        click.echo(f"warning: {line}", err=True)
    for line in notes(made):
        click.echo(f"note: {line}")
    for state in found:
        click.echo(f"  {state.step:<10} {', '.join(state.stages)}")
        click.echo(f"  {'':<10} {state.state}")
