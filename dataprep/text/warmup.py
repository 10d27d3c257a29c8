"""Compile the kernels a command needs before its workers start: once per machine, announced, on all cores."""

from __future__ import annotations

import fcntl
import importlib
import multiprocessing
import os
import pkgutil
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from dataprep.errors import OutputError
from dataprep.imports import reached
from dataprep.text import compiled

_STALE_DAYS = 30
_PROCESSES = 8
"""More would wait for the longest module, each with 0.3 GB."""


@cache
def kernel_modules() -> list[str]:
    """Modules of this package that say `warm(text)`: they compile their kernels on a tiny text."""
    package = Path(__file__).parent
    return sorted(
        m.name for m in pkgutil.iter_modules([str(package)]) if "\ndef warm(" in (package / f"{m.name}.py").read_text()
    )


@cache
def needed(modules: tuple[str, ...]) -> list[str]:
    """Kernel modules that code in these modules may call: see `imports.reached`."""
    within = reached(modules)
    return [name for name in kernel_modules() if f"dataprep.text.{name}" in within]


def compile_all() -> None:
    """Compile, or load from the cache, every kernel, in this process. About a minute, or a second from the cache."""
    for name in kernel_modules():
        _warm(name)


def _warm(name: str) -> None:
    import pyarrow as pa

    from dataprep.text.spans import text_buffers

    importlib.import_module(f"dataprep.text.{name}").warm(text_buffers(pa.array(["One. 二。", ""], pa.large_string())))


def prepare(announce: Callable[[str], None], modules: Iterable[str] | None = None) -> None:
    """Make sure that the kernels are compiled that code in `modules` may call; all, if None.

    To be called before workers start, so that they only load. `announce` gets one line if that takes time. If another
    process compiles, waits for it. Raises OutputError if the cache can't be written.
    """
    wanted = _missing(kernel_modules())
    if wanted and modules is not None:
        wanted = _missing(needed(tuple(modules)))
    if not wanted:
        return
    folder = compiled.folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock"):
            missing = _missing(wanted)
            if not missing:
                return
            announce(f"compiling text kernels, once on this machine, in up to a minute; cached in {folder}")
            _compile(missing)
    except OSError as e:
        raise OutputError(
            f"{folder}: can't cache compiled kernels: {e.strerror or e}; set DATAPREP_HOME to a writable folder"
        ) from e
    _forget_stale(folder)


def _ready(name: str) -> Path:
    """There when the kernels of this module are compiled."""
    return compiled.folder() / f"{name}.ready"


def _missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if not _ready(name).exists()]


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Whether we have the lock, which its holder loses with its life."""
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


# ---------------------------------------------------------------- side by side


def _compile(names: list[str]) -> None:
    """These modules, in as many processes as there are cores. A helper may die: what it leaves, this one does."""
    package = Path(__file__).parent
    # Long ones first, so that none is left to be waited for at the end.
    names = sorted(names, key=lambda name: -(package / f"{name}.py").stat().st_size)
    spawn = multiprocessing.get_context("spawn")
    count = min(os.cpu_count() or 1, len(names), _PROCESSES) - 1
    helpers = [spawn.Process(target=_help, args=(names, os.getpid()), daemon=True) for _ in range(count)]
    try:
        for helper in helpers:
            helper.start()
        for name in names:
            _take(name, wait=False)
        for name in names:
            _take(name, wait=True)
    finally:
        for helper in helpers:
            if helper.pid is not None:
                helper.kill()
                helper.join()


def _take(name: str, *, wait: bool) -> None:
    """Compile a module unless that is done; if another process is at it, wait for its end or leave it alone."""
    with _locked(compiled.folder() / f"{name}.lock", wait=wait) as ours:
        if ours and not _ready(name).exists():
            _warm(name)
            _ready(name).touch()


def _help(names: list[str], parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    try:
        for name in names:
            if os.getppid() == parent:
                _take(name, wait=False)
    except Exception:
        pass  # the parent comes to the same module, and says what is wrong with it


# ---------------------------------------------------------------- what others left


def _forget_stale(folder: Path) -> None:
    """Remove what older sources and packages left behind."""
    oldest = time.time() - _STALE_DAYS * 86400
    for other in folder.parent.iterdir():
        if other != folder and other.is_dir() and other.stat().st_mtime < oldest:
            shutil.rmtree(other, ignore_errors=True)
