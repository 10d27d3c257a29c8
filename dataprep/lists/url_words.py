"""Lists of words in URLs, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataprep.errors import UsageError
from dataprep.lists.reading import entries, stamp
from dataprep.text import folding
from dataprep.text.folding import Folding
from dataprep.text.phrases import Entry, Phrases, phrases
from dataprep.text.spans import Int32s


class UrlWords(NamedTuple):
    """What `count_phrases` needs."""

    trie: Phrases
    folding: Folding
    columns: Int32s


def check(path: Path) -> None:
    """Raises UsageError if this list can't be read, or has an entry that no URL can have as a word."""
    for entry in entries(path):
        if not any(c.isascii() and c.isalnum() for c in entry):
            raise UsageError(f"{path}: entry {entry!r} has no ASCII letter or digit, as words of URLs have")


def url_words(lists: Sequence[Sequence[Path]], case: bool) -> UrlWords:
    """Whole words, one column for each list: what stands between characters other than ASCII letters and digits."""
    return _compiled(tuple(tuple(stamp(path) for path in files) for files in lists), folding.LETTERS, case)


def url_sub_words(lists: Sequence[Sequence[Path]]) -> UrlWords:
    """Parts of the URL's letters and digits run together."""
    return _compiled(tuple(tuple(stamp(path) for path in files) for files in lists), folding.FREE, False)


@lru_cache(maxsize=8)
def _compiled(lists: tuple[tuple[tuple[str, int, int], ...], ...], kind: int, case: bool) -> UrlWords:
    found = []
    for slot, files in enumerate(lists):
        for path, _, _ in files:
            given = entries(Path(path))
            read = folding.folded(given, folding.ascii_run_together())
            found += [Entry(word, slot, kind, kind) for word in read if word]
    by = folding.ascii_words(case) if kind else folding.ascii_run_together()
    return UrlWords(phrases(found), by, np.arange(len(lists), dtype=np.int32)[None])
