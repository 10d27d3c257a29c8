"""Drop documents by the value of any column."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from dataprep.documents import Documents
from dataprep.stage import LANGUAGE_CODE, Config, Example, Filter

Value = StrictBool | StrictInt | StrictStr
_TYPES: Final[dict[pa.DataType, type]] = {
    pa.string(): str,
    pa.large_string(): str,
    pa.bool_(): bool,
    **dict.fromkeys((pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()), int),
}
"""What single values of a column are in YAML."""
_DEFECTS: Final = ("missing", "too_low", "too_high", "not_listed", "listed")


class Bounds(Config):
    """Bounds that hold in one language instead of the plain ones."""

    min: float | None = None
    """Least value kept."""
    max: float | None = None
    """Greatest value kept."""


class Threshold(Filter):
    """Drop documents by the value of one column: a score of an earlier stage or what the source knew of them.

    Numbers by `min` and `max`, both kept; texts, whole numbers and truth values by `any_of` and `none_of`. It compares
    columns, so thresholds can change without scoring again; datatrove's `FastTextClassifierFilter`, which drops by the
    score of a label, is a classifier stage and this one. Several rules are several stages: name them with `as:`. In
    Chinese, and in every language, it does the same, unless `languages` has bounds for it.
    """

    compares: ClassVar[bool] = True

    column: Annotated[str, Field(min_length=1)]
    """The column to look at: `quality.hq`, `gopher_quality.words`, `licence`."""
    min: float | None = None
    """Least number kept."""
    max: float | None = None
    """Greatest number kept."""
    any_of: tuple[Value, ...] = ()
    """Values that are kept, all others are dropped."""
    none_of: tuple[Value, ...] = ()
    """Values that are dropped."""
    keep_missing: bool = True
    """Keep documents in which the column is null."""
    languages: dict[Annotated[str, Field(pattern=f"^{LANGUAGE_CODE.pattern}$")], Bounds] = {}  # noqa: RUF012
    """Other bounds, by value of the `language` column: `{zh: {min: 0.3}}`; one that is left out stays, `null` means
    none."""
    reason: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = None
    """The defect. Default: `too_low`, `too_high`, `not_listed`, `listed` or `missing`, whichever it is."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"column": "quality.hq", "min": 0.5, "keep_missing": False, "languages": {"zh": {"min": 0.3}}},
            {"quality.hq": [0.5, 0.4, 0.4, None], "language": ["en", "en", "zh", "zh"]},
            [None, "too_low", None, "missing"],
        ),
        Example(
            {"column": "language", "any_of": ["en", "zh"], "reason": "other_language"},
            {"language": ["en", "fr", None, "zh"]},
            [None, "other_language", None, None],
        ),
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Threshold:
        if self.any_of and self.none_of:
            raise ValueError("any_of and none_of: give one of them")
        if self._numbers() and (self.any_of or self.none_of):
            raise ValueError("min and max are of numbers, any_of and none_of of single values; give one kind")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min: is above max, so nothing would be kept")
        if not self._numbers() and not self.any_of and not self.none_of and self.keep_missing:
            raise ValueError("bounds nothing; give min, max, any_of, none_of or `keep_missing: false`")
        return self

    def needs(self) -> tuple[str, ...]:
        return (self.column,)

    def defects(self) -> tuple[str, ...]:
        return (self.reason,) if self.reason else _DEFECTS

    def misfit(self, columns: pa.Schema) -> str | None:
        kind = columns.field(self.column).type
        if self.any_of or self.none_of:
            given = self.any_of or self.none_of
            return next((f"column '{self.column}' holds {kind}; no value of it is {v!r}" for v in given
                         if type(v) is not _TYPES.get(kind)), None)  # fmt: skip
        if self._numbers() and not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return f"column '{self.column}' holds {kind}, no numbers; give any_of or none_of"
        return None

    def _numbers(self) -> bool:
        return self.min is not None or self.max is not None or bool(self.languages)

    def reasons(self, docs: Documents) -> pa.StringArray:
        values = docs[self.column]
        why = np.zeros(len(docs), np.int8)
        if listed := self.any_of or self.none_of:
            found = np.asarray(pc.is_in(values, pa.array(listed, values.type)))
            why[~found if self.any_of else found] = 4 if self.any_of else 5
        elif self._numbers():
            numbers = np.asarray(values.cast(pa.float64(), safe=False).fill_null(0))
            # A bound is rounded as the score was: a float32 score of 3 in 10 is not above 0.3.
            kind = values.type.to_pandas_dtype() if pa.types.is_floating(values.type) else np.float64
            why[numbers > self._bounds("max", np.inf, docs).astype(kind)] = 3
            why[numbers < self._bounds("min", -np.inf, docs).astype(kind)] = 2
        why[np.asarray(values.is_null(nan_is_null=True))] = 0 if self.keep_missing else 1
        names = [self.reason] * len(_DEFECTS) if self.reason else _DEFECTS
        return pa.array((None, *names), pa.string()).take(pa.array(why))

    def _bounds(self, name: Literal["min", "max"], off: float, docs: Documents) -> npt.NDArray[np.float64]:
        """The bound for each document."""
        plain = getattr(self, name)
        own = [getattr(b, name) if name in b.model_fields_set else plain for b in self.languages.values()]
        values = np.array([off if bound is None else bound for bound in (plain, *own)])
        which = pc.index_in(docs.languages(), pa.array(list(self.languages), pa.string())).fill_null(-1)
        return np.asarray(values[np.asarray(which) + 1])
