"""Names and layouts of weights in models of the transformers library, and ours, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor

from dataprep.errors import InputError
from dataprep.training.hf.shapes import Architecture
from dataprep.training.model.config import ModelConfig

State = dict[str, Tensor]


class Layout(NamedTuple):
    """How their one tensor is made of ours, and taken apart again."""

    join: Callable[[list[Tensor], ModelConfig], Tensor]
    split: Callable[[Tensor, ModelConfig], list[Tensor]]


class Entry(NamedTuple):
    """Weights of ours that are one tensor of theirs. `N` stands for the number of a block."""

    theirs: str
    ours: tuple[str, ...]
    layout: Layout


SAME: Final = Layout(lambda parts, _: parts[0], lambda whole, _: [whole])
TURNED: Final = Layout(lambda parts, _: parts[0].t(), lambda whole, _: [whole.t()])
"""GPT-2 keeps matrices the other way round: [in, out]."""
JOINED: Final = Layout(lambda parts, _: torch.cat(parts, -1), lambda whole, _: list(whole.chunk(3, -1)))
JOINED_TURNED: Final = Layout(
    lambda parts, _: torch.cat([part.t() for part in parts], -1),
    lambda whole, _: [part.t() for part in whole.chunk(3, -1)],
)
"""Queries, keys, values one after another."""


def _by_head(parts: list[Tensor], config: ModelConfig) -> Tensor:
    heads = [part.view(config.heads, config.head_dim, *part.shape[1:]) for part in parts]
    return torch.stack(heads, 1).flatten(0, 2)


def _from_heads(whole: Tensor, config: ModelConfig) -> list[Tensor]:
    heads = whole.view(config.heads, 3, config.head_dim, *whole.shape[1:])
    return [heads[:, n].flatten(0, 1) for n in range(3)]


BY_HEAD: Final = Layout(_by_head, _from_heads)
"""Query, key and value of the first head, then of the next one."""
_BEFORE: Final = 2
"""Rows of OPT's table of positions before the first position; nothing reads them."""
OFFSET: Final = Layout(
    lambda parts, _: torch.cat([parts[0].new_zeros(_BEFORE, parts[0].shape[1]), parts[0]]),
    lambda whole, _: [whole[_BEFORE:]],
)


def _linear(theirs: str, ours: str, layout: Layout = SAME) -> list[Entry]:
    """Weight and bias; a bias has no other way round."""
    return [
        Entry(f"{theirs}.weight", (f"{ours}.weight",), layout),
        Entry(f"{theirs}.bias", (f"{ours}.bias",), SAME),
    ]


_BLOCK: Final = "blocks.N"
_QKV: Final = ("query", "key", "value")


def _fused(theirs: str, weight: Layout, bias: Layout) -> list[Entry]:
    return [
        Entry(f"{theirs}.{kind}", tuple(f"{_BLOCK}.attention.{part}.{kind}" for part in _QKV), layout)
        for kind, layout in (("weight", weight), ("bias", bias))
    ]


class Names(NamedTuple):
    """All weights of an architecture."""

    prefix: str
    """What a model saved without its head leaves out."""
    entries: list[Entry]
    ignored: tuple[str, ...]
    """Ends of names that are no weights."""


_HEAD: Final = Entry("lm_head.weight", ("head.weight",), SAME)

NAMES: Final = {
    "llama": Names(
        "model.",
        [
            Entry("model.embed_tokens.weight", ("embed.weight",), SAME),
            *_linear("model.norm", "norm"),
            *_linear("model.layers.N.input_layernorm", f"{_BLOCK}.attention_norm"),
            *_linear("model.layers.N.post_attention_layernorm", f"{_BLOCK}.feed_forward_norm"),
            *(
                entry
                for theirs, ours in zip("qkvo", (*_QKV, "output"), strict=True)
                for entry in _linear(f"model.layers.N.self_attn.{theirs}_proj", f"{_BLOCK}.attention.{ours}")
            ),
            *(
                entry
                for part in ("gate", "up", "down")
                for entry in _linear(f"model.layers.N.mlp.{part}_proj", f"{_BLOCK}.feed_forward.{part}")
            ),
            _HEAD,
        ],
        ("rotary_emb.inv_freq",),
    ),
    "gpt2": Names(
        "transformer.",
        [
            Entry("transformer.wte.weight", ("embed.weight",), SAME),
            Entry("transformer.wpe.weight", ("positions.weight",), SAME),
            *_linear("transformer.ln_f", "norm"),
            *_linear("transformer.h.N.ln_1", f"{_BLOCK}.attention_norm"),
            *_linear("transformer.h.N.ln_2", f"{_BLOCK}.feed_forward_norm"),
            *_fused("transformer.h.N.attn.c_attn", JOINED_TURNED, JOINED),
            *_linear("transformer.h.N.attn.c_proj", f"{_BLOCK}.attention.output", TURNED),
            *_linear("transformer.h.N.mlp.c_fc", f"{_BLOCK}.feed_forward.up", TURNED),
            *_linear("transformer.h.N.mlp.c_proj", f"{_BLOCK}.feed_forward.down", TURNED),
            _HEAD,
        ],
        (".attn.bias", ".attn.masked_bias"),
    ),
    "bloom": Names(
        "transformer.",
        [
            Entry("transformer.word_embeddings.weight", ("embed.weight",), SAME),
            *_linear("transformer.word_embeddings_layernorm", "embed_norm"),
            *_linear("transformer.ln_f", "norm"),
            *_linear("transformer.h.N.input_layernorm", f"{_BLOCK}.attention_norm"),
            *_linear("transformer.h.N.post_attention_layernorm", f"{_BLOCK}.feed_forward_norm"),
            *_fused("transformer.h.N.self_attention.query_key_value", BY_HEAD, BY_HEAD),
            *_linear("transformer.h.N.self_attention.dense", f"{_BLOCK}.attention.output"),
            *_linear("transformer.h.N.mlp.dense_h_to_4h", f"{_BLOCK}.feed_forward.up"),
            *_linear("transformer.h.N.mlp.dense_4h_to_h", f"{_BLOCK}.feed_forward.down"),
            _HEAD,
        ],
        (),
    ),
    "opt": Names(
        "model.",
        [
            Entry("model.decoder.embed_tokens.weight", ("embed.weight",), SAME),
            Entry("model.decoder.project_in.weight", ("embed_in.weight",), SAME),
            Entry("model.decoder.project_out.weight", ("embed_out.weight",), SAME),
            Entry("model.decoder.embed_positions.weight", ("positions.weight",), OFFSET),
            *_linear("model.decoder.final_layer_norm", "norm"),
            *_linear("model.decoder.layers.N.self_attn_layer_norm", f"{_BLOCK}.attention_norm"),
            *_linear("model.decoder.layers.N.final_layer_norm", f"{_BLOCK}.feed_forward_norm"),
            *(
                entry
                for theirs, ours in zip(("q_proj", "k_proj", "v_proj", "out_proj"), (*_QKV, "output"), strict=True)
                for entry in _linear(f"model.decoder.layers.N.self_attn.{theirs}", f"{_BLOCK}.attention.{ours}")
            ),
            *_linear("model.decoder.layers.N.fc1", f"{_BLOCK}.feed_forward.up"),
            *_linear("model.decoder.layers.N.fc2", f"{_BLOCK}.feed_forward.down"),
            _HEAD,
        ],
        (),
    ),
}
"""By model_type."""


def outward(
    state: Mapping[str, Tensor], config: ModelConfig, architecture: Architecture
) -> Iterator[tuple[str, Tensor]]:
    """Our weights as theirs, one tensor after another, so that only one is made at a time."""
    left = set(state)
    for entry in _entries(config, architecture):
        if entry.ours[0] in state:
            left -= set(entry.ours)
            yield entry.theirs, entry.layout.join([state[name] for name in entry.ours], config)
    assert not left, f"no counterpart for {sorted(left)}"


def inward(state: Mapping[str, Tensor], config: ModelConfig, architecture: Architecture, where: str) -> State:
    """Their weights as ours. Raises InputError that names a tensor that is missing, too many or of another shape."""
    names = NAMES[architecture.model_type]
    held = {name: tensor for name, tensor in state.items() if not name.endswith(names.ignored)}
    if not any(name.startswith(names.prefix) for name in held):
        held = {name if name == _HEAD.theirs else names.prefix + name: tensor for name, tensor in held.items()}
    if config.tied_head:
        held.pop(_HEAD.theirs, None)
    shapes = expected(config)
    made: State = {}
    for entry in _entries(config, architecture):
        if entry.ours[0] not in shapes:
            continue
        if entry.theirs not in held:
            raise InputError(f"{where}: {entry.theirs} is missing; the weights are not those of its config.json")
        whole = held.pop(entry.theirs)
        try:
            parts = entry.layout.split(whole, config)
        except RuntimeError:
            parts = []
        wanted = [shapes[name] for name in entry.ours]
        if [part.shape for part in parts] != wanted:
            raise InputError(
                f"{where}: {entry.theirs} is {list(whole.shape)}, which is not the shape that its config.json gives it"
            )
        made.update(zip(entry.ours, parts, strict=True))
    if held:
        raise InputError(f"{where}: {min(held)} has no counterpart here; the weights are not those of its config.json")
    missing = shapes.keys() - made.keys()
    assert not missing, f"no counterpart for {sorted(missing)}"
    return made


def expected(config: ModelConfig) -> dict[str, torch.Size]:
    """Shapes of our weights by name. No memory is taken."""
    from dataprep.training.model.transformer import Transformer

    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in Transformer(config).state_dict().items()}


def _entries(config: ModelConfig, architecture: Architecture) -> Iterator[Entry]:
    entries = NAMES[architecture.model_type].entries
    for entry in entries:
        if _BLOCK not in entry.ours[0]:
            yield entry
    for n in range(config.layers):
        for entry in entries:
            if _BLOCK in entry.ours[0]:
                ours = tuple(name.replace("N", str(n), 1) for name in entry.ours)
                yield Entry(entry.theirs.replace(".N.", f".{n}."), ours, entry.layout)
