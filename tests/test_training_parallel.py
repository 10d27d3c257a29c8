"""Strategies: every one of them is one process, only faster. Launching; what is refused before anything starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from parallel_ranks import CASES
from torch.utils._python_dispatch import TorchDispatchMode

from dataprep.errors import UsageError
from dataprep.training import launch, parallel
from dataprep.training.launch import Place
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.transformer import Transformer
from dataprep.training.settings import parse

RANKS = Path(__file__).parent / "parallel_ranks.py"
TRAINED = [name for name, case in CASES.items() if case.load is None and not case.compile]
"""On two ranks; some of them write checkpoints."""


def environment(**more: str) -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "TORCHELASTIC_"))}
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        ours.pop(name, None)
    root = str(RANKS.parent.parent)
    return {**ours, "OMP_NUM_THREADS": "1", "PYTHONPATH": root, "PYTHONWARNINGS": "ignore", **more}


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def hold(output: str, names: list[str]) -> None:
    for name in names:
        assert f"{name} holds\n" in output, output


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs on two ranks have left theirs."""
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def on_two(checkpoints: Path) -> str:
    command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    command += [str(RANKS), str(checkpoints), ",".join(TRAINED)]
    ran = run(command)
    return ran.stdout + ran.stderr


def test_two_ranks_started_by_torchrun_are_one_process(on_two: str) -> None:
    hold(on_two, TRAINED)


def test_four_ranks_started_by_slurm_are_one_process_and_go_on_from_two(on_two: str, checkpoints: Path) -> None:
    names = ["zero3"] + [name for name, case in CASES.items() if case.load and case.strategy != "single"]
    slurm = {"SLURM_JOB_NODELIST": "localhost", "SLURM_JOB_ID": str(os.getpid())}  # the port comes from the job
    ran = run([str(RANKS), str(checkpoints), ",".join(names), "4"], **slurm)
    hold(ran.stdout, names)
    assert ran.returncode == 0, ran.stderr


def test_one_rank_is_one_process_and_goes_on_from_two(on_two: str, checkpoints: Path) -> None:
    names = ["ddp", "zero1", "zero2", "zero3"] + [
        name for name, case in CASES.items() if case.compile or case.strategy == "single"
    ]
    ran = run([str(RANKS), str(checkpoints), ",".join(names)])
    hold(ran.stdout + ran.stderr, names)
    assert ran.returncode == 0, ran.stderr


# ---------------------------------------------------------------- recomputation


class Count(TorchDispatchMode):
    """How often each operation runs."""

    def __init__(self) -> None:
        super().__init__()
        self.ran = Counter[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.ran[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def counted(kind: str) -> tuple[int, int, int]:
    """Matrix products, attentions and activations of a forward and a backward pass."""
    settings = parse(SETTINGS | {"precision": "fp32", "parallel": {"checkpointing": kind}}, "run.yaml")
    config = ModelConfig.model_validate(MODEL | {"layers": 3})
    model: Any = parallel.materialise(Transformer, config, settings, "single", torch.device("cpu"))
    with Count() as count:
        model(torch.zeros((1, 8), dtype=torch.int64), then=lambda hidden, head: hidden.sum()).backward()
    products = count.ran["mm"] + count.ran["addmm"]
    return products, count.ran["_scaled_dot_product_flash_attention_for_cpu"], count.ran["silu"]


def test_recomputation_repeats_what_it_says() -> None:
    none, full, selective = counted("none"), counted("full"), counted("selective")
    assert none[1:] == (3, 3)
    assert full[1:] == (6, 6)
    assert full[0] > none[0]
    assert selective == (none[0], 3, 6)


# ---------------------------------------------------------------- refusals

SETTINGS: dict[str, Any] = {"name": "run", "mix": "mix.yaml", "output": "out", "model": {}}
MODEL: dict[str, Any] = {"vocab_size": 64, "context": 16, "layers": 1, "width": 32, "heads": 4}


def checked(world: int, device: str = "cpu", capability: tuple[int, int] | None = None, **changes: Any) -> str:
    model = ModelConfig.model_validate(MODEL | changes.pop("model", {}))
    settings = parse(SETTINGS | changes, "run.yaml")
    return parallel.check(settings, model, world, device, capability)


@pytest.mark.parametrize(
    ("world", "asked", "strategy"),
    [
        (1, None, "single"),
        (1, "single", "single"),
        (1, "ddp", "single"),
        (2, None, "ddp"),
        (2, "ddp", "ddp"),
        (2, "zero1", "zero1"),
        (8, "zero2", "zero2"),
        (8, "zero3", "zero3"),
    ],
)
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor", "muon"])
def test_strategy(world: int, asked: str | None, strategy: str, optimizer: str) -> None:
    assert checked(world, parallel={"strategy": asked}, optimizer={"name": optimizer}) == strategy


@pytest.mark.parametrize(
    ("world", "strategy", "why"),
    [
        (4, "single", "parallel.strategy: single is for one process and there are 4; use ddp, zero1, zero2 or zero3"),
        (1, "zero1", "zero1 divides among processes and there is one; start several with torchrun or srun"),
        (1, "zero2", "zero2 divides among processes and there is one"),
        (1, "zero3", "zero3 divides among processes and there is one"),
    ],
)
def test_strategies_that_do_not_fit_the_number_of_processes(world: int, strategy: str, why: str) -> None:
    with pytest.raises(UsageError) as raised:
        checked(world, parallel={"strategy": strategy})
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bf16_needs_hardware_that_has_it() -> None:
    with pytest.raises(UsageError, match=r"bf16 needs a GPU of compute capability 8\.0 or more \(this one has 7\.5\)"):
        checked(1, "cuda", (7, 5))
    assert checked(1, "cuda", (7, 5), precision="fp32") == "single"
    assert checked(1, "cuda", (9, 0)) == "single"
    assert checked(1, "cpu") == "single"


def test_compilation_needs_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled = {"compile": True}
    compiler = tmp_path / "g++"
    compiler.touch(mode=0o755)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked(1, parallel=compiled) == "single"
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UsageError, match=r"parallel\.compile: no C\+\+ compiler was found; install g\+\+, set CXX"):
        checked(1, parallel=compiled)
    monkeypatch.delenv("CXX")
    compiler.unlink()
    with pytest.raises(UsageError, match=r"no C\+\+ compiler was found"):
        checked(1, parallel=compiled)
    assert checked(1) == "single"


def test_a_gpu_needs_triton_for_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)  # as if it was not installed, where it is
    for changes, what in (
        ({"parallel": {"compile": True}}, r"parallel\.compile: on a GPU this needs triton"),
        ({"mask_documents": True}, "masked documents, windows and alibi: on a GPU this needs triton"),
        ({"model": {"window": 4}}, "this needs triton; install a torch that comes with it"),
        ({"model": {"position": "alibi"}}, "this needs triton"),
    ):
        with pytest.raises(UsageError, match=what):
            checked(1, "cuda", (9, 0), **changes)
    assert checked(1, "cpu", mask_documents=True, model={"window": 4}) == "single"


def test_weights_of_another_model_are_refused() -> None:
    model = torch.nn.Linear(3, 2)
    good = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
    parallel.load_full(model, good)
    assert model.weight.equal(good["weight"])
    for wrong, why in (
        ({"weight": torch.ones(2, 3)}, "init_from: the weights have no bias"),
        (good | {"more": torch.ones(1)}, "init_from: the model has no more"),
        (good | {"weight": torch.ones(3, 2)}, r"init_from: weight has shape \[3, 2\], and the model \[2, 3\]"),
    ):
        with pytest.raises(UsageError, match=why):
            parallel.load_full(model, wrong)


# ---------------------------------------------------------------- launching

TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "MASTER_ADDR": "gpu1", "MASTER_PORT": "29500"}
SLURM = {
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NTASKS": "4",
    "SLURM_JOB_NODELIST": "gpu[007-008]",
    "SLURM_JOB_ID": "1234567",
    "SLURM_STEP_ID": "2",
}
PORT = 20_000 + (1234567 * 16 + 2) % 10_000


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({}, Place(0, 0, 1, None, 0, False)),
        (TORCHRUN, Place(5, 1, 8, "gpu1", 29500, False)),
        (SLURM, Place(3, 1, 4, "gpu007", PORT, True)),
        (SLURM | TORCHRUN, Place(5, 1, 8, "gpu1", 29500, False)),  # torchrun started by srun
        (SLURM | {"SLURM_STEP_NODELIST": "gpu008"}, Place(3, 1, 4, "gpu008", PORT, True)),
        ({"SLURM_NTASKS": "4", "SLURM_JOB_NODELIST": "gpu1"}, Place(0, 0, 1, None, 0, False)),  # a shell of salloc
        (SLURM | {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, Place(0, 0, 1, None, 0, True)),
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}, Place(0, 0, 1, None, 0, False)),
    ],
)
def test_places(variables: dict[str, str], place: Place) -> None:
    assert launch.read(variables) == place


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        (
            {"RANK": "0"},
            "WORLD_SIZE is not set but other variables of torchrun are; start with torchrun, or unset them",
        ),
        ({"WORLD_SIZE": "2"}, "RANK is not set"),
        (TORCHRUN | {"RANK": "one"}, "RANK is 'one'; it must be a number"),
        (TORCHRUN | {"RANK": "8"}, "RANK is 8 but WORLD_SIZE is 8; ranks count from 0"),
        (TORCHRUN | {"MASTER_ADDR": ""}, "MASTER_ADDR is not set but WORLD_SIZE is"),
        ({k: v for k, v in TORCHRUN.items() if k != "MASTER_PORT"}, "MASTER_PORT is not set"),
        ({k: v for k, v in SLURM.items() if k != "SLURM_LOCALID"}, "SLURM_LOCALID is not set"),
        ({k: v for k, v in SLURM.items() if k != "SLURM_JOB_NODELIST"}, "SLURM_JOB_NODELIST is not set"),
        (SLURM | {"SLURM_PROCID": "4"}, "SLURM_PROCID is 4 but SLURM_NTASKS is 4"),
        (SLURM | {"SLURM_JOB_NODELIST": "["}, "SLURM_JOB_NODELIST: can't read '['"),
    ],
)
def test_environments_that_can_not_be(variables: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError) as raised:
        launch.read(variables)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("gpu1", "gpu1"),
        ("gpu1,gpu2", "gpu1"),
        ("gpu[003-007,9],cpu1", "gpu003"),
        ("gpu[12,15-17]", "gpu12"),
        ("rack[1-2]node[05-06],x", "rack1node05"),
        ("gpu-a[1-3]-ib", "gpu-a1-ib"),
        ("host.example.org,b", "host.example.org"),
    ],
)
def test_first_host(nodes: str, host: str) -> None:
    assert launch.first_host(nodes) == host


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("tpu", "unknown device 'tpu'; use cpu, cuda"),
        ("cpu:1", "unknown device 'cpu:1'"),
        ("cuda:x", "unknown device 'cuda:x'"),
        *([] if torch.cuda.is_available() else [("cuda", "no GPU that torch can use was found")]),
    ],
)
def test_devices_that_are_not_there(device: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        launch.start(device)


def test_one_process_meets_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*TORCHRUN, *SLURM]:
        monkeypatch.delenv(name, raising=False)
    assert launch.start("cpu") == launch.World(0, 0, 1, torch.device("cpu"))
    assert not torch.distributed.is_initialized()
    launch.stop()
    assert parallel.sum_over_ranks(torch.ones(()), 1) == 1
