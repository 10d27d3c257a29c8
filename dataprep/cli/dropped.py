"""`dataprep dropped`: what was dropped, with examples to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click


@click.command()
@click.argument("folder", metavar="[OUT]", required=False)
@click.option("--stage", metavar="STAGE", help="Only what this stage dropped.")
@click.option("--reason", metavar="REASON", help="Only what was dropped for this reason.")
@click.option("--language", metavar="CODE", help="Only documents in this language.")
@click.option("--limit", type=click.IntRange(0), default=3, show_default=True, help="Examples of each reason.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def dropped(
    folder: str | None, stage: str | None, reason: str | None, language: str | None, limit: int, as_json: bool
) -> None:
    """Show examples of what the run in OUT dropped, by stage and reason.

    OUT is by default the only run here or in ./out. A run keeps ten samples of each reason, always the same ones,
    with addresses and long numbers masked. Records skipped at the source are counted; they are no documents and have
    no samples.

    \b
    Examples:
      dataprep dropped out/web
      dataprep dropped out/web --reason too_few_words --limit 10
    """
    from dataprep import lookup

    run = lookup.open_run(folder)
    groups = list(_groups(run.manifest, stage, reason, language))
    held = [s for s in lookup.samples(run) if language in (None, s.language)]
    for group in groups:
        found = [s for s in held if (s.stage, s.reason) == (group["stage"], group["reason"])][:limit]
        group["samples"] = [{"id": s.id, "url": s.url, "language": s.language, "excerpt": s.excerpt} for s in found]
    if as_json:
        click.echo(json.dumps(groups, ensure_ascii=False, indent=1))
        return
    if not groups:
        click.echo("nothing was dropped")
    for n, group in enumerate(groups):
        click.echo(("\n" if n else "") + "\n".join(_lines(group, limit)))


def _groups(
    made: dict[str, Any], stage: str | None, reason: str | None, language: str | None
) -> Iterator[dict[str, Any]]:
    """Each stage and reason that is asked for, in order of the pipeline, most frequent reasons first."""
    from dataprep.errors import UsageError, did_you_mean

    entries = made["stages"]
    if stage is not None and stage not in (names := [e["name"] for e in entries]):
        raise UsageError(f"no stage '{stage}' in this run{did_you_mean(stage, names)}")
    entries = [e for e in entries if stage in (None, e["name"])]
    if reason is not None and reason not in (known := {r for e in entries for r in e["dropped"]}):
        raise UsageError(f"nothing was dropped for '{reason}'{did_you_mean(reason, known)}")
    if language is not None:
        codes = {code for e in made["stages"] for code in e.get("dropped_by_language", {})} | set(made["languages"])
        if language not in codes:
            raise UsageError(f"no documents in '{language}' in this run{did_you_mean(language, codes)}")
    for n, e in enumerate(entries):
        counts = e["dropped"] if language is None else e.get("dropped_by_language", {}).get(language, {})
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            if reason in (None, name):
                at_source = n == 0 and e is made["stages"][0]
                yield {"stage": e["name"], "reason": name, "documents": count, "at_source": at_source}


def _lines(group: dict[str, Any], limit: int) -> Iterator[str]:
    from dataprep.retention import printable

    n = group["documents"]
    what = "record" if group["at_source"] else "document"
    yield f"{group['stage']}.{group['reason']}: {n:,} {what}{'s' if n != 1 else ''}"
    for sample in group["samples"]:
        about = [sample["id"], *([sample["url"]] if sample["url"] else []), sample["language"]]
        yield f"  {'  '.join(printable(part) for part in about)}"
        yield f"      {printable(sample['excerpt'])}"
    if limit and not group["samples"] and not group["at_source"]:
        yield "  (none of the samples kept is in this language)"
