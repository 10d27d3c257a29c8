"""`dataprep train-lm`: an n-gram language model of a corpus, to measure text against."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("train-lm")
@click.argument("manifests", nargs=-1, metavar="[MANIFEST]...")
@click.option("--text", multiple=True, metavar="FILE", help="A text file, one sentence a line; may be given again.")
@click.option("--output", default="out/lm", show_default=True, metavar="FOLDER", help="Write here.")
@click.option("--order", type=click.IntRange(2, 6), default=5, show_default=True, help="Words in the longest n-grams.")
@click.option("--tokenizer", metavar="PATH", help="Words are its pieces: a SentencePiece .model, or a folder with one.")
@click.option(
    "--unit",
    type=click.Choice(["pieces", "words", "spaces"]),
    help="What a word is: a piece of --tokenizer (the default with one), a word as filters count them (the default "
    "without), or what stands between white space.",
)
@click.option(
    "--normalize",
    type=click.Choice(["none", "ccnet"]),
    default="none",
    show_default=True,
    help="ccnet: lower case, no accents, digits 0, a whole document as one sentence.",
)
@click.option("--language", metavar="CODE", help="Only documents of this language.")
@click.option(
    "--prune",
    default="0",
    show_default=True,
    metavar="COUNTS",
    help="Leave out n-grams seen so often or less: one count an order, the last for all above: '0 0 1'.",
)
@click.option(
    "--discount-fallback",
    is_flag=False,
    flag_value="0.5 1 1.5",
    metavar="D1 D2 D3",
    help="Discounts where they can't be estimated; without numbers 0.5 1 1.5.",
)
@click.option("--engine", type=click.Choice(["builtin", "lmplz"]), default="builtin", help="lmplz: KenLM's program.")
@click.option(
    "--memory-mb",
    type=click.IntRange(512),
    default=2048,
    show_default=True,
    help="Most memory of this process; what is more is sorted on disk.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the card instead of a summary.")
def train_lm(
    manifests: tuple[str, ...],
    text: tuple[str, ...],
    output: str,
    order: int,
    tokenizer: str | None,
    unit: str | None,
    normalize: str,
    language: str | None,
    prune: str,
    discount_fallback: str | None,
    engine: str,
    memory_mb: int,
    as_json: bool,
) -> None:
    """Estimate a language model on the finished runs in folders MANIFEST, or on text files.

    Modified Kneser-Ney, interpolated: every number as lmplz gives it. Writes lm.arpa, which KenLM and the stage
    `perplexity` read, a copy of the tokenizer, and lm.yaml with how it was made. A sentence is a line that is not
    blank. The same text and settings give the same model, byte for byte, whatever the memory. A folder where this very
    model is finished is left as it is.

    \b
    Examples:
      dataprep train-lm out/web --tokenizer out/tokenizer --normalize ccnet
      dataprep train-lm out/wiki --language en --unit words --order 3 --output out/lm-en
      dataprep train-lm --text sentences.txt --unit spaces --prune '0 0 1' --memory-mb 1024
    """
    from dataprep.errors import UsageError
    from dataprep.ngram import making
    from dataprep.text.warmup import prepare
    from dataprep.tokenizers import load, sampling

    if bool(manifests) == bool(text):
        raise UsageError("train-lm: name the folders of finished runs, or text files with --text; one of the two")
    unit = unit or ("pieces" if tokenizer else "words")
    if (unit == "pieces") != bool(tokenizer):
        raise UsageError("train-lm: --unit pieces needs a --tokenizer, and no other unit takes one")
    if text and language:
        raise UsageError("train-lm: --language chooses documents of runs; a text file has none")
    settings = making.Settings(
        order=order,
        prune=tuple(_numbers("--prune", prune, int)),
        discount_fallback=_discounts(discount_fallback),
        unit=unit,
        normalize=normalize,
        language=language,
        engine=engine,
    )
    making.check(settings)
    prepare(lambda line: click.echo(line, err=True), [__name__])
    origins = sampling.open_folders(manifests)
    loaded = load(tokenizer) if tokenizer else None
    made = making.make(
        settings, origins, text, loaded, output, memory_mb, say=lambda line: click.echo(line, err=True)
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(made.card, ensure_ascii=False, indent=1))
        return
    where = f"{output.rstrip('/')}/{making.MODEL}"
    click.echo(f"{where}: {'finished before, left as it is' if made.reused else 'made'}, sha256 {made.card['sha256']}")
    click.echo("\n" + _page(made.card))


def _numbers(option: str, given: str, kind: type[Any]) -> list[Any]:
    from dataprep.errors import UsageError

    try:
        return [kind(number) for number in given.replace(",", " ").split()]
    except ValueError:
        raise UsageError(f"train-lm: {option}: '{given}' must be numbers with spaces between them") from None


def _discounts(given: str | None) -> tuple[float, float, float] | None:
    from dataprep.errors import UsageError

    if given is None:
        return None
    amounts = _numbers("--discount-fallback", given, float)
    if not 1 <= len(amounts) <= 3:
        raise UsageError("train-lm: --discount-fallback takes one to three numbers")
    one, two, three = (amounts + amounts[-1:] * 2)[:3]
    return one, two, three


def _page(card: dict[str, Any]) -> str:
    from dataprep.retention import aligned

    rows: list[tuple[str, ...]] = [("words", "n-grams", "before pruning", "D1", "D2", "D3+")]
    for k, (kept, every, amounts) in enumerate(
        zip(card["ngrams"], card["ngrams_before_pruning"], card["discounts"], strict=True), 1
    ):
        rows.append((str(k), f"{kept:,}", f"{every:,}", *(f"{amount:.4f}" for amount in amounts)))
    text = f"{card['sentences']:,} sentences, {card['words']:,} words, {card['different_words']:,} different"
    return f"{text}\n\n{aligned(rows, right=(0, 1, 2, 3, 4, 5))}"
