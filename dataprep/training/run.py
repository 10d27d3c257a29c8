"""A training run's folder: what its manifest says, where its checkpoints are, its weights."""

from __future__ import annotations

import json
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataprep import manifest
from dataprep.corpus.state import State, skip
from dataprep.errors import InputError
from dataprep.training.model.config import ModelConfig
from dataprep.training.settings import TrainSettings, parse

if TYPE_CHECKING:
    from dataprep.training.model.transformer import Transformer

KIND: Final = "training"
LOG: Final = "log.jsonl"
SKIPPED: Final = "skipped.json"
SPIKES: Final = "spikes"
CHECKPOINTS: Final = "checkpoints"
LATEST: Final = "latest"
STATE: Final = "state.json"


def folder_of(step: int) -> str:
    """Name of the checkpoint after so many steps."""
    return f"step-{step:08d}"


class Run:
    """A folder that `dataprep pretrain` wrote. Reads its manifest, and imports no torch until weights are asked for."""

    def __init__(self, root: Path, made: dict[str, Any]) -> None:
        self.root = root
        self.manifest = made
        told = made["settings"]
        # Relative in the manifest, so that a run can be moved together with what it was made from.
        mix = posixpath.normpath(posixpath.join(root.resolve(), told["mix"]))
        self.settings: TrainSettings = parse({**told, "mix": mix, "output": str(root)}, str(root))
        self.config = ModelConfig.model_validate(made["model"])

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def mix(self) -> str:
        """Path of the mix file. Raises InputError if the run was moved without it."""
        if not Path(self.settings.mix).is_file():
            raise InputError(
                f"{self.root}: its mix {self.settings.mix} is not there; a run is moved together with its mix and "
                "corpora, all to the same places beside one another"
            )
        return self.settings.mix

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer's own file, a copy in the run's folder."""
        return self.root / str(self.manifest["tokenizer"]["file"])

    def latest(self) -> int | None:
        """Steps done at the newest whole checkpoint; None if there is none yet."""
        try:
            name = (self.root / CHECKPOINTS / LATEST).read_text("ascii").strip()
            return int(name.removeprefix("step-"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(
                f"{self.root}/{CHECKPOINTS}/{LATEST}: names no checkpoint ({error}); write the name of one of the "
                "folders beside it into it"
            ) from error

    def checkpoint(self, step: int | None = None) -> Path:
        """Folder of the checkpoint after `step` steps, by default the newest. Raises InputError if there is none."""
        newest = self.latest() if step is None else step
        if newest is None:
            raise InputError(f"{self.root}: holds no checkpoint yet; wait until the run has saved one")
        path = self.root / CHECKPOINTS / folder_of(newest)
        if not path.is_dir():
            kept = ", ".join(str(n) for n in self.steps_kept()) or "none"
            raise InputError(f"{path}: no such checkpoint; steps that are kept: {kept}")
        return path

    def steps_kept(self) -> list[int]:
        """Steps of which there is a checkpoint, ascending."""
        return sorted(int(path.name[5:]) for path in (self.root / CHECKPOINTS).glob("step-????????"))

    def state(self, step: int | None = None) -> State:
        """Where the run is in its samples, with all that it has skipped by now."""
        path = self.checkpoint(step) / STATE
        try:
            kept = State.from_json(json.loads(path.read_text("utf-8"))["sampler"])
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path}: can't be read ({error}); go back to an earlier checkpoint") from error
        return with_skipped(kept, self.skipped())

    def skipped(self) -> list[dict[str, Any]]:
        """The spikes of the run so far, each with the sample ranges that it made the run skip."""
        return read_skipped(self.root)

    def load_model(self, step: int | None = None, device: str = "cpu") -> Transformer:
        """The model with the weights of a checkpoint, fp32, for inference."""
        from dataprep.training import checkpoint
        from dataprep.training.model.transformer import Transformer

        model: Transformer = checkpoint.empty(Transformer, self.config, device)
        checkpoint.load(self.checkpoint(step), checkpoint.tensors(model))
        return model.eval()


def read_skipped(root: Path) -> list[dict[str, Any]]:
    """The record of spikes, oldest first; empty if there was none."""
    try:
        value = json.loads((root / SKIPPED).read_text("utf-8"))
        return list(value["spikes"])
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{root}/{SKIPPED}: is damaged ({error}); restore it: it says what was not trained on"
        ) from error


def with_skipped(state: State, spikes: list[dict[str, Any]]) -> State:
    """A state that knows of every skip, also those decided after it was kept; each is applied once."""
    for spike in spikes:
        for first, last in spike["skipped"]:
            if (first, last) not in state.skipped and first >= state.sample:
                state = skip(state, first, last)
    return state


def open_run(folder: str | Path) -> Run:
    """The training run in a folder. Raises InputError for anything else."""
    root = Path(folder)
    made = manifest.read(str(root), "pretrain")
    if made["kind"] != KIND:
        raise InputError(
            f"{root}: holds {made['kind']}, not a training run; name a folder that `dataprep pretrain` wrote"
        )
    return Run(root, made)
