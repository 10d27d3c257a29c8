"""C4's lines, pages and paragraphs, and lines of signs: what datatrove did, and kernels that equal slow twins."""

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
from chain import apply, parts
from corpora import picked
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, odd_text

from dataprep.documents import documents
from dataprep.stage import Filter, Map
from dataprep.text import spacy_sentences
from dataprep.text.datatrove_c4 import edited, stripped
from dataprep.text.datatrove_marks import VISIBLE, marks
from dataprep.text.line_counts import nth_longest_line
from dataprep.text.symbol_lines import without_symbol_lines

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


def every_text(golden: dict[str, Any], data: Path) -> tuple[list[str], list[list[Any]]]:
    """All texts of the golden file, and datatrove's answers."""
    texts = [*real_texts(golden, data), *(text for text, _ in golden["odd"])]
    return texts, [own for *_, own in (*golden["real"], *golden["odd"])]


def test_paragraphs_are_judged_as_datatrove_does(golden: dict[str, Any], data: Path, tmp_path: Path) -> None:
    texts, theirs = every_text(golden, data)
    docs = documents({"text": list(texts), "language": ["zh"] * len(texts)})
    for config in ({"profile": "datatrove"}, {"zh": {"min_paragraph_chars": 200}}):
        _, dropped = apply(parts("c4_paragraphs", config), docs, tmp_path)
        assert [i for i, own in enumerate(theirs) if own[3] != (i not in dropped)] == []


def test_lines_of_signs_go_as_in_datatrove(golden: dict[str, Any], data: Path, tmp_path: Path) -> None:
    texts, theirs = every_text(golden, data)
    kept, _ = apply(parts("symbol_lines", {}), documents({"text": list(texts)}), tmp_path)
    left = kept.column("text").to_pylist()
    assert [(texts[i][:60], left[i][:60]) for i, own in enumerate(theirs) if digest(left[i]) != own[4]] == []
    removed = kept.column("symbol_lines.removed_lines").to_pylist()
    assert removed == [slow_signs(text, "")[1] for text in texts]
    assert sum(n > 0 for n in removed) >= 20


def test_golden_decisions_are_of_every_kind(golden: dict[str, Any]) -> None:
    answers = [own for *_, own in (*golden["real"], *golden["odd"])]
    assert min(Counter(own[3] for own in answers).values()) >= 200
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


@settings(max_examples=150, deadline=None)
@given(st.lists(odd_text, max_size=4), st.integers(1, 5))
def test_the_longest_lines_equal_a_slow_twin(texts: list[str], n: int) -> None:
    slow = [sorted(map(len, text.split("\n")), reverse=True) for text in texts]
    found = nth_longest_line(buffers(texts, "Before.\n\n" * 9, "\nBehind."), n)
    assert found.tolist() == [lines[n - 1] if len(lines) >= n else 0 for lines in slow]


_SIGNS = {chr(c) for c in range(0x20000) if not marks()[c] & VISIBLE} | {" "}


def slow_signs(text: str, replacement: str) -> tuple[str, int]:
    """The rule, line by line."""
    left: list[str] = []
    removed, inside = 0, False
    for line in text.splitlines():
        gone = bool(line.strip()) and set(line) <= _SIGNS
        removed += gone
        if not gone:
            left.append(line)
        elif replacement and not inside:
            left.append(replacement)
        inside = gone
    return "\n".join(left), removed


_LINES = st.sampled_from(
    [*"\n\r\v\x1c\x85\u2028", "\r\n", "*", " ", "\t", "\x1f", "\x00", "…", "。", "１", "２", "『", "\u3000", "a", "中"]
)
_RULED = st.one_of(odd_text, st.lists(_LINES, max_size=40).map("".join))


@settings(max_examples=300, deadline=None)
@given(st.lists(_RULED, max_size=4), st.sampled_from(["", "", "§", "\n", "* * *"]))
def test_lines_of_signs_equal_a_slow_twin(texts: list[str], replacement: str) -> None:
    left, removed = without_symbol_lines(buffers(texts, "***\n", "\n***"), replacement)
    pairs = [slow_signs(text, replacement) for text in texts]
    assert left.to_pylist() == [text for text, _ in pairs]
    assert removed.tolist() == [n for _, n in pairs]


@settings(max_examples=50, deadline=None)
@given(_RULED)
def test_lines_of_signs_go_at_once(text: str) -> None:
    left, _ = without_symbol_lines(buffers([text]), "")
    again, removed = without_symbol_lines(buffers(left.to_pylist()), "")
    assert removed.tolist() == [0]
    assert again.to_pylist() in (left.to_pylist(), [left[0].as_py().removesuffix("\n")])


def test_a_bound_of_another_language_is_its_own(tmp_path: Path) -> None:
    languages = ["en", "fr", "und", "zh", "yue", "wuu", "ja", "ko"]
    texts = ["\n".join(["字" * size] * 3) for size in range(60, 210)]
    docs = documents({"text": texts * len(languages), "language": [code for code in languages for _ in texts]})
    _, dropped = apply(parts("c4_paragraphs", {}), docs, tmp_path)
    shortest = {docs["language"][i].as_py(): 60 + i % len(texts) for i in range(len(docs))[::-1] if i not in dropped}
    assert shortest == {"en": 200, "fr": 200, "und": 200, "zh": 70, "yue": 70, "wuu": 70, "ja": 115, "ko": 100}
