"""gopher_quality + gopher_repetition + fineweb_quality against datatrove's three filters, same documents, one core.

    python benchmarks/bench_quality.py

Needs the folder of real data (`--data`, `$DATAPREP_DATA`, ../shared/data). Makes a virtual environment for datatrove in
.benchmarks/ at the first run (`--peer PYTHON` uses another one). Both sides keep their documents in memory, run by
turns, and are timed in CPU seconds, so that other work on the machine does not count; wall seconds are recorded too.
A worker goes from batch to batch, so ours is timed right after an untimed run; the run before that, after idling while
datatrove worked, is reported as well: a virtual machine takes idle memory back, and getting it again costs time.
Prints the rates, how often decisions agree and why not, where our time goes; writes results/quality.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import machine
import peers

if TYPE_CHECKING:
    from dataprep.documents import Documents
    from dataprep.stage import Stage

HERE = Path(__file__).resolve().parent
STAGES = ("gopher_quality", "gopher_repetition", "fineweb_quality")
BATCH_ROWS, BATCH_BYTES = 4096, 16 << 20
"""Where the engine cuts batches."""


def peer_serve(path: str) -> None:
    """Run under the peer's Python: judge all documents once for each line on stdin."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter

    with open(path, encoding="utf-8") as lines:
        docs = [Document(text=json.loads(line), id=str(i)) for i, line in enumerate(lines)]
    filters = (GopherQualityFilter(), GopherRepetitionFilter(), FineWebQualityFilter())

    def judge(doc: Any) -> str | None:
        for stage in filters:
            verdict = stage.filter(doc)
            if verdict is not True:
                return str(verdict[1])
        return None

    judge(docs[0])
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        reasons = [judge(doc) for doc in docs]
        times = (time.perf_counter() - wall, time.process_time() - cpu)
        print(json.dumps({"times": times, "reasons": reasons}), flush=True)


def texts(data: Path) -> list[str]:
    """en_web_text: 2,014 web documents, 15.6 MB."""
    return list(machine.texts(data, "en_web_text"))


def batches(given: list[str]) -> list[Documents]:
    """The documents as the engine would cut them, labelled as English."""
    from dataprep.documents import documents

    cuts, size = [0], 0
    for i, text in enumerate(given):
        size += len(text.encode())
        if size > BATCH_BYTES or i - cuts[-1] >= BATCH_ROWS:
            cuts.append(i)
            size = len(text.encode())
    rows = [given[a:b] for a, b in zip(cuts, [*cuts[1:], len(given)], strict=True)]
    return [documents({"id": [str(i) for i in range(len(r))], "text": r, "language": ["en"] * len(r)}) for r in rows]


def chain() -> list[tuple[str, Stage]]:
    """The three composites, expanded."""
    from dataprep import catalog

    composites = [(name, catalog.stage(name)()) for name in STAGES]
    parts = [(name, part) for name, composite in composites for part in composite.expand(name)]  # type: ignore[attr-defined]
    return [(name, catalog.stage(part.stage).model_validate(part.config)) for name, part in parts]


def steps(batch: Documents, stages: list[tuple[str, Stage]]) -> Iterator[tuple[str, Documents, Any]]:
    """One pass over a batch, as the worker does it: (what was done, documents left, reasons or None)."""
    import numpy as np

    from dataprep.documents import Documents
    from dataprep.stage import Map

    docs = Documents(batch.batch)  # without the views of the run before
    for view in ("words", "lines"):
        getattr(docs, view)
        yield f"view {view}", docs, None
    for name, stage in stages:
        if isinstance(stage, Map):
            if name == "gopher_repetition":
                assert docs.paragraphs is not None
                yield "view paragraphs", docs, None
            docs = docs.with_columns(stage.columns(docs))
            yield f"{name}: scores", docs, None
        else:
            reasons = stage.reasons(docs)  # type: ignore[attr-defined]
            yield f"{name}: thresholds", docs, reasons
            docs = docs.keep(np.asarray(reasons.is_null()))
            yield f"{name}: drop rows", docs, None


def ours_once(given: list[Documents], stages: list[tuple[str, Stage]]) -> tuple[tuple[float, float], dict[str, float]]:
    """((wall, CPU) seconds of a whole run, CPU seconds by step)."""
    spent: Counter[str] = Counter()
    wall, cpu = time.perf_counter(), time.process_time()
    last = cpu
    for batch in given:
        for step, _, _ in steps(batch, stages):
            now = time.process_time()
            spent[step] += now - last
            last = now
    return (time.perf_counter() - wall, time.process_time() - cpu), dict(spent)


def our_reasons(given: list[Documents], stages: list[tuple[str, Stage]]) -> list[str | None]:
    """For each document the reason that dropped it, or None."""
    found: list[str | None] = []
    for batch in given:
        verdict: dict[str, str] = {}
        for step, docs, reasons in steps(batch, stages):
            if reasons is not None:
                prefix = step.removesuffix(": thresholds")
                pairs = zip(docs["id"].to_pylist(), reasons.to_pylist(), strict=True)
                verdict |= {i: f"{prefix}.{reason}" for i, reason in pairs if reason}
        found += [verdict.get(i) for i in batch["id"].to_pylist()]
    return found


def kernels(given: list[Documents]) -> dict[str, float]:
    """CPU seconds of each kernel alone, over all documents, median of 5."""
    import numpy as np

    from dataprep.text import line_counts, markup, ngrams, symbols, utf8, word_counts

    lists = np.stack([word_counts.stop_word_table(("the", "be", "to", "of", "and", "that", "have", "with"))])
    work: dict[str, Callable[[Documents], object]] = {
        "word_counts": lambda d: word_counts.word_counts(d.words, d.text, lists, np.zeros(len(d), np.int64)),
        "line_counts": lambda d: line_counts.line_counts(d.lines, d.text, 30),
        "newlines": lambda d: line_counts.newlines(d.text),
        "count_hash_and_ellipsis": lambda d: symbols.count_hash_and_ellipsis(d.text),
        "markup_chars": lambda d: markup.markup_chars(d.text),
        "char_counts": lambda d: utf8.char_counts(d.text),
        "repetition": lambda d: ngrams.repetition(d.words, d.text),
        "duplicate_spans of lines": lambda d: ngrams.duplicate_spans(d.lines, d.text),
    }

    def seconds(run: Callable[[Documents], object]) -> float:
        start = time.process_time()
        for docs in given:
            run(docs)
        return time.process_time() - start

    for docs in given:
        assert docs.words is not None
        assert docs.lines is not None
    return {name: statistics.median(seconds(run) for _ in range(5)) for name, run in work.items()}


def processor() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def show(title: str, rows: dict[str, float], total: float) -> None:
    print(f"\n{title}")
    for name, seconds in rows.items():
        print(f"  {name:40} {seconds * 1e3:8.1f} ms {seconds / total:6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DATAPREP_DATA") or HERE.parent.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer", type=Path, help="Python of an environment that holds datatrove")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        peer_serve(args.serve)
        return
    python = args.peer or peers.python("datatrove", peers.DATATROVE)
    given = texts(args.data)
    megabytes = sum(len(text.encode()) for text in given) / 1e6
    docs, stages = batches(given), chain()
    ours_once(docs, stages)  # compiles, or loads what was compiled

    times: dict[str, list[tuple[float, float]]] = {"dataprep": [], "datatrove": []}
    idle: list[tuple[float, float]] = []
    spent: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.jsonl"
        file.write_text("".join(json.dumps(text) + "\n" for text in given), "utf-8")
        command = [str(python), str(Path(__file__).resolve()), "--serve", str(file)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=peers.ENVIRONMENT
        ) as peer:
            assert peer.stdin is not None
            assert peer.stdout is not None
            assert peer.stdout.readline() == "ready\n", "datatrove does not start; its message is above"
            for k in range(args.runs):
                idle.append(ours_once(docs, stages)[0])
                run, by_step = ours_once(docs, stages)
                times["dataprep"].append(run)
                spent.append(by_step)
                peer.stdin.write("run\n")
                peer.stdin.flush()
                answer = json.loads(peer.stdout.readline())
                times["datatrove"].append(tuple(answer["times"]))
                print(f"run {k + 1}: {run[1]:.3f} s, datatrove {answer['times'][1]:.2f} s", flush=True)
            peer.stdin.close()

    sides: dict[str, Any] = {}
    print(f"\n{len(given)} documents, {megabytes:.1f} MB, medians of {args.runs} runs, CPU seconds (min - max)")
    for side, pairs in times.items():
        wall, cpu = sorted(w for w, _ in pairs), sorted(c for _, c in pairs)
        median = statistics.median(cpu)
        sides[side] = {
            "cpu_s": {"median": median, "min": cpu[0], "max": cpu[-1]},
            "wall_s": {"median": statistics.median(wall), "min": wall[0], "max": wall[-1]},
            "documents_per_s": len(given) / median,
            "mb_per_s": megabytes / median,
        }
        rate = f"{len(given) / median:9.1f} documents/s {megabytes / median:7.2f} MB/s"
        print(f"  {side:10} {rate}   {median:.3f} s ({cpu[0]:.3f} - {cpu[-1]:.3f})")
    after_idling = statistics.median(cpu for _, cpu in idle)
    print(f"  dataprep after idling: {after_idling:.3f} s")
    ratios = {
        kind: sides["datatrove"][kind]["median"] / sides["dataprep"][kind]["median"] for kind in ("cpu_s", "wall_s")
    }
    print(f"  ratio: {ratios['cpu_s']:.0f}x in CPU time, {ratios['wall_s']:.0f}x in wall time")

    ours, theirs = our_reasons(docs, stages), answer["reasons"]
    pairs = list(zip(ours, theirs, strict=True))
    same = sum((a is None) == (b is None) for a, b in pairs)
    differ = Counter((b or "kept", a or "kept") for a, b in pairs if (a is None) != (b is None))
    kept = {"dataprep": ours.count(None), "datatrove": theirs.count(None)}
    print(
        f"\nkept: {kept['dataprep']} by dataprep, {kept['datatrove']} by datatrove; "
        f"same decision on {same / len(given):.1%}"
    )
    print(f"  {'datatrove':32} {'dataprep':48} documents")
    for (b, a), n in differ.most_common():
        print(f"  {b:32} {a:48} {n:6}")

    by_step = {step: statistics.median(run.get(step, 0.0) for run in spent) for step in spent[0]}
    alone = kernels(docs)
    show("where our time goes", by_step, sum(by_step.values()))
    show("kernels alone, on all documents (share of a run)", alone, sum(by_step.values()))

    result = {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "packages": {name: version(name) for name in ("numba", "numpy", "pyarrow")},
        "peer": list(peers.DATATROVE),
        "corpus": {"name": "en_web_text", "documents": len(given), "mb": megabytes},
        "runs": args.runs,
        "sides": sides,
        "ratio_cpu": ratios["cpu_s"],
        "ratio_wall": ratios["wall_s"],
        "dataprep_after_idling_cpu_s": after_idling,
        "kept": kept,
        "same_decision": same / len(given),
        "differences": [{"datatrove": b, "dataprep": a, "documents": n} for (b, a), n in differ.most_common()],
        "steps_s": by_step,
        "kernels_s": alone,
    }
    out = HERE / "results" / "quality.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten to {out.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
