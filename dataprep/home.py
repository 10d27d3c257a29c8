"""Where models and compiled kernels live on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """`$DATAPREP_HOME`, else `~/.cache/dataprep`."""
    return Path(os.environ.get("DATAPREP_HOME") or Path.home() / ".cache" / "dataprep")
