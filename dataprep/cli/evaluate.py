"""`dataprep evaluate`: how well a run predicts text, and what it scores in tasks."""

from __future__ import annotations

import json
from typing import Any, Literal

import click


@click.command()
@click.argument("run", metavar="RUN")
@click.option(
    "--manifest", "folders", multiple=True, metavar="TOKENS_FOLDER", help="Token corpora; default: the mix's."
)
@click.option("--split", type=click.Choice(["validation", "train"]), default="validation", show_default=True,
              help="Which of their documents.")  # fmt: skip
@click.option("--tasks", metavar="FOLDER", help="Tasks of lm-eval in YAML, in place of corpora.")
@click.option("--task", "names", multiple=True, metavar="NAME", help="One of them; default: all.")
@click.option("--step", type=click.IntRange(0), help="The checkpoint after so many steps; default: the newest.")
@click.option("--max-rows", type=click.IntRange(1), help="Most rows of each source, or documents of each task.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda where there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(
    run: str,
    folders: tuple[str, ...],
    split: Literal["validation", "train"],
    tasks: str | None,
    names: tuple[str, ...],
    step: int | None,
    max_rows: int | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Show the loss, perplexity and bits per byte of the run RUN, source by source, or its scores in tasks.

    Documents are those of the run's mix that were never trained on, or those of other token corpora, made with the same
    tokenizer. Bits per byte compare models of different tokenizers.

    \b
    Examples:
      dataprep evaluate out/run
      dataprep evaluate out/run --manifest out/books-tokens --split train --max-rows 500
      dataprep evaluate out/run --tasks my-tasks --task reading
    """
    from dataprep.errors import UsageError
    from dataprep.training import need_torch
    from dataprep.training.run import open_run

    need_torch()
    if names and tasks is None:
        raise UsageError("--task: name the folder that holds it with --tasks FOLDER")
    if folders and tasks is not None:
        raise UsageError("--tasks: documents of --manifest are not for tasks; give one of the two")
    opened = open_run(run)
    if tasks is not None:
        from dataprep.training.harness import need_lm_eval

        need_lm_eval()
        from dataprep.training.evaluate import run_tasks_of

        found = run_tasks_of(opened, tasks, names, step=step, limit=max_rows, device=device)
        click.echo(json.dumps(found, indent=1, default=str) if as_json else _scores(found))
        return
    from dataprep.training.evaluate import evaluate_run

    losses = evaluate_run(opened, folders, split, step=step, max_rows=max_rows, device=device)
    click.echo(json.dumps(losses, indent=1) if as_json else _losses(losses))


def _losses(found: dict[str, dict[str, float]]) -> str:
    from dataprep.retention import aligned

    rows = [("source", "loss", "perplexity", "bits per byte", "tokens", "bytes")]
    rows += [
        (
            name,
            f"{one['loss']:.4f}",
            f"{one['perplexity']:,.2f}",
            f"{one['bits_per_byte']:.4f}",
            f"{one['tokens']:,}",
            f"{one['bytes']:,}",
        )
        for name, one in found.items()
    ]
    return aligned(rows, right=(1, 2, 3, 4, 5))


def _scores(found: dict[str, dict[str, Any]]) -> str:
    from dataprep.retention import aligned

    rows = [("task", "metric", "value", "±")]
    for task, metrics in found.items():
        for name, value in metrics.items():
            metric, _, how = name.partition(",")
            if not isinstance(value, float) or metric.endswith("_stderr"):
                continue
            error = metrics.get(f"{metric}_stderr,{how}")
            shown = metric if how in ("", "none") else f"{metric} ({how})"
            rows.append((task, shown, f"{value:.4f}", f"{error:.4f}" if isinstance(error, float) else ""))
    return aligned(rows, right=(2, 3))
