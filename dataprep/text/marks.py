"""Which documents hold characters that need a second look: most hold none, and that is found out at over 1 GB/s."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataprep.text.blocks import lowest, odd64
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers
from dataprep.text.utf8 import code_point, width


class Marks(NamedTuple):
    """Marks of characters, to be looked up by `marked`."""

    of: Bytes
    """uint8[0x110000]: bits of each code point. Printable ASCII, `\\t` and `\\n` have none."""
    blocks: Bytes
    """uint8[1024]: whether any of the 64 characters from U+0040 * k on has one."""


def marks(of: Bytes) -> Marks:
    """`Marks` of a table; read-only. Raises ValueError for a mark on printable ASCII."""
    if of[0x20:0x7F].any() or of[0x09] or of[0x0A]:
        raise ValueError("printable ASCII can't be marked")
    blocks: Bytes = np.array(of[:0x10000].reshape(1024, 64).any(axis=1), np.uint8)
    for table in (of, blocks):
        table.setflags(write=False)
    return Marks(of, blocks)


@kernel
def _marked(offsets: Int64s, data: Bytes, of: Bytes, blocks: Bytes, out: Bytes) -> None:
    for d in range(offsets.size - 1):
        i: Int = offsets[d]
        stop = offsets[d + 1]
        found = np.uint8(0)
        base = i - 64  # of the 64 bytes whose odd ones `odd` has
        odd = np.uint64(0)
        while i < stop:
            b = data[i]
            # Han, Kana, Hangul: most blocks of 64 characters hold nothing marked.
            while 0xE0 <= b < 0xF0 and i + 3 < stop and not blocks[(b & 0x0F) << 6 | (data[i + 1] & 0x3F)]:
                i += 3
                b = data[i]
            if b >= 0x80:
                w = width(data, i, stop)
                found |= of[code_point(data, i, w)]
                i += w
                continue
            if i >= base + 64:
                if i + 64 > stop:
                    found |= of[b]
                    i += 1
                    continue
                base = i
                odd = odd64(data, i)
            rest = odd >> np.uint64(i - base)
            if rest == 0:
                i = base + 64
                continue
            i += lowest(rest)
            if data[i] < 0x80:
                found |= of[data[i]]
                i += 1
        out[d] = found


def marked(text: TextBuffers, table: Marks) -> Bytes:
    """uint8[documents]: the bits of all characters of each document together."""
    out = np.empty(len(text.offsets) - 1, np.uint8)
    _marked(text.offsets, text.data, table.of, table.blocks, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    marked(text, marks(np.zeros(0x110000, np.uint8)))
