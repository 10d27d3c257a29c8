"""Clean-up and quality stages by MB/s on one core; `unicode_cleanup` beside per-document Python, RedPajama-v2's signals
beside its own code, in turns.

    python benchmarks/bench_cleanup.py --redpajama RedPajama-Data/app/src [--runs 5]
    python benchmarks/bench_cleanup.py --redpajama RedPajama-Data/app/src --golden

The peer's code is a checkout of github togethercomputer/RedPajama-Data at commit 6d2cee9 (2024-12); it runs in an
environment of its own with NLTK 3.8.1, the release of its time. `--golden` writes tests/golden/redpajama_v2.json.gz
instead: what that code gives for the texts of tests/test_redpajama_signals.py.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import peers
import pyarrow as pa

from dataprep import catalog
from dataprep.documents import Documents, documents
from dataprep.stage import Map

PEER = Path(__file__).with_name("redpajama_peer.py")
CORPORA = {"en_web_text": "en", "zh_pingcap_docs": "zh", "fr_eltec": "fr", "code_py_js_go": "en"}
MEGABYTES = 8
STAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("clean_characters", {}),
    ("clean_characters", {"white_space": "trim"}),
    ("clean_characters", {"full_width": "signs"}),
    ("fix_mojibake", {}),
    ("convert_chinese", {}),
    ("chinese_quality_scores", {}),
    ("code_quality_scores", {}),
    ("strip_licence_header", {}),
    ("redpajama_signals", {}),
    ("symbol_lines", {}),
    ("c4_paragraphs_scores", {}),
)


def batch(texts: list[str], language: str) -> Documents:
    return documents({"text": list(texts), "language": [language] * len(texts)})


def work(name: str, config: dict[str, Any], docs: Documents) -> Callable[[], object]:
    """One stage on a batch whose views nobody has computed."""
    stage = catalog.stage(name).model_validate(config)
    assert isinstance(stage, Map)
    return lambda: stage.columns(Documents(docs.batch))


def summary(seconds: list[float], megabytes: float) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "mb_per_s": megabytes / statistics.median(ordered),
        "slowest": megabytes / ordered[-1],
        "fastest": megabytes / ordered[0],
    }


def per_document() -> dict[str, Callable[[str], str]]:
    """What a script without kernels does with each text."""
    import ftfy
    import opencc

    settings = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False,
                                    fix_character_width=False, remove_terminal_escapes=False)  # fmt: skip
    simplify = opencc.OpenCC("t2s").convert
    return {
        "unicodedata NFC": lambda text: unicodedata.normalize("NFC", text),
        "ftfy.fix_text": lambda text: ftfy.fix_text(text, settings),
        "ftfy.fix_encoding": lambda text: ftfy.fix_encoding(text),
        "opencc t2s": lambda text: str(simplify(text)),
    }


def compared(runs: int) -> dict[str, Any]:
    """`unicode_cleanup`'s parts and per-document Python, in turns."""
    pairs = (
        ("clean_characters", "unicodedata NFC", CORPORA),
        ("clean_characters", "ftfy.fix_text", CORPORA),
        ("fix_mojibake", "ftfy.fix_encoding", CORPORA),
        ("convert_chinese", "opencc t2s", {"zh_pingcap_docs": "zh"}),
    )
    python = per_document()
    found: dict[str, Any] = {}
    for stage, other, corpora in pairs:
        for name, language in corpora.items():
            texts = machine.first(name, MEGABYTES)
            docs = batch(texts, language)
            megabytes = len(docs.text.data) / 1e6
            ours = work(stage, {}, docs)
            ours()
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(runs):
                times[0].append(machine.cpu(ours))
                times[1].append(machine.cpu(lambda texts=texts, other=other: [python[other](text) for text in texts]))
            row = {"ours": summary(times[0], megabytes), "python": summary(times[1], megabytes)}
            found[f"{stage} / {other} / {name}"] = row
            ratio = row["ours"]["mb_per_s"] / row["python"]["mb_per_s"]
            print(f"  {stage:18} {name:16} {row['ours']['mb_per_s']:8.0f} MB/s   {other:18}"
                  f"{row['python']['mb_per_s']:8.1f} MB/s   {ratio:6.1f}x", flush=True)  # fmt: skip
    return found


def by_stage(runs: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, language in CORPORA.items():
        docs = batch(machine.first(name, MEGABYTES), language)
        megabytes = len(docs.text.data) / 1e6
        for stage, config in STAGES:
            if language != "zh" and stage.startswith(("chinese", "convert")):
                continue
            run = work(stage, config, docs)
            run()
            row = summary([machine.cpu(run) for _ in range(runs)], megabytes)
            label = " ".join([stage, *(f"{k}={v}" for k, v in config.items())])
            found[f"{label} / {name}"] = row
            print(f"  {label:38} {name:16} {row['mb_per_s']:8.0f} MB/s ({row['slowest']:.0f} - {row['fastest']:.0f})")
    return found


def peer(code: Path, folder: Path, texts: list[str], stops: str, bad: str) -> peers.Server:
    """RedPajama-v2's code in a process of its own."""
    (folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
    (folder / "stops").write_text(stops, "utf-8")
    (folder / "bad").write_text(bad, "utf-8")
    python = peers.python("redpajama", peers.REDPAJAMA)
    return peers.Server([python, PEER, code, folder / "texts.jsonl", folder / "stops", folder / "bad"])


def redpajama(code: Path, runs: int) -> dict[str, Any]:
    """The signals on English web text, ours and theirs in turns, with the same lists."""
    sys.path.insert(0, str(machine.ROOT / "tests"))
    import test_redpajama_signals as tests

    texts = machine.first("en_web_text", MEGABYTES)
    stops, bad = tests.lists(machine.data())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs = peer(code, folder, texts, stops, bad)
        lists = {"stop_words": {"en": str(folder / "stops")}, "bad_words": {"en": str(folder / "bad")}}
        docs = batch(texts, "en")
        megabytes = len(docs.text.data) / 1e6
        ours = work("redpajama_signals", lists, docs)
        ours()
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(runs):
            times[0].append(machine.cpu(ours))
            times[1].append(theirs.run()["cpu"])
        theirs.close()
    row = {"ours": summary(times[0], megabytes), "peer": summary(times[1], megabytes)}
    ours_mb, peer_mb = row["ours"]["mb_per_s"], row["peer"]["mb_per_s"]
    print(f"  redpajama_signals {ours_mb:.1f} MB/s, its own code {peer_mb:.2f} MB/s: {ours_mb / peer_mb:.0f}x")
    return row


def golden(code: Path) -> None:
    """Write what the published code gives."""
    sys.path.insert(0, str(machine.ROOT / "tests"))
    import test_redpajama_signals as tests

    stops, bad = tests.lists(machine.data())
    texts = {name: tests.real_texts(machine.data(), name) for name in tests.STEPS} | {"odd": tests.odd_texts()}
    with tempfile.TemporaryDirectory() as name:
        theirs = peer(code, Path(name), [text for some in texts.values() for text in some], stops, bad)
        signals = iter(theirs.run()["signals"])
        theirs.close()
    rows = {name: [next(signals) for _ in some] for name, some in texts.items()}
    names = sorted(rows["odd"][0])
    made = {
        "peer": "togethercomputer/RedPajama-Data 6d2cee9df2b0204dd2bcb00bf06b5a7b1d7432d7, NLTK 3.8.1, Python 3.11",
        "how": "python benchmarks/bench_cleanup.py --redpajama RedPajama-Data/app/src --golden",
        "names": names,
        "values": {
            name: [[None if row[key] is None else float(f"{row[key]:.10g}") for key in names] for row in some]
            for name, some in rows.items()
        },
    }
    raw = json.dumps(made, separators=(",", ":")).encode()
    tests.GOLDEN.write_bytes(gzip.compress(raw, 9, mtime=0))
    print(f"written to {tests.GOLDEN}: {tests.GOLDEN.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redpajama", type=Path, help="app/src of a checkout of RedPajama-Data")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    if args.golden:
        golden(args.redpajama)
        return
    machine.one_core()
    pa.set_cpu_count(1)
    result: dict[str, Any] = {"machine": machine.machine(), "runs": args.runs}
    print(f"{result['machine']}; CPU time, medians of {args.runs} runs (slowest - fastest)")
    result["stages"] = by_stage(args.runs)
    result["beside_python"] = compared(args.runs)
    if args.redpajama:
        result["redpajama"] = redpajama(args.redpajama, args.runs)
    out = machine.RESULTS / "cleanup.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {out.relative_to(machine.ROOT)}")


if __name__ == "__main__":
    main()
