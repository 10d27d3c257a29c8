"""The stage reference is complete and not stale, and the JSON Schema accepts what a run accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dataprep import catalog, reference
from dataprep.errors import UsageError
from dataprep.pipeline import parse
from dataprep.yaml_schema import DRAFT, yaml_schema

ROOT = Path(__file__).parent.parent
README = ROOT / "dataprep/stages/README.md"
NAMES = [*catalog.stage_names(), *catalog.source_names()]


@pytest.fixture(scope="module")
def valid() -> jsonschema.Draft202012Validator:
    schema = yaml_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DRAFT
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


# ---------------------------------------------------------------- reference


def test_the_reference_is_not_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATAPREP_STAGES", raising=False)
    assert README.read_text("utf-8") == reference.markdown(reference.entries()), "type: make docs"


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_and_source_is_documented(name: str) -> None:
    entry = reference.entry(name)
    assert entry.summary
    assert entry.summary in " ".join(entry.text.split()) or "(" in entry.text.partition("\n\n")[0]
    for setting in entry.settings:
        assert setting.text.endswith((".", "`")), f"{name}.{setting.name}: {setting.text!r}"
        assert "anything" not in setting.type, f"{name}.{setting.name}"
    if entry.kind == "filter":
        assert entry.reasons
    if entry.kind == "map":
        assert entry.columns
    if entry.kind == "source":
        assert entry.suffixes
    page = reference.page(entry)
    for known in [*(s.name for s in entry.settings), *entry.reasons, *entry.columns, *entry.packages, *entry.parts]:
        assert known in page
    assert len(page.splitlines()) > 5


def test_the_listing_and_the_reference_name_everything() -> None:
    entries = reference.entries()
    assert [e.name for e in entries if e.kind == "source"] == catalog.source_names()
    assert sorted(e.name for e in entries if e.kind != "source") == catalog.stage_names()
    listing, text = reference.listing(entries), reference.markdown(entries)
    for entry in entries:
        assert entry.summary in listing
        assert (f"- `{entry.name}`: " if entry.used_by else f"### {entry.name}\n") in text


def test_a_composite_shows_what_its_parts_give() -> None:
    entry = reference.entry("gopher_quality")
    assert entry.parts == ["gopher_quality_scores", "thresholds"]
    assert "too_few_words" in entry.reasons
    assert entry.columns["gopher_quality.words"] == "int32"
    words = next(s for s in entry.settings if s.name == "min_words")
    assert (words.type, words.default, words.reason) == ("integer >= 0 or null", "50", "too_few_words")
    assert words.languages["th"] == "200"
    assert "gopher_quality" in reference.entry("thresholds").used_by


def test_examples_show_every_document() -> None:
    for name in catalog.stage_names():
        shown = reference.entry(name).examples
        assert len(shown) == sum(len(next(iter(e.given.values()))) for e in catalog.stage(name).examples)


# ---------------------------------------------------------------- JSON Schema


def _pipeline(*stages: Any, source: Any = "a.jsonl", **more: Any) -> dict[str, Any]:
    return {"name": "p", "source": {"jsonl": source}, "output": "out/p", "stages": list(stages), **more}


@pytest.mark.parametrize(
    "path",
    sorted(
        set(ROOT.glob("pipelines/*.yaml")) - {*ROOT.glob("pipelines/mix*.yaml"), *ROOT.glob("pipelines/pretrain*.yaml")}
    ),
    ids=lambda p: p.name,
)
def test_every_pipeline_of_ours_is_valid(path: Path, valid: jsonschema.Draft202012Validator) -> None:
    assert [e.message for e in valid.iter_errors(yaml.safe_load(path.read_text("utf-8")))] == []


@pytest.mark.parametrize("name", catalog.stage_names())
def test_settings_of_examples_are_valid(name: str, valid: jsonschema.Draft202012Validator) -> None:
    for example in catalog.stage(name).examples:
        config = json.loads(json.dumps(example.config))
        assert [e.message for e in valid.iter_errors(_pipeline({name: config}))] == []
        assert [e.message for e in valid.iter_errors(_pipeline({name: config | {"as": "other"}}))] == []


@pytest.mark.parametrize(
    "good",
    [
        _pipeline(),
        _pipeline("gopher_quality", {"gopher_quality": {"as": "again", "min_words": None}}),
        _pipeline({"gopher_quality": None}),
        _pipeline({"gopher_quality": {"zh": {"min_words": 10, "max_words": None}}}),
        _pipeline({"exact_dedup": {}}, source=["a.jsonl", "b.jsonl"]),
        _pipeline(source={"paths": "a.jsonl", "text_key": "content"}, on_error="quarantine", max_batch_seconds=5),
        _pipeline({"tokenize": {"tokenizer": "t"}}, kind="tokens"),
    ],
)
def test_what_a_run_accepts_is_valid(good: dict[str, Any], valid: jsonschema.Draft202012Validator) -> None:
    parse(good, "p.yaml")
    assert [e.message for e in valid.iter_errors(good)] == []


@pytest.mark.parametrize(
    "bad",
    [
        _pipeline("gopher_qualty"),
        _pipeline({"gopher_quality": {"min_word": 5}}),
        _pipeline({"gopher_quality": {"min_words": "many"}}),
        _pipeline({"gopher_quality": {"max_hash_ratio": 1.5}}),
        _pipeline({"gopher_quality": {"zh": {"min_word": 5}}}),
        _pipeline({"gopher_quality": {"zh": {"stop_words": {"zh": ["的"]}}}}),
        _pipeline({"gopher_quality": {}, "exact_dedup": {}}),
        _pipeline("duplicate"),
        _pipeline(source={"paths": "a.jsonl", "textkey": "content"}),
        _pipeline(source={"text_key": "content"}),
        _pipeline(on_error="ignore"),
        _pipeline(outptu="x"),
        _pipeline({"tokenize": {"tokenizer": "t"}}, kind="token"),
        _pipeline() | {"source": {"jsonl": "a", "warc": "b"}},
        _pipeline() | {"source": {"josnl": "a"}},
        {k: v for k, v in _pipeline().items() if k != "output"},
    ],
)
def test_what_a_run_refuses_is_not_valid(bad: dict[str, Any], valid: jsonschema.Draft202012Validator) -> None:
    with pytest.raises(UsageError):
        parse(bad, "p.yaml")
    assert not valid.is_valid(bad)


@pytest.mark.usefixtures("own_stages")
def test_a_stage_that_can_not_be_made_is_asked_for_an_example() -> None:
    with pytest.raises(UsageError, match="stage long: has settings without a default; give it an `Example`"):
        reference.entry("long")
