"""Wikipedia's citations in a line: where they are, and the line without them."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

from dataprep.text.blocks import bracket64, lowest
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int32s, TextBuffers
from dataprep.text.utf8 import code_point, width


class Marks(NamedTuple):
    """What a bracket may hold to be a citation, besides decimal digits of any script or nothing."""

    digits: Bytes
    """uint8[0x110000]: 1 for what `\\d` matches, decimal digits of any script."""
    data: Bytes
    bounds: Int32s
    """int32[marks + 1]: mark k, brackets and all, is `data[bounds[k]:bounds[k + 1]]`."""


@cache
def _digits() -> Bytes:
    table = np.zeros(0x110000, np.uint8)
    table[[c for c in range(0x20000) if unicodedata.category(chr(c)) == "Nd"]] = 1
    table.setflags(write=False)
    return table


@cache
def marks(names: tuple[str, ...]) -> Marks:
    """`[name]` for each name."""
    forms = [f"[{name}]".encode() for name in names]
    bounds = np.cumsum([0, *map(len, forms)]).astype(np.int32)
    return Marks(_digits(), np.frombuffer(b"".join(forms), np.uint8), bounds)


@kernel
def brackets_in(data: Bytes, i: Int, stop: Int) -> Int:
    """1 if there is a `[` in `data[i:stop]`, plus 2 if there is a `{`."""
    found = 0
    while i < stop:
        if i + 64 <= data.size:
            skip = lowest(bracket64(data, i))
            i += skip
            if skip == 64:
                continue
            if i >= stop:
                break
        if data[i] == 0x5B:
            found |= 1
        elif data[i] == 0x7B:
            found |= 2
        i += 1
    return found


@kernel
def _citation_end(data: Bytes, i: Int, stop: Int, digits: Bytes, names: Bytes, bounds: Int32s) -> Int:
    """Where the citation that begins at the `[` at `i` ends: `[12]`, `[]` or a mark; else `i`."""
    j = i + 1
    while j < stop:
        w = width(data, j, stop)
        if not digits[code_point(data, j, w)]:
            break
        j += w
    if j < stop and data[j] == 0x5D:
        return j + 1
    for k in range(bounds.size - 1):
        size = np.int64(bounds[k + 1] - bounds[k])
        if i + size > stop:
            continue
        n = np.int64(0)
        while n < size and data[i + n] == names[bounds[k] + n]:
            n += 1
        if n == size:
            return i + size
    return i


@kernel
def without_citations(
    data: Bytes, i: Int, stop: Int, digits: Bytes, names: Bytes, bounds: Int32s, out: Bytes, n: Int
) -> tuple[Int, Int]:
    """Copy `data[i:stop]` to `out[n:]` without citations; (the new length, citations left out)."""
    cut: Int = np.int64(0)
    while i < stop:
        if data[i] == 0x5B:
            end = _citation_end(data, i, stop, digits, names, bounds)
            if end > i:
                i = end
                cut += 1
                continue
        out[n] = data[i]
        n += 1
        i += 1
    return n, cut


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    end = np.int64(text.offsets[-1])
    brackets_in(text.data, np.int64(0), end)
    without_citations(text.data, np.int64(0), end, *marks(("edit",)), np.empty(int(end), np.uint8), np.int64(0))
