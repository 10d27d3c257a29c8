"""`one_line` equals its obvious twin on odd Unicode, and gives fastText nothing that it would misread."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, odd_text

from dataprep.text import tables
from dataprep.text.lower_case import lower_case
from dataprep.text.one_line import one_line
from dataprep.text.spans import text_buffers

SPACES = set(" \t\n\v\f\r\0\x1c\x1d\x1e\x85\u2028\u2029")
tricky = st.lists(
    st.sampled_from([*PIECES, "__label__", "__LABEL__x", "</s>", "</S>", "<", "_", "A" * 9, "Wörter"]), max_size=30
).map("".join)


def plain(text: str, lower: bool, split_han: bool) -> str:
    """What the module says, word after word."""
    table, classes = lower_case(), tables.classes()
    words = []
    for piece in "".join(" " if c in SPACES else c for c in text).split(" "):
        current, han = "", False
        for c in piece:
            is_han = classes[ord(c)] == tables.HAN
            if split_han and current and (is_han or (han and not unicodedata.category(c).startswith("M"))):
                words.append(current)
                current, han = "", False
            han |= split_han and is_han
            current += chr(table[ord(c)]) if lower and ord(c) < len(table) else c
        words.append(current)
    words = [w[1:] if w.startswith("__label__") or w == "</s>" else w for w in words]
    return " ".join(word for word in words if word)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(odd_text, tricky), max_size=6), st.booleans(), st.booleans())
def test_equals_its_twin(texts: list[str], lower: bool, split_han: bool) -> None:
    lines = one_line(buffers(texts, "before", "after"), lower=lower, split_han=split_han)
    raw, at = lines.data.tobytes(), lines.offsets.tolist()
    found = [raw[a:b].decode() for a, b in pairwise(at)]
    assert found == [plain(text, lower, split_han) for text in texts]


@pytest.mark.parametrize(
    ("text", "options", "line"),
    [
        ("one\ntwo\r\n\nthree ", {}, "one two three"),
        ("今天天气，很好。GPT4模型", {"split_han": True}, "今 天 天 气 ， 很 好 。GPT4 模 型"),
        ("今天天气", {}, "今天天气"),
        ("The ÄPFEL", {"lower": True}, "the äpfel"),
        ("a __label__cc </s> b", {}, "a _label__cc /s> b"),
        ("", {}, ""),
    ],
)
def test_examples(text: str, options: dict[str, bool], line: str) -> None:
    assert one_line(text_buffers(pa.array([text], pa.large_string())), **options).data.tobytes().decode() == line


def test_long_text_is_not_cut() -> None:
    text = "字" * 50_000 + "Ⱥ" * 50_000
    line = one_line(text_buffers(pa.array([text], pa.large_string())), lower=True, split_han=True)
    assert len(line.data) == 50_000 * 4 + 50_000 * 3
    assert np.array_equal(line.offsets, [0, len(line.data)])
