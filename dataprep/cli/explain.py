"""`dataprep explain`: every score and verdict of one document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dataprep.clusters import Cluster, Member
    from dataprep.lookup import Found, Score

OTHERS = 10
"""Other members of a cluster shown on a terminal."""


@click.command()
@click.argument("document", metavar="ID")
@click.option("--run", "folder", metavar="OUT", help="Folder of the run; default: the only one here or in ./out.")
@click.option("--pipeline", metavar="YAML", help="The same, by the pipeline that wrote it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list, one item a document.")
def explain(document: str, folder: str | None, pipeline: str | None, as_json: bool) -> None:
    """Show every score and verdict of document ID, kept or dropped, and where it came from and is now.

    A document that has copies is shown with their cluster: which one was kept, and how similar they are to it.
    Documents that share an id are all shown. Exit code 1 if there is none.

    \b
    Examples:
      dataprep explain web/page.html#0
      dataprep explain 5f3c... --run out/web
    """
    from dataprep import lookup
    from dataprep.errors import UsageError
    from dataprep.pipeline import load

    if folder and pipeline:
        raise UsageError("explain: give --run or --pipeline, not both")
    run = lookup.open_run(load(pipeline).output if pipeline else folder)
    found = lookup.find(run, document)
    if as_json:
        click.echo(json.dumps([_json(f) for f in found], ensure_ascii=False, indent=1))
        return
    click.echo("\n\n".join(_page(f, run.root) for f in found))


def _page(f: Found, root: str) -> str:
    why = f"dropped by {f.stage}: {f.reason}" if f.stage is not None else "kept"
    lines = [f"{f.id}: {why}", f"  from   {f.input}, offset {f.offset}"]
    if f.url is not None:
        lines.append(f"  url    {f.url}")
    if f.copy_of is not None:
        lines.append(f"  copy   of {f.copy_of.id}, which is in {f.copy_of.input}, offset {f.copy_of.offset}")
        if f.copy_of.url is not None:
            lines.append(f"         {f.copy_of.url}")
    if f.shard is not None:
        lines.append(f"  now    {root}/{f.shard}, row {f.row}")
    for cluster in f.clusters:
        lines += _cluster(cluster)
    rows = [("stage", "score", "value", "kept if", "verdict")]
    for judged in f.stages:
        verdict = judged.verdict + (f": {judged.reason}" if judged.reason else "")
        rows.append((judged.stage, "", "", "", verdict))
        named = ""
        for score in judged.scores:
            shown = ("", "") if score.name == named else (score.name, _number(score.value))
            named = score.name
            rows.append(("", *shown, _bound(score), f"missed: {score.reason}" if score.missed else ""))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    right = 2
    for n, row in enumerate(rows):
        cells = [c.rjust(w) if i == right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
        if n == 0:
            lines.insert(-1, "")
            lines.append("-" * (sum(widths) + 8))
    return "\n".join(lines)


def _cluster(cluster: Cluster) -> list[str]:
    """Its size, the kept copy, how similar this document is to that one, and a few of the others."""
    mine = cluster.this is cluster.kept
    kept = "this one" if mine else f"{cluster.kept.id} (source {cluster.kept.source})"
    lines = [f"  copies {cluster.size:,} documents in one cluster of {cluster.stage}; kept: {kept}"]
    if not mine:
        lines.append(f"         this one: {_similarity(cluster.this)}")
    lines += [f"         {m.id} (source {m.source}): {_similarity(m)}" for m in cluster.others[:OTHERS]]
    more = cluster.size - (1 if mine else 2) - len(cluster.others[:OTHERS])
    if more:
        lines.append(f"         and {more:,} more")
    return lines


def _similarity(member: Member) -> str:
    """To the kept copy, in words."""
    if member.similarity is None and member.jaccard is None:
        return "similarity unknown"
    said = [] if member.similarity is None else [f"similarity {member.similarity:.4g}"]
    return ", ".join(said + ([] if member.jaccard is None else [f"exactly {member.jaccard:.4g}"]))


def _bound(score: Score) -> str:
    equal = "" if score.exclusive else "="
    if score.min is not None:
        return f">{equal} {_number(score.min)}"
    return f"<{equal} {_number(score.max)}" if score.max is not None else ""


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1 else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "null" if value is None else str(value)


def _json(f: Found) -> dict[str, object]:
    stages = [{**j._asdict(), "scores": [s._asdict() for s in j.scores]} for j in f.stages]
    clusters = [
        {
            **c._asdict(),
            "kept": c.kept._asdict(),
            "this": c.this._asdict(),
            "others": [member._asdict() for member in c.others],
        }
        for c in f.clusters
    ]
    return {**f._asdict(), "copy_of": f.copy_of and f.copy_of._asdict(), "clusters": clusters, "stages": stages}
