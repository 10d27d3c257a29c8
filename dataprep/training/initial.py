"""Weights that a run begins with in place of random ones: those of another run, or of an imported model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataprep import manifest
from dataprep.errors import InputError, UsageError
from dataprep.training import import_
from dataprep.training.model.config import ModelConfig
from dataprep.training.run import KIND, open_run

if TYPE_CHECKING:
    from torch import Tensor

_FREE = ("context", "rope_theta", "rope_scaling", "window", "full_every", "embedding_shrink", "init", "init_std")
"""May differ from the model of the weights: how far it sees, as for longer contexts, and what only training knows."""


def check(path: str | Path, config: ModelConfig, tokenizer_sha256: str) -> list[str]:
    """Which settings of `config` differ from those that the weights in the folder `path` were made with, a line each.

    Raises UsageError, naming the setting or the tokenizer, where they would not be the same model; InputError for a
    folder without a model.
    """
    root = Path(path)
    if not (root / manifest.MANIFEST).is_file():
        raise InputError(f"init_from: {root}: no model; name a run, or a folder that `dataprep import` wrote")
    made = manifest.read(str(root), "pretrain")
    if made["kind"] == KIND:
        run = open_run(root)
        run.checkpoint()
        theirs, trained_with = run.config, run.manifest["tokenizer"]["sha256"]
        if trained_with != tokenizer_sha256:
            raise UsageError(
                f"init_from: {root}: was trained with another tokenizer than the mix's (sha256 {trained_with[:16]}..., "
                f"{tokenizer_sha256[:16]}...); tokenize with {run.tokenizer_file}"
            )
    else:
        theirs = import_.config_of(root, made)
    ours, held = _sizes(config), _sizes(theirs)
    differ = [name for name in ours if ours[name] != held[name]]
    for name in differ:
        if name not in _FREE or (name == "context" and config.position == "learned"):
            raise UsageError(
                f"init_from: {root}: {name} is {held[name]} in the model of the weights and {ours[name]} here; give "
                f"{name}: {held[name]} under model"
            )
    return [
        f"{name}: {held[name]} in {root}, {ours[name]} from here on" for name in differ if not name.startswith("init")
    ]


def origin(path: str | Path) -> dict[str, Any]:
    """What a manifest says of where its weights came from: the folder's manifest, and of a run the steps done."""
    root = Path(path)
    made = manifest.read(str(root), "pretrain")
    told = {"name": made["pipeline"]["name"], "kind": made["kind"], "fingerprint": made["fingerprint"]}
    return told | ({"steps": open_run(root).latest()} if made["kind"] == KIND else {})


def load(path: str | Path) -> dict[str, Tensor]:
    """The weights by our names, float32, whole, on the CPU; of a run those of its newest checkpoint."""
    root = Path(path)
    if manifest.read(str(root), "pretrain")["kind"] == KIND:
        return {name: parameter.detach() for name, parameter in open_run(root).load_model().named_parameters()}
    return import_.load_imported(root)[1]


def _sizes(config: ModelConfig) -> dict[str, Any]:
    """Settings with defaults that follow from others worked out."""
    known = {"kv_heads": config.groups, "head_width": config.head_dim, "ffn_width": config.ffn_dim}
    return config.model_dump() | known
