"""Cards: what a trained artefact is and how it was made, YAML beside its file. Written last, it is the commit."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dataprep.store import Store


def fingerprint(facts: dict[str, Any]) -> str:
    """sha256 of everything that an artefact follows from."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def held(store: Store, name: str) -> dict[str, Any]:
    """The card in a folder; empty if there is none or it is damaged."""
    import yaml

    try:
        card = yaml.safe_load(store.read_bytes(name) or b"")
    except yaml.YAMLError:
        return {}
    return card if isinstance(card, dict) else {}


def finished(store: Store, name: str, file: str, made_from: str) -> dict[str, Any] | None:
    """The card of a finished artefact with this fingerprint, its file as it was made; None if there is none."""
    card = held(store, name)
    if card.get("fingerprint") != made_from:
        return None
    made = store.sha256(file)
    return card if made is not None and card.get("sha256") == made else None


def publish(store: Store, name: str, card: dict[str, Any]) -> None:
    """Write the card: what is beside it is all there."""
    import yaml

    store.publish_bytes(name, str(yaml.safe_dump(card, sort_keys=False, allow_unicode=True)).encode())
