"""Words equal their definition, one regular expression over character classes, in every script."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from odd_text import batches, buffers, documents, pieces

from dataprep.text import tables
from dataprep.text.hashes import hash_spans
from dataprep.text.spans import TextBuffers
from dataprep.text.words import words

# One letter for each class, in the order of their numbers.
LETTERS = "o_sAJMLDHKPGCT"
WORD = re.compile("[LD](?:[LDM]|[AJ](?=[LD]))*|H[HPM]*|[KP][KPM]*|G[GM]*|[CT]M*")

CASES = [
    ("Hello, world!", "Hello|world"),
    ("don't 'tis' rock'n'roll dogs' O’Neil", "don't|tis|rock'n'roll|dogs|O’Neil"),
    ("snake_case well-known a.b 3.14 MP3 2nd", "snake|case|well|known|a|b|3|14|MP3|2nd"),
    ("naïve cafe\u0301 Straße", "naïve|cafe\u0301|Straße"),
    ("我们在2024年用Python3写，好。", "我|们|在|2024|年|用|Python3|写|好"),
    ("人々は〇〇です", "人|々|は|〇|〇|です"),
    ("これはスーパーのテストだよ", "これは|スーパー|の|テスト|だよ"),
    ("らーめん ｱｲｽ ー", "らーめん|ｱｲｽ|ー"),
    ("한국어를 배웁니다 3월", "한국어를|배웁니다|3|월"),
    ("ที่นี่ ๒๕๖๗", "ที่|นี่|๒๕๖๗"),
    ("ภาษา", "ภ|า|ษ|า"),
    ("हिन्दी क्\u200dष", "हिन्दी|क्\u200dष"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("co\u00adoperate a\u200bb", "co\u00adoperate|a|b"),
    ("❤\ufe0f 😀 👩\u200d💻 🇨🇳 1\ufe0f\u20e3", "1\ufe0f\u20e3"),
    ("葛\U000e0100飾", "葛\U000e0100|飾"),
    ("ＡＢＣ１２", "ＡＢＣ１２"),
    ("+-*/ ... —— 。，「」", ""),
    ("a\x00b\x7fc", "a|b|c"),
    ("x" * 300 + "-" + "y" * 64, "x" * 300 + "|" + "y" * 64),
]


def twin(text: str) -> list[tuple[int, str]]:
    classes = "".join(LETTERS[tables.classes()[ord(c)]] for c in text)
    found = [(m.start(), text[m.start() : m.end()]) for m in WORD.finditer(classes)]
    return [(len(text[:i].encode()), word) for i, word in found]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_cases(text: str, expected: str) -> None:
    batch = buffers([text])
    assert [word for _, word in pieces(words(batch), batch)[0]] == [w for w in expected.split("|") if w]


@settings(deadline=None, max_examples=500)
@given(batches)
def test_equal_their_twin(text: TextBuffers) -> None:
    found = words(text)
    assert pieces(found, text) == [twin(t) for t in documents(text)]
    assert np.array_equal(found.hash, hash_spans(found.start, found.end, text.data))


def test_a_word_hashes_alike_wherever_it_stands() -> None:
    text = buffers(["word word, (word) 中word文 word", "", "word"])
    found = words(text)
    spelled = [w for document in pieces(found, text) for _, w in document]
    assert len({h for h, w in zip(found.hash.tolist(), spelled, strict=True) if w == "word"}) == 1
    assert len(set(found.hash.tolist())) == len(set(spelled))


def test_no_documents() -> None:
    found = words(buffers([]))
    assert found.offsets.tolist() == [0]
    assert found.start.size == found.end.size == found.hash.size == 0
