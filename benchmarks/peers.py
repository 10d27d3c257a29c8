"""Peers' own virtual environments in .benchmarks/, made at the first run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / ".benchmarks"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

DATATROVE = (
    "datatrove==0.10.1",
    "orjson==3.13.0",
    "pyarrow==26.0.1",
    "regex==2026.11.15",
    "spacy==3.8.18",
    "tokenizers==0.23.3",
    "xxhash==3.5.0",  # of version 4 datatrove 0.10.1 hands it strings, which it refuses
)

DOLMA = ("--no-deps", "dolma==1.2.1")  # what it depends on asks for downloads when it is imported

REDPAJAMA = ("msgspec==0.22.0", "nltk==3.8.1", "numpy==2.4.6", "typing_extensions==4.16.0")

PRESIDIO = (
    "phonenumbers==9.0.43",
    "presidio-analyzer==2.2.366",
    "regex==2026.11.19",
    "spacy==3.8.18",
    "tldextract==5.4.0",
)


def python(name: str, packages: tuple[str, ...]) -> Path:
    """The Python of environment `name`, which holds just these packages and what they need."""
    home = HOME / name
    ready, wanted = home / "ready", "\n".join(packages)
    if not ready.exists() or ready.read_text() != wanted:
        print(f"installing {', '.join(packages)} into {home}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True, env=ENVIRONMENT)
        pip = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(pip, check=True, env=ENVIRONMENT)
        ready.write_text(wanted)
    return home / "bin/python"
