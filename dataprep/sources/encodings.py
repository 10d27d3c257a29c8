"""Bytes to text: what a page declares, corrected by what its bytes say."""

from __future__ import annotations

import codecs
import re

MAX_BAD = 0.01
"""Share of U+FFFD and control characters above which bytes are no text. Real pages with a few broken bytes stay far
below; images and archives served as HTML are at 0.1 and more."""

# WHATWG labels whose meaning on the web is wider than the name says (https://encoding.spec.whatwg.org/#names-and-labels);
# Python's codecs of the same name reject what browsers accept.
_WEB = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "johab": "cp949",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "utf-16": "utf-16-le",
    "utf-8-sig": "utf-8",
}
_LABELS = {
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "gb_2312": "gb18030",
    "chinese": "gb18030",
    "x-x-big5": "big5hkscs",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "windows-949": "cp949",
    "windows-874": "cp874",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "x-cp1250": "cp1250",
    "x-mac-cyrillic": "mac_cyrillic",
    "macintosh": "mac_roman",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
    "unicode": "utf-16-le",
    "ucs-2": "utf-16-le",
}
# Single-byte charsets: (almost) every byte fits, so that fitting proves nothing.
_SINGLE = re.compile(r"cp125|cp[478]|iso8859|koi8|mac_|kz1048|ptcp154|tis_620")
# What a page is in that declares an ISO charset and has letters where that has control characters.
_WINDOWS = {
    "iso8859-2": "cp1250",
    "iso8859-4": "cp1257",
    "iso8859-5": "cp1251",
    "iso8859-6": "cp1256",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-13": "cp1257",
}

_META = re.compile(rb"<meta[^>]{0,512}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.\-]+)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml[^>]{0,256}?encoding\s*=\s*[\"']([A-Za-z0-9_:.\-]+)", re.IGNORECASE)
_PRESCAN = 4096
"""Bytes searched for a declaration; browsers stop at 1024, archived pages often have scripts before it."""
_DETECT = 128 << 10
"""Bytes looked at where an encoding must be detected."""
_HIGH = re.compile(rb"[\x80-\xff]+")
_CONTROLS = bytes(b for b in (*range(32), 127) if b not in b"\t\n\v\f\r\x1b")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Letters, digits and punctuation of nearly all text. UTF-16 in the wrong byte order rarely falls into them.
_USUAL = re.compile(
    "[\t\n\r\x20-\x7e\xa0-\u024f\u0370-\u06ff\u0900-\u097f\u0e00-\u0e7f\u2010-\u203a\u3000-\u30ff"
    "\u4e00-\u9fff\uac00-\ud7a3\uff00-\uff5e]"
)
# Never in text: what decoding with a wrong charset leaves (C1 controls, private use, U+FFFD).
_ODD = re.compile("[\x80-\x84\x86-\x9f\ue000-\uf8ff\ufffd]")


def codec_name(label: str | None) -> str | None:
    """The Python codec for a charset label as browsers understand it; None for an unknown one."""
    if not label:
        return None
    known = _LABELS.get(label.strip().strip("\"'").lower())
    if known is None:
        try:
            found = codecs.lookup(label.strip().strip("\"'"))
        except (LookupError, UnicodeError):
            return None
        # `hex`, `rot13` and the like are codecs too, but not of text.
        known = found.name if found._is_text_encoding else None
    if known is None or known in ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"):
        return None
    return _WEB.get(known, known)


def to_utf8(body: bytes, http_charset: str | None = None, *, is_html: bool) -> tuple[bytes, str] | None:
    """(UTF-8, Python codec the bytes were in); None if they are no text.

    In this order: byte-order mark; UTF-16 by its zero bytes; escape sequences of ISO-2022; valid UTF-8; the HTTP
    charset; the XML declaration or `meta`; detection. A declaration that the bytes contradict is passed over: one that
    leaves undecodable or impossible characters; a single-byte charset (many servers send one by default) where a
    multi-byte one is declared in the page or detected, and fits; Latin-1 for words wholly of accented letters. Bytes
    that stay undecodable become U+FFFD, zero bytes are dropped. Not detected: ISO-8859-15 against windows-1252, and
    HZ, when not declared; a wrong declaration of one Latin charset for another (1252 for 1250), or of a multi-byte one
    that fits by accident (GBK for EUC-JP).

    Cost: valid UTF-8 is checked and not converted, about 1 GB/s; everything else is decoded two or three times.
    """
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return _encoded(body[len(mark) :].decode(codec, "replace"), codec)
    if b"\0" in body[:_DETECT] and (wide := _wide(body)):
        return _encoded(body.decode(wide, "replace"), wide)
    # One byte is looked for much faster than two.
    if b"\x1b" in body and b"\x1b$" in body[:_DETECT] and (found := _detected(body)) and found.startswith("iso2022"):
        return _encoded(body.decode(found, "replace"), found)
    if body.isascii():
        if b"~{" in body[:_DETECT] and "hz" in _declared(body, http_charset, is_html) and _fits(body, "hz"):
            return _encoded(body.decode("hz"), "hz")
        return _checked(body, "utf-8", 0)
    if _fits(body, "utf-8"):
        return _checked(body, "utf-8", body.count(b"\xef\xbf\xbd"))
    return _legacy(body, _declared(body, http_charset, is_html))


def _declared(body: bytes, http_charset: str | None, is_html: bool) -> list[str]:
    labels = [http_charset]
    if is_html:
        head = body[:_PRESCAN]
        labels.extend(m[1].decode("ascii") for m in (_XML.match(head), _META.search(head)) if m)
    names = [name for label in labels if (name := codec_name(label))]
    # A page whose declaration is read as ASCII is not UTF-16 (HTML standard, "prescan a byte stream").
    return [name for name in dict.fromkeys(names) if not name.startswith(("utf-16", "utf-32"))]


def _legacy(body: bytes, declared: list[str]) -> tuple[bytes, str] | None:
    """Text that is not valid UTF-8."""
    detected = _detected(body)
    several = [c for c in (*declared, detected) if c and not _SINGLE.match(c) and c != "utf-8"]
    proven = next((c for c in several if _odd(body, c) == 0), None)
    best: tuple[float, int, str] | None = None
    siblings = [_WINDOWS[c] for c in declared if c in _WINDOWS]
    tried = [*declared, *siblings, *([detected] if detected else []), "cp1252"]
    for rank, codec in enumerate(dict.fromkeys(tried)):
        if _SINGLE.match(codec) and proven and (proven in declared or _ample(body)):
            continue
        # Latin letters with accents stand alone between others; whole words of them are Cyrillic or Greek.
        if codec == "cp1252" and detected and detected != codec and _in_runs(body):
            continue
        odd = _odd(body, codec)
        if odd <= 0.02:
            return _encoded(body.decode(codec, "replace"), codec)
        if best is None or (odd, rank) < best[:2]:
            best = (odd, rank, codec)
    codec = best[2] if best else proven or "cp1252"
    return _encoded(body.decode(codec, "replace"), codec)


def _odd(body: bytes, codec: str) -> float:
    """Impossible characters as a share of the bytes above 0x7F, if the bytes were in this codec."""
    sample = body[:_DETECT]
    # The cut may fall inside a character.
    high = sum(len(run) for run in _HIGH.findall(sample)) or 1
    odd = len(_ODD.findall(sample.decode(codec, "replace")))
    return max(0, odd - (len(sample) < len(body))) / high


def _detected(body: bytes) -> str | None:
    from resiliparse.parse.encoding import detect_encoding

    # Not `html5_compatible`: that names Korean and HZ "utf-8", as browsers leave them out of detection.
    return codec_name(detect_encoding(body, _DETECT, html5_compatible=False))


def _in_runs(body: bytes) -> bool:
    """Whether bytes above 0x7F come in runs, as in CJK text, and not one by one between letters."""
    runs = [len(run) for run in _HIGH.findall(body[:_DETECT])]
    return sum(n for n in runs if n > 1) >= 0.8 * sum(runs)


def _ample(body: bytes) -> bool:
    """Whether there is enough to trust a detected multi-byte encoding over a declared single-byte one."""
    return sum(len(run) for run in _HIGH.findall(body[:_DETECT])) >= 32 or _in_runs(body)


def _wide(body: bytes) -> str | None:
    """The byte order of UTF-16 without a mark; None if the bytes are something else with zeros in it."""
    if len(body) < 64 and len(body) % 2:
        return None
    sample = body[: min(8192, len(body) & ~1)]
    # ASCII letters in pairs are Han in UTF-16, so stray zeros in a page must not count as evidence. UTF-16 of other
    # scripts can be valid UTF-8 too, but is full of control bytes.
    controls = len(sample) - len(sample.translate(None, _CONTROLS)) - sample.count(0)
    if sample.count(0) * 5 < len(sample) and controls * 50 < len(sample) and _fits(sample, "utf-8", whole=False):
        return None
    best, score = None, 0.9
    for codec in ("utf-16-le", "utf-16-be"):
        text = sample.decode(codec, "replace")
        usual = len(_USUAL.findall(text)) / max(1, len(text))
        if usual > score:
            best, score = codec, usual
    return best


def _fits(body: bytes, codec: str, *, whole: bool = True) -> bool:
    try:
        if whole:
            body.decode(codec)
        else:
            codecs.getincrementaldecoder(codec)().decode(body)
    except UnicodeDecodeError:
        return False
    return True


def _encoded(text: str, codec: str) -> tuple[bytes, str] | None:
    return _checked(text.encode("utf-8", "replace"), codec, text.count("\ufffd"))


def _checked(data: bytes, codec: str, bad: int) -> tuple[bytes, str] | None:
    """None for bytes that are no text: images and archives that were served as text."""
    bad += len(data) - len(data.translate(None, _CONTROLS))
    if bad > 8 and bad > MAX_BAD * len(data):
        return None
    return data.replace(b"\0", b"") if b"\0" in data else data, codec
