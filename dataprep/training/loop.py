"""The training loop, to be read from top to bottom.

`pretrain` opens everything, `_Loop.run` takes steps until the mix ends, a step number is reached or a signal asks to
stop. Nothing here depends on the number of ranks: each takes its rows of the same global batches.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from dataprep import manifest
from dataprep.errors import Diverged, OutputBusy
from dataprep.lease import lease
from dataprep.store import Store
from dataprep.text.spans import Int64s
from dataprep.tokenizers import load as load_tokenizer
from dataprep.training import batches, checkpoint, flops, initial, launch, parallel, record, spike
from dataprep.training.evaluate import held_out, losses
from dataprep.training.launch import World
from dataprep.training.log import Log, Progress
from dataprep.training.model.transformer import Transformer
from dataprep.training.objective import causal_lm
from dataprep.training.optim import build, schedule
from dataprep.training.prepared import Prepared, at, prepare
from dataprep.training.run import LOG, SKIPPED, SPIKES, Run, open_run, read_skipped, with_skipped
from dataprep.training.settings import TrainSettings
from dataprep.training.stopping import stopping
from dataprep.training.token_bytes import token_bytes

_LOSS_CHUNK = 8192
"""Tokens whose logits are alive together in the loss."""


class Outcome(NamedTuple):
    """How a run ended."""

    steps: int
    """Done, of the whole run."""
    of: int
    signal: int | None
    """The signal that stopped it before its end; None if none did."""


def pretrain(settings: TrainSettings, *, device: str | None = None, until: int | None = None) -> Outcome:
    """Train from the beginning, or go on from the newest checkpoint in `settings.output`, until the mix ends.

    `until` stops after so many steps of the run. Call it on every rank. Raises UsageError or InputError before
    anything starts for settings that do not fit together and for data that has changed; Diverged after too many spikes.
    """
    root = Path(settings.output)
    world = launch.start(device)
    with ExitStack() as stack:
        stack.callback(launch.stop)
        first = world.rank == 0
        # One process of each machine reads all files again; what it finds is remembered.
        run = prepare(settings, world=world.size, device_type=world.device.type, full=world.local_rank == 0)
        if first:
            stack.enter_context(lease(Store(str(root))))
            if at(root)[1] != run.start:
                raise OutputBusy(f"{root}: another run has gone on here in between; type the same command again")
        tokenizer = load_tokenizer(run.reader.tokenizer_file())
        made = run.manifest
        if first:
            made |= record.keep_tokenizer(root, run.reader, tokenizer)
            Store(str(root)).publish_json(manifest.MANIFEST, made)
        loop = _Loop(root, settings, run, world, token_bytes(tokenizer))
        stack.callback(loop.close)
        loop.begin(run.start, run.kept)
        changed = [change for change in made["changes"] if change["step"] == run.reader.next_step]
        loop.note([*run.differ, *map(record.told, changed)])
        with stopping() as asked:
            loop.run(until if until is not None else run.reader.steps, asked)
        if first:
            Store(str(root)).publish_json(manifest.MANIFEST, made | {"accounts": record.accounts(loop.reader)})
        return Outcome(loop.reader.next_step, loop.reader.steps, asked())


class _Loop:
    """One rank's part of a run."""

    def __init__(self, root: Path, settings: TrainSettings, run: Prepared, world: World, bytes_of: Int64s) -> None:
        self.root, self.settings, self.world, self.bytes_of = root, settings, world, bytes_of
        self.reader, self.config, self.strategy = run.reader, run.config, run.strategy
        self.model = parallel.materialise(Transformer, run.config, settings, run.strategy, world.device)
        self.optimizer = build.optimizer(
            self.model, settings.optimizer, device_type=world.device.type, shard_states=run.strategy == "zero1"
        )
        self.first = world.rank == 0
        self.guard = spike.Guard(settings.spikes)
        self.checkpoints = checkpoint.Checkpoints(root, settings.checkpoint, world.rank, world.size)
        self.sources = run.reader.sampler.names
        self.total = run.reader.sampler.total * run.reader.length
        self.autocast = partial(parallel.autocast, settings, run.strategy, world.device)
        self.flops = flops.per_token(run.config, run.reader.length)
        self.speed = flops.speed(world.device, settings.precision) if self.first else None
        self.log: Log | None = None
        self.progress: Progress | None = None

    # ------------------------------------------------------------ beginning, and going back

    def begin(self, start: int | None, kept: Run | None) -> None:
        """Load the checkpoint after `start` steps, or keep the initial weights: a spike may lead back to them."""
        if self.first:
            self.log = Log(self.root / LOG)
            self.progress = Progress(self.reader.steps, tokens=self.total)
            self.log.rewind((start or 0) - 1)
        if start is None:
            if self.settings.init_from is not None:
                parallel.load_full(self.model, initial.load(self.settings.init_from))
            self._save(0, wait=True)
        else:
            assert kept is not None
            self._load(start, kept)
        if self.log is not None and self.progress is not None:
            where = f"{self.world.size} x {self.world.device.type}, {self.strategy}, {self.settings.precision}"
            self.log.append(
                {
                    "kind": "start",
                    "step": self.reader.next_step,
                    "steps": self.reader.steps,
                    "world": self.world.size,
                    "strategy": self.strategy,
                    "device": self.speed.name if self.speed else None,
                    "peak_flops": self.speed.reference if self.speed else None,
                    "measured_flops": self.speed.measured if self.speed else None,
                    "flops_per_token": self.flops,
                    "parameters": flops.parameters(self.config).all,
                }
            )
            self.progress.note(
                f"{self.settings.name}: {flops.parameters(self.config).all:,} parameters, {where}; "
                f"step {self.reader.next_step:,} of {self.reader.steps:,}\n{self.speed}"
            )
        # Collections by the garbage collector are a pause of 100 ms once millions of objects live.
        gc.collect()
        gc.freeze()

    def _save(self, step: int, *, wait: bool) -> None:
        state = {"step": step, "sampler": self.reader.state.to_json(), "guard": self.guard.to_json()}
        self.checkpoints.save(step, checkpoint.tensors(self.model, self.optimizer), state, wait=wait)

    def _load(self, step: int, run: Run) -> None:
        tensors = checkpoint.tensors(self.model, self.optimizer)
        state = checkpoint.load(run.checkpoint(step), tensors, alone=self.world.size == 1)
        checkpoint.take(self.model, self.optimizer, tensors)
        self.guard.restore(state["guard"])

    # ------------------------------------------------------------ the loop

    def run(self, until: int, asked: Callable[[], int | None]) -> None:
        """Steps, until as many are done, or a signal has come and the run is kept."""
        while self.reader.next_step < min(until, self.reader.steps):
            ahead = batches.Ahead(
                self.reader,
                self.reader.next_step,
                rank=self.world.rank,
                world=self.world.size,
                micro_batch=self.settings.micro_batch,
                mask_documents=self.settings.mask_documents,
                device=self.world.device,
            )
            try:
                if not self._steps(iter(ahead), until, asked):
                    break
            finally:
                ahead.close()
        self.checkpoints.finish()
        if self.progress is not None:
            self.progress.clear()

    def _steps(self, steps: Iterator[batches.Step], until: int, asked: Callable[[], int | None]) -> bool:
        """Steps in a row. True to go on with others after a spike, False at the end or when asked to stop."""
        began = time.perf_counter()
        for step in steps:
            waited = time.perf_counter() - began
            line, stop = self._step(step, asked() is not None)
            found = self.guard.check(line["loss"], line["grad_norm"])
            if found is not None:
                self._undo(step.number, found, line)
                return True
            done = step.number + 1
            self.reader.state = self.reader.state_after(step.number)
            self._say("step", line | {"seconds": time.perf_counter() - began, "wait_seconds": waited})
            last = done == min(until, self.reader.steps) or stop
            if done % self.settings.validation.every == 0 or done == self.reader.steps:
                self._validate(step.number)
            if done % self.settings.checkpoint.every == 0 or last:
                self._save(done, wait=last)
            self.checkpoints.poll()
            if last:
                return False
            began = time.perf_counter()
        return False

    def _step(self, step: batches.Step, asked: bool) -> tuple[dict[str, Any], bool]:
        """Forward, backward, update. What the log says of it, and whether any rank has been asked to stop."""
        world, settings = self.world, self.settings
        device = world.device
        per_source = torch.zeros(2, len(self.sources) + 1, dtype=torch.float64, device=device)
        tokens = parallel.sum_over_ranks(
            torch.stack([micro.loss.sum() for micro in step.micros]).sum().float(), world.size
        )
        # Ranks' gradients come out as their mean: this makes it the mean over all tokens of the batch.
        scale = world.size / tokens.clamp(min=1.0)
        for n, micro in enumerate(step.micros):
            loss_of = partial(
                causal_lm, targets=micro.targets, mask=micro.loss, z_loss=settings.z_loss, chunk=_LOSS_CHUNK
            )
            with parallel.last_micro_batch(self.model, n == len(step.micros) - 1):
                with self.autocast():
                    sums = self.model(micro.tokens, positions=micro.positions, documents=micro.documents, then=loss_of)
                (sums.loss * scale).backward()
            per_source[0].index_add_(0, micro.sources, sums.nll.double())
            per_source[1].index_add_(0, micro.sources, sums.tokens.double())
        norm = parallel.clip(self.model, settings.optimizer.clip)
        before = self.reader.sampler.steps.position(self.reader.sampler.steps.first(step.number)) * self.reader.length
        trained = step.rows * self.reader.length
        ratio = schedule.ratio(settings.schedule, before + trained, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * ratio
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        flag = torch.tensor([float(asked)], dtype=torch.float64, device=device)
        # The one place where the host waits for the device.
        numbers = parallel.sum_over_ranks(torch.cat([per_source.flatten(), flag]), world.size).tolist()
        nats, counts = numbers[: len(self.sources)], numbers[len(self.sources) + 1 : 2 * len(self.sources) + 1]
        line = {
            "step": step.number,
            "loss": sum(nats) / max(1.0, sum(counts)),
            "grad_norm": float(norm),
            "learning_rate": settings.optimizer.learning_rate * ratio,
            "tokens": trained,
            "seen": before + trained,
            "batch": step.rows,
            "sources": {
                name: {"loss": nll / count, "tokens": int(count)}
                for name, nll, count in zip(self.sources, nats, counts, strict=True)
                if count
            },
        }
        return line, numbers[-1] > 0

    def _validate(self, step: int) -> None:
        found = losses(
            self.model,
            held_out(self.reader),
            self.bytes_of,
            rows=self.settings.micro_batch,
            max_rows=self.settings.validation.max_rows,
            device=self.world.device,
            rank=self.world.rank,
            world=self.world.size,
            total=partial(parallel.sum_over_ranks, world=self.world.size),
            autocast=self.autocast,
            mask_documents=self.settings.mask_documents,
        )
        if found:
            self._say("validation", {"step": step, "sources": found})

    # ------------------------------------------------------------ spikes

    def _undo(self, step: int, found: spike.Spike, line: dict[str, Any]) -> None:
        """Go back to the newest checkpoint before the offending samples, and leave them out from now on."""
        settings, steps = self.settings.spikes, self.reader.sampler.steps
        self.checkpoints.finish()
        parallel.meet(self.world.size)
        run = open_run(self.root)
        first = max(0, step - settings.skip_before)
        back = max((n for n in run.steps_kept() if n <= first), default=min(run.steps_kept()))
        offending = range(max(first, back), min(step + settings.skip_after, steps.count - 1) + 1)
        skipped = _ranges([n for number in offending for n in steps.samples(number).tolist()])
        spikes = read_skipped(self.root)
        told = {
            "step": step,
            **found._asdict(),
            "back_to": back - 1,
            "skipped": skipped,
        }
        state = with_skipped(run.state(back), [told])
        parallel.meet(self.world.size)  # all have read what the first now writes
        if self.first:
            from dataprep.training import spike_record

            # `latest` first: a run that is killed here comes to the same spike again. With the record first it would
            # go on behind samples that the record says were undone.
            self.checkpoints.point(back)
            spike_record.write(self.root / SPIKES, step, self.reader, offending)
            Store(str(self.root)).publish_json(SKIPPED, {"spikes": [*spikes, _finite(told)]})
        shorter = self.reader.at(state)
        self._say("spike", told | {"steps": shorter.steps, "sources": line["sources"]})
        parallel.meet(self.world.size)
        if len(spikes) + 1 > settings.most:
            raise Diverged(
                f"{self.settings.name}: {len(spikes) + 1} spikes (`spikes.most` is {settings.most}): data is not the "
                f"reason; lower the learning rate or raise spikes.sigmas. {self.root}/{SPIKES} has the documents"
            )
        self._load(back, run)
        self.reader = shorter

    # ------------------------------------------------------------ telling

    def _say(self, kind: str, line: dict[str, Any]) -> None:
        if self.log is None or self.progress is None:
            return
        if kind == "step":
            rate = line["tokens"] / line["seconds"]
            assert self.speed is not None
            line["tokens_per_second"] = rate
            line["mfu"] = flops.mfu(rate, self.flops, self.speed.reference, self.world.size)
            line["memory"] = _memory(self.world.device)
        self.log.append({"kind": kind, **line})
        getattr(self.progress, kind)(line)

    def note(self, lines: list[str]) -> None:
        """Lines for a person, of the first rank only."""
        for line in lines:
            if self.progress is not None:
                self.progress.note(line)

    def close(self) -> None:
        if self.log is not None:
            self.log.close()


def _ranges(numbers: list[int]) -> list[list[int]]:
    """[from, to) ranges of ascending numbers."""
    found: list[list[int]] = []
    for n in numbers:
        if found and found[-1][1] == n:
            found[-1][1] = n + 1
        else:
            found.append([n, n + 1])
    return found


def _finite(told: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: numbers that are not finite become text."""
    return {k: str(v) if isinstance(v, float) and v - v != 0 else v for k, v in told.items()}


def _memory(device: torch.device) -> int:
    """Most bytes held so far: of the device, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
