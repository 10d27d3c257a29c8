"""A training step on one core against one written out by hand; waiting for data; from a late state to a batch.

Both train a LLaMA of 10M parameters on the same shapes, in turns of some steps: our whole loop (`dataprep pretrain`,
with its reader, log, spike guard) and a loop of a hundred lines with nothing but the model, fused AdamW and a clip.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import keep, machine, one_core, spread

LENGTH, BATCH, VOCAB = 128, 8, 8192
LAYERS, WIDTH, HEADS, FFN = 10, 256, 8, 704
WARM = 2
"""First steps of a turn that do not count."""


# ---------------------------------------------------------------- by hand


def minimal(precision: str, data: Path, steps: int) -> list[float]:
    """Seconds of each step of a plain torch loop: full logits, no log, batches cut from a mapped file at random."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before_attention, self.before_ffn = nn.RMSNorm(WIDTH, eps=1e-5), nn.RMSNorm(WIDTH, eps=1e-5)
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
            self.out = nn.Linear(WIDTH, WIDTH, bias=False)
            self.gate_up = nn.Linear(WIDTH, 2 * FFN, bias=False)
            self.down = nn.Linear(FFN, WIDTH, bias=False)

        def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
            b, t, _ = x.shape
            q, k, v = self.qkv(self.before_attention(x)).view(b, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
            q, k = (
                torch.cat([-z[..., z.shape[-1] // 2 :], z[..., : z.shape[-1] // 2]], -1) * sin + z * cos for z in (q, k)
            )
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(b, t, WIDTH))
            gate, up = self.gate_up(self.before_ffn(x)).chunk(2, -1)
            return x + self.down(functional.silu(gate) * up)

    torch.manual_seed(0)
    embed = nn.Embedding(VOCAB, WIDTH)
    nn.init.normal_(embed.weight, std=0.02)
    blocks = nn.ModuleList(Block() for _ in range(LAYERS))
    norm = nn.RMSNorm(WIDTH, eps=1e-5)
    everything = [*embed.parameters(), *blocks.parameters(), *norm.parameters()]
    optimizer = torch.optim.AdamW(everything, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    angles = torch.outer(torch.arange(LENGTH), 10_000 ** (-torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS)))
    cos, sin = (torch.cat([f(angles)] * 2, -1) for f in (torch.cos, torch.sin))
    tokens = np.memmap(data, np.uint16, "r")
    rng = np.random.default_rng(0)
    taken = []
    for _ in range(steps):
        began = time.perf_counter()
        at = rng.integers(0, len(tokens) - LENGTH - 1, BATCH)
        batch = torch.from_numpy(np.stack([tokens[n : n + LENGTH + 1] for n in at]).astype(np.int64))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            x = embed(batch[:, :-1])
            x = x.bfloat16() if precision == "bf16" else x
            for block in blocks:
                x = block(x, cos.to(x.dtype), sin.to(x.dtype))
            logits = functional.linear(norm(x), embed.weight)
        loss = functional.cross_entropy(logits.float().view(-1, VOCAB), batch[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(everything, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        taken.append(time.perf_counter() - began)
    return taken


# ---------------------------------------------------------------- in turns


def turns(folder: Path, tokens: Path, precision: str, count: int, steps: int) -> dict[str, Any]:
    """Ours and the plain loop, one after the other, `count` times `steps` steps each."""
    from train_corpus import write

    model = {"layers": LAYERS, "width": WIDTH, "heads": HEADS, "ffn_width": FFN, "tied_head": True, "vocab_size": VOCAB}
    file = write(folder, precision, tokens, length=LENGTH, batch=BATCH, steps=count * steps, model=model,
                 precision=precision, micro_batch=BATCH, optimizer={"learning_rate": 1e-3})  # fmt: skip
    ours, plain, waits = list[float](), list[float](), list[float]()
    for turn in range(count):
        until = (turn + 1) * steps
        call([sys.executable, "-m", "dataprep", "pretrain", str(file), "--until-step", str(until), "--device", "cpu"])
        lines = [json.loads(line) for line in (folder / precision / "log.jsonl").read_text().splitlines()]
        new = [line for line in lines if line["kind"] == "step" and line["step"] >= until - steps][WARM:]
        ours += [line["seconds"] for line in new]
        waits += [line["wait_seconds"] for line in new]
        printed = call([sys.executable, __file__, "--minimal", precision, str(tokens / "00000.bin"), str(steps)])
        plain += json.loads(printed)[WARM:]
    ratio = statistics.median(ours) / statistics.median(plain)
    parameters = next(line["parameters"] for line in lines if line["kind"] == "start")
    print(
        f"{precision}: {parameters / 1e6:.1f}M parameters, {BATCH} x {LENGTH} tokens a step: "
        f"{spread([1e3 * t for t in ours])} ms ours, {spread([1e3 * t for t in plain])} ms by hand, "
        f"{ratio:.3f} times as long; {BATCH * LENGTH / statistics.median(ours):,.0f} tokens/s; "
        f"waiting for data {sum(waits) / sum(ours):.3%}"
    )
    return {"ours_s": ours, "by_hand_s": plain, "ratio": ratio, "wait_ratio": sum(waits) / sum(ours)}


def call(command: list[str]) -> str:
    """Run a program on this core with one thread; what it printed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return done.stdout


# ---------------------------------------------------------------- to the first batch

LATE = """
import json, sys, time
began = time.perf_counter()
from dataprep.corpus.reader import open_reader
from dataprep.corpus.state import State
imported = time.perf_counter()
state = State.from_json(json.load(open(sys.argv[2])))
reader = open_reader(sys.argv[1], state)
reader.batch(reader.next_step)
print(json.dumps([imported - began, time.perf_counter() - imported, reader.next_step]))
"""


def late(folder: Path, tokens: Path, runs: int) -> dict[str, Any]:
    """A new process that goes on at a late step: files compared with what is remembered of them, the batch read."""
    from train_corpus import write

    from dataprep.corpus.reader import open_reader

    steps = 200_000
    write(folder, "late", tokens, length=LENGTH, batch=BATCH, steps=steps, model={})
    mix = folder / "late.mix.yaml"
    reader = open_reader(mix)
    state = reader.state_after(steps - 10)
    (folder / "state.json").write_text(json.dumps(state.to_json()))
    found = [json.loads(call([sys.executable, "-c", LATE, str(mix), str(folder / "state.json")])) for _ in range(runs)]
    imports, data = [one[0] for one in found], [one[1] for one in found]
    print(
        f"go on at step {found[0][2]:,}: {spread([1e3 * t for t in data])} ms from the state to its batch, after "
        f"{spread([1e3 * t for t in imports])} ms of imports"
    )
    return {"imports_s": imports, "data_s": data, "step": found[0][2]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minimal", nargs=3, metavar=("PRECISION", "FILE", "STEPS"), help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, default=5, help="of each loop (default 5)")
    parser.add_argument("--steps", type=int, default=12, help="in a turn (default 12)")
    options = parser.parse_args()
    if options.minimal:
        precision, file, steps = options.minimal
        print(json.dumps(minimal(precision, Path(file), int(steps))))
        return
    from train_corpus import corpus

    one_core()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["DATAPREP_HOME"] = str(folder / "home")
        tokens = corpus(folder / "tokens", 4_000_000, VOCAB)
        figures: dict[str, Any] = {"late": late(folder, tokens, 9)}
        for precision in ("fp32", "bf16"):
            figures[precision] = turns(folder, tokens, precision, options.turns, options.steps)
        keep("train", figures)


if __name__ == "__main__":
    main()
