"""A model as a folder that the transformers library loads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from dataprep.tokenizers import Tokenizer, load
from dataprep.training.hf import folder, shapes, tokenizer, weights
from dataprep.training.model.config import ModelConfig

if TYPE_CHECKING:
    from torch import Tensor

    from dataprep.training.run import Run

Dtype = Literal["fp32", "bf16"]
_NAMES: Final = {"fp32": "float32", "bf16": "bfloat16"}


class Exported(NamedTuple):
    """What was written."""

    architecture: str
    files: list[str]
    tokenizer: str
    """In one line, which files of the tokenizer."""


def export_run(run: Run, out: str | Path, *, step: int | None = None, dtype: Dtype = "fp32") -> Exported:
    """Write the weights of a run at a checkpoint, by default the newest, with its tokenizer."""
    shapes.fitting(run.config)  # before weights are read
    state = run.load_model(step).state_dict()
    told = run.manifest["tokenizer"]
    special = {role: told.get(role) for role in ("bos", "eos", "pad")}
    return export(run.config, state, out, tokenizer_of=load(run.tokenizer_file), special=special, dtype=dtype)


def export(
    config: ModelConfig,
    state: Mapping[str, Tensor],
    out: str | Path,
    *,
    tokenizer_of: Tokenizer | None = None,
    special: Mapping[str, int | None] | None = None,
    dtype: Dtype = "fp32",
    limit: int = folder.LIMIT,
) -> Exported:
    """Write weights by our names as whichever of LlamaForCausalLM, GPT2LMHeadModel, BloomForCausalLM and
    OPTForCausalLM the config is: safetensors in files of at most `limit` bytes, config.json, generation_config.json,
    the tokenizer. `out` appears whole or not at all.

    Raises UsageError that names the fields without a counterpart, and if `out` holds anything; OutputError.
    """
    import torch

    architecture = shapes.fitting(config)
    ids = {"bos": None, "eos": None, "pad": None, **(special or {})}
    kind = torch.float32 if dtype == "fp32" else torch.bfloat16

    def tensors() -> Iterator[tuple[str, Tensor]]:
        for name, tensor in weights.outward(state, config, architecture):
            yield name, tensor.detach().to(kind)

    with folder.new_folder(out) as partial:
        folder.write(partial, tensors, limit)
        folder.write_json(partial / "config.json", shapes.config_json(config, architecture, ids, _NAMES[dtype]))
        generation = {f"{role}_token_id": token for role, token in ids.items() if token is not None}
        folder.write_json(partial / "generation_config.json", generation)
        told = "none" if tokenizer_of is None else tokenizer.write(tokenizer_of, ids, config.context, partial)
        files = sorted(path.name for path in partial.iterdir())
    return Exported(architecture.name, files, told)
