"""The transformer's logits are those of transformers' models, and of a slow one written from the formulas."""

from __future__ import annotations

import re
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import plain_transformer  # noqa: E402

from dataprep.training.model.config import ModelConfig  # noqa: E402
from dataprep.training.model.position import alibi_slopes, t5_bucket  # noqa: E402
from dataprep.training.model.rope import frequencies  # noqa: E402
from dataprep.training.model.transformer import Transformer  # noqa: E402

TOKENS = 24
CPU = torch.device("cpu")


def shaken(model: Any, seed: int = 0) -> Any:
    """Every parameter moved away from where it starts, so that none can be left out unseen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            base = 1.0 if parameter.dim() == 1 and bool((parameter == 1).all()) else 0.0
            parameter.copy_(base + 0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def ids(vocab_size: int) -> Any:
    return torch.randint(0, vocab_size, (2, TOKENS), generator=torch.Generator().manual_seed(7))


def same_as(theirs: Any, config: ModelConfig, renamed: dict[str, Any]) -> None:
    ours = Transformer(config).eval()
    ours.load_state_dict(renamed)  # strict: every parameter, and no other
    tokens = ids(config.vocab_size)
    with torch.no_grad():
        expected, made = theirs(tokens).logits, ours(tokens)
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def renamed(state: dict[str, Any], table: dict[str, str]) -> dict[str, Any]:
    """The first pattern that matches gives the name; an empty one leaves the tensor out."""
    made = {}
    for name, value in state.items():
        for pattern, new in table.items():
            if re.search(pattern, name):
                if new:
                    made[re.sub(f"^.*?{pattern}", new, name)] = value
                break
        else:
            raise AssertionError(name)
    return made


LLAMA = {
    r"embed_tokens\.": "embed.",
    r"layers\.(\d+)\.self_attn\.q_proj": r"blocks.\1.attention.query",
    r"layers\.(\d+)\.self_attn\.k_proj": r"blocks.\1.attention.key",
    r"layers\.(\d+)\.self_attn\.v_proj": r"blocks.\1.attention.value",
    r"layers\.(\d+)\.self_attn\.o(?:ut)?_proj": r"blocks.\1.attention.output",
    r"layers\.(\d+)\.self_attn\.q_norm": r"blocks.\1.attention.query_norm",
    r"layers\.(\d+)\.self_attn\.k_norm": r"blocks.\1.attention.key_norm",
    r"layers\.(\d+)\.mlp\.(gate|up|down)_proj": r"blocks.\1.feed_forward.\2",
    r"layers\.(\d+)\.input_layernorm": r"blocks.\1.attention_norm",
    r"layers\.(\d+)\.post_attention_layernorm": r"blocks.\1.feed_forward_norm",
    r"model\.norm": "norm",
    r"lm_head": "head",
}
SIZES: dict[str, Any] = {"vocab_size": 96, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6}
OURS: dict[str, Any] = {"vocab_size": 96, "width": 48, "layers": 2, "heads": 6, "context": 64}
STRETCHED = {"factor": 4.0, "original_max_position_embeddings": 16}


@pytest.mark.parametrize("kv_heads", [6, 3, 1])
@pytest.mark.parametrize(
    ("rope", "config"),
    [
        ({"rope_type": "default"}, {}),
        ({"rope_type": "default", "rope_theta": 500.0}, {"rope_theta": 500.0}),
        ({"rope_type": "linear", **STRETCHED}, {"kind": "linear"}),
        (
            {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 3.0, **STRETCHED},
            {"kind": "llama3", "low_frequency": 1.0, "high_frequency": 3.0},
        ),
        (
            {"rope_type": "yarn", "beta_fast": 4.0, "beta_slow": 0.5, "rope_theta": 100.0, **STRETCHED},
            {"kind": "yarn", "low_frequency": 0.5, "high_frequency": 4.0, "rope_theta": 100.0},
        ),
    ],
)
def test_llama(kv_heads: int, rope: dict[str, Any], config: dict[str, Any]) -> None:
    theirs = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **SIZES,
            num_key_value_heads=kv_heads,
            intermediate_size=80,
            max_position_embeddings=64,
            rms_norm_eps=1e-5,
            rope_parameters={"rope_theta": 10000.0, **rope},
        )
    )
    scaling = {k: v for k, v in config.items() if k != "rope_theta"}
    more: dict[str, Any] = {"rope_theta": config.get("rope_theta", 10000.0)}
    if scaling:
        more["rope_scaling"] = {**scaling, "factor": 4.0, "original_context": 16}
    shaken(theirs)
    same_as(theirs, ModelConfig(**OURS, kv_heads=kv_heads, ffn_width=80, **more), renamed(theirs.state_dict(), LLAMA))


def test_qwen3_has_norms_of_queries_and_keys() -> None:
    theirs = transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(
            **SIZES,
            num_key_value_heads=2,
            head_dim=16,
            intermediate_size=80,
            max_position_embeddings=64,
            rms_norm_eps=1e-6,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
            tie_word_embeddings=True,
        )
    )
    shaken(theirs)
    state = {k: v for k, v in theirs.state_dict().items() if k != "lm_head.weight"}
    config = ModelConfig(**OURS, kv_heads=2, head_width=16, ffn_width=80, norm_eps=1e-6, qk_norm=True, tied_head=True)
    same_as(theirs, config, renamed(state, LLAMA))


def test_qwen2_has_a_sliding_window_and_biases() -> None:
    theirs = transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(
            **SIZES,
            num_key_value_heads=2,
            intermediate_size=80,
            max_position_embeddings=64,
            rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
            use_sliding_window=True,
            sliding_window=5,
            layer_types=["sliding_attention", "full_attention"],
        )
    )
    shaken(theirs)
    config = ModelConfig(**OURS, kv_heads=2, ffn_width=80, attention_bias=True, window=5, full_every=2)
    same_as(theirs, config, renamed(theirs.state_dict(), LLAMA))


LEARNED: dict[str, Any] = {
    **OURS, "norm": "layer_norm", "attention_bias": True, "output_bias": True, "tied_head": True
}  # fmt: skip


def test_gpt2() -> None:
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=96, n_positions=64, n_embd=48, n_layer=2, n_head=6)
    )
    shaken(theirs)
    state = {}
    for name, value in theirs.state_dict().items():
        if name == "lm_head.weight":
            continue
        value = value.t() if re.search(r"(c_\w+)\.weight", name) else value
        if "c_attn" in name:
            for part, piece in zip(("q", "k", "v"), value.chunk(3), strict=True):
                state[name.replace("c_attn", part)] = piece
        else:
            state[name] = value
    table = {
        r"wte": "embed",
        r"wpe": "positions",
        r"h\.(\d+)\.ln_1": r"blocks.\1.attention_norm",
        r"h\.(\d+)\.ln_2": r"blocks.\1.feed_forward_norm",
        r"h\.(\d+)\.attn\.q\.": r"blocks.\1.attention.query.",
        r"h\.(\d+)\.attn\.k\.": r"blocks.\1.attention.key.",
        r"h\.(\d+)\.attn\.v\.": r"blocks.\1.attention.value.",
        r"h\.(\d+)\.attn\.c_proj": r"blocks.\1.attention.output",
        r"h\.(\d+)\.mlp\.c_fc": r"blocks.\1.feed_forward.up",
        r"h\.(\d+)\.mlp\.c_proj": r"blocks.\1.feed_forward.down",
        r"ln_f": "norm",
    }
    same_as(theirs, ModelConfig(**LEARNED, position="learned", activation="gelu_tanh"), renamed(state, table))


def test_bloom() -> None:
    theirs = transformers.BloomForCausalLM(transformers.BloomConfig(vocab_size=96, hidden_size=48, n_layer=2, n_head=6))
    shaken(theirs)
    state = {}
    for name, value in theirs.state_dict().items():
        if "query_key_value" in name:
            for n, part in enumerate("qkv"):
                state[name.replace("query_key_value", part)] = value.unflatten(0, (6, 3, 8))[:, n].flatten(0, 1)
        elif name != "lm_head.weight":
            state[name] = value
    table = {
        r"word_embeddings\.": "embed.",
        r"word_embeddings_layernorm": "embed_norm",
        r"h\.(\d+)\.input_layernorm": r"blocks.\1.attention_norm",
        r"h\.(\d+)\.post_attention_layernorm": r"blocks.\1.feed_forward_norm",
        r"h\.(\d+)\.self_attention\.q\.": r"blocks.\1.attention.query.",
        r"h\.(\d+)\.self_attention\.k\.": r"blocks.\1.attention.key.",
        r"h\.(\d+)\.self_attention\.v\.": r"blocks.\1.attention.value.",
        r"h\.(\d+)\.self_attention\.dense": r"blocks.\1.attention.output",
        r"h\.(\d+)\.mlp\.dense_h_to_4h": r"blocks.\1.feed_forward.up",
        r"h\.(\d+)\.mlp\.dense_4h_to_h": r"blocks.\1.feed_forward.down",
        r"ln_f": "norm",
    }
    config = ModelConfig(**LEARNED, position="alibi", activation="gelu_tanh", embedding_norm=True)
    same_as(theirs, config, renamed(state, table))


@pytest.mark.parametrize("post", [False, True])
def test_opt(post: bool) -> None:
    theirs = transformers.OPTForCausalLM(
        transformers.OPTConfig(
            **SIZES,
            ffn_dim=192,
            max_position_embeddings=64,
            do_layer_norm_before=not post,
            word_embed_proj_dim=32 if post else 48,
            dropout=0.0,
        )
    )
    shaken(theirs)
    state = {k: v for k, v in theirs.state_dict().items() if k != "lm_head.weight"}
    positions = "model.decoder.embed_positions.weight"
    state[positions] = state[positions][2:]  # the first two rows are for padding
    table = {
        r"embed_tokens": "embed",
        r"embed_positions": "positions",
        r"project_in": "embed_in",
        r"project_out": "embed_out",
        r"layers\.(\d+)\.self_attn_layer_norm": r"blocks.\1.attention_norm",
        r"layers\.(\d+)\.final_layer_norm": r"blocks.\1.feed_forward_norm",
        r"layers\.(\d+)\.fc1": r"blocks.\1.feed_forward.up",
        r"layers\.(\d+)\.fc2": r"blocks.\1.feed_forward.down",
        r"decoder\.final_layer_norm": "norm",
        **{pattern: name for pattern, name in LLAMA.items() if "_proj" in pattern},
    }
    more: dict[str, Any] = {"norm_placement": "post", "embedding_width": 32} if post else {}
    same_as(theirs, ModelConfig(**LEARNED, position="learned", activation="relu", **more), renamed(state, table))


# ---------------------------------------------------------------- formulas

AXES: list[dict[str, Any]] = [
    *({"position": p} for p in ("none", "sinusoidal", "learned", "t5", "alibi", "rope")),
    *({"activation": a, "output_bias": True} for a in ("relu", "gelu", "gelu_tanh", "swish", "geglu", "swiglu")),
    *(
        {"norm_placement": p, "norm": n, "norm_bias": b}
        for p in ("pre", "post", "sandwich")
        for n, b in (("layer_norm", True), ("layer_norm", False), ("rms_norm", True))
    ),
    {"kv_heads": 1, "qk_norm": True, "window": 3},
    {"kv_heads": 2, "window": 4, "full_every": 2, "position": "t5"},
    {"kv_heads": 2, "window": 4, "position": "alibi", "attention_bias": True},
    {"embedding_width": 8, "tied_head": True, "head_bias": True, "embedding_norm": True},
    {"embedding_width": 8, "head_bias": True, "norm_eps": 0.1},
    {"head_width": 6, "position": "rope", "rope_theta": 50.0},
]


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_equals_the_formulas(axis: dict[str, Any]) -> None:
    config = ModelConfig(
        **{
            "vocab_size": 20, "context": 16, "layers": 2, "width": 24, "heads": 6, "ffn_width": 20, "t5_buckets": 6,
            "t5_max_distance": 10, "position": "none", **axis,
        }
    )  # fmt: skip
    model = shaken(Transformer(config), 3)
    tokens = torch.randint(0, 20, (13,), generator=torch.Generator().manual_seed(2))
    expected = plain_transformer.logits(model.state_dict(), config, tokens.tolist())
    with torch.no_grad():
        made = model(tokens[None])[0].double()
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_ntk_divides_the_slowest_frequency_and_leaves_the_fastest() -> None:
    scaling = {"kind": "ntk", "factor": 8.0, "original_context": 64}
    sizes: dict[str, Any] = {**OURS, "heads": 2}
    plain, _ = frequencies(ModelConfig(**sizes), CPU)
    stretched, scale = frequencies(ModelConfig(**sizes, rope_scaling=scaling), CPU)
    assert scale == 1
    assert float(stretched[0]) == float(plain[0]) == 1
    assert float(plain[-1] / stretched[-1]) == pytest.approx(8, rel=1e-5)
    assert (stretched[1:] < plain[1:]).all()


@pytest.mark.parametrize(("buckets", "most"), [(32, 128), (8, 20), (6, 10)])
def test_t5_buckets_are_those_of_transformers(buckets: int, most: int) -> None:
    from transformers.models.t5.modeling_t5 import T5Attention

    distance = torch.arange(300)
    theirs = T5Attention._relative_position_bucket(-distance, False, buckets, most)
    assert t5_bucket(distance, buckets, most).tolist() == theirs.tolist()
    assert t5_bucket(-distance, buckets, most).tolist() == [0] * 300


@pytest.mark.parametrize("heads", [1, 2, 6, 8, 12, 112])
def test_alibi_slopes(heads: int) -> None:
    assert alibi_slopes(heads, CPU).tolist() == pytest.approx(plain_transformer.slopes(heads), rel=1e-6)
