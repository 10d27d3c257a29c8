"""Training on one GPU: checks first, then speed. Needs this repository, torch and dataprep's own packages, no network.

    python benchmarks/bench_train_gpu.py --nanogpt ../nanoGPT        # an unmodified checkout, for the comparison
    python benchmarks/bench_train_gpu.py --toy                       # all of it in small on a CPU, to see that it runs

Every speed is that of the whole loop: `pretrain` in a process of its own, with its reader, log and spike guard, as its
log.jsonl tells it; the process is ended once enough steps are there.
  checks   document masks against documents one by one, compiled against eager, bf16 against fp32, the loss in pieces
  gpt2     124M, 1,024 tokens, 64 rows, bf16, no clip, as `bench.py --real_data=False --batch_size=64 --bias=True` of
           nanoGPT has it
  masked   the same with attention that ends where documents do
  llama    1.1B, 2,048 tokens, the best of a few micro-batches; and with documents masked
Waiting for data is printed with each.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # the repository needs no installing

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402
from train_corpus import corpus, write  # noqa: E402

from dataprep.training import flops, parallel  # noqa: E402
from dataprep.training.model.config import ModelConfig  # noqa: E402
from dataprep.training.model.transformer import Transformer  # noqa: E402
from dataprep.training.objective import causal_lm  # noqa: E402
from dataprep.training.settings import parse  # noqa: E402

WARM = 10
"""First steps that do not count: compilation, and the clock of the GPU rising."""
LLAMA = {"layers": 22, "width": 2048, "heads": 32, "kv_heads": 4, "ffn_width": 5632, "vocab_size": 32_000}
GPT2 = {"preset": "gpt2", "vocab_size": 50_304}
TOY = {"layers": 2, "width": 64, "heads": 2, "ffn_width": 128, "vocab_size": 512}


# ---------------------------------------------------------------- checks


def checks(device: torch.device) -> bool:
    """Each prints how far apart two ways to the same numbers are. True if all are near enough."""
    torch.backends.cuda.matmul.allow_tf32 = False
    wide = {"vocab_size": 1024, "context": 512, "layers": 2, "width": 256, "heads": 4, "kv_heads": 2, "ffn_width": 512}
    config = ModelConfig.model_validate(wide)
    tokens, positions, documents, lengths = _documents(config, device)
    good = True

    def check(name: str, found: float, most: float) -> None:
        nonlocal good
        good &= found <= most
        print(f"{'ok  ' if found <= most else 'FAIL'}  {name}: {found:.2g} (at most {most:g})", flush=True)

    model = _model(config, device, "fp32")
    with torch.no_grad():
        masked = model(tokens, positions=positions, documents=documents)
        alone = torch.cat([model(part) for part in tokens[:1].split(lengths, 1)], 1)
        check("documents masked in a row against one by one, logits", _apart(masked[:1], alone), 1e-4)
        shorter = _model(config.changed(window=100), device, "fp32")
        dense = _model(config.changed(window=100), torch.device("cpu"), "fp32")
        both = [
            m(tokens.to(d), positions=positions.to(d), documents=documents.to(d)).cpu()
            for m, d in ((shorter, device), (dense, torch.device("cpu")))
        ]
        check("a window and documents on this device against a dense mask on the CPU, logits", _apart(*both), 1e-4)

    targets = torch.roll(tokens, -1, 1)
    plain = _loss(model, tokens, targets)
    counted = torch.ones_like(tokens, dtype=torch.bool)
    pieces = model(tokens, then=lambda h, head: causal_lm(h, head, targets, counted, z_loss=0.0, chunk=300)).loss
    check("the loss in pieces against plain cross-entropy", abs(pieces.item() / tokens.numel() - plain.item()), 1e-5)
    here, there = _gradients(model, pieces / tokens.numel()), _gradients(model, plain)
    check("and its gradient", _apart(here, there), 1e-4)

    backend = "inductor" if device.type == "cuda" else "aot_eager"
    for masks in (False, True):
        how: dict[str, Tensor] = {"positions": positions, "documents": documents} if masks else {}
        for precision, most in (("fp32", 1e-4), ("bf16", 2e-2)):
            eager = _model(config, device, precision)
            fast = _model(config, device, precision, compiled=backend)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                losses = [_loss(m, tokens, targets, **how) for m in (eager, fast)]
            gradients = [_gradients(m, loss) for m, loss in zip((eager, fast), losses, strict=True)]
            name = f"compiled against eager, {precision}{', documents masked' if masks else ''}"
            check(f"{name}, loss", abs(losses[0].item() - losses[1].item()), most / 10)
            check(f"{name}, gradient", _apart(*gradients), most * 2)
    with torch.autocast(device.type, torch.bfloat16):
        half = _loss(model, tokens, targets)
    check("bf16 against fp32, loss", abs(half.item() - plain.item()) / plain.item(), 2e-3)
    return good


def _model(config: ModelConfig, device: torch.device, precision: str, *, compiled: str | None = None) -> Any:
    raw = {"name": "check", "mix": "none", "output": "none", "model": {}, "precision": precision, "seed": 1}
    settings = parse(raw | {"parallel": {"compile": compiled is not None}}, "check")
    return parallel.materialise(Transformer, config, settings, "single", device, backend=compiled or "inductor")


def _documents(config: ModelConfig, device: torch.device) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """Two rows of tokens; positions and numbers of documents; the lengths of those in the first row."""
    random = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, config.vocab_size, (2, config.context), generator=random)
    rows = [[37, 1, 200, 128, config.context - 366], [config.context]]
    positions = torch.stack([torch.cat([torch.arange(n) for n in row]) for row in rows])
    documents = torch.stack([torch.repeat_interleave(torch.arange(len(row)), torch.tensor(row)) for row in rows])
    return tokens.to(device), positions.to(device), documents.to(device, torch.int32), rows[0]


def _loss(model: Any, tokens: Tensor, targets: Tensor, **how: Tensor) -> Tensor:
    return functional.cross_entropy(model(tokens, **how).float().flatten(0, 1), targets.flatten())


def _gradients(model: Any, loss: Tensor) -> Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))])


def _apart(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    return float((a.float() - b.float()).abs().max() / b.float().abs().max())


# ---------------------------------------------------------------- speed


class Bench:
    """Where the corpus is, how large everything is, and when to stop."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.toy, self.folder, self.nanogpt = options.toy, folder, options.nanogpt
        self.until = time.monotonic() + options.seconds
        self.device = torch.device("cpu" if options.toy else "cuda")
        self.steps = 3 if options.toy else 40
        self.warm = 1 if options.toy else WARM
        self.speed = flops.speed(self.device, "bf16", 0.1 if options.toy else 1.0)
        vocab = TOY["vocab_size"] if options.toy else 32_000
        self.tokens = corpus(folder / "tokens", 100_000 if options.toy else 60_000_000, vocab)
        self.figures: dict[str, Any] = {"device": str(self.speed), "torch": torch.__version__}
        self.runs = 0

    def left(self) -> float:
        return self.until - time.monotonic()

    def ours(self, model: dict[str, Any], length: int, rows: int, **settings: Any) -> dict[str, Any] | None:
        """The loop on these shapes, after warming up. None if memory is too small for it."""
        self.runs += 1
        name = f"run{self.runs}"
        total = self.warm + self.steps
        more = {"precision": "bf16", "micro_batch": rows, "parallel": {"compile": not self.toy}} | settings
        file = write(
            self.folder, name, self.tokens, length=length, batch=rows, steps=total + 5,
            model=TOY if self.toy else model, **more,
        )  # fmt: skip
        command = [sys.executable, "-m", "dataprep", "pretrain", str(file), "--device", self.device.type]
        log = self.folder / name / "log.jsonl"
        errors = (self.folder / f"{name}.err").open("w+")
        process = subprocess.Popen(command, cwd=HERE.parent, stdout=errors, stderr=errors, start_new_session=True)
        try:
            while process.poll() is None and self.left() > 0:
                time.sleep(0.2)
                if log.exists() and log.read_bytes().count(b'"kind":"step"') >= total:
                    break  # what is written at the end of a run is not needed
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        lines = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
        steps = [line for line in lines if line["kind"] == "step"][self.warm :]
        shutil.rmtree(self.folder / name, ignore_errors=True)
        errors.seek(0)
        said = errors.read()
        errors.close()
        if len(steps) < self.steps:
            if "OutOfMemoryError" in said or "out of memory" in said:
                return None
            raise SystemExit(f"only {len(steps)} steps:\n{said[-3000:]}")
        start = next(line for line in lines if line["kind"] == "start")
        seconds = [line["seconds"] for line in steps]
        median = statistics.median(seconds)
        rate = length * rows / median
        return {
            "parameters": start["parameters"], "seconds": seconds, "tokens_per_second": rate,
            "mfu": rate * start["flops_per_token"] / self.speed.reference,
            "of_matrix_product": rate * start["flops_per_token"] / self.speed.measured,
            "wait_ratio": sum(line["wait_seconds"] for line in steps) / sum(seconds),
            "memory": max(line["memory"] for line in steps),
        }  # fmt: skip

    def say(self, name: str, found: dict[str, Any] | None) -> dict[str, Any] | None:
        if found is None:
            print(f"{name}: out of memory", flush=True)
            return None
        low, high = 1e3 * min(found["seconds"]), 1e3 * max(found["seconds"])
        print(
            f"{name}: {1e3 * statistics.median(found['seconds']):.1f} ms a step ({low:.1f} to {high:.1f}), "
            f"{found['tokens_per_second']:,.0f} tokens/s, MFU {found['mfu']:.1%}, "
            f"{found['of_matrix_product']:.1%} of a matrix product's speed, "
            f"waiting for data {found['wait_ratio']:.3%}, "
            f"{found['memory'] / 2**30:.1f} GiB",
            flush=True,
        )
        self.figures.setdefault(name, []).append(found)
        return found

    def peer(self) -> float | None:
        """ms an iteration of nanoGPT's bench.py, unmodified; None without a checkout of it."""
        if self.nanogpt is None or self.toy:
            return None
        command = [sys.executable, "bench.py", "--real_data=False", "--batch_size=64", "--bias=True"]
        done = subprocess.run(
            command, cwd=self.nanogpt, capture_output=True, text=True, timeout=max(60, self.left()), check=False
        )
        found = re.search(r"time per iteration: ([0-9.]+)ms", done.stdout)
        if not found:
            raise SystemExit(f"nanoGPT's bench.py failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        print(f"nanoGPT: {float(found[1]):.1f} ms an iteration", flush=True)
        self.figures.setdefault("nanogpt_ms", []).append(float(found[1]))
        return float(found[1])


PLAIN = {"optimizer": {"learning_rate": 1e-4, "weight_decay": 0.01, "clip": None}}
"""nanoGPT's bench.py does not clip; it reads the loss each step, and so do we."""


def gpt2(bench: Bench) -> None:
    length, rows = (64, 4) if bench.toy else (1024, 64)
    ours, theirs = list[float](), list[float]()
    for _ in range(2):  # in turns: what was compiled is kept, so that the second one is quick
        found = bench.say("gpt2 124M", bench.ours(GPT2, length, rows, **PLAIN))
        ours += [1e3 * statistics.median(found["seconds"])] if found else []
        peer = bench.peer()
        theirs += [peer] if peer else []
        if not theirs:
            break
    if ours and theirs:
        print(f"gpt2 124M: {min(ours):.1f} ms ours, {min(theirs):.1f} ms nanoGPT, ratio {min(ours) / min(theirs):.3f}")


def masked(bench: Bench) -> None:
    length, rows = (64, 4) if bench.toy else (1024, 64)
    found = bench.say("gpt2 124M, documents masked", bench.ours(GPT2, length, rows, mask_documents=True, **PLAIN))
    _against(bench, found, "gpt2 124M")


def llama(bench: Bench) -> None:
    length, choices = (64, (2, 4)) if bench.toy else (2048, (8, 16, 4))
    best: tuple[float, int] | None = None
    for rows in choices:
        if best and bench.left() < 100:
            break  # the masked one is worth more than another size
        found = bench.say(f"llama 1.1B, {rows} rows", bench.ours(LLAMA, length, rows))
        if found and (best is None or found["mfu"] > best[0]):
            best = (found["mfu"], rows)
        elif best:
            break  # larger ones do not fit, or are no faster
    if best is None:
        return
    print(f"llama 1.1B: best MFU {best[0]:.1%} with {best[1]} rows")
    name = f"llama 1.1B, {best[1]} rows"
    _against(
        bench, bench.say(f"{name}, documents masked", bench.ours(LLAMA, length, best[1], mask_documents=True)), name
    )


def _against(bench: Bench, found: dict[str, Any] | None, name: str) -> None:
    if found and name in bench.figures:
        plain = max(one["tokens_per_second"] for one in bench.figures[name])
        print(f"{name}: masking documents keeps {found['tokens_per_second'] / plain:.1%} of the speed", flush=True)


PARTS: dict[str, Callable[[Bench], None]] = {"gpt2": gpt2, "masked": masked, "llama": llama}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of checks, {', '.join(PARTS)}; default: all")
    parser.add_argument("--nanogpt", metavar="FOLDER", type=Path, help="an unmodified checkout of nanoGPT")
    parser.add_argument("--toy", action="store_true", help="tiny shapes on a CPU")
    parser.add_argument("--seconds", type=float, default=520, help="begin nothing after so long (default 520)")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write all figures here as JSON too")
    options = parser.parse_args()
    if unknown := set(options.parts) - {"checks", *PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are checks, {', '.join(PARTS)}")
    if not options.toy and not torch.cuda.is_available():
        print("no GPU here: nothing is measured; --toy tries everything on a CPU")
        return
    chosen = options.parts or ["checks", *PARTS]
    # Checkpoints of 1B parameters are 13 GB: memory takes them faster than a disk.
    fast = Path("/dev/shm")
    roomy = fast.is_dir() and shutil.disk_usage(fast).free > 40 << 30
    with tempfile.TemporaryDirectory(dir=fast if roomy and not options.toy else None) as temporary:
        os.environ["DATAPREP_HOME"] = str(Path(temporary) / "home")
        began = time.monotonic()
        if "checks" in chosen and not checks(torch.device("cpu" if options.toy else "cuda")):
            raise SystemExit("a check failed: speeds of wrong numbers are worth nothing")
        print(f"checks: {time.monotonic() - began:.0f} s", flush=True)
        options.seconds -= time.monotonic() - began
        bench = Bench(options, Path(temporary))
        print(f"{bench.speed}; torch {torch.__version__}", flush=True)
        try:
            for part in (part for part in chosen if part != "checks"):
                if bench.left() < 45 and not options.toy:
                    print(f"{part}: left out, no time", flush=True)
                    continue
                PARTS[part](bench)
        finally:
            if options.output:
                options.output.write_text(json.dumps(bench.figures, indent=1) + "\n")
    print(f"{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
