"""A training step on one core against one written out by hand; waiting for data; from a late state to a batch.

Both train a LLaMA of 10M parameters on the same shapes in one process, taking turns step by step, so that what else
the machine does meets both: our whole loop (`pretrain`, with its reader, log, spike guard), and a loop of a hundred
lines with nothing but the model, fused AdamW and a clip.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import keep, machine, one_core, spread
from train_corpus import corpus, write

LENGTH, BATCH, VOCAB = 128, 8, 8192
LAYERS, WIDTH, HEADS, FFN = 10, 256, 8, 704
WARM = 3
"""First steps that do not count."""


# ---------------------------------------------------------------- by hand


def minimal(precision: str, data: Path) -> Iterator[float]:
    """Seconds of each step of a plain torch loop: full logits, no log, batches cut at random from a mapped file."""
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
    while True:
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
        yield time.perf_counter() - began


# ---------------------------------------------------------------- in turns


def turns(folder: Path, tokens: Path, precision: str, steps: int) -> dict[str, Any]:
    """`steps` steps of ours and as many of the plain loop, one after the other."""
    import torch

    from dataprep.training import log, settings
    from dataprep.training.loop import pretrain

    torch.set_num_threads(1)
    model = {"layers": LAYERS, "width": WIDTH, "heads": HEADS, "ffn_width": FFN, "tied_head": True, "vocab_size": VOCAB}
    file = write(folder, precision, tokens, length=LENGTH, batch=BATCH, steps=steps + WARM, model=model,
                 precision=precision, micro_batch=BATCH, optimizer={"learning_rate": 1e-3})  # fmt: skip
    plain, seconds = minimal(precision, tokens / "00000.bin"), list[float]()
    append = log.Log.append

    def append_and_step(self: log.Log, line: dict[str, Any]) -> None:
        # The loop has stopped its clock when it logs a step, and starts it again for the next one.
        append(self, line)
        if line["kind"] == "step":
            seconds.append(next(plain))

    log.Log.append = append_and_step  # type: ignore[method-assign]
    try:
        pretrain(settings.load(file), device="cpu")
    finally:
        log.Log.append = append  # type: ignore[method-assign]
    lines = log.read(folder / precision / log.NAME)
    taken = [line for line in lines if line["kind"] == "step"][WARM:]
    ours, by_hand = [line["seconds"] for line in taken], seconds[WARM:]
    waits = sum(line["wait_seconds"] for line in taken) / sum(ours)
    ratio = statistics.median(a / b for a, b in zip(ours, by_hand, strict=True))
    print(
        f"{precision}: {lines[0]['parameters'] / 1e6:.1f}M parameters, {BATCH} x {LENGTH} tokens a step: "
        f"{spread([1e3 * t for t in ours])} ms ours, {spread([1e3 * t for t in by_hand])} ms by hand; ratio of each "
        f"pair {ratio:.3f}, of the fastest {min(ours) / min(by_hand):.3f}; "
        f"{BATCH * LENGTH / statistics.median(ours):,.0f} tokens/s; waiting for data {waits:.3%}"
    )
    return {"ours_s": ours, "by_hand_s": by_hand, "ratio": ratio, "wait_ratio": waits}


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
    parser.add_argument("--steps", type=int, default=60, help="of each loop (default 60)")
    options = parser.parse_args()
    one_core()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["DATAPREP_HOME"] = str(folder / "home")
        tokens = corpus(folder / "tokens", 4_000_000, VOCAB)
        figures: dict[str, Any] = {"late": late(folder, tokens, 9)}
        for precision in ("fp32", "bf16"):
            figures[precision] = turns(folder, tokens, precision, options.steps)
        keep("train", figures)


if __name__ == "__main__":
    main()
