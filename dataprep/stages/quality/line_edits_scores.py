"""Take lines out of texts by rule, and count them by the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from dataprep import models, schema
from dataprep.documents import Documents
from dataprep.stage import Count, Example, Fraction, Map

if TYPE_CHECKING:
    from dataprep.text.spans import Int64s

Rule = Literal["upper_case", "numbers", "counter", "one_word", "navigation"]
_RULES: tuple[Rule, ...] = ("upper_case", "numbers", "counter", "one_word", "navigation")
ListName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class LineEditsScores(Map):
    """Take lines out of `text` by rule and count them, as `line_edits` describes it."""

    prefix: str = "line_edits"
    """Columns are called `<prefix>.<rule>`, `<prefix>.<list>` and `<prefix>.removed_word_ratio`."""
    remove: tuple[Rule, ...] = _RULES
    """Rules that remove lines."""
    phrases: dict[ListName, str] = {}  # noqa: RUF012
    """Lists of phrases that remove lines, by name."""
    upper_ratio: Fraction = 0.5
    """Most upper-case characters of a line kept."""
    one_word_characters: Count = 2
    """Longest line that is one word in scripts without spaces."""
    short_words: Count = 10
    """Longest line that counters and navigation may be."""

    paths: ClassVar[tuple[str, ...]] = ("phrases",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "MENU OF TODAY\nThe soup was warm.\n12:30\n3 likes\nHome\nSign in here",
                    "登录 | 注册\n今天的汤很热，我们喝了两碗。\n阅读 1234\n首页",
                    "",
                ]
            },
            {
                "text": ["The soup was warm.", "今天的汤很热，我们喝了两碗。", ""],
                "line_edits.upper_case": [1, 0, 0],
                "line_edits.numbers": [1, 0, 0],
                "line_edits.counter": [1, 1, 0],
                "line_edits.one_word": [1, 1, 0],
                "line_edits.navigation": [1, 1, 0],
                "line_edits.removed_word_ratio": [0.7333333492279053, 0.4285714328289032, 0.0],
            },
        ),
    )

    @model_validator(mode="after")
    def _names_differ(self) -> LineEditsScores:
        for name in self.phrases:
            if name in (*_RULES, "removed_word_ratio"):
                raise ValueError(f"phrases: '{name}' is a column of its own; choose another name")
        return self

    def files(self) -> dict[str, str]:
        from dataprep.lists.reading import by_language, entries

        found = {}
        for name, given in self.phrases.items():
            for code, path in by_language(given).items():
                entries(path)
                found[f"{name}/{code}" if code else name] = models.file_hash(path)
        return found

    def _names(self) -> tuple[str, ...]:
        return (*(rule for rule in _RULES if rule in self.remove), *self.phrases)

    def gives(self) -> dict[str, pa.DataType | None]:
        counts = {f"{self.prefix}.{name}": pa.int32() for name in self._names()}
        return {schema.TEXT: pa.large_string(), **counts, f"{self.prefix}.removed_word_ratio": pa.float32()}

    def tallies(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}.{name}" for name in self._names())

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.lists.boilerplate import COUNTER, NAVIGATION
        from dataprep.text.edited_lines import by_line, gather, measure, without_lines
        from dataprep.text.ratios import ratios

        lines, text = docs.lines, docs.text
        made = measure(lines, docs.words, text)
        alone = np.where(made.unspaced > 0, self.one_word_characters, 1)
        whole = (made.unspaced == 0) | (made.unspaced == made.words)
        met = {
            "upper_case": (made.upper > self.upper_ratio * made.characters),
            "numbers": (made.digits > 0) & (made.letters == 0),
            "one_word": (made.words > 0) & (made.words <= alone) & whole,
        }
        if {"counter", "navigation"} & set(self.remove):
            chosen = np.flatnonzero((made.words > 0) & (made.words <= self.short_words))
            short = gather(lines, text, chosen)
            for rule, pattern in (("counter", COUNTER), ("navigation", NAVIGATION)):
                met[rule] = np.zeros(len(lines.start), np.bool_)
                if rule in self.remove:
                    met[rule][chosen] = pc.match_substring_regex(short, pattern).to_numpy(zero_copy_only=False)
        document = np.repeat(np.arange(len(docs)), np.diff(lines.offsets))
        if self.phrases and len(lines.start):
            from dataprep.lists.keyword_sets import keywords
            from dataprep.text.phrases import count_phrases

            lists = keywords(self.phrases, (), "words", False)
            own = pc.index_in(docs.languages(), pa.array(lists.languages, pa.string())).fill_null(len(lists.languages))
            of_line = np.asarray(own, np.int32)[document]
            found = count_phrases(by_line(lines, text), lists.trie, lists.folding, lists.columns, of_line).matches
            met |= {name: found[n] > 0 for n, name in enumerate(self.phrases)}
        gone = np.zeros(len(lines.start), np.bool_)
        given: dict[str, pa.Array] = {}
        for name in self._names():
            hit = met.get(name, np.zeros_like(gone)) & ~gone
            gone |= hit
            given[f"{self.prefix}.{name}"] = pa.array(_sums(document, hit, len(docs)), pa.int32())
        removed = _sums(document, np.where(gone, made.words, 0), len(docs))
        share = ratios(removed, np.diff(docs.words.offsets))
        given[f"{self.prefix}.removed_word_ratio"] = pa.array(share, pa.float32())
        edited = without_lines(text, lines, gone) if gone.any() else docs[schema.TEXT]
        return {schema.TEXT: edited, **given}


def _sums(document: npt.NDArray[Any], values: npt.NDArray[Any], n: int) -> Int64s:
    return np.bincount(document, values, n).astype(np.int64)
