"""The transformer's own laws: masks, cache, initial weights, learning, casts, compilation, names."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from dataprep.training.model import mask as masks  # noqa: E402
from dataprep.training.model.attention import attend  # noqa: E402
from dataprep.training.model.cache import Cache  # noqa: E402
from dataprep.training.model.config import ModelConfig  # noqa: E402
from dataprep.training.model.init import initial  # noqa: E402
from dataprep.training.model.linear import Linear, together  # noqa: E402
from dataprep.training.model.norm import LayerNorm, RMSNorm  # noqa: E402
from dataprep.training.model.position import alibi_slopes  # noqa: E402
from dataprep.training.model.transformer import Transformer  # noqa: E402

CPU = torch.device("cpu")
POSITIONS = ("none", "sinusoidal", "learned", "t5", "alibi", "rope")
ATTENTION: dict[str, dict[str, Any]] = {
    "mha": {},
    "gqa": {"kv_heads": 2},
    "mqa": {"kv_heads": 1},
    "window": {"window": 4},
    "some windows": {"window": 3, "full_every": 2, "kv_heads": 2, "qk_norm": True},
}
KINDS = [pytest.param(p, a, id=f"{p}-{a}") for p, a in product(POSITIONS, ATTENTION)]


def config(**more: Any) -> ModelConfig:
    sizes = {"vocab_size": 32, "context": 20, "layers": 2, "width": 32, "heads": 4, "ffn_width": 48}
    return ModelConfig(**{**sizes, **more})


def made(seed: int = 0, **more: Any) -> Transformer:
    model = Transformer(config(init_std=0.2, **more))
    model.init_weights(seed)
    return model.eval()


def some(b: int, t: int, vocab_size: int = 32) -> Any:
    return torch.randint(0, vocab_size, (b, t), generator=torch.Generator().manual_seed(1))


def packed(lengths: list[int]) -> tuple[Any, Any]:
    """Document numbers and positions of one row."""
    documents = torch.cat([torch.full((n,), i, dtype=torch.int32) for i, n in enumerate(lengths)])
    return documents[None], torch.cat([torch.arange(n) for n in lengths])[None]


# ---------------------------------------------------------------- who sees whom


@pytest.mark.parametrize(("position", "attention"), KINDS)
def test_a_packed_row_is_its_documents(position: str, attention: str) -> None:
    model = made(position=position, **ATTENTION[attention])
    rows = [[5, 1, 8, 6], [11, 9]]
    documents, positions = (torch.cat(part) for part in zip(*map(packed, rows), strict=True))
    tokens = some(2, 20)
    with torch.no_grad():
        whole = model(tokens, documents=documents, positions=positions)
        for row, lengths in enumerate(rows):
            first = 0
            for n in lengths:
                alone = model(tokens[row : row + 1, first : first + n])[0]
                torch.testing.assert_close(whole[row, first : first + n], alone, rtol=1e-4, atol=1e-4)
                first += n
        assert float((model(tokens) - whole).abs().max()) > 1e-2  # without documents it is another thing


@pytest.mark.parametrize(("position", "attention"), KINDS)
def test_a_cache_changes_nothing(position: str, attention: str) -> None:
    model = made(position=position, **ATTENTION[attention])
    tokens = some(2, 14)
    cache = Cache(14)
    with torch.no_grad():
        parts = [model(part, cache=cache) for part in tokens.split([5, 1, 1, 4, 3], dim=1)]
        torch.testing.assert_close(torch.cat(parts, 1), model(tokens), rtol=1e-4, atol=1e-4)
    assert cache.seen == 14


@pytest.mark.parametrize(("position", "attention"), KINDS)
def test_nobody_sees_what_comes_later(position: str, attention: str) -> None:
    model = made(position=position, **ATTENTION[attention])
    tokens = some(1, 12)
    changed = tokens.clone()
    changed[0, 7] += 1
    with torch.no_grad():
        before, after = model(tokens), model(changed % 32)
    assert torch.equal(before[0, :7], after[0, :7])
    assert not torch.allclose(before[0, 7], after[0, 7])


def test_how_far_a_window_reaches() -> None:
    """Through two layers of window 4: six tokens back, and no more."""
    model = made(window=4, position="rope")
    tokens = some(1, 16)
    changed = tokens.clone()
    changed[0, 2] = (changed[0, 2] + 1) % 32
    with torch.no_grad():
        moved = (model(tokens) - model(changed))[0].abs().amax(-1)
    assert (moved[2:9] > 0).all()
    assert (moved[9:] == 0).all()


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_blocks_for_the_gpu_are_the_dense_mask() -> None:
    """The same rule by both kernels; without gradients, which flex_attention has none of on a CPU."""
    t, heads = 150, 4
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, n, t, 16, generator=generator) for n in (heads, 2, 2))
    documents = torch.stack([torch.arange(t) // 40, torch.arange(t) // 65]).int()
    slopes = alibi_slopes(heads, CPU)
    distance = torch.arange(t)[:, None] - torch.arange(t)
    bias = (-slopes[:, None, None] * distance)[None]
    for held, window, alibi in ((documents, None, False), (None, 17, False), (None, None, True), (documents, 17, True)):
        blocks = masks.blocks(t, window, held, slopes if alibi else None, CPU)
        dense = masks.dense(t, 0, window, held, bias if alibi else None, CPU)
        with torch.no_grad():
            torch.testing.assert_close(attend(query, key, value, blocks, True), attend(query, key, value, dense, True))
    assert masks.dense(t, 0, None, None, None, CPU).causal
    assert masks.dense(t, 0, t, None, None, CPU).causal  # a window as long as the row


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("position", POSITIONS)
def test_one_batch_is_learnt_by_heart(position: str, norm: str) -> None:
    tokens = some(2, 13)
    for attention in ("mha", "gqa", "mqa", "window"):
        model = Transformer(config(position=position, norm=norm, **ATTENTION[attention]))
        model.init_weights(0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0, betas=(0.9, 0.95))
        for _ in range(60):
            loss = functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
            if float(loss.detach()) < 0.1:
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert float(loss.detach()) < 0.1, attention


@pytest.mark.parametrize("placement", ["post", "sandwich"])
def test_other_placements_learn(placement: str) -> None:
    tokens = some(2, 13)
    model = Transformer(config(norm_placement=placement, activation="gelu", norm="layer_norm", position="alibi"))
    model.init_weights(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(120):
        loss = functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
    assert float(loss.detach()) < 0.1


def gradients(model: Transformer) -> dict[str, Any]:
    model.zero_grad()
    model(some(2, 12)).logsumexp(-1).sum().backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def test_shrink_multiplies_the_embedding_gradient_and_nothing_else() -> None:
    whole, eighth, tenth = (made(embedding_shrink=a) for a in (1.0, 0.125, 0.1))
    assert torch.equal(whole(some(1, 9)), tenth(some(1, 9)))
    expected, power, others = gradients(whole), gradients(eighth), gradients(tenth)
    assert torch.equal(power["embed.weight"], expected["embed.weight"] * 0.125)
    torch.testing.assert_close(others["embed.weight"], expected["embed.weight"] * 0.1)
    for name in expected:
        if name != "embed.weight":
            assert torch.equal(others[name], expected[name])


# ---------------------------------------------------------------- initial weights


@pytest.mark.parametrize(
    ("init", "std", "residual"),
    [
        ("normal", 0.05, 0.05),
        ("gpt2", 0.05, 0.05 / math.sqrt(2 * 8)),
        ("scaled", math.sqrt(2 / (5 * 128)), math.sqrt(2 / (5 * 128)) / math.sqrt(2 * 8)),
    ],
)
def test_deviations(init: str, std: float, residual: float) -> None:
    sizes = ModelConfig(
        vocab_size=512, context=256, layers=8, width=128, heads=4, init=init, init_std=0.05, norm="layer_norm",
        position="learned", attention_bias=True, output_bias=True, head_bias=True, qk_norm=True,
    )  # fmt: skip
    model = Transformer(sizes)
    model.init_weights(0)
    for name, parameter in model.state_dict().items():
        if name.endswith("bias"):
            assert (parameter == 0).all()
        elif "norm" in name:
            assert (parameter == 1).all()
        else:
            expected = residual if name.endswith(("attention.output.weight", "feed_forward.down.weight")) else std
            assert float(parameter.std()) == pytest.approx(expected, rel=0.04), name
            assert abs(float(parameter.mean())) < expected / 25, name


def test_a_seed_is_one_model_by_any_way() -> None:
    more: dict[str, Any] = {"position": "t5", "embedding_norm": True}
    direct, other = made(5, **more), made(6, **more)
    with torch.device("meta"):
        empty = Transformer(direct.config)
    empty = empty.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in empty.parameters():
            parameter.fill_(float("nan"))
    empty.init_weights(5)
    tokens = some(2, 10)
    for name, parameter in direct.named_parameters():
        assert torch.equal(parameter, empty.get_parameter(name)), name
        assert torch.equal(parameter, initial(name, parameter.shape, direct.config, 5))
    assert torch.equal(direct(tokens), empty(tokens))
    assert not torch.equal(direct.embed.weight, other.embed.weight)
    ours = direct.blocks["0"].attention  # type: ignore[union-attr]
    assert not torch.equal(ours.query.weight, ours.output.weight * math.sqrt(4))  # each has its own numbers


@pytest.mark.parametrize("position", POSITIONS)
def test_a_model_from_the_meta_device_is_whole_with_its_state(position: str) -> None:
    model = made(position=position)
    with torch.device("meta"):
        empty = Transformer(model.config)
    empty = empty.to_empty(device="cpu")
    empty.load_state_dict(model.state_dict())
    assert torch.equal(empty(some(1, 9)), model(some(1, 9)))
    assert not list(model.buffers())


# ---------------------------------------------------------------- casts, hooks, compilation


@pytest.mark.parametrize("norm", [LayerNorm(48, 1e-5, True), LayerNorm(48, 1e-5, False), RMSNorm(48, 1e-5)], ids=str)
def test_norms_of_bf16_are_worked_out_in_fp32(norm: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.copy_(torch.randn(48, generator=generator))
    x = (torch.randn(200, 48, generator=generator) * 10 + 30).bfloat16()
    exact = x.double() - (x.double().mean(-1, keepdim=True) if isinstance(norm, LayerNorm) else 0)
    exact = exact / (exact.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight.detach()
    expected = (exact + (0 if getattr(norm, "bias", None) is None else norm.bias.detach())).float()
    with torch.autocast("cpu", torch.bfloat16):
        under = norm(x)
    for y in (norm(x), under):
        assert y.dtype == torch.bfloat16
        # One rounding to bf16 at the end and none before: nearly all are the nearest number, the rest a tie apart.
        assert float((y == expected.bfloat16()).float().mean()) > 0.995
        torch.testing.assert_close(y.float(), expected, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("position", POSITIONS)
def test_autocast_keeps_the_residual_stream_in_bf16(position: str) -> None:
    model = made(position=position, kv_heads=2, qk_norm=True)
    dtypes = []
    model.blocks["1"].register_forward_pre_hook(lambda module, args: dtypes.append(args[0].dtype))
    tokens = some(2, 16)
    documents, positions = packed([6, 10])
    with torch.no_grad():
        exact = model(tokens, documents=documents.expand(2, -1), positions=positions.expand(2, -1))
        with torch.autocast("cpu", torch.bfloat16):
            cast = model(tokens, documents=documents.expand(2, -1), positions=positions.expand(2, -1))
    assert dtypes == [torch.float32, torch.bfloat16]
    assert cast.dtype == torch.bfloat16
    assert float((cast - exact).abs().max()) < 0.03 * float(exact.abs().max())


def test_layers_together_are_the_layers() -> None:
    layers = [Linear(8, n) for n in (6, 3, 5)]
    x = torch.randn(2, 4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        expected = [layer(x) for layer in layers]
        assert all(torch.equal(a, b) for a, b in zip(together(x, *layers), expected, strict=True))
        together(x, *layers)[1].sum().backward()
    assert float(layers[1].weight.grad.abs().sum()) > 0
    assert (layers[0].weight.grad == 0).all()
    called = []
    layers[2].register_forward_hook(lambda *_: called.append(1))  # an adapter or a plan has taken hold of it
    with torch.autocast("cpu", torch.bfloat16):
        together(x, *layers)
    assert called == [1]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # by the compiler itself
@pytest.mark.parametrize("more", [{"window": 4, "full_every": 2, "kv_heads": 2}, {"position": "alibi"}], ids=str)
def test_compiled_blocks_are_whole_graphs_and_equal(more: dict[str, Any]) -> None:
    model = made(layers=4, **more)
    documents, positions = packed([6, 10])

    def run() -> tuple[Any, dict[str, Any]]:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(some(1, 16), documents=documents, positions=positions)
        logits.float().logsumexp(-1).sum().backward()
        return logits.detach(), {name: p.grad.clone() for name, p in model.named_parameters()}

    plain, expected = run()
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    for block in model.blocks.values():
        block.compile(backend="aot_eager", fullgraph=True)
    logits, found = run()
    run()
    torch.testing.assert_close(logits, plain)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-2, atol=1e-2)
    # One graph for each kind of block, not for each block.
    kinds = {model.config.window_of(n) for n in range(4)}
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == len(kinds)


# ---------------------------------------------------------------- what others rely on


def test_then_runs_inside_forward() -> None:
    for more in ({"tied_head": True, "head_bias": True}, {"embedding_width": 8}, {"norm_placement": "post"}):
        model = made(**more)
        hidden, logits = model(some(2, 7), then=lambda hidden, head: (hidden, head(hidden[:, -1])))
        assert hidden.shape == (2, 7, model.config.embedding_width or 32)
        torch.testing.assert_close(logits, model(some(2, 7))[:, -1])


def test_names_of_parameters() -> None:
    norms = {"weight", "bias"}
    block = {
        *(f"{name}.{w}" for name in ("attention_norm", "attention_post_norm") for w in norms),
        *(f"{name}.{w}" for name in ("feed_forward_norm", "feed_forward_post_norm") for w in norms),
        *(f"attention.{name}.{w}" for name in ("query", "key", "value", "output") for w in norms),
        *("attention.query_norm.weight", "attention.key_norm.weight"),
        *(f"feed_forward.{name}.{w}" for name in ("up", "gate", "down") for w in norms),
    }
    model = made(
        norm="layer_norm", norm_placement="sandwich", attention_bias=True, output_bias=True, qk_norm=True,
        head_bias=True, embedding_width=8, embedding_norm=True, position="learned",
    )  # fmt: skip
    assert set(model.state_dict()) == {
        *("embed.weight", "embed_in.weight", "embed_out.weight", "positions.weight", "head.weight", "head.bias"),
        *("embed_norm.weight", "embed_norm.bias", "norm.weight", "norm.bias"),
        *(f"blocks.{n}.{name}" for n in range(2) for name in block),
    }
    least = made(position="t5", activation="relu", norm_placement="post", tied_head=True, kv_heads=1)
    assert {name: tuple(value.shape) for name, value in least.state_dict().items() if "blocks" not in name} == {
        "embed.weight": (32, 32),
        "relative.weight": (32, 4),
    }
    assert {name.removeprefix("blocks.1.") for name in least.state_dict() if name.startswith("blocks.1.")} == {
        *("attention_norm.weight", "feed_forward_norm.weight", "feed_forward.up.weight", "feed_forward.down.weight"),
        *(f"attention.{name}.weight" for name in ("query", "key", "value", "output")),
    }
