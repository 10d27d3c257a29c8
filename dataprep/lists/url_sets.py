"""Lists of hosts and URLs as tables of hashes, kept beside the models so that workers load a million at once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import models
from dataprep.errors import UsageError
from dataprep.home import home
from dataprep.lists.reading import entries, stamp
from dataprep.text.spans import TextBuffers, UInt64s, text_buffers

Kind = Literal["domains", "urls", "exact_urls"]


class Lists(NamedTuple):
    """Files of hosts and of URLs."""

    domains: tuple[Path, ...]
    urls: tuple[Path, ...]


def categories(given: Sequence[str]) -> Lists:
    """The files of folders with the files `domains` and `urls`, or with such folders in them: the layout of UT1.

    Each may be compressed: `domains.gz`, `urls.zst`. Raises UsageError for a folder that has neither.
    """
    domains: list[Path] = []
    urls: list[Path] = []
    for name in given:
        folder = models.located(name)
        if not folder.is_dir():
            raise UsageError(f"{folder}: is a file; `categories` are folders with a file `domains` or `urls`")
        found = _in(folder)
        for inner in [] if found.domains or found.urls else sorted(p for p in folder.iterdir() if p.is_dir()):
            one = _in(inner)
            found = Lists(found.domains + one.domains, found.urls + one.urls)
        if not found.domains and not found.urls:
            raise UsageError(f"{folder}: holds no file `domains` or `urls`, nor folders with them")
        domains += found.domains
        urls += found.urls
    return Lists(tuple(domains), tuple(urls))


def _in(folder: Path) -> Lists:
    names = set(os.listdir(folder))

    def files(name: str) -> tuple[Path, ...]:
        there = [folder / f"{name}{suffix}" for suffix in ("", ".gz", ".zst", ".txt") if f"{name}{suffix}" in names]
        return tuple(path for path in there if path.stat().st_size)  # UT1 keeps empty files

    return Lists(files("domains"), files("urls"))


def normal_forms(urls: pa.Array) -> TextBuffers:
    """URLs as `text.urls.normalised` writes them; what names no scheme is of `http`; null is empty."""
    from dataprep.text.urls import normalised

    column = urls.cast(pa.large_string()).fill_null("")
    http = pa.scalar("http://", pa.large_string())
    bare = pc.invert(pc.match_substring(column, "://"))
    if pc.any(bare).as_py():
        column = pc.if_else(
            bare,
            pc.binary_join_element_wise(http, column, pa.scalar("", pa.large_string())),
            column,
        )
    return normalised(text_buffers(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column))


def table(files: Sequence[Path], kind: Kind) -> UInt64s:
    """The hashes of all entries of these files: see `text.url_lists.hash_set`. Empty: all zeros.

    Made once on a machine, about a second for a million entries, and mapped from a file afterwards.
    """
    return _table(tuple(stamp(path) for path in files), kind)


@lru_cache(maxsize=8)
def _table(stamps: tuple[tuple[str, int, int], ...], kind: Kind) -> UInt64s:
    from dataprep.text import compiled

    hashes = sorted(models.file_hash(Path(path)) for path, _, _ in stamps)
    # The folder of kernels is another one for other sources: hashes may be others, too.
    key = hashlib.sha256(" ".join([kind, compiled.folder().name, *hashes]).encode()).hexdigest()
    stored = home() / "lists" / f"{key[:32]}.npy"
    if not stored.exists():
        _publish(stored, _made([Path(path) for path, _, _ in stamps], kind))
    return np.asarray(np.load(stored, mmap_mode="r"))


def _made(files: Sequence[Path], kind: Kind) -> UInt64s:
    from dataprep.text.hashes import xxh64
    from dataprep.text.url_lists import hash_set, host_hashes, url_hashes

    hashes = [np.zeros(0, np.uint64)]
    for path in files:
        given = pa.array(entries(path), pa.large_string())
        if kind == "exact_urls":
            hashes.append(xxh64(text_buffers(given)))
            continue
        if kind == "domains":
            given = pc.replace_substring_regex(given, r"^(\*?\.)+", "")
        found = (host_hashes if kind == "domains" else url_hashes)(normal_forms(given))
        if not found.all():
            bad = given[int(np.argmin(found != 0))].as_py()
            raise UsageError(f"{path}: entry {bad!r} is no {'host name' if kind == 'domains' else 'URL'}")
        hashes.append(found)
    return hash_set(np.concatenate(hashes))


def _publish(stored: Path, made: UInt64s) -> None:
    stored.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=stored.parent, suffix=".tmp", delete=False) as file:
        np.save(file, made)
    os.replace(file.name, stored)
