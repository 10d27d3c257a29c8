"""Signs that betray pages which are no prose: number signs and ellipses."""

from __future__ import annotations

import numpy as np

from dataprep.text.blocks import ellipsis_lead64, full_stop64, lowest, number_sign64, ones
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers


@inlined
def _ellipsis_at(data: Bytes, i: Int, stop: Int) -> bool:
    return bool(i + 3 <= stop and data[i] == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA6)


@kernel
def _count(offsets: Int64s, data: Bytes, hashes: Int64s, ellipses: Int64s) -> None:
    for d in range(offsets.size - 1):
        i = offsets[d]
        stop = offsets[d + 1]
        found = np.int64(0)
        signs = np.int64(0)
        dots = 0
        while i < stop:
            if i + 64 <= stop:
                signs += ones(number_sign64(data, i))
                marks = full_stop64(data, i) | ellipsis_lead64(data, i)
                last = i + 64
            else:
                marks = np.uint64(0)
                last = stop
                for j in range(i, stop):
                    b = data[j]
                    signs += np.int64(b == 0x23)
                    if b in (0x2E, 0xE2):
                        marks |= np.uint64(1) << np.uint64(j - i)
            while marks != 0:
                j = i + lowest(marks)
                marks &= marks - np.uint64(1)
                if data[j] == 0x2E:
                    # a run goes on only if the byte before was counted in it; a document begins a new one
                    dots = dots + 1 if j > offsets[d] and data[j - 1] == 0x2E else 1
                    if dots == 3:
                        found += 1
                        dots = 0
                elif _ellipsis_at(data, j, stop):
                    found += 1
            i = last
        hashes[d] = signs
        ellipses[d] = found


def count_hash_and_ellipsis(text: TextBuffers) -> tuple[Int64s, Int64s]:
    """(int64[documents], int64[documents]): how often `#` occurs, and `...` (not overlapping) or `…`."""
    documents = len(text.offsets) - 1
    hashes, ellipses = np.empty(documents, np.int64), np.empty(documents, np.int64)
    _count(text.offsets, text.data, hashes, ellipses)
    return hashes, ellipses


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    count_hash_and_ellipsis(text)
