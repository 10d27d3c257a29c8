"""What Chinese is made of: counts, phrases and baits equal their slow twins."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, odd_text, pieces

from dataprep.text import tables
from dataprep.text.bait import _ALIKE, CONTACT, SPAM, bait
from dataprep.text.chinese import PARTICLES, STOPS, chinese_counts, phrases
from dataprep.text.traditional import TRADITIONAL

MORE = (
    "今天天气", "很好", "，", "。", "！", "\n", "漢語", "之乎者也", "矣", "鑫", "龘", "ＶＸ", "a", "。。", " ",
    "微", "信", "加", "加微信", "v", "x", "V信", "❤", "：", "abc123", "13800138000", "qq", "群", "百家乐", "代开",
    "发票", "+", "薇", "扫码", "添加", "號", "xx", "加我", ".", "热线", "咨询"
)  # fmt: skip
chinese_text = st.lists(st.sampled_from((*PIECES, *MORE * 5)), max_size=40).map("".join)


def kind(c: str) -> int:
    return int(tables.classes()[ord(c)])


def visible(c: str) -> bool:
    return kind(c) >= tables.LETTER or kind(c) in (tables.SYMBOL, tables.APOSTROPHE)


def in_codec(c: str, codec: str) -> bytes:
    try:
        return c.encode(codec)
    except UnicodeEncodeError:
        return b""


def rare(c: str) -> bool:
    level_1 = b"\xa4\x40" <= in_codec(c, "big5") <= b"\xc6\x7e"
    return not (c in "々〇" or (0x4E00 <= ord(c) < 0xA000 and (in_codec(c, "gb2312") or level_1)))


def twin(text: str, shortest: int, longest: int) -> tuple[int, ...]:
    han = [c for c in text if kind(c) == tables.HAN]
    latin = [c for c in text if re.fullmatch("[A-Za-zＡ-Ｚａ-ｚ]", c)]
    lengths, sound = [], 0
    for line in text.split("\n"):
        seen = "".join(c for c in line if visible(c))
        for run, stops in re.findall(f"([^{STOPS}]+)([{STOPS}]+)", seen):
            lengths.append(len(run))
            sound += len(run) + len(stops) if shortest <= len(run) <= longest else 0
    return (
        sum(map(visible, text)),
        len(han),
        sum(kind(c) in (tables.SYMBOL, tables.APOSTROPHE) for c in text),
        len(latin),
        sum(c in TRADITIONAL for c in han),
        sum(c in PARTICLES for c in han),
        sum(map(rare, han)),
        len(lengths),
        sum(lengths),
        sound,
    )


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(chinese_text, odd_text), min_size=1, max_size=4), st.integers(1, 3), st.integers(3, 20))
def test_counts_equal_their_twin(texts: list[str], shortest: int, longest: int) -> None:
    found = chinese_counts(buffers(texts, "前", "后"), np.ones(len(texts), np.uint8), shortest, longest)
    assert [tuple(n[d] for n in found) for d in range(len(texts))] == [twin(t, shortest, longest) for t in texts]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(chinese_text, odd_text), min_size=1, max_size=4))
def test_phrases_equal_their_twin(texts: list[str]) -> None:
    text = buffers(texts, "前前前前", "后后后后")
    expected = []
    for t in texts:
        runs = re.findall("x+", "".join("x" if visible(c) and kind(c) >= tables.LETTER else " " for c in t))
        letters = iter("".join(c if visible(c) and kind(c) >= tables.LETTER else " " for c in t).split(" "))
        words = [w for w in letters if w]
        assert len(words) == len(runs)
        expected.append([w for w in words if sum(kind(c) == tables.HAN for c in w) >= 4])
    found = phrases(text, np.ones(len(texts), np.uint8))
    assert [[p for _, p in document] for document in pieces(found, text)] == expected


LOOK = {alike: plain for plain, some in _ALIKE.items() for alike in some}
ENDS = "\n\r，。！？；：、（）()[]{}<>《》「」『』【】“”\"',!?;:"
SKIPPED = ".·•*-_~|/ \u3000"


def spelled(c: str) -> str:
    """The plain spelling of a character; "" if it is left out, "\n" if it ends phrases."""
    if c in LOOK:
        return LOOK[c]
    if c in "+＋":
        return "+"
    if c in ENDS:
        return "\n"
    if c in SKIPPED or kind(c) < tables.LETTER:
        return ""
    return chr(ord(c) - 0xFEE0).lower() if "！" <= c <= "～" else (c.lower() if c.isascii() else c)


def letter_or_digit(c: str) -> bool:
    return c.isascii() and c.isalnum()


def matches(plain: list[str], at: int, phrase: str) -> int:
    """Where the phrase that begins at `at` ends; 0 if it does not."""
    position, gap = at, 0
    for number, wanted in enumerate(phrase):
        while number and position < len(plain) and plain[position] == "":
            gap += 1
            position += 1
        if position >= len(plain) or plain[position] != wanted or gap > 3:
            return 0
        position, gap = position + 1, 0
    before = plain[at - 1] if at else ""
    after = plain[position] if position < len(plain) else ""
    if letter_or_digit(phrase[0]) and before and letter_or_digit(before):
        return 0
    if letter_or_digit(phrase[-1]) and after.isascii() and after.isalpha():
        return 0
    return position


def has_number(text: str) -> bool:
    """Whether a number or name begins near the start of a text."""
    near = run = digits = 0
    for c in text:
        plain = spelled(c)
        if near > 6:
            return False
        if plain and letter_or_digit(plain):
            run += 1
            digits += plain.isdigit()
            if run >= 5 and digits > 1:
                return True
        elif plain or not run:
            run = digits = 0
            near += 1
        if run > 24 or c == "\n":
            return False
    return False


def bait_twin(text: str) -> tuple[int, int]:
    contact = spam = at = 0
    plain = [spelled(c) for c in text]
    while at < len(text):
        best, of_contact, of_contact_ascii = 0, False, False
        for some, is_contact in ((CONTACT, True), (SPAM, False)):
            for phrase in some.split():
                end = matches(plain, at, phrase) if phrase[0] == plain[at] else 0
                if end > best:
                    best, of_contact, of_contact_ascii = end, is_contact, phrase.isascii()
        if best:
            number = has_number(text[best:])
            contact += of_contact * (1 + number if not of_contact_ascii else 2 * number)
            spam += not of_contact
        at = best or at + 1
    return contact, spam


@settings(deadline=None, max_examples=150)
@given(st.lists(chinese_text, min_size=1, max_size=3))
def test_bait_equals_its_twin(texts: list[str]) -> None:
    contact, spam = bait(buffers(texts, "加", "信"), np.ones(len(texts), np.uint8))
    assert list(zip(contact.tolist(), spam.tolist(), strict=True)) == [bait_twin(t) for t in texts]


@pytest.mark.parametrize(
    ("text", "contact", "spam"),
    [
        ("加微信", 1, 0), ("加我微信：abc12345", 2, 0), ("加 微 信", 1, 0), ("加薇❤信", 1, 0),
        ("ＶＸ：ａｂ１２３４", 2, 0), ("vxlan", 0, 0), ("avx", 0, 0), ("vx = 3", 0, 0),
        ("添加。微信", 0, 0), ("添加\n微信", 0, 0),
        ("➕微信", 1, 0), ("+VX 13812345678", 2, 0), ("咨询热线：400-800-1234", 2, 0), ("諮詢熱線", 1, 0),
        ("扫码添加客服", 1, 0), ("电话微信同号13800138000", 2, 0), ("百 家 乐", 0, 1), ("百家樂", 0, 1),
        ("代·开·发·票", 0, 1), ("无痛人流医院哪家好", 0, 2), ("人民微信任你", 0, 0),
    ],
)  # fmt: skip
def test_spellings_of_bait(text: str, contact: int, spam: int) -> None:
    found = bait(buffers([text]), np.ones(1, np.uint8))
    assert (int(found[0][0]), int(found[1][0])) == (contact, spam)


def test_documents_not_chosen_have_nothing() -> None:
    text, chosen = buffers(["加微信。今天天气", "加微信。今天天气"]), np.array([0, 1], np.uint8)
    assert bait(text, chosen)[0].tolist() == [0, 1]
    assert chinese_counts(text, chosen, 5, 200).visible.tolist() == [0, 8]
    assert np.diff(phrases(text, chosen).offsets).tolist() == [0, 1]


def test_the_string_of_traditional_characters_is_what_opencc_says() -> None:
    opencc = pytest.importorskip("opencc")
    han = [chr(c) for c in range(0x4E00, 0xA000)]
    simple = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    assert (
        "".join(
            a for a, b in zip(han, simple, strict=True) if a != b and in_codec(a, "big5") and not in_codec(a, "gb2312")
        )
        == TRADITIONAL
    )
