"""`train-tokenizer`'s work: sample, train, measure, publish; nothing again that is done already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dataprep import cards
from dataprep.errors import InputError
from dataprep.store import Store
from dataprep.tokenizers import measuring, sampling, training
from dataprep.tokenizers.loading import CARD, FILES, load
from dataprep.tokenizers.sampling import Origin, Sampled
from dataprep.tokenizers.tokenizer import Tokenizer
from dataprep.tokenizers.training import Settings

REPORT = "report.json"
Say = Callable[[str], None]


class Made(NamedTuple):
    folder: str
    card: dict[str, Any]
    report: dict[str, Any]
    reused: bool
    """Whether the tokenizer was there already."""


def make(
    settings: Settings, origins: Sequence[Origin], output: str, compare: Sequence[str], say: Say = lambda line: None
) -> Made:
    """Train into a folder: the tokenizer's file, REPORT, then CARD, whose presence says that all is there.

    A folder that holds a tokenizer of the same fingerprint is left as it is, and its report too if it compares with the
    same tokenizers. Raises DataprepError for what a user can mend.
    """
    training.check(settings)
    others = _compared(compare)
    store = Store(output)
    facts = {
        "settings": settings.model_dump(mode="json"),
        "version": training.VERSION,
        "packages": training.packages(settings),
        "sources": [sampling.identity(origin) for origin in origins],
    }
    fingerprint = cards.fingerprint(facts)
    card = cards.finished(store, CARD, settings.file, fingerprint)
    report = store.read_json(REPORT) if card is not None else None
    if card is not None and report is not None and _measured(report, card, others):
        return Made(output, card, report, reused=True)
    sampled = _sample(settings, origins, say)
    reused = card is not None
    if card is None:
        card = _train(store, settings, fingerprint, facts, sampled, say)
    say("measuring")
    tokenizer = load(Path(store.path(settings.file)))
    if tokenizer.why_slow:
        say(f"the reference encodes, not the fast backend: {tokenizer.why_slow}")
    report = {"fingerprint": fingerprint, **measuring.measure(tokenizer, sampled, others)}
    store.publish_json(REPORT, report)
    cards.publish(store, CARD, card)
    return Made(output, card, report, reused)


def _compared(paths: Sequence[str]) -> list[tuple[str, Tokenizer]]:
    return [(path, load(path)) for path in dict.fromkeys(paths)]


def _measured(report: dict[str, Any], card: dict[str, Any], others: Sequence[tuple[str, Tokenizer]]) -> bool:
    """Whether a report is on this tokenizer, beside these others."""
    wanted = {name: one.sha256 for name, one in others}
    held = {name: one.get("sha256") for name, one in report.get("tokenizers", {}).items() if name != "trained"}
    return bool(report.get("fingerprint") == card["fingerprint"]) and held == wanted


def _sample(settings: Settings, origins: Sequence[Origin], say: Say) -> list[Sampled]:
    size = int(settings.sample_mb * 1e6)
    say(f"sampling {settings.sample_mb:g} MB of {', '.join(origin.name for origin in origins)}")
    sampled = sampling.sample(origins, size)
    taken = sum(part.bytes for part in sampled)
    if not taken:
        raise InputError(f"{', '.join(origin.folder for origin in origins)}: no text to train on")
    # A few bytes fewer than asked for may also be the rounding of shares.
    if taken < size and all(part.bytes + part.held_out_bytes == part.all_bytes for part in sampled):
        say(f"there is less text than asked for: the sample is {taken / 1e6:,.1f} MB")
    return sampled


def _train(
    store: Store, settings: Settings, fingerprint: str, facts: dict[str, Any], sampled: list[Sampled], say: Say
) -> dict[str, Any]:
    """Train and publish the tokenizer's file; gives the card to publish last."""
    say(f"training on {sum(part.bytes for part in sampled) / 1e6:,.1f} MB")
    data = training.train(settings, sampling.texts(sampled))
    before = cards.held(store, CARD).get("file")
    store.remove(CARD)  # until the new one is there, nothing claims that what is there belongs together
    if before in FILES and before != settings.file:
        store.remove(before)  # of another kind: two tokenizers in one folder would be taken for one another
    store.publish_bytes(settings.file, data)
    total = sum(part.bytes for part in sampled)
    return {
        "file": settings.file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "fingerprint": fingerprint,
        "roles": settings.roles,
        "settings": facts["settings"],
        "packages": facts["packages"],
        "sample": {
            "bytes": total,
            "documents": sum(len(part.documents) for part in sampled),
            "sources": {part.origin.name: _about(part, total) for part in sampled},
        },
    }


def _about(part: Sampled, total: int) -> dict[str, Any]:
    return {
        "manifest": part.fingerprint,
        "weight": part.origin.weight,
        "share": round(part.bytes / total, 6),
        "bytes": part.bytes,
        "documents": len(part.documents),
        "held_out_bytes": part.held_out_bytes,
        "held_out_documents": len(part.held_out),
        "all_bytes": part.all_bytes,
        "all_documents": part.all_documents,
    }
