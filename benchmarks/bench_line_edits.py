"""`line_edits` by MB/s on one core, beside the same rules written as a plain function for each line, in turns.

    python benchmarks/bench_line_edits.py [--runs 5]

Processor time, English web text and Chinese documentation, 8 MB each. The function uses google-re2, regex and our two
patterns of counters and navigation; texts, counts by rule and shares of removed words are compared, document by
document. Writes results/line_edits.json.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from typing import Any

import machine
import numpy as np
import re2
import regex
from chain import parts

from dataprep.documents import Documents
from dataprep.lists.boilerplate import COUNTER, NAVIGATION
from dataprep.stage import Filter, Map

CORPORA = {"en_web_text": "en", "zh_pingcap_docs": "zh"}
MEGABYTES = 8
RULES = ("upper_case", "numbers", "counter", "one_word", "navigation")

_ALONE = r"[\p{Han}[\p{L}&&[\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}]]]"
_KANA, _HANGUL = r"[\p{L}&&[\p{Hiragana}\p{Katakana}ー]]", r"[\p{L}&&\p{Hangul}]"
_PLAIN = rf"[[\p{{L}}\p{{N}}]--{_ALONE}--{_KANA}--{_HANGUL}]"
_WORD = (
    rf"{_PLAIN}(?:[{_PLAIN}\p{{M}}]|['’＇\u00ad\u200c\u200d\u2060](?={_PLAIN}))*|{_ALONE}\p{{M}}*|"
    rf"[[\p{{L}}&&\p{{Hiragana}}]ー][[\p{{L}}&&\p{{Hiragana}}]ー\p{{M}}]*|"
    rf"[\p{{L}}&&\p{{Katakana}}][[\p{{L}}&&\p{{Katakana}}]ー\p{{M}}]*|{_HANGUL}[{_HANGUL}\p{{M}}]*"
)
words = regex.compile(_WORD, regex.V1).findall
unspaced = regex.compile(_ALONE, regex.V1).match
visible = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Cs}\p{M}]", regex.V1).findall
letter = regex.compile(r"[\p{L}\p{Han}]", regex.V1).search
digit = regex.compile(r"[\p{N}--\p{Han}]", regex.V1).search
counter, navigation = re2.compile(COUNTER).search, re2.compile(NAVIGATION).search


def rule_of(line: str, found: list[str]) -> str | None:
    """The first rule that removes a line of these words."""
    upper = sum(map(str.isupper, line))
    if upper and upper > 0.5 * len(visible(line)):
        return "upper_case"
    if digit(line) and not letter(line):
        return "numbers"
    if not 0 < len(found) <= 10:
        return None
    if counter(line):
        return "counter"
    if len(found) == 1 or (len(found) == 2 and all(map(unspaced, found))):
        return "one_word"
    return "navigation" if navigation(line) else None


def plain(text: str) -> tuple[str, dict[str, int], int, int]:
    """(text, lines removed by rule, words removed, words)."""
    counts = dict.fromkeys(RULES, 0)
    kept, removed, total = [], 0, 0
    for line in text.split("\n"):
        stripped = line.strip()
        found = words(stripped)
        total += len(found)
        rule = rule_of(stripped, found) if stripped else None
        if rule is None:
            kept.append(line)
        else:
            counts[rule] += 1
            removed += len(found)
    return "\n".join(kept), counts, removed, total


def ours(batches: list[Documents]) -> tuple[list[dict[str, Any]], list[str | None]]:
    """The columns and the reasons of `line_edits`."""
    scoring, thresholds = (part.stage for part in parts("line_edits", {}))
    assert isinstance(scoring, Map)
    assert isinstance(thresholds, Filter)
    columns, reasons = [], []
    for batch in batches:
        docs = Documents(batch.batch)  # without the views of the run before
        columns.append(scoring.columns(docs))
        reasons += thresholds.reasons(docs.with_columns(columns[-1])).to_pylist()
    return columns, reasons


def equal(texts: list[str], batches: list[Documents]) -> tuple[int, Counter[str], int]:
    """(documents of which all is the same, lines removed by rule, documents dropped)."""
    columns, reasons = ours(batches)
    names = ("text", *(f"line_edits.{name}" for name in (*RULES, "removed_word_ratio")))
    rows = [row for some in columns for row in zip(*(some[name].to_pylist() for name in names), strict=True)]
    same, lines = 0, Counter[str]()
    for text, row, reason in zip(texts, rows, reasons, strict=True):
        left, counts, removed, total = plain(text)
        share = removed / total if total else 0.0
        want = (left, *counts.values(), float(np.float32(share)))
        lines.update(counts)
        if row == want and (reason is not None) == (share > 0.05):
            same += 1
        else:
            print(f"  differs: {row[1:]} {want[1:]} {text[:60]!r}")
    return same, lines, sum(reason is not None for reason in reasons)


def measure(name: str, language: str, runs: int) -> dict[str, Any]:
    texts = machine.first(name, MEGABYTES)
    batches = machine.batches(texts, language)
    size = sum(len(text.encode()) for text in texts) / 1e6
    same, lines, dropped = equal(texts, batches)
    seconds: dict[str, list[float]] = {"dataprep": [], "plain Python": []}
    for _ in range(runs):
        seconds["dataprep"].append(machine.cpu(lambda: ours(batches)))
        seconds["plain Python"].append(machine.cpu(lambda: [plain(text) for text in texts]))
    speed = {side: [size / value for value in values] for side, values in seconds.items()}
    median = {side: statistics.median(values) for side, values in speed.items()}
    ratio = median["dataprep"] / median["plain Python"]
    print(f"{name}: {len(texts)} documents, {size:.1f} MB; processor time, median of {runs} (min to max)")
    for side, values in speed.items():
        print(f"  {side:14} {machine.spread(values)} MB/s")
    print(
        f"  {ratio:.0f}x; the same in {same} of {len(texts)} documents; {dropped} dropped; lines removed: {dict(lines)}"
    )
    return {"documents": len(texts), "mb": size, "seconds": seconds, "mb_per_s": median, "ratio": ratio, "same": same,
            "dropped": dropped, "lines_removed": lines}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    machine.one_core()
    print(machine.machine())
    machine.keep("line_edits", {name: measure(name, language, runs) for name, language in CORPORA.items()})


if __name__ == "__main__":
    main()
