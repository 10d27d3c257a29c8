"""HTML extraction: valid text, and pages that hang or crash the parser."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from chain import apply, parts
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep import catalog, schema
from dataprep.documents import documents
from dataprep.text.page import page_text

HANGS = "<div>" * 100_000 + "x"
"""Parsing is quadratic in depth: minutes."""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<p>a  b\n c</p><p>d", "a b c\n\nd"),
        ("<pre>x = 1  \r\n\r\n\r\n\r\n  y\r</pre>", "x = 1\n\n  y"),
        ("<p>a</p><br><br><br><br><br><p>b", "a\n\nb"),
        ("<p>a\x00b", "ab"),
        ("<p>&#0;&#xD800;&amp;lt;", "\ufffd\ufffd&lt;"),
        ("<ul><li>one and</li><li>two</li></ul>", "• one and\n  • two"),
        ("<p>茶<b>道</b>。</p>", "茶道。"),
        ("<script>x</script><style>y</style><!-- z --><template>w</template>", ""),
    ],
)
def test_text_of_a_page(html: str, text: str) -> None:
    assert page_text(html.encode(), main_content=False) == text.encode()


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert page_text(b"<p>a\xffb", main_content=False).decode() == "a\ufffdb"


html_pieces = st.sampled_from(
    ["<p>", "</p>", "<br>", "<pre>", "</pre>", "<li>", "<ul>", "<td>", "<table>", "<h1>", " ", "\n", "\t", "\r", "\xa0"]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(html_pieces | st.text(max_size=8), max_size=40).map("".join), st.booleans())
def test_text_is_valid_and_tidy(html: str, main: bool) -> None:
    text = page_text(html.encode("utf-8", "replace"), main_content=main).decode()
    assert text == text.strip()
    assert "\0" not in text
    assert "\r" not in text
    assert "\n\n\n" not in text
    assert all(line == line.rstrip() for line in text.split("\n"))


def test_a_page_that_hangs_costs_only_itself(tmp_path: Path) -> None:
    pages = ["<p>one", HANGS, "<p>two", None, " "]
    docs = documents({"html": pages, "text": ["", "", "", "kept as it is\r\n", ""]})
    kept, reasons = apply(parts("extract_html", {"seconds_per_page": 0.3}), docs, tmp_path)
    assert reasons == {1: "timeout", 4: "empty"}
    assert kept.column(schema.TEXT).to_pylist() == ["one", "two", "kept as it is\r\n"]
    assert not {schema.HTML, schema.EXTRACT_ERROR} & set(kept.schema.names)


def test_without_an_html_column_texts_are_left_alone(tmp_path: Path) -> None:
    kept, reasons = apply(parts("extract_html", {}), documents({"text": ["a", ""]}), tmp_path)
    assert kept.column(schema.TEXT).to_pylist() == ["a"]
    assert reasons == {1: "empty"}


def tokens(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def token_f1(found: str, gold: str) -> float:
    a, b = tokens(found), tokens(gold)
    common = (a & b).total()
    return 2 * common / (a.total() + b.total()) if common else float(a == b)


def test_main_content_of_real_pages(data: Path) -> None:
    """The first 150 WCXB pages; on all 1,497 the defaults reach .786."""
    archive = data / "web/extraction/wcxb_dev/wcxb_dev.tar.zst"
    pages: dict[str, str] = {}
    gold: dict[str, str] = {}
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file) as plain,
        tarfile.open(fileobj=io.BufferedReader(plain), mode="r|") as members,  # type: ignore[type-var]
    ):
        for member in members:
            path = Path(member.name)
            content = members.extractfile(member)
            if content is None:
                continue
            if path.suffix == ".html" and len(pages) < 150:
                pages[path.stem] = content.read().decode("utf-8", "replace")
            elif path.suffix == ".json" and path.stem != "metadata":
                gold[path.stem] = json.load(content)["ground_truth"].get("main_content") or ""
    names = sorted(pages)
    stage = catalog.stage("main_content")()
    texts = stage.columns(documents({"html": [pages[n] for n in names]}))["text"].to_pylist()  # type: ignore[attr-defined]
    scores = [token_f1(text, gold[name]) for name, text in zip(names, texts, strict=True)]
    assert sum(scores) / len(scores) > 0.75
