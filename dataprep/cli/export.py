"""`dataprep export`: the weights of a run for other programs."""

from __future__ import annotations

import json
from typing import Literal

import click


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--to", "form", type=click.Choice(["hf"]), required=True, help="hf: what `transformers` loads.")
@click.option("--output", metavar="FOLDER", required=True, help="A new folder, or an empty one.")
@click.option("--step", type=click.IntRange(0), help="The checkpoint after so many steps; default: the newest.")
@click.option("--dtype", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True, help="Of weights.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export(run: str, form: str, output: str, step: int | None, dtype: Literal["fp32", "bf16"], as_json: bool) -> None:
    """Write the model that the run RUN has trained to FOLDER: safetensors, config.json and the tokenizer.

    It becomes a LlamaForCausalLM, GPT2LMHeadModel, BloomForCausalLM or OPTForCausalLM, whichever computes the same. A
    model that none of them can be is refused, and the settings in the way are named.

    \b
    Examples:
      dataprep export out/run --to hf --output out/hf
      dataprep export out/run --to hf --output out/hf-5000 --step 5000 --dtype bf16
    """
    from dataprep.training import need_torch
    from dataprep.training.run import open_run

    assert form == "hf"
    need_torch()
    from dataprep.training.export import export_run

    made = export_run(open_run(run), output, step=step, dtype=dtype)
    if as_json:
        click.echo(json.dumps({"folder": output, **made._asdict()}))
        return
    click.echo(f"{output}: {made.architecture}, {dtype}\nfiles      {', '.join(made.files)}")
    click.echo(f"tokenizer  {made.tokenizer}")
