"""A classifier by path, folder or installed name, and how the texts it was trained on were prepared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from dataprep import models
from dataprep.classifiers.model_file import LABEL, Model, load
from dataprep.errors import UsageError

CARD = "classifier.yaml"
"""Beside a trained classifier: how it was made."""
FILES = ("model.bin", "model.ftz")


class Found(NamedTuple):
    file: Path
    lower: bool
    split_han: bool
    files: tuple[Path, ...]
    """All that decides its scores."""


def find(given: str) -> Found:
    """The model that a setting names: a file, a folder that `train-classifier` wrote, or an installed model.

    A model without a card is one of another maker: its texts were lines, nothing more. Raises UsageError.
    """
    path = models.located(given, "train-classifier")
    if path.is_dir():
        card = path / CARD
        if not card.is_file():
            raise UsageError(f"{path}: a folder without {CARD}; name the model's file, or finish `train-classifier`")
        file = path / str(read_card(card).get("file"))
        if not file.is_file():
            raise UsageError(f"{file}: is missing; {card.name} names it")
    else:
        file, card = path, path.parent / CARD
    if not card.is_file() or read_card(card).get("file") != file.name:
        return Found(file, False, False, (file,))
    held = read_card(card)
    if held.get("sha256") != models.file_hash(file):
        raise UsageError(f"{file}: not the file that {card.name} describes; train it again or remove {card.name}")
    settings = held.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    return Found(file, settings.get("lower") is True, settings.get("split_han") is True, (file, card))


def read_card(card: Path) -> dict[str, Any]:
    """What a card says. Raises UsageError if it is no card."""
    import yaml

    try:
        held = yaml.safe_load(card.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{card}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(held, dict):
        raise UsageError(f"{card}: must be a mapping")
    return held


def load_for(found: Found, label: str) -> tuple[Model, str]:
    """The model and the label's name without prefix. Raises UsageError with the labels that there are."""
    model = load(found.file)
    bare = label.removeprefix(LABEL)
    if bare not in model.labels:
        some = ", ".join(model.labels[:12]) + (f" and {len(model.labels) - 12} more" if len(model.labels) > 12 else "")
        raise UsageError(f"{found.file}: has no label '{bare}'; its labels are {some}")
    return model, bare
