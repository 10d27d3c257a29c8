"""`ModelConfig` as a config.json of the transformers library and back; what has no counterpart is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dataprep.errors import UsageError
from dataprep.training.hf.architecture import Architecture, Json, yaml_of
from dataprep.training.hf.bloom import BLOOM
from dataprep.training.hf.gpt2 import GPT2
from dataprep.training.hf.llama import LLAMA
from dataprep.training.hf.opt import OPT
from dataprep.training.model.config import ModelConfig
from dataprep.yaml_file import validated

ARCHITECTURES: Final = (LLAMA, GPT2, BLOOM, OPT)


def fitting(config: ModelConfig) -> Architecture:
    """The architecture that a config is. Raises UsageError that names every field in the way of the nearest one."""
    order = [LLAMA, OPT, GPT2, BLOOM] if config.activation == "relu" else [LLAMA, GPT2, OPT, BLOOM]
    found = [(one, differing(config, one)) for one in order]
    nearest, fields = min(found, key=lambda pair: (len(pair[1]), "position" in pair[1]))
    if not fields:
        return nearest
    what = ", ".join(f"{name}: {yaml_of(_value(config, name))}" for name in fields)
    needs = ", ".join(f"{name}: {needed}" for name, needed in fields.items())
    raise UsageError(
        f"{what} {'has' if len(fields) == 1 else 'have'} no counterpart in {nearest.name}, the nearest of "
        f"{', '.join(one.name for one in order)}; it needs {needs}"
    )


def differing(config: ModelConfig, architecture: Architecture) -> dict[str, str]:
    """The fields of a config that an architecture has not, each with what it would have to be."""
    found = {}
    for name, allowed in architecture.values.items():
        if getattr(config, name) not in allowed:
            found[name] = " or ".join(map(yaml_of, allowed))
    for name, needed in architecture.also(config).items():
        if _value(config, name) != needed and name not in found:
            found[name] = yaml_of(needed)
    return found


def _value(config: ModelConfig, name: str) -> Any:
    """A field, or what it stands for where it may be left out."""
    derived = {"kv_heads": config.groups, "head_width": config.head_dim, "ffn_width": config.ffn_dim}
    return derived.get(name, getattr(config, name))


def config_json(config: ModelConfig, architecture: Architecture, special: Mapping[str, int | None], dtype: str) -> Json:
    """config.json. `special` gives the ids of `bos`, `eos` and `pad`; `dtype` is `float32` or `bfloat16`."""
    return {
        "architectures": [architecture.name],
        "model_type": architecture.model_type,
        "vocab_size": config.vocab_size,
        **architecture.told(config),
        "tie_word_embeddings": config.tied_head,
        # Always said, null too: where they are left out each class has ids of its own.
        **{f"{role}_token_id": special.get(role) for role in ("bos", "eos", "pad")},
        "torch_dtype": dtype,
    }


def read_config(said: Json, where: str) -> tuple[ModelConfig, Architecture]:
    """The model that a config.json is of. Raises UsageError that names the key that we have nothing for."""
    kind = said.get("model_type")
    known = {one.model_type: one for one in ARCHITECTURES}
    if kind not in known:
        raise UsageError(f"{where}: model_type '{kind}' can't be imported; known: {', '.join(sorted(known))}")
    architecture = known[kind]
    if said.get("quantization_config") is not None:
        raise UsageError(f"{where}: quantization_config: quantised weights can't be imported; take the original ones")
    held = {**architecture.defaults, **said}
    for key, allowed in architecture.must.items():
        if key in held and held[key] not in allowed:
            raise UsageError(
                f"{where}: {key}: {yaml_of(held[key])} can't be imported; only {' or '.join(map(yaml_of, allowed))} can"
            )
    try:
        values = architecture.read(held) | {"tied_head": bool(held["tie_word_embeddings"])}
    except KeyError as error:
        raise UsageError(f"{where}: {error.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from None
    return validated(ModelConfig, values, where), architecture
