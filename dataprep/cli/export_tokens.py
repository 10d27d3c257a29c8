"""`dataprep export-tokens`: a token corpus in the format of another trainer."""

from __future__ import annotations

import click


@click.command("export-tokens")
@click.argument("folder", metavar="FOLDER")
@click.argument("out", metavar="OUT")
@click.option(
    "--to", "form", type=click.Choice(["nanogpt", "datatrove", "npy"]), required=True, help="The format to write."
)
def export_tokens(folder: str, out: str, form: str) -> None:
    """Write the token corpus in FOLDER to OUT in the format of another trainer.

    Megatron-LM, NeMo and GPT-NeoX read the shards in FOLDER as they are. nanogpt: train.bin and val.bin, for
    vocabularies below 65,500. datatrove: .ds, .ds.index and .ds.metadata, one set a split. npy: what OLMo reads, with
    the .csv.gz that says which tokens are which document, from which file.

    \b
    Examples:
      dataprep export-tokens out/web-tokens out/nanogpt --to nanogpt
      dataprep export-tokens out/web-tokens out/olmo --to npy
    """
    from dataprep.corpus.export import export
    from dataprep.store import Store

    store = Store(out)
    for name in export(folder, form, out):
        click.echo(f"{store.path(name)}: {(store.size(name) or 0) / 1e6:,.2f} MB")
