"""`ModelConfig`: every choice of architecture, checked as one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Norm = Literal["layer_norm", "rms_norm"]
Placement = Literal["pre", "post", "sandwich"]
Activation = Literal["relu", "gelu", "gelu_tanh", "swish", "geglu", "swiglu"]
Position = Literal["none", "sinusoidal", "learned", "t5", "alibi", "rope"]

GATED: tuple[Activation, ...] = ("geglu", "swiglu")


class RopeScaling(BaseModel):
    """Rotary positions stretched over a longer context than the model was made for."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["linear", "ntk", "llama3", "yarn"]
    """`linear`: positions divided by `factor` (Chen et al. 2023, arXiv:2306.15595). `ntk`: theta raised so that the
    slowest frequency is divided by `factor`. `llama3`: only slow frequencies are divided (Llama 3.1). `yarn`: Peng et
    al. 2023 (arXiv:2309.00071), with its attention temperature."""
    factor: float = Field(gt=1)
    """How many times longer."""
    original_context: int = Field(ge=1)
    """Positions that the model was made for."""
    low_frequency: float = 1.0
    """`llama3` and `yarn`: turns over the original context below which a frequency is divided in full (llama3's
    `low_freq_factor`; yarn's `beta_slow`)."""
    high_frequency: float = 4.0
    """`llama3` and `yarn`: turns above which a frequency stays (`high_freq_factor`; yarn's `beta_fast`: 32)."""


class ModelConfig(BaseModel):
    """A causal transformer. Sizes are in elements."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    vocab_size: int = Field(ge=1)
    """Rows of the embedding and of the head."""
    context: int = Field(ge=1)
    """Most positions of a sequence; with learned and sinusoidal positions also the rows of their table."""
    layers: int = Field(ge=1)
    """Transformer blocks."""
    width: int = Field(ge=1)
    """Of hidden states."""
    heads: int = Field(ge=1)
    """Query heads."""
    kv_heads: int | None = Field(None, ge=1)
    """Key and value heads: None for as many as `heads` (MHA), 1 for MQA, between them GQA; divides `heads`."""
    head_width: int | None = Field(None, ge=1)
    """Of one head; None for `width` / `heads`."""
    ffn_width: int | None = Field(None, ge=1)
    """Of the feed-forward layer; None for 4 `width`, or, gated, 8/3 `width` rounded up to a multiple of 256."""
    embedding_width: int | None = Field(None, ge=1)
    """Of token embeddings, where it differs from `width`: a projection leads in and another out (OPT 350M)."""
    norm: Norm = "rms_norm"
    """Of every normalised place."""
    norm_placement: Placement = "pre"
    """`pre`: before each sublayer, and once after the last; `post`: after each residual sum; `sandwich`: before and
    after each sublayer, and once after the last."""
    norm_eps: float = Field(1e-5, gt=0)
    """Added to the variance."""
    activation: Activation = "swiglu"
    """Of the feed-forward layer. `geglu` and `swiglu` are gated: three matrices for two. `gelu_tanh` is GPT-2's."""
    position: Position = "rope"
    """How order is told: added to embeddings (`sinusoidal`, `learned`), to attention scores (`t5`, `alibi`), as a
    rotation of queries and keys (`rope`), or not at all (`none`)."""
    rope_theta: float = Field(10_000.0, gt=0)
    """Base of rotary frequencies."""
    rope_scaling: RopeScaling | None = None
    """Longer contexts by rotary positions."""
    t5_buckets: int = Field(32, ge=2)
    """Relative distances told apart by the T5 bias (Raffel et al. 2020), one table for all layers."""
    t5_max_distance: int = Field(128, ge=2)
    """From which all distances share a bucket."""
    window: int | None = Field(None, ge=1)
    """Sliding window: a position sees itself and `window` - 1 before it. None for all of them."""
    full_every: int | None = Field(None, ge=1)
    """With `window`: every n-th layer (n, 2n, ...) sees everything all the same."""
    qk_norm: bool = False
    """RMS norm of each query and key head, before rotary positions."""
    attention_bias: bool = False
    """Biases of queries, keys, values."""
    output_bias: bool = False
    """Biases of the attention's output and of the feed-forward matrices."""
    norm_bias: bool = True
    """Layer norms have a bias; RMS norms have none."""
    head_bias: bool = False
    """The head has a bias."""
    tied_head: bool = False
    """The head is the token embedding."""
    embedding_norm: bool = False
    """A norm right after the embeddings (BLOOM)."""
    embedding_shrink: float = Field(1.0, gt=0, le=1)
    """Gradients of token embeddings times this: e * a + detach(e) * (1 - a) (GLM-130B, arXiv:2210.02414, a = 0.1)."""
    init_std: float = Field(0.02, gt=0)
    """Standard deviation of initial matrices and embeddings."""
    init: Literal["gpt2", "normal", "scaled"] = "gpt2"
    """`normal`: every matrix from N(0, `init_std`). `gpt2`: those that write to the residual stream divided by
    sqrt(2 `layers`) (Radford et al. 2019). `scaled`: N(0, sqrt(2 / (5 `width`))) with the same division (Nguyen and
    Salazar 2019), in place of `init_std`."""

    @property
    def groups(self) -> int:
        """Key and value heads."""
        return self.kv_heads or self.heads

    @property
    def head_dim(self) -> int:
        """Width of a head."""
        return self.head_width or self.width // self.heads

    @property
    def gated(self) -> bool:
        """The feed-forward layer has a gate."""
        return self.activation in GATED

    @property
    def ffn_dim(self) -> int:
        """Width of the feed-forward layer."""
        if self.ffn_width:
            return self.ffn_width
        return -(-8 * self.width // (3 * 256)) * 256 if self.gated else 4 * self.width

    def window_of(self, layer: int) -> int | None:
        """The sliding window of a layer (from 0); None if it sees everything."""
        if self.window is None or (self.full_every and (layer + 1) % self.full_every == 0):
            return None
        return self.window

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        if self.head_width is None and self.width % self.heads:
            raise ValueError(
                f"width {self.width} is not a multiple of heads {self.heads}; change one or set head_width"
            )
        if self.heads % self.groups:
            raise ValueError(f"heads {self.heads} is not a multiple of kv_heads {self.groups}")
        if self.position == "rope" and self.head_dim % 2:
            raise ValueError(f"rotary positions need an even head width (got {self.head_dim})")
        if self.position == "sinusoidal" and self.width % 2:
            raise ValueError(f"sinusoidal positions need an even width (got {self.width})")
        if self.rope_scaling and self.position != "rope":
            raise ValueError(f"rope_scaling goes with position rope (got {self.position})")
        if self.full_every and self.window is None:
            raise ValueError("full_every goes with window; set window or leave full_every out")
        if self.position == "t5" and self.t5_max_distance <= self.t5_buckets // 2:
            raise ValueError("t5_max_distance must be above half of t5_buckets")
        return self

    def changed(self, **values: Any) -> ModelConfig:
        """The same with other values, checked again."""
        return ModelConfig.model_validate({**self.model_dump(exclude_unset=True), **values})
