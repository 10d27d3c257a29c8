"""URLs and lists: which hosts, URLs and words are found, as datatrove finds them, and what a bad list says."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pytest
from chain import apply, parts
from hypothesis import given, settings
from hypothesis import strategies as st
from listed_items import CATEGORIES, domain_files, url_lists, urls

from dataprep.documents import documents
from dataprep.errors import UsageError
from dataprep.lists.url_sets import categories, normal_forms, table
from dataprep.text.url_lists import hash_set, hashes_listed, host_hashes, hosts_listed, url_hashes, urls_listed

GOLDEN = Path(__file__).parent / "golden/datatrove_lists.json"


def judged(config: dict[str, Any], given_urls: list[str | None], tmp_path: Path) -> list[str | None]:
    docs = documents({"url": given_urls})
    _, reasons = apply(parts("url_filter", config), docs, tmp_path)
    return [reasons.get(i) for i in range(len(docs))]


def column(given_urls: list[str]) -> pa.Array:
    return pa.array(given_urls, pa.large_string())


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, str]:
    """One small list of each kind."""
    held = {
        "domains": "bad.org\n*.wild.cn\n中国.cn\nfull.host.example.com\n10.0.0.7\n",
        "urls": "site.org/bad\nhttps://site.org/page.html?id=7\nhttp://home.org/\n",
        "hard_words": "# a comment\nXXX\ntwo words\n",
        "soft_words": "sex\nfree\nchat\n",
        "sub_words": "hardcore\n2 girls\n",
    }
    for name, text in held.items():
        (tmp_path / name).write_text(text)
    return {name: str(tmp_path / name) for name in held}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://bad.org/x", "listed_domain"),
        ("https://user:pw@WWW.Bad.ORG:8443/x", "listed_domain"),
        ("a.b.bad.org", "listed_domain"),
        ("http://bad.org./", "listed_domain"),
        ("http://notbad.org/", None),
        ("http://bad.org.example.net/", None),
        ("http://x.wild.cn/", "listed_domain"),
        ("http://xn--fiqs8s.cn/", "listed_domain"),
        ("http://news.中国.cn/", "listed_domain"),
        ("http://full.host.example.com/", "listed_domain"),
        ("http://host.example.com/", None),
        ("http://10.0.0.7/x", "listed_domain"),
        ("http://110.0.0.7/x", None),
        ("http://site.org/bad", "listed_url"),
        ("https://site.org/b%61d/?q=1", "listed_url"),
        ("http://site.org/bad/deeper/still.html", "listed_url"),
        ("http://site.org/badly", None),
        ("http://site.org/page.html?id=7#top", "listed_url"),
        ("http://site.org/page.html?id=8", None),
        ("http://home.org", "listed_url"),
        ("http://home.org/x", None),
        ("http://ok.org/xxx-1", "hard_word"),
        ("http://ok.org/TwoWords", "hard_word"),
        ("http://ok.org/xxxl", None),
        ("http://ok.org/free_chat", "soft_words"),
        ("http://ok.org/free-free", None),
        ("http://ok.org/free-sex?xxx", "hard_word"),
        ("http://hard-core.org/", "sub_word"),
        ("http://ok.org/x2GIRLSx", "sub_word"),
        ("http://ok.org/", None),
        (None, None),
        ("  ", None),
        ("not a url", None),
        ("http://", None),
    ],
)
def test_the_first_rule_broken_names_the_reason(
    url: str | None, reason: str | None, lists: dict[str, str], tmp_path: Path
) -> None:
    assert judged(lists, [url], tmp_path) == [reason]


def test_scores_are_columns_and_rows_without_url_are_counted(lists: dict[str, str], tmp_path: Path) -> None:
    docs = documents({"url": ["http://ok.org/free", None, "http://ok.org/"]})
    kept, _ = apply(parts("url_filter", lists), docs, tmp_path)
    assert kept.column("url_filter.soft_words").to_pylist() == [1, None, 0]
    assert kept.column("url_filter.without_url").to_pylist() == [0, 1, 0]
    assert parts("url_filter", lists)[0].stage.tallies() == ("url_filter.without_url",)  # type: ignore[union-attr]


def test_raising_the_soft_threshold_keeps_more(lists: dict[str, str], tmp_path: Path) -> None:
    given_urls = ["http://a/free", "http://a/free-chat", "http://a/free-chat-sex", "http://a/"]
    dropped = [
        {i for i, why in enumerate(judged(lists | {"soft_word_threshold": n}, given_urls, tmp_path)) if why}
        for n in (1, 2, 3, 4)
    ]
    assert dropped == [{0, 1, 2}, {1, 2}, {2}, set()]


def test_categories_are_folders_of_folders(tmp_path: Path) -> None:
    for name in ("adult", "dating", "usage"):
        (tmp_path / "ut1" / name).mkdir(parents=True)
    (tmp_path / "ut1/adult/domains.gz").write_bytes(gzip.compress(b"adult.org\n"))
    (tmp_path / "ut1/adult/urls").write_text("site.org/adult\n")
    (tmp_path / "ut1/adult/expressions").write_text("")
    (tmp_path / "ut1/dating/domains").write_text("dating.org\n")
    given_urls = ["http://adult.org", "http://site.org/adult", "http://dating.org"]
    everything = ["listed_domain", "listed_url", "listed_domain"]
    assert judged({"categories": str(tmp_path / "ut1")}, given_urls, tmp_path) == everything
    assert judged({"categories": [str(tmp_path / "ut1/dating")]}, given_urls, tmp_path) == [None, None, "listed_domain"]
    with pytest.raises(UsageError, match="holds no file `domains` or `urls`, nor folders with them"):
        categories([str(tmp_path / "ut1/usage")])


def test_a_list_that_changes_is_another_table(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("a.org\n")
    first = table([path], "domains")
    path.write_text("a.org\nb.org\n")
    assert (first != 0).sum() == 1
    assert (table([path], "domains") != 0).sum() == 2
    assert (table([], "domains") != 0).sum() == 0


@pytest.mark.parametrize(
    ("setting", "raw", "told"),
    [
        ("domains", b"ok.org\nhttp://\n", "entry 'http://' is no host name"),
        ("domains", b"\xff\n", "line 1: is not UTF-8"),
        ("urls", b"", "holds no entries"),
        ("hard_words", "fine\n性\n".encode(), "entry '性' has no ASCII letter or digit"),
        ("sub_words", b"a\0b", "is a binary file"),
    ],
)
def test_a_bad_list_is_one_line_when_the_plan_is_made(setting: str, raw: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=told) as caught:
        parts("url_filter", {setting: str(path)})[0].stage.files()
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_stage_without_a_list_is_refused() -> None:
    for config in ({}, {"soft_word_threshold": 3}, {"domains": [], "profile": "datatrove"}):
        with pytest.raises(UsageError, match=r"url_filter: name at least one list: categories, .* or sub_words$"):
            parts("url_filter", config)


def test_a_missing_list_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such file, and no model of this name is installed"):
        parts("url_filter", {"domains": "nowhere"})[0].stage.files()
    with pytest.raises(UsageError, match="is a file; `categories` are folders"):
        categories([__file__])


# ---------------------------------------------------------------- twins

labels = st.sampled_from(["a", "b", "org", "co", "xn--fiqs8s", "中国", "A", "1", "10", ""])
hosts = st.lists(labels, min_size=1, max_size=5).map(".".join)
addresses = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://u:p@", "ftp://", ""]),
    hosts,
    st.sampled_from(["", ":80", ":8080", ":"]),
    st.sampled_from(["", "/", "/a", "/a/b", "/a/b/", "/%61", "/中"]),
    st.sampled_from(["", "?", "?q=1", "?b=2&a=1", "#f"]),
)


def plain_host(normal: str) -> str:
    """The host of a URL in normal form."""
    found = re.match(r"http://([^/]*)", normal)
    authority = found[1].rpartition("@")[2] if found else ""
    return re.sub(r":[0-9]*$", "", authority).rstrip(".")


def plain_normal(given_urls: list[str]) -> list[str]:
    text = normal_forms(column(given_urls))
    raw = text.data.tobytes()
    return [raw[a:b].decode() for a, b in zip(text.offsets[:-1].tolist(), text.offsets[1:].tolist(), strict=True)]


@given(st.lists(hosts, max_size=6), st.lists(addresses, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_hosts_equal_their_twin(listed: list[str], given_urls: list[str]) -> None:
    held = {plain_host(normal) for normal in plain_normal(listed)} - {""}
    made = host_hashes(normal_forms(column(listed)))
    found = hosts_listed(normal_forms(column(given_urls)), hash_set(made[made != 0]))
    for url, normal, said in zip(given_urls, plain_normal(given_urls), found.tolist(), strict=True):
        host = plain_host(normal)
        above = [host] if re.search("[0-9]$", host) else [host[m:] for m in starts(host)]
        assert said == any(one in held for one in above), (url, held)


def starts(host: str) -> list[int]:
    return [0, *(m.end() for m in re.finditer(r"\.", host))]


@given(st.lists(addresses, max_size=6), st.lists(addresses, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_urls_equal_their_twin(listed: list[str], given_urls: list[str]) -> None:
    def key(normal: str) -> str:
        return re.sub(r"^http://(?:[^/]*@)?", "", normal).removesuffix("/") if plain_host(normal) else ""

    held = {key(normal) for normal in plain_normal(listed)} - {""}
    made = url_hashes(normal_forms(column(listed)))
    found = urls_listed(normal_forms(column(given_urls)), hash_set(made[made != 0]))
    for url, normal, said in zip(given_urls, plain_normal(given_urls), found.tolist(), strict=True):
        whole = key(normal)
        path, _, query = whole.partition("?")
        above = [path[: m.start()] for m in re.finditer("/", path)][1:]
        assert said == any(one in held for one in [whole, *above, *([path] if query else [])] if one), (url, held)


def test_a_hash_set_holds_what_it_was_given() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 5000, np.uint64)
    hashes[0] = 0
    held = hash_set(hashes)
    assert hashes_listed(hashes, held).all()
    assert not hashes_listed(rng.integers(0, 2**64, 5000, np.uint64), held).any()


# ---------------------------------------------------------------- datatrove


def test_datatrove_decides_the_same_on_real_urls(data: Path, tmp_path: Path) -> None:
    """Save for hosts that are an IP address, or lie below a listed host with a name of its own: see `url_filter`."""
    told = json.loads(GOLDEN.read_text())
    given_urls = urls(data, told["step"])
    assert len(given_urls) == told["urls"]
    domains = [str(path) for path in domain_files(data)]
    said = judged({"profile": "datatrove", "domains": domains, **url_lists(data)}, list(given_urls), tmp_path)
    held = {host for path in domains for host in Path(path).read_text().split()}
    known = 0
    for k, (url, reason) in enumerate(zip(given_urls, said, strict=True)):
        theirs = told["url_reasons"].get(str(k))
        if theirs != reason:
            host = urlsplit(url).hostname or ""
            address = re.fullmatch(r"[0-9.]+", host)
            above = [host[at:] for at in starts(host)[1:]]
            assert reason == "listed_domain", url
            assert (address and host in held) or any(one in held and one.count(".") > 1 for one in above), url
            known += 1
    assert known < 0.005 * len(given_urls)
    assert len(told["url_reasons"]) > 300


def test_ut1_is_read_whole(data: Path) -> None:
    lists = categories([str(data / CATEGORIES)])
    assert len(lists.domains) >= 12
    assert len(lists.urls) >= 10
