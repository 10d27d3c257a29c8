"""Lists and groups as one trie, and which of it counts in a document of each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from dataprep.lists.groups import GROUPS
from dataprep.lists.reading import by_language, entries, stamp
from dataprep.text import folding
from dataprep.text.folding import Folding
from dataprep.text.phrases import Entry, Phrases, phrases
from dataprep.text.spans import Int32s

Rules = Literal["words", "datatrove"]

_C4_ALLOWED: Final = ("sm", "グロ", "女の子", "性")
"""Not offensive, says C4: parts of ordinary words. datatrove 0.10.1, c4_filters.py: left out of every language."""
_C4_UNSPACED: Final = ("ja", "th", "zh")
"""Languages in which C4 asks for nothing around a word (same file)."""


class Keywords(NamedTuple):
    """What `count_phrases` needs."""

    trie: Phrases
    folding: Folding
    languages: tuple[str, ...]
    """Languages that have lists of their own."""
    columns: Int32s
    """int32[languages + 1, slots]: by language, the last for all others."""


def keywords(lists: Mapping[str, str], groups: Sequence[str], rules: Rules, case: bool) -> Keywords:
    """The lists and groups, compiled once per process for each state of the files. Raises UsageError."""
    files = tuple((name, tuple((code, stamp(path)) for code, path in by_language(given).items()))
                  for name, given in lists.items())  # fmt: skip
    return _compiled(files, tuple(groups), rules, case)


_Files = tuple[tuple[str, tuple[tuple[str | None, tuple[str, int, int]], ...]], ...]


@lru_cache(maxsize=4)
def _compiled(files: _Files, groups: tuple[str, ...], rules: Rules, case: bool) -> Keywords:
    fold = folding.words(case) if rules == "words" else folding.regular_expressions(case)
    found: list[Entry] = []
    slots: list[tuple[int, str | None]] = []
    for column, (_, held) in enumerate(files):
        for code, (path, _, _) in held:
            found += _entries(Path(path), code, rules, fold, len(slots))
            slots.append((column, code))
    for column, name in enumerate(groups, len(files)):
        found += _by_script(list(GROUPS[name]), fold, len(slots))
        slots.append((column, None))
    languages = tuple(sorted({code for _, code in slots if code is not None}))
    columns = np.full((len(languages) + 1, len(slots)), -1, np.int32)
    for slot, (column, code) in enumerate(slots):
        columns[slice(None) if code is None else languages.index(code), slot] = column
    return Keywords(phrases(found), fold, languages, columns)


def _entries(path: Path, code: str | None, rules: Rules, fold: Folding, slot: int) -> list[Entry]:
    if rules == "words":
        return _by_script(entries(path), fold, slot)
    # As they are: what is not in lower case never equals a text that is.
    given = [word.encode() for word in entries(path, comments=False) if word not in _C4_ALLOWED]
    kind = folding.FREE if code in _C4_UNSPACED else folding.LETTERS
    return [Entry(word, slot, kind, kind) for word in given]


def _by_script(given: list[str], fold: Folding, slot: int) -> list[Entry]:
    """Whole words at ends in alphabetic scripts, anything at others."""
    read = [phrase.strip() for phrase in folding.folded(given, fold)]
    read = [phrase for phrase in read if phrase]  # a line of invisible joiners is blank
    kinds = folding.edge_kinds(read, fold)
    return [Entry(phrase, slot, left, right) for phrase, (left, right) in zip(read, kinds, strict=True)]
