"""Move the spans of kept documents together."""

from __future__ import annotations

import numpy as np

from dataprep.text.kernel import kernel
from dataprep.text.spans import Bools, Bytes, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve


@kernel
def _moved(
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
    mask: Bytes,
    old: Int64s,
    new: Int64s,
    to: tuple[Int32s, Int32s, UInt64s, Int64s],
) -> None:
    starts, ends, values, offsets = to
    k = 0
    kept = 0
    for d in range(mask.size):
        if not mask[d]:
            continue
        offsets[kept] = k
        shift = np.int32(new[kept] - old[d])
        a = first[d]
        n = first[d + 1] - a
        for j in range(n):
            starts[k + j] = start[a + j] + shift
            ends[k + j] = end[a + j] + shift
            values[k + j] = hashes[a + j]
        k += n
        kept += 1
    offsets[kept] = k


def moved(view: Spans, mask: Bools, old: Int64s, new: Int64s) -> Spans:
    """`spans.compact`."""
    flags = np.array(mask, np.uint8)
    room = int(np.diff(view.offsets)[flags != 0].sum())
    to = reserve(room, int(np.count_nonzero(flags)))
    _moved(view.start, view.end, view.hash, view.offsets, flags, old, new, (to.start, to.end, to.hash, to.offsets))
    return to


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    documents = len(text.offsets) - 1
    moved(reserve(0, documents), np.ones(documents, np.bool_), text.offsets, text.offsets)
