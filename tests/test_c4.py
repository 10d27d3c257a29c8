"""C4's lines and pages: `profile: datatrove` does what datatrove itself did, and its kernels equal slow twins."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chain import parts
from corpora import picked
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, odd_text

from dataprep.documents import documents
from dataprep.stage import Filter, Map
from dataprep.text import spacy_sentences
from dataprep.text.c4_lines import edited, stripped

GOLDEN = Path(__file__).parent / "golden" / "datatrove_0.10.1_c4.json.gz"
_REMOVED = ("lines_long_word", "lines_without_stop", "lines_too_few_words", "lines_javascript", "lines_policy")


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """What benchmarks/golden_datatrove_c4.py stored."""
    found: dict[str, Any] = json.loads(gzip.decompress(GOLDEN.read_bytes()))
    return found


def digest(text: str) -> str:
    """As the golden file names texts."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def real_texts(golden: dict[str, Any], data: Path) -> list[str]:
    """The texts of the golden file's real documents, in its order."""
    return picked(data, [(corpus, i) for corpus, i, _ in golden["real"]])


def quality_differences(texts: list[str], theirs: list[list[Any]]) -> list[object]:
    """Where `c4_quality` decides otherwise, for another reason, leaves another text or counts other lines."""
    pytest.importorskip("spacy")
    scoring, thresholds = (part.stage for part in parts("c4_quality", {"profile": "datatrove"}))
    assert isinstance(scoring, Map)
    assert isinstance(thresholds, Filter)
    docs = documents({"text": list(texts)})
    columns = scoring.columns(docs)
    reasons = thresholds.reasons(docs.with_columns(columns)).to_pylist()
    left = columns["text"].to_pylist()
    removed = list(zip(*(columns[f"c4_quality.{name}"].to_pylist() for name in _REMOVED), strict=True))
    found: list[object] = []
    for i, (reason, text, lines, *_) in enumerate(theirs):
        if reason != reasons[i]:
            found.append((texts[i][:60], reasons[i], reason))
        elif reason is None and digest(left[i]) != text:
            found.append((texts[i][:60], left[i][:60]))
        # Where one line drops the page datatrove looks at no other.
        elif reason in (None, "too_few_sentences") and list(removed[i]) != lines:
            found.append((texts[i][:60], removed[i], lines))
    return found


def test_odd_documents(golden: dict[str, Any]) -> None:
    texts, theirs = zip(*golden["odd"], strict=True)
    assert quality_differences(list(texts), list(theirs)) == []


def test_real_documents(golden: dict[str, Any], data: Path) -> None:
    assert quality_differences(real_texts(golden, data), [own for *_, own in golden["real"]]) == []


def test_golden_decisions_are_of_every_kind(golden: dict[str, Any]) -> None:
    answers = [own for *_, own in (*golden["real"], *golden["odd"])]
    seen = Counter(own[0] for own in answers)
    assert min(seen[reason] for reason in (None, "too_few_sentences", "lorem_ipsum", "curly_bracket")) >= 5
    assert all(sum(own[2][k] for own in answers) > 0 for k in range(len(_REMOVED)))


def test_neither_the_batch_nor_what_was_asked_before_matters(
    golden: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("spacy")
    texts = [text for text, _ in golden["odd"] if text][:60]

    def sentences(some: list[str]) -> list[int]:
        return spacy_sentences.spacy_sentences(buffers(some), np.array([s.count("\n") + 1 for s in some])).tolist()

    together = sentences(texts)
    assert spacy_sentences.asked() > 5
    spacy_sentences.forget()
    assert spacy_sentences.asked() == 0
    assert [sentences([text])[0] for text in texts] == together
    monkeypatch.setattr(spacy_sentences, "_KNOWN_LIMIT", 0)
    assert sentences(texts) == together


_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def slow_edit(text: str, longest: int, fewest: int) -> tuple[str, dict[str, int]]:
    """The rules, line by line."""
    kept: list[str] = []
    count = dict.fromkeys((*_REMOVED, "citations"), 0)
    for line in text.splitlines():
        line = line.strip()
        words = line.split()
        plain, cut = _CITATION.subn("", line)
        lower = plain.lower()
        if any(len(word) > longest for word in words):
            count["lines_long_word"] += 1
        elif not plain.endswith((".", "?", "!", '"', "'")) or plain.endswith("..."):
            count["lines_without_stop"] += 1
        elif len(words) < fewest:
            count["lines_too_few_words"] += 1
        elif "javascript" in lower:
            count["lines_javascript"] += 1
        elif any(phrase in lower for phrase in _POLICIES):
            count["lines_policy"] += 1
        else:
            kept.append(plain)
            count["citations"] += cut
    return "\n".join(kept).strip(), count


_PARTS = (*PIECES, *"[]", "[1]", "[]", "[٣]", "[edit]", "[citation needed]", "[12", ".", "!", '"', "...", "\n",
          "\x0b", "\x1d",
          "JavaScript", "use coo\u212aies", "Terms of Use", "uses cookies")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(odd_text, st.lists(st.sampled_from(_PARTS), max_size=40).map("".join)), max_size=4))
def test_lines_equal_a_slow_twin(texts: list[str]) -> None:
    pairs = [slow_edit(text, 20, 2) for text in texts]
    left, counts = edited(
        buffers(texts, "It ends [1] so.\n", "\n[2] It goes on."),
        longest_word_chars=20, fewest_words=2, only_stopped=True, cut_citations=True, without_javascript=True,
        without_policies=True,
    )  # fmt: skip
    assert stripped(left).to_pylist() == [text for text, _ in pairs]
    assert counts[:, :6].tolist() == [list(count.values()) for _, count in pairs]
