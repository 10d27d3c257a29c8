"""Score documents by the length of their longest lines."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from dataprep.documents import Documents
from dataprep.stage import Example, Map


class C4ParagraphsScores(Map):
    """Score documents by the length of their third longest line, as C4's code does.

    Lines are what stands between `\\n`; white space counts. Chinese: Han characters count like all others.
    """

    prefix: str = "c4_paragraphs"
    """The column is called `<prefix>.paragraph_chars`: characters of the line; 0 if there are fewer lines."""
    paragraphs: Annotated[int, Field(ge=1, le=100)] = 3
    """Which of the longest lines; 3: the third."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "p"},
            {"text": ["One line.\nOne\nOne more line.\n\nOne line\n", "今天\n天气\n很好。", "a\nb", ""]},
            {"p.paragraph_chars": [8, 2, 0, 0]},
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        return {f"{self.prefix}.paragraph_chars": pa.int32()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.line_counts import nth_longest_line

        chars = nth_longest_line(docs.text, self.paragraphs)
        return {f"{self.prefix}.paragraph_chars": pa.array(chars.astype(np.int32))}
