"""The HTML page of training runs: one file with the picture inside, final numbers, data accounted for, settings."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

from dataprep import __version__
from dataprep.comparison import leaves
from dataprep.report.training import Told, short, shown, summary
from dataprep.training.log import spans

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } h3 { font-size: 1rem; margin-top: 1.6rem }
img { max-width: 100% } p.note { color: #666; margin-top: .3rem }
table { border-collapse: collapse; margin: .5rem 0 } th, td { padding: .2rem .9rem .2rem 0; text-align: left }
th { font-weight: 600; border-bottom: 1px solid #bbb } td { border-bottom: 1px solid #eee }
.n { text-align: right; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } code, pre { font: 13px/1.45 ui-monospace, monospace } details { margin: .5rem 0 }
summary { cursor: pointer }
"""


def page(runs: Sequence[Told], picture: bytes) -> str:
    """A whole HTML document that needs nothing beside it."""
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} training runs"
    image = base64.b64encode(picture).decode()
    parts = [
        f"<h1>{_text(title)}</h1>",
        _overview(runs),
        f'<img alt="Loss, loss by source, gradient norm, learning rate, tokens a second, MFU" '
        f'src="data:image/png;base64,{image}">',
    ]
    for told in runs:
        parts += [f"<h2>{_text(told.name)}</h2>"] if len(runs) > 1 else []
        parts += [_validation(told), _data(told), _spikes(told), _starts(told), _settings(told)]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(part for part in parts if part)
        + f'\n<p class="note">dataprep {_text(__version__)}</p>\n</body></html>\n'
    )


def _overview(runs: Sequence[Told]) -> str:
    rows = []
    for told in runs:
        facts = summary(told)
        config = told.run.config
        shape = f"{config.layers} layers, width {config.width}, {config.heads} heads, vocabulary {config.vocab_size:,}"
        steps = f"{facts['step'] + 1:,}" + (f" of {facts['steps']:,}" if facts["steps"] else "")
        rows.append(
            (
                told.name,
                f"{facts['parameters']:,}",
                shape,
                steps,
                short(facts["tokens"]),
                shown(facts["loss"], ".4f"),
                shown(facts["validation_loss"], ".4f"),
                shown(facts["tokens_per_second"], ",.0f"),
                shown(facts["mfu"], ".1%"),
                shown(facts["wait_ratio"], ".2%"),
                shown(facts["hours"], ".2f"),
                f"{facts['world'] or '?'} x {facts['device'] or '?'}",
            )
        )
    head = (
        "run", "parameters", "shape", "steps done", "tokens", "training loss", "validation loss", "tokens/s", "MFU",
        "waiting for data", "hours", "devices",
    )  # fmt: skip
    note = (
        "Losses are nats a token; the training loss is the mean of the last 100 steps. Tokens/s and MFU are medians. "
        "MFU counts 6 N + 12 L H Q T operations a token (PaLM, appendix B), of a device's published peak or, where "
        "there is none, of what it reached in a matrix product."
    )
    return _table(head, rows, right=(1, 3, 4, 5, 6, 7, 8, 9, 10)) + f'<p class="note">{note}</p>'


def _validation(told: Told) -> str:
    if not told.validations:
        return "<h3>Held-out documents</h3><p>No validation yet, or the corpora have no validation documents.</p>"
    last = told.validations[-1]
    rows = [
        (
            name,
            shown(held["loss"], ".4f"),
            shown(held.get("perplexity"), ",.2f"),
            shown(held.get("bits_per_byte"), ".4f"),
            f"{held['tokens']:,}",
            f"{held['bytes']:,}" if "bytes" in held else "–",
        )
        for name, held in last.sources.items()
    ]
    head = ("source", "loss", "perplexity", "bits per byte", "tokens", "bytes")
    return f"<h3>Held-out documents, after step {last.step:,}</h3>" + _table(head, rows, right=range(1, 6))


def _data(told: Told) -> str:
    facts = summary(told)
    rows = [
        (
            held["name"],
            f"{held['tokens']:,}",
            f"{held['share']:.1%}",
            shown(held["epochs"], ".3f"),
            shown(held["loss"], ".4f"),
            f"{held['undone_tokens']:,}",
            "–" if held["skipped_samples"] is None else f"{held['skipped_samples']:,}",
        )
        for held in facts["sources"]
    ]
    total = sum(held["tokens"] for held in facts["sources"])
    undone = sum(held["undone_tokens"] for held in facts["sources"])
    rows.append(("all", f"{total:,}", "100.0%" if total else "–", "", "", f"{undone:,}", ""))
    head = ("source", "tokens trained on", "share", "epochs", "training loss", "tokens undone", "samples skipped")
    note = "Epochs and skipped samples are those of the newest checkpoint; undone tokens were taken back after a spike."
    return f"<h3>Data</h3>{_table(head, rows, right=range(1, 7))}<p class='note'>{note}</p>"


def _spikes(told: Told) -> str:
    if not told.spikes:
        return "<h3>Spikes</h3><p>None.</p>"
    rows = []
    for spike in told.spikes:
        skipped = spans(spike.get("skipped") or [])
        back = spike.get("back_to")
        to = "–" if back is None else "the beginning" if back < 0 else f"step {back:,}"
        rows.append(
            (
                f"{spike['step']:,}",
                spike["value"],
                shown(spike.get("loss"), ".4f", "not finite"),
                shown(spike.get("grad_norm"), ".4g", "not finite"),
                shown(spike.get("mean"), ".4g"),
                shown(spike.get("sigma"), ".3g"),
                to,
                skipped or "–",
            )
        )
    head = (
        "step",
        "what jumped",
        "loss",
        "gradient norm",
        "mean before",
        "deviation",
        "back to after",
        "samples skipped",
    )
    note = f"Documents: <code>dataprep trace {_text(str(told.run.root))} --spike STEP</code>"
    return f"<h3>Spikes</h3>{_table(head, rows, right=(0, 2, 3, 4, 5))}<p class='note'>{note}</p>"


def _starts(told: Told) -> str:
    rows = [
        (
            f"{start['step']:,}",
            f"{start.get('world', '–')}",
            f"{start.get('strategy', '–')}",
            f"{start.get('device') or '–'}",
            _flops(start.get("peak_flops")),
            _flops(start.get("measured_flops")),
        )
        for start in told.starts
    ]
    head = ("from step", "processes", "strategy", "device", "reference of MFU", "measured in a matrix product")
    changes = [
        (f"{change['step']:,}", change["setting"], json.dumps(change["from"]), json.dumps(change["to"]))
        for change in told.run.manifest.get("changes", [])
    ]
    changed = _table(("from step", "setting", "was", "became"), changes, right=(0,)) if changes else ""
    return f"<h3>Started</h3>{_table(head, rows, right=(0, 1, 4, 5))}{changed}"


def _flops(value: float | None) -> str:
    return "–" if value is None else f"{value / 1e12:,.3g} TFLOP/s"


def _settings(told: Told) -> str:
    rows, model = (_written(told.run.manifest[what]) for what in ("settings", "model"))
    data = [
        (name, held.get("path", ""), held.get("sha256", "")[:16], held.get("tokenizer_sha256", "")[:16])
        for name, held in told.run.manifest.get("data", {}).items()
    ]
    return (
        f"<details><summary>Settings</summary>{_table(('setting', 'value'), rows)}</details>"
        f"<details><summary>Model, every choice</summary>{_table(('choice', 'value'), model)}</details>"
        f"<details><summary>Corpora, by checksum</summary>"
        f"{_table(('source', 'path', 'tokens, sha256', 'tokenizer, sha256'), data)}</details>"
    )


def _written(settings: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value, ensure_ascii=False)) for name, value in leaves(settings).items()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    numeric = set(right)

    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = (' class="n"' if n in numeric else "" for n in range(len(row)))
        return "".join(f"<{tag}{kind}>{_text(cell)}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells("th", head)}</tr>\n{body}</table></div>'


def _text(value: str) -> str:
    return html.escape(value)
