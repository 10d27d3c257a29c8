"""Language models: estimating one beside lmplz, and scoring with it beside CCNet's own code.

    python benchmarks/bench_perplexity.py --lmplz PATH --ccnet FOLDER [train] [score]

`train` estimates a model of order 5 on 50 MB of English, as `lmplz` does (a Release build of kenlm 0.3.0's sources), on
one core, by turns, and then with less and less memory. `score` gives each of several thousand web pages its perplexity
by a 5-gram model of SentencePiece pieces, as cc_net does (a checkout of facebookresearch/cc_net): normalise, encode,
score, document by document; every value must be the same. And the same of Chinese documentation.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import machine
import peers
from machine import run_parts, spread

ROOT = Path(__file__).parent.parent
TEXT_MB = 50
SCORED_MB = 5
CCNET = ("kenlm==0.3.0", "sentencepiece==0.2.3", "numpy", "pandas", "psutil", "requests", "typing_extensions")
PEER = """
import json, sys, time
from pathlib import Path
from cc_net.perplexity import DocLM, MultiSentencePiece
tokenizer, model, documents = sys.argv[1:]
texts = [json.loads(line) for line in open(documents)]
pieces = MultiSentencePiece({"en": Path(tokenizer)}, field="text", output_field="tokenized", normalize=True)
lm = DocLM({"en": Path(model)}, field="tokenized", output_field="perplexity", normalize=False)
pieces._prepare(), lm._prepare()
print("ready", flush=True)
for _ in sys.stdin:
    began = time.process_time()
    done = [lm.do(pieces.do({"text": text, "language": "en"})) for text in texts]
    spent = time.process_time() - began
    print(json.dumps([spent, [one.get("perplexity") for one in done]]), flush=True)
"""


def english(data: Path, size: int) -> Iterator[str]:
    """Web pages, then books, up to so many bytes."""
    for name in ("en_web_text", "en_classic_books"):
        for text in machine.texts(data, name):
            yield text[: max(0, size)]
            size -= len(text.encode())
            if size <= 0:
                return


def timed(command: list[str]) -> tuple[float, float, float, str]:
    """Wall seconds, processor seconds, peak resident MB of a command, and what it prints."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | {"PYTHONPATH": str(ROOT)})
        _, status, used = os.wait4(process.pid, 0)
        out.seek(0)
        said = out.read()
    if status:
        raise SystemExit(f"{command[0]} failed: {said}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said


def train(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    program = options.lmplz or shutil.which("lmplz")
    if not program:
        raise SystemExit("no lmplz on PATH; give --lmplz")
    found: dict[str, Any] = {"text_mb": TEXT_MB, "order": 5, "core": "one"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = folder / "text"
        with text.open("w", newline="\n") as file:
            for part in english(data, TEXT_MB * 1_000_000):
                file.write(re.sub("[\v\f]", " ", part) + "\n")
        found["bytes"] = text.stat().st_size
        for prune in ("0", "0 0 1"):

            def theirs(prune: str = prune) -> list[str]:
                command = [program, "-o", "5", "-S", "2G", "-T", f"{folder}/t", "--text", str(text), "--skip_symbols"]
                return [*command, "--arpa", f"{folder}/theirs", "--prune", *prune.split()]

            def ours(memory: int = 2048, prune: str = prune, out: str = "ours") -> list[str]:
                shutil.rmtree(folder / out, ignore_errors=True)
                command = [sys.executable, "-m", "dataprep", "train-lm", "--text", str(text), "--unit", "spaces"]
                return [*command, "--prune", prune, "--memory-mb", str(memory), "--output", f"{folder}/{out}"]

            timed(ours())  # compiles
            runs = [(timed(ours()), timed(theirs())) for _ in range(options.runs)]
            row = {
                "ours_s": [round(mine[0], 2) for mine, _ in runs],
                "lmplz_s": [round(other[0], 2) for _, other in runs],
                "ours_cpu_s": [round(mine[1], 2) for mine, _ in runs],
                "lmplz_cpu_s": [round(other[1], 2) for _, other in runs],
                "times_lmplz": round(statistics.median(mine[0] / other[0] for mine, other in runs), 2),
                "ours_peak_mb": round(max(mine[2] for mine, _ in runs)),
                "lmplz_peak_mb": round(max(other[2] for _, other in runs)),
                "apart": apart(folder / "ours/lm.arpa", folder / "theirs"),
            }
            print(f"prune {prune}: ours {spread(row['ours_s'])} s, lmplz {spread(row['lmplz_s'])} s, "
                  f"{row['times_lmplz']}x its time; largest difference {row['apart']}")  # fmt: skip
            if prune == "0":
                whole = sha256(folder / "ours/lm.arpa")
                row["memory"] = {}
                for memory in (1024, 512):
                    wall, _, peak, _ = timed(ours(memory, out="bounded"))
                    assert sha256(folder / "bounded/lm.arpa") == whole, "memory decides what is written"
                    row["memory"][str(memory)] = {"s": round(wall, 2), "peak_mb": round(peak)}
                    print(f"  --memory-mb {memory}: {wall:.1f} s, peak {peak:.0f} MB, the same bytes")
            found[f"prune {prune}"] = row
    return found


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def apart(ours: Path, theirs: Path) -> float:
    """The largest difference of any number of two ARPA files of the same n-grams in the same order."""

    def lines(path: Path) -> Iterator[str]:
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from (line.rstrip("\n") for line in file if not line.startswith("# dataprep"))

    worst = 0.0
    for one, other in zip(lines(ours), lines(theirs), strict=True):
        if one != other:
            mine, its = one.split("\t"), other.split("\t")
            assert mine[1] == its[1], (one, other)
            worst = max([worst, *(abs(float(mine[n]) - float(its[n])) for n in (0, 2) if n < len(mine))])
    return worst


def score(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    if not options.ccnet or not Path(options.ccnet, "cc_net/perplexity.py").exists():
        raise SystemExit("give --ccnet, a checkout of facebookresearch/cc_net")
    pages = list(machine.texts(data, "en_web_text"))
    cut = next(n for n in range(len(pages)) if sum(len(p.encode()) for p in pages[:n]) > SCORED_MB * 1e6)
    chinese = [text for name in ("zh_oiwiki", "zh_d2l", "zh_react_vue_docs") for text in machine.texts(data, name)]
    return {
        "English": _beside_ccnet(pages[:cut], [*pages[cut:], *english_books(data, 30_000_000)], options),
        "Chinese": _beside_ccnet(list(machine.texts(data, "zh_javaguide")), chinese, options),
    }


def _beside_ccnet(scored: list[str], learnt: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Both on some documents, by a model of others."""
    import pyarrow as pa

    from dataprep.ngram.scoring import scorer
    from dataprep.text.spans import text_buffers

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, tokenizer = _models(folder, learnt)
        (folder / "scored").write_text("".join(json.dumps(text) + "\n" for text in scored))
        python = peers.python("ccnet", CCNET)
        environment = peers.ENVIRONMENT | {"PYTHONPATH": str(Path(options.ccnet).resolve())}
        command = [str(python), "-c", PEER, str(tokenizer), str(model / "lm.arpa"), str(folder / "scored")]
        peer = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert peer.stdin is not None
        assert peer.stdout is not None
        assert peer.stdout.readline() == "ready\n"
        text = text_buffers(pa.array(scored, pa.large_string()))
        loaded = scorer(str(model), None, True)
        parts = _parts(loaded, text)
        theirs, ours, plain = [], [], []
        loaded.score(text, 512)
        for _ in range(options.runs):
            for window, into in ((512, ours), (None, plain)):
                began = time.process_time()
                values, _ = loaded.score(text, window)
                into.append(time.process_time() - began)
            peer.stdin.write("go\n")
            peer.stdin.flush()
            spent, expected = json.loads(peer.stdout.readline())
            theirs.append(spent)
        peer.stdin.close()
        peer.wait()
        different = sum(one != other for one, other in zip(values.tolist(), expected, strict=True))
        size = int(text.offsets[-1]) / 1e6
        found = {
            "documents": len(scored),
            "mb": round(size, 2),
            "ngrams": _ngrams(model),
            "ours_mb_s": [round(size / s, 1) for s in ours],
            "ours_without_windows_mb_s": [round(size / s, 1) for s in plain],
            "ccnet_mb_s": [round(size / s, 2) for s in theirs],
            "times_faster": round(statistics.median(b / a for a, b in zip(ours, theirs, strict=True)), 1),
            "values_that_differ": different,
            "parts_mb_s": parts,
        }
        print(f"{len(scored)} documents, {size:.1f} MB: ours {spread(found['ours_mb_s'])} MB/s, cc_net "
              f"{spread(found['ccnet_mb_s'])} MB/s: {found['times_faster']}x; {different} values differ")  # fmt: skip
        print(f"  of which, MB/s: {parts}")
        return found


def english_books(data: Path, size: int) -> Iterator[str]:
    for text in machine.texts(data, "en_classic_books"):
        yield text
        size -= len(text)
        if size < 0:
            return


def _models(folder: Path, texts: list[str]) -> tuple[Path, Path]:
    """A 5-gram model of the 32,000 pieces of a tokenizer, both of these texts."""
    from dataprep.ngram import making
    from dataprep.tokenizers import load
    from dataprep.tokenizers.training import Settings, train

    sample = [text.encode()[: 1 << 20] for text in texts]
    tokenizer = folder / "tokenizer.model"
    tokenizer.write_bytes(train(Settings(vocab_size=32_000), iter(sample)))
    (folder / "learnt").write_text("".join(text.replace("\n", " ") + "\n" for text in texts))
    settings = making.Settings(unit="pieces", normalize="ccnet", order=5)
    making.make(settings, [], [str(folder / "learnt")], load(tokenizer), str(folder / "lm"), 4096)
    return folder / "lm", tokenizer


def _ngrams(model: Path) -> int:
    from dataprep.ngram import arpa

    return sum(arpa.head(model / "lm.arpa").counts)


def _parts(loaded: Any, text: Any) -> dict[str, float]:
    """Each step alone."""
    from dataprep.ngram import pieces
    from dataprep.text.ccnet import normalized
    from dataprep.text.ngram_table import scores

    size = int(text.offsets[-1]) / 1e6
    clean = normalized(text)
    logs = loaded._logs(clean)
    steps: dict[str, Callable[[], object]] = {
        "normalise": lambda: normalized(text),
        "encode": lambda: pieces.encode(loaded.tokenizer, clean),
        "look up": lambda: scores(loaded._table, logs.words),
    }
    found = {}
    for name, step in steps.items():
        step()
        times = []
        for _ in range(5):
            began = time.process_time()
            step()
            times.append(time.process_time() - began)
        found[name] = round(size / statistics.median(times), 1)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lmplz", help="The program; default: the one on PATH.")
    parser.add_argument("--ccnet", help="A checkout of facebookresearch/cc_net.")
    parser.add_argument("--runs", type=int, default=5)
    run_parts("perplexity", {"train": train, "score": score}, parser)
