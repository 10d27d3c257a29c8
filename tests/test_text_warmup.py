"""Kernels compile once per machine, with one announcement, however many processes ask at once; none in mid-run."""

from __future__ import annotations

import fcntl
import os
import shutil
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
NEEDED = """
from dataprep.text import warmup
warmup.prepare(print, ["dataprep.text.moving", "dataprep.text.lines"])
"""
ONE = """
from dataprep.text import warmup
warmup.prepare(print, ["dataprep.text.moving"])
"""
HITS = """
warmup._warm("moving")
from dataprep.text.moving import _moved
print(sum(_moved.stats.cache_hits.values()), sum(_moved.stats.cache_misses.values()))
"""
# Both have read the index before one of them writes it, if nothing keeps them from it.
SAVE = """
import sys, time
from numba.core.caching import IndexDataCacheFile as Index
from kernel_of_two_forms import twice
save = Index._save_index
Index._save_index = lambda *given: (time.sleep(1), save(*given))
assert twice({}) == {}
"""
BOTH = """
from kernel_of_two_forms import twice
print(twice(21), twice(1.5), sum(twice.stats.cache_hits.values()), sum(twice.stats.cache_misses.values()))
"""
EXAMPLES = """
import sys, tempfile
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from chain import apply, parts
from dataprep import catalog
from dataprep.documents import documents
from dataprep.text import warmup

def forms():
    modules = [module for name, module in sys.modules.items() if name.startswith("dataprep.text.")]
    kernels = {v for module in modules for v in vars(module).values() if isinstance(v, Dispatcher)}
    return {(k.__module__, k.__name__, str(types)) for k in kernels for types in k.overloads}

warmup.compile_all()
before = forms()
for name in catalog.stage_names():
    for example in catalog.stage(name).examples:
        apply(parts(name, example.config), documents(example.given), Path(tempfile.mkdtemp(dir=sys.argv[1])))
print(len(before) > 100, *sorted(forms() - before))
"""


def start(home: Path, code: str, folder: Path | None = None) -> subprocess.Popen[str]:
    """In `folder`, where Python looks for modules first."""
    environment = {**os.environ, "DATAPREP_HOME": str(home)}
    command = [sys.executable, "-c", code]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_compile_once(tmp_path: Path) -> None:
    together = [start(tmp_path, PREPARE) for _ in range(2)]
    told = "".join(process.communicate(timeout=300)[0] for process in together)
    assert told.count("compiling text kernels") == 1
    assert start(tmp_path, PREPARE).communicate(timeout=60) == ("", "")
    assert {"lines", "words"} <= {path.name.split(".")[0] for path in tmp_path.glob("kernels/*/*/*.nbc")}
    assert start(tmp_path, COMPILED).communicate(timeout=60) == ("1 0\n", "")


def test_equal_sources_elsewhere_compile_their_own(tmp_path: Path) -> None:
    """numba finds a kernel by the path of its file."""
    package = Path(compiled.__file__).parent.parent
    shutil.copytree(package, tmp_path / "copy/dataprep", ignore=lambda *_: ["__pycache__"])
    for folder in (package.parent, tmp_path / "copy"):
        assert "compiling text kernels" in start(tmp_path, ONE, folder).communicate(timeout=300)[0]
        assert start(tmp_path, ONE + HITS, folder).communicate(timeout=60) == ("1 0\n", "")


def test_only_what_is_needed_is_compiled(tmp_path: Path) -> None:
    assert "compiling text kernels" in start(tmp_path, NEEDED).communicate(timeout=300)[0]
    ready = {path.stem for path in tmp_path.glob("kernels/*/*.ready")}
    assert ready == {"hashes", "lines", "moving", "utf8"}
    assert start(tmp_path, NEEDED).communicate(timeout=60) == ("", "")


def test_a_module_that_another_process_compiles_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "folder", lambda: tmp_path)
    with open(tmp_path / "utf8.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        warmup._take("utf8", wait=False)
        assert not (tmp_path / "utf8.ready").exists()
    warmup._take("utf8", wait=False)
    assert (tmp_path / "utf8.ready").exists()


def test_two_processes_save_two_forms_of_one_kernel(tmp_path: Path) -> None:
    (tmp_path / "kernel_of_two_forms.py").write_text(
        "from dataprep.text.kernel import kernel\n\n@kernel\ndef twice(x):\n    return x + x\n"
    )
    for process in [start(tmp_path, SAVE.format(*pair), folder=tmp_path) for pair in ((21, 42), (1.5, 3.0))]:
        assert process.communicate(timeout=60) == ("", "")
    assert start(tmp_path, BOTH, folder=tmp_path).communicate(timeout=60) == ("42 3.0 2 0\n", "")


def test_every_module_is_compiled() -> None:
    warmup.prepare(print)
    compiled_here = {path.name.split(".")[0] for path in compiled.folder().glob("*/*.nbc")}
    assert set(warmup.kernel_modules()) <= compiled_here


def test_no_stage_compiles_in_mid_run(tmp_path: Path) -> None:
    """What is warmed are the kernels as stages call them, also by the types of their arrays."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{EXAMPLES}"
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"


def test_the_folder_is_named_by_every_source_of_kernels() -> None:
    package = Path(compiled.__file__).parent.parent
    with_kernels = {path.parent for path in package.rglob("*.py") if "text.kernel import" in path.read_text()}
    assert with_kernels == {package / name for name in compiled.KERNELS}


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
