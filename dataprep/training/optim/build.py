"""The optimiser of a model: who is moved by what, who decays, and its state under names that outlive the run."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dataprep.errors import InputError
from dataprep.training.optim.adafactor import Adafactor
from dataprep.training.optim.together import Together, divided
from dataprep.training.parallel import parameters
from dataprep.training.settings import Optimizer

_EMBEDDINGS = ("embed.weight", "positions.weight", "relative.weight")


def optimizer(model: nn.Module, settings: Optimizer, *, device_type: str, shard_states: bool) -> torch.optim.Optimizer:
    """The optimiser of `model`'s parameters that ask for gradients, after `parallelize`.

    Each group keeps its highest learning rate as `base_lr`. `shard_states`: this rank holds the state of a part of the
    parameters (ZeRO stage 1); a collective matter then.
    """
    named = {name: p for name, p in parameters(model).items() if p.requires_grad}
    owners: dict[Tensor, int] | None = None
    if shard_states:
        owners = divided(list(named.values()), dist.get_world_size())
    kinds = dict[str, list[dict[str, Any]]]()
    for (kind, decays), members in _groups(named, settings).items():
        rate = settings.muon_learning_rate if kind == "muon" else settings.learning_rate
        own = members if owners is None else [p for p in members if owners[p] == dist.get_rank()]
        decay = settings.weight_decay if decays else 0.0
        kinds.setdefault(kind, []).append({"params": own, "lr": rate, "base_lr": rate, "weight_decay": decay})
    made = [_made(kind, groups, settings, device_type) for kind, groups in kinds.items()]
    return made[0] if len(made) == 1 and owners is None else Together(made, owners)


def _groups(named: dict[str, nn.Parameter], settings: Optimizer) -> dict[tuple[str, bool], list[Tensor]]:
    """Parameters by what moves them and whether they decay."""
    groups = dict[tuple[str, bool], list[Tensor]]()
    for name, parameter in named.items():
        matrix = parameter.ndim == 2
        kind = settings.name
        if kind == "muon" and not (matrix and name.startswith("blocks.")):
            kind = "adamw"
        decays = matrix and (settings.decay_embeddings or name not in _EMBEDDINGS)
        groups.setdefault((kind, decays), []).append(parameter)
    return groups


def _made(kind: str, groups: list[dict[str, Any]], settings: Optimizer, device_type: str) -> torch.optim.Optimizer:
    if kind == "adafactor":
        return Adafactor(groups, settings.learning_rate)
    if kind == "muon":
        # Keller Jordan's scale, sqrt(max(1, rows / columns)), is what 0.02 is the usual learning rate of.
        return torch.optim.Muon(groups, lr=settings.muon_learning_rate, momentum=settings.muon_momentum)
    # One kernel for all: on a CPU too it takes a fifth of the time of the others.
    fused = device_type in ("cpu", "cuda")
    return torch.optim.AdamW(groups, betas=settings.betas, eps=settings.eps, fused=fused)


def named_state(model: nn.Module, opt: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state itself, no copy, as `parameter.state`: the names are the same for every strategy and number of ranks.

    An optimiser that has not taken a step gets its initial state first, so that there is something to load into. Under
    ZeRO stage 1 a rank has the entries that it owns; sharded parameters have sharded state. A collective matter.
    """
    if not opt.state:
        _begin(opt)
    return {
        f"{name}.{key}": value
        for name, parameter in parameters(model).items()
        if parameter in opt.state
        for key, value in opt.state[parameter].items()
    }


def load_named_state(model: nn.Module, opt: torch.optim.Optimizer, state: dict[str, Tensor]) -> None:
    """Take the values of a state that has the names and the shards of `named_state`. Raises InputError for others."""
    with torch.no_grad():
        for name, tensor in named_state(model, opt).items():
            if name not in state:
                raise InputError(
                    f"optimiser: the checkpoint has no {name}; go on with the optimiser that it was made by"
                )
            if state[name] is not tensor:
                tensor.copy_(state[name])


def _begin(opt: torch.optim.Optimizer) -> None:
    """State as before the first step: that of a step that moves nothing, set to zero."""
    for one in opt.optimizers if isinstance(opt, Together) else [opt]:
        held = [(p, p.grad) for group in one.param_groups for p in group["params"]]
        rates = [group["lr"] for group in one.param_groups]
        for group in one.param_groups:
            group["lr"] = 0.0
        for parameter, _ in held:
            parameter.grad = torch.zeros_like(parameter)
        one.step()
        for parameter, gradient in held:
            parameter.grad = gradient
        for group, rate in zip(one.param_groups, rates, strict=True):
            group["lr"] = rate
    for state in opt.state.values():
        for tensor in state.values():
            tensor.zero_()
