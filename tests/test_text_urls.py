"""Normal forms of URLs equal their definition, in plain Python, on every odd URL, and are their own normal form."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odd_text import buffers, documents

from dataprep.text.lower_case import lower_case
from dataprep.text.punycode import LABEL_BYTES, from_punycode
from dataprep.text.urls import normalised

DROPPED = ("utm_*", "gclid", "SPM")

CASES = [
    # scheme, host, port
    ("http://example.org/", "http://example.org/"),
    ("https://example.org/", "http://example.org/"),
    ("HTTPS://WWW.Example.ORG/Path", "http://www.example.org/Path"),
    ("http://example.org", "http://example.org/"),
    ("http://example.org:80/", "http://example.org/"),
    ("https://example.org:443", "http://example.org/"),
    ("https://example.org:/a", "http://example.org/a"),
    ("https://example.org:00443/a", "http://example.org/a"),
    ("http://example.org:08080/a", "http://example.org:8080/a"),
    ("http://example.org:800/a", "http://example.org:800/a"),
    ("http://example.org:80443/a", "http://example.org:80443/a"),
    ("http://example.org:port/a", "http://example.org:port/a"),
    ("http://example.org./", "http://example.org./"),
    # IPv6, IPv4, users
    ("http://[2001:DB8::1]:80/a", "http://[2001:db8::1]/a"),
    ("http://[::1]:8080", "http://[::1]:8080/"),
    ("http://[::1]", "http://[::1]/"),
    ("http://192.168.0.1:80/", "http://192.168.0.1/"),
    ("http://User:Secret@Example.org:80/", "http://User:Secret@example.org/"),
    ("http://a@b@Example.org/", "http://a@b@example.org/"),
    ("http://@example.org/", "http://example.org/"),
    # international hosts
    ("http://xn--fiqs8s/", "http://中国/"),
    ("http://中国/", "http://中国/"),
    ("https://www.xn--FSQU00A.xn--0ZWM56D:443/", "http://www.例子.测试/"),
    ("http://BÜCHER.example/", "http://bücher.example/"),
    ("http://xn--bcher-kva.example", "http://bücher.example/"),
    ("http://xn--n3h.net/", "http://☃.net/"),
    ("http://xn--/a", "http://xn--/a"),
    ("http://xn--abc-/a", "http://xn--abc-/a"),
    ("http://xn--99999999/", "http://xn--99999999/"),
    ("http://a.xn--!/", "http://a.xn--!/"),
    ("http://xn--é-fiqs8s/", "http://xn--é-fiqs8s/"),
    # path
    ("http://a.org/b/", "http://a.org/b/"),
    ("http://a.org/b/./c/../d", "http://a.org/b/d"),
    ("http://a.org/../../b/..", "http://a.org/"),
    ("http://a.org/b/.", "http://a.org/b/"),
    ("http://a.org/b/%2E%2e/c", "http://a.org/c"),
    ("http://a.org//b//../c", "http://a.org//b/c"),
    ("http://a.org/...", "http://a.org/..."),
    ("http://a.org/b;v=1/c:d@e", "http://a.org/b;v=1/c:d@e"),
    # escapes
    ("http://a.org/%7Eme/%41%2d%5f", "http://a.org/~me/A-_"),
    ("http://a.org/%2f%3F%3d", "http://a.org/%2F%3F%3D"),
    ("http://a.org/新闻/%e6%96%b0%E9%97%BB", "http://a.org/%E6%96%B0%E9%97%BB/%E6%96%B0%E9%97%BB"),
    ("http://a.org/%D0%C2%CE%C5", "http://a.org/%D0%C2%CE%C5"),
    ("http://a.org/a b|c\\d\"<>^`{}", "http://a.org/a%20b%7Cc%5Cd%22%3C%3E%5E%60%7B%7D"),
    ("http://a.org/100%/%4/%zz", "http://a.org/100%25/%254/%25zz"),
    ("http://%41.org/", "http://a.org/"),
    ("http://a%2Fb.org/", "http://a%2Fb.org/"),
    # query
    ("http://a.org?b=1", "http://a.org/?b=1"),
    ("http://a.org/?", "http://a.org/"),
    ("http://a.org/?&&", "http://a.org/"),
    ("http://a.org/?c=3&a=1&b=2", "http://a.org/?a=1&b=2&c=3"),
    ("http://a.org/?a=2&b=1&a=1", "http://a.org/?a=2&a=1&b=1"),
    ("http://a.org/?ab&a=1&a", "http://a.org/?a=1&a&ab"),
    ("http://a.org/?q=你好&p=a+b%20c", "http://a.org/?p=a+b%20c&q=%E4%BD%A0%E5%A5%BD"),
    ("http://a.org/?q=a%26b&u=http://b.org/?x", "http://a.org/?q=a%26b&u=http://b.org/?x"),
    ("http://a.org/?utm_source=x&id=1&utm_=2&UTM_Medium=3&gclid=4&Spm=5", "http://a.org/?id=1"),
    ("http://a.org/?utm_source=x", "http://a.org/"),
    ("http://a.org/?%75tm_source=x", "http://a.org/"),
    ("http://a.org/?utm=1&gclid2=2&xgclid=3&=4", "http://a.org/?=4&gclid2=2&utm=1&xgclid=3"),
    # fragment
    ("http://a.org/b#c", "http://a.org/b"),
    ("http://a.org#c?d", "http://a.org/"),
    ("http://a.org/?b=1#c?d#e", "http://a.org/?b=1"),
    # white space around it
    ("  http://a.org/b \n", "http://a.org/b"),
    ("\t \x00", ""),
    ("", ""),
    # no http URL: as it is
    ("example.org/A#b", "example.org/A#b"),
    ("//Example.org/a", "//Example.org/a"),
    ("ftp://Example.org:21/a#b", "ftp://Example.org:21/a#b"),
    ("urn:ISBN:1", "urn:ISBN:1"),
    ("http:/example.org", "http:/example.org"),
    ("http", "http"),
    ("https:", "https:"),
    ("http://", "http://"),
    ("http://:80/", "http://:80/"),
    ("http://user@/#x", "http://user@/#x"),
    ("http:///a", "http:///a"),
    ("不是网址", "不是网址"),
]  # fmt: skip


def normal(url: str, dropped: tuple[str, ...] = DROPPED) -> str:
    return documents(normalised(buffers([url], "http://before", "http://after?a"), dropped))[0]


@pytest.mark.parametrize(("url", "expected"), CASES)
def test_cases(url: str, expected: str) -> None:
    assert normal(url) == expected
    assert twin(url, DROPPED) == expected


# ---------------------------------------------------------------- the twin

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
RESERVED = frozenset(b":/?#[]@!$&'()*+,;=")
URL = re.compile(rb"(?i:https?)://(?:([^/?#]*)@)?([^/?#@]*?)(?::([0-9]*))?(/[^?#]*)?(?:\?([^#]*))?(?:#.*)?", re.DOTALL)


def escaped(raw: bytes, host: bool = False) -> bytes:
    def one(piece: re.Match[bytes]) -> bytes:
        b = piece[0]
        if len(b) == 3:
            b = bytes([int(b[1:], 16)])
            stands = b[0] in UNRESERVED
        else:
            stands = b[0] in UNRESERVED | RESERVED or (host and b[0] >= 0x80)
        return b"%%%02X" % b[0] if not stands else b.lower() if host else b

    return re.sub(rb"%[0-9A-Fa-f]{2}|.", one, raw, flags=re.DOTALL)


def small(text: str) -> str:
    return "".join(chr(lower_case()[ord(c)]) if 0x80 <= ord(c) < len(lower_case()) else c for c in text)


def from_ascii(label: str) -> str:
    """The characters of a label in Punycode, the label itself where it is none."""
    if not label.startswith("xn--") or not label.isascii() or len(label) > 4 + LABEL_BYTES:
        return label
    try:
        characters = label[4:].encode().decode("punycode")
        characters.encode()
    except UnicodeError:
        return label
    return label if characters.isascii() else characters


def without_dots(path: bytes) -> bytes:
    *parents, last = path.split(b"/")[1:]
    kept: list[bytes] = []
    for segment in [*parents, last]:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    return b"/" + b"/".join(kept + [b""] * (last in (b".", b"..") and bool(kept)))


def twin(url: str, dropped: tuple[str, ...]) -> str:
    raw = re.sub(rb"\A[\x00- ]+|[\x00- ]+\Z", b"", url.encode())
    found = URL.fullmatch(raw)
    if not found or not found[2]:
        return raw.decode()
    user, host, port, path, query = found.groups()
    host = ".".join(small(from_ascii(label)) for label in escaped(host, host=True).decode().split(".")).encode()
    port = (port or b"").lstrip(b"0")
    path = without_dots(b"/".join(escaped(segment) for segment in (path or b"/").split(b"/")))
    names = tuple(name.lower().encode() for name in dropped)
    kept = []
    for parameter in map(escaped, (query or b"").split(b"&")):
        name = parameter.partition(b"=")[0]
        listed = any(name.lower().startswith(n[:-1]) if n.endswith(b"*") else name.lower() == n for n in names if name)
        if parameter and not listed:
            kept.append(parameter)
    kept.sort(key=lambda parameter: parameter.partition(b"=")[0])
    made = b"http://" + (escaped(user) + b"@" if user else b"") + host
    made += b":" + port if port not in (b"", b"80", b"443") else b""
    return (made + path + (b"?" + b"&".join(kept) if kept else b"")).decode()


PIECES = [
    "http", "HTTPS", "https", "://", ":", "//", "/", "?", "#", "&", "=", "@", ".", "..", "%", "%2e", "%2F", "%7e",
    "%zz", "%E4%BD", "+", " ", "\n", "[::1]", "[", "]", "80", "443", "0", "8080", "www.", "Example.org", "xn--",
    "xn--fiqs8s", "xn--bcher-kva", "-", "中国", "Ü", "İ", "Ⱥ", "utm_source", "UTM_", "gclid", "spm", "a", "B", "~",
    "\\", "<", "\x00", "é", "🙂", "id=1", "a=2",
]  # fmt: skip

odd_urls = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=25).map(lambda p: "http://h" + "".join(p)),
    st.builds(
        "http://{}/{}?{}".format,
        st.lists(st.sampled_from(["xn--fiqs8s", "A", "中", "xn--a", "xn--80ak6aa92e"]), min_size=1).map(".".join),
        st.lists(st.sampled_from(["a", "..", ".", "", "b%2f", "%2e"])).map("/".join),
        st.lists(st.sampled_from(["a=1", "a", "b=2", "ab=", "utm_x=1", "=", "a=0", "é=1", "%61=9", "GCLID"])).map(
            "&".join
        ),
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map(lambda t: "https://" + t),
)


@settings(deadline=None, max_examples=1500)
@given(st.lists(odd_urls, max_size=4), odd_urls, odd_urls)
@example(["http://xn--" + "9a" * 40], "", "")
def test_equal_their_twin(urls: list[str], before: str, after: str) -> None:
    for dropped in ((), DROPPED):
        found = documents(normalised(buffers(urls, before, after), dropped))
        assert found == [twin(url, dropped) for url in urls]


@settings(deadline=None, max_examples=500)
@given(odd_urls)
def test_a_normal_form_is_its_own(url: str) -> None:
    once = normal(url)
    assert normal(once) == once


@settings(deadline=None, max_examples=300)
@given(odd_urls)
def test_a_normal_form_is_printable_and_without_dots(url: str) -> None:
    once = normal(url)
    if once.startswith("http://") and once != url.strip():
        path, _, query = once[7:].partition("/")[2].partition("?")
        assert re.fullmatch(r"[!-~]*", path + query)
        assert "#" not in path + query
        assert not {".", ".."} & set(path.split("/"))


@settings(deadline=None, max_examples=1500)
@given(
    st.one_of(
        st.text("abcxyz0189-", max_size=12),
        st.text(st.characters(exclude_categories=["Cs"], min_codepoint=0x61), max_size=12).map(
            lambda t: t.encode("punycode").decode().lower()
        ),
        st.text("abz09-!", min_size=55, max_size=70),
    )
)
@example("99999999999999999999999999")
@example("a" * 63)
def test_punycode_is_that_of_python(label: str) -> None:
    data = np.frombuffer(f".{label}.".encode(), np.uint8)
    points = np.zeros(LABEL_BYTES, np.int32)
    found = from_punycode(data, 1, 1 + len(label.encode()), points)
    expected = from_ascii(f"xn--{label}")
    assert "".join(map(chr, points[:found])) == ("" if expected == f"xn--{label}" else expected)


def test_many_parameters_are_sorted_in_time() -> None:
    rng = random.Random(4)
    names = [str(rng.randrange(5000)) for _ in range(200_000)]
    for given_ in (names, sorted(names), sorted(names, reverse=True)):
        query = "&".join(f"{name}={n}" for n, name in enumerate(given_))
        expected = sorted(query.split("&"), key=lambda parameter: parameter.partition("=")[0])
        assert normal(f"http://a.org/?{query}") == "http://a.org/?" + "&".join(expected)
