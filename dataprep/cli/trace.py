"""`dataprep trace`: which documents are in a step or a sample, and in which a document will be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from dataprep.corpus.reader import Reader
    from dataprep.corpus.trace import Sought, Traced
    from dataprep.tokenizers import Tokenizer

EXCERPT_TOKENS = 24
EXCERPT_CHARACTERS = 72


@click.command()
@click.argument("where", metavar="MIX|RUN")
@click.option("--step", type=click.IntRange(0), help="All samples of this step.")
@click.option("--samples", "span", metavar="A:B", help="Samples A to B - 1 of the run.")
@click.option("--document", metavar="ID", help="The other way: in which samples and steps a document will be seen.")
@click.option("--spike", type=click.IntRange(0), help="Of a RUN: what it wrote down of the spike at this step.")
@click.option("--state", metavar="FILE", help="With a MIX: a run's state (JSON), if it has skipped samples or changed.")
@click.option("--text", is_flag=True, help="Print each sample as the model saw it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all token ids of samples.")
def trace(
    where: str,
    step: int | None,
    span: str | None,
    document: str | None,
    spike: int | None,
    state: str | None,
    text: bool,
    as_json: bool,
) -> None:
    """Show what samples hold: source, epoch, window, and of each document how many tokens.

    MIX is a mix file; RUN is the folder of a training run, of which the mix, the mixes that it had before, and the
    samples that it has skipped are known.

    \b
    Examples:
      dataprep trace pipelines/mix.yaml --step 120
      dataprep trace pipelines/mix.yaml --samples 480:484 --text
      dataprep trace pipelines/mix.yaml --document 'web/page.html#0'
      dataprep trace out/tiny --step 120
      dataprep trace out/tiny --spike 340
    """
    from pathlib import Path

    from dataprep.corpus import trace as tracing
    from dataprep.errors import UsageError

    if (step is not None) + (span is not None) + (document is not None) + (spike is not None) != 1:
        raise UsageError("trace: give one of --step, --samples, --document and --spike")
    run = Path(where).is_dir()
    if spike is not None:
        if not run:
            raise UsageError(f"trace: {where} is no folder of a training run; --spike is of a run")
        _spike(Path(where), spike, as_json)
        return
    if run and state is not None:
        raise UsageError(f"trace: {where} has its own state; leave out --state, or name the mix file")
    reader = _of_run(Path(where)) if run else _of_mix(where, state)
    if document is not None:
        sought = tracing.document(reader, document)
        click.echo(_dump([_sought_json(one) for one in sought]) if as_json else "\n\n".join(map(_sought, sought)))
        return
    tokenizer = _tokenizer(reader)
    found = tracing.samples(reader, _numbers(reader, step, span))
    if run and found[-1].sample >= reader.state.sample:
        done = f"{reader.next_step:,} step{'s' if reader.next_step != 1 else ''}"
        click.echo(f"note: the newest checkpoint has {done}; later ones are shown as they will be", err=True)
    if as_json:
        click.echo(_dump([_json(one, tokenizer) for one in found]))
    elif text:
        click.echo("\n\n".join(_text(one, tokenizer) for one in found))
    else:
        click.echo("\n\n".join(_page(one, tokenizer) for one in found))


def _of_mix(mix: str, state: str | None) -> Reader:
    from dataprep.corpus.reader import open_reader
    from dataprep.corpus.state import State
    from dataprep.errors import UsageError

    kept = None
    if state is not None:
        try:
            with open(state, encoding="utf-8") as file:
                kept = State.from_json(json.load(file))
        except FileNotFoundError:
            raise UsageError(f"{state}: no such file") from None
        except (ValueError, UsageError) as error:
            raise UsageError(f"{state}: {error}") from None
    return open_reader(mix, kept, full=False)


def _of_run(folder: Path) -> Reader:
    """The samples of a training run: of the mix it was given, as far as it has come, without what it skipped."""
    from dataprep.corpus.reader import open_reader
    from dataprep.training.run import open_run

    run = open_run(folder)
    return open_reader(run.mix, None if run.latest() is None else run.state(), full=False)


def _numbers(reader: Reader, step: int | None, span: str | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    import numpy as np

    from dataprep.errors import UsageError

    if step is not None:
        if step >= reader.steps:
            raise UsageError(f"--step {step}: the run has steps 0 to {reader.steps - 1:,}")
        return reader.sampler.steps.samples(step)
    first, colon, last = (span or "").partition(":")
    total = reader.sampler.total
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise UsageError(f"--samples {span}: write A:B, two sample numbers with A below B")
    if int(last) > total:
        raise UsageError(f"--samples {span}: the run has samples 0 to {total - 1:,}")
    return np.arange(int(first), int(last))


def _tokenizer(reader: Reader) -> Tokenizer:
    from dataprep.tokenizers import load

    return load(reader.tokenizer_file())


# ---------------------------------------------------------------- samples


def _head(one: Traced) -> str:
    step = "in no step" if one.step is None else f"step {one.step:,}"
    return f"sample {one.sample:,}, {step}, stage {one.stage}: {one.source}, epoch {one.epoch}, window {one.window:,}"


def _page(one: Traced, tokenizer: Tokenizer) -> str:
    from dataprep.retention import printable

    rows = [("  place", "tokens", "of", "document", "from")]
    excerpts = []
    for part in one.parts:
        d = part.document
        counts = (f"{part.place:,}", f"{len(part.ids):,}", f"{d.tokens:,}")
        rows.append((*counts, printable(d.id), _from(d.input, d.offset, d.url)))
        excerpt = tokenizer.decode(part.ids[:EXCERPT_TOKENS])[:EXCERPT_CHARACTERS]
        excerpts.append(printable(" ".join(excerpt.split())))
    return "\n".join([_head(one), *_with_excerpts(rows, (0, 1, 2), excerpts)])


def _from(input: str, offset: int, url: str | None) -> str:
    from dataprep.retention import printable

    return printable(f"{input} {offset}" + (f" {url}" if url else ""))


def _with_excerpts(rows: Sequence[tuple[str, ...]], right: tuple[int, ...], excerpts: list[str]) -> list[str]:
    """A table with a head, each row with some of its text below it."""
    from dataprep.retention import aligned

    head, *lines = aligned(rows, right=right).splitlines()
    below = [f"           {excerpt}" for excerpt in excerpts]
    return [head, *chain.from_iterable(zip(lines, below, strict=True))]


def _text(one: Traced, tokenizer: Tokenizer) -> str:
    from dataprep.retention import printable

    lines = [f"=== {_head(one)}"]
    for part in one.parts:
        of = f"tokens {part.first:,} to {part.first + len(part.ids) - 1:,} of {part.document.tokens:,}"
        lines += [f"--- {printable(part.document.id)}, {of}", printable(tokenizer.decode(part.ids), "\n\t")]
    return "\n".join(lines)


def _json(one: Traced, tokenizer: Tokenizer) -> dict[str, Any]:
    parts = [
        {
            **part.document._asdict(),
            "place": part.place,
            "first": part.first,
            "tokens_here": len(part.ids),
            "ids": part.ids,
            "text": tokenizer.decode(part.ids),
        }
        for part in one.parts
    ]
    return {**one._asdict(), "parts": parts}


# ---------------------------------------------------------------- spikes


def _spike(folder: Path, step: int, as_json: bool) -> None:
    """The documents of a spike, as the run wrote them down when it happened."""
    import pyarrow.parquet as pq

    from dataprep.errors import UsageError
    from dataprep.training.run import SPIKES, open_run

    run = open_run(folder)
    path = run.root / SPIKES / f"{step}.parquet"
    if not path.exists():
        steps = sorted(int(found.stem) for found in (run.root / SPIKES).glob("*.parquet") if found.stem.isdecimal())
        known = f"spikes are at steps {', '.join(map(str, steps))}" if steps else "the run has had none"
        raise UsageError(f"--spike {step}: {known}")
    rows = pq.read_table(path).to_pylist()
    if as_json:
        click.echo(_dump(rows))
        return
    told = [spike for spike in run.skipped() if spike["step"] == step]
    click.echo("\n\n".join([*map(_told, told), *_spike_pages(rows)]))


def _told(spike: dict[str, Any]) -> str:
    from dataprep.training.log import spans

    def number(value: float | str | None) -> str:
        return "not known" if value is None else value if isinstance(value, str) else f"{value:.4g}"

    skipped = spans(spike["skipped"])
    what = "loss or gradient not finite" if spike["value"] == "not finite" else f"{spike['value']} jumped"
    mean, sigma = spike["mean"], spike["sigma"]
    usual = "" if mean is None else f" (mean before {number(mean)}, deviation {number(sigma)})"
    jumped = f"loss {number(spike['loss'])}, gradient norm {number(spike['grad_norm'])}{usual}"
    back = "the beginning" if spike["back_to"] < 0 else f"after step {spike['back_to']:,}"
    return f"step {spike['step']:,}: {what}: {jumped}\nback to {back}; samples skipped: {skipped}"


def _spike_pages(rows: list[dict[str, Any]]) -> list[str]:
    from dataprep.retention import printable

    pages = []
    for sample in dict.fromkeys(row["sample"] for row in rows):
        parts = [row for row in rows if row["sample"] == sample]
        one = parts[0]
        head = (
            f"sample {sample:,}, step {one['step']:,}: {one['source']}, epoch {one['epoch']}, window {one['window']:,}"
        )
        table = [("  place", "tokens", "document", "from")]
        for part in parts:
            where = _from(part["input"], part["offset"], part["url"])
            table.append((f"{part['place']:,}", f"{part['tokens']:,}", printable(part["id"]), where))
        excerpts = [printable(" ".join(part["excerpt"].split()))[:EXCERPT_CHARACTERS] for part in parts]
        pages.append("\n".join([head, *_with_excerpts(table, (0, 1), excerpts)]))
    return pages


# ---------------------------------------------------------------- documents


def _sought(one: Sought) -> str:
    from dataprep.retention import aligned, printable

    d = one.document
    lines = [f"{printable(d.id)}: {d.tokens:,} tokens in {one.corpus}", f"  from  {d.input}, offset {d.offset}"]
    if d.url:
        lines.append(f"  url   {printable(d.url)}")
    if one.split == "validation":
        return "\n".join([*lines, "  is in the validation split: never trained on"])
    if one.left_out:
        return "\n".join([*lines, "  is left out by the source's max_tokens"])
    if not one.seen:
        return "\n".join([*lines, "  is in no sample of the run"])
    rows = [("step", "sample", "stage", "epoch", "window", "tokens")]
    for seen in one.seen:
        step = "none" if seen.step is None else f"{seen.step:,}"
        rows.append((step, f"{seen.sample:,}", seen.stage, str(seen.epoch), f"{seen.window:,}", f"{seen.tokens:,}"))
    return "\n".join([*lines, aligned(rows, right=(0, 1, 3, 4, 5), indent=2)])


def _sought_json(one: Sought) -> dict[str, Any]:
    return {**one._asdict(), "document": one.document._asdict(), "seen": [seen._asdict() for seen in one.seen]}


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
