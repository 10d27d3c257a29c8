"""`dataprep mix`: what a mix comes to before anything is trained."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


@click.command()
@click.argument("mix", metavar="MIX")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def mix(mix: str, as_json: bool) -> None:
    """Show tokens, shares, epochs and repeats of each source and stage of the mix file MIX, and its steps.

    Warns of a source that is seen more than four times, and says what to change. A source that would run out at its
    max_epochs is an error, as it would be in training. A source without a manifest counts as its `planned_tokens`.

    \b
    Examples:
      dataprep mix pipelines/mix.yaml
      dataprep mix pipelines/mix-llama.yaml --json
    """
    from dataprep.corpus.preview import preview

    found = preview(mix)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        click.echo(_page(found))
    for line in found["warnings"]:
        click.echo(f"warning: {line}", err=True)
    for line in found["problems"]:
        click.echo(f"error: {mix}: {line}", err=True)
    if found["problems"]:
        sys.exit(1)


def _page(found: dict[str, Any]) -> str:
    from dataprep.retention import aligned

    length, batch = found["sequence_length"], found["batch_size"]
    lines = [
        f"{found['name']}: {found['packing']}, {length:,} tokens a sample, {batch:,} samples a step "
        f"({batch * length:,} tokens)",
        "",
    ]
    rows: list[tuple[str, ...]] = [("source", "documents", "tokens", "samples", "padding", "lost", "epochs")]
    for source in found["sources"]:
        documents = "planned" if source["planned"] else f"{source['documents']:,}"
        padding = "" if source["planned"] else f"{source['padding_ratio']:.2%}"
        lost = f"{source['lost_tokens']:,}" if source.get("lost_tokens") else ""
        size, epochs = f"{source['tokens']:,}", f"{source['epochs']:.2f}"
        rows.append((source["name"], documents, size, f"{source['windows']:,}", padding, lost, epochs))
    lines += [aligned(rows, right=(1, 2, 3, 4, 5, 6)), ""]
    rows = [("stage", "source", "share", "tokens", "epochs", "epochs so far")]
    for stage in found["stages"]:
        at = "" if stage["first_step"] is None else f"from step {stage['first_step']:,}"
        rows.append((stage["name"], at, "", f"{stage['tokens']:,}", "", ""))
        for source in stage["sources"]:
            shares = (f"{source['share']:.2%}", f"{source['tokens']:,}", f"{source['epochs']:.2f}")
            rows.append(("", source["name"], *shares, f"{source['epochs_by_its_end']:.2f}"))
    lines += [aligned(rows, right=(2, 3, 4, 5)), ""]
    if found["ramp"]:
        until = found["ramp"]["until_step"]
        end = "until the end" if until is None else f"until step {until:,}"
        lines.append(f"batches grow from {found['ramp']['start']:,} samples {end}")
    total = f"{found['steps']:,} steps, {found['samples']:,} samples, {found['tokens']:,} tokens"
    left = found["left_over_samples"]
    lines.append(total + (f"; {left:,} at the end fill no step" if left else ""))
    return "\n".join(lines)
