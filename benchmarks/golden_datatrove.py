"""Write tests/golden/datatrove_0.10.1.json.gz: what datatrove itself decides on real and on odd documents.

    python benchmarks/golden_datatrove.py

Real documents are named by corpus and line; odd ones are in the file. For each document and each filter: null (kept) or
datatrove's reason. Documents on which it fails (it divides by zero) are left out. Gives the same file every time.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
from pathlib import Path

import datatrove_filters
import machine
import peers
from bench_profiles import texts

OUT = Path(__file__).parent.parent / "tests" / "golden" / "datatrove_0.10.1.json.gz"
LINES = {
    "en_web_text": range(0, 2000, 5),
    "zh_oiwiki": range(0, 400, 10),
    "zh_react_vue_docs": range(0, 300, 10),
    "en_foldoc_encyclopedia": range(0, 6000, 100),
    "code_py_js_go": range(0, 900, 30),
}
_SIGNS = ["abc", "defg", "hijkl", "the", "be", "to", "of", "and", "with.", ",", ";", ":", "…", "...", "#", "-",
          "•", "(", ")", "'", '"', "!", "?", "。", "，", "“", "”", "’", "1", "22", "3.5", "é", "ñ", "中文",
          "汉字"]  # fmt: skip
_BREAKS = (" ",) * 12 + (
    "\n",
    "\n",
    "\n\n",
    "\n\n\n",
    "  ",
    "\t",
    "\r\n",
    "\u3000",
    "\x85",
    "\u2028",
    "\x0b",
    ". ",
    ".\n",
)


def odd_documents() -> list[str]:
    """Documents at the bounds of every rule, and some of nonsense."""
    prose = "The quick brown foxes of the north jumped over seventeen lazy dogs that have slept with their tails out"
    words = prose.split()
    found = ["", " ", "\n", "\u3000\n \t", "a", "The.", "IS_ALPHA", "中文。", "x" * 5000]
    found += [" ".join(f"{words[i % 19]}{i}" for i in range(n)) for n in (49, 50, 51)]
    body = " ".join(f"{words[i % 19]}{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(90))
    start = "the of and "
    for n in range(7, 13):
        found += [
            start + body + " #" * n,
            start + body + " ..." * n,
            start + body + " …" * n,
            start + body + " 77" * (2 * n),
        ]
    for bullets in (8, 9, 10):
        for mark in "-•*":
            lines = [f"{mark} {body}" if i < bullets else body for i in range(10)]
            found += ["the of " + "\n".join(lines), "the of " + "\r".join(lines)]
    for dots in (2, 3, 4):
        for mark in ("...", "…", "... "):
            found.append("the of " + "\n".join(body + (mark if i < dots else "") for i in range(10)))
    for length in ("a", "ab", "abc", "abcdefghij", "abcdefghijk"):
        found.append(" ".join(["the of"] + [length + str(i % 7) * (len(length) > 3) for i in range(60)]))
    for lines in range(4, 12):
        long = [f"{body} number {i} ends" for i in range(lines)]
        found.append("\n".join([*long, "It ends."]))
        found.append("\n".join(long[:3] + ["short line"] * lines))
        found.append("\n".join([line + "." for line in long] + [long[0] + "."] * (lines // 4)))
        found.append("\n\n".join([line + "." for line in long] + [long[0] + "."] * (lines // 3)))
        found.append("\n".join(word + "." for word in body.split()[: 6 * lines]))
    for n in range(2, 12):
        for times in (2, 3, 5):
            phrase = " ".join(words[:n])
            found.append(". ".join(f"{phrase} {body[9 * i : 9 * i + 6 * n]}" for i in range(times)) + " " + body)
    for n in (10, 11, 12):  # all lines but the first are bullets
        found.append(f"the of {body}\n" + "\n".join(f"- {body} {i}" for i in range(n)))
    # A block that comes again and is just too much for n-grams of one length: the bounds fall from .15 to .10.
    for share in (0.105, 0.115, 0.125, 0.135, 0.145, 0.155):
        again = round(1200 * 1.2 * share / (1 - 1.2 * share))
        unique = [
            "the",
            "of",
            *(f"{chr(97 + i // 676)}{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}xy" for i in range(1200)),
        ]
        found.append(" ".join([*unique, *unique[100 : 100 + again]]) + ".")
    chance = random.Random(20261125)
    for size in (5, 20, 80, 250):
        for _ in range(60):
            some = chance.sample(_SIGNS, chance.randint(2, len(_SIGNS)))
            found.append("".join(chance.choice(some) + chance.choice(_BREAKS) for _ in range(size)))
    return found


def main() -> None:
    data = machine.data()
    real = [(corpus, i, text) for corpus, wanted in LINES.items()
            for i, text in enumerate(texts(data, corpus, wanted.stop)) if i in wanted]  # fmt: skip
    documents = [*((corpus, i, text) for corpus, i, text in real), *(("", 0, text) for text in odd_documents())]
    script = Path(__file__).with_name("datatrove_filters.py")
    answer = subprocess.run(
        [str(peers.python("datatrove", peers.DATATROVE)), str(script)],
        input="".join(json.dumps(text) + "\n" for _, _, text in documents),
        capture_output=True, text=True, check=True, env=peers.ENVIRONMENT,
    )  # fmt: skip
    reasons = [json.loads(line) for line in answer.stdout.splitlines()]
    kept = [(d, r) for d, r in zip(documents, reasons, strict=True) if not any(x and x[0] == "!" for x in r)]
    golden = {
        "made_by": "benchmarks/golden_datatrove.py",
        "peer": list(peers.DATATROVE),
        "filters": list(datatrove_filters.FILTERS),
        "reasons": datatrove_filters.OURS,
        "real": [[corpus, i, r] for (corpus, i, _), r in kept if corpus],
        "odd": [[text, r] for (corpus, _, text), r in kept if not corpus],
    }
    OUT.write_bytes(gzip.compress(json.dumps(golden, ensure_ascii=False).encode(), mtime=0))
    print(f"{len(kept)} of {len(documents)} documents, {OUT.stat().st_size} bytes: {OUT}")


if __name__ == "__main__":
    main()
