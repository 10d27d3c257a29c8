"""Lines that are nothing but punctuation and spaces, as datatrove finds them, taken out of texts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.datatrove_marks import VISIBLE, marks
from dataprep.text.kernel import inlined, kernel
from dataprep.text.line_breaks import split_line_end
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers
from dataprep.text.tables import SPACE
from dataprep.text.utf8 import code_point, width


@inlined
def _only_signs(data: Bytes, i: Int, stop: Int, flags: Bytes, classes: Bytes) -> bool:
    """Is `data[i:stop]` punctuation of datatrove's and spaces, not white space alone?"""
    seen = False
    while i < stop:
        w: Int = np.int64(1)
        if data[i] != 0x20:
            w = width(data, i, stop)
            c = code_point(data, i, w)
            if flags[c] & VISIBLE:
                seen = False
                break
            seen |= classes[c] != SPACE
        i += w
    return seen


@kernel
def _copy(data: Bytes, a: Int, z: Int, first: bool, write: bool, out: Bytes, n: Int) -> Int:
    """Append `data[a:z]`, and a line feed before it if it is not the first; the new length."""
    if not first:
        if write:
            out[n] = 0x0A
        n += 1
    if write:
        out[n : n + z - a] = data[a:z]
    return n + z - a


@kernel
def _remove(
    offsets: Int64s,
    data: Bytes,
    flags: Bytes,
    classes: Bytes,
    new: Bytes,
    write: bool,
    out: Bytes,
    out_offsets: Int64s,
    removed: Int64s,
) -> Int:
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        out_offsets[d] = n
        i: Int = offsets[d]
        stop = offsets[d + 1]
        # `data[a:z]` are lines that stay, one after the other, and not yet copied.
        a: Int = np.int64(-1)
        z: Int = np.int64(-1)
        first = True
        inside = False
        gone = np.int64(0)
        while i < stop:
            line, size = split_line_end(data, i, stop)
            if _only_signs(data, i, line, flags, classes):
                gone += 1
                if not inside and new.size > 0:
                    if a >= 0:
                        n = _copy(data, a, z, first, write, out, n)
                        first = False
                        a = np.int64(-1)
                    n = _copy(new, np.int64(0), np.int64(new.size), first, write, out, n)
                    first = False
                inside = True
            else:
                inside = False
                if a >= 0 and i == z + 1 and data[z] == 0x0A:
                    z = line
                else:
                    if a >= 0:
                        n = _copy(data, a, z, first, write, out, n)
                        first = False
                    a = i
                    z = line
            i = line + size
        if a >= 0:
            n = _copy(data, a, z, first, write, out, n)
        removed[d] = gone
    out_offsets[offsets.size - 1] = n
    return n


def without_symbol_lines(text: TextBuffers, replacement: str) -> tuple[pa.LargeStringArray, Int64s]:
    """(the other lines of `str.splitlines`, joined by line feeds; int64[documents]: lines removed).

    `replacement`, unless it is empty, stands as one line where neighbouring lines were removed. Blank lines stay.
    """
    documents = len(text.offsets) - 1
    offsets, removed = np.empty(documents + 1, np.int64), np.empty(documents, np.int64)
    new = np.frombuffer(replacement.encode(), np.uint8)
    # Without a replacement nothing gets longer: each line feed stands for a line break.
    size = int(text.offsets[-1] - text.offsets[0])
    given = (text.offsets, text.data, marks(), tables.classes(), new)
    if replacement:
        size = int(_remove(*given, False, np.empty(0, np.uint8), offsets, removed))
    out = np.empty(size, np.uint8)
    size = int(_remove(*given, True, out, offsets, removed))
    return pa.LargeStringArray.from_buffers(documents, pa.py_buffer(offsets), pa.py_buffer(out[:size])), removed


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    without_symbol_lines(text, "")
