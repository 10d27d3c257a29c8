"""`c4_quality` with `profile: dolma` does what dolma itself did, and its kernel equals a slow twin."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chain import parts
from corpora import picked
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, odd_text
from test_c4 import digest

from dataprep.documents import documents
from dataprep.stage import Filter, Map
from dataprep.text.dolma_c4 import edited

GOLDEN = Path(__file__).parent / "golden" / "dolma_1.2.1_c4.json.gz"
REASONS = {"has_curly_brace": "curly_bracket", "has_lorem_ipsum": "lorem_ipsum", "has_javascript": "javascript"}
"""What we call the rules of its mixer."""


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """What benchmarks/golden_dolma_c4.py stored."""
    found: dict[str, Any] = json.loads(gzip.decompress(GOLDEN.read_bytes()))
    return found


def differences(texts: list[str], theirs: list[tuple[str | None, str | None]]) -> list[object]:
    """Where the stage decides otherwise, for another reason, or leaves another text."""
    scoring, thresholds = (part.stage for part in parts("c4_quality", {"profile": "dolma"}))
    assert isinstance(scoring, Map)
    assert isinstance(thresholds, Filter)
    docs = documents({"text": list(texts)})
    columns = scoring.columns(docs)
    reasons = thresholds.reasons(docs.with_columns(columns)).to_pylist()
    left = columns["text"].to_pylist()
    return [
        (texts[i][:60], reasons[i], reason, left[i][:60])
        for i, (reason, text) in enumerate(theirs)
        if reasons[i] != (reason and REASONS[reason]) or (reason is None and digest(left[i]) != text)
    ]


def test_odd_documents(golden: dict[str, Any]) -> None:
    texts, theirs = zip(*golden["odd"], strict=True)
    assert differences(list(texts), list(theirs)) == []


def test_real_documents(golden: dict[str, Any], data: Path) -> None:
    texts = picked(data, [(corpus, i) for corpus, i, _ in golden["real"]])
    assert differences(texts, [own for *_, own in golden["real"]]) == []


def test_golden_decisions_are_of_every_kind(golden: dict[str, Any]) -> None:
    seen = Counter(own[0] for *_, own in (*golden["real"], *golden["odd"]))
    assert min(seen[reason] for reason in (None, *REASONS)) >= 5
    assert any("İ" in text and own[0] is None and own[1] != digest("") for text, own in golden["odd"])


def slow_edit(text: str, fewest: int) -> tuple[str, list[int]]:
    """The rules: characters go whose numbers are those of removed lines of the lower-case text."""
    gone: set[int] = set()
    counts = [0] * 5
    at = 0
    for line in text.lower().split("\n"):
        bare = line.strip()
        if not bare.endswith((".", "?", "!", '"')):
            counts[0] += 1
            gone |= {*range(at, at + len(line) + 1)}
        elif len(bare.split()) < fewest:
            counts[1] += 1
            gone |= {*range(at, at + len(line) + 1)}
        for k, sign in enumerate(("lorem ipsum", "javascript", "{"), 2):
            counts[k] += sign in line
        at += len(line) + 1
    return "".join(c for i, c in enumerate(text) if i not in gone), counts


_PARTS = (*PIECES, *"{İ", ".", "!", '"', "...", "\n", "\n", "\n", "\r\n", "\x0b", "JavaScript", "Lorem Ipsum",
          "İt is. ", "one two three. ", "。")  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(odd_text, st.lists(st.sampled_from(_PARTS), max_size=40).map("".join)), max_size=4))
def test_lines_equal_a_slow_twin(texts: list[str]) -> None:
    pairs = [slow_edit(text, 2) for text in texts]
    left, counts = edited(buffers(texts, "It ends so.\n", "\nIt goes on."), fewest_words=2, only_stopped=True)
    assert left.to_pylist() == [text for text, _ in pairs]
    assert counts.tolist() == [count for _, count in pairs]


def test_without_its_line_rules_a_text_stays_as_it_is() -> None:
    text = " Home\n\nİstanbul \n"
    left, counts = edited(buffers([text]), fewest_words=None, only_stopped=False)
    assert left.to_pylist() == [text]
    assert counts.tolist() == [[0, 0, 0, 0, 0]]
