"""What one rank does in the tests of strategies: trains as several processes do, and compares with one process.

    python tests/parallel_ranks.py FOLDER CASE[,CASE...]      one rank, under torchrun's variables or none
    python tests/parallel_ranks.py FOLDER CASE[,CASE...] 4    four ranks, under Slurm's variables

A case is a line of CASES. FOLDER holds checkpoints: a case with `save` writes one after two steps, a case with `load`
begins with the one that another case has written on another number of ranks. Every case then has to follow the run of
one process that was never interrupted: losses, gradients, norms, weights.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.tensor import DTensor

from dataprep.training import checkpoint, launch, parallel
from dataprep.training.launch import World
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.transformer import Transformer
from dataprep.training.objective import causal_lm
from dataprep.training.optim import build
from dataprep.training.settings import TrainSettings, parse

ROWS, LENGTH, VOCABULARY, STEPS, KEPT = 7, 20, 67, 3, 2
"""Rows that no number of ranks divides, weights that none does either; the step after which checkpoints are written."""
CPU = torch.device("cpu")

MODELS: dict[str, dict[str, Any]] = {
    "untied": {"qk_norm": True, "kv_heads": 2, "position": "rope", "documents": True},
    "tied": {
        "position": "learned",
        "norm": "layer_norm",
        "activation": "gelu",
        "tied_head": True,
        "head_bias": True,
        # No bias of keys: its gradient is noise around 0, which optimisers make as large as any other.
        "output_bias": True,
        "embedding_shrink": 0.5,
    },
    "narrow": {"position": "t5", "embedding_width": 16, "norm_placement": "sandwich", "window": 6, "full_every": 2},
}


class Case(NamedTuple):
    """One run. The reference of a case is the same without strategy, recomputation and compilation."""

    strategy: str
    model: str
    optimizer: str = "adamw"
    precision: str = "fp32"
    checkpointing: str = "none"
    compile: bool = False
    save: str | None = None
    load: str | None = None


CASES = {
    "ddp": Case("ddp", "untied", save="ddp"),
    "zero1": Case("zero1", "tied", save="zero1"),
    "zero2": Case("zero2", "untied"),
    "zero3": Case("zero3", "tied"),
    "zero3 narrow": Case("zero3", "narrow"),
    "zero1 adafactor": Case("zero1", "untied", "adafactor"),
    "zero2 adafactor": Case("zero2", "tied", "adafactor", save="zero2"),
    "ddp muon": Case("ddp", "untied", "muon"),
    "zero1 muon": Case("zero1", "tied", "muon", save="zero1 muon"),
    "zero3 muon": Case("zero3", "untied", "muon", save="zero3"),
    "ddp bf16": Case("ddp", "untied", precision="bf16", checkpointing="full"),
    "zero1 bf16": Case("zero1", "tied", precision="bf16"),
    "zero2 bf16": Case("zero2", "untied", precision="bf16", checkpointing="selective"),
    "zero3 bf16": Case("zero3", "tied", precision="bf16", checkpointing="full"),
    "zero3 selective": Case("zero3", "untied", checkpointing="selective"),
    "ddp compiled full": Case("ddp", "tied", compile=True, checkpointing="full"),
    "zero3 compiled": Case("zero3", "untied", compile=True),
    "zero3 compiled selective": Case("zero3", "tied", compile=True, checkpointing="selective"),
    "ddp to zero3": Case("zero3", "untied", load="ddp"),
    "zero1 to zero2": Case("zero2", "tied", load="zero1"),
    "zero2 to zero1": Case("zero1", "tied", "adafactor", load="zero2"),
    "zero3 to ddp": Case("ddp", "untied", "muon", load="zero3"),
    "zero1 to zero3": Case("zero3", "tied", "muon", load="zero1 muon"),
    "ddp to single": Case("single", "untied", load="ddp"),
    "zero1 to single": Case("single", "tied", load="zero1"),
    "zero2 to single": Case("single", "tied", "adafactor", load="zero2"),
    "zero3 to single": Case("single", "untied", "muon", load="zero3"),
}

TOLERANCE = {"fp32": (1e-5, 1e-5, 1e-5, 1e-5), "bf16": (1e-3, 1e-2, 4e-2, 5e-3), "muon": (1e-4, 1e-3, 2e-2, 2e-3)}
"""Most that differs: losses; norms, of 1; gradients, of the largest; weights. Muon's updates go through bf16, where the
last bit of a gradient changes some of them; all else in fp32 was seen to agree within 2e-6."""


class Seen(NamedTuple):
    """What a step shows."""

    loss: float
    norm: float
    gradients: dict[str, torch.Tensor]
    """Whole, of rank 0; before clipping."""


def settings_of(case: Case) -> TrainSettings:
    return parse(
        {
            "name": "ranks",
            "mix": "mix.yaml",
            "output": "out",
            "model": {},
            # So that updates are not signs of gradients, which noise decides where gradients are next to 0.
            "optimizer": {"name": case.optimizer, "learning_rate": 3e-3, "eps": 1e-4, "clip": 0.5},
            "precision": case.precision,
            "parallel": {"strategy": case.strategy, "checkpointing": case.checkpointing, "compile": case.compile},
            "seed": 3,
        },
        "ranks",
    )


def config_of(case: Case) -> ModelConfig:
    changes = {k: v for k, v in MODELS[case.model].items() if k != "documents"}
    size = {"vocab_size": VOCABULARY, "context": LENGTH, "layers": 2, "width": 32, "heads": 4, "ffn_width": 48}
    return ModelConfig.model_validate({**size, **changes})


class Rows(NamedTuple):
    """Some rows of a step's batch."""

    tokens: torch.Tensor
    targets: torch.Tensor
    mask: torch.Tensor
    documents: torch.Tensor | None
    positions: torch.Tensor | None


def rows_of(case: Case, step: int, rank: int, size: int, micro: int) -> list[Rows]:
    """A rank's micro-batches of a step; rows that count for nothing fill up the last."""
    generator = torch.Generator().manual_seed(step)
    tokens = torch.randint(0, VOCABULARY, (ROWS, LENGTH + 1), generator=generator)
    mask = torch.rand(ROWS, LENGTH, generator=generator) < 0.8
    starts = torch.rand(ROWS, LENGTH, generator=generator) < 0.15
    places = torch.arange(LENGTH)
    documents = starts.cumsum(1, dtype=torch.int32)
    positions = places - torch.where(starts, places, 0).cummax(1).values
    most = math.ceil(math.ceil(ROWS / size) / micro) * micro
    missing = most - len(range(rank, ROWS, size))
    own = [
        torch.cat([column[rank::size], torch.zeros((missing, *column.shape[1:]), dtype=column.dtype)])
        for column in (tokens[:, :-1], tokens[:, 1:], mask, documents, positions)
    ]
    masked = MODELS[case.model].get("documents", False)
    cut = zip(*(column.split(micro) for column in own), strict=True)
    return [Rows(*parts[:3], *(parts[3:] if masked else (None, None))) for parts in cut]


def step(case: Case, settings: TrainSettings, model: Any, optimizer: Any, number: int, world: World) -> Seen:
    """One step as the training loop takes it."""
    strategy = settings.parallel.strategy
    assert strategy is not None
    micros = rows_of(case, number, world.rank, world.size, micro=1 if world.size > 2 else 2)
    tokens = parallel.sum_over_ranks(sum(rows.mask.sum() for rows in micros), world.size)
    nll = torch.zeros(())
    for n, rows in enumerate(micros):
        objective = partial(causal_lm, targets=rows.targets, mask=rows.mask, z_loss=1e-3, chunk=16)
        with parallel.last_micro_batch(model, n == len(micros) - 1):
            with parallel.autocast(settings, strategy, CPU):
                sums = model(rows.tokens, positions=rows.positions, documents=rows.documents, then=objective)
            (sums.loss * (world.size / tokens)).backward()
        nll += sums.nll.sum()
    found = {name: whole(p.grad) for name, p in parallel.parameters(model).items()}
    norm = parallel.clip(model, settings.optimizer.clip)
    optimizer.step()
    optimizer.zero_grad()
    return Seen(float(parallel.sum_over_ranks(nll, world.size) / tokens), float(norm), found)


def whole(tensor: Any) -> torch.Tensor:
    full = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full.detach().clone()


def begin(case: Case) -> tuple[TrainSettings, Any, Any]:
    settings = settings_of(case)
    strategy = settings.parallel.strategy
    assert strategy is not None
    model = parallel.materialise(Transformer, config_of(case), settings, strategy, CPU, backend="aot_eager")
    sharded = strategy == "zero1"
    return settings, model, build.optimizer(model, settings.optimizer, device_type="cpu", shard_states=sharded)


def full_parameters(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Whole parameters, copies on the CPU, on rank 0; other ranks take part and get none. A collective call."""
    first = not dist.is_initialized() or dist.get_rank() == 0
    found = dict[str, torch.Tensor]()
    for name, tensor in parallel.named_tensors(model).items():
        full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if first:
            found[name] = full.to("cpu", copy=True)
    return found


@cache
def reference(case: Case) -> tuple[list[Seen], dict[str, torch.Tensor]]:
    """The steps of one process, and the weights at the end."""
    settings, model, optimizer = begin(case)
    alone = World(0, 0, 1, CPU)
    return [step(case, settings, model, optimizer, n, alone) for n in range(STEPS)], full_parameters(model)


def check(name: str, folder: Path, world: World) -> None:
    """Run a case and compare it."""
    case = CASES[name]
    settings, model, optimizer = begin(case)
    first, alone = 0, not dist.is_initialized()
    if case.load is not None:
        held = checkpoint.tensors(model, optimizer)
        dcp.load(held, checkpoint_id=folder / case.load, no_dist=alone)
        checkpoint.take(model, optimizer, held)
        first = KEPT
    seen = []
    for number in range(first, STEPS):
        seen.append(step(case, settings, model, optimizer, number, world))
        # Weights stay whole after a forward pass alone; what follows must not use old ones, or save whole ones.
        with torch.no_grad():
            model(torch.zeros((1, 4), dtype=torch.int64))
        if number + 1 == KEPT and case.save is not None:
            dcp.save(checkpoint.tensors(model, optimizer), checkpoint_id=folder / case.save, no_dist=alone)
    weights = full_parameters(model)
    if world.rank:
        assert not weights
        return
    plain = case._replace(strategy="single", checkpointing="none", compile=False, save=None, load=None)
    expected, final = reference(plain)
    of_loss, of_norm, of_gradient, of_weight = TOLERANCE["muon" if case.optimizer == "muon" else case.precision]
    for number, one, other in zip(range(first, STEPS), seen, expected[first:], strict=True):
        where = f"{name}, step {number}"
        assert abs(one.loss - other.loss) <= of_loss, (where, one.loss, other.loss)
        assert abs(one.norm / other.norm - 1) <= of_norm, (where, one.norm, other.norm)
        assert one.gradients.keys() == other.gradients.keys(), where
        largest = max(float(gradient.abs().max()) for gradient in other.gradients.values())
        for key, gradient in other.gradients.items():
            away = float((one.gradients[key] - gradient).abs().max()) / largest
            assert away <= of_gradient, (where, key, away)
    assert weights.keys() == final.keys()
    for key, weight in final.items():
        away = float((weights[key] - weight).abs().max())
        assert away <= of_weight, (name, key, away)


def main(folder: str, names: str) -> None:
    world = launch.start("cpu")
    if world.size == 1:  # one process meets nobody, but DDP and FSDP work on one
        dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    failed = []
    for name in names.split(","):
        try:
            check(name, Path(folder), world)
        except AssertionError as error:  # at the end of a case: ranks are in step
            failed.append(error)
            print(name, "fails:", error, flush=True)
            continue
        if world.rank == 0:
            print(name, "holds", flush=True)
    launch.stop()
    sys.exit(1 if failed else 0)


def forked(folder: str, names: str, size: int) -> int:
    """What srun does, but that processes share what importing has cost. The sum of their exit codes."""

    importlib.import_module("torch._dynamo")  # what torch imports at its first step: half of a rank's time
    children = []
    for rank in range(size):
        child = os.fork()
        if not child:
            os.environ |= {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), "SLURM_NTASKS": str(size)}
            main(folder, names)
        children.append(child)
    return sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        sys.exit(forked(*sys.argv[1:3], int(sys.argv[3])))
    main(*sys.argv[1:])
