"""Remove lines by the rules of C4 as datatrove has them, and score what is left."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.editing import Editing
from dataprep.stage import Count, Example


class C4LinesDatatrove(Editing):
    """Remove lines from `text`, and score the rest, as C4QualityFilter of datatrove 0.10.1 does, byte for byte.

    Lines are those of Python's `str.splitlines`, words those of `str.split`, sentences those of spaCy's sentencizer on
    its blank English pipeline. Lines are stripped and lose their citations, blank ones go. Each removed line is counted
    under the first rule that it fails. Chinese: as English, so lines that end with 。 are removed.
    """

    packages: ClassVar[tuple[str, ...]] = ("spacy",)

    prefix: str = "c4_quality"
    """Columns are called `<prefix>.<score>`."""
    longest_word_chars: Count | None = 1000
    """Longest word of a line that stays, in characters."""
    shortest_line_words: Count | None = 3
    """Fewest words of a line that stays; those of its citations count."""
    only_stopped_lines: bool = True
    """Remove lines that do not end with one of `. ? ! " '`, and those that end with `...`."""
    remove_citations: bool = True
    """Remove `[12]`, `[]`, `[edit]`, `[citation needed]` from the lines that stay."""
    remove_javascript_lines: bool = True
    """Remove lines that say javascript."""
    remove_policy_lines: bool = True
    """Remove lines about terms of use, privacy and cookies: six English phrases."""

    removed: ClassVar[tuple[str, ...]] = (
        "lines_long_word",
        "lines_without_stop",
        "lines_too_few_words",
        "lines_javascript",
        "lines_policy",
        "citations",
    )
    scores: ClassVar[tuple[str, ...]] = (
        "sentences",
        "lorem_ipsum_lines",
        "lorem_ipsum_lines_first",
        "curly_bracket_lines",
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "c"},
            {
                "text": [
                    "Home\nThe cat sat [1] on the mat. It slept.\nWe use cookies on this site.\nToo short.",
                    "Please enable Javascript for it.\nfunction() { return it.\nLorem ipsum dolor sit amet.",
                    "今天天气很好。",
                ]
            },
            {
                "text": [
                    "The cat sat  on the mat. It slept.",
                    "function() { return it.\nLorem ipsum dolor sit amet.",
                    "",
                ],
                "c.lines_long_word": [0, 0, 0],
                "c.lines_without_stop": [1, 0, 1],
                "c.lines_too_few_words": [1, 0, 0],
                "c.lines_javascript": [0, 1, 0],
                "c.lines_policy": [1, 0, 0],
                "c.citations": [1, 0, 0],
                "c.sentences": [2, 2, 0],
                "c.lorem_ipsum_lines": [0, 1, 0],
                "c.lorem_ipsum_lines_first": [0, 0, 0],
                "c.curly_bracket_lines": [0, 1, 0],
            },
        ),
    )

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text import datatrove_c4 as c4
        from dataprep.text.spacy_sentences import spacy_sentences
        from dataprep.text.spans import text_buffers

        edited, counts = c4.edited(
            docs.text,
            longest_word_chars=self.longest_word_chars,
            fewest_words=self.shortest_line_words,
            only_stopped=self.only_stopped_lines,
            cut_citations=self.remove_citations,
            without_javascript=self.remove_javascript_lines,
            without_policies=self.remove_policy_lines,
        )
        sentences = spacy_sentences(text_buffers(edited), np.ascontiguousarray(counts[:, c4.KEPT]))
        removed = (c4.LONG_WORD, c4.WITHOUT_STOP, c4.FEW_WORDS, c4.JAVASCRIPT, c4.POLICY, c4.CITATIONS)
        others = (c4.LOREM, c4.LOREM_FIRST, c4.CURLY)
        return self.given(
            c4.stripped(edited), *(counts[:, k] for k in removed), sentences, *(counts[:, k] for k in others)
        )
