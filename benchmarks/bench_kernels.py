"""MB per second of processor time of every text kernel, median of five, on English web text and Chinese wiki pages.

python benchmarks/bench_kernels.py [DATA]        DATA: default $DATAPREP_DATA, else ../shared/data
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import zstandard

from dataprep.text import hashes, lines, ngrams, sentences, symbols, utf8, words
from dataprep.text.spans import TextBuffers, text_buffers
from dataprep.text.warmup import compile_all

CORPORA = ("en_web_text", "zh_oiwiki")


def load(path: Path) -> TextBuffers:
    with zstandard.open(path, "rt", encoding="utf-8", dctx=zstandard.ZstdDecompressor(max_window_size=2**27)) as rows:
        return text_buffers(pa.array([json.loads(row)["text"] for row in rows], pa.large_string()))


def kernels(text: TextBuffers) -> dict[str, Callable[[], object]]:
    found, split = words.words(text), lines.lines(text)
    return {
        "words": lambda: words.words(text),
        "repetition (nine measures)": lambda: ngrams.repetition(found, text),
        "words + repetition": lambda: ngrams.repetition(words.words(text), text),
        "lines": lambda: lines.lines(text),
        "paragraphs": lambda: lines.paragraphs(text),
        "duplicate lines": lambda: ngrams.duplicate_spans(split, text),
        "sentences": lambda: sentences.sentences(text),
        "count # and ...": lambda: symbols.count_hash_and_ellipsis(text),
        "characters": lambda: utf8.char_counts(text),
        "UTF-8 validation": lambda: utf8.first_invalid(text),
        "xxh64": lambda: hashes.xxh64(text),
    }


def rate(work: Callable[[], object], size: int) -> tuple[float, float]:
    """Median of five and the spread, (fastest - slowest) / median. Processor time: other jobs share the machine."""
    work()
    rates = []
    for _ in range(5):
        begin = time.process_time()
        work()
        rates.append(size / 1e6 / (time.process_time() - begin))
    middle = statistics.median(rates)
    return middle, (max(rates) - min(rates)) / middle


def machine() -> str:
    try:
        names = [x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x]
    except OSError:
        names = [platform.processor()]
    return f"one core of {len(names)} x {names[0]}, Python {platform.python_version()}"


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DATAPREP_DATA", "../shared/data"))
    compile_all()
    print(machine())
    for name in CORPORA:
        text = load(data / "corpora" / f"{name}.jsonl.zst")
        size = int(text.offsets[-1] - text.offsets[0])
        print(f"\n{name}: {len(text.offsets) - 1} documents, {size / 1e6:.1f} MB")
        for kernel, work in kernels(text).items():
            middle, spread = rate(work, size)
            print(f"  {kernel:28} {middle:8,.0f} MB/s  ± {spread / 2:.0%}")


if __name__ == "__main__":
    main()
