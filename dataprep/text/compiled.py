"""Where compiled kernels live: one folder for each combination of sources, packages, Python and processor."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from dataprep.home import home

KERNELS = ("text", "ngram")
"""Folders of this package with kernels in them."""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    wanted = ("model name", "flags", "Features")
    return "\n".join(next((line for line in lines if line.startswith(name)), "") for name in wanted)


@cache
def folder() -> Path:
    """The folder of the kernels compiled from these sources. numba alone would not notice a kernel whose callee in
    another file has changed, so everything is in the name; also where the sources are, for numba finds kernels by the
    path of their file: a second checkout has to compile its own. Reads the sources of kernels: 1 ms.
    """
    package = Path(__file__).parent.parent.absolute()
    made_from = hashlib.sha256(f"{package}\n".encode())
    for source in sorted(path for where in KERNELS for path in (package / where).glob("*.py")):
        made_from.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    for name in ("numba", "llvmlite", "numpy"):
        made_from.update(f"{name} {version(name)}\n".encode())
    made_from.update(f"{sys.version}\n{platform.machine()}\n{_processor()}".encode())
    return home() / "kernels" / made_from.hexdigest()[:16]
