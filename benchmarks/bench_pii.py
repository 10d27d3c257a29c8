"""pii: how fast, how much of what is there it finds, and how much else; beside presidio-analyzer, same documents.

    python benchmarks/bench_pii.py [speed] [presidio] [quality]        default: all three

Needs the folder of real data (`--data`, `$DATAPREP_DATA`, ../shared/data). One core, two minutes. presidio's
virtual environment is made in .benchmarks/ at the first run. It runs those of its recognisers that look for something
`pii` looks for as well: e-mail, phone (its eight regions), IP, card and IBAN, without a language model, hence without
words of context. `pii` looks for all of its nine entities and replaces what it finds; presidio only says where it is.
presidio is slow, so both get a sample: every n-th document of a corpus, about 1.5 MB, and all of the labelled ones,
which are 85 bytes long on average. Writes results/pii.json.

The recognisers were written with the labelled documents in sight, and what is planted is made by shapes that they know:
F1 says that nothing has broken, not what other text would give.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import machine
import peers

sys.path.append(str(machine.ROOT / "tests"))

USUAL = ("en_web_text", "zh_oiwiki", "zh_javaguide", "zh_pingcap_docs", "zh_d2l")
SAMPLED = ("en_web_text", "zh_javaguide")
SAMPLE_BYTES = 1_500_000
RECOGNISERS = ("EmailRecognizer", "IpRecognizer", "CreditCardRecognizer", "IbanRecognizer", "PhoneRecognizer")


def size(texts: list[str]) -> float:
    """Megabytes of UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1e6


def corpora(data: Path) -> dict[str, list[str]]:
    """Name -> documents: web text, documentation and code as they come; and the labelled ones, full of items."""
    from pii_labelled import labelled, texts

    made = {name: texts(data, name) for name in (*USUAL, "code_py_js_go")}
    return made | {"presidio_synth_v2": labelled(data)[0]}


def ours(texts: list[str]) -> Any:
    """A function that runs the stage over documents cut into batches as the engine cuts them."""
    from dataprep import catalog

    (part,) = catalog.stage("pii")().expand("pii")  # type: ignore[attr-defined]
    stage = catalog.stage(part.stage).model_validate(part.config)
    docs = machine.batches(texts)
    return lambda: [stage.columns(batch) for batch in docs]  # type: ignore[attr-defined]


# ---------------------------------------------------------------- speed


def speed(data: Path) -> dict[str, Any]:
    """MB/s of the stage, all entities, on whole corpora."""
    figures: dict[str, Any] = {}
    print("pii, all entities, MB/s")
    for name, texts in corpora(data).items():
        megabytes, run = size(texts), ours(texts)
        found = sum(int(sum(batch["pii.matches"].to_pylist())) for batch in run())
        rates = [megabytes / s for s in machine.seconds(run)]
        figures[name] = {
            "documents": len(texts),
            "megabytes": round(megabytes, 2),
            "found": found,
            "megabytes_per_second": [round(rate, 1) for rate in rates],
            "median": round(statistics.median(rates), 1),
        }
        print(f"  {name:18} {megabytes:7.2f} MB, {found / megabytes:6.1f} found per MB: {machine.spread(rates)}")
    return figures


# ---------------------------------------------------------------- presidio


def peer_serve(path: str) -> None:
    """Run under the peer's Python: for each `[name, recogniser, ...]` on stdin, find all in the texts of that name."""
    import presidio_analyzer.predefined_recognizers as recognisers
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    # Its e-mail recogniser has tldextract fetch the list of public suffixes; the one that comes with it does as well.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    tldextract.extract = tldextract.tldextract.TLD_EXTRACTOR
    model = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "no_op"}])
    model.load()
    texts = json.loads(Path(path).read_text("utf-8"))
    print("ready", flush=True)
    for line in sys.stdin:
        name, *wanted = json.loads(line)
        registry = RecognizerRegistry([getattr(recognisers, one)() for one in wanted], supported_languages=["en"])
        engine = AnalyzerEngine(registry, model, supported_languages=["en"])
        began = time.perf_counter()
        found = [engine.analyze(text, "en") for text in texts[name]]
        seconds = time.perf_counter() - began
        spans = [[n, r.entity_type, r.start, r.end, r.score] for n, row in enumerate(found) for r in row]
        print(json.dumps({"seconds": seconds, "spans": spans}), flush=True)


def sampled(texts: list[str]) -> list[str]:
    """Every n-th document, up to SAMPLE_BYTES or a little more."""
    return texts[:: max(1, round(size(texts) * 1e6 / SAMPLE_BYTES))]


def best(spans: list[list[Any]]) -> dict[str, set[tuple[int, int, int]]]:
    """presidio's spans by our names, but none inside another that it is surer of: its anonymizer drops them too."""
    from pii_labelled import LABELS

    rows: dict[int, list[list[Any]]] = defaultdict(list)
    for span in spans:
        rows[span[0]].append(span)
    made: dict[str, set[tuple[int, int, int]]] = defaultdict(set)
    for n, row in rows.items():
        for _, entity, start, end, score in row:
            if not any(s <= start and end <= e and sure > score for _, _, s, e, sure in row):
                made[LABELS[entity]].add((n, start, end))
    return made


def beside_presidio(data: Path) -> dict[str, Any]:
    """Seconds of both on the same documents by turns, with and without the phone recogniser; F1 of both."""
    from pii_labelled import labelled, scores, texts

    samples = {name: sampled(texts(data, name)) for name in SAMPLED} | {"presidio_synth_v2": labelled(data)[0]}
    figures: dict[str, Any] = {"packages": list(peers.PRESIDIO), "recognisers": list(RECOGNISERS)}
    python = peers.python("presidio", peers.PRESIDIO)
    print(f"\n{peers.PRESIDIO[1]}, {', '.join(RECOGNISERS)}; MB/s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        file.write_text(json.dumps(samples))
        command = [str(python), str(Path(__file__).resolve()), "--peer", str(file)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=peers.ENVIRONMENT
        ) as peer:
            assert peer.stdin is not None
            assert peer.stdout is not None
            assert peer.stdout.readline() == "ready\n", "presidio does not start; its message is above"

            def ask(name: str, recognisers: tuple[str, ...]) -> Any:
                assert peer.stdin is not None
                assert peer.stdout is not None
                peer.stdin.write(json.dumps([name, *recognisers]) + "\n")
                peer.stdin.flush()
                return json.loads(peer.stdout.readline())

            for name, some in samples.items():
                megabytes, run = size(some), ours(some)
                mine, theirs = machine.in_turn(run, lambda name=name: ask(name, RECOGNISERS))
                quick = ask(name, RECOGNISERS[:-1])["seconds"]
                figures[name] = {
                    "documents": len(some),
                    "megabytes": round(megabytes, 2),
                    "megabytes_per_second": round(megabytes / statistics.median(mine), 1),
                    "presidio_megabytes_per_second": round(megabytes / statistics.median(theirs), 3),
                    "presidio_without_phone_megabytes_per_second": round(megabytes / quick, 2),
                    "ratio": round(statistics.median(theirs) / statistics.median(mine)),
                    "ratio_without_phone": round(quick / statistics.median(mine)),
                }
                print(f"  {name:18} {len(some)} documents, {megabytes:.2f} MB: ours "
                      f"{machine.spread([megabytes / s for s in mine])}, presidio "
                      f"{machine.spread([megabytes / s for s in theirs])}, {figures[name]['ratio']}x; without "
                      f"PhoneRecognizer {megabytes / quick:.2f}, {figures[name]['ratio_without_phone']}x")  # fmt: skip
            spans = ask("presidio_synth_v2", RECOGNISERS)["spans"]
            peer.stdin.close()
    figures["f1"] = scores(labelled(data)[1], best(spans))
    show("  presidio's F1 on presidio_synth_v2", figures["f1"])
    return figures


# ---------------------------------------------------------------- quality


def show(title: str, scores: dict[str, float]) -> None:
    print(f"{title}: {', '.join(f'{entity} {score:.3f}' for entity, score in scores.items())}")


def quality(data: Path) -> dict[str, Any]:
    """F1 on labelled and on planted items, exact bounds; false positives per MB of clean text."""
    from pii_labelled import CLEAN, found, labelled, planted, scores, texts, without_items

    given, gold = labelled(data)
    figures: dict[str, Any] = {"presidio_synth_v2": scores(gold, found(given)), "planted": {}, "clean": {}}
    print("\nF1, exact bounds")
    show("  presidio_synth_v2, labelled", figures["presidio_synth_v2"])
    for corpus in CLEAN:
        made, gold = planted(without_items(data, corpus), 0)
        figures["planted"][corpus] = scores(gold, found(made))
        show(f"  {corpus}, planted", figures["planted"][corpus])
    print("false positives in clean Chinese documentation, looked at one by one")
    for corpus, (looked_at, wrong) in CLEAN.items():
        clean = texts(data, corpus)
        matches = sum(map(len, found(clean).values()))
        assert matches <= looked_at, f"{corpus}: {matches} found, {looked_at} looked at: look at the others"
        figures["clean"][corpus] = {
            "found": matches,
            "wrong": wrong,
            "wrong_per_megabyte": round(wrong / size(clean), 2),
        }
        print(f"  {corpus:18} {matches} found, {wrong} wrong, {wrong / size(clean):.2f} per MB")
    return figures


def main() -> None:
    parts = {
        "speed": lambda data, _: speed(data),
        "presidio": lambda data, _: beside_presidio(data),
        "quality": lambda data, _: quality(data),
    }
    machine.run_parts("pii", parts, argparse.ArgumentParser(description=__doc__))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer_serve(sys.argv[2])
    else:
        main()
