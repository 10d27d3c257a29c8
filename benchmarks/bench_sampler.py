"""The stream of training samples on one core: reading random windows, starting at any size, realised shares."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from machine import keep, machine, one_core, seconds, spread

from dataprep.corpus import mix_plan, shard
from dataprep.corpus.mix import load
from dataprep.corpus.reader import Reader, open_reader
from dataprep.corpus.sampler import Sampler
from dataprep.corpus.state import begin

LENGTH = 2048
TOKENS = 1.0e12
LLAMA = {"commoncrawl": 67.0, "c4": 15.0, "github": 4.5, "wikipedia": 4.5, "books": 4.5, "arxiv": 2.5, "stack": 2.0}
SHARD_TOKENS = 500_000_000
DOCS = pa.schema(
    [(name, pa.string()) for name in ("id", "source", "url", "language")]
    + [("input", pa.int32()), ("offset", pa.int64()), ("tokens", pa.int32()), ("bytes", pa.int64())]
)


def listed(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"path": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def manifest(folder: Path, shards: list[dict[str, Any]]) -> None:
    """A manifest of kind `tokens` for these shards."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(b"no tokenizer is needed here")
    tokenizer = listed(folder / "tokenizer.model")
    documents, tokens = sum(s["rows"] for s in shards), sum(s["tokens"] for s in shards)
    total = {"train": {"documents": documents, "tokens": tokens, "bytes": 4 * tokens}}
    made = {"version": 1, "kind": "tokens", "fingerprint": "", "pipeline": {}, "inputs": [], "stages": [], "models": {},
            "packages": {}, "parents": [], "dtype": "uint16", "documents": documents, "tokens": tokens,
            "splits": total, "sources": {folder.name: total}, "policy": {}, "shards": shards, "artefacts": [tokenizer],
            "tokenizer": {"kind": "sentencepiece", "file": "tokenizer.model", "sha256": tokenizer["sha256"],
                          "vocab_size": 32_000, "bos": 1, "eos": 2, "unk": 0, "pad": None}}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(made, indent=1))


def real(folder: Path, shards: int, tokens: int) -> None:
    """Shards of about so many tokens each, of documents with the lengths of web pages."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    entries = []
    for n in range(shards):
        lengths = rng.lognormal(6.2, 1.1, int(tokens / 900)).astype(np.int64) + 1
        base = folder / f"{n:05d}"
        shard.write(base, (rng.integers(3, 32_000, int(lengths.sum()), np.uint16), lengths))
        columns = {name: pa.nulls(len(lengths), DOCS.field(name).type) for name in DOCS.names}
        pq.write_table(pa.table(columns, DOCS), f"{base}.docs.parquet")
        entry = {"rows": len(lengths), "tokens": int(lengths.sum()), "split": "train"}
        parts = {"idx": listed(Path(f"{base}.idx")), "docs": listed(Path(f"{base}.docs.parquet"))}
        entries.append({**listed(Path(f"{base}.bin")), **entry, **parts})
    manifest(folder, entries)


def simulated(folder: Path, tokens: int) -> int:
    """A manifest of shards that do not exist. Gives their number."""
    entries = []
    for n in range(-(-tokens // SHARD_TOKENS)):
        size = min(SHARD_TOKENS, tokens - n * SHARD_TOKENS)
        digest = hashlib.sha256(f"{folder.name}{n}".encode()).hexdigest()
        file = {"path": f"{n:05d}.bin", "bytes": 2 * size, "sha256": digest}
        entries.append({**file, "rows": size // 900, "tokens": size, "split": "train", "idx": file, "docs": file})
    manifest(folder, entries)
    return len(entries)


def mix(path: Path, sources: dict[str, Any], until: float, **settings: Any) -> Path:
    stages = [{"name": "main", "until_tokens": int(until)}]
    raw = {"name": "bench", "sequence_length": LENGTH, "batch_size": 512, "sources": sources, "stages": stages}
    path.write_text(yaml.safe_dump({**raw, **settings}, sort_keys=False))
    return path


def read(reader: Reader, steps: Iterator[int], count: int) -> None:
    """Some batches more: never the same windows."""
    for _ in range(count):
        reader.batch(next(steps))


def reading(folder: Path) -> dict[str, Any]:
    """Windows of 2,048 tokens in random order from two sources of 4 shards each, through the reader, cache warm."""
    for name in ("web", "books"):
        real(folder / name, 4, 25_000_000)
    sources = {"web": {"manifest": "web", "weight": 3}, "books": {"manifest": "books", "weight": 1}}
    figures: dict[str, Any] = {}
    for packing in ("concatenate", "best_fit", "document"):
        for batch in (512, 64, 8) if packing == "concatenate" else (512,):
            path = mix(folder / "mix.yaml", sources, 1e9, packing=packing, batch_size=batch)
            began = time.perf_counter()
            reader = open_reader(path)
            opened = time.perf_counter() - began
            rows = 16_384
            for step in range(rows // batch):
                reader.batch(step)  # warm
            taken = seconds(partial(read, reader, iter(range(10**9)), rows // batch))
            rates = [rows / t for t in taken]
            mean = float(np.mean([reader.batch(step)["lengths"].mean() for step in range(4)]))
            figures[f"{packing}_{batch}"] = {
                "windows_per_s": rates,
                "tokens_per_s": [r * min(LENGTH, mean) for r in rates],
                "tokens_in_a_row": mean,
                "padding_ratio": sum(w.padding for w in reader.windows)
                / (sum(w.count for w in reader.windows) * (LENGTH + 1)),
                "opened_s": opened,
            }
            print(
                f"{packing:12s} batches of {batch:3d}: {spread([r / 1e3 for r in rates])} thousand windows/s, "
                f"{statistics.median(rates) * min(LENGTH, mean) / 1e6:.0f} M tokens/s"
            )
    return figures


def starting(path: Path, name: str) -> dict[str, Any]:
    """From the mix file to knowing the first batch: manifests, plan, sampler, one block; no token is read."""

    def work() -> None:
        settings = load(path)
        opened = mix_plan.open_sources(settings)
        sampler = Sampler(begin(mix_plan.plan(settings, opened)))
        sampler.at(sampler.steps.samples(0))

    def of_state() -> None:
        sampler = Sampler(begin(plan))
        sampler.at(sampler.steps.samples(sampler.steps.count // 2))

    settings = load(path)
    plan = mix_plan.plan(settings, mix_plan.open_sources(settings))
    whole, resumed = seconds(work, 9), seconds(of_state, 9)
    print(f"start at {name} tokens: mix file to first batch {spread([1e3 * t for t in whole])} ms; "
          f"kept state to a batch in its middle {spread([1e3 * t for t in resumed])} ms")  # fmt: skip
    return {"from_mix_s": whole, "from_state_s": resumed}


def shares(path: Path) -> dict[str, Any]:
    """The largest deviation of any source's realised share from what was asked, relative to all samples."""
    settings = load(path)
    sampler = Sampler(begin(mix_plan.plan(settings, mix_plan.open_sources(settings))))
    began = time.perf_counter()
    source = np.concatenate([sampler.at(np.arange(n, n + 65_536)).source for n in range(0, 655_360, 65_536)])
    rate = len(source) / (time.perf_counter() - began)
    asked = np.array(list(LLAMA.values())) / sum(LLAMA.values())
    found = {}
    for n in (1_000, 10_000, 65_536, 100_000, 500_000, 655_360):
        found[str(n)] = float(np.abs(np.bincount(source[:n], minlength=len(asked)) / n - asked).max())
    print(f"samples to (source, epoch, window): {rate / 1e6:.2f} M/s; shares are off by at most",
          ", ".join(f"{off:.4%} after {int(n):,}" for n, off in found.items()))  # fmt: skip
    return {"samples_per_s": rate, "largest_deviation_after": found}


def main() -> None:
    one_core()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["DATAPREP_HOME"] = str(folder / "home")
        figures: dict[str, Any] = {"reading": reading(folder)}
        real(folder / "small", 1, 1_000_000)
        one = mix(folder / "small.yaml", {"small": {"manifest": "small", "weight": 1}}, 1e7)
        figures["start_1e6"] = starting(one, "10^6")
        count = 0
        for name, weight in LLAMA.items():
            count += simulated(folder / name, int(TOKENS * weight / 100))
        llama = {name: {"manifest": name, "weight": weight} for name, weight in LLAMA.items()}
        large = mix(folder / "large.yaml", llama, 1.4e12)
        figures["start_1e12"] = {"shards": count, **starting(large, f"10^12 (simulated, {count:,} shards)")}
        figures["shares"] = shares(large)
        keep("sampler", figures)


if __name__ == "__main__":
    main()
