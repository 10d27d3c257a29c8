"""What to put in the place of personal data: a placeholder, stars, nothing, or a keyed hash."""

from __future__ import annotations

import hmac
import os
import re
from functools import cache
from pathlib import Path
from typing import Literal

from dataprep.errors import UsageError

Action = Literal["replace", "mask", "remove", "hash"]

KEY_BYTES = 32
"""Fewest bytes of a key: as many as the hash has."""

PLACEHOLDERS = {
    "private_key": "<PRIVATE_KEY>",
    "credentials": "<CREDENTIALS>",
    "api_key": "<API_KEY>",
    "email": "<EMAIL>",
    "cn_id": "<CN_ID>",
    "card": "<CARD>",
    "iban": "<IBAN>",
    "ip": "<IP_ADDRESS>",
    "phone": "<PHONE>",
}
"""Stable, in angle brackets as BigCode's corpora have them (`<EMAIL>`, `<IP_ADDRESS>`); nothing is found in them."""

_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")
_HIDDEN = re.compile(r"[^\W_]")


@cache
def placeholder(entity: str) -> bytes:
    """`<EMAIL>`."""
    return PLACEHOLDERS[entity].encode()


def mask(value: bytes) -> bytes:
    """A star for each letter and digit, nothing revealed; punctuation and spaces keep the shape: `***-****`."""
    return _HIDDEN.sub("*", value.decode("utf-8")).encode()


def hashed(entity: str, value: bytes, key: bytes) -> bytes:
    """`<EMAIL:hgfedcbaponmlkji>`: 64 bits of HMAC-SHA256 in letters `a` to `p`, since digits could be found again.

    Equal values have equal hashes however they are written: full-width forms are folded, case does not matter, and of
    numbers only digits and letters count.
    """
    from dataprep.text.suspects import fold_text  # loads numba

    plain = fold_text(value).lower()
    if entity not in ("email", "credentials", "api_key", "ip"):
        plain = re.sub(rb"[^0-9a-z]", b"", plain)
    digest = hmac.digest(key, entity.encode() + b":" + plain, "sha256")
    return b"%b:%b>" % (placeholder(entity)[:-1], digest[:8].hex().encode().translate(_LETTERS))


def read_key(file: str | None, variable: str | None) -> bytes:
    """The key of `hashed`, from a file (white space at its end does not count) or an environment variable.

    Raises UsageError, which never holds the key, if it is missing or too short.
    """
    if file is not None:
        where = f"key file {file}"
        try:
            key = Path(file).read_bytes().rstrip()
        except OSError as error:
            raise UsageError(
                f"{where}: {error.strerror}; make one: head -c 32 /dev/urandom | base64 > {file}"
            ) from None
    else:
        assert variable is not None
        where = f"environment variable {variable}"
        if variable not in os.environ:
            raise UsageError(f"{where} is not set; it must hold the key of action hash, {KEY_BYTES} bytes or more")
        key = os.environb[variable.encode()].rstrip()
    if len(key) < KEY_BYTES:
        raise UsageError(f"{where}: the key has {len(key)} bytes; a key of action hash needs {KEY_BYTES} or more")
    return key


def key_check(key: bytes) -> str:
    """Tells keys apart: 16 hex digits of a hash under the key. Whoever would guess keys can test them on any hash in
    the corpus as well, so nothing is given away."""
    return hmac.digest(key, b"dataprep: which key is this", "sha256")[:8].hex()
