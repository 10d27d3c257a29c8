"""Thresholds on scores: by language, inclusive, the first one missed names the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chain import apply, parts

from dataprep import catalog
from dataprep.documents import documents
from dataprep.errors import UsageError
from dataprep.scored import Scored

COMPOSITES = ("gopher_quality", "gopher_repetition", "fineweb_quality")

PROSE = (
    "The library opened in spring with a small collection of books that people of the town had given. "
    "Readers came to sit by the tall windows, and most of them would stay until the lamps were lit. "
    "Two years later it had to move to larger rooms, because the shelves could not hold what arrived each week."
)


def composite(name: str, **config: Any) -> Scored:
    stage = catalog.stage(name).model_validate(config)
    assert isinstance(stage, Scored)
    return stage


def bound(stage: Scored, reason: str, language: str) -> Any:
    """What the rule with this reason asks of a document in this language; None: nothing."""
    rule = next((rule for rule in stage.rules("x") if rule["reason"] == reason), {})
    plain = rule.get("min", rule.get("max"))
    return rule.get("languages", {}).get(language, plain)


def test_a_language_of_the_yaml_wins_over_its_defaults_and_those_over_the_plain_field() -> None:
    plain = composite("fineweb_quality", max_short_line_ratio=0.5, max_newline_ratio=0.2)
    assert bound(plain, "too_many_short_lines", "en") == 0.5
    assert bound(plain, "too_many_short_lines", "zh") == 0.79
    assert bound(plain, "too_many_newlines", "zh") == 0.2
    own = composite("fineweb_quality", zh={"max_short_line_ratio": 0.9, "max_newline_ratio": None})
    assert bound(own, "too_many_short_lines", "zh") == 0.9
    assert bound(own, "too_many_newlines", "zh") is None
    assert bound(own, "too_few_punctuated_lines", "zh") == 0.01
    assert bound(own, "too_many_newlines", "en") == 0.3


def test_a_rule_that_is_off_everywhere_is_not_there() -> None:
    off = composite("fineweb_quality", max_newline_ratio=None)
    assert "too_many_newlines" not in [rule["reason"] for rule in off.rules("x")]
    only = composite("fineweb_quality", max_newline_ratio=None, zh={"max_newline_ratio": 0.1})
    assert bound(only, "too_many_newlines", "zh") == 0.1
    assert bound(only, "too_many_newlines", "en") is None


@pytest.mark.parametrize("name", COMPOSITES)
def test_score_settings_and_thresholds_are_disjoint_and_configs_survive_json(name: str) -> None:
    field = composite(name).limits[0].field
    stage = composite(name, **{"zh": {field: 0.5 if "ratio" in field else 5}})
    assert type(stage).model_validate_json(stage.model_dump_json()) == stage
    scoring, thresholds = stage.expand("label")
    assert not scoring.config.keys() & {limit.field for limit in stage.limits}
    assert thresholds.stage == "thresholds"
    assert all(rule["column"].startswith("label.") for rule in thresholds.config["rules"])
    gives = catalog.stage(scoring.stage).model_validate(scoring.config).gives()  # type: ignore[attr-defined]
    assert {f"label.{limit.score}" for limit in stage.limits} == gives.keys()


@pytest.mark.parametrize("name", COMPOSITES)
def test_language_defaults_are_known_thresholds(name: str) -> None:
    stage = composite(name)
    for language, values in stage.language_defaults.items():
        composite(name, **{language: dict(values)})


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"zh": {"min_word": 3}}, "zh: unknown setting 'min_word'; did you mean 'min_words'?"),
        ({"min_word": 3}, "unknown setting 'min_word'; did you mean 'min_words'?"),
        ({"zh": {"max_hash_ratio": 2}}, "zh: max_hash_ratio: must be 1 or less (got 2)"),
        ({"zh": 3}, "zh: must be a mapping, as in {key: value} (got 3)"),
        ({"zh": {"zh": {}}}, "zh: unknown setting 'zh'"),
        ({"zh": {"stop_words": {}}}, "zh: stop_words: shapes a score, which is the same for every language"),
        ({"chinese": {}}, "unknown setting 'chinese'"),
    ],
)
def test_wrong_settings_of_a_language_are_located(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parts("gopher_quality", config)
    assert f"stage 1 gopher_quality: {problem}" in str(caught.value)


def test_the_json_schema_knows_languages() -> None:
    schema = composite("gopher_quality").model_json_schema()
    (own,) = schema["patternProperties"].values()
    assert schema["additionalProperties"] is own["additionalProperties"] is False
    assert "min_words" in own["properties"]
    assert "stop_words" not in own["properties"]


def reasons(rules: list[dict[str, Any]], columns: dict[str, Any]) -> list[str | None]:
    stage = catalog.stage("thresholds").model_validate({"rules": rules})
    docs = documents({"text": [""] * len(next(iter(columns.values())))})
    found: list[str | None] = stage.reasons(docs.with_columns(columns)).to_pylist()  # type: ignore[attr-defined]
    return found


def test_bounds_are_inclusive_and_rounded_as_the_score_was() -> None:
    score = pa.array([0.29, 0.3, 0.31, None], pa.float32())
    assert reasons([{"column": "s", "max": 0.3, "reason": "high"}], {"s": score}) == [None, None, "high", None]
    assert reasons([{"column": "s", "min": 0.3, "reason": "low"}], {"s": score}) == ["low", None, None, None]
    exclusive = [{"column": "s", "max": 0.3, "reason": "high", "exclusive": True}]
    assert reasons(exclusive, {"s": score}) == [None, "high", "high", None]
    assert reasons([{"column": "n", "min": 2.5, "reason": "low"}], {"n": pa.array([2, 3], pa.int32())}) == ["low", None]


def test_the_first_rule_missed_names_the_reason() -> None:
    rules = [{"column": "a", "min": 1, "reason": "first"}, {"column": "b", "min": 1, "reason": "second"}]
    columns = {"a": pa.array([0, 0, 1, 1], pa.int32()), "b": pa.array([0, 1, 0, 1], pa.int32())}
    assert reasons(rules, columns) == ["first", "first", "second", None]


def test_bounds_by_language_leave_rows_without_one_to_the_plain_bound() -> None:
    rules = [{"column": "a", "min": 3, "reason": "low", "languages": {"zh": 1, "ja": None}}]
    columns = {"a": pa.array([2, 2, 2, 2, 0], pa.int32()), "language": pa.array(["en", "zh", "ja", None, "zh"])}
    assert reasons(rules, columns) == ["low", None, None, "low", "low"]
    assert reasons(rules, {"a": pa.array([2], pa.int32())}) == ["low"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (PROSE, "en", None),
        (PROSE, "und", None),
        ("", "en", "gopher_quality too_few_words"),
        ("\n \n", "zh", "gopher_quality too_few_words"),
        (PROSE.replace("the", "le").replace("to", "a").replace("of", "d").replace("that", "q").replace("and", "e")
         .replace("with", "w").replace("have", "h").replace("be", "b"), "en", "gopher_quality too_few_stop_words"),
        ("\n".join(f"<div class='line'><p>{line}</p></div>" for line in PROSE.split()), "en",
         "gopher_quality too_much_markup"),
        ("\n".join(f"- {word}" for word in PROSE.split()), "en", "gopher_quality too_many_bullets"),
        ("\n".join(PROSE.split()), "en", "fineweb_quality too_few_punctuated_lines"),
        (f"{PROSE}\n\n{PROSE}\n\n{PROSE}", "en", "gopher_repetition duplicate_paragraphs"),
        (PROSE.replace(". ", ".\n") + "\n" + PROSE[-50:] + "\n" + PROSE[-50:], "en",
         "gopher_repetition duplicate_5_grams"),
        (PROSE.replace(".", ""), "en", "fineweb_quality too_few_punctuated_lines"),
    ],
)  # fmt: skip
def test_the_chain_of_three(text: str, language: str, expected: str | None, tmp_path: Path) -> None:
    docs = documents({"text": [text], "language": [language]})
    found = None
    for name in COMPOSITES:
        kept, why = apply(parts(name, {}), docs, tmp_path)
        if why:
            found = f"{name} {why[0]}"
            break
        docs = documents({"text": kept.column("text").to_pylist(), "language": kept.column("language").to_pylist()})
    assert found == expected
