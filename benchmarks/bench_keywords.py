"""`keywords` with 10,000 phrases and `url_filter` with a million domains, against datatrove's filters, one core.

    python benchmarks/bench_keywords.py [phrases] [urls] [offensive] [golden]

phrases    10,000 words and phrases drawn from the texts themselves, so that matches are as frequent as can be, and
           10,000 rare words: real English and Chinese texts in pieces of 8,000 characters. datatrove's
           C4BadWordsFilter gets the same list and a fiftieth of the English texts: it stops at the first match, while
           `keywords` counts them all, so its figure is with the rare words.
urls       200,000 URLs, a million domains (the real ones of a blocklist and made-up ones), URL words of datatrove.
offensive  LDNOOBW on posts that people labelled, as `profile: datatrove`; decisions are compared.
golden     decisions of datatrove on real URLs and texts, written to tests/golden/datatrove_lists.json.

Times are processor time of the filters alone, both sides in turn. Makes a virtual environment for datatrove in
.benchmarks/datatrove_lists at the first run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import peers

sys.path.append(str(machine.ROOT / "tests"))

import listed_items

GOLDEN = machine.ROOT / "tests/golden/datatrove_lists.json"
GOLDEN_STEP = 10
RUNS = 5
PIECE = 8000
REASONS = {
    "domain": "listed_domain",
    "subdomain": "listed_domain",
    "url": "listed_url",
    "hard_blacklisted": "hard_word",
    "soft_blacklisted": "soft_words",
    "blacklisted_subword": "sub_word",
    "document_removed_with_badwords": "listed_bad",
    None: None,
}


class Peer:
    """datatrove's filter in a process of its own."""

    def __init__(self, **asked: Any) -> None:
        packages = (*peers.DATATROVE, "fasteners==0.20", "pyahocorasick==2.3.1", "tldextract==5.4.0")
        python = peers.python("datatrove_lists", packages)
        command = [str(python), str(Path(__file__).with_name("datatrove_lists.py"))]
        quiet = {"env": peers.ENVIRONMENT, "stderr": subprocess.DEVNULL}  # it complains that there is no network
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **quiet
        )
        self._say(asked)

    def judge(self, documents: list[tuple[str, dict[str, str]]]) -> tuple[list[str | None], float]:
        reasons, seconds = self._say(documents)
        return [REASONS[reason] for reason in reasons], seconds

    def _say(self, told: Any) -> Any:
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("datatrove stopped; run it by hand to see why")
        return json.loads(answer)


def ours(stage: str, config: dict[str, Any], columns: dict[str, list[str]]) -> Callable[[], list[str | None]]:
    """The stage over batches of 4,096 rows: gives the reason of each row, as the engine would."""
    import pyarrow as pa
    from chain import parts

    from dataprep.documents import Documents, documents
    from dataprep.stage import Map

    chain = [placed.stage for placed in parts(stage, config)]
    for one in chain:
        one.files()
    whole = documents(columns).batch
    cuts = [whole.slice(k, 4096) for k in range(0, whole.num_rows, 4096)]

    def work() -> list[str | None]:
        found: list[str | None] = []
        for cut in cuts:
            docs, reasons = Documents(cut), pa.nulls(len(cut), pa.string())
            for one in chain:
                if isinstance(one, Map):
                    docs = docs.with_columns(one.columns(docs))
                else:
                    said = one.reasons(docs)
                    reasons = pa.compute.coalesce(reasons, said)
            found += reasons.to_pylist()
        return found

    return work


def timed(work: Callable[[], list[str | None]]) -> tuple[list[str | None], float]:
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def in_turn(
    work: Callable[[], list[str | None]], peer: Peer, asked: list[tuple[str, dict[str, str]]]
) -> tuple[list[str | None], list[float], list[str | None], list[float]]:
    work(), peer.judge(asked[:1])
    mine, theirs = [], []
    for _ in range(RUNS):
        found, seconds = timed(work)
        mine.append(seconds)
        said, seconds = peer.judge(asked)
        theirs.append(seconds)
    return found, mine, said, theirs


def pieces(data: Path, names: tuple[str, ...], megabytes: int) -> list[str]:
    found: list[str] = []
    size = 0
    for name in names:
        for text in machine.texts(data, name):
            cut = [text[a : a + PIECE] for a in range(0, len(text), PIECE)]
            found += cut
            size += sum(len(piece.encode()) for piece in cut)
            if size > megabytes << 20:
                return found
    return found


def drawn(english: list[str], chinese: list[str]) -> list[str]:
    """10,000 phrases that stand in the texts: of one to three English words, of two to four Han characters."""
    rng = random.Random(1)
    found: set[str] = set()
    while len(found) < 6000:
        words = rng.choice(english).lower().split()
        if len(words) > 5:
            at = rng.randrange(len(words) - 3)
            found.add(" ".join(words[at : at + rng.randint(1, 3)]))
    while len(found) < 10_000:
        runs = re.findall("[\u4e00-\u9fff]{4,}", rng.choice(chinese))
        if runs:
            run = rng.choice(runs)
            at = rng.randrange(len(run) - 3)
            found.add(run[at : at + rng.randint(2, 4)])
    return [phrase for phrase in sorted(found) if not phrase.startswith("#")]


def rare(english: list[str]) -> list[str]:
    """10,000 words of the texts, whatever their frequency: most are rare."""
    words = sorted({word for text in english for word in re.findall(r"[a-z]{3,}", text.lower())})
    return random.Random(2).sample(words, 10_000)


def phrases(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    texts = {
        "English": pieces(data, ("en_web_text",), 12),
        "Chinese": pieces(data, ("zh_javaguide", "zh_oiwiki", "zh_pingcap_docs"), 8),
    }
    lists = {"frequent": drawn(*texts.values()), "rare": rare(texts["English"])}
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, listed in lists.items():
            path = Path(folder) / kind / "en"
            path.parent.mkdir()
            path.write_text("\n".join(listed))
            for name, held in texts.items():
                size = sum(len(text.encode()) for text in held)
                work = ours("keyword_counts", {"lists": {"listed": str(path)}}, {"text": held})
                work()
                seconds = [timed(work)[1] for _ in range(RUNS)]
                speed = [size / 1e6 / s for s in seconds]
                figures[f"{kind}, {name}"] = {"megabytes": size / 1e6, "seconds": seconds, "MB_per_s": speed}
                print(f"{len(listed)} {kind} phrases, {name}, {size / 1e6:.1f} MB: {machine.spread(speed)} MB/s")
        some = texts["English"][::50]
        peer = Peer(filter="bad_words", folder=str(Path(folder) / "rare"))
        asked = [(text, {"language": "en"}) for text in some]
        peer.judge(asked[:1])  # compiles its expression
        theirs = [peer.judge(asked)[1] for _ in range(RUNS)]
        speed = [sum(len(text.encode()) for text in some) / 1e6 / s for s in theirs]
        figures["datatrove, rare, English, up to the first match"] = {"MB_per_s": speed}
        print(f"datatrove, 10000 rare phrases, English, up to the first match: {machine.spread(speed)} MB/s")
    return figures


def made_domains(data: Path) -> list[str]:
    rng = random.Random(3)
    real = {host for path in listed_items.domain_files(data) for host in path.read_text().split()}
    parts = ["ba", "ko", "net", "shop", "play", "my", "the", "web", "info", "top", "lin", "man", "for", "star"]
    while len(real) < 1_000_000:
        real.add(
            "".join(rng.choices(parts, k=rng.randint(3, 6))) + rng.choice([".com", ".org", ".cn", ".de", ".co.uk"])
        )
    return sorted(real)


def urls(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    words = listed_items.url_lists(data)
    real = listed_items.urls(data)
    given = (real * (200_000 // len(real) + 1))[:200_000]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "domains"
        path.write_text("\n".join(made_domains(data)))
        work = ours("url_filter", {"domains": str(path), **words}, {"url": given})
        peer = Peer(filter="url_filter", domains=[str(path)], urls=[], **{name: [one] for name, one in words.items()})
        found, mine, said, theirs = in_turn(work, peer, [("", {"url": url}) for url in given[:20_000]])
    speed = [len(given) / s for s in mine]
    their_speed = [20_000 / s for s in theirs]
    ratio = statistics.median(speed) / statistics.median(their_speed)
    print(f"url_filter, a million domains: {machine.spread(speed)} URLs/s")
    print(f"datatrove, the same: {machine.spread(their_speed)} URLs/s; {ratio:.1f} times")
    differ = Counter((a, b) for a, b in zip(said, found, strict=False) if a != b)
    print("differences (datatrove, dataprep):", dict(differ))
    told = [{"datatrove": a, "dataprep": b, "urls": n} for (a, b), n in differ.most_common()]
    return {"urls_per_s": speed, "datatrove_urls_per_s": their_speed, "times": ratio, "differences": told}


def offensive(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    held = list(listed_items.texts(data))
    folder = str(data / listed_items.OFFENSIVE)
    config = {"profile": "datatrove", "lists": {"bad": folder}, "drop_any": ["bad"]}
    work = ours("keywords", config, {"text": [text for _, text in held], "language": [code for code, _ in held]})
    peer = Peer(filter="bad_words", folder=folder)
    asked = [(text, {"language": code}) for code, text in held]
    found, mine, said, theirs = in_turn(work, peer, asked)
    size = sum(len(text.encode()) for _, text in held) / 1e6
    equal = sum(a == b for a, b in zip(said, found, strict=True))
    ratio = statistics.median(theirs) / statistics.median(mine)
    print(f"LDNOOBW, {len(held)} texts, {size:.1f} MB: {machine.spread([size / s for s in mine])} MB/s, every match")
    print(f"datatrove, up to the first match: {machine.spread([size / s for s in theirs])} MB/s; {ratio:.1f} times")
    print(f"decisions equal: {equal} of {len(held)}, {len(held) - found.count(None)} dropped")
    return {"seconds": mine, "datatrove_seconds": theirs, "megabytes": size, "texts": len(held), "equal": equal}


def golden(data: Path, options: argparse.Namespace) -> dict[str, Any]:
    words = listed_items.url_lists(data)
    domains = [str(path) for path in listed_items.domain_files(data)]
    given = listed_items.urls(data, GOLDEN_STEP)
    judge = Peer(filter="url_filter", domains=domains, urls=[], **{name: [one] for name, one in words.items()})
    said, _ = judge.judge([("", {"url": url}) for url in given])
    held = list(listed_items.texts(data, GOLDEN_STEP))
    folder = str(data / listed_items.OFFENSIVE)
    bad, _ = Peer(filter="bad_words", folder=folder).judge([(text, {"language": code}) for code, text in held])
    told = {
        "peer": "datatrove 0.10.1: URLFilter with tldextract 5.4.0 and its snapshot of suffixes, C4BadWordsFilter",
        "made_by": "benchmarks/bench_keywords.py golden",
        "step": GOLDEN_STEP,
        "urls": len(given),
        "url_reasons": {str(k): reason for k, reason in enumerate(said) if reason},
        "texts": len(held),
        "texts_dropped": "".join("01"[reason is not None] for reason in bad),
    }
    GOLDEN.write_text(json.dumps(told, indent=0) + "\n")
    print(f"{GOLDEN}: {len(given)} URLs, {len(held)} texts")
    return {"urls": len(given), "texts": len(held)}


if __name__ == "__main__":
    parts = {"phrases": phrases, "urls": urls, "offensive": offensive, "golden": golden}
    machine.run_parts("keywords", parts, argparse.ArgumentParser(description=__doc__))
