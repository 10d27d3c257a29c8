"""Which documents hold a literal: several GB/s, for one that is rare."""

from __future__ import annotations

import numpy as np

from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bools, Bytes, Int, Int64s, TextBuffers

_BLOCK = 512
"""Bytes looked at before it is asked whether there was anything: a loop without a way out is a vector loop."""


@inlined
def _is_at(data: Bytes, i: Int, literal: Bytes) -> bool:
    k = 0
    while k < literal.size and data[i + k] == literal[k]:
        k += 1
    return k == literal.size


@kernel
def _holding(offsets: Int64s, data: Bytes, literal: Bytes, out: Bools) -> None:
    size = literal.size
    second, last = min(1, size - 1), size - 1
    a, b, c = literal[0], literal[second], literal[last]
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = offsets[d + 1] - last
        while i < stop and not out[d]:
            end = min(i + _BLOCK, stop)
            near = np.uint8(0)
            for j in range(i, end):
                near |= np.uint8(data[j] == a) & np.uint8(data[j + second] == b) & np.uint8(data[j + last] == c)
            if near:
                for j in range(i, end):
                    out[d] |= _is_at(data, j, literal)
            i = end


def holding(text: TextBuffers, literal: bytes) -> Bools:
    """bool[documents]: which hold `literal`, which is not empty."""
    out = np.zeros(len(text.offsets) - 1, np.bool_)
    _holding(text.offsets, text.data, np.frombuffer(literal, np.uint8), out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    holding(text, b"One")
