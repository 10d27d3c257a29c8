"""Keep one copy of documents with equal text."""

from __future__ import annotations

from typing import ClassVar

from dataprep.stage import Composite, Example, Part


class ExactDedup(Composite):
    """Keep the first of all documents with the same text, byte for byte, anywhere in the corpus.

    First means the order of inputs (by relative path) and of records in them, whatever the number of workers. A
    document without text is never a duplicate: whether to drop it is a filter's decision. Texts are compared by a
    128-bit hash; among 10^10 documents two different texts share one with probability below 10^-18. It is a barrier:
    all earlier stages finish first. Language plays no part.

    Cost: one pass over the bytes at several GB/s, 25 bytes a document on disk, 16 bytes a duplicate in `finish`.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, {"text": ["one", "two", "one"]}, [None, None, "duplicate"]),
        Example({}, {"text": ["同一篇文章。", "同一篇文章。", "另一篇。"]}, [None, "duplicate", None]),
        Example({}, {"text": ["", "", "One", "one"]}, [None, None, None, None]),
    )

    def expand(self, label: str) -> list[Part]:
        return [Part("exact_duplicates", {}), Part("duplicate", {"of": label})]
