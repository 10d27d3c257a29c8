"""`classifier`: scoring against fastText's own program, and what is learnt from real labels, as it is.

    python benchmarks/bench_classifier.py [speed] [labels]

`speed` builds the program from fastText's source distribution (`--program PATH` uses one that is there), trains three
models on en_web_text against en_foldoc_encyclopedia, and scores en_web_text: the program with `predict-prob`, its time
for an empty file taken off, and ours from a text column to scores. By turns, CPU seconds. `labels` are five folds of
each labelled set, three seeds. Needs the folder of real data; writes results/classifier.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import machine
import numpy as np
import pyarrow as pa

HERE = Path(__file__).resolve().parent
MODELS = {
    "words and pairs, dim 100, 2 M buckets": {"dim": 100, "word_ngrams": 2, "bucket": 2_000_000},
    "words and pairs, dim 16, 100 k buckets": {"dim": 16, "word_ngrams": 2, "bucket": 100_000},
    "characters 2-4, dim 16, 100 k buckets": {"dim": 16, "word_ngrams": 1, "minn": 2, "maxn": 4, "bucket": 100_000},
}


def program(given: Path | None) -> Path:
    """fastText's command: optimised, and for this processor, as its Python module is."""
    built = given or HERE.parent / ".benchmarks/fasttext/fasttext"
    if not built.exists():
        folder = built.parent
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        subprocess.run([*pip, "-q", "-d", folder, "fasttext==0.9.3"], check=True)
        subprocess.run(["tar", "xf", folder / "fasttext-0.9.3.tar.gz", "-C", folder], check=True)
        sources = sorted((folder / "fasttext-0.9.3/src").glob("*.cc"))
        flags = ["-std=c++17", "-O3", "-funroll-loops", "-pthread", "-march=native", "-DNDEBUG"]
        subprocess.run(["g++", *flags, *sources, "-o", built], check=True)
    return built


def corpus(data: Path, name: str) -> list[str]:
    return list(machine.texts(data, name))


def speed(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    from dataprep.classifiers import model_file, training
    from dataprep.text.one_line import one_line
    from dataprep.text.spans import text_buffers

    command = program(options.program)
    web, good = corpus(data, "en_web_text"), corpus(data, "en_foldoc_encyclopedia")
    text = text_buffers(pa.array(web, pa.large_string()))
    lines = one_line(text)
    megabytes = len(lines.data) / 1e6
    found: dict[str, Any] = {"documents": len(web), "mb": megabytes}
    with tempfile.TemporaryDirectory() as scratch:
        file, empty, path = (Path(scratch) / name for name in ("lines.txt", "empty.txt", "model.bin"))
        empty.touch()
        raw, at = lines.data.tobytes(), lines.offsets.tolist()
        file.write_bytes(b"".join(raw[a:b] + b"\n" for a, b in pairwise(at)))

        def theirs(given: Path) -> float:
            before = machine.children_seconds()
            subprocess.run([command, "predict-prob", path, given], stdout=subprocess.DEVNULL, check=True)
            return machine.children_seconds() - before

        def ours(model: model_file.Model) -> float:
            began = time.process_time()
            model_file.score(model, one_line(text), model.labels[:1])
            return time.process_time() - began

        for name, how in MODELS.items():
            settings = training.Settings.model_validate({"epoch": 1, **how})
            labels = ["cc"] * len(web[::2]) + ["hq"] * len(good[::2])
            path.write_bytes(training.train(settings, [*web[::2], *good[::2]], labels))
            model, library = model_file.load(path), model_file._of_library(str(path))
            pair = [model_file.score(one, lines, model.labels) for one in (model, library)]
            difference = float(np.abs(pair[0] - pair[1]).max())
            del library
            times: dict[str, list[float]] = {"program": [], "dataprep": []}
            for _ in range(options.runs):
                times["program"].append(theirs(file) - theirs(empty))
                ours(model)
                times["dataprep"].append(ours(model))
            ratio = statistics.median(times["dataprep"]) / statistics.median(times["program"])
            found[name] = {**times, "ratio": ratio, "largest_difference_from_the_module": difference}
            shown = {side: machine.spread(values) for side, values in times.items()}
            rate = megabytes / statistics.median(times["dataprep"])
            print(f"{name}: program {shown['program']} s, dataprep {shown['dataprep']} s: {ratio:.2f}x its time, "
                  f"{rate:.0f} MB/s; scores differ by {difference:.1g}")  # fmt: skip
    return found


# ---------------------------------------------------------------- real labels


def quality(data: Path) -> tuple[list[str], list[str]]:
    lines = (data / "labels/dclm_quality_dev/dev_majority_minus_agreement.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["text"] for row in rows], [str(row["label"]) for row in rows]


def table(path: Path, text: str, label: str) -> tuple[list[str], list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))[:8000]
    return [row[text] for row in rows], [row[label] for row in rows]


def titles(data: Path) -> tuple[list[str], list[str]]:
    lines = (data / "labels/thucnews_titles_20k/THUCNews/data/dev.txt").read_text("utf-8").splitlines()
    pairs = [line.rsplit("\t", 1) for line in lines[:8000]]
    return [text for text, _ in pairs], [label for _, label in pairs]


SETS: dict[str, tuple[Callable[[Path], tuple[list[str], list[str]]], str | None]] = {
    "dclm_quality_dev (keep)": (quality, "1"),
    "davidson_hate (neither)": (
        lambda d: table(d / "labels/davidson_hate/data/labeled_data.csv", "tweet", "class"), "2",
    ),
    "cold_zh_offensive (offensive)": (
        lambda d: table(d / "labels/cold_zh_offensive/COLDataset/train.csv", "TEXT", "label"), "1",
    ),
    "thucnews_titles (mean of 10 topics)": (titles, None),
}  # fmt: skip


def labels(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    from dataprep.classifiers import measuring, model_file, training

    found = {}
    for name, (read, positive) in SETS.items():
        texts, truth = read(data)
        areas, rates = [], []
        for seed in range(3):
            fold = np.random.default_rng(seed).permutation(len(texts)) % 5
            for k in range(5):
                settings = training.Settings(
                    dim=16, bucket=100_000, word_ngrams=2, epoch=20, lr=0.3, lower=True, seed=seed
                )
                inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
                data_ = training.train(settings, [texts[n] for n in inside], [truth[n] for n in inside])
                with tempfile.NamedTemporaryFile(suffix=".bin") as file:
                    file.write(data_)
                    file.flush()
                    model = model_file.load(Path(file.name))
                    values = measuring.scores(model, [texts[n] for n in outside], lower=True, split_han=True)
                is_it = np.array([truth[n] for n in outside])
                wanted = [positive] if positive else list(model.labels)
                per = [measuring.auc(values[:, model.labels.index(one)], is_it == one) for one in wanted]
                areas.append(float(np.mean([value for value in per if value is not None])))
                best = np.array(model.labels)[values.argmax(axis=1)]
                rates.append(float((best == is_it).mean()))
        found[name] = {"documents": len(texts), "auc": areas, "accuracy": rates}
        print(
            f"{name}: {len(texts)} documents, AUC of 15 folds {machine.spread(areas)}, accuracy {machine.spread(rates)}"
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    machine.run_parts("classifier", {"speed": speed, "labels": labels}, parser)
