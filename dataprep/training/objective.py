"""The objective of causal language models: cross-entropy of the next token, a piece of the batch at a time.

Logits [tokens, vocab_size] would be the largest tensor of all by far. `token_losses` makes them for one piece of the
tokens, takes the loss, carries the gradient back through the head at once and lets them go: what stays is the gradient
of hidden states and of the head's weights. So nothing is worked out twice, as it would be with recomputation in the
backward pass, and only one piece of logits is ever alive. The gradient is right as long as the loss that is returned is
only scaled afterwards; it can be, for it is linear in the sum.

Other objectives (prefixes, spans, blanks to fill in) are functions of the same form in files of their own: they differ
in targets and mask and end in `token_losses`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

Head = Callable[[Tensor], Tensor]

_CPU_CHUNK = 1024
"""Most tokens of a piece on a CPU: smaller ones spend time on the sum of the head's gradients, larger ones on memory
that is new each time."""


class Sums(NamedTuple):
    """What a batch adds to the loss."""

    loss: Tensor
    """float32, 0-d, differentiable: the sum over tokens that count of nll, plus z-loss. Not divided by anything."""
    nll: Tensor
    """float32[b]: sums of nll, in nats, of each row."""
    tokens: Tensor
    """int64[b]: tokens that count, of each row."""


def causal_lm(hidden: Tensor, head: Head, targets: Tensor, mask: Tensor, *, z_loss: float, chunk: int) -> Sums:
    """Sums of -log p(target) over the tokens where `mask` is true.

    `hidden` [b, T, width] are final hidden states, `head` turns any [..., width] of them into logits [..., vocab_size];
    `targets` int64 [b, T] (any value where the mask is false), `mask` bool [b, T]. `z_loss` is the weight of
    log(Z)^2, which keeps the softmax's normaliser near 1 (Chowdhery et al. 2022, arXiv:2204.02311, section 5: 1e-4).
    At most `chunk` tokens have their logits alive together. Losses are fp32 whatever the dtype of logits.
    """
    loss, nll = token_losses(hidden.flatten(0, 1), head, targets.flatten(), mask.flatten(), z_loss=z_loss, chunk=chunk)
    return Sums(loss, nll.view(targets.shape).sum(1), mask.sum(1))


def token_losses(
    hidden: Tensor, head: Head, targets: Tensor, mask: Tensor, *, z_loss: float, chunk: int
) -> tuple[Tensor, Tensor]:
    """The differentiable sum of losses, 0-d, and detached nll float32[n] of each token (0 where the mask is false).

    `hidden` [n, width], `targets` int64[n], `mask` bool[n]. Takes three matrix products of the head, as plain
    cross-entropy does, if gradients are asked for, and else one. Only first derivatives exist.
    """
    targets = torch.where(mask, targets, 0)
    counts = mask.float()
    if hidden.is_cpu:
        chunk = min(chunk, _CPU_CHUNK)
    pieces = max(1, -(-len(hidden) // chunk))
    size = max(1, -(-len(hidden) // pieces))  # even pieces: as few shapes to compile for as can be
    parts = zip(*(torch.split(part, size) for part in (hidden.detach(), targets, counts)), strict=True)
    if not torch.is_grad_enabled():
        found = [_losses(head(h), t, c, z_loss) for h, t, c in parts]
        return torch.cat([losses for losses, _ in found]).sum(), torch.cat([nll for _, nll in found])
    every, nlls, of_hidden = list[Tensor](), list[Tensor](), list[Tensor]()
    of_weights = dict[Tensor, Tensor]()
    for h, t, c in parts:
        h.requires_grad_(hidden.requires_grad)
        logits = head(h)
        losses, nll, gradient = _gradient(logits.detach(), t, c, z_loss)
        every.append(losses)
        nlls.append(nll)
        leaves = _leaves(logits)
        for leaf, part in zip(leaves, torch.autograd.grad(logits, leaves, gradient) if leaves else (), strict=True):
            if leaf is h:
                of_hidden.append(part)
            elif leaf in of_weights:
                of_weights[leaf].add_(part)
            else:
                of_weights[leaf] = part if pieces == 1 else part.float()  # many bf16 pieces would add up to little
    with torch.no_grad():
        total, nll = torch.cat(every).sum(), torch.cat(nlls)
        known = {leaf: part.to(leaf.dtype) for leaf, part in of_weights.items()}
        if of_hidden:
            known[hidden] = torch.cat(of_hidden) if pieces > 1 else of_hidden[0]
    if known:
        total = _Known.apply(total, len(known), *known.values(), *known)  # type: ignore[no-untyped-call]
    return total, nll


def _losses(logits: Tensor, targets: Tensor, counts: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
    """Losses and nll, float32[n]."""
    log_p = torch.log_softmax(logits, -1, dtype=torch.float32)
    of_target = log_p.gather(1, targets[:, None])[:, 0]
    nll = -of_target * counts
    if not z_loss:
        return nll, nll
    log_z = logits.gather(1, targets[:, None])[:, 0].float() - of_target
    return nll + z_loss * log_z.square() * counts, nll


@torch.no_grad()
def _gradient(logits: Tensor, targets: Tensor, counts: Tensor, z_loss: float) -> tuple[Tensor, Tensor, Tensor]:
    """The same, and the gradient of the losses' sum to logits [n, vocab_size], in their dtype."""
    return (_compiled() if logits.is_cuda else _eager)(logits, targets, counts, z_loss)


def _eager(logits: Tensor, targets: Tensor, counts: Tensor, z_loss: float) -> tuple[Tensor, Tensor, Tensor]:
    log_p = torch.log_softmax(logits, -1, dtype=torch.float32)
    of_target = log_p.gather(1, targets[:, None])[:, 0]
    nll = -of_target * counts
    losses, scale = nll, counts
    if z_loss:
        log_z = logits.gather(1, targets[:, None])[:, 0].float() - of_target
        losses = nll + z_loss * log_z.square() * counts
        scale = counts * (1 + 2 * z_loss * log_z)
    gradient = log_p.exp_().mul_(scale[:, None]).scatter_add_(1, targets[:, None], -counts[:, None])
    return losses, nll, gradient.to(logits.dtype)


def _to_fuse(logits: Tensor, targets: Tensor, counts: Tensor, z_loss: float) -> tuple[Tensor, Tensor, Tensor]:
    """`_eager` in a form that a compiler turns into one kernel, which reads logits and writes their gradient."""
    z = logits.float()
    log_z = torch.logsumexp(z, -1)
    nll = (log_z - z.gather(1, targets[:, None])[:, 0]) * counts
    losses = nll + z_loss * log_z.square() * counts
    is_target = torch.arange(z.shape[1], device=z.device) == targets[:, None]
    p = (z - log_z[:, None]).exp()
    gradient = p * (counts * (1 + 2 * z_loss * log_z))[:, None] - torch.where(is_target, counts[:, None], 0.0)
    return losses, nll, gradient.to(logits.dtype)


@cache
def _compiled() -> Any:
    return torch.compile(_to_fuse) if importlib.util.find_spec("triton") else _eager


def _leaves(tensor: Tensor) -> list[Tensor]:
    """What `tensor` was made of and gradients are asked for."""
    found, seen = list[Tensor](), set[Any]()
    nodes: list[Any] = [torch.autograd.graph.get_gradient_edge(tensor).node] if tensor.requires_grad else []
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == "torch::autograd::AccumulateGrad":
            found.append(node.variable)
        nodes += [before for before, _ in node.next_functions]
    return found


class _Known(torch.autograd.Function):
    """A number whose gradients are known already."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, count: int, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors[:count])
        return total.clone()

    @staticmethod
    def backward(ctx: Any, *scale: Tensor) -> Any:
        # In place: a copy would be another [vocab_size, width]. A second backward pass is then refused by autograd.
        known = [gradient.mul_(scale[0]) for gradient in ctx.saved_tensors]
        return None, None, *[None for _ in known], *known
