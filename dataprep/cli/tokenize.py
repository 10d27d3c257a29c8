"""`dataprep tokenize`: the documents of a finished run as token shards."""

from __future__ import annotations

import os
import posixpath

import click


@click.command()
@click.argument("folder", metavar="OUT")
@click.option(
    "--tokenizer",
    default="out/tokenizer",
    show_default=True,
    metavar="PATH",
    help="Tokenizer file, or the folder train-tokenizer wrote.",
)
@click.option("--output", metavar="FOLDER", help="Write here; default: OUT-tokens.")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; default: one per core.")
@click.option("--limit", type=click.IntRange(1), help="Take only the first N documents.")
@click.option("--set", "overrides", multiple=True, metavar="tokenize.KEY=VALUE", help="Change one setting.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--keep", is_flag=True, help="Keep intermediate files, so that a later change reruns less.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest instead of the table.")
def tokenize(
    folder: str,
    tokenizer: str,
    output: str | None,
    workers: int | None,
    limit: int | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    keep: bool,
    as_json: bool,
) -> None:
    """Encode the documents of the finished run in OUT and write token shards that any trainer reads.

    `dataprep stages tokenize` says what the shards are and lists the settings. Documents stay where they are: the
    manifest written names the run as its parent. Type the same command again after any interruption. Exit codes: 0
    done, 1 failed, 2 bad usage.

    \b
    Examples:
      dataprep tokenize out/web
      dataprep tokenize out/web --tokenizer llama.model --set tokenize.prepend_bos=true --output out/web-llama
    """
    from dataprep import lookup, parents, pipeline
    from dataprep import manifest as manifests
    from dataprep import plan as planning
    from dataprep.cli.plan import show
    from dataprep.cli.run import carry_out

    root = lookup.folder(folder)
    made = manifests.read(root)
    settings = {
        "name": made["pipeline"]["name"],
        "kind": "tokens",
        "source": {"parquet": {"paths": parents.shards(root, made)}},
        "output": output or f"{_named(root)}-tokens",
        "stages": [{"tokenize": {"tokenizer": tokenizer}}],
    }
    plan = planning.make(pipeline.parse(settings, "tokenize", overrides=overrides), limit=limit)
    parents.confirm(plan, root, made)
    if dry_run:
        show(plan, as_json=as_json)
        return
    carry_out(plan, workers=workers, keep=keep, as_json=as_json)


def _named(root: str) -> str:
    """The folder with a last name: `.` has none."""
    return os.path.abspath(root) if posixpath.basename(root) in ("", ".", "..") else root
