"""Keep one copy of documents with equal text."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataprep.duplicates import Keep
from dataprep.stage import Composite, Example, Part


class ExactDedup(Composite):
    """Keep one of all documents with the same text, byte for byte or word for word, anywhere in the corpus.

    By default it is the first in the order of inputs (by relative path) and of records in them, whatever the number of
    workers. A document without text is never a duplicate: whether to drop it is a filter's decision. Texts are compared
    by a 128-bit hash; among 10^10 documents two different texts share one with probability below 10^-18.

    With `compare: words` texts are equal if their words are, in their order and in lower case: punctuation, white
    space, layout and symbols do not count, so it is for prose and not for code. Words are those of all other stages,
    taken as 64-bit hashes. In Chinese each Han character is a word: `你好，世界。` equals `你好 世界`; traditional and
    simplified characters, full-width and other letters stay different. A document without words is never a duplicate.

    The artefact `<name>.clusters` lists every cluster with its members. It is a barrier: all earlier stages finish
    first.

    Cost: one pass over the bytes at 4 GB/s, or over the words at 230 MB/s; 24 bytes a document on disk, 32 with
    `keep`; 28 bytes of memory for each document that has a copy, once.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"text": ["one", "two", "one"]}, [None, None, "duplicate"]),
        Example({}, {"text": ["同一篇文章。", "同一篇文章。", "另一篇。"]}, [None, "duplicate", None]),
        Example({}, {"text": ["", "", "One", "one"]}, [None, None, None, None]),
        Example(
            {"compare": "words"},
            {"text": ["One, two", "ONE TWO!", "two one", "你好，世界。", "你好 世界", "…", "…"]},
            [None, "duplicate", None, None, "duplicate", None, None],
        ),
        Example(
            {"compare": "words", "keep": "newest"},
            {"text": ["News.", "news", "News!"], "date": ["2023-05-01", "2024-05-01T08:00:00Z", None]},
            ["duplicate", None, "duplicate"],
        ),
    )

    compare: Literal["text", "words"] = "text"
    """What copies have in common: every byte of `text`, or its `words` in lower case."""
    keep: Keep = "first"
    """Which copy survives: `first` in the order of inputs, `longest` (bytes of text), `newest` (column `date`) or
    `best:COLUMN` (highest number). Equal ones, and ones without a value, are settled by order."""

    def expand(self, label: str) -> list[Part]:
        return [
            Part("exact_duplicates", {"compare": self.compare, "keep": self.keep}),
            Part("duplicate_clusters", {"of": label, "equal": True}, "clusters"),
            Part("duplicate", {"of": label}),
        ]
