"""`dataprep train-classifier`: a fastText classifier of documents, with a report on held-out ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    import pyarrow as pa

    from dataprep.classifiers.examples import Labelled
    from dataprep.store import File

SHOWN = 12
"""Rows of each table; report.json has all."""


class _Input(NamedTuple):
    """One thing to read."""

    given: str
    label: str | None
    """None: each document says its own."""


@click.command("train-classifier")
@click.option("--positive", multiple=True, metavar="PATH", help="Documents of the label to keep: --example hq=PATH.")
@click.option("--negative", multiple=True, metavar="PATH", help="Documents of the other label: --example cc=PATH.")
@click.option("--example", multiple=True, metavar="LABEL=PATH", help="Documents of any label; two labels or more.")
@click.option("--input", "inputs", multiple=True, metavar="PATH", help="Documents that say their label themselves.")
@click.option("--label-column", metavar="NAME", help="Where those of --input say it: a column, or a key of JSON Lines.")
@click.option("--output", default="out/classifier", show_default=True, metavar="FOLDER", help="Write here.")
@click.option("--dim", type=int, default=100, show_default=True, help="Numbers in a word's vector.")
@click.option("--lr", type=float, default=0.1, show_default=True, help="Learning rate at the beginning.")
@click.option("--epoch", type=int, default=5, show_default=True, help="Times that every document is seen.")
@click.option("--word-ngrams", type=int, default=2, show_default=True, help="Longest run of words that is a feature.")
@click.option("--bucket", type=int, default=2_000_000, show_default=True, help="Rows that n-grams share.")
@click.option("--min-count", type=int, default=1, show_default=True, help="Rarer words are left out.")
@click.option("--minn", type=int, default=0, show_default=True, help="Shortest character n-gram.")
@click.option("--maxn", type=int, default=0, show_default=True, help="Longest character n-gram; 0: none.")
@click.option(
    "--loss",
    type=click.Choice(["softmax", "ova", "hs", "ns"]),
    default="softmax",
    show_default=True,
    help="What is minimised; ova scores each label alone.",
)
@click.option(
    "--threads", type=int, default=1, show_default=True, help="More are faster and give other bytes each time."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of first numbers and of the order of documents.")
@click.option("--held-out", type=float, default=0.1, show_default=True, help="Share of texts to measure on, by hash.")
@click.option("--balance", is_flag=True, help="As many documents of each label as of the rarest.")
@click.option("--max-documents", type=int, metavar="N", help="At most N of each label, chosen by hash.")
@click.option("--lower/--no-lower", default=False, show_default=True, help="Compare words in lower case.")
@click.option("--split-han/--no-split-han", default=True, show_default=True, help="Each Han character is a word.")
@click.option("--quantize", is_flag=True, help="Write model.ftz, compressed to about a tenth, in place of model.bin.")
@click.option("--json", "as_json", is_flag=True, help="Print the card and the report instead of tables.")
def train_classifier(
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    example: tuple[str, ...],
    inputs: tuple[str, ...],
    label_column: str | None,
    output: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a fastText classifier on documents of two labels or more.

    PATH is the folder of a finished run, or files as the sources read them: JSON Lines, Parquet or text, .gz and .zst
    too. A text's hash decides whether it is trained on or measured on; the same documents and settings give the same
    model, byte for byte, on one machine. Writes model.bin, classifier.yaml with how it was made, and report.json:
    precision, recall, F1 and AUC by label, language and source, calibration, thresholds. A folder where this very
    classifier is finished is left as it is. The stage `classifier` scores documents by it.

    Classifiers drop dialects and colloquial text: the report tells its errors by language and source, and the ledger
    of the run that filters by it tells how many documents of each came in and were kept.

    \b
    Examples:
    LLaMA (Touvron et al. 2023, arXiv:2302.13971, 2.1): pages used as references in Wikipedia against random pages
      dataprep train-classifier --positive refs.jsonl.zst --negative out/web --word-ngrams 1 --balance
    DCLM (Li et al. 2024, arXiv:2406.11794, 4.4): instruction data and ELI5 against web text, top 10 % kept
      dataprep train-classifier --positive oh.jsonl --positive eli5.jsonl --negative out/refinedweb --balance
    Others
      dataprep train-classifier --input labelled.jsonl --label-column topic --output out/topics --quantize
    """
    from pydantic import ValidationError

    from dataprep.classifiers import making
    from dataprep.classifiers.training import Settings
    from dataprep.errors import UsageError
    from dataprep.store import Store
    from dataprep.text.warmup import prepare

    try:
        settings = Settings(**options)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--{str(first['loc'][0]).replace('_', '-')} {first['input']}: {first['msg']}") from None
    asked = _asked(positive, negative, example, inputs, label_column)
    prepare(lambda line: click.echo(line, err=True), [__name__])
    opened = [_open(one, label_column) for one in asked]
    described = [facts for _, facts in opened]

    def documents() -> Iterator[Labelled]:
        for one, (files, facts) in zip(asked, opened, strict=True):
            yield from _documents(one, files, str(facts["name"]), label_column)

    made = making.make(settings, described, documents, output, say=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({"classifier": made.card, "report": made.report}, ensure_ascii=False, indent=1))
        return
    where = Store(output).path(settings.file)
    click.echo(f"{where}: {'finished before, left as it is' if made.reused else 'made'}, sha256 {made.card['sha256']}")
    click.echo("\n" + _page(made.card, made.report))


# ---------------------------------------------------------------- what to read


def _asked(
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    example: tuple[str, ...],
    inputs: tuple[str, ...],
    label_column: str | None,
) -> list[_Input]:
    from dataprep.errors import UsageError

    asked = [_Input(path, "hq") for path in positive] + [_Input(path, "cc") for path in negative]
    for pair in example:
        label, sign, path = pair.partition("=")
        label = label.removeprefix("__label__")
        if not sign or not label or not path or label != "".join(label.split()):
            raise UsageError(f"--example '{pair}': must be LABEL=PATH, and a label has no space in it")
        asked.append(_Input(path, label))
    if bool(inputs) != bool(label_column):
        raise UsageError("train-classifier: --input and --label-column go together")
    asked += [_Input(path, None) for path in inputs]
    if not inputs and len({one.label for one in asked}) < 2:
        raise UsageError(
            "train-classifier: name documents of two labels: --positive and --negative, --example, or --input"
        )
    return asked


def _open(one: _Input, label_column: str | None) -> tuple[list[File], dict[str, Any]]:
    """The files to read, and what they are for a fingerprint."""
    from dataprep import catalog, manifest
    from dataprep.errors import InputError
    from dataprep.store import Store, filesystem, find, identity

    label = {"label": one.label} if one.label else {"label_column": label_column}
    folder = one.given.removesuffix(f"/{manifest.MANIFEST}").rstrip("/")
    if Store(folder).exists(manifest.MANIFEST):
        held = manifest.read(folder)
        if held["kind"] != "documents":
            raise InputError(f"{folder}: holds {held['kind']}, not documents; name the folder of a `dataprep run`")
        files = [file for shard in held["shards"] for file in find([Store(folder).path(shard["path"])], ())]
        name = str(held["pipeline"].get("name") or folder)
        return files, {"name": name, **label, "manifest": held["fingerprint"]}
    suffixes = tuple(s for name in catalog.source_names() for s in catalog.source(name).suffixes)
    files = find([one.given], suffixes)
    for file in files:
        if catalog.source_for(file.path) is None:
            raise InputError(f"{file.path}: no source reads files of this name; see `dataprep stages`")
    _, plain = filesystem(one.given)
    name = (plain.rstrip("/").rpartition("/")[2] or one.given).partition(".")[0]
    return files, {"name": name, **label, "files": [[f.relative, *identity(f.path)] for f in files]}


def _documents(one: _Input, files: list[File], name: str, label_column: str | None) -> Iterator[Labelled]:
    from dataprep import catalog, schema
    from dataprep.classifiers.examples import Labelled
    from dataprep.errors import InputError
    from dataprep.stage import Report

    for file in files:
        kind = catalog.source_for(file.path)
        assert kind is not None
        report = Report()
        source = catalog.source(kind).model_validate({"paths": [file.path], "name": name})
        for start, end in source.splits(file, 1 << 62):
            for batch in source.read(file, start, end, report):
                if schema.TEXT not in batch.schema.names:
                    raise InputError(f"{file.path}: has no text; run a pipeline with extract_html over it first")
                labels = [one.label] * batch.num_rows if one.label else _labels(batch, str(label_column), file.path)
                some = [k for k, label in enumerate(labels) if label is not None]
                kept = batch.take(some)
                languages, sources = (_column(kept, what) for what in (schema.LANGUAGE, schema.SOURCE))
                yield Labelled(
                    kept.column(schema.TEXT),
                    [str(labels[k]) for k in some],
                    [str(language or schema.UNDETERMINED) for language in languages],
                    [str(found or name) for found in sources],
                )
        if report.damaged:
            raise InputError(report.damaged[0])


def _column(batch: pa.RecordBatch, name: str) -> list[Any]:
    """A column, or what the metadata hold under its name."""
    if name in batch.schema.names:
        return list(batch.column(name).to_pylist())
    if "metadata" in batch.schema.names:
        return [json.loads(held).get(name) if held else None for held in batch.column("metadata").to_pylist()]
    return [None] * batch.num_rows


def _labels(batch: pa.RecordBatch, name: str, path: str) -> list[str | None]:
    from dataprep.errors import InputError

    found = _column(batch, name)
    if batch.num_rows and all(label is None for label in found):
        keys = {k for held in _column(batch, "metadata") if held for k in json.loads(held)}
        known = sorted({*batch.schema.names, *keys} - {"_place", "text", "metadata"})
        raise InputError(f"{path}: no document has '{name}'; there are {', '.join(known)}: set --label-column")
    return [None if label is None else "_".join(str(label).removeprefix("__label__").split()) for label in found]


# ---------------------------------------------------------------- the report on a terminal


def _page(card: dict[str, Any], report: dict[str, Any]) -> str:
    first = "hq" if "hq" in report["labels"] else next(iter(report["labels"]))
    head = ("label", "documents", "trained on", "held out", "precision", "recall", "F1", "AUC")
    rows = []
    for label, n in card["documents"].items():
        of = report["labels"].get(label, {})
        numbers = (f"{n['all']:,}", f"{n['train']:,}", f"{n['held_out']:,}")
        rows.append((label, *numbers, *(_shown(of.get(what)) for what in ("precision", "recall", "f1", "auc"))))
    tables = [_table(head, rows)]
    for by in ("language", "source"):
        found = [row for row in report["groups"] if row["by"] == by and row["label"] == first]
        rows = []
        for row in sorted(found, key=lambda row: -row["documents"])[:SHOWN]:
            shown = (_shown(row[what]) for what in ("mean_score", "precision", "recall", "auc"))
            rows.append((row["key"], f"{row['documents']:,}", f"{row['positives']:,}", *shown))
        tables.append(_table((by, "held out", first, "mean score", "precision", "recall", "AUC"), rows))
    rows = []
    for row in report["calibration"][first]:
        span = f"{row['lowest']:.3f} to {row['highest']:.3f}"
        rows.append((span, f"{row['documents']:,}", _shown(row["mean_score"]), _shown(row["observed"])))
    tables.append(_table((f"score of {first}", "documents", "mean score", f"are {first}"), rows))
    rows = []
    for row in report["thresholds"][first]:
        shown = (_shown(row[what]) for what in ("keep_rate", "precision", "recall"))
        rows.append((f"{row['threshold']:g}", *shown))
    tables.append(_table(("min_score", "kept", "precision", "recall"), rows))
    return "\n\n".join(tables)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    from dataprep.retention import aligned

    return aligned([head, *rows], right=tuple(range(1, len(head))))


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
