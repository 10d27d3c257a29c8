"""Counting, checking and classifying characters agrees with Python."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import batches, documents, pieces

from dataprep.text import tables
from dataprep.text.lines import lines, paragraphs
from dataprep.text.sentences import sentences
from dataprep.text.spans import Bytes, Int64s, Spans, TextBuffers
from dataprep.text.symbols import count_hash_and_ellipsis
from dataprep.text.utf8 import char_counts, first_invalid, span_char_counts
from dataprep.text.words import words


@settings(deadline=None)
@given(batches)
def test_counts_equal_python(text: TextBuffers) -> None:
    texts = documents(text)
    assert char_counts(text).tolist() == [len(t) for t in texts]
    assert first_invalid(text).tolist() == [-1] * len(texts)
    found = words(text)
    spelled = [w for document in pieces(found, text) for _, w in document]
    assert span_char_counts(found, text).tolist() == [len(w) for w in spelled]
    signs, ellipses = count_hash_and_ellipsis(text)
    assert signs.tolist() == [t.count("#") for t in texts]
    assert ellipses.tolist() == [t.count("...") + t.count("…") for t in texts]


@settings(deadline=None)
@given(st.lists(st.sampled_from([".", "#", "…", "a" * 30, "â", "\u2027"]), max_size=200).map("".join))
def test_symbols_across_blocks(text: str) -> None:
    raw = np.frombuffer(b"." + text.encode() + b"..", np.uint8)
    signs, ellipses = count_hash_and_ellipsis(TextBuffers(np.array([1, raw.size - 2]), raw))
    assert signs.tolist() == [text.count("#")]
    assert ellipses.tolist() == [text.count("...") + text.count("…")]


def one(raw: bytes) -> tuple[Int64s, Bytes]:
    return np.array([0, len(raw)]), np.frombuffer(raw, np.uint8)


ENDS = st.sampled_from(
    [b"a", "é".encode(), "中".encode(), "😀".encode(), b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"]
)


@settings(deadline=None, max_examples=500)
@given(st.lists(st.one_of(st.binary(max_size=4), ENDS)).map(b"".join))
def test_invalid_bytes_are_found_where_python_finds_them(raw: bytes) -> None:
    try:
        raw.decode()
        expected = -1
    except UnicodeDecodeError as e:
        expected = e.start
    assert first_invalid(TextBuffers(*one(raw))).tolist() == [expected]


@pytest.mark.parametrize("split", [words, lines, paragraphs, sentences])
@settings(deadline=None)
@given(raw=st.lists(st.one_of(st.binary(max_size=4), ENDS, st.sampled_from([b"\n", b" ", b"."]))).map(b"".join))
def test_invalid_bytes_do_no_harm(split: Callable[[TextBuffers], Spans], raw: bytes) -> None:
    found = split(TextBuffers(*one(raw)))
    assert (found.start < found.end).all()
    assert (found.end[:-1] <= found.start[1:]).all()
    assert found.end.max(initial=0) <= len(raw)


SCRIPTS = {
    tables.HAN: ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "CJK RADICAL", "KANGXI RADICAL", "HANGZHOU"),
    tables.HIRAGANA: ("HIRAGANA LETTER", "HENTAIGANA LETTER"),
    tables.KATAKANA: ("KATAKANA LETTER", "HALFWIDTH KATAKANA LETTER", "KATAKANA ITERATION"),
    tables.HANGUL: ("HANGUL SYLLABLE", "HANGUL CHOSEONG", "HALFWIDTH HANGUL LETTER", "HANGUL LETTER"),
    tables.SOUTH_EAST_ASIAN: ("THAI CHARACTER", "LAO LETTER", "LAO VOWEL", "MYANMAR LETTER", "KHMER LETTER"),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_those_of_the_character_names(script: int) -> None:
    classes = tables.classes()
    named = [c for c in range(0x30000) if unicodedata.name(chr(c), "").startswith(SCRIPTS[script])]
    letters = [c for c in named if unicodedata.category(chr(c))[0] == "L" or script == tables.HAN]
    assert len(letters) > 50
    assert {chr(c) for c in letters if classes[c] != script} == set()


def test_classes_agree_with_python() -> None:
    classes = tables.classes()
    for c in range(0x110000):
        kind, category = classes[c], unicodedata.category(chr(c))
        assert (kind == tables.SPACE) == chr(c).isspace()
        if kind != tables.HAN:
            assert (kind >= tables.LETTER) == (category[0] in "LN"), hex(c)
            assert (kind == tables.DIGIT) == (category[0] == "N"), hex(c)
            assert (kind == tables.MARK) == (category[0] == "M"), hex(c)


def test_full_width_forms_are_symbols() -> None:
    assert {int(tables.classes()[ord(c)]) for c in "，。！？；：（）「」『』【】《》、～＃％＆"} == {tables.SYMBOL}
