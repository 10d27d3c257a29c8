"""Remove lines that are nothing but punctuation."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from dataprep.documents import Documents
from dataprep.editing import Editing
from dataprep.stage import Example


class SymbolLines(Editing):
    """Remove lines that are nothing but punctuation (`***`, `- - -`, `=====`), as SymbolLinesFormatter of datatrove
    0.10.1 does, byte for byte.

    Lines are those of Python's `str.splitlines`; those that stay are joined by line feeds, so other line breaks become
    one and a line break at the end goes, in every text. Blank lines stay. Removed lines are counted by language and
    source in the manifest.

    Made for web pages: Markdown loses its rules, its fences of code and the rules of its tables, code its lines of
    brackets.

    Punctuation is that of datatrove's list (`PUNCTUATION_SET` of its utils/text.py: ASCII's, stops of many scripts,
    controls but the tab) and the space. Chinese: `。。。`, `……`, `——`, `【】`, `、`, `《》`, `“”`, `～～～` and `━━━`
    are on the list, so is the full-width `１`, of all digits; `『』`, `〔〕`, `‘`, `·`, `•`, `★`, `─` and the
    full-width space are not: lines that hold one of them stay.
    """

    prefix: str = "symbol_lines"
    """The column is called `<prefix>.removed_lines`."""
    replace_char: Annotated[str, Field(max_length=16)] = ""
    """A line to put where neighbouring lines were removed, one for all of them; empty: none. datatrove: none."""

    removed: ClassVar[tuple[str, ...]] = ("removed_lines",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {"text": ["One.\n* * *\n\n=====\nTwo.", "今天天气很好。\n。。。……\n★★★\n『』", "***\r\nA\r\n", ""]},
            {
                "text": ["One.\n\nTwo.", "今天天气很好。\n★★★\n『』", "A", ""],
                "symbol_lines.removed_lines": [2, 1, 1, 0],
            },
        ),
        Example(
            {"prefix": "s", "replace_char": "§"},
            {"text": ["One.\n***\n---\nTwo.\n***\n\n***", "***"]},
            {"text": ["One.\n§\nTwo.\n§\n\n§", "§"], "s.removed_lines": [4, 1]},
        ),
    )

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.symbol_lines import without_symbol_lines

        return self.given(*without_symbol_lines(docs.text, self.replace_char))
