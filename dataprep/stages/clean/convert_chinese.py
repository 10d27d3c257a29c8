"""Convert Chinese between traditional and simplified characters."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map

if TYPE_CHECKING:
    from dataprep.text.marks import Marks

_CHINESE = ("zh", "yue", "wuu")
_CONFIGS = {"simplified": "t2s", "traditional": "s2t"}
_HAN = ((0x2E80, 0x2FDF), (0x3000, 0x303F), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_IN_PHRASES = "么俱哩坏彷沈甦瞭藉衹覆"
"""What `t2s` of OpenCC 1.4.2 changes in some phrases and never alone: 沉 in 深沈, 借 in 藉口."""


class ConvertChinese(Map):
    """Convert Chinese documents by OpenCC, phrases first, then characters. Used through `unicode_cleanup`.

    Documents whose `language` is `zh`, `yue` or `wuu`. To simplified, those without a traditional character are not
    looked at: over 1 GB/s; others some MB/s. Words of Taiwan or Hong Kong stay (`軟體` becomes `软体`, not `软件`).
    """

    packages: ClassVar[tuple[str, ...]] = ("OpenCC",)

    to: Literal["simplified", "traditional"] = "simplified"
    """The characters wanted."""
    prefix: str = "unicode_cleanup"
    """The column is called `<prefix>.chinese`: characters changed."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {"text": ["漢字與電腦，乾坤", "汉字", "漢字", "深沈"], "language": ["zh", "zh", "ja", "zh"]},
            {"text": ["汉字与电脑，乾坤", "汉字", "漢字", "深沉"], "unicode_cleanup.chinese": [4, 0, 0, 1]},
        ),
        Example({"to": "traditional"}, {"text": ["头发发现"], "language": ["zh"]}, {"text": ["頭髮發現"]}),
    )

    def needs(self) -> tuple[str, ...]:
        return (schema.LANGUAGE,)

    def gives(self) -> dict[str, pa.DataType | None]:
        return {schema.TEXT: pa.large_string(), f"{self.prefix}.chinese": pa.int32()}

    def tallies(self) -> tuple[str, ...]:
        return (f"{self.prefix}.chinese",)

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.marks import marked
        from dataprep.text.replaced import rewritten

        config = _CONFIGS[self.to]
        chinese = np.asarray(pc.is_in(docs[schema.LANGUAGE], pa.array(_CHINESE)))
        which = np.flatnonzero(chinese)
        if len(which):
            which = np.flatnonzero(chinese & (marked(docs.text, _changing(config)) > 0))
        column, changed = rewritten(docs.text, which.tolist(), _converter(config).convert if len(which) else str)
        return {
            schema.TEXT: docs[schema.TEXT] if column is None else column,
            f"{self.prefix}.chinese": pa.array(changed.astype(np.int32)),
        }


@cache
def _converter(config: str) -> Any:
    from opencc import OpenCC

    return OpenCC(config)


@cache
def _changing(config: str) -> Marks:
    """Marks of characters without which OpenCC changes nothing; for `s2t`, whose phrases change more, of all Han."""
    from dataprep.text.marks import marks

    table = np.zeros(0x110000, np.uint8)
    for first, last in _HAN:
        table[first : last + 1] = 1
    if config == "t2s":
        han = [chr(c) for first, last in _HAN for c in range(first, last + 1)]
        alone = _converter(config).convert("\n".join(han)).split("\n")
        table[[ord(a) for a, b in zip(han, alone, strict=True) if a == b]] = 0
        table[[ord(c) for c in _IN_PHRASES]] = 1
    return marks(table)
