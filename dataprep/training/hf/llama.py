"""LlamaForCausalLM: rotary positions, RMS norms, SwiGLU."""

from __future__ import annotations

import math
from typing import Final

from dataprep.training.hf.architecture import PLAIN, Architecture, Json, heads_divide, yaml_of
from dataprep.training.hf.layouts import BLOCK, HEAD, QKV, SAME, Entry, linear
from dataprep.training.model.config import ModelConfig


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
            f"attention_bias: {yaml_of(said['attention_bias'])} with mlp_bias: {yaml_of(said['mlp_bias'])} can't be "
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


LLAMA: Final = Architecture(
    name="LlamaForCausalLM",
    model_type="llama",
    values={
        **PLAIN,
        "norm": ("rms_norm",),
        "norm_placement": ("pre",),
        "activation": ("swiglu",),
        "position": ("rope",),
    },
    also=lambda config: {"output_bias": config.attention_bias, **heads_divide(config)},
    told=_llama_told,
    defaults={
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
    must={"hidden_act": ("silu", "swish"), "partial_rotary_factor": (None, 1, 1.0)},
    read=_llama_read,
    entries=[
        Entry("model.embed_tokens.weight", ("embed.weight",), SAME),
        *linear("model.norm", "norm"),
        *linear("model.layers.N.input_layernorm", f"{BLOCK}.attention_norm"),
        *linear("model.layers.N.post_attention_layernorm", f"{BLOCK}.feed_forward_norm"),
        *(
            entry
            for theirs, ours in zip("qkvo", (*QKV, "output"), strict=True)
            for entry in linear(f"model.layers.N.self_attn.{theirs}_proj", f"{BLOCK}.attention.{ours}")
        ),
        *(
            entry
            for part in ("gate", "up", "down")
            for entry in linear(f"model.layers.N.mlp.{part}_proj", f"{BLOCK}.feed_forward.{part}")
        ),
        HEAD,
    ],
    prefix="model.",
    ignored=("rotary_emb.inv_freq",),
)
