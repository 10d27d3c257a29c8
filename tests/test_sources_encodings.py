"""Real sentences through every encoding the web has used, announced well, badly or not at all."""

from __future__ import annotations

import codecs
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.sources.encodings import codec_name, to_utf8
from dataprep.sources.html import Html
from dataprep.sources.text import Text
from dataprep.stage import Report
from dataprep.store import File

# Article 1 of the Universal Declaration of Human Rights (public domain).
TEXTS = {
    "zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "zh-Hant": "人人生而自由,在尊嚴和權利上一律平等。他們賦有理性和良心,並應以兄弟關係的精神相對待。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"
    "人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. "
    "인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. "
    "Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. "
    "Ils sont doués de raison et de conscience et doivent agir dans un esprit de fraternité. Liberté, égalité.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. "
    "Są oni obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. "
    "Είναι προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται με πνεύμα αδελφοσύνης.",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. "
    "Akıl ve vicdana sahiptirler ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.",
}
UTF = ("utf-8", "utf-16-le", "utf-16-be")
ENCODINGS = {
    "zh": ("gbk", "gb18030", "gb2312", *UTF),
    "zh-Hant": ("big5", "gb18030", *UTF),
    "ja": ("shift_jis", "euc-jp", "iso-2022-jp", *UTF),
    "ko": ("euc-kr", "cp949", *UTF),
    "ru": ("koi8-r", "windows-1251", "iso-8859-5", *UTF),
    "fr": ("iso-8859-1", "windows-1252", "iso-8859-15", *UTF),
    "pl": ("iso-8859-2", "windows-1250", *UTF),
    "el": ("iso-8859-7", "windows-1253", *UTF),
    "tr": ("iso-8859-9", "windows-1254", *UTF),
}
CASES = [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings]
LATIN = ("pl", "tr")
"""Between two Latin charsets a wrong declaration stands, as in browsers."""


def page(language: str, meta: str = "") -> str:
    text = TEXTS[language]
    return f'<html lang="{language}"><head>{meta}<title>{text[:12]}</title></head><body><p>{text}</p></body></html>'


def decoded(body: bytes, charset: str | None = None, *, is_html: bool = True) -> str | None:
    found = to_utf8(body, charset, is_html=is_html)
    return None if found is None else found[0].decode()


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_every_encoding_however_it_is_announced(language: str, encoding: str) -> None:
    plain = page(language)
    assert decoded(plain.encode(encoding), encoding) == plain
    assert decoded(plain.encode(encoding), encoding.upper()) == plain
    declared = page(language, f'<meta http-equiv="Content-Type" content="text/html; charset={encoding}">')
    assert decoded(declared.encode(encoding)) == declared
    xml = f'<?xml version="1.0" encoding="{encoding}"?>\n{plain}'
    assert decoded(xml.encode(encoding)) == xml
    assert decoded(plain.encode(encoding)) == plain
    # UTF-16 without a mark is told by its zero bytes: there must be some ASCII, if only a line break.
    assert decoded(f"{TEXTS[language]}\n".encode(encoding), is_html=False) == f"{TEXTS[language]}\n"


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_wrong_declaration_is_corrected(language: str, encoding: str) -> None:
    plain = page(language)
    assert decoded(plain.encode(encoding), "utf-8") == plain
    assert decoded(plain.encode(encoding), "no-such-charset") == plain
    if language not in LATIN or encoding in UTF:
        assert decoded(plain.encode(encoding), "iso-8859-1") == plain
    declared = page(language, '<meta charset="utf-8">')
    assert decoded(declared.encode(encoding)) == declared


@pytest.mark.parametrize("language", TEXTS)
def test_marks_go_before_declarations(language: str) -> None:
    plain = page(language)
    for encoding in UTF:
        assert decoded("\ufeff".encode(encoding) + plain.encode(encoding), "iso-8859-1") == plain


def test_the_page_beats_a_servers_default() -> None:
    declared = page("zh", '<meta charset="gb2312">')
    assert decoded(declared.encode("gb2312"), "ISO-8859-1") == declared


def test_labels() -> None:
    for label, codec in (
        ("GB2312", "gb18030"),
        ("x-gbk", "gb18030"),
        ("latin1", "cp1252"),
        ("us-ascii", "cp1252"),
        ("Shift_JIS", "cp932"),
        ("EUC-KR", "cp949"),
        ("ks_c_5601-1987", "cp949"),
        ('"utf8"', "utf-8"),
        ("windows-1251", "cp1251"),
        ("rot13", None),
        ("hex", None),
        ("utf-7", None),
        ("none", None),
        ("", None),
        (None, None),
    ):
        assert codec_name(label) == codec, label


def test_broken_bytes() -> None:
    plain = page("zh") * 5
    for encoding in ("gbk", "utf-8"):
        body = plain.encode(encoding)
        cut = body[: body.index("人".encode(encoding)) + 1] + b"<" + body[body.index("人".encode(encoding)) + 2 :]
        text = decoded(cut, encoding)
        assert text is not None
        assert text.count("\ufffd") <= 3
        assert text.count("平等") == plain.count("平等")
    assert decoded(b"a\0b") == "ab"
    assert decoded(b"") == ""
    assert decoded(b"caf\xe9") == "café"


def test_what_is_no_text() -> None:
    for body in (random.Random(5).randbytes(20_000), bytes(range(256)) * 40, bytes(1000), b"\x7fELF" + bytes(500)):
        assert decoded(body) is None


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "gbk", "utf-16", "iso-2022-jp", "hz", "big5", "x"]))
def test_any_bytes_give_valid_text_or_none(body: bytes, charset: str | None) -> None:
    found = to_utf8(body, charset, is_html=True)
    if found is not None:
        assert b"\0" not in found[0]
        found[0].decode()
        codecs.lookup(found[1])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\x1b", min_codepoint=9), max_size=200))
def test_valid_utf8_is_kept_as_it_is(text: str) -> None:
    found = to_utf8(text.removeprefix("\ufeff").encode(), "iso-8859-1", is_html=False)
    if found is not None and found[1] == "utf-8":
        assert found[0].decode() == text.removeprefix("\ufeff")


def test_files(tmp_path: Path) -> None:
    for cls, name, body, columns in (
        (Text, "a.txt", TEXTS["ru"].encode("koi8-r"), {"text": TEXTS["ru"]}),
        (Text, "b.md", b"", {"text": ""}),
        (Html, "c.html", page("ja").encode("euc-jp"), {"text": "", "html": page("ja")}),
        (Html, "d.html", b"\x89PNG" + bytes(range(256)) * 10, None),
    ):
        path = tmp_path / name
        path.write_bytes(body)
        source, report = cls(paths=(str(path),), name="files"), Report()
        file = File(str(path), name, len(body))
        (span,) = source.splits(file, 10)
        found = [row for batch in source.read(file, *span, report) for row in batch.to_pylist()]
        assert report.records == 1
        if columns is None:
            assert (found, report.skipped) == ([], {"undecodable": 1})
        else:
            assert {k: found[0][k] for k in columns} == columns
            assert (found[0]["_place"], found[0]["id"], found[0]["source"]) == (0, "", "files")


def test_real_legacy_texts(data: Path) -> None:
    """219 declarations of human rights, each in the charset that its file name claims, which is sometimes wrong."""
    packed = zipfile.ZipFile(data / "langid/nltk_udhr/udhr.zip")
    right, corrected = [], []
    for name in packed.namelist():
        encoding = codec_name(name.rsplit("-", 1)[-1])
        if encoding is None or name.endswith("/"):
            continue
        body = packed.read(name)
        found = to_utf8(body, encoding, is_html=False)
        assert found is not None
        if found[0].decode() == body.decode(encoding, "replace").removeprefix("\ufeff"):
            right.append(name)
        else:
            corrected.append((name.removeprefix("udhr/"), found[1]))
    assert len(right) > 200
    # Files called Latin2 whose bytes are C1 controls there and letters in windows-1250.
    assert ("Czech-Latin2", "cp1250") in corrected
    assert ("Slovak_Slovencina-Latin2", "cp1250") in corrected
    assert len(corrected) == 17
    assert {codec for _, codec in corrected} == {"cp1250", "cp1251", "cp1256"}
