"""The profiles of the quality filters against the systems that they follow: the same documents, decisions, reasons.

    python benchmarks/bench_profiles.py [datatrove | dolma | ours] [--dolma CHECKOUT]

datatrove  `profile: datatrove`, four families chained as for FineWeb, with spaCy's answers forgotten before each run
           (cold) and kept (warm); datatrove 0.10.1 runs in an environment of its own, made at the first run.
dolma      `profile: dolma`, Gopher's two families; dolma's own tagger runs where CHECKOUT is one of github
           allenai/dolma (golden_dolma.py says how), up to the scores that it writes: its mixers are not counted.
ours       `profile: multilingual`, the four families on our words, against datatrove's.

Both sides hold their documents in memory, run by turns on one core and are timed in processor time. Documents are of
web size: en_web_text and twenty classic books, cut behind the line that brings them to 2,900 characters. A worker goes
from batch to batch, so a warm run of ours comes right after one that is not timed. Writes results/profiles.json.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
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
DOLMA = ("gopher_quality", "gopher_repetition")
"""What `profile: dolma` is measured on: its tagger `gopher_v1`."""

Reasons = list[str | None]
"""For each document `stage.reason`, why it was dropped, or None."""
Judge = Callable[[], tuple[float, Reasons]]
"""One run of a peer over all documents: seconds of processor time, reasons."""
Judges = Callable[[list[str]], AbstractContextManager[Judge | None]]
"""A peer for these documents, or none."""


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
    web, books = machine.texts(data, "en_web_text"), islice(machine.texts(data, "en_classic_books"), BOOKS)
    whole = {"en_web_text": web, "en_classic_books": books}
    return {name: [part for text in given for part in cut(text)][::STRIDE] for name, given in whole.items()}


def chain(profile: str, names: tuple[str, ...]) -> list[tuple[str, Stage]]:
    """The families with this profile, expanded."""
    from dataprep import catalog
    from dataprep.stage import Composite

    found: list[tuple[str, Stage]] = []
    for name in names:
        stage = catalog.stage(name).model_validate({"profile": profile})
        parts = stage.expand(name) if isinstance(stage, Composite) else []
        found += [(name, catalog.stage(part.stage).model_validate(part.config)) for part in parts]
    return found


def run(given: list[Documents], stages: list[tuple[str, Stage]], spent: Counter[str] | None = None) -> Reasons:
    """One pass over all documents as the worker does it. `spent` gets the processor time of each step."""
    import numpy as np

    from dataprep.documents import Documents
    from dataprep.stage import Filter, Map

    found: Reasons = []
    spent = Counter() if spent is None else spent
    last = time.process_time()
    for batch in given:
        docs = Documents(batch.batch)  # without the views of the run before
        verdict: Reasons = [None] * len(docs)
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


def datatrove_serve() -> None:
    """Run under datatrove's Python: judge all documents once for each line on stdin."""
    from datatrove.data import Document

    with open(sys.argv[2], encoding="utf-8") as lines:
        given = [json.loads(line) for line in lines]
    names = datatrove_filters.CHAIN
    stages = list(zip(names, datatrove_filters.filters(names), strict=True))

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
        print(json.dumps([time.process_time() - began, reasons]), flush=True)


@contextmanager
def datatrove(given: list[str]) -> Iterator[Judge]:
    """datatrove in a process of its own, with these documents."""
    python = peers.python("datatrove", peers.DATATROVE)
    path = peers.HOME / "profiles.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in given), "utf-8")
    server = peers.Server([python, Path(__file__).resolve(), "--serve", path])
    yield server.run
    server.close()


@contextmanager
def dolma(checkout: Path, given: list[str]) -> Iterator[Judge]:
    """dolma's tagger in this process. What its mixers would exclude by the scores is not timed."""
    import dolma_peer
    import golden_dolma

    from dataprep.stage import Filter

    sys.path.insert(0, str(machine.ROOT / "tests"))
    from test_profile_dolma import REASONS

    filters = [(name, stage) for name, stage in chain("dolma", DOLMA) if isinstance(stage, Filter)]
    named = {reason: f"{name}.{reason}" for name, stage in filters for reason in stage.defects()}
    gopher, precision = dolma_peer.tagger(checkout / "python/dolma", "gopher"), golden_dolma.digits(checkout)
    rules = golden_dolma.rules(checkout)

    def judge() -> tuple[float, Reasons]:
        began = time.process_time()
        scores = [golden_dolma.written(gopher, text, precision) for text in given]
        took = time.process_time() - began
        missed = [golden_dolma.decision(of, rules) for of in scores]
        return took, [None if rule is None else named[REASONS[rule]] for rule in missed]

    yield judge


def forget() -> None:
    """All that spaCy said."""
    from dataprep.text import spacy_english, spacy_sentences

    spacy_english.forget()
    spacy_sentences.forget()


def asked() -> int:
    """Chunks that spaCy was asked about."""
    from dataprep.text import spacy_english, spacy_sentences

    return spacy_english.asked() + spacy_sentences.asked()


def measure(profile: str, names: tuple[str, ...], peer: str, judges: Judges, data: Path, runs: int) -> dict[str, Any]:
    """Both sides by turns over each corpus; ours alone where there is no judge."""
    stages = chain(profile, names)
    results: dict[str, Any] = {"filters": list(names), "profile": profile}
    for corpus, given in corpora(data).items():
        with judges(given) as judge:
            results[corpus] = compare(machine.batches(given), stages, peer, judge, runs, cold=profile == "datatrove")
        size = sum(len(text.encode()) for text in given) / 1e6
        results[corpus] = {"documents": len(given), "mb": size, **results[corpus]}
        show(corpus, results[corpus], peer)
    return results


def compare(
    docs: list[Documents], stages: list[tuple[str, Stage]], peer: str, judge: Judge | None, runs: int, *, cold: bool
) -> dict[str, Any]:
    """By turns over one corpus: ours not knowing and knowing what spaCy says, and the peer."""
    run(docs, stages)  # loads what was compiled
    seconds: dict[str, list[float]] = {}
    spent: list[Counter[str]] = []
    chunks, theirs = 0, None
    for _ in range(runs):
        if cold:
            forget()
            seconds.setdefault("dataprep, cold", []).append(machine.cpu(lambda: run(docs, stages)))
            chunks = asked()
        run(docs, stages)
        spent.append(Counter())
        seconds.setdefault("dataprep", []).append(machine.cpu(lambda: run(docs, stages, spent[-1])))
        if judge:
            took, theirs = judge()
            seconds.setdefault(peer, []).append(took)
    ours = run(docs, stages)
    median = {side: statistics.median(values) for side, values in seconds.items()}
    return {
        "seconds": seconds,
        "ratios": {side: median[peer] / median[side] for side in median if side != peer and peer in median},
        **(differences(ours, theirs, peer) if theirs else {}),
        "asked_when_cold": chunks,
        "reasons": Counter(reason or "kept" for reason in ours),
        "steps_s": {name: statistics.median(steps[name] for steps in spent) for name in spent[0]},
    }


def differences(ours: Reasons, theirs: Reasons, peer: str) -> dict[str, Any]:
    """How often both sides decide the same, and how they differ."""
    pairs = list(zip(theirs, ours, strict=True))
    places: dict[tuple[str, str], list[int]] = {}
    for i, (a, b) in enumerate(pairs):
        if a != b:
            places.setdefault((a or "kept", b or "kept"), []).append(i)
    return {
        "same_decision": sum((a is None) == (b is None) for a, b in pairs),
        "same_reason": sum(a == b for a, b in pairs),
        "kept": {"dataprep": ours.count(None), peer: theirs.count(None)},
        "differences": [
            {peer: a, "dataprep": b, "documents": len(at), "first": at[0]}
            for (a, b), at in sorted(places.items(), key=lambda item: -len(item[1]))
        ],
    }


def show(corpus: str, found: dict[str, Any], peer: str) -> None:
    documents, size, seconds = found["documents"], found["mb"], found["seconds"]
    runs = len(seconds["dataprep"])
    print(f"\n{corpus}: {documents} documents, {size:.1f} MB; processor time, median of {runs} (min to max)")
    for side, values in seconds.items():
        median = statistics.median(values)
        times = f"{found['ratios'][side]:6.1f}x" if side in found["ratios"] else " " * 7
        rate = f"{documents / median:9.0f} documents/s {size / median:8.2f} MB/s"
        print(f"  {side:16} {rate} {times}   {machine.spread(values)} s")
    if "kept" in found:
        kept = " and ".join(f"{n} by {side}" for side, n in found["kept"].items())
        print(f"  same decision {found['same_decision']}, and same reason {found['same_reason']}; kept: {kept}")
        for row in found["differences"]:
            print(f"    {peer} {row[peer]}, dataprep {row['dataprep']}: {row['documents']}, first {row['first']}")
    for name, value in found["steps_s"].items():
        print(f"    {name:64} {value * 1e3:8.1f} ms")
    if found["asked_when_cold"]:
        print(f"    spaCy asked about {found['asked_when_cold']} chunks when cold")


def datatrove_part(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`profile: datatrove`."""
    return measure("datatrove", datatrove_filters.CHAIN, "datatrove", datatrove, data, options.runs)


def dolma_part(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`profile: dolma`."""
    checkout = options.dolma
    if not checkout:
        print("dolma: ours alone, no --dolma CHECKOUT")
    judges = (lambda given: dolma(checkout, given)) if checkout else (lambda given: nullcontext())
    return measure("dolma", DOLMA, "dolma", judges, data, options.runs)


def ours_part(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`profile: multilingual`."""
    return measure("multilingual", datatrove_filters.CHAIN, "datatrove", datatrove, data, options.runs)


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        datatrove_serve()
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dolma", type=Path, metavar="CHECKOUT")
    parts = {"datatrove": datatrove_part, "dolma": dolma_part, "ours": ours_part}
    machine.run_parts("profiles", parts, parser)


if __name__ == "__main__":
    main()
