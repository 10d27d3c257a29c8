"""Words as `str.split` takes them: what stands between white space, signs and all."""

from __future__ import annotations

import numpy as np

from dataprep.text import tables
from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt64s, reserve, trim
from dataprep.text.tables import SPACE
from dataprep.text.utf8 import code_point, width


@kernel
def _split(
    offsets: Int64s, data: Bytes, classes: Bytes, start: Int32s, end: Int32s, hashes: UInt64s, first: Int64s
) -> None:
    k = 0
    for d in range(offsets.size - 1):
        first[d] = k
        i: Int = offsets[d]
        stop = offsets[d + 1]
        begin: Int = i
        while i < stop:
            b = data[i]
            w: Int = np.int64(1)
            space = False
            if b < 0x80:
                space = classes[b] == SPACE
            elif b < 0xE4:  # beyond U+3FFF there is no white space
                w = np.int64(width(data, i, stop))
                space = classes[code_point(data, i, w)] == SPACE
            if space:
                if i > begin:
                    start[k] = begin
                    end[k] = i
                    hashes[k] = hash_bytes(data, begin, i)
                    k += 1
                begin = i + w
            i += w
        if stop > begin:
            start[k] = begin
            end[k] = stop
            hashes[k] = hash_bytes(data, begin, stop)
            k += 1
    first[offsets.size - 1] = k


def split_words(text: TextBuffers) -> Spans:
    """The words of `str.split`, with the hash of their bytes."""
    documents = len(text.offsets) - 1
    room = (int(text.offsets[-1] - text.offsets[0]) + documents) // 2 + 1  # a word and what parts it from the next
    found = reserve(room, documents)
    _split(text.offsets, text.data, tables.classes(), *found)
    return trim(found)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    split_words(text)
