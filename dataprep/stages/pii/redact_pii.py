"""Replace personal data in texts, and count what was found."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from dataprep import schema
from dataprep.documents import Documents
from dataprep.pii.actions import Action, key_check, read_key
from dataprep.pii.shapes import ENTITIES, Entity
from dataprep.stage import Example, Map

_ALL: dict[Entity, Action] = dict.fromkeys(ENTITIES, "replace")


class RedactPii(Map):
    """Replace personal data in `text` and count what was found, as `pii` describes it."""

    packages: ClassVar[tuple[str, ...]] = ("google-re2",)

    prefix: str = "pii"
    """Columns are called `<prefix>.<entity>` and `<prefix>.matches`."""
    actions: dict[Entity, Action] = _ALL
    """What to do with each entity; others are not looked for."""
    counted: tuple[Entity, ...] = ENTITIES
    """Entities that `<prefix>.matches` adds up."""
    key_file: str | None = None
    """File with the key of action `hash`."""
    key_variable: str | None = None
    """Environment variable with the key of action `hash`."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"actions": {"email": "replace", "phone": "mask"}},
            {"text": ["Mail a.b@mail.org or call +1 415 555 0132.", "电话：１３８１２３４５６７８，谢谢", "x"]},
            {
                "text": ["Mail <EMAIL> or call +* *** *** ****.", "电话：***********，谢谢", "x"],
                "pii.email": [1, 0, 0],
                "pii.phone": [1, 1, 0],
                "pii.matches": [2, 1, 0],
            },
        ),
    )

    @model_validator(mode="after")
    def _has_a_key(self) -> RedactPii:
        if "hash" in self.actions.values() and (self.key_file is None) == (self.key_variable is None):
            raise ValueError("action hash needs a key: give either key_file or key_variable")
        return self

    def secrets(self) -> dict[str, str]:
        return {"key": key_check(self._key)} if "hash" in self.actions.values() else {}

    @cached_property
    def _key(self) -> bytes:
        return read_key(self.key_file, self.key_variable)

    def gives(self) -> dict[str, pa.DataType | None]:
        counts = {f"{self.prefix}.{name}": pa.int32() for name in ("matches", *self.actions)}
        return {schema.TEXT: pa.large_string(), **counts}

    def tallies(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}.{entity}" for entity in self.actions)

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.pii.redaction import redact

        column, found = redact(docs.text, self.actions, self._key if self.secrets() else None)
        given: dict[str, Any] = {schema.TEXT: docs[schema.TEXT] if column is None else column}
        matches = np.zeros(len(docs), np.int32)
        for entity in self.actions:
            of_entity = found.document[found.entity == ENTITIES.index(entity)]
            count = np.bincount(of_entity, minlength=len(docs)).astype(np.int32)
            given[f"{self.prefix}.{entity}"] = pa.array(count)
            if entity in self.counted:
                matches += count
        given[f"{self.prefix}.matches"] = pa.array(matches)
        return given
