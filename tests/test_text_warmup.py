"""Kernels compile once per machine, with one announcement, however many processes ask at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataprep.errors import OutputError
from dataprep.text import compiled, warmup

# numba imported by somebody else before must not decide where the cache is. Two modules prove the lock as well as all.
PREPARE = """
import numba
from dataprep.text import warmup
warmup.kernel_modules = lambda: ["lines", "words"]
warmup.prepare(print)
"""
COMPILED = """
from dataprep.text import warmup
warmup.kernel_modules = lambda: ["lines", "words"]
warmup.compile_all()
from dataprep.text.words import _words
print(sum(_words.stats.cache_hits.values()), sum(_words.stats.cache_misses.values()))
"""


def start(home: Path, code: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATAPREP_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_compile_once(tmp_path: Path) -> None:
    together = [start(tmp_path, PREPARE) for _ in range(2)]
    told = "".join(process.communicate(timeout=300)[0] for process in together)
    assert told.count("compiling text kernels") == 1
    assert start(tmp_path, PREPARE).communicate(timeout=60) == ("", "")
    assert {"lines", "words"} <= {path.name.split(".")[0] for path in tmp_path.glob("kernels/*/*/*.nbc")}
    assert start(tmp_path, COMPILED).communicate(timeout=60) == ("1 0\n", "")


def test_every_module_is_compiled() -> None:
    warmup.prepare(print)
    compiled_here = {path.name.split(".")[0] for path in compiled.folder().glob("*/*.nbc")}
    assert set(warmup.kernel_modules()) <= compiled_here


def test_every_module_with_kernels_takes_part() -> None:
    package = Path(warmup.__file__).parent
    with_kernels = {p.stem for p in package.glob("*.py") if "\n@kernel\n" in p.read_text()}
    assert with_kernels <= set(warmup.kernel_modules())


def test_an_unwritable_cache_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))
    compiled.folder.cache_clear()
    try:
        with pytest.raises(OutputError, match="set DATAPREP_HOME to a writable folder"):
            warmup.prepare(print)
    finally:
        monkeypatch.undo()
        compiled.folder.cache_clear()
