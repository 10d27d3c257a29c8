"""OPTForCausalLM: learned positions, ReLU; of 350M also norms after sums and narrow embeddings."""

from __future__ import annotations

from typing import Any, Final

from dataprep.training.hf.architecture import ACTIVATIONS, PLAIN_LAYER_NORM, Architecture, Json, activation, whole_heads
from dataprep.training.hf.layouts import BLOCK, HEAD, OFFSET, QKV, SAME, Entry, linear
from dataprep.training.model.config import ModelConfig


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
        "activation": activation(said, "activation_function"),
        "position": "learned",
        "attention_bias": said["enable_bias"],
        "output_bias": said["enable_bias"],
        "init_std": said["init_std"],
    }


def _opt_also(config: ModelConfig) -> dict[str, Any]:
    needed = {**whole_heads(config), "output_bias": config.attention_bias}
    if config.embedding_width == config.width:  # there is no such projection
        needed["embedding_width"] = None
    return needed


OPT: Final = Architecture(
    name="OPTForCausalLM",
    model_type="opt",
    values={
        **{k: v for k, v in PLAIN_LAYER_NORM.items() if k not in ("attention_bias", "output_bias", "embedding_width")},
        "norm_placement": ("pre", "post"),
        "norm_eps": (1e-5,),  # of torch's LayerNorm: OPT has no setting for it
    },
    also=_opt_also,
    told=lambda config: {
        "max_position_embeddings": config.context,
        "hidden_size": config.width,
        "word_embed_proj_dim": config.embedding_width or config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "ffn_dim": config.ffn_dim,
        "activation_function": ACTIVATIONS[config.activation],
        "do_layer_norm_before": config.norm_placement == "pre",
        "enable_bias": config.attention_bias,
        "layer_norm_elementwise_affine": True,
        "init_std": config.init_std,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    },
    defaults={
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
    must={"layer_norm_elementwise_affine": (True,)},
    read=_opt_read,
    entries=[
        Entry("model.decoder.embed_tokens.weight", ("embed.weight",), SAME),
        Entry("model.decoder.project_in.weight", ("embed_in.weight",), SAME),
        Entry("model.decoder.project_out.weight", ("embed_out.weight",), SAME),
        Entry("model.decoder.embed_positions.weight", ("positions.weight",), OFFSET),
        *linear("model.decoder.final_layer_norm", "norm"),
        *linear("model.decoder.layers.N.self_attn_layer_norm", f"{BLOCK}.attention_norm"),
        *linear("model.decoder.layers.N.final_layer_norm", f"{BLOCK}.feed_forward_norm"),
        *(
            entry
            for theirs, ours in zip(("q_proj", "k_proj", "v_proj", "out_proj"), (*QKV, "output"), strict=True)
            for entry in linear(f"model.decoder.layers.N.self_attn.{theirs}", f"{BLOCK}.attention.{ours}")
        ),
        *linear("model.decoder.layers.N.fc1", f"{BLOCK}.feed_forward.up"),
        *linear("model.decoder.layers.N.fc2", f"{BLOCK}.feed_forward.down"),
        HEAD,
    ],
    prefix="model.",
)
