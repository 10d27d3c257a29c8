"""Searching for many phrases at once equals looking for each of them, on any text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, batches, documents, odd_text

from dataprep.text import folding, tables
from dataprep.text.folding import Folding, edge_kinds, folded
from dataprep.text.phrases import Entry, count_phrases, phrases
from dataprep.text.spans import TextBuffers, text_buffers


def one_lower(c: str) -> str:
    """As `text.lower_case` has it: character by character."""
    return "σ" if c == "Σ" else c if c == "İ" else c.lower()


def plain_words(text: str, case: bool = False) -> tuple[str, list[int]]:
    """The obvious twin of `folding.words()`: folded characters and the kind of each."""
    out, kinds, before = "", [], 0
    for c in text:
        k = tables.classes()[ord(c)]
        if k == tables.JOINER:
            continue
        if k == tables.SPACE:
            if not out.endswith(" ") or (kinds and kinds[-1] != 0):
                out, kinds = out + " ", [*kinds, 0]
            before = 0
            continue
        kind = {tables.LETTER: 1, tables.DIGIT: 1, tables.HANGUL: 2, tables.MARK: before}.get(k, 0)
        out, kinds, before = out + (c if case else one_lower(c)), [*kinds, kind], kind
    return out, kinds


def plain_python(text: str) -> tuple[str, list[int]]:
    return "".join(map(one_lower, text)), [int(c.isalnum() or c == "_") for c in text]


def plain_ascii(text: str) -> tuple[str, list[int]]:
    return "".join(map(one_lower, text)), [int(c.isascii() and c.isalnum()) for c in text]


def plain_run_together(text: str) -> tuple[str, list[int]]:
    kept = [c.lower() for c in text if c.isascii() and c.isalnum()]
    return "".join(kept), [0] * len(kept)


FOLDINGS = {
    "words": (folding.words(), plain_words),
    "python": (folding.regular_expressions(), plain_python),
    "ascii": (folding.ascii_words(), plain_ascii),
    "together": (folding.ascii_run_together(), plain_run_together),
}


@pytest.mark.parametrize("name", FOLDINGS)
@given(st.lists(odd_text, max_size=4))
@settings(max_examples=60, deadline=None)
def test_folding_equals_its_twin(name: str, texts: list[str]) -> None:
    fold, twin = FOLDINGS[name]
    assert folded(texts, fold) == [twin(text)[0].encode() for text in texts]


def plain_count(text: str, kinds: list[int], entries: Sequence[tuple[str, int, int]]) -> tuple[int, int]:
    """Leftmost, then longest, not overlapping: (matches, different phrases)."""
    at, found = 0, []
    while at < len(text):
        best = ""
        for phrase, left, right in entries:
            end = at + len(phrase)
            if (
                text.startswith(phrase, at)
                and not (left and at > 0 and kinds[at - 1] == left)
                and not (right and end < len(text) and kinds[end] == right)
                and len(phrase) > len(best)
            ):
                best = phrase
        found += [best] if best else []
        at += len(best) or 1
    return len(found), len(set(found))


short = st.lists(st.sampled_from([p for p in PIECES if len(p) < 5]), min_size=1, max_size=4).map("".join)
phrase_lists = st.lists(st.one_of(short, st.sampled_from(PIECES)), min_size=1, max_size=30)


def check(
    text: TextBuffers, fold: Folding, twin: object, listed: list[list[str]], ends: tuple[int, int] | None
) -> None:
    entries, plain = [], []
    for slot, given_phrases in enumerate(listed):
        read = [p.strip() for p in folded(given_phrases, fold)]
        read = list(dict.fromkeys(p for p in read if p))
        kinds = edge_kinds(read, fold) if ends is None else [ends] * len(read)
        entries += [Entry(p, slot, *k) for p, k in zip(read, kinds, strict=True)]
        plain.append([(p.decode(), *k) for p, k in zip(read, kinds, strict=True)])
    columns = np.arange(len(listed), dtype=np.int32)[None]
    chosen = np.zeros(len(text.offsets) - 1, np.int32)
    found = count_phrases(text, phrases(entries), fold, columns, chosen)
    for d, document in enumerate(documents(text)):
        for column, own in enumerate(plain):
            expected = plain_count(*twin(document), own)  # type: ignore[operator]
            if not any(plain):
                continue
            assert (found.matches[column, d], found.distinct[column, d]) == expected, (document, own)


@pytest.mark.parametrize("name", FOLDINGS)
@given(batches, st.lists(phrase_lists, min_size=1, max_size=3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_counts_equal_their_twin(name: str, text: TextBuffers, listed: list[list[str]], free: bool) -> None:
    fold, twin = FOLDINGS[name]
    check(text, fold, twin, listed, None if name == "words" else (0, 0) if free else (1, 1))


@given(
    st.lists(st.text("ab", min_size=1, max_size=20), min_size=1, max_size=40),
    st.lists(st.text("ab ", max_size=60), max_size=4),
)
@settings(max_examples=100, deadline=None)
def test_long_phrases_that_begin_alike(listed: list[str], texts: list[str]) -> None:
    text = text_buffers(pa.array(texts, pa.large_string()))
    check(text, folding.words(), plain_words, [listed], (0, 0))
    check(text, folding.words(), plain_words, [listed], None)


@pytest.mark.parametrize(
    ("phrase", "text", "matches"),
    [
        ("ass", "Ass! class asses l'ass ass", 3),
        ("c++", "C++ or c++11, not c+ +", 2),
        ("a$$", "a$$hole a$$ ba$$", 2),
        ("@wechat", "加@WeChat号 x@wechat @wechats", 2),
        (":-)", "ok:-):-)", 2),
        ("微信", "加微信号微 信", 1),
        ("加VX", "请加vx：1 加vx1", 1),
        ("グロ", "エログロナンセンス", 1),
        ("ที", "ภาษาที่นี่", 1),
        ("new york", "New\n\tYork new-york newyork", 1),
        ("hyphen", "hy\u00adphen", 1),
        ("cafe", "cafe\u0301 cafe", 1),
        ("시발", "시발 시발은", 1),
        ("straße", "STRAßE strasse", 1),
        ("中国人", "中国人民", 1),
    ],
)
def test_where_a_phrase_may_stand(phrase: str, text: str, matches: int) -> None:
    fold = folding.words()
    read = folded([phrase], fold)
    trie = phrases([Entry(read[0], 0, *edge_kinds(read, fold)[0])])
    given_text = text_buffers(pa.array([text], pa.large_string()))
    one = np.zeros((1, 1), np.int32), np.zeros(1, np.int32)
    assert count_phrases(given_text, trie, fold, *one).matches[0, 0] == matches


def test_lists_of_a_language_count_in_it_alone() -> None:
    fold = folding.words()
    trie = phrases([Entry(b"gift", 0, 1, 1), Entry(b"gift", 1, 1, 1)])
    text = text_buffers(pa.array(["Gift gift"] * 3, pa.large_string()))
    columns = np.array([[0, -1], [-1, 0], [-1, -1]], np.int32)
    found = count_phrases(text, trie, fold, columns, np.arange(3, dtype=np.int32))
    assert found.matches.tolist() == [[2, 2, 0]]
    assert found.distinct.tolist() == [[1, 1, 0]]


def test_alphanumeric_as_python_has_it() -> None:
    table = folding.regular_expressions().kinds
    assert [c for c in range(0x40000, 0x110000) if chr(c).isalnum()] == []
    assert table[ord("é")] == table[ord("²")] == table[ord("中")] == table[ord("_")] == 1
    assert table[0x301] == 0
    assert unicodedata.category("\u0301") == "Mn"
