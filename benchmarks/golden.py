"""Golden answers of peers: documents named by corpus and line and odd ones, what it says of them, the file."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import machine
import peers


def real(lines: dict[str, range]) -> tuple[list[tuple[str, int]], list[str]]:
    """Documents of the real corpora, by corpus and line, and their texts."""
    named = [(corpus, i) for corpus, wanted in lines.items() for i in wanted]
    return named, machine.corpora.picked(machine.data(), named)


def answers(name: str, packages: tuple[str, ...], script: str, texts: list[str]) -> list[Any]:
    """What `script`, run by the Python of peer `name`, says of each text: one line of JSON in, one out."""
    answer = subprocess.run(
        [str(peers.python(name, packages)), str(Path(__file__).with_name(script))],
        input="".join(json.dumps(text) + "\n" for text in texts),
        capture_output=True, text=True, check=True, env=peers.ENVIRONMENT,
    )  # fmt: skip
    return [json.loads(line) for line in answer.stdout.splitlines()]


def write(name: str, golden: dict[str, Any]) -> None:
    """tests/golden/`name`.json.gz, the same file every time. Answers are in `real` and `odd`."""
    out = machine.ROOT / f"tests/golden/{name}.json.gz"
    out.write_bytes(gzip.compress(json.dumps(golden, ensure_ascii=False).encode(), mtime=0))
    size = out.stat().st_size
    print(f"{len(golden['real'])} real and {len(golden['odd'])} odd documents, {size} bytes: {out}")
