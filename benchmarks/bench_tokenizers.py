"""Tokenizers: MB/s of encoding beside the libraries, ids and round trips on every document, and the time of training.

python benchmarks/bench_tokenizers.py [DATA] [--only encode|memory|exact|train]     one core; 25 minutes

DATA: default $DATAPREP_DATA, else ../shared/data. Two tokenizers of 32,000 pieces are trained on 100 MB of all corpora
and kept in .benchmarks/tokenizers. Encoding is measured on up to 8 MB of each corpus, in batches as `tokenize` has
them, the backend made anew before each run, so that it has to meet every word again, and on all of it, the median of
further runs; the library gets lists made beforehand and one thread. Processor time, A B A B in turn: other jobs share
the machine.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pyarrow as pa

from dataprep.shards import BATCH_BYTES, BATCH_ROWS, recut
from dataprep.text.spans import TextBuffers, text_buffers
from dataprep.tokenizers import Tokenizer, load, training
from dataprep.tokenizers.library import documents
from dataprep.tokenizers.measuring import decoded
from dataprep.tokenizers.training import Settings

KEPT = machine.ROOT / ".benchmarks" / "tokenizers"
SAMPLE_MB = 100
ENCODE_MB = 8
RUNS = 3
KINDS = {"sentencepiece": "SentencePiece 32k", "byte-bpe": "byte-level BPE 32k"}


def batches(texts: list[str]) -> list[pa.RecordBatch]:
    """As the engine cuts them."""
    whole = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    return list(recut([whole], BATCH_ROWS, BATCH_BYTES))


def spread_out(texts: list[str], size: int) -> list[str]:
    """About `size` bytes of text, documents from all over it."""
    total = sum(len(text.encode()) for text in texts)
    every = max(1, total // size)
    taken, left = [], size
    for text in texts[::every]:
        if left <= 0:
            break
        data = text.encode()[:left]
        left -= len(data)
        taken.append(data.decode("utf-8", "ignore"))
    return taken


def in_turn(first: Callable[[], float], second: Callable[[], float]) -> tuple[list[float], list[float]]:
    pairs = [(first(), second()) for _ in range(RUNS)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def encode_batches(tokenizer: Tokenizer, texts: list[TextBuffers]) -> None:
    for text in texts:
        tokenizer.encode(text)


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


# ---------------------------------------------------------------- training


def sample(corpora: list[Path]) -> list[bytes]:
    """100 MB, each corpus as much as it has up to a common bound, documents from all over it."""
    share = SAMPLE_MB * 10**6 // len(corpora)
    texts = {path: list(machine.corpora.texts(path)) for path in corpora}
    sizes = {path: sum(len(text.encode()) for text in held) for path, held in texts.items()}
    left, open_ = SAMPLE_MB * 10**6, sorted(corpora, key=lambda path: sizes[path])
    taken: list[bytes] = []
    for n, path in enumerate(open_):
        share = left // (len(open_) - n)
        found = [text.encode() for text in spread_out(texts[path], min(share, sizes[path]))]
        left -= sum(map(len, found))
        taken += found
    return taken


def trained(corpora: list[Path]) -> dict[str, Path]:
    """The two tokenizers, made unless they are there."""
    files = {kind: KEPT / kind / Settings(kind=kind).file for kind in KINDS}
    missing = {kind: file for kind, file in files.items() if not file.is_file()}
    texts = sample(corpora) if missing else []
    for kind, file in missing.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(training.train(Settings(kind=kind), texts))
    return files


def train(corpora: list[Path]) -> dict[str, Any]:
    """Our training and sentencepiece's own on a file of the same text with the same options."""
    from sentencepiece import SentencePieceTrainer

    texts = sample(corpora)
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sample.txt")
        file.write_bytes(b"".join(text + b"\n" for text in texts))

        def theirs() -> object:
            options = training.sentencepiece_options(settings)
            return SentencePieceTrainer.train(input=str(file), model_writer=io.BytesIO(), **options)

        ours, own = [], []
        made = set()
        for _ in range(2):
            ours.append(timed(lambda: made.add(training.train(settings, texts))))
            own.append(timed(theirs))
    figures = {
        "sample_mb": round(sum(map(len, texts)) / 1e6, 1),
        "vocab_size": settings.vocab_size,
        "seconds": ours,
        "sentencepiece_seconds": own,
        "ratio": round(statistics.median(ours) / statistics.median(own), 3),
        "equal_bytes": len(made) == 1,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(
        f"train 32k on {figures['sample_mb']} MB: {machine.spread(ours)} s; sentencepiece on the same text "
        f"{machine.spread(own)} s; {figures['ratio']} of its time"
    )
    return figures


# ---------------------------------------------------------------- encoding


def encode(corpora: list[Path], files: dict[str, Path]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, file in files.items():
        tokenizer = load(file)
        assert not tokenizer.why_slow, tokenizer.why_slow
        make = tokenizer._library.recipe().make
        assert make is not None
        print(f"\n{KINDS[kind]}: MB/s of one core\n{'':28}{'dataprep':>24}{tokenizer.kind:>24}   ratio    all of it")
        for path in corpora:
            texts = spread_out(list(machine.corpora.texts(path)), ENCODE_MB * 10**6)
            size = sum(len(text.encode()) for text in texts) / 1e6
            held = [text_buffers(batch.column("text")) for batch in batches(texts)]
            as_list = [document for text in held for document in documents(text)]
            strings = [document.decode() for document in as_list]

            def ours(held: Any = held, tokenizer: Tokenizer = tokenizer, make: Any = make) -> float:
                tokenizer._fast = make()
                return timed(partial(encode_batches, tokenizer, held))

            def theirs(as_list: Any = as_list, strings: Any = strings, tokenizer: Tokenizer = tokenizer) -> float:
                library: Any = tokenizer._library
                if tokenizer.kind == "sentencepiece":
                    return timed(lambda: library._processor.Encode(as_list, return_type="numpy", num_threads=1))
                return timed(lambda: library._tokenizer.encode_batch_fast(strings, add_special_tokens=False))

            a, b = in_turn(ours, theirs)
            whole = [text_buffers(batch.column("text")) for batch in batches(list(machine.corpora.texts(path)))]
            whole_mb = sum(int(text.offsets[-1] - text.offsets[0]) for text in whole) / 1e6
            all_of_it = [whole_mb / timed(partial(encode_batches, tokenizer, whole)) for _ in range(RUNS)]
            fast, slow = [size / s for s in a], [size / s for s in b]
            ratio = statistics.median(fast) / statistics.median(slow)
            name = path.name.partition(".")[0]
            print(
                f"{name:28}{machine.spread(fast):>24}{machine.spread(slow):>24}{ratio:7.1f}x"
                f"{statistics.median(all_of_it):10.0f}",
                flush=True,
            )
            found.setdefault(kind, {})[name] = {
                "mb": round(size, 2),
                "mb_per_s": [round(x, 2) for x in fast],
                "library_mb_per_s": [round(x, 2) for x in slow],
                "ratio": round(ratio, 2),
                "all_mb_per_s": [round(x, 2) for x in all_of_it],
            }
    return found


def exact(corpora: list[Path], files: dict[str, Path]) -> dict[str, Any]:
    """Every document of every corpus: ids as the library's, and text that comes back."""
    found: dict[str, Any] = {}
    for kind, file in files.items():
        tokenizer = load(file)
        reference = tokenizer.reference
        counts = {"documents": 0, "tokens": 0, "other_ids": 0, "came_back_changed": 0}
        for path in corpora:
            for batch in batches(list(machine.corpora.texts(path))):
                text = text_buffers(batch.column("text"))
                ours, theirs = tokenizer.encode(text), reference.encode(text)
                bounds = zip(pairwise(ours.offsets.tolist()), pairwise(theirs.offsets.tolist()), strict=True)
                counts["documents"] += batch.num_rows
                counts["tokens"] += len(ours.ids)
                if not (np.array_equal(ours.ids, theirs.ids) and np.array_equal(ours.offsets, theirs.offsets)):
                    counts["other_ids"] += sum(
                        not np.array_equal(ours.ids[a:b], theirs.ids[c:d]) for (a, b), (c, d) in bounds
                    )
                back = decoded(tokenizer, ours)
                counts["came_back_changed"] += sum(a != b for a, b in zip(back, batch["text"].to_pylist(), strict=True))
        found[kind] = counts
        print(
            f"{KINDS[kind]}: of {counts['documents']:,} documents {counts['other_ids']:,} have other ids than the "
            f"library's, {counts['came_back_changed']:,} come back changed",
            flush=True,
        )
    return found


def memory(files: dict[str, Path]) -> dict[str, Any]:
    """Peak memory of a process that reads and encodes all corpora, a batch at a time."""
    found = {}
    for kind, file in files.items():
        command = [sys.executable, __file__, "--memory", str(file)]
        found[kind] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(f"{KINDS[kind]}: {found[kind]:,} MB at most while encoding all corpora")
    return found


def encode_all(file: Path, corpora: list[Path]) -> None:
    """Print the peak memory of this process, which holds a batch at a time."""
    tokenizer = load(file)
    for path in corpora:
        held: list[str] = []
        size = 0
        for text in machine.corpora.texts(path):
            held.append(text)
            size += len(text)
            if size >= BATCH_BYTES or len(held) == BATCH_ROWS:
                tokenizer.encode(text_buffers(pa.array(held, pa.large_string())))
                held, size = [], 0
        tokenizer.encode(text_buffers(pa.array(held, pa.large_string())))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("data", nargs="?", type=Path)
    options.add_argument("--only", choices=["encode", "memory", "exact", "train"])
    options.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    machine.one_core()
    corpora = sorted((asked.data or machine.data()).glob("corpora/*.jsonl.zst"))
    if asked.memory:
        encode_all(asked.memory, corpora)
        return
    print(machine.machine())
    files = trained(corpora)
    path = machine.RESULTS / "tokenizers.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    figures.pop("machine", None)
    if asked.only in (None, "encode"):
        figures["encode"] = encode(corpora, files)
    if asked.only in (None, "exact"):
        figures["exact"] = exact(corpora, files)
    if asked.only in (None, "memory"):
        figures["peak_rss_mb"] = memory(files)
    if asked.only in (None, "train"):
        figures["train"] = train(corpora)
    machine.keep("tokenizers", figures)


if __name__ == "__main__":
    main()
