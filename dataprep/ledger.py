"""What happened to every row: documents and bytes in and out of each stage, drops by reason, samples of the dropped.

The law: `documents_in == documents_out + sum(dropped)` for every stage of every task, and at the source
`records == documents + sum(skipped)`. `Ledger.check` holds every task to it before its record is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from dataprep.schema import UNDETERMINED

SAMPLES_PER_REASON = 10

QUARANTINE = "quarantine"
"""The ledger entry for documents that killed their worker."""


@dataclass
class Entry:
    """One stage as a user named it. Bytes are UTF-8 bytes of `text` and `html`."""

    documents_in: int = 0
    documents_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    in_by_language: dict[str, int] = field(default_factory=dict)
    """Documents by the language they came in with: of stages that give `language` or `source`. For all others it
    follows from what came out: see `Flow`."""
    in_by_source: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    dropped_by_language: dict[str, dict[str, int]] = field(default_factory=dict)
    """language -> reason -> documents."""
    dropped_by_source: dict[str, dict[str, int]] = field(default_factory=dict)
    """source -> reason -> documents."""
    tallies: dict[str, dict[str, dict[str, list[int]]]] = field(default_factory=dict)
    """What its Maps found: name -> language -> source -> [found, documents it was found in]."""

    def tally(self, name: str, language: str, source: str, found: int, documents: int) -> None:
        held = self.tallies.setdefault(name, {}).setdefault(language, {}).setdefault(source, [0, 0])
        held[0] += found
        held[1] += documents

    def add(self, other: Entry) -> None:
        self.documents_in += other.documents_in
        self.documents_out += other.documents_out
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        for counts, others in (
            (self.in_by_language, other.in_by_language),
            (self.in_by_source, other.in_by_source),
            (self.dropped, other.dropped),
        ):
            add_counts(counts, others)
        for mine, theirs in (
            (self.dropped_by_language, other.dropped_by_language),
            (self.dropped_by_source, other.dropped_by_source),
        ):
            for key, counts in theirs.items():
                add_counts(mine.setdefault(key, {}), counts)
        for name, languages in other.tallies.items():
            for language, sources in languages.items():
                for source, (found, documents) in sources.items():
                    self.tally(name, language, source, found, documents)


class Flow(NamedTuple):
    """Documents that one stage gave, by language and by source: by the labels they had when they left it."""

    languages: dict[str, int]
    sources: dict[str, int]

    def before(self, entry: Entry, *, labels: bool) -> Flow:
        """What came into the stage: `labels` says that it gave documents their languages or sources."""
        if labels:
            return Flow(entry.in_by_language, entry.in_by_source)
        return Flow(
            with_drops(self.languages, entry.dropped_by_language), with_drops(self.sources, entry.dropped_by_source)
        )


class Sample(NamedTuple):
    """A dropped document, for people to look at."""

    stage: str
    reason: str
    rank: int
    """64-bit hash of the id: the smallest of each reason are kept, so every run shows the same samples."""
    place: int
    """Ids collide, places do not: it settles the order."""
    id: str
    url: str | None
    excerpt: str
    language: str = UNDETERMINED


@dataclass
class Ledger:
    """The accounts of one task, or of a whole run when tasks are added up."""

    records: int = 0
    documents: int = 0
    bytes: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    stages: dict[str, Entry] = field(default_factory=dict)
    languages: dict[str, list[int]] = field(default_factory=dict)
    """language -> [documents, bytes] of the rows this task gave."""
    sources: dict[str, list[int]] = field(default_factory=dict)
    """source -> [documents, bytes] of the rows this task gave."""
    samples: list[Sample] = field(default_factory=list)

    def entry(self, label: str) -> Entry:
        return self.stages.setdefault(label, Entry())

    def add(self, other: Ledger) -> None:
        """Add a later task's accounts; every sum is independent of the order of tasks."""
        self.records += other.records
        self.documents += other.documents
        self.bytes += other.bytes
        add_counts(self.skipped, other.skipped)
        self.damaged += other.damaged
        for label, entry in other.stages.items():
            self.entry(label).add(entry)
        for mine, theirs in ((self.languages, other.languages), (self.sources, other.sources)):
            for key, (documents, size) in theirs.items():
                held = mine.setdefault(key, [0, 0])
                held[0] += documents
                held[1] += size
        self.samples = smallest(self.samples + other.samples)

    def check(self) -> None:
        """Hold these accounts to the law. A failure is our defect, not the user's."""
        assert self.records == self.documents + sum(self.skipped.values()), (self.records, self.documents, self.skipped)
        for label, e in self.stages.items():
            assert e.documents_in == e.documents_out + sum(e.dropped.values()), (label, e)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Ledger:
        held = dict(value)
        held["stages"] = {label: Entry(**entry) for label, entry in value["stages"].items()}
        held["samples"] = [Sample(*sample) for sample in value["samples"]]
        return cls(**held)


def with_drops(out: dict[str, int], dropped: dict[str, dict[str, int]]) -> dict[str, int]:
    """Documents that came in: those that came out, and those dropped for any reason."""
    found = dict(out)
    for key, reasons in dropped.items():
        found[key] = found.get(key, 0) + sum(reasons.values())
    return found


def add_counts(mine: dict[str, int], theirs: dict[str, int]) -> None:
    for key, n in theirs.items():
        mine[key] = mine.get(key, 0) + n


def smallest(samples: Iterable[Sample]) -> list[Sample]:
    """The `SAMPLES_PER_REASON` samples of smallest rank for each stage and reason, in that order."""
    kept: list[Sample] = []
    count: dict[tuple[str, str], int] = {}
    for sample in sorted(samples):
        key = (sample.stage, sample.reason)
        if count.get(key, 0) < SAMPLES_PER_REASON:
            count[key] = count.get(key, 0) + 1
            kept.append(sample)
    return kept
