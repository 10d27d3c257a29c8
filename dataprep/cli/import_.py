"""`dataprep import`: a model of the transformers library as one to go on from."""

from __future__ import annotations

import json

import click


@click.command("import")
@click.argument("folder", metavar="HF_FOLDER")
@click.option("--output", metavar="FOLDER", required=True, help="A new folder, or an empty one.")
@click.option("--json", "as_json", is_flag=True, help="Print the model's settings as JSON.")
def import_(folder: str, output: str, as_json: bool) -> None:
    """Make the model in HF_FOLDER, with config.json and safetensors, one that `init_from` can name.

    Llama, GPT-2, BLOOM and OPT are known; what else a config.json asks for is refused by name. Pickles are never read.
    Put the settings that are printed under `model` of a training file, and FOLDER under `init_from`.

    \b
    Examples:
      dataprep import models/gpt2 --output out/gpt2
      dataprep import models/gpt2 --output out/gpt2 --json
    """
    from dataprep.training import need_torch

    need_torch()
    from dataprep.training.import_ import import_model

    config, architecture = import_model(folder, output)
    held = config.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if as_json:
        click.echo(json.dumps({"folder": output, "architecture": architecture, "model": held}))
        return
    click.echo(f"{output}: {architecture}\ninit_from: {output}\nmodel: {json.dumps(held)}")
