"""Where lines end as Python's `str.splitlines` has it."""

from __future__ import annotations

import numpy as np

from dataprep.text.blocks import line_break64, lowest
from dataprep.text.kernel import inlined
from dataprep.text.spans import Bytes, Int


@inlined
def split_line_end(data: Bytes, i: Int, stop: Int) -> tuple[Int, Int]:
    """(Where the line at `i` ends, bytes of the line break there), as `str.splitlines` has it; (stop, 0) at the end."""
    size: Int = np.int64(0)
    while i < stop and size == 0:
        if i + 64 <= data.size:
            skip = lowest(line_break64(data, i))
            i += skip
            if skip == 64:
                continue
            if i >= stop:
                break
        b = data[i]
        if b == 0x0D:
            size = np.int64(2 if i + 1 < stop and data[i + 1] == 0x0A else 1)
        elif 0x0A <= b <= 0x0C or 0x1C <= b <= 0x1E:
            size = np.int64(1)
        elif b == 0xC2 and i + 1 < stop and data[i + 1] == 0x85:
            size = np.int64(2)
        elif b == 0xE2 and i + 2 < stop and data[i + 1] == 0x80 and (data[i + 2] == 0xA8 or data[i + 2] == 0xA9):
            size = np.int64(3)
        else:
            i += 1
    return min(i, stop), size
