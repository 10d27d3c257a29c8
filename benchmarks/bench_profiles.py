"""`profile: datatrove` of the quality filters against datatrove itself: the same documents, decisions and reasons.

    python benchmarks/bench_profiles.py [datatrove | ours]

`datatrove`: the filters chained as in FineWeb, with spaCy's answers forgotten before each run (cold) and kept (warm).
`ours`: the same rules on our words, `profile: multilingual`.

Both sides hold their documents in memory, run by turns on one core and are timed in processor time. Documents are of
web size: en_web_text and twenty classic books, cut behind the line that brings them to 2,900 characters. Makes a
virtual environment for datatrove in .benchmarks/ at the first run. Writes results/profiles.json.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datatrove_filters
import machine
import peers

if TYPE_CHECKING:
    from dataprep.documents import Documents
    from dataprep.stage import Stage

CHARACTERS = 2900
STRIDE = 3
"""Of the cut documents every third is taken, so that all sources are seen."""
BOOKS = 20
BATCH_ROWS = 4096


def texts(data: Path, name: str, limit: int | None = None) -> Iterator[str]:
    """The texts of one corpus, the first `limit` of them."""
    import zstandard

    with open(data / "corpora" / f"{name}.jsonl.zst", "rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file), "utf-8")
        for i, line in enumerate(lines):
            if i == limit:
                return
            yield json.loads(line)["text"]


def cut(text: str) -> Iterator[str]:
    """Documents of web size: they end with the line that brings them to `CHARACTERS`."""
    part = ""
    for line in re.split(r"(?<=\n)(?=\n*\S)", text):
        part += line
        if len(part) >= CHARACTERS:
            yield part
            part = ""
    if part:
        yield part


def corpora(data: Path) -> dict[str, list[str]]:
    """Documents by corpus."""
    whole = {"en_web_text": texts(data, "en_web_text"), "en_classic_books": texts(data, "en_classic_books", BOOKS)}
    return {name: [part for text in given for part in cut(text)][::STRIDE] for name, given in whole.items()}


def batches(given: list[str]) -> list[Documents]:
    """The documents in batches as the engine cuts them, labelled as English."""
    from dataprep.documents import documents

    rows = [given[i : i + BATCH_ROWS] for i in range(0, len(given), BATCH_ROWS)]
    return [documents({"id": [str(i) for i in range(len(r))], "text": r, "language": ["en"] * len(r)}) for r in rows]


def chain(profile: str) -> list[tuple[str, Stage]]:
    """The filters with this profile, expanded."""
    from dataprep import catalog
    from dataprep.stage import Composite

    found: list[tuple[str, Stage]] = []
    for name in datatrove_filters.FILTERS:
        stage = catalog.stage(name).model_validate({"profile": profile})
        parts = stage.expand(name) if isinstance(stage, Composite) else []
        found += [(name, catalog.stage(part.stage).model_validate(part.config)) for part in parts]
    return found


def run(given: list[Documents], stages: list[tuple[str, Stage]], spent: Counter[str] | None = None) -> list[str | None]:
    """One pass over all documents as the worker does it: why each was dropped, `stage.reason`, or None.

    `spent` gets the processor time of each step.
    """
    import numpy as np

    from dataprep.documents import Documents
    from dataprep.stage import Filter, Map

    found: list[str | None] = []
    spent = Counter() if spent is None else spent
    last = time.process_time()
    for batch in given:
        docs = Documents(batch.batch)  # without the views of the run before
        verdict: list[str | None] = [None] * len(docs)
        for name, stage in stages:
            if isinstance(stage, Map):
                docs = docs.with_columns(stage.columns(docs))
            elif isinstance(stage, Filter):
                reasons = stage.reasons(docs)
                kept = np.asarray(reasons.is_null())
                dropped = docs.batch.filter(~kept).column("id") if not kept.all() else ()
                for i, reason in zip(dropped, reasons.drop_null(), strict=True):
                    verdict[int(i.as_py())] = f"{name}.{reason.as_py()}"
                docs = docs.keep(kept)
            now = time.process_time()
            spent[f"{name}: {type(stage).stage_name()}"] += now - last
            last = now
        found += verdict
    return found


def peer_serve() -> None:
    """Run under the peer's Python: judge all documents once for each line on stdin."""
    from datatrove.data import Document

    given = [json.loads(line) for line in Path(sys.argv[2]).read_text("utf-8").splitlines()]
    stages = list(zip(datatrove_filters.FILTERS, datatrove_filters.filters(), strict=True))

    def judge(document: Any) -> str | None:
        for name, stage in stages:
            if (reason := datatrove_filters.reason(stage(document))) is not None:
                return f"{name}.{datatrove_filters.OURS.get(reason, reason)}"
        return None

    judge(Document(text="Not a word more.", id=""))
    print("ready", flush=True)
    for _ in sys.stdin:
        documents = [Document(text=text, id=str(i)) for i, text in enumerate(given)]
        began = time.process_time()
        reasons = [judge(document) for document in documents]
        print(json.dumps({"seconds": time.process_time() - began, "reasons": reasons}), flush=True)


class Peer:
    """datatrove in a process of its own, with these documents."""

    def __init__(self, given: list[str]) -> None:
        python = peers.python("datatrove", peers.DATATROVE)
        path = peers.HOME / "profiles.jsonl"
        path.write_text("".join(json.dumps(text) + "\n" for text in given), "utf-8")
        command = [str(python), str(Path(__file__).resolve()), "--serve", str(path)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=peers.ENVIRONMENT
        )
        if self._answer() != "ready":
            raise SystemExit("datatrove does not start; its message is above")

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def judge(self) -> tuple[float, list[str | None]]:
        """(seconds of processor time, reasons) of one run over all documents."""
        assert self.process.stdin is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        answer = json.loads(self._answer())
        return answer["seconds"], answer["reasons"]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(profile: str, data: Path, runs: int) -> dict[str, Any]:
    """Both sides by turns over each corpus."""
    from dataprep.text import spacy_english

    stages = chain(profile)
    results: dict[str, Any] = {"filters": list(datatrove_filters.FILTERS), "profile": profile}
    for corpus, given in corpora(data).items():
        docs, peer = batches(given), Peer(given)
        run(docs, stages)  # loads what was compiled
        seconds: dict[str, list[float]] = {"datatrove": [], "dataprep": []}
        if profile == "datatrove":
            seconds["dataprep, cold"] = []
        chunks = 0
        spent: list[Counter[str]] = []
        for _ in range(runs):
            if profile == "datatrove":
                spacy_english.forget()
                seconds["dataprep, cold"].append(timed(lambda docs=docs: run(docs, stages)))  # type: ignore[misc]
                chunks = spacy_english.asked()
            run(docs, stages)
            steps: Counter[str] = Counter()
            seconds["dataprep"].append(timed(lambda docs=docs, steps=steps: run(docs, stages, steps)))  # type: ignore[misc]
            spent.append(steps)
            took, theirs = peer.judge()
            seconds["datatrove"].append(took)
        peer.close()
        ours = run(docs, stages)
        same = sum(a == b for a, b in zip(ours, theirs, strict=True))
        agree = sum((a is None) == (b is None) for a, b in zip(ours, theirs, strict=True))
        megabytes = sum(len(text.encode()) for text in given) / 1e6
        median = {side: statistics.median(values) for side, values in seconds.items()}
        print(f"\n{corpus}: {len(given)} documents, {megabytes:.1f} MB; processor time, median of {runs} (min to max)")
        for side, values in seconds.items():
            ratio = f"{median['datatrove'] / median[side]:6.1f}x"
            print(f"  {side:16} {len(given) / median[side]:9.0f} documents/s {ratio}   {machine.spread(values)} s")
        print(f"  same decision {agree} of {len(given)}, and same reason {same}; kept {ours.count(None)}")
        if profile == "datatrove":
            print(f"  spaCy asked about {chunks} chunks when cold")
            for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                if a != b:
                    print(f"    document {i}: dataprep {a}, datatrove {b}")
        steps_s = {name: statistics.median(s[name] for s in spent) for name in spent[0]}
        for name, value in steps_s.items():
            print(f"    {name:64} {value * 1e3:8.1f} ms")
        results[corpus] = {
            "documents": len(given),
            "mb": megabytes,
            "seconds": seconds,
            "ratios": {side: median["datatrove"] / value for side, value in median.items() if side != "datatrove"},
            "same_decision": agree,
            "same_reason": same,
            "asked_when_cold": chunks,
            "reasons": Counter(reason or "kept" for reason in ours),
            "steps_s": steps_s,
        }
    return results


def datatrove_part(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`profile: datatrove`."""
    return measure("datatrove", data, options.runs)


def ours_part(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`profile: multilingual`."""
    return measure("multilingual", data, options.runs)


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        peer_serve()
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    machine.run_parts("profiles", {"datatrove": datatrove_part, "ours": ours_part}, parser)


if __name__ == "__main__":
    main()
