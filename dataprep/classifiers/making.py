"""`train-classifier`'s work: choose, train, measure, publish; nothing again that is done already."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dataprep import cards
from dataprep.classifiers import examples, measuring, training
from dataprep.classifiers.loading import CARD, FILES
from dataprep.classifiers.model_file import load
from dataprep.classifiers.training import Settings
from dataprep.store import Store

REPORT = "report.json"
Say = Callable[[str], None]


class Made(NamedTuple):
    card: dict[str, Any]
    report: dict[str, Any]
    reused: bool
    """Whether the classifier was there already."""


def make(
    settings: Settings,
    inputs: Sequence[dict[str, Any]],
    documents: Callable[[], Iterable[examples.Labelled]],
    output: str,
    say: Say = lambda line: None,
) -> Made:
    """Train into a folder: the model's file, REPORT, then CARD, whose presence says that all is there.

    `inputs` say what the documents are, with their fingerprints. A folder that holds a classifier of the same
    fingerprint is left as it is. Raises DataprepError for what a user can mend.
    """
    training.check(settings)
    store = Store(output)
    facts: dict[str, Any] = {
        "settings": settings.model_dump(mode="json"),
        "version": training.VERSION,
        "packages": training.packages(),
        "inputs": list(inputs),
    }
    fingerprint = cards.fingerprint(facts)
    made, report = cards.finished(store, CARD, settings.file, fingerprint), store.read_json(REPORT)
    if made is not None and report:
        return Made(made, report, reused=True)
    say("reading")
    split = examples.split(documents(), settings)
    say(f"training on {len(split.train.texts):,} documents")
    data = training.train(settings, split.train.texts, split.train.labels)
    store.remove(CARD)  # until the new one is there, nothing claims that what is there belongs together
    for name in FILES:
        if name != settings.file:
            store.remove(name)
    store.publish_bytes(settings.file, data)
    say(f"measuring on {len(split.held_out.texts):,} documents")
    model = load(Path(store.path(settings.file)))
    values = measuring.scores(model, split.held_out.texts, lower=settings.lower, split_han=settings.split_han)
    report = {"fingerprint": fingerprint, **measuring.measure(model.labels, values, split.held_out)}
    store.publish_json(REPORT, report)
    card = {
        "file": settings.file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "fingerprint": fingerprint,
        "labels": list(model.labels),
        **{name: facts[name] for name in ("settings", "packages", "inputs")},
        "documents": {
            label: {
                "all": n, "train": Counter(split.train.labels)[label], "held_out": Counter(split.held_out.labels)[label]
            }
            for label, n in split.all_documents.items()
        },
    }  # fmt: skip
    cards.publish(store, CARD, card)
    return Made(card, report, reused=False)
