"""`dataprep report`: what training runs did, as a picture, a page and a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--output", metavar="FOLDER", help="Write here; default: the folder of the first RUN.")
@click.option("--json", "as_json", is_flag=True, help="Print the final numbers as JSON instead of a table.")
def report(runs: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Draw what the training runs in the folders RUN did, one or several compared, finished or still going on.

    Writes report.png (loss, loss by source, gradient norm, learning rate, throughput, MFU; spikes and what they undid
    are marked) and report.html, one file that also has final numbers, tokens and epochs of each source, spikes and
    settings. Both are for people: nothing reads them.

    \b
    Examples:
      dataprep report out/tiny
      dataprep report out/tiny out/tiny-muon --output out/compared
    """
    from dataprep.report.curves import picture
    from dataprep.report.page import page
    from dataprep.report.training import summary, tell
    from dataprep.store import Store

    told = tell(runs)
    facts = [summary(one) for one in told]
    image = picture(told)
    folder = Path(output or told[0].run.root)
    store = Store(str(folder))
    store.publish_bytes("report.png", image)
    store.publish_bytes("report.html", page(told, image).encode())
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    click.echo(_table(facts))
    click.echo(f"\n{folder / 'report.png'}\n{folder / 'report.html'}")


def _table(facts: list[dict[str, Any]]) -> str:
    from dataprep.report.training import short, shown
    from dataprep.retention import printable, ruled

    rows = [("run", "parameters", "steps", "tokens", "loss", "validation", "tokens/s", "MFU", "spikes")]
    for one in facts:
        done = f"{one['step'] + 1:,}" + (f"/{one['steps']:,}" if one["steps"] else "")
        numbers = (shown(one["loss"], ".4f"), shown(one["validation_loss"], ".4f"))
        rates = (shown(one["tokens_per_second"], ",.0f"), shown(one["mfu"], ".1%"), str(one["spikes"]))
        rows.append((printable(one["name"]), short(one["parameters"]), done, short(one["tokens"]), *numbers, *rates))
    blocks = [ruled(rows, right=tuple(range(1, 9)))]
    for one in facts:
        held = [("source", "tokens", "epochs", "loss", "validation", "perplexity", "bits per byte")]
        for source in one["sources"]:
            out = one["validation"].get(source["name"], {})
            epochs, loss = shown(source["epochs"], ".2f"), shown(source["loss"], ".4f")
            of = (shown(out.get("loss"), ".4f"), shown(out.get("perplexity"), ",.1f"))
            bits = shown(out.get("bits_per_byte"), ".3f")
            held.append((printable(source["name"]), f"{source['tokens']:,}", epochs, loss, *of, bits))
        title = f"{printable(one['name'])}:\n" if len(facts) > 1 else ""
        blocks.append(title + ruled(held, right=tuple(range(1, 7))))
    return "\n\n".join(blocks)
