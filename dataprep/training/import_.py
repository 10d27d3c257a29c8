"""A model of the transformers library as one to go on from: `init_from` of a run, or `export` again.

FOLDER/manifest.json        kind "model": the config, what it is from, every file by checksum
FOLDER/model*.safetensors   weights by our names
FOLDER/tokenizer/           its tokenizer's files, as they were
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataprep import __version__, manifest
from dataprep.errors import InputError, UsageError
from dataprep.store import describe
from dataprep.training.hf import folder, shapes, tokenizer, weights
from dataprep.training.model.config import ModelConfig
from dataprep.yaml_file import validated

if TYPE_CHECKING:
    from torch import Tensor

KIND: Final = "model"
TOKENIZER: Final = "tokenizer"


def import_model(source: str | Path, out: str | Path, *, limit: int = folder.LIMIT) -> tuple[ModelConfig, str]:
    """Write the model in a folder of config.json and safetensors to `out`, which appears whole or not at all.

    Weights keep the dtype that they have. Returns the config and the name of the architecture. Raises UsageError for
    an architecture or a setting that we have not, InputError for files that are missing, damaged or pickles.
    """
    root = Path(source)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; name one with config.json and safetensors, as transformers saves it")
    path = root / "config.json"
    config, architecture = shapes.read_config(folder.read_json(path), str(path))
    state = weights.inward(folder.read(root), config, architecture, str(root))
    with folder.new_folder(out) as partial:
        names = folder.write(partial, lambda: state.items(), limit)
        for name in tokenizer.KEPT:
            if (root / name).is_file():
                (partial / TOKENIZER).mkdir(exist_ok=True)
                shutil.copyfile(root / name, partial / TOKENIZER / name)
                names.append(f"{TOKENIZER}/{name}")
        inputs = [path, *sorted(root.glob("*.safetensors"))]
        made: dict[str, Any] = {
            "version": manifest.VERSION,
            "kind": KIND,
            "pipeline": {"name": root.resolve().name},
            "inputs": [describe(file, file.name)._asdict() for file in inputs],
            "stages": [],
            "shards": [],
            "models": {},
            "packages": {"dataprep": __version__},
            "parents": [],
            "architecture": architecture.name,
            "model": config.model_dump(mode="json"),
            "parameters": sum(tensor.numel() for tensor in state.values()),
            "artefacts": [describe(partial / name, name)._asdict() for name in names],
        }
        identity = json.dumps([made["inputs"], made["model"]])
        made["fingerprint"] = hashlib.sha256(identity.encode()).hexdigest()[:32]
        folder.write_json(partial / manifest.MANIFEST, made)
    return config, architecture.name


def config_of(root: Path, made: dict[str, Any]) -> ModelConfig:
    """The config in the manifest `made` of the folder `root`. Raises InputError if `import_model` did not write it."""
    if made["kind"] != KIND:
        raise InputError(f"{root}: holds {made['kind']}, not a model; name a folder that `dataprep import` wrote")
    try:
        return validated(ModelConfig, made["model"], f"{root}/{manifest.MANIFEST}: model")
    except UsageError as error:
        raise InputError(str(error)) from error


def load_imported(path: str | Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """The config of a folder that `import_model` wrote, and its weights by our names, float32.

    Raises InputError if it is none, or not whole.
    """
    root = Path(path)
    config = config_of(root, manifest.read(str(root), "import"))
    state = {name: tensor.float() for name, tensor in folder.read(root).items()}
    shapes_held = {name: tensor.shape for name, tensor in state.items()}
    if shapes_held != weights.expected(config):
        raise InputError(f"{root}: its weights are not those of its manifest; import it again")
    return config, state
