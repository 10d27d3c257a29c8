"""The documents that a classifier is trained and measured on: which ones depends on their text alone.

Not on files, their order, or where they are cut: a text's keyed hash decides on which side it falls, whether it is
taken and where it stands. Equal texts are on one side, so nothing that is measured was seen in training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.classifiers.training import Settings, hashes
from dataprep.errors import InputError


class Labelled(NamedTuple):
    """Documents of one label, or of many: columns of equal length."""

    text: pa.LargeStringArray
    label: list[str]
    language: list[str]
    source: list[str]


class Examples(NamedTuple):
    """Documents in the order of training."""

    texts: list[str]
    labels: list[str]
    languages: list[str]
    sources: list[str]


class Split(NamedTuple):
    train: Examples
    held_out: Examples
    all_documents: dict[str, int]
    """By label, before any were left out."""


class _Held:
    """Documents of one label with the smallest hashes."""

    def __init__(self, most: int | None) -> None:
        self.most, self.seen = most, 0
        self.rows: list[tuple[int, int, str, str, str]] = []

    def add(self, row: tuple[int, int, str, str, str]) -> None:
        self.seen += 1
        self.rows.append(row)
        if self.most is not None and len(self.rows) > 2 * self.most:
            self.cut(self.most)

    def cut(self, most: int) -> None:
        self.rows = sorted(self.rows)[:most]


def split(batches: Iterable[Labelled], settings: Settings) -> Split:
    """Choose, divide and order. Holds the documents chosen, at most twice over.

    Raises InputError if there are not two labels with text on the training side.
    """
    held: dict[str, _Held] = {}
    for batch in batches:
        order, side = hashes(batch.text, f"order {settings.seed}"), hashes(batch.text, "side")
        for k, text in enumerate(batch.text.to_pylist()):
            label = batch.label[k]
            row = (int(order[k]), int(side[k]), text, batch.language[k], batch.source[k])
            held.setdefault(label, _Held(settings.max_documents)).add(row)
    for one in held.values():
        if settings.max_documents is not None:
            one.cut(settings.max_documents)
    if settings.balance:
        most = min((len(one.rows) for one in held.values()), default=0)
        for one in held.values():
            one.cut(most)
    rows = sorted((row, label) for label, one in held.items() for row in one.rows)
    limit = np.uint64(int(settings.held_out * 2**64))
    sides = [np.uint64(row[1]) < limit for row, _ in rows]
    train, out = (
        _examples([pair for pair, at in zip(rows, sides, strict=True) if at == want]) for want in (False, True)
    )
    if len(set(train.labels)) < 2:
        names = ", ".join(f"{label} {one.seen:,}" for label, one in sorted(held.items())) or "none"
        raise InputError(f"two labels with documents to train on are needed; documents by label: {names}")
    return Split(train, out, {label: one.seen for label, one in sorted(held.items())})


def _examples(rows: list[tuple[tuple[int, int, str, str, str], str]]) -> Examples:
    return Examples(
        [row[2] for row, _ in rows],
        [label for _, label in rows],
        [row[3] for row, _ in rows],
        [row[4] for row, _ in rows],
    )
