"""Which pages are in a sample, and in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from dataprep.errors import RunError, UsageError
from dataprep.sample_web import archive
from dataprep.sample_web.page import Page


class Packed(NamedTuple):
    """What was written."""

    path: str
    pages: int
    bytes: int
    """Of the file."""
    kinds: dict[str, tuple[int, int]]
    """Pages and bytes of HTML by kind."""


def pack(out: Path, *, docs: bool = False, folder: Path | None = None, limit: int | None = None) -> Packed:
    """Write a sample. Holds all pages in memory: 45 MB with `docs`. Takes 5 s, with `docs` half a minute more.

    Raises UsageError if a renderer is missing, RunError if `docs` can't be fetched, InputError for a folder without
    pages, OutputError if `out` can't be written.
    """
    # As in a crawl, neighbours have nothing in common, and any first N pages are a fair sample.
    pages = sorted(_pages(docs, folder), key=lambda page: hashlib.sha256(page.url.encode()).digest())[:limit]
    size = archive.write(pages, out)
    kinds: dict[str, tuple[int, int]] = {}
    for page in sorted(pages):
        count, held = kinds.get(page.kind, (0, 0))
        kinds[page.kind] = (count + 1, held + len(page.html))
    return Packed(str(out), len(pages), size, kinds)


def _pages(docs: bool, folder: Path | None) -> Iterator[Page]:
    if folder is not None:
        from dataprep.sample_web.folder import pages

        yield from pages(folder)
        return
    if find_spec("docutils") is None or find_spec("markdown_it") is None:
        raise UsageError(
            "sample-web renders pages with docutils and markdown-it-py; type: pip install 'dataprep[sample]'"
        )
    from dataprep.sample_web import celery, django, languages, readmes, standard_library

    if docs:
        try:
            yield from languages.pages()
            yield from django.pages()
            yield from celery.pages()
        except RunError as error:
            raise RunError(f"{error}; without --docs nothing is fetched") from error
    yield from standard_library.pages()
    yield from readmes.pages()
