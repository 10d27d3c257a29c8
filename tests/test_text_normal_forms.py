"""Normal forms equal `unicodedata.normalize`, piece by piece and on all of Unicode."""

from __future__ import annotations

import sys
import unicodedata
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import buffers, documents, odd_text

from dataprep.text.marks import marked
from dataprep.text.normal_forms import normal, normalized
from dataprep.text.spans import text_buffers

COMBINING = [chr(c) for c in range(0x20000) if unicodedata.combining(chr(c)) and c % 7 == 0]
PIECES = ["e", "a", "中", " ", "\n", "\u0301", "\u0323", "\u0300", "\u0345", "각", "가", "\u1100", "\u1161", "\u11a8",
          "Å", "\u212b", "\u2126", "ﬁ", "Ａ", "㌔", "①", "\u3099", "か", "ｶ", "ﾞ", "\u0915", "\u093c", "\u0958",
          "\u0bc6", "\u0bbe", "\u1112", "\uf900", "\U0002f800", "\u0fb2", "\u0f71", "\u0f80", "\U00011131",
          "\U00011127", *COMBINING]  # fmt: skip
marks = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def check(texts: list[str], form: Literal["nfc", "nfkc"]) -> None:
    text = buffers(texts, "e", "\u0301")
    column, counts = normalized(text, form, marked(text, normal(form).odd))
    found = documents(text) if column is None else documents(text_buffers(column))
    expected = [unicodedata.normalize(form.upper(), t) for t in texts]
    assert found == expected
    for count, old, new in zip(counts.tolist(), texts, expected, strict=True):
        assert (count > 0) == (old != new)
        assert count <= len(old)


@pytest.mark.parametrize("form", ["nfc", "nfkc"])
@settings(deadline=None, max_examples=300)
@given(texts=st.lists(st.one_of(marks, odd_text), min_size=1, max_size=5))
def test_equals_unicodedata(form: Literal["nfc", "nfkc"], texts: list[str]) -> None:
    check(texts, form)


@pytest.mark.parametrize("form", ["nfc", "nfkc"])
def test_every_character_alone_and_behind_letters(form: Literal["nfc", "nfkc"]) -> None:
    every = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    odd = [c for c in every if normal(form).of[ord(c)]]
    check(["x".join(every), *(f"e{c}a" for c in odd), "".join(odd), "".join(odd[::-1])], form)


def test_normal_text_is_not_copied() -> None:
    text = buffers(["plain", "Đây là tiếng Việt, đã chuẩn", "中文，文。", "हिन्दी", "한국어"])
    assert marked(text, normal("nfc").odd).tolist() == [0, 0, 0, 1, 0]
    assert normalized(text, "nfc", marked(text, normal("nfc").odd))[0] is None
