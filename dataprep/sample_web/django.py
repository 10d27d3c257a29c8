"""The documentation in Django's source distributions: prose, with duplicates and near-duplicates between releases."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from dataprep.pypi import cached
from dataprep.sample_web.page import Page, framed


class Release(NamedTuple):
    version: str
    sha256: str


RELEASES = (
    Release("5.1.3", "c0fa0e619c39325a169208caef234f90baa925227032ad3f44842ba14d75234a"),
    Release("4.2.16", "6f1616c2786c408ce86ab7e10f792b8f15742f7b7b7460243929cb371e7f1dad"),
)


class Document(NamedTuple):
    """One page before it is rendered."""

    version: str
    name: str
    """`topics/http/urls`."""
    source: str
    siblings: tuple[str, ...]


def pages() -> Iterator[Page]:
    """About 600 documents of each release, at the addresses they have on docs.djangoproject.com, and its 150 HTML
    templates, some without any text. Rendered by two processes in half a minute.
    """
    todo: list[Document] = []
    for release in RELEASES:
        files = _files(release)
        for path, content in files.items():
            if path.endswith(".html"):
                yield Page(
                    "HTML templates",
                    f"https://raw.githubusercontent.com/django/django/{release.version}/{path}",
                    content,
                )
        todo += _documents(release.version, files)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as workers:
        yield from workers.map(render, todo, chunksize=20)


def _files(release: Release) -> dict[str, bytes]:
    """Documents and templates of a release by path, sorted."""
    found: dict[str, bytes] = {}
    with tarfile.open(cached(f"Django=={release.version}", release.sha256, source=True)) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            document = path.startswith("docs/") and path.endswith(".txt") and not path.startswith("docs/_")
            template = path.startswith(("django/", "js_tests/")) and path.endswith(".html")
            file = archive.extractfile(member) if document or template else None
            if file is not None:
                found[path] = file.read()
    return dict(sorted(found.items()))


def _documents(version: str, files: dict[str, bytes]) -> Iterator[Document]:
    names = [path.removeprefix("docs/").removesuffix(".txt") for path in files if path.endswith(".txt")]
    for name in names:
        folder = name.rpartition("/")[0]
        near = tuple(other for other in names if other.rpartition("/")[0] == folder and other != name)
        yield Document(version, name, files[f"docs/{name}.txt"].decode(), near)


def render(document: Document) -> Page:
    """One page as the site would show it."""
    from dataprep.sample_web.rest import render as to_html

    series = document.version.rpartition(".")[0]
    base = f"https://docs.djangoproject.com/en/{series}/"
    content = to_html(document.source)
    links = [(f"{base}{name}/", name.rpartition("/")[2].replace("-", " ")) for name in document.siblings]
    title = content.title or document.name
    html = framed(title, content.html, site=f"Django {series} documentation", lang="en", links=links)
    name = document.name.removesuffix("index")
    return Page("Django documentation", base + (f"{name.strip('/')}/" if name.strip("/") else ""), html)
