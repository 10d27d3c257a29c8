"""Documents of the real corpora, one at a time: JSON Lines in one Zstandard frame."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def rows(path: Path, within: int | None = None) -> Iterator[dict[str, Any]]:
    """In order; with `within`, those that lie whole in the first so many bytes."""
    import zstandard  # not in the environments of peers

    with path.open("rb") as raw, zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw) as plain:
        size = 0
        for line in io.BufferedReader(plain):  # type: ignore[type-var]
            size += len(line)
            if within is not None and size > within:
                return
            yield json.loads(line)


def texts(path: Path, within: int | None = None) -> Iterator[str]:
    """Of the same documents."""
    return (row["text"] for row in rows(path, within))


def picked(data: Path, named: list[tuple[str, int]]) -> list[str]:
    """The texts of documents named by corpus and line, in the order given."""
    wanted: dict[str, set[int]] = {}
    for corpus, line in named:
        wanted.setdefault(corpus, set()).add(line)
    found: dict[tuple[str, int], str] = {}
    for corpus, lines in wanted.items():
        for i, text in enumerate(texts(data / f"corpora/{corpus}.jsonl.zst")):
            if i in lines:
                found[corpus, i] = text
            if i == max(lines):
                break
    return [found[corpus, line] for corpus, line in named]
