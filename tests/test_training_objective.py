"""The loss in pieces is the plain formula: values, gradients, precision, and what it keeps alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dataprep.training import objective
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.transformer import Transformer
from dataprep.training.objective import Sums, causal_lm

B, T, WIDTH, VOCABULARY = 3, 10, 16, 37


def plain(hidden: Tensor, head: Callable[[Tensor], Tensor], targets: Tensor, mask: Tensor, z_loss: float) -> Sums:
    """As one writes it down."""
    logits = head(hidden).float()
    log_z = torch.logsumexp(logits, -1)
    nll = (log_z - logits.gather(2, targets[..., None])[..., 0]) * mask
    return Sums(nll.sum() + z_loss * (log_z**2 * mask).sum(), nll.sum(1).detach(), mask.sum(1))


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, VOCABULARY, (B, T), generator=generator)
    mask = torch.rand(B, T, generator=generator) < 0.7
    mask[1] = False  # a row that fills up a batch
    return targets, mask


def model(**changes: Any) -> Transformer:
    size = {"vocab_size": VOCABULARY, "context": T, "layers": 1, "width": WIDTH, "heads": 2, "ffn_width": 24}
    made = Transformer(ModelConfig.model_validate({**size, **changes}))
    made.init_weights(0)
    # Larger than they begin: log Z is then far from log of the vocabulary's size.
    with torch.no_grad():
        made.embed.weight *= 20
    return made


def gradients(made: nn.Module) -> dict[str, Tensor]:
    found = {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}
    made.zero_grad()
    return found


@pytest.mark.parametrize("chunk", [1, 4, 7, 30, 1000])
@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
@pytest.mark.parametrize(
    "changes",
    [{}, {"tied_head": True, "head_bias": True}, {"embedding_width": 8, "head_bias": True}],
    ids=["untied", "tied", "narrow"],
)
def test_pieces_are_the_plain_formula(chunk: int, z_loss: float, changes: dict[str, Any]) -> None:
    made = model(**changes)
    targets, mask = batch()
    tokens = torch.randint(0, VOCABULARY, (B, T), generator=torch.Generator().manual_seed(1))

    def loss(hidden: Tensor, head: Any) -> Sums:
        return causal_lm(hidden, head, targets, mask, z_loss=z_loss, chunk=chunk)

    ours = made(tokens, then=loss)
    (ours.loss * 0.25).backward()
    found = gradients(made)
    expected = made(tokens, then=lambda hidden, head: plain(hidden, head, targets, mask, z_loss))
    (expected.loss * 0.25).backward()
    torch.testing.assert_close(ours.loss, expected.loss, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(ours.nll, expected.nll, rtol=1e-6, atol=1e-5)
    assert ours.tokens.equal(expected.tokens)
    assert ours.tokens.dtype == torch.int64
    assert not ours.nll.requires_grad
    torch.testing.assert_close(found, gradients(made), rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(made(tokens, then=loss), expected, rtol=1e-6, atol=1e-5)


def test_formula_by_hand() -> None:
    # Two tokens, three words, logits written down: nll = log(e + 2) - 1 and log 3; log Z the same without - 1.
    hidden = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]], requires_grad=True)
    sums = causal_lm(
        hidden, lambda x: x, torch.tensor([[0, 2]]), torch.ones(1, 2, dtype=torch.bool), z_loss=0.5, chunk=8
    )
    first, second = torch.tensor(torch.e + 2).log(), torch.tensor(3.0).log()
    assert sums.nll.tolist() == pytest.approx([float(first - 1 + second)])
    assert float(sums.loss.detach()) == pytest.approx(float(first - 1 + second + 0.5 * (first**2 + second**2)))
    sums.loss.backward()
    p = torch.tensor([torch.e, 1, 1]) / (torch.e + 2)
    assert hidden.grad is not None
    torch.testing.assert_close(hidden.grad[0, 0], p * (1 + first) - torch.tensor([1.0, 0, 0]))


def test_any_value_may_stand_where_nothing_counts() -> None:
    targets, mask = batch()
    hidden = torch.randn(B, T, VOCABULARY)
    expected = causal_lm(hidden, lambda x: x, targets, mask, z_loss=0, chunk=8)
    ours = causal_lm(hidden, lambda x: x, torch.where(mask, targets, -100), mask, z_loss=0, chunk=8)
    torch.testing.assert_close(ours, expected)
    none = causal_lm(hidden.requires_grad_(), lambda x: x, targets, mask & False, z_loss=1e-4, chunk=8)
    assert float(none.loss.detach()) == 0
    none.loss.backward()
    assert hidden.grad is not None
    assert not hidden.grad.any()


@pytest.mark.parametrize("chunk", [4, 1000])
def test_losses_are_fp32_under_autocast(chunk: int) -> None:
    targets, mask = batch()
    hidden = torch.randn(B, T, WIDTH, generator=torch.Generator().manual_seed(2), requires_grad=True)
    head = nn.Linear(WIDTH, VOCABULARY)
    with torch.autocast("cpu", torch.bfloat16):
        ours = causal_lm(hidden, head, targets, mask, z_loss=1e-3, chunk=chunk)
        expected = plain(hidden, head, targets, mask, 1e-3)
    assert ours.loss.dtype == ours.nll.dtype == torch.float32
    # The same bf16 logits; from there on fp32, which bf16 would miss by a hundred times this.
    torch.testing.assert_close(ours.loss, expected.loss, rtol=1e-6, atol=1e-5)
    ours.loss.backward()
    found, of_hidden = gradients(head), hidden.grad
    hidden.grad = None
    expected.loss.backward()
    torch.testing.assert_close(found, gradients(head), rtol=0.02, atol=0.02)
    torch.testing.assert_close(of_hidden, hidden.grad, rtol=0.02, atol=0.02)


def test_many_pieces_of_bf16_weights_add_up() -> None:
    # 512 equal gradients of which each is lost in a bf16 sum of a few hundred.
    head = nn.Linear(1, 2, bias=False, dtype=torch.bfloat16)
    with torch.no_grad():
        head.weight.zero_()
    hidden = torch.ones(1, 512, 1, dtype=torch.bfloat16)
    mask = torch.ones(1, 512, dtype=torch.bool)
    causal_lm(hidden, head, torch.zeros(1, 512, dtype=torch.int64), mask, z_loss=0, chunk=1).loss.backward()
    assert head.weight.grad is not None
    assert head.weight.grad.flatten().tolist() == [-256, 256]


def test_the_form_that_is_compiled_is_the_other() -> None:
    targets, mask = batch()
    logits = torch.randn(B * T, VOCABULARY, generator=torch.Generator().manual_seed(3)) * 3
    given = (targets.flatten(), mask.flatten().float(), 1e-2)
    fused = torch.compile(objective._to_fuse, backend="aot_eager", fullgraph=True)
    for dtype in (torch.float32, torch.bfloat16):
        expected = objective._eager(logits.to(dtype), *given)
        torch.testing.assert_close(objective._to_fuse(logits.to(dtype), *given), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(fused(logits.to(dtype), *given), expected, rtol=1e-5, atol=1e-5)
        assert expected[2].dtype == dtype


@pytest.mark.parametrize("frozen", ["head", "hidden", "both"])
def test_what_is_frozen_gets_no_gradient(frozen: str) -> None:
    targets, mask = batch()
    head = nn.Linear(WIDTH, VOCABULARY).requires_grad_(frozen == "hidden")
    hidden = torch.randn(B, T, WIDTH, requires_grad=frozen == "head")
    loss = causal_lm(hidden, head, targets, mask, z_loss=0, chunk=8).loss
    assert loss.requires_grad == (frozen != "both")
    if frozen != "both":
        loss.backward()
    assert (hidden.grad is not None) == (frozen == "head")
    assert (head.weight.grad is not None) == (frozen == "hidden")


def test_a_second_backward_pass_is_refused_and_not_wrong() -> None:
    targets, mask = batch()
    head = nn.Linear(WIDTH, VOCABULARY)
    loss = causal_lm(torch.randn(B, T, WIDTH), head, targets, mask, z_loss=0, chunk=8).loss
    (loss * 2).backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (loss * 2).backward()


def test_no_more_logits_than_a_piece_are_ever_alive() -> None:
    alive, most = [0], [0]
    weight = nn.Parameter(torch.randn(VOCABULARY, WIDTH))

    def gone(count: int) -> None:
        alive[0] -= count

    def head(hidden: Tensor) -> Tensor:
        logits = functional.linear(hidden, weight)
        alive[0] += len(hidden)
        most[0] = max(*most, *alive)
        weakref.finalize(logits.untyped_storage(), gone, len(hidden))
        return logits

    targets, mask = batch()
    causal_lm(torch.randn(B, T, WIDTH), head, targets, mask, z_loss=0, chunk=4).loss.backward()
    assert alive == [0]
    assert most[0] <= 8  # one piece, and the next one's while a name still holds the first
