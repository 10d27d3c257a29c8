"""Write tests/golden/datatrove_0.10.1_c4.json.gz: what datatrove's C4 filters and line formatter do to documents.

    python benchmarks/golden_datatrove_c4.py

Real documents are named by corpus and line; odd ones are in the file. Texts that come out are there as the first 16
digits of their SHA-256. Gives the same file every time.
"""

from __future__ import annotations

import hashlib
import random

import datatrove_c4
import golden
import peers

LINES = {
    "en_web_text": range(0, 900, 3),
    "zh_oiwiki": range(0, 250, 10),
    "zh_react_vue_docs": range(0, 250, 10),
    "en_foldoc_encyclopedia": range(0, 500, 20),
    "code_py_js_go": range(0, 250, 10),
}
_STARTS = ["The cat sat on a mat", "It does run", "Who are you", "he said so", "今天天气很好", "Two"]
_ENDS = [".", "!", "?", '."', ".'", "...", "[2].", " [edit].", "U.S.", ".)", "。", "…", "", ":", " e.g. this."]
_BREAKS = [" ", " ", "\n", "\n", "\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\n\n"]
_SIGNS = [
    "lorem ipsum", "Lorem Ipsum", "{", "}", "javascript", "JavaScript", "use coo\u212aies", "Privacy Policy", "[1]",
    "[]",
    "[citation needed]", "[٣]", "[１２]", "İ", "ſ", "x" * 1001, "é" * 1000, "中文", "\u3000", "\t", "\u200b", "\ufeff",
    "\xa0",
    "\x1f", "👍", "http://a.b/c?d=e.", ":)", "I.", "Mr.", "can't.", "“Hi.”", "?!", "....", "؟", "***", "- - -", "=====",
    "———",
    "\n***\n", "\n。。。\n", "\n * \n", "\n\u3000\n",
]  # fmt: skip


def odd_documents() -> list[str]:
    """Sentences with signs among them that rules look for."""
    chance = random.Random(20261125)
    found = [
        "",
        " ",
        "\n",
        "\u3000\n",
        "*",
        "***\n***",
        ("a" * 199 + "\n") * 3,
        ("a" * 200 + "\n") * 3,
        ("中" * 200 + "\n") * 3,
    ]
    found += [("中" * 200 + "\r") * 3, "中" * 200 + "\n" + "é" * 200 + "\n" + "b" * 199, "\n".join(["a" * 300] * 2)]
    for size in (6, 12, 24):
        for odd in (0, 1, 4):
            for _ in range(25):
                parts = [chance.choice(_STARTS) + chance.choice(_ENDS) + chance.choice(_BREAKS) for _ in range(size)]
                for _ in range(odd):
                    parts.insert(chance.randrange(size), chance.choice(_SIGNS))
                found.append("".join(parts))
    return found


def digest(text: str | None) -> str | None:
    """A short name for a text."""
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    named, texts = golden.real(LINES)
    odd = odd_documents()
    answers = golden.answers("datatrove", peers.DATATROVE, "datatrove_c4.py", [*texts, *odd])
    told = [[reason, digest(left), lines, kept, digest(symbols)] for reason, left, lines, kept, symbols in answers]
    golden.write(
        "datatrove_0.10.1_c4",
        {
            "made_by": "benchmarks/golden_datatrove_c4.py",
            "peer": list(peers.DATATROVE),
            "lines": list(datatrove_c4.LINES),
            "real": [[corpus, i, own] for (corpus, i), own in zip(named, told[: len(named)], strict=True)],
            "odd": [[text, own] for text, own in zip(odd, told[len(named) :], strict=True)],
        },
    )


if __name__ == "__main__":
    main()
