"""`dataprep task`: one task of one step, as every worker runs it."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("folder", type=click.Path())
@click.argument("step", type=click.IntRange(1))
@click.argument("n", type=click.IntRange(0))
def task(folder: str, step: int, n: int) -> None:
    """Run task N of step STEP (from 1, as `dataprep plan` numbers them) of the run in FOLDER.

    `dataprep plan --write` lists the tasks, numbered from 0; the steps before STEP must be done. Doing a task twice
    gives the same files. When all are done, `dataprep run` commits them. Prints the names of the records written as
    JSON.

    \b
    Example:
      dataprep task out/web 1 0
    """
    from dataprep import plan as planning
    from dataprep.commit import QUARANTINED
    from dataprep.errors import UsageError
    from dataprep.resume import read_step
    from dataprep.store import Store
    from dataprep.text.warmup import prepare
    from dataprep.worker import run_task

    store = Store(folder)
    saved = planning.saved(store)
    if saved is None:
        unfit = "its plan is damaged or of another version of dataprep; `dataprep plan --write` makes it again"
        missing = "no run was planned here; `dataprep plan --write` does"
        raise UsageError(f"{folder}: {unfit if store.exists(planning.PLAN) else missing}")
    # The plan names the output as it was typed, perhaps relative to another folder than this one.
    made = planning.from_json(saved | {"pipeline": saved["pipeline"] | {"output": folder}})
    if step > len(made.steps):
        raise UsageError(f"step {step}: the plan has {len(made.steps)} steps")
    tasks = read_step(store, made.steps[step - 1])
    if tasks is None or n >= len(tasks):
        raise UsageError(f"step {step} task {n}: there is no such task; the step has {len(tasks or ())}")
    prepare(lambda line: click.echo(line, err=True), [__name__, *made.modules])
    work, outputs = tasks[n]
    quarantined = (store.read_json(QUARANTINED) or {}).get(work["fingerprint"], {})
    quarantine = {int(place): reason for place, reason in quarantined.items()}
    click.echo(json.dumps(run_task(made, work, tuple(outputs), lambda *_: None, quarantine)))
