"""Look closely where the sweep stopped: which entity begins here, confirmed by check digits, ranges and surroundings.

Each recogniser is given the suspect pieces, a place in them and a way to read the text around it, and gives the span of
the entity in the text, or None. Only neighbours in the same piece are read in the pieces, so that the result does not
depend on where pieces are cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from dataprep.pii import checks
from dataprep.pii.shapes import (
    ANY_PHONE,
    API_KEY,
    CARD,
    CHINESE_LANDLINE,
    CHINESE_MOBILE,
    CN_ID,
    CREDENTIALS,
    EMAIL,
    IBAN,
    INTERNATIONAL,
    IPV4,
    IPV6,
    NORTH_AMERICAN,
    PRIVATE_KEY,
)

Span = tuple[int, int]
"""Begin and end, in bytes of the text column's buffer."""


class Place(NamedTuple):
    """Where to look."""

    pieces: bytes
    """Suspect pieces, folded, each followed by a line feed."""
    at: int
    """Index in `pieces`."""
    spot: Callable[[int], int]
    """Byte of the text at which a byte of the pieces begins."""
    around: Callable[[int, int, int], bytes]
    """(byte of the text, another of the same document or its end, n): the n bytes before the other one if n < 0, else
    those from it on; fewer at the document's ends."""

    def span(self, begin: int, end: int) -> Span:
        """Of the text, for part of the pieces."""
        return self.spot(begin), self.spot(end)

    def words_before(self, n: int) -> str:
        """The last n bytes before this place, lower case."""
        return self.near(self.at, -n).decode("utf-8", "ignore").lower()

    def words_after(self, end: int, n: int) -> str:
        """The n bytes after the pieces' index `end`, lower case."""
        return self.near(end, n).decode("utf-8", "ignore").lower()

    def near(self, index: int, n: int) -> bytes:
        """The n bytes of the document from an index of the pieces on, or -n before it."""
        return self.around(self.spot(self.at), self.spot(index), n)


_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_DIGITS = frozenset(b"0123456789")


_FACTOR_BEFORE = re.compile(rb"[0-9)]\*{1,2}$")
_FACTOR_AFTER = re.compile(rb"\*{1,2}[\w(]")


def _alone(pieces: bytes, begin: int, end: int) -> bool:
    """Does a number stand by itself here, and not in a longer number, a name, a decimal fraction, a path or a product?

    The patterns have looked at the character behind it.
    """
    if begin:
        left = pieces[begin - 1]
        if left in _WORD or left == 0x2B:
            return False
        if left in b".-" and begin > 1 and pieces[begin - 2] in _DIGITS:
            return False
        if left == 0x2F and not (begin > 1 and pieces[begin - 2] in _DIGITS):
            return False
    starred = begin > 0 and pieces[begin - 1] == 0x2A
    if starred != (pieces[end] == 0x2A):  # between stars it is set in bold type
        factor = (
            _FACTOR_BEFORE.search(pieces, max(0, begin - 3), begin) if starred else _FACTOR_AFTER.match(pieces, end)
        )
        if factor is not None:
            return False
    return not (pieces[end] in b".-" and pieces[end + 1] in _DIGITS)


# ---------------------------------------------------------------- keys


_KEY_END = re.compile(rb"(?:[^-]|-(?!-))*-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_REST = re.compile(rb"[A-Za-z0-9+/=\s\\,:\"-]*[A-Za-z0-9+/=]")
_KEY_BYTES = 1 << 16
_KEY_BODY = 40
"""Base64 characters of the shortest key: an Ed25519 key has 64."""


def private_key(place: Place) -> Span | None:
    """A PEM or PGP block up to its end line; if that is missing, as far as it looks like Base64."""
    found = PRIVATE_KEY.match(place.pieces, place.at)
    if found is None:
        return None
    begin, body = place.span(place.at, found.end())
    rest = place.near(found.end(), _KEY_BYTES)
    end = _KEY_END.match(rest) or _KEY_REST.match(rest.partition(b"-----")[0])
    if end is None or len(re.findall(rb"[A-Za-z0-9+/=]", end[0].partition(b"-----END")[0])) < _KEY_BODY:
        return None
    return begin, body + end.end()


_PLACEHOLDER = re.compile(
    rb"(?i)(?:[*x.]+|.{0,3}|(?:your|my|the|db|user)?[_-]?(?:pass|passwd|password|pwd|pw|secret|token|credentials?)"
    rb"|.*[${}\[\]].*|%[a-z_]+%?)"
)
"""Passwords of manuals: stars, three characters or fewer, the word itself, variables."""


def credentials(place: Place) -> Span | None:
    """`user:password` of a URL, without the `@`; not where the password only stands for one."""
    found = CREDENTIALS.match(place.pieces, place.at)
    if found is None or _PLACEHOLDER.fullmatch(found[2]):
        return None
    return place.span(found.start(1), found.end(1))


def api_key(place: Place) -> Span | None:
    """A key of a known shape with digits and letters in it; not the examples that manuals print."""
    found = API_KEY.match(place.pieces, place.at)
    if found is None:
        return None
    key = found[0]
    tail = key[-16:]
    if key.startswith(b"sk-") and (len(re.findall(rb"[0-9]", key)) < 3 or b"--" in key):
        return None  # names of style sheets: sk-folding-cube-animation
    if (tail.islower() and tail.isalpha()) or len(set(tail)) < 5 or b"EXAMPLE" in tail or b"xxxx" in tail.lower():
        return None
    return place.span(place.at, found.end())


# ---------------------------------------------------------------- addresses


_NO_HOST = re.compile(
    rb"(?i)(?:.*\.)?(?:example\.(?:com|net|org|edu|cn)|(?:[^.]+\.)*(?:example|test|invalid|localhost|local|internal"
    rb"|localdomain|lan|png|jpe?g|gif|webp|svg|ico|css|js|ts|jsx|tsx|vue|json|html?|xml|md|py|java|go|sh|yml|yaml|txt"
    rb"|log|zip|gz|jar|exe|dll|pdf|service))"
)
"""Names reserved for examples and private networks (RFC 2606, 6761, 6762), and file names: `icon@2x.png`."""


_MASKED = re.compile(rb"(?i)x{3,}@|[^@]+@(?:.*[.-])?x{3,}[.-]")
"""`xxxx@163.com`, `ubuntu@ec2-xx-xxx-xxx-xxx.amazonaws.com`."""
_RUN_ON = re.compile(rb".+\.[a-z]{2,24}(?=\.[A-Z][a-z]+$)")
"""A host and the next sentence, with no space between them: `mail.org.For`."""
_USER_OF_URL = re.compile(rb"://[^\s/?#@]*$")


def email(place: Place) -> Span | None:
    """An address with a host name; none of `example.com` and the like, and not the user of a URL or of a repository,
    `git@host`."""
    found = EMAIL.match(place.pieces, place.at)
    if found is None:
        return None
    local, host = found[1], found[2]
    end = found.end()
    sentence = _RUN_ON.match(host)
    if sentence is not None:
        host, end = sentence[0], found.start(2) + sentence.end()
    if local.lower() == b"git" or local.endswith(b".") or b".." in local or _NO_HOST.fullmatch(host):
        return None
    if _MASKED.match(found[0]):
        return None
    if any(label.startswith(b"-") or label.endswith(b"-") for label in host.split(b".")):
        return None
    if _USER_OF_URL.search(place.pieces, max(0, place.at - 160), place.at):
        return None
    return place.span(place.at, end)


_VERSION = re.compile(r"(?:\bv|\bver|version|release|build|firmware|driver|update|版本|版|固件|驱动)[号为是\W]{0,4}$")


def ip(place: Place) -> Span | None:
    """A public address; not a version number: after `version`, `v`, `版本`, or `Product/` as in user agents."""
    pieces, at = place.pieces, place.at
    left = pieces[at - 1] if at else 0x0A
    found = IPV4.match(pieces, at)
    if found is not None:
        if (left in b"./-" and at > 1 and pieces[at - 2] in _WORD) or not checks.public_ipv4(found.groups()):
            return None
    else:
        found = IPV6.match(pieces, at) if pieces[at + 4 : at + 5] == b":" else None
        if found is None or left in b":.":
            return None
        value = found[0]
        if not any(c in _DIGITS for c in value) or value.count(b":") < 2 or not checks.public_ipv6(value):
            return None
        return place.span(at, found.end())
    if _VERSION.search(place.words_before(16)):
        return None
    return place.span(at, found.end())


# ---------------------------------------------------------------- numbers


def iban(place: Place) -> Span | None:
    """An account number of a known country, in one piece or in groups of four."""
    pieces, at = place.pieces, place.at
    found = IBAN.match(pieces, at)
    if found is None:
        return None
    length = checks.IBAN_LENGTHS.get(found[0][:2].decode("ascii").upper())
    value = found[0].replace(b" ", b"")[:length].upper()
    if length is None or len(value) < length or sum(c in _DIGITS for c in value) < 7:
        return None
    end, left = at, length
    while left:
        left -= pieces[end] != 0x20
        end += 1
    if pieces[end] in _WORD or not checks.iban(value):
        return None
    return place.span(at, end)


def cn_id(place: Place) -> Span | None:
    """A Chinese resident ID of eighteen characters."""
    found = CN_ID.match(place.pieces, place.at)
    if found is None or not _alone(place.pieces, place.at, found.end()):
        return None
    value = found[0].replace(b" ", b"").replace(b"-", b"")
    return place.span(place.at, found.end()) if checks.chinese_id(value) else None


_CARD_SAID = re.compile(
    r"(?:\b(?:cards?|cc|visa|master ?card|amex)\b|卡号|信用卡|银行卡|储蓄卡|借记卡|卡號)[^0-9\n]{0,24}$"
)


def card(place: Place) -> Span | None:
    """A payment card number, in one piece or in groups; of an issuer nobody knows only next to a word that says so."""
    found = CARD.match(place.pieces, place.at)
    if found is None or not _alone(place.pieces, place.at, found.end()):
        return None
    value = found[0].replace(b" ", b"").replace(b"-", b"")
    if not checks.luhn(value) or len(set(value)) < 2:
        return None
    if not checks.issued(value) and not _CARD_SAID.search(place.words_before(48)):
        return None
    return place.span(place.at, found.end())


_SAID = re.compile(
    r"(?:\b(?:(?:tele)?phones?|tel|mobile|cell|fax|whatsapp|hotline|landline|desk|ph)\b[^0-9]{0,20}"
    r"|\b(?:call(?:ing|ed)?|reach(?:ed)?|ring|dial|text(?:ing|ed)?|answering|messages?|contact)\b[^0-9\n]{0,20}"
    r"\b(?:at|on|to|registered)[ :]{0,2}"
    r"|\b(?:call|dial)(?:ing|ling|ed|led)?[: ]{1,2}"
    r"|(?:电话|手机|座机|传真|热线|致电|拨打|電話|手機|傳真|撥打|联系方式)[^0-9\n]{0,8})$"
)
_SAID_AFTER = re.compile(r"[ ,;(/-]{0,2}(?:fax|office|mobile|cell|home|work|tel|phone)\b")
_DATE = re.compile(rb"(?:19|20)[0-9]{2}([-/. ])[0-9]{1,2}\1[0-9]{1,2}(?:[ -]|$)|[0-9]{1,2}([-/.])[0-9]{1,2}\2(?:19|20)")


def phone(place: Place) -> Span | None:
    """The longest phone number that begins here.

    By themselves: international numbers (`+` and a country code in use), North American ones in groups, Chinese
    mobiles, Chinese landlines with an area code. Any other grouping, 7 to 15 digits, only next to a word that says so.
    """
    pieces, at = place.pieces, place.at
    first = pieces[at]
    end = _north_american(pieces, at)
    if first in b"+(":
        end = max(end, _international(pieces, at))
    if first in b"+(018":
        end = max(end, _chinese(pieces, at))
    if end <= at:
        found = ANY_PHONE.match(pieces, at)
        end = found.end() if found is not None else at
        if end <= at or not _alone(pieces, at, end) or pieces.count(b"(", at, end) != pieces.count(b")", at, end):
            return None
        if _DATE.match(found[0]) or IPV4.match(pieces, at):  # type: ignore[index]
            return None
        if not (_SAID_AFTER.match(place.words_after(end, 12)) or _SAID.search(place.words_before(64))):
            return None
    return place.span(at, end)


def _international(pieces: bytes, at: int) -> int:
    found = INTERNATIONAL.match(pieces, at)
    if found is None or not _alone(pieces, at, found.end()):
        return 0
    if pieces.count(b"(", at, found.end()) != pieces.count(b")", at, found.end()):
        return 0
    digits = re.sub(rb"[^0-9]", b"", found[1].replace(b"(0)", b""))
    return found.end() if checks.e164(digits) else 0


def _north_american(pieces: bytes, at: int) -> int:
    found = NORTH_AMERICAN.match(pieces, at)
    if found is None or not _alone(pieces, at, found.end()):
        return 0
    prefix, bracketed, area, first, _, second = found.groups()
    if (bracketed or area)[1:] == b"11" or (area and first != second):
        return 0
    return 0 if area and first == b" " and not prefix else found.end()


def _chinese(pieces: bytes, at: int) -> int:
    found = CHINESE_MOBILE.match(pieces, at)
    if found is not None:
        if not _alone(pieces, at, found.end()):
            return 0
        number = int(re.sub(rb"[^0-9]", b"", found[0])[-11:])
        return 0 if number % (1 << 20) == 0 or number % 10**6 == 0 else found.end()  # sizes: 16 GiB is 17179869184
    found = CHINESE_LANDLINE.match(pieces, at)
    return found.end() if found is not None and _alone(pieces, at, found.end()) else 0


RECOGNISERS: dict[str, Callable[[Place], Span | None]] = {
    "private_key": private_key,
    "credentials": credentials,
    "api_key": api_key,
    "email": email,
    "cn_id": cn_id,
    "card": card,
    "iban": iban,
    "ip": ip,
    "phone": phone,
}
