"""Small language models, the real lmplz, and a plain reader of ARPA files."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from dataprep.home import home
from dataprep.ngram import making
from dataprep.ngram.estimating import Estimated, estimate
from dataprep.ngram.numbering import number
from dataprep.ngram.sentences import text_of

ARPA = """# dataprep unit=words
# dataprep normalize=none
\\data\\
ngram 1=8
ngram 2=4

\\1-grams:
-4\t<unk>\t0
0\t<s>\t-0.3
-1\t</s>\t0
-1\tthe\t-0.3
-1.2\tquick\t-0.2
-1.3\tbrown\t-0.1
-1.1\tfox\t-0.4
-2\ttree\t0

\\2-grams:
-0.5\t<s> the
-0.6\tthe quick
-0.4\tquick brown
-0.2\tfox </s>

\\end\\
"""
Model = dict[str, tuple[float, float]]
FALLBACK = (0.5, 1.0, 1.5)


@cache
def example_language_model() -> Path:
    """A model of a few English words, made by hand."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name, "lm.arpa")
    path.write_text(ARPA)
    return path


def read_arpa(path: Path) -> tuple[list[str], Model]:
    """The lines of counts, and log10 of probability and back-off by n-gram."""
    counts, grams = [], {}
    for line in path.read_bytes().decode().split("\n"):
        fields = line.split("\t")
        if line.startswith("ngram "):
            counts.append(line)
        elif len(fields) > 1:
            grams[fields[1]] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)
    return counts, grams


def estimated(
    lines: Sequence[str],
    folder: Path,
    order: int,
    prune: tuple[int, ...] = (0,),
    fallback: tuple[float, float, float] | None = None,
    room: int = 1 << 24,
) -> tuple[Path, Estimated]:
    """Our model of lines of words, in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    numbered = number([text_of(lines)], "spaces", None, folder / "ids")
    with (folder / "ours.arpa").open("wb") as out:
        made = estimate(folder / "ids", numbered.vocabulary.letters(), order, prune, fallback, folder, room, out)
    return folder / "ours.arpa", made


def train(folder: Path, lines: Sequence[str], tokenizer: Path | None = None, **settings: object) -> Path:
    """A folder as `train-lm` writes it, of a text file of these lines; made in this process."""
    from dataprep.tokenizers import load

    text = folder.with_suffix(".txt")
    text.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    given = {"unit": "pieces" if tokenizer else "spaces", "order": 3, "discount_fallback": FALLBACK, **settings}
    loaded = load(tokenizer) if tokenizer else None
    making.make(making.Settings.model_validate(given), [], [str(text)], loaded, str(folder), 512)
    return folder


# ---------------------------------------------------------------- lmplz


class NoLmplz(Exception):
    """Why there is none."""


def lmplz() -> Path:
    """The one on PATH, else built once into `$DATAPREP_HOME`/tmp from the source distribution of kenlm 0.3.0.

    Half a minute on two cores. Raises NoLmplz.
    """
    found = shutil.which("lmplz")
    if found:
        return Path(found)
    folder = home() / "tmp" / "lmplz-0.3.0"
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "lmplz"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of the processes of a test run builds
        if not made.exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                _build(Path(scratch)).replace(made)
    return made


def _build(scratch: Path) -> Path:
    for program in ("cmake", "g++", "make"):
        if not shutil.which(program):
            raise NoLmplz(f"no {program} to build lmplz with")
    if not Path("/usr/include/boost/program_options.hpp").exists():
        if os.geteuid() or not shutil.which("apt-get"):
            raise NoLmplz("no Boost to build lmplz with")
        boost = [f"libboost-{part}-dev" for part in ("program-options", "system", "thread", "test")]
        _run("apt-get", "install", "-y", "--no-install-recommends", *boost, "zlib1g-dev", "libbz2-dev", "liblzma-dev")
    # Only kenlm from source: with `:all:` pip builds cmake too.
    source = ("--no-deps", "--no-binary", "kenlm", "kenlm==0.3.0", "-d", str(scratch))
    _run(sys.executable, "-m", "pip", "download", "-q", *source)
    with tarfile.open(next(scratch.glob("kenlm-*.tar.gz"))) as archive:
        archive.extractall(scratch, filter="data")
    build = scratch / "build"
    options = ("-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG", "-DKENLM_MAX_ORDER=6")
    _run("cmake", "-S", str(next(scratch.glob("kenlm-*/"))), "-B", str(build), *options)
    _run("make", "-C", str(build), "-j2", "lmplz")
    return build / "bin" / "lmplz"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise NoLmplz(f"{command[0]} {command[1]} failed: {' '.join(done.stderr.split())[-300:]}")


def by_lmplz(
    program: Path,
    lines: Sequence[str],
    folder: Path,
    order: int,
    prune: tuple[int, ...] = (0,),
    fallback: tuple[float, float, float] | None = None,
) -> tuple[Path, str]:
    """Its model of the same lines, and what it says; no file if it fails."""
    text, out = folder / "text", folder / "lmplz.arpa"
    text.write_bytes("".join(f"{line}\n" for line in lines).encode())
    command = [program, "-o", order, "-S", "64M", "-T", folder / "lmplz", "--vocab_estimate", 50_000, "--skip_symbols"]
    command += ["--text", text, "--arpa", out, "--prune", *prune]
    command += ["--discount_fallback", *fallback] if fallback else []
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    if done.returncode:
        out.unlink(missing_ok=True)
    return out, done.stderr


def by_kenlm_text(model: Path, lines: Sequence[str]) -> list[list[float]]:
    """log10 p of every word of each line and of its end, by KenLM."""
    import kenlm

    loaded = kenlm.Model(str(model))
    return [[p for p, _, _ in loaded.full_scores(line)] for line in lines]
