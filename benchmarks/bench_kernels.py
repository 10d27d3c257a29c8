"""MB per second of processor time of every text kernel, median of five, on English web text and Chinese wiki pages.

python benchmarks/bench_kernels.py [DATA]        DATA: default $DATAPREP_DATA, else ../shared/data
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import machine
import pyarrow as pa

from dataprep.text import hashes, lines, ngrams, sentences, symbols, utf8, words
from dataprep.text.spans import TextBuffers, text_buffers
from dataprep.text.warmup import compile_all

CORPORA = ("en_web_text", "zh_oiwiki")


def load(path: Path) -> TextBuffers:
    return text_buffers(pa.array(list(machine.corpora.texts(path)), pa.large_string()))


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


def main() -> None:
    machine.one_core()
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else machine.data()
    compile_all()
    print(f"one core of {machine.machine()}")
    for name in CORPORA:
        text = load(data / "corpora" / f"{name}.jsonl.zst")
        size = int(text.offsets[-1] - text.offsets[0])
        print(f"\n{name}: {len(text.offsets) - 1} documents, {size / 1e6:.1f} MB")
        for kernel, work in kernels(text).items():
            middle, spread = rate(work, size)
            print(f"  {kernel:28} {middle:8,.0f} MB/s  ± {spread / 2:.0%}")


if __name__ == "__main__":
    main()
