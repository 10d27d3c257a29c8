"""What a training run is asked to do: one YAML file, checked whole before anything starts.

name: tiny
mix: mix.yaml
output: out/tiny
model: {preset: gpt2, layers: 4, width: 256, heads: 4}
optimizer: {name: adamw, learning_rate: 1e-3}
schedule: {kind: cosine, warmup_tokens: 200K}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dataprep.corpus.mix import Count, whole
from dataprep.errors import UsageError, did_you_mean
from dataprep.yaml_file import read, validated

Strategy = Literal["single", "ddp", "zero1", "zero2", "zero3"]


def _tokens(value: object) -> object:
    return 0 if value == 0 or value == "0" else whole(value)


Tokens = Annotated[int, BeforeValidator(_tokens), Field(ge=0)]
"""A number of tokens, 0 too: `200K`, `1.5B`."""


def _float(value: object) -> object:
    # YAML 1.1 reads 1e-3 as text.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError("must be a number") from None
    return value


Number = Annotated[float, BeforeValidator(_float)]


def _here(value: object) -> object:
    if isinstance(value, str) and "://" in value:
        raise ValueError("must be a path on this machine: mount the store, or copy what is there")
    return value


Local = Annotated[str, BeforeValidator(_here)]
"""A path; not that of an object store, which can't rename folders."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Optimizer(_Settings):
    """What moves the weights."""

    name: Literal["adamw", "adafactor", "muon"] = "adamw"
    """`muon` moves the matrices of the blocks and leaves the rest to AdamW."""
    learning_rate: Number = Field(3e-4, gt=0)
    """At its highest: the schedule gives a share of it."""
    muon_learning_rate: Number = Field(0.02, gt=0)
    """With `muon`: of the matrices that it moves."""
    muon_momentum: Number = Field(0.95, ge=0, lt=1)
    """With `muon`."""
    betas: tuple[Number, Number] = (0.9, 0.95)
    """AdamW's moving averages of the gradient and of its square."""
    eps: Number = Field(1e-8, gt=0)
    """AdamW's."""
    weight_decay: Number = Field(0.1, ge=0)
    """Decoupled; of matrices, not of norms, biases and one-dimensional weights."""
    decay_embeddings: bool = True
    """Token and position embeddings decay too, as nanoGPT and GPT-3 have it."""
    clip: Number | None = Field(1.0, gt=0)
    """Most that the norm of the whole gradient may be; null leaves it as it is."""


class Schedule(_Settings):
    """The learning rate over the run, in tokens."""

    kind: Literal["constant", "cosine", "linear", "multi_step", "wsd"] = "cosine"
    """After the warm-up. `multi_step`: full, then `min_ratio` of two steps, at 80 % and 90 % of the tokens (DeepSeek,
    arXiv:2401.02954). `wsd`: full, and at last down over `decay_tokens` (MiniCPM, arXiv:2404.06395)."""
    warmup_tokens: Tokens = 0
    """Up from 0 in a straight line; the first step has a part of it, not 0."""
    total_tokens: Count | None = None
    """Where the schedule ends; None for the end of the mix. Beyond, the last value holds."""
    min_ratio: Number = Field(0.1, ge=0, le=1)
    """Share of the highest learning rate that is left at the end."""
    decay_tokens: Tokens = 0
    """With `wsd`: the length of the way down; 0 for a tenth of the run."""
    decay_shape: Literal["linear", "sqrt", "cosine"] = "linear"
    """With `wsd`: `sqrt` is 1 - sqrt(share done) (Hägele et al. 2024, arXiv:2405.18392)."""


class Parallel(_Settings):
    """How many devices work together."""

    strategy: Strategy | None = None
    """`ddp`: everything on each device; `zero1`: optimiser state divided; `zero2`: gradients too; `zero3`: weights too.
    None for `single` on one process and `ddp` on several."""
    checkpointing: Literal["none", "full", "selective"] = "none"
    """Activations worked out again in the backward pass: of whole blocks, or of all but matrix products and
    attention."""
    compile: bool = False
    """`torch.compile`, a block at a time."""


class Checkpoint(_Settings):
    """When the run is kept, and for how long."""

    every: int = Field(500, ge=1)
    """Steps from one to the next; the last step is always kept."""
    keep: int = Field(2, ge=1)
    """The newest ones that stay."""
    keep_every: int | None = Field(None, ge=1)
    """Of these steps (multiples) they stay for ever."""
    background: bool = True
    """Training goes on while files are written."""


class Validation(_Settings):
    """Loss on documents that are never trained on."""

    every: int = Field(500, ge=1)
    """Steps from one to the next; the last step always has one."""
    max_rows: int | None = Field(None, ge=1)
    """Most rows of each source; None for all of them."""


class SpikeGuard(_Settings):
    """What to do when the loss or the gradient jumps (Chowdhery et al. 2022, arXiv:2204.02311, section 5.1)."""

    sigmas: Number | None = Field(8.0, gt=0)
    """Standard deviations above the mean of the last `window` steps from which it is a spike; null for no guard at all
    but against numbers that are not finite."""
    window: int = Field(128, ge=8)
    """Steps that mean and deviation are taken over; the guard begins when half of them are there."""
    skip_before: int = Field(0, ge=0)
    """Steps before the spike whose samples are skipped as well."""
    skip_after: int = Field(0, ge=0)
    """Steps after it."""
    most: int = Field(10, ge=1)
    """Spikes after which the run stops: data is not the reason."""


class TrainSettings(_Settings):
    """The top level of a training file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the run."""
    mix: Local
    """The mix file; relative to this file."""
    output: Local
    """The run's folder: a path, relative to the working directory."""
    model: dict[str, Any]
    """`preset` (a published shape by name) and the settings of `ModelConfig` that differ from it."""
    optimizer: Optimizer = Optimizer()
    """What moves the weights."""
    schedule: Schedule = Schedule()
    """The learning rate over the run."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Of matrix products and activations; weights and optimiser state are fp32."""
    micro_batch: int = Field(8, ge=1)
    """Rows that go through the model at a time on one device; gradients of a step's micro-batches are summed."""
    z_loss: Number = Field(0.0, ge=0)
    """Weight of log(Z)^2 (PaLM: 1e-4), which keeps logits near 0."""
    mask_documents: bool = False
    """Attention ends where a document ends, and positions count from 0 in each."""
    parallel: Parallel = Parallel()
    """How many devices work together."""
    checkpoint: Checkpoint = Checkpoint()
    """When the run is kept."""
    validation: Validation = Validation()
    """Loss on held-out documents."""
    spikes: SpikeGuard = SpikeGuard()
    """What to do when the loss jumps."""
    seed: int = Field(0, ge=0)
    """Of the initial weights; the order of the data is the mix's."""
    init_from: Local | None = None
    """A run, or a folder that `dataprep import` wrote, whose weights this run begins with; relative to the working
    directory."""


_PARTS: dict[str, type[_Settings]] = {
    "optimizer": Optimizer,
    "schedule": Schedule,
    "parallel": Parallel,
    "checkpoint": Checkpoint,
    "validation": Validation,
    "spikes": SpikeGuard,
}


def load(path: str | Path | None, changes: tuple[str, ...] = (), **given: Any) -> TrainSettings:
    """The settings in a YAML file, with `a.b=VALUE` changes and values given by flags. Raises UsageError, one line.

    Without a file the flags alone say what to do. The mix's path becomes absolute.
    """
    where = Path(path).name if path else "pretrain"
    raw = dict(read(path, "name, mix, output and model")) if path else {}
    if isinstance(raw.get("mix"), str) and path and "://" not in raw["mix"]:  # refused below
        raw["mix"] = str(Path(path).resolve().parent / raw["mix"])
    for name, value in given.items():
        if value is None:
            continue
        if name == "mix" and "://" not in value:
            value = str(Path(value).resolve())
        raw[name] = value
    for change in changes:
        _change(raw, change)
    return parse(raw, where)


def parse(raw: dict[str, Any], where: str) -> TrainSettings:
    """Settings from what a YAML file or a run's record holds."""
    raw = dict(raw)
    for part, cls in _PARTS.items():
        if part in raw:
            if not isinstance(raw[part], dict):
                raise UsageError(f"{where}: {part}: must be a mapping, as in {{{next(iter(cls.model_fields))}: ...}}")
            raw[part] = validated(cls, raw[part], f"{where}: {part}")
    return validated(TrainSettings, raw, where)


def _change(raw: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {change}: write KEY=VALUE, as in --set optimizer.learning_rate=1e-3")
    *parts, last = key.split(".")
    if len(parts) > 1:
        raise UsageError(f"--set {change}: a key has at most two parts, as in optimizer.learning_rate")
    if (parts or [last])[0] not in TrainSettings.model_fields:
        name = (parts or [last])[0]
        raise UsageError(f"--set {change}: unknown setting '{name}'{did_you_mean(name, TrainSettings.model_fields)}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    if not parts:
        raw[last] = value
        return
    inner = raw.get(parts[0])
    raw[parts[0]] = {**(inner if isinstance(inner, dict) else {}), last: value}
