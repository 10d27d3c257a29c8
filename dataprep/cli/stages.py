"""`dataprep stages`: what there is to put into a pipeline, and all about one of them."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown: of everything, the stage reference.")
def stages(name: str | None, as_json: bool, as_markdown: bool) -> None:
    """List the stages and sources; with NAME, its settings, reasons, columns and examples.

    \b
    Examples:
      dataprep stages
      dataprep stages gopher_quality
      dataprep stages warc
    """
    from dataprep import reference

    found = [reference.entry(name)] if name else reference.entries()
    if as_json:
        shown = [_json(e) for e in found]
        click.echo(json.dumps(shown[0] if name else shown, ensure_ascii=False, indent=1))
    elif as_markdown:
        click.echo(reference.markdown(found), nl=False)
    else:
        click.echo(reference.page(found[0]) if name else reference.listing(found))


def _json(e: object) -> object:
    """Named tuples as objects."""
    if isinstance(e, tuple) and hasattr(e, "_asdict"):
        return {key: _json(value) for key, value in e._asdict().items()}
    return [_json(inner) for inner in e] if isinstance(e, list) else e
