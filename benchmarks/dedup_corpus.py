"""Real documents and edited copies of them: what the dedup benchmarks and their recall curves run on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import machine

CORPORA = (
    "en_web_text",
    "fr_eltec",
    "zh_pingcap_docs",
    "zh_javaguide",
    "zh_oiwiki",
    "zh_react_vue_docs",
    "zh_d2l",
    "en_foldoc_encyclopedia",
    "code_py_js_go",
    "en_classic_books",
)
PIECE = 8_000
"""Characters of the documents that books and novels are cut into."""
COPIES = 0.2
"""Share of documents that are edited copies of earlier ones."""


def rows(path: Path) -> Iterator[str]:
    """The texts of a corpus; long ones cut at line breaks into pieces of about `PIECE` characters."""
    for text in machine.corpora.texts(path):
        if len(text) < 4 * PIECE:
            yield text
            continue
        held, size = [], 0
        for part in text.splitlines(keepends=True):
            held.append(part)
            size += len(part)
            if size >= PIECE:
                yield "".join(held)
                held, size = [], 0
        yield "".join(held)


def edited(text: str, rng: random.Random, share: float) -> str:
    """A copy in which about `share` of the words, or of the characters where few spaces part them, are others."""
    spaced = text.count(" ") * 20 > len(text)
    units = text.split(" ") if spaced else list(text)
    for _ in range(round(share * len(units))):
        at = rng.randrange(len(units))
        what = rng.random()
        if what < 0.4:
            units[at] = units[rng.randrange(len(units))]
        elif what < 0.7:
            units[at] = ""
        else:
            units.insert(at, rng.choice(units))
    return (" " if spaced else "").join(units)


def documents(data: Path, megabytes: float, seed: int = 0) -> Iterator[tuple[str, str]]:
    """(source, text) of about `megabytes` of UTF-8: every fifth an edited copy, from untouched to a tenth changed."""
    rng = random.Random(seed)
    size = 0
    for name in CORPORA:
        for text in rows(data / "corpora" / f"{name}.jsonl.zst"):
            if len(text) < 40:
                continue
            made = [(name, text)]
            if rng.random() < COPIES / (1 - COPIES):
                made.append(("copies", edited(text, rng, rng.choice([0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]))))
            for source, one in made:
                yield source, one
                size += len(one.encode())
            if size > megabytes * 1e6:
                return


def write(data: Path, megabytes: float, folder: Path, files: int = 10) -> tuple[int, int]:
    """JSON Lines, shuffled, in `files` files. Gives (documents, UTF-8 bytes of text)."""
    made = list(documents(data, megabytes))
    random.Random(1).shuffle(made)
    folder.mkdir(parents=True, exist_ok=True)
    per_file = -(-len(made) // files)
    for n in range(files):
        with open(folder / f"{n:02d}.jsonl", "w", encoding="utf-8") as out:
            for i, (source, text) in enumerate(made[n * per_file : (n + 1) * per_file], n * per_file):
                out.write(json.dumps({"id": str(i), "source": source, "text": text}, ensure_ascii=False) + "\n")
    return len(made), sum(len(text.encode()) for _, text in made)
