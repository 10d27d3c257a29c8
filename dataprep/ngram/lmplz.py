"""KenLM's own programs, where they are on PATH: `lmplz` estimates, `build_binary` makes a file that loads faster."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from dataprep.errors import InputError, RunError, UsageError
from dataprep.ngram.adjusting import END
from dataprep.ngram.sorting import read
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int64s, UInt32s

if TYPE_CHECKING:
    from dataprep.ngram.making import Settings

_TOKENS = 1 << 18


def find() -> str:
    """Where lmplz is. Raises UsageError if it is not on PATH."""
    found = shutil.which("lmplz")
    if found is None:
        raise UsageError("train-lm: --engine lmplz: no `lmplz` on PATH; build KenLM, or leave --engine out")
    return found


@kernel
def _as_text(ids: UInt32s, letters: Bytes, starts: Int64s, out: Bytes) -> Int:
    n = np.int64(0)
    for i in range(ids.size):
        if ids[i] == END:
            out[n] = 0x0A
        else:
            for b in range(starts[ids[i]], starts[np.int64(ids[i]) + 1]):
                out[n] = letters[b]
                n += 1
            out[n] = 0x20
        n += 1
    return n


def estimate(
    settings: Settings, ids: Path, words: tuple[Bytes, Int64s], folder: Path, room: int, out: BinaryIO
) -> dict[str, Any]:
    """lmplz's model of a file of word numbers, added to `out`. Raises RunError with what lmplz says if it fails."""
    letters, starts = words
    text = folder / "text"
    with text.open("wb") as file:
        for part in read(ids, 1, _TOKENS):
            some = np.ascontiguousarray(part[:, 0])
            lines = np.empty(int(np.diff(starts)[some].sum()) + len(some), np.uint8)
            file.write(lines[: _as_text(some, letters, starts, lines)].data)
    command = [find(), "-o", str(settings.order), "-S", f"{room >> 20}M", "-T", str(folder / "lmplz")]
    command += ["--text", str(text), "--arpa", str(folder / "lmplz.arpa"), "--prune", *map(str, settings.prune)]
    if settings.discount_fallback is not None:
        command += ["--discount_fallback", *map(str, settings.discount_fallback)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        reason = re.sub(r"\s+", " ", done.stderr.strip().rpartition("\n\n")[2] or done.stderr).strip()[-400:]
        if "discount" in done.stderr:
            raise InputError(f"lmplz: {reason}; give more text, deduplicate it, or use --discount-fallback")
        raise RunError(f"lmplz failed: {reason}")
    text.unlink()
    with (folder / "lmplz.arpa").open("rb") as made:
        shutil.copyfileobj(made, out, 1 << 20)
    (folder / "lmplz.arpa").unlink()
    return {"order": settings.order, **_statistics(done.stderr)}


def _statistics(said: str) -> dict[str, Any]:
    """Counts and discounts, as lmplz prints them."""
    rows = re.findall(r"^\d+ (\d+)(?:/(\d+))? D1=(\S+) D2=(\S+) D3\+=(\S+)$", said, re.MULTILINE)
    return {
        "ngrams": [int(kept) for kept, *_ in rows],
        "ngrams_before_pruning": [int(every or kept) for kept, every, *_ in rows],
        "discounts": [[float(amount) for amount in row[2:]] for row in rows],
        "fallback_orders": [int(n) + 1 for n in re.findall(r"fallback discounts for order (\d+)", said)],
    }


def binary(arpa: Path, out: Path) -> Path | None:
    """What `build_binary` makes of a model; None where it is not on PATH."""
    program = shutil.which("build_binary")
    if program is None:
        return None
    done = subprocess.run([program, "trie", str(arpa), str(out)], capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RunError(f"build_binary failed: {' '.join(done.stderr.split())[-400:]}")
    return out
