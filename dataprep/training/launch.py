"""Who this process is among those that train together: started by torchrun, by Slurm, or alone.

torchrun --nproc-per-node 8 -m dataprep pretrain run.yaml
srun --ntasks-per-node 8 dataprep pretrain run.yaml
dataprep pretrain run.yaml
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import torch
import torch.distributed as dist

from dataprep.errors import RunError, UsageError

_WAIT = timedelta(hours=1)
"""For the other processes, to start and in every call that all make: one of them may read a whole corpus for its
checksums first. Nobody waits for a process that has died: torchrun, and srun -K, end them all."""
_FIRST_PORT, _PORTS = 20_000, 10_000


class World(NamedTuple):
    """This process among all."""

    rank: int
    """From 0, among all processes."""
    local_rank: int
    """From 0, among those of this machine."""
    size: int
    """Processes."""
    device: torch.device
    """What this process computes on."""


class Place(NamedTuple):
    """What the environment says of this process."""

    rank: int
    local_rank: int
    size: int
    host: str | None
    """Where the first process is; None if there is only this one."""
    port: int
    slurm: bool
    """Started by srun, which may show each process one GPU only, and call it 0."""


def start(device: str | None) -> World:
    """Meet the other processes and choose the device: `cpu`, `cuda`, or None for a GPU if there is one.

    One process meets nobody. Raises UsageError for an environment or a device that can't be, RunError if not all
    processes come within an hour.
    """
    place = read(os.environ)
    chosen = _device(device, place)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if place.size > 1:
        cuda = chosen.type == "cuda"
        try:
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if cuda else "gloo",
                # Where torchrun has the meeting point itself, its variables say so: nobody else may open that port.
                init_method=f"tcp://{place.host}:{place.port}" if place.slurm else "env://",
                rank=place.rank,
                world_size=place.size,
                timeout=_WAIT,
                device_id=chosen if cuda else None,
            )
        except (RuntimeError, ValueError) as error:
            raise RunError(
                f"rank {place.rank}: the {place.size} processes did not meet at {place.host}:{place.port} "
                f"({' '.join(str(error).split())[:200]}); check that all were started and reach that host"
            ) from error
    return World(place.rank, place.local_rank, place.size, chosen)


def stop() -> None:
    """Part from the other processes; does nothing if there were none."""
    if dist.is_initialized():
        dist.destroy_process_group()


def read(environment: Mapping[str, str]) -> Place:
    """torchrun's variables, else those of Slurm's srun, else one process. Raises UsageError, one line."""
    if "RANK" in environment or "WORLD_SIZE" in environment:
        rank, size = _number(environment, "RANK", "torchrun"), _number(environment, "WORLD_SIZE", "torchrun")
        local = _number(environment, "LOCAL_RANK", "torchrun")
        port = _number(environment, "MASTER_PORT", "torchrun") if size > 1 else 0
        if size > 1 and not environment.get("MASTER_ADDR"):
            raise UsageError("MASTER_ADDR is not set but WORLD_SIZE is; start with torchrun, or unset WORLD_SIZE")
        return _checked(Place(rank, local, size, environment.get("MASTER_ADDR"), port, False), "RANK", "WORLD_SIZE")
    # salloc and sbatch set SLURM_NTASKS too; a task's number comes from srun, and in a batch script it is 0.
    if "SLURM_PROCID" in environment and "SLURM_NTASKS" in environment:
        rank, local = _number(environment, "SLURM_PROCID", "srun"), _number(environment, "SLURM_LOCALID", "srun")
        size = _number(environment, "SLURM_NTASKS", "srun")
        if size == 1:
            return Place(0, 0, 1, None, 0, True)
        nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
        if not nodes:
            raise UsageError(
                "SLURM_JOB_NODELIST is not set but SLURM_NTASKS is; start with srun, or unset SLURM_NTASKS"
            )
        # A port of its own for each job and each step of it, known to all without a word.
        job = _number(environment, "SLURM_JOB_ID", "srun") if "SLURM_JOB_ID" in environment else 0
        step = environment.get("SLURM_STEP_ID", "0")
        port = _FIRST_PORT + (job * 16 + (int(step) if step.isdecimal() else 0)) % _PORTS
        return _checked(Place(rank, local, size, first_host(nodes), port, True), "SLURM_PROCID", "SLURM_NTASKS")
    return Place(0, 0, 1, None, 0, False)


def first_host(nodes: str) -> str:
    """The first host of Slurm's short form: `gpu[003-007,9],cpu1` begins with gpu003."""
    first = re.match(r"(?:\[[^\]]*\]|[^,\[])+", nodes.strip())
    if first is None:
        raise UsageError(f"SLURM_JOB_NODELIST: can't read '{nodes}'; expected something like gpu[003-007]")
    return re.sub(r"\[([^\],-]+)[^\]]*\]", r"\1", first[0])


def alone(device: str | None) -> torch.device:
    """The device of a command that is one process: `cpu`, `cuda`, `cuda:N`, or None for a GPU if there is one.

    Raises UsageError for one that is not there.
    """
    return _device(device, Place(0, 0, 1, None, 0, False))


def _checked(place: Place, rank: str, size: str) -> Place:
    if not 0 <= place.rank < place.size:
        raise UsageError(f"{rank} is {place.rank} but {size} is {place.size}; ranks count from 0")
    return place


def _number(environment: Mapping[str, str], name: str, starter: str) -> int:
    text = environment.get(name)
    if text is None:
        raise UsageError(f"{name} is not set but other variables of {starter} are; start with {starter}, or unset them")
    if not text.isdecimal():
        raise UsageError(f"{name} is '{text}'; it must be a number, as {starter} sets it")
    return int(text)


def _device(device: str | None, place: Place) -> torch.device:
    there = torch.cuda.is_available()
    name = device or ("cuda" if there else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdecimal())):
        raise UsageError(f"device: unknown device '{name}'; use cpu, cuda or, on one process, cuda:N")
    if kind == "cpu":
        return torch.device("cpu")
    if not there:
        raise UsageError("device: no GPU that torch can use was found; leave the device out, or use cpu")
    if index and place.size > 1:
        raise UsageError(
            f"device: {name} is one GPU and there are {place.size} processes; use cuda: each takes its own"
        )
    count = torch.cuda.device_count()
    number = int(index) if index else place.local_rank
    if place.slurm and count == 1 and not index:
        number = 0
    if number >= count:
        raise UsageError(
            f"device: GPU {number} is asked for and this machine has {count}; start at most {count} processes on it"
        )
    return torch.device("cuda", number)
