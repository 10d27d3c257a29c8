"""Put other bytes in place of spans of a text column, in one copy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers


@kernel
def _splice(
    offsets: Int64s,
    data: Bytes,
    start: Int64s,
    end: Int64s,
    new: Bytes,
    bounds: Int64s,
    out_offsets: Int64s,
    out: Bytes,
) -> Int:
    at = offsets[0]
    n = np.int64(0)
    k = 0
    for d in range(offsets.size - 1):
        out_offsets[d] = n
        stop = offsets[d + 1]
        while k < start.size and start[k] < stop:
            size = start[k] - at
            out[n : n + size] = data[at : start[k]]
            n += size
            size = bounds[k + 1] - bounds[k]
            out[n : n + size] = new[bounds[k] : bounds[k + 1]]
            n += size
            at = end[k]
            k += 1
        size = stop - at
        out[n : n + size] = data[at:stop]
        n += size
        at = stop
    out_offsets[offsets.size - 1] = n
    return n


def splice(text: TextBuffers, start: Int64s, end: Int64s, new: list[bytes]) -> pa.LargeStringArray:
    """The column with `new[k]`, valid UTF-8, for bytes `start[k]:end[k]`.

    Spans are absolute in `text.data`, in order, do not overlap, hold at least one byte and lie each in one document.
    Several GB/s.
    """
    bounds = np.zeros(len(new) + 1, np.int64)
    np.cumsum([len(piece) for piece in new], out=bounds[1:])
    size = int(text.offsets[-1] - text.offsets[0] - (end - start).sum() + bounds[-1])
    offsets, data = np.empty(len(text.offsets), np.int64), np.empty(size, np.uint8)
    joined = np.frombuffer(b"".join(new), np.uint8)
    n = _splice(text.offsets, text.data, start, end, joined, bounds, offsets, data)
    assert n == size, (n, size)
    return pa.LargeStringArray.from_buffers(len(text.offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    none = np.zeros(0, np.int64)
    splice(text, none, none, [])
