"""Shares of counts without division by zero."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dataprep.text.spans import Floats, Int64s


def ratios(part: Int64s | Floats, whole: Int64s) -> npt.NDArray[np.float32]:
    """float32[documents]: `part / whole`, 0 where `whole` is 0. Never NaN."""
    return (part / np.maximum(whole, 1) * (whole > 0)).astype(np.float32)


def exact_ratios(part: Int64s, whole: Int64s) -> Floats:
    """float64[documents]: the same as Python divides whole numbers: for bounds that must fall as another system's."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole != 0)
