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


def rounded(values: Floats, digits: int) -> Floats:
    """float64[documents]: what Python's `round(value, digits)` gives for each, digits at most 15."""
    unit = 10.0**digits
    scaled = values * unit
    out = np.rint(scaled) / unit
    # Half a unit is told from a little more or less by Python only.
    for d in np.flatnonzero(np.abs(np.abs(scaled - np.rint(scaled)) - 0.5) <= 4 * np.spacing(np.abs(scaled) + 1)):
        out[d] = round(float(values[d]), digits)
    return out
