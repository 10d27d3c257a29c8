"""`dataprep train-tokenizer`: a tokenizer made for a corpus, with a report on what it does to text."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import click

SHOWN = 12
"""Rows of each table; report.json has all."""


@click.command("train-tokenizer")
@click.argument("manifests", nargs=-1, metavar="MANIFEST...")
@click.option(
    "--mix",
    metavar="YAML",
    help="The sources of a mix, by its weights, in place of MANIFEST; for tokens, the run they were made from.",
)
@click.option("--output", default="out/tokenizer", show_default=True, metavar="FOLDER", help="Write here.")
@click.option(
    "--kind",
    type=click.Choice(["sentencepiece", "byte-bpe"]),
    default="sentencepiece",
    show_default=True,
    help="SentencePiece BPE with byte fallback, or byte-level BPE of `tokenizers`.",
)
@click.option(
    "--vocab-size",
    type=click.IntRange(300, 1_000_000),
    default=32_000,
    show_default=True,
    help="Tokens of all kinds, bytes and special ones too.",
)
@click.option("--sample-mb", type=click.FloatRange(0.001), default=100.0, show_default=True, help="Text to train on.")
@click.option(
    "--character-coverage",
    type=click.FloatRange(0.5, 1.0),
    default=0.9995,
    show_default=True,
    help="Share of characters with a piece of their own (sentencepiece); others are encoded as bytes.",
)
@click.option("--split-digits/--no-split-digits", default=True, show_default=True, help="Each digit is a token.")
@click.option("--special", multiple=True, metavar="TOKEN", help="A special token; no text ever gives it.")
@click.option("--reserved", type=click.IntRange(0, 100_000), default=0, metavar="N", help="N special tokens for later.")
@click.option("--compare", multiple=True, metavar="PATH", help="A tokenizer to report on beside this one.")
@click.option("--json", "as_json", is_flag=True, help="Print the card and the report instead of tables.")
def train_tokenizer(
    manifests: tuple[str, ...],
    mix: str | None,
    output: str,
    kind: str,
    vocab_size: int,
    sample_mb: float,
    character_coverage: float,
    split_digits: bool,
    special: tuple[str, ...],
    reserved: int,
    compare: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train a tokenizer on a sample of the finished runs in folders MANIFEST.

    The sample depends on the documents alone: the same runs and settings give the same tokenizer, byte for byte.
    Writes tokenizer.model (or tokenizer.json), tokenizer.yaml with how it was made, and report.json. A folder where
    this very tokenizer is finished is left as it is.

    \b
    Examples:
      dataprep train-tokenizer out/web
      dataprep train-tokenizer out/web out/books --vocab-size 65000 --sample-mb 500 --output out/tokenizer-65k
      dataprep train-tokenizer --mix mix.yaml --special '<|im_start|>' --special '<|im_end|>' --reserved 64
      dataprep train-tokenizer out/web --kind byte-bpe --compare old/tokenizer.model
    """
    from dataprep import parents
    from dataprep.errors import UsageError
    from dataprep.store import Store
    from dataprep.text.warmup import prepare
    from dataprep.tokenizers import making, sampling
    from dataprep.tokenizers.training import Settings

    if bool(manifests) == bool(mix):
        raise UsageError("train-tokenizer: name the folders of finished runs, or a mix with --mix; one of the two")
    if not (isfinite(sample_mb) and isfinite(character_coverage)):
        raise UsageError("train-tokenizer: --sample-mb and --character-coverage are finite numbers")
    settings = Settings(
        kind=kind,
        vocab_size=vocab_size,
        character_coverage=character_coverage,
        split_digits=split_digits,
        special=special,
        reserved=reserved,
        sample_mb=sample_mb,
    )
    prepare(lambda line: click.echo(line, err=True), [__name__])
    origins = sampling.open_mix(mix, parents.documents) if mix else sampling.open_folders(manifests)
    made = making.make(settings, origins, output, compare, say=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({"tokenizer": made.card, "report": made.report}, ensure_ascii=False, indent=1))
        return
    where = Store(output).path(settings.file)
    click.echo(f"{where}: {'finished before, left as it is' if made.reused else 'made'}, sha256 {made.card['sha256']}")
    click.echo("\n" + _page(made.card, made.report))


# ---------------------------------------------------------------- the report on a terminal


def _page(card: dict[str, Any], report: dict[str, Any]) -> str:
    blocks = [
        _sample(card),
        *(_fertility(report, by, title) for by, title in (("language", "language"), ("source", "source"))),
    ]
    return "\n\n".join([*blocks, *_pieces(report), _losses(report)])


def _sample(card: dict[str, Any]) -> str:
    from dataprep.retention import aligned

    rows = [("sample of", "documents", "MB", "share", "weight", "held out, MB")]
    for name, part in card["sample"]["sources"].items():
        weight = "" if part["weight"] is None else f"{part['weight']:g}"
        numbers = (f"{part['documents']:,}", f"{part['bytes'] / 1e6:,.2f}", f"{part['share']:.1%}", weight)
        rows.append((name, *numbers, f"{part['held_out_bytes'] / 1e6:,.2f}"))
    return aligned(rows, right=(1, 2, 3, 4, 5))


def _fertility(report: dict[str, Any], by: str, title: str) -> str:
    """Of all tokenizers, on held-out documents, most text first."""
    from dataprep.retention import aligned

    found = [row for row in report["fertility"] if row["by"] == by]
    sizes = {row["key"]: row["bytes"] for row in found}
    keys = sorted(sizes, key=lambda key: (-sizes[key], key))[:SHOWN]
    rows = [(title, "tokenizer", "MB", "tokens/word", "tokens/character", "bytes/token", "bytes alone")]
    for key in keys:
        for row in (row for row in found if row["key"] == key):
            ratios = (
                f"{row[what] or 0:.3f}" for what in ("tokens_per_word", "tokens_per_character", "bytes_per_token")
            )
            rows.append(
                (key, row["tokenizer"], f"{row['bytes'] / 1e6:,.2f}", *ratios, f"{row['byte_token_ratio'] or 0:.2%}")
            )
    if len(rows) == 1:
        return "nothing is held out: there is one document"
    return aligned(rows, right=(2, 3, 4, 5, 6))


def _pieces(report: dict[str, Any]) -> list[str]:
    pieces = report["pieces"]
    share = pieces["byte_tokens"] / max(1, pieces["tokens"])
    lines = [
        f"sample: {pieces['tokens']:,} tokens, {share:.3%} of them single bytes; {pieces['unused']:,} pieces unused",
        f"  longest pieces: {' '.join(repr(p['piece']) for p in pieces['longest'][:SHOWN])}",
        f"  rarest pieces: {' '.join(repr(p['piece']) + ' ' + str(p['count']) for p in pieces['rarest'][:SHOWN])}",
    ]
    return ["\n".join(lines)]


def _losses(report: dict[str, Any]) -> str:
    trips, nfkc = report["round_trip"], report["nfkc"]
    lines = [f"round trip: {trips['failures']:,} of {trips['documents']:,} held-out documents came back changed"]
    lines += [f"  {e['text']!r} came back as {e['came_back']!r}" for e in trips["examples"][:SHOWN]]
    lines.append(
        f"NFKC, not applied, would change {nfkc['changed_documents']:,} of {nfkc['documents']:,} held-out documents "
        f"and replace {nfkc['replaced_characters']:,} of {nfkc['characters']:,} characters"
    )
    if nfkc["most_replaced"]:
        shown = (f"{one['from']!r} -> {one['to']!r} {one['count']:,}" for one in nfkc["most_replaced"][:SHOWN])
        lines.append(f"  most often {', '.join(shown)}")
    return "\n".join(lines)
