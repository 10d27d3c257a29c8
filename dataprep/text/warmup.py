"""Compile every kernel before the workers start: once per machine, announced, by one process at a time."""

from __future__ import annotations

import fcntl
import importlib
import pkgutil
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from dataprep.errors import OutputError
from dataprep.text import compiled

_STALE_DAYS = 30


def kernel_modules() -> list[str]:
    """Modules of this package that say `warm(text)`: they compile their kernels on a tiny text."""
    package = Path(__file__).parent
    return sorted(
        m.name for m in pkgutil.iter_modules([str(package)]) if "\ndef warm(" in (package / f"{m.name}.py").read_text()
    )


def compile_all() -> None:
    """Compile, or load from the cache, every kernel. About a minute, or a second from the cache."""
    import pyarrow as pa

    from dataprep.text.spans import text_buffers

    text = text_buffers(pa.array(["One. 二。", ""], pa.large_string()))
    for name in kernel_modules():
        importlib.import_module(f"dataprep.text.{name}").warm(text)


def prepare(announce: Callable[[str], None]) -> None:
    """Make sure that every kernel is compiled. `announce` gets one line if that takes time.

    To be called before workers start, so that they only load. If another process compiles, waits for it. Raises
    OutputError if the cache can't be written.
    """
    folder = compiled.folder()
    ready = folder / "ready"
    if ready.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if ready.exists():
                return
            announce(f"compiling text kernels, once on this machine, in about a minute; cached in {folder}")
            compile_all()
            ready.touch()
    except OSError as e:
        raise OutputError(
            f"{folder}: can't cache compiled kernels: {e.strerror or e}; set DATAPREP_HOME to a writable folder"
        ) from e
    _forget_stale(folder)


def _forget_stale(folder: Path) -> None:
    """Remove what older sources and packages left behind."""
    oldest = time.time() - _STALE_DAYS * 86400
    for other in folder.parent.iterdir():
        if other != folder and other.is_dir() and other.stat().st_mtime < oldest:
            shutil.rmtree(other, ignore_errors=True)
