"""Architectures of the transformers library and the `ModelConfig` that each of them is; what has no counterpart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from dataprep.errors import UsageError, did_you_mean
from dataprep.training.model.config import ModelConfig

Json = dict[str, Any]
_ACTIVATIONS: Final = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "swish": "silu"}
_SAME: Final = {"gelu_pytorch_tanh": "gelu_tanh", "gelu_fast": "gelu_tanh", "swish": "swish"}
"""Other names of activations that we have."""


class Architecture(NamedTuple):
    """One model class of transformers."""

    name: str
    model_type: str
    values: dict[str, tuple[Any, ...]]
    """Fields of `ModelConfig` and what they may be; those that are not named may be anything."""
    also: Callable[[ModelConfig], dict[str, Any]]
    """Of a config that fits otherwise: fields that hang together with others, and what each would have to be."""
    told: Callable[[ModelConfig], Json]
    """What config.json says of a ModelConfig that fits."""
    defaults: Json
    """What keys are that a config.json may leave out."""
    must: dict[str, tuple[Any, ...]]
    """Keys of config.json that change what the model computes, and the only values that we have."""
    read: Callable[[Json], Json]
    """The values of a ModelConfig, of a config.json with defaults filled in."""


def fitting(config: ModelConfig) -> Architecture:
    """The architecture that a config is. Raises UsageError that names every field in the way of the nearest one."""
    order = [LLAMA, OPT, GPT2, BLOOM] if config.activation == "relu" else [LLAMA, GPT2, OPT, BLOOM]
    found = [(one, differing(config, one)) for one in order]
    nearest, fields = min(found, key=lambda pair: (len(pair[1]), "position" in pair[1]))
    if not fields:
        return nearest
    what = ", ".join(f"{name}: {_yaml(_value(config, name))}" for name in fields)
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
            found[name] = " or ".join(map(_yaml, allowed))
    for name, needed in architecture.also(config).items():
        if _value(config, name) != needed and name not in found:
            found[name] = _yaml(needed)
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
                f"{where}: {key}: {_yaml(held[key])} can't be imported; only {' or '.join(map(_yaml, allowed))} can"
            )
    try:
        values = architecture.read(held)
        return ModelConfig.model_validate({**values, "tied_head": bool(held["tie_word_embeddings"])}), architecture
    except KeyError as error:
        raise UsageError(f"{where}: {error.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: {' '.join(str(error).split())}") from None


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _activation(said: Json, key: str) -> str:
    by_name = {theirs: ours for ours, theirs in _ACTIVATIONS.items()} | _SAME
    if said[key] not in by_name:
        raise ValueError(f"{key}: {said[key]} can't be imported{did_you_mean(str(said[key]), by_name)}")
    return by_name[said[key]]


# ---------------------------------------------------------------- Llama

_PLAIN: Final[dict[str, tuple[Any, ...]]] = {
    "window": (None,),
    "qk_norm": (False,),
    "head_bias": (False,),
    "embedding_norm": (False,),
    "embedding_width": (None,),
}
_PLAIN_LAYER_NORM: Final[dict[str, tuple[Any, ...]]] = {
    **_PLAIN,
    "norm": ("layer_norm",),
    "norm_placement": ("pre",),
    "activation": tuple(_ACTIVATIONS),
    "position": ("learned",),
    "attention_bias": (True,),
    "output_bias": (True,),
    "norm_bias": (True,),
}


def _llama_told(config: ModelConfig) -> Json:
    rope, theta = _rope(config), config.rope_theta
    if config.rope_scaling is not None and config.rope_scaling.kind == "ntk":
        # It is another theta and nothing else: see `model.rope.frequencies`.
        theta *= config.rope_scaling.factor ** (config.head_dim / max(config.head_dim - 2, 1))
    return {
        "hidden_size": config.width,
        "intermediate_size": config.ffn_dim,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.groups,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "initializer_range": config.init_std,
        "rms_norm_eps": config.norm_eps,
        "attention_bias": config.attention_bias,
        "attention_dropout": 0.0,
        "mlp_bias": config.output_bias,
        # Version 5 reads `rope_parameters`. Version 4 knows only the other two, and takes 10000 where there is none.
        "rope_parameters": {"rope_theta": theta, **(rope or {"rope_type": "default"})},
        "rope_theta": theta,
        "rope_scaling": rope,
    }


def _rope(config: ModelConfig) -> Json | None:
    scaling = config.rope_scaling
    if scaling is None or scaling.kind == "ntk":
        return None
    rope: Json = {"rope_type": scaling.kind, "factor": float(scaling.factor)}
    if scaling.kind == "linear":
        return rope
    rope["original_max_position_embeddings"] = scaling.original_context
    low, high = ("low_freq_factor", "high_freq_factor") if scaling.kind == "llama3" else ("beta_slow", "beta_fast")
    return {**rope, low: float(scaling.low_frequency), high: float(scaling.high_frequency)}


def _llama_read(said: Json) -> Json:
    if said["attention_bias"] != said["mlp_bias"]:
        raise ValueError(
            f"attention_bias: {_yaml(said['attention_bias'])} with mlp_bias: {_yaml(said['mlp_bias'])} can't be "
            "imported; only both or none can"
        )
    scaling = said.get("rope_parameters") or said.get("rope_scaling") or {}
    theta = scaling.get("rope_theta") or said.get("rope_theta") or 10_000.0
    return {
        "vocab_size": said["vocab_size"],
        "context": said["max_position_embeddings"],
        "layers": said["num_hidden_layers"],
        "width": said["hidden_size"],
        "heads": said["num_attention_heads"],
        "kv_heads": said["num_key_value_heads"],
        "head_width": said["head_dim"],
        "ffn_width": said["intermediate_size"],
        "norm": "rms_norm",
        "norm_eps": said["rms_norm_eps"],
        "activation": "swiglu",
        "position": "rope",
        "rope_theta": theta,
        "rope_scaling": _rope_read(scaling, said["max_position_embeddings"]),
        "attention_bias": said["attention_bias"],
        "output_bias": said["mlp_bias"],
        "init_std": said["initializer_range"],
    }


def _rope_read(rope: Json, context: int) -> Json | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind not in ("linear", "llama3", "yarn"):
        raise ValueError(f"rope_type: {kind} can't be imported; only default, linear, llama3 or yarn can")
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError(f"partial_rotary_factor: {rope['partial_rotary_factor']} can't be imported; only 1.0 can")
    factor = rope["factor"]
    if kind == "linear":
        return {"kind": kind, "factor": factor, "original_context": max(1, round(context / factor))}
    original = rope.get("original_max_position_embeddings", context)
    if kind == "llama3":
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    else:
        low, high = rope.get("beta_slow") or 1.0, rope.get("beta_fast") or 32.0
        told = rope.get("attention_factor")
        usual = 0.1 * math.log(factor) + 1
        if told is not None and not math.isclose(told, usual, rel_tol=1e-6):
            raise ValueError(f"attention_factor: {told} can't be imported; only {usual:.6f} can (0.1 ln factor + 1)")
        if rope.get("mscale") and rope.get("mscale_all_dim"):
            raise ValueError("mscale and mscale_all_dim can't be imported")
        if rope.get("truncate", True) is not True:
            raise ValueError("truncate: false can't be imported; only true can")
    return {"kind": kind, "factor": factor, "original_context": original, "low_frequency": low, "high_frequency": high}


def _heads_divide(config: ModelConfig) -> dict[str, Any]:
    # transformers refuses another width of hidden states, although heads may have any width.
    return {} if config.width % config.heads == 0 else {"heads": f"a divisor of {config.width}"}


LLAMA: Final = Architecture(
    "LlamaForCausalLM",
    "llama",
    {
        **_PLAIN,
        "norm": ("rms_norm",),
        "norm_placement": ("pre",),
        "activation": ("swiglu",),
        "position": ("rope",),
    },
    lambda config: {"output_bias": config.attention_bias, **_heads_divide(config)},
    _llama_told,
    {
        "vocab_size": 32000,
        "max_position_embeddings": 2048,
        "num_key_value_heads": None,
        "head_dim": None,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "rms_norm_eps": 1e-6,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
    },
    {"hidden_act": ("silu", "swish"), "partial_rotary_factor": (None, 1, 1.0)},
    _llama_read,
)


# ---------------------------------------------------------------- GPT-2


def _whole_heads(config: ModelConfig) -> dict[str, Any]:
    """Multi-head attention, as wide as hidden states."""
    return {"kv_heads": config.heads, "head_width": config.width // config.heads, **_heads_divide(config)}


GPT2: Final = Architecture(
    "GPT2LMHeadModel",
    "gpt2",
    _PLAIN_LAYER_NORM,
    _whole_heads,
    lambda config: {
        "n_positions": config.context,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": config.ffn_dim,
        "activation_function": _ACTIVATIONS[config.activation],
        "layer_norm_epsilon": config.norm_eps,
        "initializer_range": config.init_std,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
    },
    {
        "vocab_size": 50257,
        "n_positions": 1024,
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
        "n_inner": None,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "tie_word_embeddings": True,
    },
    {
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
    lambda said: {
        "vocab_size": said["vocab_size"],
        "context": said["n_positions"],
        "layers": said["n_layer"],
        "width": said["n_embd"],
        "heads": said["n_head"],
        "ffn_width": said["n_inner"],
        "norm": "layer_norm",
        "norm_eps": said["layer_norm_epsilon"],
        "activation": _activation(said, "activation_function"),
        "position": "learned",
        "attention_bias": True,
        "output_bias": True,
        "init_std": said["initializer_range"],
    },
)


# ---------------------------------------------------------------- BLOOM

BLOOM: Final = Architecture(
    "BloomForCausalLM",
    "bloom",
    {**_PLAIN_LAYER_NORM, "activation": ("gelu_tanh",), "position": ("alibi",), "embedding_norm": (True,)},
    lambda config: {**_whole_heads(config), "ffn_width": 4 * config.width},
    lambda config: {
        "hidden_size": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "layer_norm_epsilon": config.norm_eps,
        "initializer_range": config.init_std,
        "seq_length": config.context,
        "apply_residual_connection_post_layernorm": False,
        "attention_dropout": 0.0,
        "hidden_dropout": 0.0,
    },
    {
        "vocab_size": 250880,
        "hidden_size": 64,
        "n_layer": 2,
        "n_head": 8,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "seq_length": 2048,  # what BLOOM was trained with (arXiv:2211.05100); alibi itself has no end
        "tie_word_embeddings": True,
    },
    {"apply_residual_connection_post_layernorm": (False,)},
    lambda said: {
        "vocab_size": said["vocab_size"],
        "context": said["seq_length"],
        "layers": said["n_layer"],
        "width": said.get("n_embed") or said["hidden_size"],
        "heads": said["n_head"],
        "norm": "layer_norm",
        "norm_eps": said["layer_norm_epsilon"],
        "activation": "gelu_tanh",
        "position": "alibi",
        "embedding_norm": True,
        "attention_bias": True,
        "output_bias": True,
        "init_std": said["initializer_range"],
    },
)


# ---------------------------------------------------------------- OPT


def _opt_read(said: Json) -> Json:
    if said["_remove_final_layer_norm"] and said["do_layer_norm_before"]:
        raise ValueError("_remove_final_layer_norm: true can't be imported; only false can")
    narrow = said["word_embed_proj_dim"]
    return {
        "vocab_size": said["vocab_size"],
        "context": said["max_position_embeddings"],
        "layers": said["num_hidden_layers"],
        "width": said["hidden_size"],
        "heads": said["num_attention_heads"],
        "ffn_width": said["ffn_dim"],
        "embedding_width": None if narrow == said["hidden_size"] else narrow,
        "norm": "layer_norm",
        "norm_placement": "pre" if said["do_layer_norm_before"] else "post",
        "norm_eps": 1e-5,
        "activation": _activation(said, "activation_function"),
        "position": "learned",
        "attention_bias": said["enable_bias"],
        "output_bias": said["enable_bias"],
        "init_std": said["init_std"],
    }


def _opt_also(config: ModelConfig) -> dict[str, Any]:
    needed = {**_whole_heads(config), "output_bias": config.attention_bias}
    if config.embedding_width == config.width:  # there is no such projection
        needed["embedding_width"] = None
    return needed


OPT: Final = Architecture(
    "OPTForCausalLM",
    "opt",
    {
        **{k: v for k, v in _PLAIN_LAYER_NORM.items() if k not in ("attention_bias", "output_bias", "embedding_width")},
        "norm_placement": ("pre", "post"),
        "norm_eps": (1e-5,),  # of torch's LayerNorm: OPT has no setting for it
    },
    _opt_also,
    lambda config: {
        "max_position_embeddings": config.context,
        "hidden_size": config.width,
        "word_embed_proj_dim": config.embedding_width or config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "ffn_dim": config.ffn_dim,
        "activation_function": _ACTIVATIONS[config.activation],
        "do_layer_norm_before": config.norm_placement == "pre",
        "enable_bias": config.attention_bias,
        "layer_norm_elementwise_affine": True,
        "init_std": config.init_std,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    },
    {
        "vocab_size": 50272,
        "max_position_embeddings": 2048,
        "hidden_size": 768,
        "word_embed_proj_dim": None,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "ffn_dim": 3072,
        "activation_function": "relu",
        "do_layer_norm_before": True,
        "_remove_final_layer_norm": False,
        "enable_bias": True,
        "init_std": 0.02,
        "tie_word_embeddings": True,
    },
    {"layer_norm_elementwise_affine": (True,)},
    _opt_read,
)

ARCHITECTURES: Final = (LLAMA, GPT2, BLOOM, OPT)
