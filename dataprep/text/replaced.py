"""A text column of which a few documents were rewritten by Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from dataprep.text.spans import Int64s, TextBuffers
from dataprep.text.splice import splice


def rewritten(
    text: TextBuffers, which: Iterable[int], rewrite: Callable[[str], str]
) -> tuple[pa.LargeStringArray | None, Int64s]:
    """(the column with `rewrite` of the documents `which`, None if all stay; int64[documents]: characters changed).

    Characters changed are those that differ place by place or, where the length differs, all from the first that
    differs to the last.
    """
    changed = np.zeros(len(text.offsets) - 1, np.int64)
    places: list[int] = []
    new: list[bytes] = []
    raw: memoryview = text.data.data
    for d in which:
        old = str(raw[text.offsets[d] : text.offsets[d + 1]], "utf-8")
        written = rewrite(old)
        if written != old:
            changed[d] = _difference(old, written)
            places.append(d)
            new.append(written.encode())
    if not places:
        return None, changed
    return splice(text, text.offsets[:-1][places], text.offsets[1:][places], new), changed


def _difference(old: str, new: str) -> int:
    if len(old) == len(new):
        return sum(a != b for a, b in zip(old, new, strict=True))
    short = min(len(old), len(new))
    first = next((k for k in range(short) if old[k] != new[k]), short)
    last = next((k for k in range(short - first) if old[-1 - k] != new[-1 - k]), short - first)
    return len(old) - first - last
