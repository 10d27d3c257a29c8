"""`dataprep what-if`: what other thresholds would keep, before anything is run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dataprep.judged_rows import Int64s, Rows
    from dataprep.lookup import Run
    from dataprep.moved import Moved
    from dataprep.what_if import Outcome

SHOWN = 12
"""Languages or sources of a table on a terminal; `--json` has all."""


@click.command("what-if")
@click.argument("folder", metavar="OUT")
@click.argument("settings", metavar="STAGE.KEY=VALUE[,VALUE...]...", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(0), default=3, show_default=True, help="Documents shown of each move.")
@click.option("--tokens", metavar="FOLDER", help="Tokens made from this run, to count them too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything for every value.")
def what_if(folder: str, settings: tuple[str, ...], limit: int, tokens: str | None, as_json: bool) -> None:
    """Show what the run in OUT would have kept with other thresholds, without running anything.

    Reads the stored scores, so it answers settings that bound a score, in every language or in one
    (`gopher_quality.zh.min_words=80`). Several values of a setting are compared; several settings change together.
    Documents that a stage never saw, because they were dropped before it, are `unknown until rerun`, and so are
    duplicates whose kept copy goes. With one value for each setting it shows documents that change sides.

    \b
    Examples:
      dataprep what-if out/web gopher_quality.min_words=100
      dataprep what-if out/web gopher_quality.min_words=50,100,200
      dataprep what-if out/web gopher_quality.zh.min_words=80 fineweb_quality.max_short_line_ratio=0.8
    """
    from dataprep import judged_rows, lookup, moved, other_settings, token_counts
    from dataprep.what_if import outcome

    chosen = other_settings.asked(settings)
    run = lookup.open_run(folder)
    pipes = [other_settings.changed(run, one) for one in chosen]
    rows = judged_rows.read(run, pipes)
    counts = token_counts.tokens(run, rows, tokens)
    outcomes = [outcome(run, rows, one, pipe) for one, pipe in zip(chosen, pipes, strict=True)]
    now = outcome(run, rows, {target: other_settings.current(run, target) for target in chosen[0]}, run.pipeline)
    shown = moved.moved(run, outcomes[0], limit) if len(outcomes) == 1 else []
    if as_json:
        told = [_json(rows, one, counts) for one in (now, *outcomes)]
        value: dict[str, Any] = {"run": run.root, "documents": len(rows.places), "now": told[0], "outcomes": told[1:]}
        click.echo(json.dumps(value | {"moved": [one._asdict() for one in shown]}, ensure_ascii=False, indent=1))
        return
    click.echo(_page(run, rows, now, outcomes, counts))
    if shown:
        click.echo("\n" + "\n".join(_documents(shown)))


def _json(rows: Rows, one: Outcome, counts: Int64s | None) -> dict[str, Any]:
    from dataprep import moved
    from dataprep.what_if import DROPPED, KEPT, UNKNOWN, groups, total, unknown_because

    fates = {"kept": KEPT, "dropped": DROPPED, "unknown": UNKNOWN}
    found: dict[str, Any] = {"settings": one.settings}
    found |= {name: total(rows, one.fate == fate, counts)._asdict() for name, fate in fates.items()}
    for by, column in (("by_language", rows.languages), ("by_source", rows.sources)):
        found[by] = {
            group: {name: total(rows, mine & (one.fate == fate), counts)._asdict() for name, fate in fates.items()}
            for group, mine in groups(column).items()
        }
    moves = moved.counts(one)
    return found | {
        "moves": {f"{old} -> {new}": n for (old, new), n in moves.items()},
        "unknown_from": unknown_because(one),
        "compared_with_new": one.compared,
    }


def _page(run: Run, rows: Rows, now: Outcome, outcomes: Sequence[Outcome], counts: Int64s | None) -> str:
    from dataprep.retention import ruled
    from dataprep.what_if import KEPT, UNKNOWN, groups, total

    lines = [f"{run.manifest['pipeline']['name']}: {len(rows.places):,} documents judged; nothing is rewritten", ""]
    targets = list(now.settings)
    head = (*targets, "kept", "of all", "MB", *(["tokens"] if counts is not None else []), "dropped")
    table = [(*head, "unknown until rerun")]
    for n, one in enumerate((now, *outcomes)):
        kept, unknown = one.fate == KEPT, int((one.fate == UNKNOWN).sum())
        sums = total(rows, kept, counts)
        amounts = [
            f"{sums.documents:,}",
            f"{sums.documents / max(1, len(rows.places)):.1%}",
            f"{sums.bytes / 1e6:,.2f}",
        ]
        if counts is not None:
            amounts.append(f"{sums.tokens:,}" + ("+" if sums.uncounted else ""))
        values = [_value(one.settings[target]) + (" (now)" if not n else "") for target in targets]
        dropped = len(rows.places) - sums.documents - unknown
        table.append((*values, *amounts, f"{dropped:,}", f"{unknown:,}"))
    lines.append(ruled(table, right=tuple(range(len(targets), len(table[0])))))
    for by, column in (("language", rows.languages), ("source", rows.sources)):
        held = {name: mine for name, mine in groups(column).items() if ((now.fate == KEPT) & mine).any()
                or any(((one.fate != 0) & mine).any() for one in outcomes)}  # fmt: skip
        names = list(held)[:SHOWN]
        labels = ["now", *(", ".join(_value(v) for v in one.settings.values()) for one in outcomes)]
        grid = [(by, *labels)]
        grid += [(name, *(_cell(rows, one, held[name]) for one in (now, *outcomes))) for name in names]
        lines += ["", ruled(grid, right=tuple(range(1, len(grid[0]))))]
        if len(held) > len(names):
            lines.append(f"and {len(held) - len(names)} more; --json shows all")
    notes = [*_untouched(run, rows, targets)]
    notes += [note for one in outcomes for note in _notes(one, named=len(outcomes) > 1)]
    if any((one.fate == UNKNOWN).any() for one in outcomes):
        notes.append("+N? are the documents unknown until rerun")
    if counts is not None and any(total(rows, one.fate == KEPT, counts).uncounted for one in outcomes):
        notes.append("tokens+: those of newly kept documents are not known")
    return "\n".join([*lines, *([""] if notes else []), *notes])


def _untouched(run: Run, rows: Rows, targets: Sequence[str]) -> Iterator[str]:
    """Plain bounds do not reach languages that have their own."""
    from dataprep.scored import Scored
    from dataprep.what_if import groups

    stages = {entry.label: entry.stage for entry in run.pipeline.entries}
    for target in targets:
        label, _, key = target.partition(".")
        stage = stages.get(label)
        if isinstance(stage, Scored):
            bounds = stage.bounds()
            codes = [code for code in groups(rows.languages) if key in bounds.get(code, {})]
            if codes:
                named = ", ".join(f"{label}.{code}.{key}" for code in codes)
                yield f"{', '.join(codes)}: has a bound of its own, which {target} leaves as it is: {named}"


def _cell(rows: Rows, one: Outcome, mine: Any) -> str:
    """Documents and MB kept, and documents unknown."""
    from dataprep.what_if import KEPT, UNKNOWN

    kept = mine & (one.fate == KEPT)
    unknown = int((mine & (one.fate == UNKNOWN)).sum())
    shown = f"{int(kept.sum()):,} ({rows.bytes[kept].sum() / 1e6:,.2f} MB)"
    return shown + (f" +{unknown:,}?" if unknown else "")


def _notes(one: Outcome, *, named: bool) -> Iterator[str]:
    from dataprep.what_if import unknown_because

    at = f"{', '.join(_value(value) for value in one.settings.values())}: " if named else ""
    for entry, n in unknown_because(one).items():
        documents = f"{n:,} document{'s' if n != 1 else ''}"
        yield f"{at}{documents} would have to be judged by {entry} again, or for the first time, and by what follows it"
    for entry, n in one.compared.items():
        yield f"{at}{entry} would compare {n:,} of the kept documents with new ones, and some may give way to those"


def _documents(shown: list[Moved]) -> Iterator[str]:
    from dataprep.retention import printable

    before = None
    for one in shown:
        if (one.old, one.new) != before:
            yield f"{one.old} -> {one.new}"
            before = (one.old, one.new)
        about = [one.id, *([one.url] if one.url else []), one.language, one.source]
        yield f"  {'  '.join(printable(part) for part in about)}"
        if one.score is not None:
            bounds = f"bound {_value(one.old_bound)} -> {_value(one.new_bound)}"
            yield f"      {one.score} {_value(one.value)}, {bounds}: {one.stage}: {one.reason}"
        else:
            yield f"      {one.stage}"
        if one.excerpt:
            yield f"      {printable(one.excerpt)}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1 else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else str(value)
