"""Drop documents whose scores are out of bounds."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep.documents import Documents
from dataprep.stage import Config, Example, Filter


class Rule(Config):
    """One bound on one score."""

    column: str
    """The score, a number; null where the rule does not apply: such rows are kept."""
    min: float | None = None
    """Least value kept."""
    max: float | None = None
    """Greatest value kept."""
    reason: str
    """The defect of a row out of bounds."""
    exclusive: bool = False
    """The bound itself is dropped too."""
    languages: dict[str, float | None] = Field(default_factory=dict)
    """Other bounds, by value of the `language` column; null: no bound."""


class Thresholds(Filter):
    """Drop documents whose scores are out of bounds. The first rule missed, in the order given, names the reason.

    Only compares columns, so a bound can change without scoring again. Works the same in every language except for
    the bounds that a rule gives for one.
    """

    compares: ClassVar[bool] = True

    rules: tuple[Rule, ...]
    """What to compare. A rule has either `min` or `max`, and `languages` change that bound."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"rules": [{"column": "words", "min": 3, "reason": "too_few_words", "languages": {"zh": 1, "ja": None}}]},
            {"words": [2, 3, 2, 0, None, 0], "language": ["en", "en", "zh", "zh", "en", "ja"]},
            ["too_few_words", None, None, "too_few_words", None, None],
        ),
    )

    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rule.column for rule in self.rules))

    def defects(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rule.reason for rule in self.rules))

    def reasons(self, docs: Documents) -> pa.StringArray:
        first = np.full(len(docs), len(self.rules), np.int32)
        for k in reversed(range(len(self.rules))):
            first[_missed(self.rules[k], docs)] = k
        names = pa.array([rule.reason for rule in self.rules], pa.string())
        return names.take(pa.array(first, mask=first == len(self.rules)))


def _missed(rule: Rule, docs: Documents) -> npt.NDArray[np.bool_]:
    scores = docs[rule.column]
    known = ~np.asarray(scores.is_null()) if scores.null_count else np.True_
    values = np.asarray(scores.fill_null(0) if scores.null_count else scores)
    # A bound is rounded as the score was: a float32 score of 3 in 10 is not above 0.3.
    kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    upper = rule.min is None and rule.max is not None
    off = np.inf if upper else -np.inf
    plain = rule.max if upper else rule.min
    bounds = np.array([off if plain is None else plain], kind)
    if rule.languages:
        own = [off if bound is None else bound for bound in rule.languages.values()]
        which = pc.index_in(docs.languages(), pa.array(list(rule.languages), pa.string())).fill_null(len(own))
        bounds = np.array([*own, bounds[0]], kind)[np.asarray(which)]
    beyond = values > bounds if upper else values < bounds
    return known & (beyond | (values == bounds) if rule.exclusive else beyond)
