"""Pages of a folder of HTML files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from dataprep.errors import InputError
from dataprep.sample_web.page import Page


def pages(folder: Path) -> Iterator[Page]:
    """Every `.html` and `.htm` file below `folder`, as it is, by path. Raises InputError if there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".html", ".htm") and path.is_file())
    if not files:
        raise InputError(f"{folder}: no .html or .htm file in it")
    for path in files:
        yield Page("files", f"https://folder.example/{quote(path.relative_to(folder).as_posix())}", path.read_bytes())
