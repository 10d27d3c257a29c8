"""`dataprep sample-web`: make a WARC file of real pages on any machine."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("sample-web")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.warc.gz")
@click.option("--docs", is_flag=True, help="Fetch documentation and language samples with pip too (24 MB, once).")
@click.option(
    "--from", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Pack its HTML files instead."
)
@click.option("--limit", type=click.IntRange(1), help="Pack only the first N pages.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def sample_web(out: Path, docs: bool, folder: Path | None, limit: int | None, as_json: bool) -> None:
    """Pack real HTML pages into OUT.warc.gz, a genuine web archive; the same pages give the same bytes.

    Pages are what pydoc renders for Python's standard library and the READMEs of installed packages; with --docs also
    the documentation of two Django releases and of Celery, and sample texts in 700 languages.

    \b
    Examples:
      dataprep sample-web data/sample/web.warc.gz --docs
      dataprep sample-web mine.warc.gz --from site/
    """
    import json

    from dataprep.errors import UsageError
    from dataprep.sample_web.sample import pack

    if not out.name.endswith(".warc.gz"):
        raise UsageError(f"{out}: the name must end with .warc.gz")
    if docs and folder is not None:
        raise UsageError("--docs and --from: choose one")
    packed = pack(out, docs=docs, folder=folder, limit=limit)
    if as_json:
        click.echo(json.dumps(packed._asdict()))
        return
    for kind, (pages, size) in packed.kinds.items():
        click.echo(f"{kind:<22} {pages:>6,} pages {size / 1e6:>8,.1f} MB")
    total = sum(size for _, size in packed.kinds.values())
    click.echo(
        f"{'total':<22} {packed.pages:>6,} pages {total / 1e6:>8,.1f} MB -> {out} ({packed.bytes / 1e6:,.1f} MB)"
    )
