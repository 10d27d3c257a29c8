"""Remove lines by the rules of C4 as dolma has them, and score the text."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from dataprep.documents import Documents
from dataprep.editing import Editing
from dataprep.stage import Count, Example


class C4LinesDolma(Editing):
    """Remove lines from `text`, and score it, as tagger `c4_v2` and the mixer of dolma do (allenai/dolma 669f534,
    configs/c4-replication), byte for byte.

    Lines stand between `\\n`, blank ones too, and words between white space (`str.split`). A line goes with its line
    break; the others stay as they are, white space and all. Scores are of the whole text, removed lines among them.
    Chinese: as English, so lines that end with 。 are removed.
    """

    prefix: str = "c4_quality"
    """Columns are called `<prefix>.<score>`."""
    shortest_line_words: Count | None = 3
    """Fewest words of a line that stays."""
    only_stopped_lines: bool = True
    """Remove lines that do not end with one of `. ? ! "`; an ellipsis is a stop."""

    removed: ClassVar[tuple[str, ...]] = ("lines_without_stop", "lines_too_few_words")
    scores: ClassVar[tuple[str, ...]] = ("lorem_ipsum_lines", "javascript_lines", "curly_bracket_lines")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "c"},
            {
                "text": [
                    "Home\n The cat sat on the mat...\n\nToo short.\n",
                    "Please enable Javascript for it.\nfunction() { return\nLorem ipsum",
                    "今天天气很好。",
                ]
            },
            {
                "text": [" The cat sat on the mat...\n", "Please enable Javascript for it.\n", ""],
                "c.lines_without_stop": [3, 2, 1],
                "c.lines_too_few_words": [1, 0, 0],
                "c.lorem_ipsum_lines": [0, 1, 0],
                "c.javascript_lines": [0, 1, 0],
                "c.curly_bracket_lines": [0, 1, 0],
            },
        ),
    )

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text import dolma_c4 as c4

        edited, counts = c4.edited(
            docs.text, fewest_words=self.shortest_line_words, only_stopped=self.only_stopped_lines
        )
        wanted = (c4.WITHOUT_STOP, c4.FEW_WORDS, c4.LOREM, c4.JAVASCRIPT, c4.CURLY)
        return self.given(edited, *(counts[:, k] for k in wanted))
