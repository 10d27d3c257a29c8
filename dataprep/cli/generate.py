"""`dataprep generate`: text from a training run's model."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import click


@click.command()
@click.argument("run", metavar="RUN")
@click.argument("prompt", metavar="[PROMPT]", default="")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True, help="Most tokens to write.")
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=0.8,
    show_default=True,
    help="Below 1 likely tokens gain, above 1 they lose; 0 always takes the most likely one.",
)
@click.option("--top-k", type=click.IntRange(1), help="Choose among so many most likely tokens.")
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1, min_open=True),
    help="Choose among the fewest tokens that have this probability together.",
)
@click.option(
    "--repetition-penalty",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Above 1, tokens that are there already become less likely.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same text.")
@click.option("--step", type=click.IntRange(0), help="The checkpoint after so many steps; default: the newest.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Default: cuda where there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print text, token ids and why it ended as JSON.")
def generate(
    run: str,
    prompt: str,
    max_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    repetition_penalty: float,
    seed: int,
    step: int | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Continue PROMPT with the model of the training run in RUN; without PROMPT, begin a document.

    PROMPT `-` reads it from standard input, without its last newline. Prints what follows the prompt, as it comes,
    until the document ends, the tokens are spent or the model's context is full. Control characters are shown as �.

    \b
    Examples:
      dataprep generate out/run 'The quick brown'
      dataprep generate out/run 今天 --temperature 0 --max-tokens 40
      cat question.txt | dataprep generate out/run - --top-p 0.9 --seed 7 --json
    """
    from dataprep.training import need_torch
    from dataprep.training.run import open_run

    text = _prompt(prompt)
    need_torch()
    opened = open_run(run)
    opened.checkpoint(step)

    from dataprep.tokenizers import load
    from dataprep.training import generate as generating
    from dataprep.training.launch import alone

    chosen = alone(device)
    tokenizer = load(opened.tokenizer_file)
    begins_with_bos = bool(opened.manifest["tokenizer"].get("prepend_bos"))
    ids = generating.prompt_tokens(tokenizer, text, begins_with_bos=begins_with_bos)
    generating.check_room(ids, opened.config.context)
    model = opened.load_model(step, str(chosen))
    sampling = generating.Sampling(temperature, top_k, top_p, repetition_penalty)
    vocab_size = min(tokenizer.vocab_size, opened.config.vocab_size)
    stream = generating.Text(tokenizer, ids)
    made: list[int] = []
    parts: list[str] = []
    stopped = "max_tokens" if len(ids) + max_tokens <= opened.config.context else "context"

    def show(part: str) -> None:
        parts.append(part)
        if part and not as_json:
            click.echo(_safe(part), nl=False)
            sys.stdout.flush()

    for token in generating.tokens(model, ids, sampling, most=max_tokens, vocab_size=vocab_size, seed=seed):
        if token == tokenizer.eos:
            stopped = "eos"
            break
        made.append(token)
        show(stream.add(token))
    show(stream.end())
    if as_json:
        told: dict[str, Any] = {
            "prompt": text,
            "text": "".join(parts),
            "prompt_ids": ids,
            "ids": made,
            "stopped": stopped,
            "step": step if step is not None else opened.latest(),
            "seed": seed,
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    click.echo()
    if stopped == "context":
        click.echo(f"stopped: the model's context of {opened.config.context:,} tokens is full", err=True)


def _prompt(prompt: str) -> str:
    from dataprep.errors import UsageError

    try:
        if prompt == "-":
            return sys.stdin.buffer.read().decode().removesuffix("\n")
        prompt.encode()
    except UnicodeError:
        raise UsageError("generate: the prompt is not UTF-8; save or type it as UTF-8") from None
    return prompt


def _safe(text: str) -> str:
    """A model can write control characters, which a terminal would obey."""
    return "".join("�" if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)
