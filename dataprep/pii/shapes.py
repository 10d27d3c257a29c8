"""What personal data look like: exact patterns, and one for google-re2 that finds where one of them may match.

All work on suspect pieces (`text.suspects`): ASCII bytes with a line feed between pieces. `sweep` never backtracks,
whatever the text; an exact pattern is tried only where it matches, and its repeats are bounded.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal, NamedTuple, get_args

Entity = Literal["private_key", "credentials", "api_key", "email", "cn_id", "card", "iban", "ip", "phone"]
ENTITIES: tuple[Entity, ...] = get_args(Entity)
"""What is looked for. Of two that begin and end together the one named first is meant."""


class Key(NamedTuple):
    """One kind of API key, as its maker or the rules of secret scanners describe it."""

    prefix: bytes
    body: bytes
    min: int
    max: int


_WORD = rb"[A-Za-z0-9]"
_URL = rb"[A-Za-z0-9_-]"
_KEYS = (
    Key(rb"(?:AKIA|ASIA|ABIA|ACCA)", rb"[A-Z0-9]", 16, 16),  # Amazon Web Services
    Key(rb"gh[pousr]_", _WORD, 36, 251),  # GitHub
    Key(rb"github_pat_", rb"[A-Za-z0-9_]", 82, 82),
    Key(rb"glpat-", _URL, 20, 64),  # GitLab
    Key(rb"xox[abeprs]-", rb"[A-Za-z0-9-]", 12, 200),  # Slack
    Key(rb"AIza", _URL, 35, 35),  # Google
    Key(rb"ya29\.", _URL, 20, 400),
    Key(rb"sk-", _URL, 20, 200),  # OpenAI, Anthropic, DeepSeek
    Key(rb"[sr]k_(?:live|test)_", _WORD, 16, 200),  # Stripe
    Key(rb"hf_", _WORD, 34, 34),  # Hugging Face
    Key(rb"npm_", _WORD, 36, 36),
    Key(rb"pypi-", _URL, 50, 250),
    Key(rb"SG\.[A-Za-z0-9_-]{22}\.", _URL, 43, 43),  # SendGrid
    Key(rb"do[opr]_v1_", rb"[0-9a-f]", 64, 64),  # DigitalOcean
    Key(rb"shp(?:at|ca|pa|ss)_", rb"[0-9A-Fa-f]", 32, 32),  # Shopify
    Key(rb"LTAI", _WORD, 12, 26),  # Alibaba Cloud
    Key(rb"AKID", _WORD, 32, 32),  # Tencent Cloud
)
_TOKEN = rb"eyJ[A-Za-z0-9_-]{16,4000}+\.eyJ[A-Za-z0-9_-]{16,8000}+\.[A-Za-z0-9_-]{16,1000}"
"""JSON Web Token."""

API_KEY = re.compile(
    rb"(?:"
    + b"|".join([*(b"%b%b{%d,%d}" % (key.prefix, key.body, key.min, key.max) for key in _KEYS), _TOKEN])
    + rb")(?![\w-])"
)
EMAIL = re.compile(rb"([A-Za-z0-9_][A-Za-z0-9._%+-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.){1,8}([A-Za-z]{2,24}))(?![\w-])")
CREDENTIALS = re.compile(
    rb"[A-Za-z][A-Za-z0-9+.-]{1,19}://([^\s/?#@:\"'<>]{0,128}:([^\s/?#@\"'<>]{1,256}))@[A-Za-z0-9[]"
)
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
IPV4 = re.compile(rb"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?!\w|\.[0-9])")
IPV6 = re.compile(
    rb"(?:[0-9A-Fa-f]{4}(?::[0-9A-Fa-f]{1,4}){7}"
    rb"|[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{1,4}){0,5}::[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,5})(?!\w|:\w)"
)
"""Written out in full, or with `::` and then of 2000::/3, which is all that has been given out: in programs `::` stands
between names."""
IBAN = re.compile(rb"[A-Za-z]{2}[0-9]{2}(?:[A-Za-z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)")
CARD = re.compile(
    rb"(?:[0-9]{12,19}|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5})"
    rb"(?!\w)"
)
CN_ID = re.compile(rb"[1-9][0-9]{5}([ -]?)(?:18|19|20)[0-9]{6}\1[0-9]{3}[0-9Xx](?!\w)")

_EXTENSION = rb"(?: ?(?:x|#|ext(?:\. ?)?)[0-9]{1,6})?+(?![0-9a-z_])"  # a capital may be that of a word run on
INTERNATIONAL = re.compile(rb"\(?\+([0-9](?:[ ./()-]{0,2}[0-9]){6,16}+)" + _EXTENSION)
NORTH_AMERICAN = re.compile(
    rb"((?:\+?1|001)[ .-]?)?(?:\(([2-9][0-9]{2})\)[ -]?|([2-9][0-9]{2})([ .-]))([2-9][0-9]{2})([ .-])[0-9]{4}"
    + _EXTENSION
)
CHINESE_MOBILE = re.compile(
    rb"(?:\((?:\+|00)?86\)[ -]?|(?:\+|00)?86[ -]?)?(1(?:3[0-9]|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9]))"
    rb"([ -]?)[0-9]{4}\2[0-9]{4}(?![0-9a-z_])"
)
"""Prefixes in use, from the numbering plan of the Ministry of Industry and Information Technology."""
CHINESE_LANDLINE = re.compile(
    rb"(?:\((?:010|02[0-57-9]|0[3-9][0-9]{2})\) ?-?|(?:010|02[0-57-9]|0[3-9][0-9]{2})[ -])"
    rb"[2-8](?:[0-9]{6,7}|[0-9]{2,3}[ -][0-9]{4})(?:-[0-9]{1,5})?+(?![0-9a-z_])"
)
ANY_PHONE = re.compile(rb"\(?\+?\(?[0-9](?:[ ./()-]{0,2}[0-9]){6,14}+" + _EXTENSION)
"""Any digits in groups: a phone only where the text says so."""

_NUMBER = rb"(?:\(?\+?\(|\(?\+|\b)[0-9](?:[ ./()-]{0,2}[0-9]){6}"
"""Seven digits, each with at most two separators before it: phones, cards, resident IDs."""


@cache
def sweep() -> Any:
    """The pattern that matches wherever an exact one can, beginning there; compiled in 5 ms."""
    import re2

    shapes = [rb"\b" + key.prefix + key.body + b"{%d}" % min(key.min, 40) for key in _KEYS]
    shapes += [
        rb"\beyJ[A-Za-z0-9_-]{16}",  # unbounded, each of many tokens would be read to the end of the last one
        rb"\b[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9]",
        rb"\b[A-Za-z][A-Za-z0-9+.-]{1,19}://[^\s/?#@:\"'<>]*:[^\s/?#@\"'<>]+@",
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY",
        rb"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        rb"\b[0-9A-Fa-f]{4}(?::[0-9A-Fa-f]{1,4}){0,7}::?[0-9A-Fa-f]",
        rb"\b[A-Za-z]{2}[0-9]{2}(?:[A-Za-z0-9]{11}|(?: [A-Z0-9]{4}){2})",
        _NUMBER,
    ]
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return re2.compile(b"|".join(b"(?:" + shape + b")" for shape in shapes), options)
