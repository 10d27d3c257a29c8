"""Read text again that was decoded in the wrong encoding: `schÃ¶n` becomes `schön`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map


class FixMojibake(Map):
    """Repair UTF-8 that was read as something else, by `ftfy.fix_encoding`. Used through `unicode_cleanup`.

    Only documents with a sequence that ftfy could take for mojibake are given to it: Chinese, Japanese, Korean, Arabic,
    ASCII and most English text passes at over 1 GB/s. What GBK made of UTF-8 (`浣犲ソ`) ftfy can't tell: it stays.
    """

    packages: ClassVar[tuple[str, ...]] = ("ftfy",)

    prefix: str = "unicode_cleanup"
    """The column is called `<prefix>.mojibake`: characters changed."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {"text": ["schÃ¶n, â€œgutâ€\x9d", "schön, “gut”", "ä½\xa0å¥½", "你好", ""]},
            {
                "text": ["schön, “gut”", "schön, “gut”", "你好", "你好", ""],
                "unicode_cleanup.mojibake": [14, 0, 6, 0, 0],
            },
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        return {schema.TEXT: pa.large_string(), f"{self.prefix}.mojibake": pa.int32()}

    def tallies(self) -> tuple[str, ...]:
        return (f"{self.prefix}.mojibake",)

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.mojibake import suspicious
        from dataprep.text.replaced import rewritten

        which = np.flatnonzero(suspicious(docs.text)).tolist()
        column, changed = rewritten(docs.text, which, _fixed)
        return {
            schema.TEXT: docs[schema.TEXT] if column is None else column,
            f"{self.prefix}.mojibake": pa.array(changed.astype(np.int32)),
        }


def _fixed(text: str) -> str:
    from ftfy import fix_encoding

    fixed: str = fix_encoding(text)
    return text if fixed == text else fixed.replace("\0", "")  # it reads C0 80 as NUL
