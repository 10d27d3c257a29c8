"""GPT2LMHeadModel: learned positions, layer norms, biases everywhere."""

from __future__ import annotations

from typing import Final

from dataprep.training.hf.architecture import ACTIVATIONS, PLAIN_LAYER_NORM, Architecture, activation, whole_heads
from dataprep.training.hf.layouts import BLOCK, HEAD, JOINED, JOINED_TURNED, SAME, TURNED, Entry, fused, linear

GPT2: Final = Architecture(
    name="GPT2LMHeadModel",
    model_type="gpt2",
    values=PLAIN_LAYER_NORM,
    also=whole_heads,
    told=lambda config: {
        "n_positions": config.context,
        "n_embd": config.width,
        "n_layer": config.layers,
        "n_head": config.heads,
        "n_inner": config.ffn_dim,
        "activation_function": ACTIVATIONS[config.activation],
        "layer_norm_epsilon": config.norm_eps,
        "initializer_range": config.init_std,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
    },
    defaults={
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
    must={
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
    read=lambda said: {
        "vocab_size": said["vocab_size"],
        "context": said["n_positions"],
        "layers": said["n_layer"],
        "width": said["n_embd"],
        "heads": said["n_head"],
        "ffn_width": said["n_inner"],
        "norm": "layer_norm",
        "norm_eps": said["layer_norm_epsilon"],
        "activation": activation(said, "activation_function"),
        "position": "learned",
        "attention_bias": True,
        "output_bias": True,
        "init_std": said["initializer_range"],
    },
    entries=[
        Entry("transformer.wte.weight", ("embed.weight",), SAME),
        Entry("transformer.wpe.weight", ("positions.weight",), SAME),
        *linear("transformer.ln_f", "norm"),
        *linear("transformer.h.N.ln_1", f"{BLOCK}.attention_norm"),
        *linear("transformer.h.N.ln_2", f"{BLOCK}.feed_forward_norm"),
        *fused("transformer.h.N.attn.c_attn", JOINED_TURNED, JOINED),
        *linear("transformer.h.N.attn.c_proj", f"{BLOCK}.attention.output", TURNED),
        *linear("transformer.h.N.mlp.c_fc", f"{BLOCK}.feed_forward.up", TURNED),
        *linear("transformer.h.N.mlp.c_proj", f"{BLOCK}.feed_forward.down", TURNED),
        HEAD,
    ],
    prefix="transformer.",
    ignored=(".attn.bias", ".attn.masked_bias"),
)
