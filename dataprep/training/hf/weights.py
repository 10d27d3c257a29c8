"""Weights by our names as those of the transformers library, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from dataprep.errors import InputError
from dataprep.training.hf.architecture import Architecture
from dataprep.training.hf.layouts import BLOCK, HEAD, Entry
from dataprep.training.model.config import ModelConfig

State = dict[str, Tensor]


def outward(
    state: Mapping[str, Tensor], config: ModelConfig, architecture: Architecture
) -> Iterator[tuple[str, Tensor]]:
    """Our weights as theirs, one tensor after another, so that only one is made at a time."""
    left = set(state)
    for entry in _entries(config, architecture):
        if entry.ours[0] in state:
            left -= set(entry.ours)
            yield entry.theirs, entry.layout.join([state[name] for name in entry.ours], config)
    assert not left, f"no counterpart for {sorted(left)}"


def inward(state: Mapping[str, Tensor], config: ModelConfig, architecture: Architecture, where: str) -> State:
    """Their weights as ours. Raises InputError that names a tensor that is missing, too many or of another shape."""
    held = {name: tensor for name, tensor in state.items() if not name.endswith(architecture.ignored)}
    if not any(name.startswith(architecture.prefix) for name in held):
        held = {name if name == HEAD.theirs else architecture.prefix + name: tensor for name, tensor in held.items()}
    if config.tied_head:
        held.pop(HEAD.theirs, None)
    shapes = expected(config)
    made: State = {}
    for entry in _entries(config, architecture):
        if entry.ours[0] not in shapes:
            continue
        if entry.theirs not in held:
            raise InputError(f"{where}: {entry.theirs} is missing; the weights are not those of its config.json")
        whole = held.pop(entry.theirs)
        try:
            parts = entry.layout.split(whole, config)
        except RuntimeError:
            parts = []
        wanted = [shapes[name] for name in entry.ours]
        if [part.shape for part in parts] != wanted:
            raise InputError(
                f"{where}: {entry.theirs} is {list(whole.shape)}, which is not the shape that its config.json gives it"
            )
        made.update(zip(entry.ours, parts, strict=True))
    if held:
        raise InputError(f"{where}: {min(held)} has no counterpart here; the weights are not those of its config.json")
    missing = shapes.keys() - made.keys()
    assert not missing, f"no counterpart for {sorted(missing)}"
    return made


def expected(config: ModelConfig) -> dict[str, torch.Size]:
    """Shapes of our weights by name. No memory is taken."""
    from dataprep.training.model.transformer import Transformer

    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in Transformer(config).state_dict().items()}


def _entries(config: ModelConfig, architecture: Architecture) -> Iterator[Entry]:
    entries = architecture.entries
    for entry in entries:
        if BLOCK not in entry.ours[0]:
            yield entry
    for n in range(config.layers):
        for entry in entries:
            if BLOCK in entry.ours[0]:
                ours = tuple(name.replace("N", str(n), 1) for name in entry.ours)
                yield Entry(entry.theirs.replace(".N.", f".{n}."), ours, entry.layout)
