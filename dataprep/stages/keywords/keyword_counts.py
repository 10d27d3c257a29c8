"""Count the entries of word lists in documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import models, schema
from dataprep.documents import Documents
from dataprep.lists.groups import Group
from dataprep.stage import Example, Map

if TYPE_CHECKING:
    from dataprep.text.spans import TextBuffers

ListName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class KeywordCounts(Map):
    """Count the entries of word lists and built-in groups in documents, as `keywords` describes it."""

    prefix: str = "keywords"
    """Columns are called `<prefix>.<list>` and `<prefix>.<list>_ratio`."""
    lists: dict[ListName, str] = {}  # noqa: RUF012
    """Files or installed models, or folders with a file for each language, by name."""
    groups: tuple[Group, ...] = ()
    """Built-in groups."""
    datatrove: bool = False
    """Match as datatrove does."""
    case: bool = False
    """Capitals count."""
    default_language: str | None = None
    """Language of documents without one."""

    paths: ClassVar[tuple[str, ...]] = ("lists",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "k", "groups": ["html_remnants", "cookie"]},
            {"text": ["Fish&nbsp;and<br/>chips", "本网站使用 Cookie 改善体验", "We\nUSE  cookies", ""]},
            {
                "k.html_remnants": [2, 0, 0, 0],
                "k.html_remnants_ratio": [0.4, 0.0, 0.0, 0.0],
                "k.cookie": [0, 1, 1, 0],
                "k.cookie_ratio": [0.0, 0.1, 0.33333334, 0.0],
            },
        ),
    )

    def files(self) -> dict[str, str]:
        from dataprep.lists.reading import by_language, entries

        found = {}
        for name, given in self.lists.items():
            for code, path in by_language(given).items():
                entries(path)
                found[f"{name}/{code}" if code else name] = models.file_hash(path)
        return found

    def gives(self) -> dict[str, pa.DataType | None]:
        given: dict[str, pa.DataType | None] = {}
        for name in (*self.lists, *self.groups):
            given |= {f"{self.prefix}.{name}": pa.int32(), f"{self.prefix}.{name}_ratio": pa.float32()}
        return given

    def tallies(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}.{name}" for name in (*self.lists, *self.groups))

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.lists.keyword_sets import keywords
        from dataprep.text.phrases import count_phrases
        from dataprep.text.ratios import ratios

        made = keywords(self.lists, self.groups, "datatrove" if self.datatrove else "words", self.case)
        others = len(made.languages)
        own = docs.languages()
        if self.default_language is not None:
            absent = pc.or_kleene(own.is_null(), pc.equal(own, schema.UNDETERMINED)).fill_null(True)
            own = pc.if_else(absent, self.default_language, own)
        chosen = np.asarray(pc.index_in(own, pa.array(made.languages, pa.string())).fill_null(others), np.int32)
        text = _lower(docs) if self.datatrove and not self.case else docs.text
        found = count_phrases(text, made.trie, made.folding, made.columns, chosen).matches
        words = np.diff(docs.words.offsets)
        given: dict[str, pa.Array] = {}
        for column, name in enumerate((*self.lists, *self.groups)):
            without = ~(made.columns == column).any(axis=1)[chosen]
            share = ratios(found[column], words)
            given[f"{self.prefix}.{name}"] = pa.array(found[column], mask=without)
            given[f"{self.prefix}.{name}_ratio"] = pa.array(share, mask=without)
        return given


def _lower(docs: Documents) -> TextBuffers:
    """The texts, those in lower case whose lower case is not character by character."""
    from dataprep.text.literal import holding
    from dataprep.text.spans import text_buffers

    odd = holding(docs.text, "İ".encode()) | holding(docs.text, "Σ".encode())
    if not odd.any():
        return docs.text
    column, mask = docs[schema.TEXT], pa.array(odd)
    lowered = pa.array([text.lower() for text in column.filter(mask).to_pylist()], pa.large_string())
    return text_buffers(pc.replace_with_mask(column, mask, lowered))
