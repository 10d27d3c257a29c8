"""Fetch one file from the Python package index with pip, without installing anything."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dataprep.errors import InputError, RunError
from dataprep.home import home


def download(requirement: str, folder: Path, *, source: bool = False) -> Path:
    """The wheel of `requirement` (`name==version`), or its source distribution, as a file in `folder`.

    Raises RunError if pip is missing or can't get it. A source distribution costs some seconds more: pip prepares its
    metadata in a temporary environment.
    """
    name = requirement.partition("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    kind = ["--no-binary", name] if source else ["--only-binary", name]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pip-") as scratch:
        done = subprocess.run([*command, *kind, "--dest", scratch, requirement], capture_output=True, text=True)
        found = sorted(Path(scratch).iterdir())
        if done.returncode or not found:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            reason = next(
                (line for line in reversed(said) if line.startswith("ERROR")), said[-1] if said else "nothing"
            )
            raise RunError(f"no network? `pip download --no-deps {requirement}` failed: {reason}")
        target = folder / found[0].name
        shutil.move(found[0], target)
        return target


def cached(requirement: str, sha256: str, *, source: bool = False) -> Path:
    """The same, downloaded once: kept in `home()/downloads`. Raises InputError if it is not the published file."""
    folder = home() / "downloads" / requirement
    for path in sorted(folder.glob("[!.]*")):
        if _checksum(path) == sha256:
            return path
    path = download(requirement, folder, source=source)
    found = _checksum(path)
    if found != sha256:
        path.unlink()
        raise InputError(f"{requirement}: not the published {path.name}: sha256 is {found}, must be {sha256}")
    return path


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
