"""`profile: datatrove` decides as datatrove does, for the reasons that datatrove gives, on datatrove's own answers."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chain import parts
from corpora import picked

from dataprep.documents import documents
from dataprep.errors import UsageError
from dataprep.stage import Filter, Map

GOLDEN = Path(__file__).parent / "golden" / "datatrove_0.10.1.json.gz"
pytest.importorskip("spacy")


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """What benchmarks/golden_datatrove.py stored."""
    found: dict[str, Any] = json.loads(gzip.decompress(GOLDEN.read_bytes()))
    return found


def decide(name: str, texts: list[str], languages: list[str] | None = None, **config: object) -> list[str | None]:
    """The reasons of one stage for each document."""
    docs = documents({"text": list(texts), "language": list(languages or ["en"] * len(texts))})
    scoring, thresholds = (part.stage for part in parts(name, {"profile": "datatrove", **config}))
    assert isinstance(scoring, Map)
    assert isinstance(thresholds, Filter)
    reasons: list[str | None] = thresholds.reasons(docs.with_columns(scoring.columns(docs))).to_pylist()
    return reasons


def differences(golden: dict[str, Any], texts: list[str], theirs: list[list[str | None]]) -> list[object]:
    """Where a stage decides otherwise than datatrove, or for another reason."""
    found: list[object] = []
    for k, name in enumerate(golden["filters"]):
        expected = [golden["reasons"].get(own[k], own[k]) for own in theirs]
        decided = decide(name, texts)
        found += [(name, text[:60], a, b) for text, a, b in zip(texts, decided, expected, strict=True) if a != b]
    return found


def test_odd_documents(golden: dict[str, Any]) -> None:
    assert differences(golden, [text for text, _ in golden["odd"]], [reasons for _, reasons in golden["odd"]]) == []


def test_real_documents(golden: dict[str, Any], data: Path) -> None:
    texts = picked(data, [(corpus, i) for corpus, i, _ in golden["real"]])
    assert differences(golden, texts, [reasons for *_, reasons in golden["real"]]) == []


def test_golden_decisions_are_of_every_kind(golden: dict[str, Any]) -> None:
    all_of = [reasons for *_, reasons in (*golden["real"], *golden["odd"])]
    for k in range(len(golden["filters"])):
        seen = Counter(golden["reasons"].get(reasons[k], reasons[k]) for reasons in all_of)
        assert seen[None] > 50
    named = {golden["reasons"][own] for reasons in all_of for own in reasons if own}
    assert named == set(golden["reasons"].values()) - {"too_many_words"}


def test_every_reason_has_a_name(golden: dict[str, Any]) -> None:
    names = set(golden["reasons"].values())
    for name in golden["filters"]:
        (_, thresholds) = (part.stage for part in parts(name, {"profile": "datatrove"}))
        assert isinstance(thresholds, Filter)
        assert set(thresholds.defects()) <= names


def test_a_language_may_have_its_own_bounds() -> None:
    text = "今天 天气 很好 。" * 20
    assert decide("gopher_quality", [text, text], ["zh", "en"]) == ["words_too_short"] * 2
    lenient = {"min_mean_word_length": None, "min_stop_words": None, "min_alphabetic_word_ratio": 0.1}
    assert decide("gopher_quality", [text, text], ["zh", "en"], zh=lenient) == [None, "words_too_short"]


def test_defaults_are_those_of_the_fields() -> None:
    assert decide("gopher_quality", ["three words here"], min_words=3, min_stop_words=None) == [None]


@pytest.mark.parametrize(
    ("stage", "config", "at"),
    [
        ("gopher_quality", {"max_markup_ratio": 0.1}, "max_markup_ratio"),
        ("gopher_quality", {"zh": {"max_markup_ratio": 0.1}}, "max_markup_ratio"),
        ("gopher_quality", {"stop_words": {"en": ["a"]}}, "stop_words"),
        ("gopher_repetition", {"profile": "multilingual", "min_chars": 1}, "min_chars"),
        ("fineweb_quality", {"profile": "multilingual", "min_lines": 1}, "min_lines"),
        ("fineweb_quality", {"profile": "multilingual", "zh": {"min_lines": 1}}, "min_lines"),
    ],
)
def test_what_a_profile_does_not_have_is_refused(stage: str, config: dict[str, object], at: str) -> None:
    with pytest.raises(UsageError, match=f"{at}.* is no rule or setting of `profile: "):
        parts(stage, {"profile": "datatrove", **config})


def test_settings_of_a_profile_count() -> None:
    text = "A line of forty characters ends with dot.\n" * 1 + "Another line of some length ends here too."
    assert decide("fineweb_quality", [text]) == [None]
    assert decide("fineweb_quality", [text], short_line_chars=50) == ["too_many_short_lines"]
