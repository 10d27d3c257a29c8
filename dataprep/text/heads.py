"""The first lines of each document, as a column of their own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers


@kernel
def _ends(offsets: Int64s, data: Bytes, lines: Int, most: Int, out: Int64s) -> None:
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = min(offsets[d + 1], i + most)
        left = lines
        while i < stop and left:
            left -= np.int64(data[i] == 0x0A)
            i += 1
        while i < offsets[d + 1] and data[i] & 0xC0 == 0x80:
            i += 1
        out[d] = i


@kernel
def _copy(offsets: Int64s, data: Bytes, ends: Int64s, out_offsets: Int64s, out: Bytes) -> None:
    n = np.int64(0)
    for d in range(ends.size):
        out_offsets[d] = n
        size = ends[d] - offsets[d]
        out[n : n + size] = data[offsets[d] : ends[d]]
        n += size
    out_offsets[ends.size] = n


def heads(text: TextBuffers, lines: int, most: int = 4096) -> pa.LargeStringArray:
    """The first `lines` lines of each document, at most about `most` bytes."""
    documents = len(text.offsets) - 1
    ends, offsets = np.empty(documents, np.int64), np.empty(documents + 1, np.int64)
    _ends(text.offsets, text.data, lines, most, ends)
    data = np.empty(int((ends - text.offsets[:-1]).sum()), np.uint8)
    _copy(text.offsets, text.data, ends, offsets, data)
    return pa.LargeStringArray.from_buffers(documents, pa.py_buffer(offsets), pa.py_buffer(data))


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    heads(text, 1)
