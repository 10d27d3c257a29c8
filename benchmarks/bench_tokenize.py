"""`tokenize`, from Parquet documents to published token shards: MB of text a second of one core, on every corpus.

    python benchmarks/bench_tokenize.py [DATA] [--only NAME] [--mb 32]        one core; 15 minutes
    python benchmarks/bench_tokenize.py --only zh-all                         all Chinese corpora as one, up to 64 MB

DATA: default $DATAPREP_DATA, else ../shared/data. Each corpus, up to so many MB of it, is first written as Parquet with
the columns of a run; then all corpora of a language together, since a run has a fixed cost, which is most of a small
one. Timed is all that the command does with it: checksums of the inputs, the plan, reading, encoding, the shuffle,
shards, sidecars, fsync, records, manifest. Not timed: Python's start and loading the tokenizer, which is made anew for
every run, so that it meets every word again; both together are given as `start-up`. Beside it the tokenizer's own
library encodes up to 4 MB of the same documents from a list, one thread, and writes nothing. Processor time, which
includes the system's: other jobs share the machine. Tokenizers are those of bench_tokenizers.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import pyarrow as pa
from bench_tokenizers import KINDS, rows, spread_out, trained

from dataprep import plan as planning
from dataprep.pipeline import parse
from dataprep.shards import ParquetShard
from dataprep.stages.tokenize import tokenize
from dataprep.tokenizers import Tokenizer, load

sys.path.append(str(machine.ROOT / "tests"))
from runs import run_here

RUNS = 3
TOGETHER = {"en-all": "en_", "fr-all": "fr_", "code-all": "code_", "zh-all": "zh_"}
"""Rows of several corpora, and how those begin."""
TOGETHER_MB = 64
LIBRARY_MB = 4
DOCUMENTS = pa.schema(
    [
        (name, pa.large_string() if name == "text" else pa.string())
        for name in ("id", "text", "source", "url", "language")
    ]
)


def documents(texts: list[str], path: Path) -> None:
    """One shard as a run writes it."""
    n = len(texts)
    columns = [
        pa.array([f"document-{i}" for i in range(n)]),
        pa.array(texts, pa.large_string()),
        pa.repeat("bench", n),
        pa.array([f"https://example.org/{i}" for i in range(n)]),
        pa.repeat("en", n),
    ]
    shard = ParquetShard(path, DOCUMENTS)
    shard.write(pa.RecordBatch.from_arrays(columns, schema=DOCUMENTS))
    shard.close()


def run(source: Path, tokenizer: Path, out: Path) -> dict[str, Any]:
    """All that `dataprep tokenize` does, in this process. Gives the manifest."""
    settings = {
        "name": "bench",
        "kind": "tokens",
        "source": {"parquet": str(source)},
        "output": str(out),
        "stages": [{"tokenize": {"tokenizer": str(tokenizer)}}],
    }
    return run_here(planning.make(parse(settings, "bench")))


def timed(source: Path, tokenizer: Path, out: Path) -> tuple[float, float, dict[str, Any]]:
    """Processor and wall time of a run that begins with nothing."""
    shutil.rmtree(out, ignore_errors=True)
    tokenize._loaded.cache_clear()
    tokenize.Tokenize(tokenizer=str(tokenizer)).files()
    cpu, wall = time.process_time(), time.perf_counter()
    made = run(source, tokenizer, out)
    return time.process_time() - cpu, time.perf_counter() - wall, made


def library(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Processor time of the tokenizer's own library."""
    own: Any = tokenizer._library
    given: list[Any] = [text.encode() for text in texts] if tokenizer.kind == "sentencepiece" else texts
    began = time.process_time()
    if tokenizer.kind == "sentencepiece":
        own._processor.Encode(given, return_type="numpy", num_threads=1)
    else:
        own._tokenizer.encode_batch_fast(given, add_special_tokens=False)
    return time.process_time() - began


def start_up(source: Path, tokenizer: Path, folder: Path) -> float:
    """Wall time of the command typed again when everything is there."""
    pipeline = folder / "again.yaml"
    stage = f"stages: [{{tokenize: {{tokenizer: {tokenizer}}}}}]"
    pipeline.write_text(f"name: bench\nkind: tokens\nsource: {{parquet: {source}}}\noutput: {folder}/again\n{stage}\n")
    command = [sys.executable, "-m", "dataprep", "run", str(pipeline), "--workers", "1"]
    subprocess.run(command, check=True, capture_output=True)
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="folder of real data")
    parser.add_argument("--only", help="rows whose name holds this; the others' figures stay as they are")
    parser.add_argument("--mb", type=int, default=32, help="text of each corpus")
    given = parser.parse_args()
    machine.one_core()
    pa.set_cpu_count(1)
    os.environ["RAYON_NUM_THREADS"] = "1"
    corpora = sorted(((given.data or machine.data()) / "corpora").glob("*.jsonl.zst"))
    files = trained(corpora)
    named = {path.name.partition(".")[0]: [path] for path in corpora}
    named |= {name: [p for p in corpora if p.name.startswith(begin)] for name, begin in TOGETHER.items()}
    chosen = {name: paths for name, paths in named.items() if not given.only or given.only in name}
    print(machine.machine())
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        for kind, file in files.items():
            print(
                f"\n{KINDS[kind]}: MB/s of one core\n{'':23}{'MB':>7}{'tokenize':>24}{'its library':>14}  ratio B/token"
            )
            for name, paths in chosen.items():
                mb = TOGETHER_MB if name in TOGETHER else given.mb
                texts = spread_out([text for path in paths for text in rows(path)], mb * 10**6)
                size = sum(len(text.encode()) for text in texts) / 1e6
                source = folder / "documents.parquet"
                documents(texts, source)
                timed(source, file, folder / "out")
                runs = [timed(source, file, folder / "out") for _ in range(RUNS)]
                few = spread_out(texts, LIBRARY_MB * 10**6)
                slow = sum(len(text.encode()) for text in few) / 1e6 / library(load(file), few)
                fast, wall = [size / cpu for cpu, _, _ in runs], [size / seconds for _, seconds, _ in runs]
                made = runs[0][2]
                ratio = statistics.median(fast) / slow
                each = made["splits"]["train"]["bytes"] / made["splits"]["train"]["tokens"]
                shown = f"{name:24}{size:6.1f}{machine.spread(fast):>24}{slow:14.2f}{ratio:6.1f}x{each:9.2f}"
                print(shown, flush=True)
                figures.setdefault(kind, {})[name] = {
                    "mb": round(size, 2),
                    "mb_per_s": [round(x, 2) for x in fast],
                    "wall_mb_per_s": [round(x, 2) for x in wall],
                    "library_mb_per_s": round(slow, 2),
                    "ratio": round(ratio, 2),
                    "tokens": made["tokens"],
                }
            if given.only:
                continue
            seconds = start_up(source, file, folder)
            shutil.rmtree(folder / "again")
            print(f"start-up: {seconds:.2f} s")
            figures[kind]["start_up_s"] = round(seconds, 2)
    known = machine.RESULTS / "tokenize.json"
    before = json.loads(known.read_text()) if given.only and known.exists() else {}
    machine.keep("tokenize", {kind: before.get(kind, {}) | found for kind, found in figures.items()})


if __name__ == "__main__":
    main()
