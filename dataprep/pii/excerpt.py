"""The beginning of a text for people to look at, with nothing in it that is personal or looks like it."""

from __future__ import annotations

import re

from dataprep.pii.redaction import redacted

CHARACTERS = 400
WINDOW_BYTES = 16 * CHARACTERS
"""Of a text's beginning, enough for an excerpt: four bytes a character, and what `excerpt` takes off the end."""
_UNSURE = 600
"""Characters at the end of a window in which something may begin that it cuts off."""

_ADDRESS = re.compile(r"[\w.+-]+[@＠][\w.-]*")
_NUMBER = re.compile(r"\+?\d[\d\s().:-]{5,}\d")
_TOKEN = re.compile(r"[A-Za-z0-9_+/=-]{24,}")


def excerpt(beginning: bytes, *, whole: bool) -> str:
    """At most `CHARACTERS` of a text's first `WINDOW_BYTES` bytes, on one line; `whole` says that they are all of it.

    Excerpts are passed round, so more is masked than any corpus would lose: after everything `pii` finds, whatever has
    an `@`, all long numbers and all long runs of letters and digits.
    """
    shown = redacted(beginning.decode("utf-8", "ignore"))
    if not whole:
        shown = shown[:-_UNSURE]
    short = " ".join(shown.split())[: 2 * CHARACTERS]
    short = _TOKEN.sub("<token>", _NUMBER.sub("<number>", _ADDRESS.sub("<address>", short)))
    return short[:CHARACTERS]
