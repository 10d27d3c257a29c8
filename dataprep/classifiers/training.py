"""Train a fastText classifier, the same bytes from the same text and seed.

fastText 0.9.3 is not seed-stable by itself. With several threads they race; with one it gives numbers to the first
tenth of its input rows only, and the others begin as whatever is in memory (`DenseMatrix::uniform`). So it is trained
by one thread, in a process whose memory glibc fills with zeros: rows beyond the first tenth begin at zero, as they
mostly do anyway, in fresh memory. (In memory used before, training was seen to end with "Encountered NaN".) Bytes can
still differ between machines whose processors differ: it is compiled for its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from dataprep.classifiers import trainer
from dataprep.classifiers.model_file import LABEL
from dataprep.errors import InputError, UsageError
from dataprep.text.spans import text_buffers

VERSION = 1
"""Of what is trained from equal settings and equal text; part of fingerprints."""
_ZEROS = {"MALLOC_PERTURB_": "255"}
"""glibc fills memory that it hands out with the complement of this number."""


class Settings(BaseModel):
    """What decides a classifier, beside the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(100, ge=1, le=1000)
    lr: float = Field(0.1, gt=0)
    epoch: int = Field(5, ge=1)
    word_ngrams: int = Field(2, ge=1, le=5)
    bucket: int = Field(2_000_000, ge=1)
    min_count: int = Field(1, ge=1)
    minn: int = Field(0, ge=0)
    maxn: int = Field(0, ge=0)
    loss: Literal["softmax", "ova", "hs", "ns"] = "softmax"
    threads: int = Field(1, ge=1)
    seed: int = Field(0, ge=0, lt=1 << 31)
    quantize: bool = False
    lower: bool = False
    """Texts are compared in lower case."""
    split_han: bool = True
    """Each Han character is a word."""
    held_out: float = Field(0.1, gt=0, lt=1)
    """Share of the texts, by hash, that nothing is trained on."""
    balance: bool = False
    """Of each label as many documents as of the rarest one, those with the smallest hashes."""
    max_documents: int | None = Field(None, ge=2)
    """Most documents of each label, those with the smallest hashes."""

    @property
    def file(self) -> str:
        return "model.ftz" if self.quantize else "model.bin"

    def options(self) -> dict[str, int | float | str]:
        """As fastText calls them; it takes 0 and 1 for the same seed."""
        return {
            "dim": self.dim, "lr": self.lr, "epoch": self.epoch, "wordNgrams": self.word_ngrams, "bucket": self.bucket,
            "minCount": self.min_count, "minn": self.minn, "maxn": self.maxn, "loss": self.loss,
            "thread": self.threads, "seed": self.seed + 1,
        }  # fmt: skip


def check(settings: Settings) -> None:
    """Raise UsageError for settings that don't go together."""
    if settings.maxn and settings.minn > settings.maxn:
        raise UsageError(f"--minn {settings.minn}: is above --maxn {settings.maxn}")
    if settings.minn and not settings.maxn:
        raise UsageError(f"--minn {settings.minn}: asks for character n-grams; give --maxn too")


def packages() -> dict[str, str]:
    """What trains, with its version: another version may give another classifier."""
    return {"fasttext": version("fasttext")}


def train(settings: Settings, texts: Sequence[str], labels: Sequence[str]) -> bytes:
    """The content of a `model.bin` or `model.ftz`. Equal texts in equal order give equal bytes, with one thread.

    Raises InputError where fastText can't train on them.
    """
    from dataprep.text.one_line import one_line

    lines = one_line(
        text_buffers(pa.array(texts, pa.large_string())), lower=settings.lower, split_han=settings.split_han
    )
    with tempfile.TemporaryDirectory(prefix="dataprep-classifier-") as scratch:
        folder = Path(scratch)
        raw, bounds = lines.data, lines.offsets.tolist()
        with (folder / "lines.txt").open("wb") as file:
            for label, a, b in zip(labels, bounds, bounds[1:], strict=False):
                file.write(f"{LABEL}{label} ".encode() + raw[a:b].tobytes() + b"\n")
        job = {
            "input": str(folder / "lines.txt"),
            "output": str(folder / settings.file),
            "options": settings.options(),
            "quantize": settings.quantize,
        }
        (folder / "job.json").write_text(json.dumps(job))
        done = subprocess.run(
            [sys.executable, "-P", "-W", "ignore", str(trainer.__file__), str(folder / "job.json")],
            env={**os.environ, **_ZEROS},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(f"fastText can't train on this: {_reason(done.stderr, done.returncode)}")
        return (folder / settings.file).read_bytes()


def _reason(said: str, code: int) -> str:
    last = (said.strip().splitlines() or [f"exit code {code}"])[-1].partition(": ")
    if "NaN" in last[2]:
        return "it diverges; give a smaller --lr"
    if "matrix too small" in last[2].lower():
        return "there are too few rows to compress; leave out --quantize or give more text or a larger --bucket"
    return last[2] or last[0]


def hashes(texts: pa.LargeStringArray, what: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """uint64[texts]: a number of each text, keyed: equal texts have equal ones."""
    from dataprep.text.hashes import xxh64

    seed = int(xxh64(text_buffers(pa.array([f"classifier {what}"], pa.large_string())))[0])
    return xxh64(text_buffers(texts), seed)
