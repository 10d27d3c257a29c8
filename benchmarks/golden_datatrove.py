"""Write tests/golden/datatrove_0.10.1.json.gz: what datatrove itself decides on real and on odd documents.

    python benchmarks/golden_datatrove.py

Real documents are named by corpus and line; odd ones are in the file. For each document and each filter: null (kept) or
datatrove's reason. Documents on which it fails (it divides by zero) are left out. Gives the same file every time.
"""

from __future__ import annotations

import random
from typing import Any

import datatrove_filters
import golden
import peers

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
    for bullets in (89, 90, 91):
        items = [f"the of {words[i % 19]} {words[i % 17]}{i}" for i in range(100)]
        found.append("\n".join("- " * (i < bullets) + item for i, item in enumerate(items)))
    for n in range(5, 12):
        # The same n words again and again between new ones.
        for part in (3, 4, 5, 6, 7, 8):
            phrase = " ".join(f"{words[k]}er" for k in range(n))
            rest = [" ".join(f"{words[(j * 7 + k) % 19]}{j * 40 + k}" for k in range(n * part)) for j in range(4)]
            found.append("the of " + " ".join(f"{phrase} {own}" for own in rest))
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
    named, texts = golden.real(LINES)
    odd = odd_documents()
    said = golden.answers("datatrove", peers.DATATROVE, "datatrove_filters.py", [*texts, *odd])
    real = [[corpus, i, own] for (corpus, i), own in zip(named, said[: len(named)], strict=True)]
    made = [[text, own] for text, own in zip(odd, said[len(named) :], strict=True)]
    golden.write(
        "datatrove_0.10.1",
        {
            "made_by": "benchmarks/golden_datatrove.py",
            "peer": list(peers.DATATROVE),
            "filters": list(datatrove_filters.FILTERS),
            "reasons": datatrove_filters.OURS,
            "real": [row for row in real if _is_answer(row)],
            "odd": [row for row in made if _is_answer(row)],
        },
    )


def _is_answer(row: list[Any]) -> bool:
    """Did no filter fail on this document?"""
    return not any(reason and reason[0] == "!" for reason in row[-1])


if __name__ == "__main__":
    main()
