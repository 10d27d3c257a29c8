"""Keep files under allowed licences."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Filter

_KEYS = ("licence", "license")


class Licence(Filter):
    """Keep files whose licence is allowed.

    The licence is a column called `licence` or `license`, or that key of `metadata`: a name, an SPDX expression
    (`MIT OR GPL-3.0-only` is allowed if one part is, `MIT AND GPL-3.0-only` if both are), or a list of them, of which
    each must be allowed. Case, spaces, `-`, `_` and `.` do not matter; `bsd` allows every licence that begins so:
    `BSD-3`, `BSD 3-Clause`, `Apache-2.0` for `apache`. The same in every language.
    """

    allow: Annotated[tuple[str, ...], Field(min_length=1)] = ("apache", "bsd", "mit")
    """Licences allowed. Default: LLaMA's (Touvron et al. 2023, section 2.1, GitHub)."""
    keep_unknown: bool = False
    """Keep files without a licence."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {"licence": ["MIT", "BSD-3", "Apache License 2.0", "GPL-3.0", "MIT OR GPL-2.0", "MIT AND GPL-2.0", None]},
            [None, None, None, "licence_not_allowed", None, "licence_not_allowed", "no_licence"],
        ),
        Example(
            {"allow": ["isc"], "keep_unknown": True},
            {"metadata": ['{"license":"ISC"}', '{"license":["ISC","MIT"]}', "{}", None]},
            [None, "licence_not_allowed", None, None],
        ),
    )

    def defects(self) -> tuple[str, ...]:
        return ("licence_not_allowed", "no_licence")

    def reasons(self, docs: Documents) -> pa.StringArray:
        return pa.array([self._reason(names) for names in _licences(docs)], pa.string())

    def _reason(self, names: tuple[str, ...]) -> str | None:
        if not names:
            return None if self.keep_unknown else "no_licence"
        return None if all(_allowed(name, self.allow) for name in names) else "licence_not_allowed"


def _licences(docs: Documents) -> list[tuple[str, ...]]:
    for key in _KEYS:
        if key in docs:
            return [_names(value) for value in docs[key].to_pylist()]
    if schema.METADATA not in docs:
        return [()] * len(docs)
    return [_names(_value(held)) for held in docs[schema.METADATA].to_pylist()]


def _value(held: str | None) -> Any:
    import orjson

    values = orjson.loads(held) if held else {}
    return next((values[key] for key in _KEYS if values.get(key)), None)


def _names(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(name.strip() for name in values if isinstance(name, str) and name.strip())


@cache
def _allowed(expression: str, allow: tuple[str, ...]) -> bool:
    """Whether an SPDX expression is; brackets only group what AND, which binds closer, would join anyway."""
    if re.search(r"\sOR\s", expression, re.I):
        return any(_allowed(part, allow) for part in re.split(r"\sOR\s", expression, flags=re.I))
    if re.search(r"\sAND\s", expression, re.I):
        return all(_allowed(part, allow) for part in re.split(r"\sAND\s", expression, flags=re.I))
    name = _plain(expression)
    return any(name.startswith(_plain(one)) for one in allow)


def _plain(name: str) -> str:
    return re.sub(r"^the|[^a-z0-9]", "", name.strip("() ").lower().removeprefix("the "))
