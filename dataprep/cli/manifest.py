"""`dataprep manifest`: what a run made, whether it is still whole, and what differs between two."""

from __future__ import annotations

import json
import sys

import click

_SHOWN = 12
"""Lines of a section of `diff` on a terminal."""


@click.group()
def manifest() -> None:
    """What a run made: show it, verify it, compare two. OUT is a run's folder or its manifest.json.

    \b
    Example:
      dataprep manifest verify out/web
    """


@manifest.command()
@click.argument("folder", metavar="[OUT]", required=False)
@click.option("--by", type=click.Choice(["language", "source"]), help="Show what share each stage kept of each.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest itself; with --by, only that part of it.")
def show(folder: str | None, by: str | None, as_json: bool) -> None:
    """Show what became of every document in the run in OUT, what stages counted and built, shards and languages.

    OUT is by default the only run here or in ./out. --by shows the share that every stage kept of each language or
    source, and marks stages that keep one of them at less than four fifths of the rate of all others.

    \b
    Examples:
      dataprep manifest show out/web
      dataprep manifest show out/web --by language
    """
    from dataprep import lookup
    from dataprep import manifest as manifests
    from dataprep.errors import InputError
    from dataprep.retention import accounts, aligned, keep_rates, suspicions, trained

    root = lookup.folder(folder)
    made = manifests.read(root)
    if by is not None:
        if any(f"by_{by}" not in stage for stage in made.get("stages", [{}, {}])[1:]):
            raise InputError(f"{root}: its manifest has no counts by {by}: it is no run's, or an earlier version's")
        if as_json:
            counts = {stage["name"]: stage[f"by_{by}"] for stage in made["stages"][1:]}
            marked = [found._asdict() for found in suspicions(made, by)]
            click.echo(json.dumps({"stages": counts, "suspicions": marked}, ensure_ascii=False, indent=1))
        else:
            click.echo(keep_rates(made, by))
        return
    if as_json:
        click.echo(json.dumps(made, ensure_ascii=False, indent=1))
        return
    if "model" in made:
        click.echo(trained(made, root))
        return
    size = sum(f["bytes"] for f in made["inputs"])
    inputs = f"{len(made['inputs'])} input{'s' if len(made['inputs']) != 1 else ''}"
    click.echo(f"{made['pipeline']['name']}: {inputs}, {size / 1e6:,.2f} MB -> {root}")
    click.echo(f"fingerprint {made['fingerprint']}\n")
    click.echo(accounts(made))
    rows: list[tuple[str, ...]] = [
        ("shard", "rows", "MB"),
        *((s["path"], f"{s['rows']:,}", f"{s['bytes'] / 1e6:,.2f}") for s in made["shards"]),
    ]
    click.echo("\n" + aligned(rows, right=(1, 2)))
    rows = [("language", "documents", "MB of text")]
    languages = sorted(made.get("languages", {}).items(), key=lambda item: (-item[1]["documents"], item[0]))
    rows += [(code, f"{n['documents']:,}", f"{n['bytes'] / 1e6:,.2f}") for code, n in languages]
    click.echo("\n" + aligned(rows, right=(1, 2)))


@manifest.command()
@click.argument("folder", metavar="[OUT]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the problems as a JSON list.")
def verify(folder: str | None, as_json: bool) -> None:
    """Compare every file that the manifest in OUT lists with its size and sha256, and look for unlisted shards.

    Reads every byte. Prints one line a problem; exit code 0 if there is none, 1 if there are.

    \b
    Example:
      dataprep manifest verify out/web
    """
    from dataprep import lookup
    from dataprep import manifest as manifests

    root = lookup.folder(folder)
    problems = manifests.verify(root)
    made = manifests.read(root)
    files = manifests.files(made)
    if as_json:
        click.echo(json.dumps(problems, ensure_ascii=False, indent=1))
    else:
        for problem in problems:
            click.echo(f"{root}/{problem}")
    if problems:
        what = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        command = {manifests.DOCUMENTS: "run", "training": "pretrain", "model": "import"}.get(made["kind"], "tokenize")
        click.echo(f"error: {root}: {what}; `dataprep {command}` makes again what is missing or damaged", err=True)
        sys.exit(1)
    if not as_json:
        click.echo(f"{root}: {len(files)} files, {sum(f['bytes'] for f in files) / 1e6:,.2f} MB, all as listed")


@manifest.command()
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: section -> list of differences.")
def diff(old: str, new: str, as_json: bool) -> None:
    """Show what differs between two runs: settings, inputs, versions, counts, files.

    Exit codes are those of diff(1): 0 equal, 1 different, 2 trouble, such as a missing manifest.

    \b
    Example:
      dataprep manifest diff out/web out/web-strict
    """
    from dataprep import lookup
    from dataprep import manifest as manifests
    from dataprep.comparison import compare
    from dataprep.errors import InputError, UsageError

    try:
        before, after = (manifests.read(lookup.folder(given)) for given in (old, new))
    except InputError as error:  # 1 would say that they differ
        raise UsageError(str(error)) from None
    if before["kind"] != after["kind"]:
        raise UsageError(f"{old} holds {before['kind']}, {new} holds {after['kind']}; compare two of a kind")
    found = compare(before, after)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for name, lines in found.items():
            click.echo(f"{name}:")
            for line in lines[:_SHOWN]:
                click.echo(f"  {line}")
            if len(lines) > _SHOWN:
                click.echo(f"  and {len(lines) - _SHOWN} more; --json shows all")
        if not found:
            click.echo("equal")
    if found:
        sys.exit(1)
