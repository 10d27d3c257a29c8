"""Redact a text column, or one text for people to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from dataprep.pii.actions import Action, hashed, mask, placeholder
from dataprep.pii.find import Found, find
from dataprep.pii.shapes import ENTITIES, Entity
from dataprep.text.spans import TextBuffers, text_buffers


def redact(
    text: TextBuffers, actions: Mapping[Entity, Action], key: bytes | None = None
) -> tuple[pa.LargeStringArray | None, Found]:
    """The column with every entity that has an action dealt with, None if nothing was found; and what was found.

    `key` is for action hash. Redacting twice changes nothing more.
    """
    found = find(text, actions)
    if not len(found.start):
        return None, found
    from dataprep.text.splice import splice

    new = []
    after = int(text.offsets[0])
    for start, end, number, document in _rows(found):
        entity = ENTITIES[number]
        action = actions[entity]
        if action == "replace":
            new.append(placeholder(entity))
        elif action == "remove":
            low, high = max(after, int(text.offsets[document])), int(text.offsets[document + 1])
            new.append(
                b" " if _would_join(text.data[low:start][-1:].tobytes(), text.data[end:high][:1].tobytes()) else b""
            )
        else:
            value = text.data[start:end].tobytes()
            if action == "mask":
                new.append(mask(value))
            else:
                assert key is not None
                new.append(hashed(entity, value, key))
        after = end
    return splice(text, found.start, found.end, new), found


def _rows(found: Found) -> Iterator[tuple[int, int, int, int]]:
    """What was found, row by row; few of them at a time as Python's integers, which are four times as large."""
    for first in range(0, len(found.start), _AT_A_TIME):
        yield from zip(*(column[first : first + _AT_A_TIME].tolist() for column in found), strict=True)


_AT_A_TIME = 1 << 12


def _would_join(left: bytes, right: bytes) -> bool:
    """Would what stood on both sides of something removed now run together?"""
    return left.isascii() and right.isascii() and left.strip() != b"" and right.strip() != b""


def redacted(text: str) -> str:
    """One text with a placeholder for everything found."""
    column, _ = redact(text_buffers(pa.array([text], pa.large_string())), dict.fromkeys(ENTITIES, "replace"))
    return text if column is None else str(column[0])
