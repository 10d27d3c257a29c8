"""From samples to the documents that are in them, and from a document to the samples that it will be in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow.compute as pc

from dataprep.corpus.reader import Reader
from dataprep.corpus.shard import Int64s
from dataprep.corpus.stream import Passage, Stream
from dataprep.corpus.tokens import Split, TokenCorpus
from dataprep.errors import UsageError

_COLUMNS: Final = ["id", "source", "url", "language", "input", "offset", "tokens"]


class Document(NamedTuple):
    """What is known of a document."""

    id: str
    source: str
    """As the documents call it; the mix may call its corpus otherwise."""
    url: str | None
    language: str | None
    input: str
    """The file it was read from when it was tokenized."""
    offset: int
    """Its place there."""
    tokens: int


class Part(NamedTuple):
    """What a sample holds of a document."""

    document: Document
    place: int
    """Where it begins in the sample's row."""
    first: int
    """Its first token in the document."""
    ids: list[int]


class Traced(NamedTuple):
    """One sample."""

    sample: int
    step: int | None
    """None if it is skipped, or fills no step."""
    stage: str
    source: str
    epoch: int
    window: int
    parts: list[Part]


class Seen(NamedTuple):
    """One sample in which a document will be seen."""

    sample: int
    step: int | None
    stage: str
    epoch: int
    window: int
    tokens: int


class Sought(NamedTuple):
    """A document with the id that was asked for."""

    document: Document
    corpus: str
    """Its source in the mix."""
    split: Split
    left_out: bool
    """Past the source's `max_tokens`."""
    seen: list[Seen]


# ---------------------------------------------------------------- from samples


def samples(reader: Reader, numbers: Int64s) -> list[Traced]:
    """What is in samples, in the order given. Reads the tokens, and what is known of documents once a shard."""
    drawn = reader.sampler.at(numbers)
    found = []
    for n, sample in enumerate(numbers.tolist()):
        source, window = int(drawn.source[n]), int(drawn.window[n])
        place = 0
        held = list[tuple[int, Passage]]()
        pieces = reader.windows[source].pieces(np.array([window]))
        for start, size in zip(pieces.starts, pieces.lengths, strict=True):
            for passage in reader.streams[source].passages(start, start + size):
                held.append((place, passage))
                place += passage.tokens
        found.append((sample, source, int(drawn.epoch[n]), window, held))
    documents = {
        source: _known(reader, source, {p.document for _, s, _, _, held in found if s == source for _, p in held})
        for source in {s for _, s, _, _, _ in found}
    }
    return [
        Traced(
            sample,
            reader.sampler.steps.step(sample),
            _stage(reader, sample),
            reader.sampler.names[source],
            epoch,
            window,
            [_part(reader.streams[source], documents[source], place, passage) for place, passage in held],
        )
        for sample, source, epoch, window, held in found
    ]


def _part(stream: Stream, known: dict[int, Document], place: int, passage: Passage) -> Part:
    ids = np.empty(passage.tokens, np.int32)
    stream.read(passage.start, ids)
    first = passage.start - stream.document(passage.document)[0]
    return Part(known[passage.document], place, first, ids.tolist())


def _known(reader: Reader, source: int, numbers: Iterable[int]) -> dict[int, Document]:
    stream = reader.streams[source]
    by_shard: dict[int, list[int]] = {}
    for number in sorted(numbers):
        by_shard.setdefault(stream.row(number)[0], []).append(number)
    found = {}
    for shard, held in by_shard.items():
        table = stream.corpus.documents(stream.shards[shard], _COLUMNS)
        rows = table.take([stream.row(number)[1] for number in held]).to_pylist()
        found.update({number: _document(stream.corpus, row) for number, row in zip(held, rows, strict=True)})
    return found


def _document(corpus: TokenCorpus, row: dict[str, Any]) -> Document:
    inputs = corpus.manifest["inputs"]
    path = inputs[row["input"]]["path"] if 0 <= row["input"] < len(inputs) else ""
    return Document(**{**row, "input": path})


def _stage(reader: Reader, sample: int) -> str:
    return next(segment.stage for segment in reader.sampler.segments if segment.first <= sample < segment.last)


# ---------------------------------------------------------------- from a document


def document(reader: Reader, wanted: str) -> list[Sought]:
    """Every document with an id, and all samples of the run that hold any token of it, ascending.

    Reads the ids of all documents of all sources. Raises UsageError if no document has it.
    """
    found = []
    for source, name in enumerate(reader.sampler.names):
        corpus = reader.corpora[name]
        splits: tuple[Split, ...] = ("train", "validation")
        for split in splits:
            stream = reader.streams[source] if split == "train" else Stream(corpus, split)
            for n, shard in enumerate(stream.shards):
                ids = corpus.documents(shard, ["id"]).column("id")
                rows = np.flatnonzero(pc.fill_null(pc.equal(ids, wanted), False).to_numpy()).tolist()
                if not rows:
                    continue
                for row, known in zip(rows, corpus.documents(shard, _COLUMNS).take(rows).to_pylist(), strict=True):
                    number = stream.number(n, row)
                    left_out = number >= stream.documents
                    seen = _seen(reader, source, number) if split == "train" and not left_out else []
                    found.append(Sought(_document(corpus, known), name, split, left_out, seen))
    if not found:
        raise UsageError(f"no document '{wanted}' in {', '.join(reader.sampler.names)}; ids are those of the corpus")
    return found


def _seen(reader: Reader, source: int, number: int) -> list[Seen]:
    found = []
    for window in reader.windows[source].holding(number).tolist():
        pieces = reader.windows[source].pieces(np.array([window]))
        spans = zip(pieces.starts, pieces.lengths, strict=True)
        passages = [p for start, size in spans for p in reader.streams[source].passages(start, start + size)]
        tokens = sum(p.tokens for p in passages if p.document == number)
        for sample in reader.sampler.samples_of(source, window):
            epoch = int(reader.sampler.at(np.array([sample])).epoch[0])
            step = reader.sampler.steps.step(sample)
            found.append(Seen(sample, step, _stage(reader, sample), epoch, window, tokens))
    return sorted(found)
