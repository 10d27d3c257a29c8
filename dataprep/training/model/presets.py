"""Published shapes by name, each with its source, and the model that a run's file asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dataprep.errors import UsageError, did_you_mean
from dataprep.training.model.config import ModelConfig
from dataprep.yaml_file import validated

MULTIPLE = 64
"""What the vocabulary's size is rounded up to: matrix products run on whole tiles."""


def _shape(layers: int, width: int, heads: int, **others: Any) -> dict[str, Any]:
    return {"layers": layers, "width": width, "heads": heads, **others}


# Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", table 2, and its released code.
_GPT2: dict[str, Any] = {
    "vocab_size": 50257,
    "context": 1024,
    "norm": "layer_norm",
    "activation": "gelu_tanh",
    "position": "learned",
    "attention_bias": True,
    "output_bias": True,
    "tied_head": True,
}
_GPT2_SIZES = {
    "gpt2": _shape(12, 768, 12),
    "gpt2-medium": _shape(24, 1024, 16),
    "gpt2-large": _shape(36, 1280, 20),
    "gpt2-xl": _shape(48, 1600, 25),
}

# Brown et al. 2020, arXiv:2005.14165, table 2.1: GPT-2 with a longer context. Attention is full in all layers here; the
# paper has a sparse pattern in every other one, without its details. Two entries of the table do not fit together and
# are taken so that the number of parameters comes out: 1.3B has 16 heads of 128 (printed: 24), 13B a width of 5120
# (printed: 5140).
_GPT3 = {**_GPT2, "context": 2048}
_GPT3_SIZES = {
    "gpt3-125m": _shape(12, 768, 12),
    "gpt3-350m": _shape(24, 1024, 16),
    "gpt3-760m": _shape(24, 1536, 16),
    "gpt3-1.3b": _shape(24, 2048, 16),
    "gpt3-2.7b": _shape(32, 2560, 32),
    "gpt3-6.7b": _shape(32, 4096, 32),
    "gpt3-13b": _shape(40, 5120, 40),
    "gpt3-175b": _shape(96, 12288, 96),
}

# Zhang et al. 2022, arXiv:2205.01068, table 1 and section 2.2 (deviation 0.006); the released 350M differs from the
# others: post-norm, embeddings of 512.
_OPT = {**_GPT3, "vocab_size": 50272, "activation": "relu", "init_std": 0.006}
_OPT_SIZES = {
    "opt-125m": _shape(12, 768, 12),
    "opt-350m": _shape(24, 1024, 16, embedding_width=512, norm_placement="post"),
    "opt-1.3b": _shape(24, 2048, 32),
    "opt-2.7b": _shape(32, 2560, 32),
    "opt-6.7b": _shape(32, 4096, 32),
    "opt-13b": _shape(40, 5120, 40),
    "opt-30b": _shape(48, 7168, 56),
    "opt-66b": _shape(64, 9216, 72),
    "opt-175b": _shape(96, 12288, 96),
}

# Le Scao et al. 2022, arXiv:2211.05100, table 3 and section 3.2; the embedding has 250,880 rows for 250,680 tokens.
_BLOOM = {
    **_GPT3,
    "vocab_size": 250880,
    "position": "alibi",
    "embedding_norm": True,
}
_BLOOM_SIZES = {
    "bloom-560m": _shape(24, 1024, 16),
    "bloom-1.1b": _shape(24, 1536, 16),
    "bloom-1.7b": _shape(24, 2048, 16),
    "bloom-3b": _shape(30, 2560, 32),
    "bloom-7.1b": _shape(30, 4096, 32),
    # The training script's --init-method-std: sqrt(1 / (3 width)).
    "bloom-176b": _shape(70, 14336, 112, init_std=0.0048),
}

# Touvron et al. 2023, arXiv:2302.13971, table 2 and section 2.2; feed-forward widths and eps are the release's.
_LLAMA = {"vocab_size": 32000, "context": 2048, "norm_eps": 1e-6}
_LLAMA_SIZES = {
    "llama-7b": _shape(32, 4096, 32, ffn_width=11008),
    "llama-13b": _shape(40, 5120, 40, ffn_width=13824),
    "llama-33b": _shape(60, 6656, 52, ffn_width=17920),
    "llama-65b": _shape(80, 8192, 64, ffn_width=22016),
}

# Touvron et al. 2023, arXiv:2307.09288, table 1 and section 2.2; the rest from the release.
_LLAMA2 = {"vocab_size": 32000, "context": 4096, "norm_eps": 1e-5}
_LLAMA2_SIZES = {
    "llama2-7b": _shape(32, 4096, 32, ffn_width=11008),
    "llama2-13b": _shape(40, 5120, 40, ffn_width=13824),
    "llama2-70b": _shape(80, 8192, 64, kv_heads=8, ffn_width=28672),
}

# DeepSeek-AI 2024, arXiv:2401.02954, table 2 and sections 2.2 and 2.3 (deviation 0.006).
_DEEPSEEK = {"vocab_size": 102400, "context": 4096, "norm_eps": 1e-6, "init": "normal", "init_std": 0.006}
_DEEPSEEK_SIZES = {
    "deepseek-7b": _shape(30, 4096, 32, ffn_width=11008),
    "deepseek-67b": _shape(95, 8192, 64, kv_heads=8, ffn_width=22016),
}

PRESETS: dict[str, dict[str, Any]] = {
    name: {**family, **shape}
    for family, sizes in (
        (_GPT2, _GPT2_SIZES),
        (_GPT3, _GPT3_SIZES),
        (_OPT, _OPT_SIZES),
        (_BLOOM, _BLOOM_SIZES),
        (_LLAMA, _LLAMA_SIZES),
        (_LLAMA2, _LLAMA2_SIZES),
        (_DEEPSEEK, _DEEPSEEK_SIZES),
    )
    for name, shape in sizes.items()
}


def preset(name: str) -> dict[str, Any]:
    """The values of `ModelConfig` of a published model. Raises UsageError for a name that is not known."""
    if name not in PRESETS:
        raise UsageError(f"no preset '{name}'{did_you_mean(name, PRESETS)}")
    return dict(PRESETS[name])


def resolve(model: Mapping[str, Any], *, vocab_size: int | None, context: int | None, where: str) -> ModelConfig:
    """The model of `{preset: NAME, KEY: VALUE, ...}`, checked. Raises UsageError that begins with `where`.

    `vocab_size` (the tokenizer's, rounded up to a multiple of 64) and `context` (the data's sequence length) take the
    place of the preset's; values in `model` hold if they are not smaller. A preset's `ffn_width` belongs to its width:
    with another `width` it is `ModelConfig`'s default again.
    """
    changes = dict(model)
    name = changes.pop("preset", None)
    values: dict[str, Any] = {}
    if name is not None:
        try:
            values = preset(str(name))
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None
    if changes.get("width", values.get("width")) != values.get("width"):
        values.pop("ffn_width", None)
    if vocab_size is not None:
        values["vocab_size"] = math.ceil(vocab_size / MULTIPLE) * MULTIPLE
    if context is not None:
        values["context"] = context
    config = validated(ModelConfig, values | changes, where)
    if vocab_size is not None and config.vocab_size < vocab_size:
        raise UsageError(
            f"{where}: vocab_size {config.vocab_size} is less than the tokenizer's {vocab_size}; leave it out"
        )
    if context is not None and config.context < context:
        raise UsageError(
            f"{where}: context {config.context} is less than the data's sequences of {context}; leave it out"
        )
    return config
