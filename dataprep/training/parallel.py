"""Several devices as one: what is copied, what is divided, and when they talk. No other file knows DDP or FSDP.

Gradients come out as the mean over ranks; a loop that multiplies losses by the number of ranks gets their sum.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Replicate, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from dataprep.errors import UsageError
from dataprep.training.model.config import ModelConfig
from dataprep.training.recompute import recompute
from dataprep.training.settings import Strategy, TrainSettings

_FULLY_SHARDED: tuple[Strategy, ...] = ("zero2", "zero3")
_BF16_SINCE = (8, 0)
"""Compute capability from which NVIDIA's GPUs multiply bf16 (Ampere)."""


def check(
    settings: TrainSettings,
    config: ModelConfig,
    world: int,
    device_type: str,
    capability: tuple[int, int] | None = None,
) -> Strategy:
    """The strategy for `world` processes on devices of this type. Raises UsageError for what does not fit together.

    `capability` is that of the GPU; None asks the first one that is there.
    """
    strategy = settings.parallel.strategy or ("single" if world == 1 else "ddp")
    where = f"{settings.name}: parallel.strategy"
    if strategy == "single" and world > 1:
        raise UsageError(f"{where}: single is for one process and there are {world}; use ddp, zero1, zero2 or zero3")
    if strategy.startswith("zero") and world == 1:
        raise UsageError(
            f"{where}: {strategy} divides among processes and there is one; "
            "start several with torchrun or srun, or use single"
        )
    if settings.precision == "bf16" and device_type == "cuda":
        if capability is None and torch.cuda.is_available():
            capability = torch.cuda.get_device_capability()
        if capability is not None and capability < _BF16_SINCE:
            found = ".".join(map(str, capability))
            raise UsageError(
                f"{settings.name}: precision: bf16 needs a GPU of compute capability 8.0 or more "
                f"(this one has {found}); use fp32"
            )
    if settings.parallel.compile and device_type == "cpu" and not _compiler():
        raise UsageError(
            f"{settings.name}: parallel.compile: no C++ compiler was found; install g++, set CXX, or leave compile out"
        )
    if device_type == "cuda" and importlib.util.find_spec("triton") is None:
        blocked = settings.mask_documents or config.window is not None or config.position == "alibi"
        if settings.parallel.compile or blocked:
            what = "parallel.compile" if settings.parallel.compile else "masked documents, windows and alibi"
            raise UsageError(f"{settings.name}: {what}: on a GPU this needs triton; install a torch that comes with it")
    return "single" if world == 1 else strategy


def _compiler() -> str | None:
    given = os.environ.get("CXX")
    return shutil.which(given) if given else shutil.which("g++") or shutil.which("clang++")


def autocast(settings: TrainSettings, strategy: Strategy, device: torch.device) -> AbstractContextManager[Any]:
    """Where the forward pass must run. Fully sharded weights are in the wanted precision already."""
    if settings.precision == "fp32" or strategy in _FULLY_SHARDED:
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


# ---------------------------------------------------------------- making a model


def materialise(
    model: Callable[[ModelConfig], nn.Module],
    config: ModelConfig,
    settings: TrainSettings,
    strategy: Strategy,
    device: torch.device,
    *,
    backend: str = "inductor",
) -> nn.Module:
    """A model with its initial weights, ready to train: no rank ever holds more of them than the strategy asks for."""
    with torch.device("meta"):
        made: Any = model(config)
    if strategy in _FULLY_SHARDED:
        made = parallelize(made, settings, strategy, device, backend=backend)
        made.to_empty(device=device)
        made.init_weights(settings.seed, _place)
        return made  # type: ignore[no-any-return]
    made.to_empty(device=device)
    made.init_weights(settings.seed)
    return parallelize(made, settings, strategy, device, backend=backend)


def parallelize(
    model: nn.Module, settings: TrainSettings, strategy: Strategy, device: torch.device, *, backend: str = "inductor"
) -> nn.Module:
    """The model for this strategy: recomputation, then compilation, block by block; then sharding or copies.

    The order is torchtitan's: compiled code holds no collective call. `model` is on `device`, or on the meta device to
    be filled afterwards (fully sharded only). Parameters keep their names but for DDP's prefix: see `parameters`.
    """
    blocks: list[nn.Module] = list(model.blocks.values())  # type: ignore[operator]
    for block in blocks:
        if settings.parallel.checkpointing != "none":
            recompute(block, settings.parallel.checkpointing)
        if settings.parallel.compile:
            block.compile(backend=backend)
    if strategy in _FULLY_SHARDED:
        mesh = init_device_mesh(device.type, (dist.get_world_size(),))
        half = torch.bfloat16 if settings.precision == "bf16" else None
        precision = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32)
        for block in blocks:
            fully_shard(block, mesh=mesh, reshard_after_forward=strategy == "zero3", mp_policy=precision)
        # The rest (embeddings, head) is needed at both ends: it stays whole from forward to backward.
        fully_shard(model, mesh=mesh, reshard_after_forward=False, mp_policy=precision)
        model.weights_stay = strategy == "zero2"  # type: ignore[assignment]
    elif strategy in ("ddp", "zero1"):
        ids = [device.index] if device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, gradient_as_bucket_view=True)
    return model


# ---------------------------------------------------------------- a step


@contextmanager
def last_micro_batch(model: nn.Module, is_last: bool) -> Iterator[None]:
    """Around forward and backward of a micro-batch: ranks exchange gradients as late as the strategy allows.

    DDP and ZeRO-1: with the last micro-batch. ZeRO-2 and ZeRO-3: with each, for a gradient that waits would be whole on
    every rank, which is what they are there to avoid; ZeRO-2 keeps its weights whole until the last.
    """
    if isinstance(model, DistributedDataParallel) and not is_last:
        with model.no_sync():
            yield
        return
    if isinstance(model, FSDPModule) and model.weights_stay:
        model.set_reshard_after_backward(is_last)
    yield


def clip(model: nn.Module, max_norm: float | None) -> Tensor:
    """Norm of the whole gradient, over all shards, before it is scaled down to `max_norm` if it is larger."""
    moved = [p for p in parameters(model).values() if p.grad is not None]
    total = whole(nn.utils.get_total_norm([p.grad for p in moved if p.grad is not None]))
    if max_norm is not None:
        nn.utils.clip_grads_with_norm_(moved, max_norm, total)
    return total.to_local() if isinstance(total, DTensor) else total


def sum_over_ranks(tensor: Tensor, world: int) -> Tensor:
    """The sum, in place."""
    if world > 1:
        dist.all_reduce(tensor)
    return tensor


def meet(world: int) -> None:
    """Wait for all ranks."""
    if world > 1:
        dist.barrier()


# ---------------------------------------------------------------- parameters by name


def parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters by the model's own names, sharded ones as shards."""
    for module in _sharded(model):
        module.reshard()  # after a forward pass without a backward pass weights may still be whole
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    return dict(inner.named_parameters())


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The same without their gradients: to be saved, or to be filled in place."""
    return {name: parameter.detach() for name, parameter in parameters(model).items()}


def load_full(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Set all parameters from whole tensors, which every rank has. Raises UsageError if names or shapes differ."""
    own = parameters(model)
    for name in sorted(own.keys() | weights.keys()):
        if name not in weights or name not in own:
            whose = "the weights have no" if name not in weights else "the model has no"
            raise UsageError(f"init_from: {whose} {name}; use the model settings that the weights were made with")
        if own[name].shape != weights[name].shape:
            shapes = f"{list(weights[name].shape)}, and the model {list(own[name].shape)}"
            raise UsageError(f"init_from: {name} has shape {shapes}; use the model settings of the weights")
    with torch.no_grad():
        for name, parameter in own.items():
            _place(parameter, weights[name])


def whole(tensor: Tensor) -> Tensor:
    """The same value on every rank: what is in parts is put together. Plain tensors are that already."""
    if not isinstance(tensor, DTensor):
        return tensor
    return tensor.redistribute(placements=[Replicate()] * tensor.device_mesh.ndim)


def _place(parameter: Tensor, value: Tensor) -> None:
    """Set a parameter to a whole value that every rank has."""
    if isinstance(parameter, DTensor):
        value = value.to(parameter.device, parameter.dtype)
        # None: each rank cuts its own part out, and nothing is sent.
        value = distribute_tensor(value, parameter.device_mesh, parameter.placements, src_data_rank=None)
    parameter.copy_(value)


def _sharded(model: nn.Module) -> list[FSDPModule]:
    return [module for module in model.modules() if isinstance(module, FSDPModule)]
