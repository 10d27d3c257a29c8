"""Where compiled kernels live: one folder for each combination of sources, packages, Python and processor."""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from dataprep.home import home


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
    another file has changed, so everything is in the name. Reads the sources of this package: 1 ms.
    """
    made_from = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        made_from.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    for package in ("numba", "llvmlite", "numpy"):
        made_from.update(f"{package} {version(package)}\n".encode())
    made_from.update(f"{sys.version}\n{platform.machine()}\n{_processor()}".encode())
    return home() / "kernels" / made_from.hexdigest()[:16]
