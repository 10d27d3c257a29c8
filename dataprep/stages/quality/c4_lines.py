"""Remove lines by the rules of C4, in most scripts, and score what is left."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.editing import Editing
from dataprep.stage import Count, Example


class C4Lines(Editing):
    """Remove lines from `text`, and score the rest, as `c4_quality` describes it.

    Lines are non-blank and lose the white space and the citations in them; they are joined by line feeds, so blank ones
    go. Each removed line is counted under the first rule that it fails. `sentences` are those of the lines that stay.
    """

    prefix: str = "c4_quality"
    """Columns are called `<prefix>.<score>`."""
    longest_word_chars: Count | None = 1000
    """Longest word of a line that stays, in characters; Chinese, Japanese, Thai and other letters of scripts without
    spaces are in no word."""
    shortest_line_words: Count | None = 3
    """Fewest words of a line that stays; those of its citations count."""
    shortest_line_characters: Count | None = 5
    """The same for lines of which most words are single characters: Chinese, Thai, Lao, Burmese, Khmer."""
    only_stopped_lines: bool = True
    """Remove lines that do not end as sentences do, and those that end with an ellipsis."""
    remove_citations: bool = True
    """Remove `[12]`, `[]`, `[edit]`, `[citation needed]`, `[编辑]`, `[来源请求]` from the lines that stay."""
    remove_javascript_lines: bool = True
    """Remove lines that say javascript."""
    remove_policy_lines: bool = True
    """Remove lines about terms of use, privacy and cookies, in English and Chinese."""

    removed: ClassVar[tuple[str, ...]] = (
        "lines_long_word",
        "lines_without_stop",
        "lines_too_few_words",
        "lines_javascript",
        "lines_policy",
        "citations",
    )
    scores: ClassVar[tuple[str, ...]] = ("lorem_ipsum_lines", "curly_bracket_lines", "sentences")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "c"},
            {
                "text": [
                    "Home\nThe cat sat [1] on the mat. It slept.\n\nWe use cookies on this site.\nToo short.",
                    "Please enable Javascript for it.\nfunction() { return it.\nLorem ipsum dolor sit amet.",
                    "首页\n今天天气很好，[3]我们去公园。他睡了。\n好的。\n使用本站即同意隐私政策。\n他说得很长……",
                ]
            },
            {
                "text": [
                    "The cat sat  on the mat. It slept.",
                    "function() { return it.\nLorem ipsum dolor sit amet.",
                    "今天天气很好，我们去公园。他睡了。",
                ],
                "c.lines_long_word": [0, 0, 0],
                "c.lines_without_stop": [1, 0, 2],
                "c.lines_too_few_words": [1, 0, 1],
                "c.lines_javascript": [0, 1, 0],
                "c.lines_policy": [1, 0, 1],
                "c.citations": [1, 0, 1],
                "c.lorem_ipsum_lines": [0, 1, 0],
                "c.curly_bracket_lines": [0, 1, 0],
                "c.sentences": [2, 2, 2],
            },
        ),
    )

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text import prose_lines as prose
        from dataprep.text.sentences import sentences
        from dataprep.text.spans import text_buffers

        edited, counts = prose.edited(
            docs.text,
            docs.lines,
            docs.words,
            longest_word_chars=self.longest_word_chars,
            fewest_words=self.shortest_line_words,
            fewest_unspaced_words=self.shortest_line_characters,
            only_stopped=self.only_stopped_lines,
            cut_citations=self.remove_citations,
            without_javascript=self.remove_javascript_lines,
            without_policies=self.remove_policy_lines,
        )
        wanted = (prose.LONG_WORD, prose.WITHOUT_STOP, prose.FEW_WORDS, prose.JAVASCRIPT, prose.POLICY, prose.CITATIONS,
                  prose.LOREM, prose.CURLY)  # fmt: skip
        left = np.diff(sentences(text_buffers(edited)).offsets)
        return self.given(edited, *(counts[:, k] for k in wanted), left)
