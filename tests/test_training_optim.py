"""Optimisers: groups, formulas, state by name. Schedules: corner points and plain formulas."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dataprep.errors import InputError
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.transformer import Transformer
from dataprep.training.optim.adafactor import Adafactor
from dataprep.training.optim.build import load_named_state, named_state, optimizer
from dataprep.training.optim.schedule import ratio
from dataprep.training.optim.together import Together, divided
from dataprep.training.settings import Optimizer, Schedule

# ---------------------------------------------------------------- schedules


def plain(s: Schedule, tokens: int, total: int) -> float:
    """The formulas once more, as one writes them down, for schedules without corners of integers."""
    if tokens < s.warmup_tokens:
        return tokens / s.warmup_tokens
    end, low = s.total_tokens or total, s.min_ratio
    x = min(1.0, (tokens - s.warmup_tokens) / (end - s.warmup_tokens))
    if s.kind == "constant":
        return 1.0
    if s.kind == "linear":
        return 1 - x * (1 - low)
    if s.kind == "cosine":
        return low + 0.5 * (1 - low) * (1 + math.cos(math.pi * x))
    if s.kind == "multi_step":
        return 1.0 if tokens <= 0.8 * end else low**0.5 if tokens <= 0.9 * end else low
    decay = s.decay_tokens or end // 10
    y = min(1.0, max(0.0, (tokens - (end - decay)) / decay))
    shape = {"linear": y, "sqrt": y**0.5, "cosine": (1 - math.cos(math.pi * y)) / 2}[s.decay_shape]
    return 1 - shape * (1 - low)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "constant", "warmup_tokens": 100},
        {"kind": "cosine"},
        {"kind": "cosine", "warmup_tokens": 100, "min_ratio": 0.0},
        {"kind": "linear", "warmup_tokens": 37, "total_tokens": 700},
        {"kind": "multi_step", "warmup_tokens": 100},
        {"kind": "wsd", "warmup_tokens": 50},
        {"kind": "wsd", "decay_tokens": 300, "decay_shape": "sqrt", "min_ratio": 0.0},
        {"kind": "wsd", "decay_tokens": 300, "decay_shape": "cosine"},
    ],
)
def test_schedules_are_their_formulas(settings: dict[str, Any]) -> None:
    s = Schedule.model_validate(settings)
    found = [ratio(s, n, 1000) for n in range(1, 1200)]
    assert found == pytest.approx([plain(s, n, 1000) for n in range(1, 1200)])
    rising = s.warmup_tokens
    assert all(a < b for a, b in pairwise(found[:rising]))
    assert all(a >= b for a, b in pairwise(found[rising:]))


@pytest.mark.parametrize(
    ("settings", "corners"),
    [
        ({"kind": "constant", "warmup_tokens": 100}, {1: 0.01, 50: 0.5, 100: 1, 1000: 1, 9999: 1}),
        ({"kind": "cosine", "warmup_tokens": 200}, {100: 0.5, 200: 1, 600: 0.55, 1000: 0.1, 9999: 0.1}),
        ({"kind": "linear", "min_ratio": 0}, {1: 0.999, 500: 0.5, 1000: 0, 9999: 0}),
        ({"kind": "linear", "total_tokens": 400}, {200: 0.55, 400: 0.1, 1000: 0.1}),
        ({"kind": "multi_step"}, {1: 1, 800: 1, 801: 0.1**0.5, 900: 0.1**0.5, 901: 0.1, 1000: 0.1}),
        ({"kind": "wsd"}, {1: 1, 900: 1, 950: 0.55, 1000: 0.1, 9999: 0.1}),
        ({"kind": "wsd", "decay_tokens": 400, "decay_shape": "sqrt", "min_ratio": 0}, {600: 1, 700: 0.5, 1000: 0}),
        ({"kind": "wsd", "decay_tokens": 400, "decay_shape": "cosine", "min_ratio": 0}, {600: 1, 800: 0.5, 1000: 0}),
        # A way down that is longer than the run begins after the warm-up; a warm-up that is, never ends.
        ({"kind": "wsd", "decay_tokens": 5000, "warmup_tokens": 200, "min_ratio": 0}, {200: 1, 600: 0.5, 1000: 0}),
        ({"kind": "cosine", "warmup_tokens": 2000}, {1000: 0.5, 1999: 0.9995, 2000: 0.1}),
    ],
)
def test_corners(settings: dict[str, Any], corners: dict[int, float]) -> None:
    s = Schedule.model_validate(settings)
    assert {n: ratio(s, n, 1000) for n in corners} == pytest.approx(corners)


# ---------------------------------------------------------------- groups


def model(**changes: Any) -> Transformer:
    size = {"vocab_size": 24, "context": 8, "layers": 2, "width": 16, "heads": 2, "ffn_width": 24}
    made = Transformer(ModelConfig.model_validate({**size, **changes}))
    made.init_weights(0)
    return made


def members(made: Transformer, opt: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
    """(weight decay, learning rate) of each parameter by name."""
    names = {p: name for name, p in made.named_parameters()}
    found = [(names[p], (g["weight_decay"], g["base_lr"])) for g in opt.param_groups for p in g["params"]]
    assert len(found) == len(dict(found)) == len(names)
    assert all(g["lr"] == g["base_lr"] for g in opt.param_groups)
    return dict(found)


CHOICES: dict[str, Any] = {
    "norm": "layer_norm",
    "position": "learned",
    "attention_bias": True,
    "output_bias": True,
    "qk_norm": True,
    "embedding_width": 8,
    "head_bias": True,
}


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
@pytest.mark.parametrize("embeddings", [True, False])
def test_matrices_decay_and_nothing_else(name: str, embeddings: bool) -> None:
    made = model(**CHOICES)
    settings = Optimizer(name=name, weight_decay=0.3, learning_rate=0.01, decay_embeddings=embeddings)  # type: ignore[arg-type]
    found = members(made, optimizer(made, settings, device_type="cpu", shard_states=False))
    expected = {
        key: (0.3 if p.ndim == 2 and (embeddings or key not in ("embed.weight", "positions.weight")) else 0.0, 0.01)
        for key, p in made.named_parameters()
    }
    assert found == expected
    assert found["embed_in.weight"] == found["head.weight"] == (0.3, 0.01)
    assert found["blocks.0.attention.query_norm.weight"] == found["head.bias"] == (0.0, 0.01)


def test_muon_moves_the_matrices_of_blocks() -> None:
    made = model(**CHOICES)
    settings = Optimizer(name="muon", learning_rate=0.001, muon_learning_rate=0.05, muon_momentum=0.9)
    opt = optimizer(made, settings, device_type="cpu", shard_states=False)
    assert isinstance(opt, Together)
    muon, adamw = opt.optimizers
    if isinstance(muon, torch.optim.AdamW):
        muon, adamw = adamw, muon
    assert isinstance(muon, torch.optim.Muon)
    assert {g["momentum"] for g in muon.param_groups} == {0.9}
    names = {p: name for name, p in made.named_parameters()}
    moved = {names[p] for g in muon.param_groups for p in g["params"]}
    assert moved == {n for n, p in made.named_parameters() if n.startswith("blocks.") and p.ndim == 2}
    rates = members(made, opt)
    assert rates["blocks.1.feed_forward.down.weight"] == (0.1, 0.05)
    assert rates["embed.weight"] == (0.1, 0.001)
    assert rates["norm.weight"] == (0.0, 0.001)


def test_learning_rates_set_in_groups_hold() -> None:
    for name in ("adamw", "adafactor", "muon"):
        made = model()
        opt = optimizer(made, Optimizer(name=name), device_type="cpu", shard_states=False)  # type: ignore[arg-type]
        before = {key: p.detach().clone() for key, p in made.named_parameters()}
        made(torch.zeros(1, 4, dtype=torch.int64)).square().sum().backward()
        for group in opt.param_groups:
            group["lr"] = 0.0
        opt.step()
        assert all(p.equal(before[key]) for key, p in made.named_parameters())
        for group in opt.param_groups:
            group["lr"] = group["base_lr"]
        opt.step()
        assert not any(p.equal(before[key]) for key, p in made.named_parameters())
        opt.zero_grad()
        assert all(p.grad is None for p in made.parameters())


def test_frozen_parameters_are_nobodys() -> None:
    made = model()
    made.embed.requires_grad_(False)
    opt = optimizer(made, Optimizer(), device_type="cpu", shard_states=False)
    assert not any(p is made.embed.weight for g in opt.param_groups for p in g["params"])


def test_parameters_are_divided_evenly() -> None:
    sizes = [100, 1, 50, 50, 30, 30, 40, 0]
    owners = divided([torch.empty(n) for n in sizes], 3)
    held = [sum(p.numel() for p, owner in owners.items() if owner == rank) for rank in range(3)]
    assert sorted(held) == [91, 100, 110]
    assert len(owners) == len(sizes)


# ---------------------------------------------------------------- formulas


def test_adamw_is_its_formula() -> None:
    torch.manual_seed(0)
    made = nn.Linear(3, 2)
    settings = Optimizer(learning_rate=0.01, betas=(0.8, 0.9), eps=1e-6, weight_decay=0.2)
    opt = optimizer(made, settings, device_type="cpu", shard_states=False)
    weight, m, v = made.weight.detach().double(), torch.zeros(2, 3).double(), torch.zeros(2, 3).double()
    for t in range(1, 5):
        made.weight.grad = torch.randn(2, 3)
        made.bias.grad = torch.randn(2)
        g = made.weight.grad.double()
        opt.step()
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        weight = weight * (1 - 0.01 * 0.2)
        weight = weight - 0.01 * (m / (1 - 0.8**t)) / ((v / (1 - 0.9**t)).sqrt() + 1e-6)
        torch.testing.assert_close(made.weight.detach().double(), weight, rtol=1e-5, atol=1e-7)


def updates(shape: tuple[int, ...], steps: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    # Sizes that differ between steps, rows and columns, so that averages, factors and the clip all matter.
    scales = torch.rand(shape, generator=generator) * 3
    return [torch.randn(shape, generator=generator) * scales * (0.1 + t % 3) for t in range(steps)]


def test_adafactor_is_the_papers_formula() -> None:
    parameter = nn.Parameter(torch.ones(5, 3))
    vector = nn.Parameter(torch.ones(4))
    opt = Adafactor([{"params": [parameter], "weight_decay": 0.1}, {"params": [vector]}], lr=0.05)
    x, rows, columns = torch.ones(5, 3).double(), torch.zeros(5).double(), torch.zeros(3).double()
    y, squares = torch.ones(4).double(), torch.zeros(4).double()
    for t, (g, h) in enumerate(zip(updates((5, 3), 6), updates((4,), 6), strict=True), 1):
        parameter.grad, vector.grad = g, h
        opt.step()
        g, h = g.double(), h.double()
        beta = 1 - t**-0.8
        # Algorithm 4: sums, not means; V = R C / sum(R).
        rows = beta * rows + (1 - beta) * (g**2 + 1e-30).sum(1)
        columns = beta * columns + (1 - beta) * (g**2 + 1e-30).sum(0)
        u = g / torch.sqrt(rows[:, None] * columns[None, :] / rows.sum())
        x = x * (1 - 0.05 * 0.1) - 0.05 * u / max(1.0, float(u.pow(2).mean().sqrt()))
        squares = beta * squares + (1 - beta) * (h**2 + 1e-30)
        u = h / squares.sqrt()
        y = y - 0.05 * u / max(1.0, float(u.pow(2).mean().sqrt()))
        torch.testing.assert_close(parameter.detach().double(), x, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(vector.detach().double(), y, rtol=1e-5, atol=1e-6)
    assert {key: value.shape for key, value in opt.state[parameter].items()} == {
        "step": (),
        "row": (5,),
        "column": (3,),
    }


@pytest.mark.parametrize("shape", [(6, 4), (7,)])
def test_adafactor_is_torchs_where_conventions_agree(shape: tuple[int, ...]) -> None:
    start = torch.rand(shape, generator=torch.Generator().manual_seed(2)) + 0.5
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    opt = Adafactor([ours], lr=0.0)
    other = torch.optim.Adafactor([theirs], lr=1e-3, eps=(1e-30, 1e-3), weight_decay=0.0)
    for gradient in updates(shape, 8):
        # Theirs takes lr (far below 1 / sqrt(t)) times the parameter's root mean square.
        opt.param_groups[0]["lr"] = 1e-3 * float(theirs.detach().pow(2).mean().sqrt())
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        opt.step()
        other.step()
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_adafactor_takes_gradients_of_zero() -> None:
    parameter = nn.Parameter(torch.ones(2, 3))
    opt = Adafactor([parameter], lr=0.1)
    parameter.grad = torch.zeros(2, 3)
    opt.step()
    assert parameter.detach().equal(torch.ones(2, 3))


# ---------------------------------------------------------------- state


def trained(name: str, steps: int) -> tuple[Transformer, torch.optim.Optimizer]:
    made = model(tied_head=True)
    opt = optimizer(made, Optimizer(name=name), device_type="cpu", shard_states=False)  # type: ignore[arg-type]
    for n in range(steps):
        one_step(made, opt, n)
    return made, opt


def one_step(made: Transformer, opt: torch.optim.Optimizer, n: int) -> None:
    tokens = torch.randint(0, 24, (2, 8), generator=torch.Generator().manual_seed(n))
    made(tokens).logsumexp(-1).sum().backward()
    opt.step()
    opt.zero_grad()


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon"])
def test_state_goes_on_under_its_names(name: str) -> None:
    made, opt = trained(name, 2)
    weights = {key: p.detach().clone() for key, p in made.named_parameters()}
    state = {key: value.clone() for key, value in named_state(made, opt).items()}
    one_step(made, opt, 2)
    again = model(tied_head=True)
    again.load_state_dict(weights)
    other = optimizer(again, Optimizer(name=name), device_type="cpu", shard_states=False)  # type: ignore[arg-type]
    assert named_state(again, other).keys() == state.keys()
    load_named_state(again, other, state)
    one_step(again, other, 2)
    assert all(p.equal(dict(made.named_parameters())[key]) for key, p in again.named_parameters())


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon"])
def test_state_before_the_first_step_changes_nothing(name: str) -> None:
    made, opt = trained(name, 0)
    before = {key: p.detach().clone() for key, p in made.named_parameters()}
    made(torch.zeros(1, 4, dtype=torch.int64)).square().sum().backward()
    held = {key: p.grad for key, p in made.named_parameters()}
    state = named_state(made, opt)
    assert state
    assert not any(value.any() for value in state.values())
    assert all(p.equal(before[key]) and p.grad is held[key] for key, p in made.named_parameters())
    opt.zero_grad()
    one_step(made, opt, 0)
    straight, _ = trained(name, 1)
    assert all(p.equal(dict(straight.named_parameters())[key]) for key, p in made.named_parameters())


def test_names_of_states() -> None:
    made, opt = trained("muon", 0)
    keys = set(named_state(made, opt))
    assert {"embed.weight.step", "embed.weight.exp_avg", "norm.weight.exp_avg_sq"} <= keys
    assert "blocks.0.attention.query.weight.momentum_buffer" in keys
    assert len(keys) == sum(3 if p.ndim == 1 or "embed" in key else 1 for key, p in made.named_parameters())


def test_state_of_another_optimiser_is_refused() -> None:
    made, opt = trained("adamw", 1)
    _, other = trained("adafactor", 1)
    with pytest.raises(InputError, match=r"optimiser: the checkpoint has no .*; go on with the optimiser that"):
        load_named_state(made, opt, {key: value for key, value in named_state(made, opt).items() if "avg" not in key})
    assert other.state
