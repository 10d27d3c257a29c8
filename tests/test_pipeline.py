"""A mistake in a pipeline file is one line that says where, what and what instead; exit code 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs import error, make_plan, write_jsonl, write_pipeline

from dataprep.errors import UsageError
from dataprep.pipeline import load, parse

GOOD: dict[str, Any] = {"name": "p", "source": {"jsonl": "x.jsonl"}, "output": "out", "stages": ["gopher_quality"]}

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"stages": ["gopher_qualty"]}, "p.yaml: stage 1: unknown stage 'gopher_qualty'; did you mean 'gopher_quality'?"),
    (
        {"stages": [{"gopher_quality": {"min_word": 5}}]},
        "p.yaml: stage 1 gopher_quality: unknown setting 'min_word'; did you mean 'min_words'?",
    ),
    ({"stages": [{"gopher_quality": {"min_words": "few"}}]}, "p.yaml: stage 1 gopher_quality: min_words: "),
    (
        {"stages": [{"gopher_quality": {"zh": {"min_word": 5}}}]},
        "zh: unknown setting 'min_word'; did you mean 'min_words'?",
    ),
    (
        {"stages": [{"gopher_quality": {"max_hash_ratio": 1.5}}]},
        "max_hash_ratio: must be 1 or less",
    ),
    (
        {"stages": ["exact_dedup", "exact_dedup"]},
        "stage 2 exact_dedup: the name is taken by stage 1; give this one `as:",
    ),
    ({"stages": [{"gopher_quality": 3}]}, "p.yaml: stage 1 gopher_quality: settings must be a mapping"),
    ({"stages": [{"a": {}, "b": {}}]}, "p.yaml: stage 1: one stage a list item, found a, b"),
    ({"source": {"warcs": "x"}}, "unknown source 'warcs'; did you mean 'warc'?"),
    ({"source": {"warc": "x", "jsonl": "y"}}, "p.yaml: source: give one kind"),
    ({"source": {"jsonl": {"paths": "x", "text_kye": "t"}}}, "unknown setting 'text_kye'; did you mean 'text_key'?"),
    ({"outptu": "x"}, "p.yaml: unknown setting 'outptu'; did you mean 'output'?"),
    ({"stages": [3]}, "p.yaml: stage 1: must be a name, or a name with its settings"),
    ({"stages": ["exact_dedup", None]}, "p.yaml: stage 2: must be a name, or a name with its settings"),
    ({"output": ""}, "p.yaml: output: "),
    ({"name": "no/slash"}, "p.yaml: name: "),
    ({"on_error": "skip"}, "p.yaml: on_error: input should be 'fail' or 'quarantine' (got 'skip')"),
    ({"max_batch_seconds": 0}, "p.yaml: max_batch_seconds: must be more than 0"),
]


@pytest.mark.parametrize(("change", "line"), MISTAKES)
def test_mistakes(change: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(GOOD | change, "p.yaml")
    message = str(caught.value)
    assert line in message
    assert message.startswith("p.yaml:")
    assert "\n" not in message


@pytest.mark.parametrize("key", ["name", "source", "output", "stages"])
def test_missing_keys(key: str) -> None:
    with pytest.raises(UsageError, match=f"p.yaml: '{key}' is missing"):
        parse({k: v for k, v in GOOD.items() if k != key}, "p.yaml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\nname: b\n", "line 2 'name' is given twice"),
        ("name: [a\n", "line 2"),
        ("- a\n- b\n", "must be a mapping"),
        ("", "must be a mapping"),
        ("name: \tx: y", "line 1"),
        ("name: a\n? [b, c]\n: d\n", "line 2 a key must be a word"),
        ("name: {{a: b}: c}\n", "line 1 a key must be a word"),
    ],
)
def test_yaml_that_is_none(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    message = error("run", path, code=2)
    assert "p.yaml" in message
    assert line in message


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "no such file" in error("run", tmp_path / "none.yaml", code=2)
    assert "is a folder" in error("run", tmp_path, code=2)
    (tmp_path / "p.yaml").write_bytes("name: 中文".encode("gb18030"))
    assert "is not UTF-8" in error("plan", tmp_path / "p.yaml", code=2)


def test_set_changes_one_setting(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, [{"gopher_quality": {"max_words": 500, "as": "q"}}, "gopher_repetition"])
    pipe = load(path, overrides=("q.min_words=7", "q.zh.min_words=3", "gopher_repetition.max_top_2_gram_ratio=null"))
    quality, repetition = (entry.stage for entry in pipe.entries)
    assert (quality.min_words, quality.max_words) == (7, 500)  # type: ignore[attr-defined]
    assert repetition.max_top_2_gram_ratio is None  # type: ignore[attr-defined]
    assert [entry.label for entry in pipe.entries] == ["q", "gopher_repetition"]
    for wrong, line in [
        ("gopher.min_words=1", "no stage 'gopher'"),
        ("q", "STAGE.KEY=VALUE"),
        ("q.x=1", "unknown setting"),
    ]:
        with pytest.raises(UsageError, match=line):
            load(path, overrides=(wrong,))


def test_norwegian_is_no_boolean(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("name: p\nsource: {jsonl: x}\noutput: o\nstages: [{language: {keep: [no, en]}}]\n")
    assert load(path).entries[0].stage.keep == ("no", "en")  # type: ignore[attr-defined]


def test_input_chooses_its_kind(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "x"}])
    path = write_pipeline(tmp_path, ["gopher_quality"], source={"warc": "nothing.warc.gz"})
    assert make_plan(path, inputs=(str(tmp_path / "a.jsonl"),)).pipeline.source_kind == "jsonl"
    message = error("run", path, "--input", "a.jsonl", "--input", "b.parquet", code=2)
    assert "mixes jsonl, parquet" in message


def test_a_stage_needs_its_columns(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "x"}])
    rule = {"column": "quality", "min": 1, "reason": "low"}
    path = write_pipeline(tmp_path, [{"thresholds": {"rules": [rule]}}], source={"jsonl": str(tmp_path / "a.jsonl")})
    message = error("run", path, code=2)
    assert "needs column 'quality'" in message
    assert "there are id, text, source, url, date, metadata" in message
