"""Checkpoints: whole or not there; written while training goes on; read on any number of ranks.

A checkpoint is a folder of torch's distributed checkpoint format with `state.json` beside its files. It is written
under a hidden name, made durable, renamed, and only then does `latest` name it.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict_loader import load as load_tensors
from torch.distributed.checkpoint.state_dict_saver import async_save as begin_to_save
from torch.distributed.checkpoint.state_dict_saver import save as save_tensors

from dataprep.errors import InputError, OutputError
from dataprep.store import Store, fsync, output_error
from dataprep.training import parallel
from dataprep.training.model.config import ModelConfig
from dataprep.training.optim import build
from dataprep.training.run import CHECKPOINTS, LATEST, STATE, folder_of
from dataprep.training.settings import Checkpoint

# One process is no mistake; the warning also comes from the thread that saves.
warnings.filterwarnings("ignore", message="torch.distributed is disabled")

_OPTIM = "optim."
_PARTIAL = ".{}.partial"
_GONE = ".{}.gone"


class _Pending(NamedTuple):
    step: int
    future: Future[Any]


class Checkpoints:
    """The checkpoints of a run. Every rank has one and calls the same methods in the same order."""

    def __init__(self, root: Path, settings: Checkpoint, rank: int = 0, world: int = 1) -> None:
        self._root = root / CHECKPOINTS
        self._store = Store(str(self._root))
        self._settings = settings
        self._first = rank == 0
        self._alone = world == 1
        # Of its own: a save in the background must not take turns with the calls of the training loop.
        self._group = None if self._alone else dist.new_group(backend="gloo")
        self._pending: _Pending | None = None
        if self._first:
            try:
                self._root.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise output_error(str(self._root), error) from error
            for left in (*self._root.glob(".*.partial"), *self._root.glob(".*.gone")):
                shutil.rmtree(left, ignore_errors=True)

    def save(self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], *, wait: bool) -> None:
        """Begin to keep the run as it is after `step` steps; with `wait` also end it.

        `tensors` by names that do not depend on the strategy; `state` is plain JSON. Raises OutputError.
        """
        self.finish()
        partial = self._root / _PARTIAL.format(folder_of(step))
        try:
            if self._first:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                # Here and not at the end: this is the state that goes with the tensors of this moment.
                Store(str(partial)).publish_json(STATE, state)
            self._meet()
            writer = FileSystemWriter(partial, sync_files=True)
            how: dict[str, Any] = {"storage_writer": writer, "process_group": self._group, "no_dist": self._alone}
            if wait or not self._settings.background:
                save_tensors(tensors, **how)
                self._complete(step)
            else:
                future = begin_to_save(tensors, **how)
                assert isinstance(future, Future)
                self._pending = _Pending(step, future)
        except (OSError, CheckpointException) as error:
            raise self._failed(step, error) from error

    def poll(self) -> None:
        """Complete a save that has ended by now. Costs nothing while none has."""
        if self._first and self._pending and self._pending.future.done():
            self.finish()

    def finish(self) -> None:
        """Wait for the save that is under way, if there is one."""
        if self._pending is None:
            return
        step, future = self._pending
        self._pending = None
        try:
            future.result()
            self._complete(step)
        except (OSError, CheckpointException) as error:
            raise self._failed(step, error) from error

    def _failed(self, step: int, error: BaseException) -> OutputError:
        """What to say of a save that has failed; its files go, for they may be what fills the disk."""
        partial = self._root / _PARTIAL.format(folder_of(step))
        if self._first:
            shutil.rmtree(partial, ignore_errors=True)
        return _output_error(partial, error)

    def _complete(self, step: int) -> None:
        # The first rank's save ends when all ranks have written: it has gathered what each wrote.
        if not self._first:
            return
        final = self._root / folder_of(step)
        if final.exists():
            self._remove(final)
        os.replace(self._root / _PARTIAL.format(folder_of(step)), final)
        fsync(self._root)
        self.point(step)

    def point(self, step: int) -> None:
        """Let `latest` name the checkpoint after `step` steps, and remove those that need not stay."""
        if not self._first:
            return
        self._store.publish_bytes(LATEST, f"{folder_of(step)}\n".encode())
        kept = sorted(int(path.name[5:]) for path in self._root.glob("step-????????"))
        newest = [n for n in kept if n <= step][-self._settings.keep :]
        every = self._settings.keep_every
        for n in kept:
            # Later ones belong to steps that were undone.
            if n > step or (n not in newest and not (every and n % every == 0)):
                self._remove(self._root / folder_of(n))

    def _remove(self, path: Path) -> None:
        gone = self._root / _GONE.format(path.name)
        os.replace(path, gone)  # first, so that a half-removed checkpoint never has the name of a whole one
        shutil.rmtree(gone, ignore_errors=True)

    def _meet(self) -> None:
        if self._group is not None:
            dist.barrier(self._group)


def _cause(error: BaseException) -> BaseException:
    """What went wrong on the first rank of those on which something did."""
    return next(iter(error.failures.values()))[0] if isinstance(error, CheckpointException) else error


def _output_error(path: Path, error: BaseException) -> OutputError:
    cause = _cause(error)
    if isinstance(cause, OSError):
        return output_error(str(path), cause)
    # torch reports a disk that fills up as an error of its own stream.
    text = str(cause).strip().splitlines()[-1]
    return OutputError(f"{path}: can't be written ({text}); is the disk full? type the same command again to go on")


def load(path: Path, tensors: dict[str, Tensor], *, alone: bool = True) -> dict[str, Any]:
    """Fill `tensors` in place from a checkpoint's folder and return its state. Raises InputError, one line."""
    reader = FileSystemReader(path)
    try:
        state = json.loads((path / STATE).read_text("utf-8"))
        reader.read_metadata()  # torch logs a traceback where it finds none
        load_tensors(tensors, storage_reader=reader, no_dist=alone)
    except (Exception, CheckpointException) as error:  # whatever a damaged pickle raises
        cause = _cause(error)
        text = " ".join(str(cause).split()) or type(cause).__name__
        raise InputError(
            f"{path}: can't be read ({text[:200]}); write the name of an earlier folder into {path.parent}/{LATEST}"
        ) from error
    assert isinstance(state, dict)
    return state


def empty(cls: type[nn.Module], config: ModelConfig, device: str | torch.device) -> Any:
    """A model whose weights are still to be loaded: no time is spent on initial ones it does not keep."""
    with torch.device("meta"):
        model = cls(config)
    model.to_empty(device=device)
    return model


def tensors(model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Tensor]:
    """Weights and optimiser state, no copies, by names that are the same for every strategy and number of ranks."""
    found = {f"model.{name}": tensor for name, tensor in parallel.named_tensors(model).items()}
    if optimizer is not None:
        found |= {f"{_OPTIM}{name}": tensor for name, tensor in build.named_state(model, optimizer).items()}
    return found


def take(model: nn.Module, optimizer: torch.optim.Optimizer, loaded: dict[str, Tensor]) -> None:
    """Let the optimiser have the state that was loaded into `tensors`; the weights are there already."""
    state = {name.removeprefix(_OPTIM): tensor for name, tensor in loaded.items() if name.startswith(_OPTIM)}
    build.load_named_state(model, optimizer, state)
