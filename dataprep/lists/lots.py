"""A number drawn for each row by what it holds, not by chance: the same in every run, whatever the order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dataprep.text.spans import Floats, text_buffers


def lots(values: pa.Array, seed: int) -> Floats:
    """float64[rows] in [0, 1): the first 53 bits of XXH64 of each value, a text without nulls, with this seed.

    The rows below 0.1 are among those below 0.2: shares are nested.
    """
    from dataprep.text.hashes import xxh64

    hashes = xxh64(text_buffers(values.cast(pa.large_string())), seed)
    return np.asarray((hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53)
