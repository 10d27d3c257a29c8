"""What is to be known of one model class of the transformers library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from dataprep.errors import did_you_mean
from dataprep.training.hf.layouts import Entry
from dataprep.training.model.config import ModelConfig

Json = dict[str, Any]
ACTIVATIONS: Final = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "swish": "silu"}
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
    entries: list[Entry]
    """All its weights."""
    prefix: str
    """What names of weights lack in a model that was saved without its head."""
    ignored: tuple[str, ...] = ()
    """Ends of names that are no weights."""


PLAIN: Final[dict[str, tuple[Any, ...]]] = {
    "window": (None,),
    "qk_norm": (False,),
    "head_bias": (False,),
    "embedding_norm": (False,),
    "embedding_width": (None,),
}
PLAIN_LAYER_NORM: Final[dict[str, tuple[Any, ...]]] = {
    **PLAIN,
    "norm": ("layer_norm",),
    "norm_placement": ("pre",),
    "activation": tuple(ACTIVATIONS),
    "position": ("learned",),
    "attention_bias": (True,),
    "output_bias": (True,),
    "norm_bias": (True,),
}


def yaml_of(value: Any) -> str:
    """As a user writes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def activation(said: Json, key: str) -> str:
    """Our name of the activation that a config.json names. Raises ValueError if we have none."""
    by_name = {theirs: ours for ours, theirs in ACTIVATIONS.items()} | _SAME
    if said[key] not in by_name:
        raise ValueError(f"{key}: {said[key]} can't be imported{did_you_mean(str(said[key]), by_name)}")
    return by_name[said[key]]


def heads_divide(config: ModelConfig) -> dict[str, Any]:
    """What transformers asks of hidden states, even where heads may have any width."""
    return {} if config.width % config.heads == 0 else {"heads": f"a divisor of {config.width}"}


def whole_heads(config: ModelConfig) -> dict[str, Any]:
    """Multi-head attention, as wide as hidden states."""
    return {"kv_heads": config.heads, "head_width": config.width // config.heads, **heads_divide(config)}
