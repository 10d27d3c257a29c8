"""BloomForCausalLM: ALiBi, a norm after the embeddings."""

from __future__ import annotations

from typing import Final

from dataprep.training.hf.architecture import PLAIN_LAYER_NORM, Architecture, whole_heads
from dataprep.training.hf.layouts import BLOCK, BY_HEAD, HEAD, SAME, Entry, fused, linear

BLOOM: Final = Architecture(
    name="BloomForCausalLM",
    model_type="bloom",
    values={**PLAIN_LAYER_NORM, "activation": ("gelu_tanh",), "position": ("alibi",), "embedding_norm": (True,)},
    also=lambda config: {**whole_heads(config), "ffn_width": 4 * config.width},
    told=lambda config: {
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
    defaults={
        "vocab_size": 250880,
        "hidden_size": 64,
        "n_layer": 2,
        "n_head": 8,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "seq_length": 2048,  # what BLOOM was trained with (arXiv:2211.05100); alibi itself has no end
        "tie_word_embeddings": True,
    },
    must={"apply_residual_connection_post_layernorm": (False,)},
    read=lambda said: {
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
    entries=[
        Entry("transformer.word_embeddings.weight", ("embed.weight",), SAME),
        *linear("transformer.word_embeddings_layernorm", "embed_norm"),
        *linear("transformer.ln_f", "norm"),
        *linear("transformer.h.N.input_layernorm", f"{BLOCK}.attention_norm"),
        *linear("transformer.h.N.post_attention_layernorm", f"{BLOCK}.feed_forward_norm"),
        *fused("transformer.h.N.self_attention.query_key_value", BY_HEAD, BY_HEAD),
        *linear("transformer.h.N.self_attention.dense", f"{BLOCK}.attention.output"),
        *linear("transformer.h.N.mlp.dense_h_to_4h", f"{BLOCK}.feed_forward.up"),
        *linear("transformer.h.N.mlp.dense_4h_to_h", f"{BLOCK}.feed_forward.down"),
        HEAD,
    ],
    prefix="transformer.",
)
