"""Where a share of a corpus's scores lies: what `score_quantiles` writes and any stage reads.

A quantile is a value that occurs, never an interpolation. Of n values and a fraction p, `least` is the smallest value v
such that at least p*n values are <= v (none below p = 0: the minimum), `above` the smallest such that more than p*n
are: the two differ only where p*n is whole, and `above` then starts the upper part. So at p = 0.3 the values < `above`
are the lowest 30 % or, where values are equal, fewer; at p = 0.9 the values >= `above` are the highest 10 %, or more.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema

QUANTILES: Final = "quantiles.json"
EVERY: Final = "*"
"""Stands for all languages together."""


class Quantile(NamedTuple):
    """The values that cut one list of values at one fraction."""

    least: float
    """At least `p * n` of the values are <= this one, and fewer are < it."""
    above: float
    """More than `p * n` of the values are <= this one, at most `p * n` are < it; at p = 1 the maximum."""


class Quantiles(NamedTuple):
    """The values of one column, of one language or of all."""

    n: int
    """How many values there are; at least 1."""
    at: dict[float, Quantile]
    """By fraction."""


def quantiles(values: npt.NDArray[np.float64], at: tuple[float, ...]) -> Quantiles:
    """Of at least one value, none of them NaN. Puts `values` in another order."""
    n = len(values)
    ranks = [_ranks(p, n) for p in at]
    values.partition(sorted({rank for pair in ranks for rank in pair}))
    cuts = [Quantile(float(values[a]), float(values[b])) for a, b in ranks]
    return Quantiles(n, dict(zip(at, cuts, strict=True)))


def _ranks(p: float, n: int) -> tuple[int, int]:
    """Places of `least` and `above` in the sorted values. A fraction is the decimal number that was written."""
    exact = Fraction(str(p)) * n
    return max(0, -(-exact.numerator // exact.denominator) - 1), min(n - 1, exact.numerator // exact.denominator)


def write(folder: Path, found: dict[str, Quantiles]) -> None:
    """Write the file of an artefact. Languages in order of their names."""
    value = {
        language: {"n": some.n, "at": [[p, *cut] for p, cut in some.at.items()]}
        for language, some in sorted(found.items())
    }
    (folder / QUANTILES).write_text(json.dumps(value, indent=1, allow_nan=True) + "\n")


def load(artefact: Path) -> dict[str, Quantiles]:
    """What the artefact in this folder, `docs.artefacts[label]`, says: by language, `*` for all together.

    Empty if no document had a value.
    """
    value: dict[str, Any] = json.loads((artefact / QUANTILES).read_text())
    return {
        language: Quantiles(some["n"], {p: Quantile(least, above) for p, least, above in some["at"]})
        for language, some in value.items()
    }


def cuts(
    found: dict[str, Quantiles],
    fraction: float,
    languages: pa.Array,
    which: Literal["least", "above"],
    *,
    by_language: bool,
    min_documents: int = 1,
) -> npt.NDArray[np.float64]:
    """float64[rows]: where each row's values are cut at this fraction, which the artefact must have.

    By language, or where a language has fewer than `min_documents` values, or `by_language` is off, by all of them. NaN
    if there is no value at all.
    """
    if EVERY not in found:
        return np.full(len(languages), np.nan)
    plain = getattr(found[EVERY].at[fraction], which)
    own = {k: some for k, some in found.items() if by_language and k != EVERY and some.n >= min_documents}
    if not own:
        return np.full(len(languages), plain)
    values = np.array([*(getattr(some.at[fraction], which) for some in own.values()), plain], np.float64)
    names = pc.fill_null(languages, schema.UNDETERMINED)
    which_row = np.asarray(pc.index_in(names, pa.array(list(own), pa.string())).fill_null(len(own)))
    return np.asarray(values[which_row])
