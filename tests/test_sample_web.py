"""The sample archive: genuine records, the same bytes for the same pages, honest rendering."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastwarc.warc import ArchiveIterator, WarcRecordType

from dataprep.cli.sample_web import sample_web
from dataprep.errors import InputError, OutputError, UsageError
from dataprep.sample_web import archive, rest
from dataprep.sample_web.page import Page, framed
from dataprep.sample_web.sample import pack
from dataprep.text.page import page_text

PAGES = [
    Page("a", "https://a.example/1", framed("One", "<p>一二三", site="A", lang="zh")),
    Page("b", "https://b.example/2?x=1", b""),
]


def read(path: Path) -> list[tuple[str, bytes]]:
    with path.open("rb") as file:
        found = []
        for record in ArchiveIterator(file, parse_http=False, verify_digests=True):
            if record.record_type == WarcRecordType.response:
                record.parse_http()
                assert record.http_content_type == "text/html"
                found.append((record.headers["WARC-Target-URI"], record.reader.read()))
        return found


def test_records_come_back_with_their_digests_right(tmp_path: Path) -> None:
    archive.write(PAGES, tmp_path / "x.warc.gz")
    assert read(tmp_path / "x.warc.gz") == [(page.url, page.html) for page in PAGES]


def test_same_pages_same_bytes(tmp_path: Path) -> None:
    for name in ("x.warc.gz", "y.warc.gz"):
        archive.write(PAGES, tmp_path / name)
    assert (tmp_path / "x.warc.gz").read_bytes() == (tmp_path / "y.warc.gz").read_bytes()


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written"):
        archive.write(PAGES, tmp_path / "file" / "x.warc.gz")


def test_only_the_content_of_a_framed_page_is_main_content() -> None:
    page = framed("T", "<h1>T</h1><p>Text.", site="The Site", lang="en", links=[("/other/", "another page")])
    assert page_text(page, main_content=True) == b"T\n\nText."


def test_a_folder_is_packed_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.html").write_bytes(b"<p>\xc4\xe3\xba\xc3")
    (tmp_path / "in" / "sub" / "b c.HTM").write_bytes(b"<p>b")
    (tmp_path / "in" / "notes.txt").write_bytes(b"no page")
    packed = pack(tmp_path / "x.warc.gz", folder=tmp_path / "in")
    assert packed.kinds == {"files": (2, 11)}
    assert dict(read(tmp_path / "x.warc.gz")) == {
        "https://folder.example/a.html": b"<p>\xc4\xe3\xba\xc3",
        "https://folder.example/sub/b%20c.HTM": b"<p>b",
    }


def test_bad_usage(tmp_path: Path) -> None:
    cases: list[tuple[list[str], type[Exception], str]] = [
        ([str(tmp_path / "x.warc.gz"), "--from", str(tmp_path / "absent")], InputError, "no such folder"),
        ([str(tmp_path / "x.warc.gz"), "--from", str(tmp_path)], InputError, "no .html or .htm file"),
        ([str(tmp_path / "x.zip")], UsageError, "must end with .warc.gz"),
        ([str(tmp_path / "x.warc.gz"), "--docs", "--from", str(tmp_path)], UsageError, "choose one"),
    ]
    for arguments, kind, said in cases:
        error = CliRunner().invoke(sample_web, arguments).exception
        assert isinstance(error, kind)
        assert said in str(error)


def test_pages_at_hand_show_nothing_of_this_machine(tmp_path: Path) -> None:
    packed = pack(tmp_path / "x.warc.gz")
    assert packed.kinds["standard library"][0] > 150
    assert packed.kinds["package READMEs"][0] > 5
    library = [html.decode() for url, html in read(tmp_path / "x.warc.gz") if url.startswith("https://pydoc.example/")]
    assert not [found for html in library for found in re.findall(r"at(?: |&nbsp;)0x[0-9a-f]+", html)]
    assert not [html for html in library if str(Path.home()) + "/" in html or 'href="file:' in html]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Title\n=====\n\nSee :doc:`the guide </topics/x>` and :class:`~a.b.C`.", "Title\n\nSee the guide and C."),
        (":unheardof:`text` and `broken_ and |x| and undefined_.", "text and broken and x and undefined."),
        ("Fixed (:ticket:`123`).", "Fixed (#123)."),
        (".. toctree::\n   :maxdepth: 2\n\n   a\n   b\n\nAfter.", "After."),
        (".. versionadded:: 2.0\n\n    It came.", "New in version 2.0.\n\nIt came."),
        (".. code-block:: pycon\n    :caption: x\n\n    >>> 1", ">>> 1"),
        (".. setting:: DEBUG\n\nText.", "DEBUG\n\nText."),
        (".. class:: Box()\n\n  A box.\n\n  .. method:: open()\n\n    Opens.", "Box()\n\nA box.\n\nopen()\n\nOpens."),
        (".. wholly-unknown:: x\n   :any: thing\n\n   Inside *it*.", "x\n\nInside it."),
        (".. include:: /etc/passwd\n\nText.", "Text."),
        (".. raw:: html\n\n   <script>x</script>\n\nText.", "Text."),
    ],
)  # fmt: skip
def test_sphinx_markup_leaves_no_errors(source: str, text: str) -> None:
    html = rest.render(source).html
    assert "system-message" not in html
    assert "problematic" not in html
    assert page_text(html.encode(), main_content=False).decode() == text
