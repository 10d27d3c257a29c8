"""`line_edits` against the same rules in plain Python, and what a run says of the lines that went."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import odd_text
from runs import dataprep, error, manifest, write_jsonl, write_pipeline

from dataprep import documents as docs_module
from dataprep.lists.boilerplate import COUNTER, NAVIGATION
from dataprep.stages.quality.line_edits_scores import LineEditsScores
from dataprep.text import tables

RULES = ("upper_case", "numbers", "counter", "one_word", "navigation")
LINES = (
    "Sign in", "Read more...", "see the page, read more", "2 items in your cart", "3 likes", "1.2k views · 12 comments",
    "阅读 1234", "点赞(5)", "12条评论", "登录 | 注册", "阅读全文 >", "上一篇：汤", "购物车", "首页", "今天的汤",
    "SOUP OF DAY", "BBC 的汤", "12:30", "１２", "2024年", "Soup", "***", "Soup is good food and we eat it.", "",
)  # fmt: skip
some_lines = st.lists(st.one_of(st.sampled_from(LINES), odd_text), max_size=8).map("\n".join)


def kind(c: str) -> int:
    return int(tables.classes()[ord(c)])


def found(pattern: str, line: str) -> bool:
    return bool(pc.match_substring_regex(pa.array([line]), pattern)[0].as_py())


def rule_of(line: str, words: list[str]) -> str | None:
    """The first rule that a stripped line meets."""
    seen = [c for c in line if kind(c) not in (tables.OTHER, tables.SPACE, tables.JOINER, tables.MARK)]
    alone = [w for w in words if kind(w[0]) in (tables.HAN, tables.SOUTH_EAST_ASIAN)]
    if sum(c.isupper() for c in line) > 0.5 * len(seen):
        return "upper_case"
    letters = [c for c in line if unicodedata.category(c)[0] == "L" or kind(c) == tables.HAN]
    if not letters and any(kind(c) == tables.DIGIT for c in line):
        return "numbers"
    if 0 < len(words) <= 10 and found(COUNTER, line):
        return "counter"
    if len(words) == 1 or (len(alone) == len(words) == 2):
        return "one_word"
    if 0 < len(words) <= 10 and found(NAVIGATION, line):
        return "navigation"
    return None


def words_of(lines: list[str]) -> list[list[str]]:
    given = docs_module.documents({"text": list(lines)})
    raw, view = given.text.data.tobytes(), given.words
    return [
        [raw[view.start[k] : view.end[k]].decode() for k in range(view.offsets[d], view.offsets[d + 1])]
        for d in range(len(lines))
    ]


def twin(text: str) -> dict[str, Any]:
    lines = text.split("\n")
    counts = dict.fromkeys(RULES, 0)
    kept, removed, total = [], 0, 0
    for line, words in zip(lines, words_of([line.strip() for line in lines]), strict=True):
        rule = rule_of(line.strip(), words) if line.strip() else None
        total += len(words)
        if rule is None:
            kept.append(line)
        else:
            counts[rule] += 1
            removed += len(words)
    return {"text": "\n".join(kept), **counts, "removed": removed, "total": total}


def agree(texts: list[str], batch: int) -> None:
    stage = LineEditsScores(prefix="e")
    whole = docs_module.documents({"text": list(texts)}).batch
    for first in range(0, len(texts), batch):
        made = stage.columns(docs_module.Documents(whole.slice(first, batch)))
        for n, text in enumerate(texts[first : first + batch]):
            expected = twin(text)
            assert made["text"][n].as_py() == expected["text"], repr(text)
            assert {rule: made[f"e.{rule}"][n].as_py() for rule in RULES} == {r: expected[r] for r in RULES}, repr(text)
            share = expected["removed"] / expected["total"] if expected["total"] else 0.0
            assert made["e.removed_word_ratio"][n].as_py() == pytest.approx(share, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(some_lines, min_size=1, max_size=4), st.integers(1, 4))
def test_equals_plain_python(texts: list[str], batch: int) -> None:
    agree(texts, batch)


@pytest.mark.parametrize("name", ["en_web_text", "zh_javaguide"])
def test_equals_plain_python_on_real_text(data: Path, name: str) -> None:
    import zstandard

    with zstandard.open(data / "corpora" / f"{name}.jsonl.zst", "rt", encoding="utf-8") as rows:
        texts = [json.loads(next(rows))["text"][:4000] for _ in range(12)]
    agree(texts, 5)


def test_a_run_counts_lines_by_rule_and_list(tmp_path: Path) -> None:
    (tmp_path / "ads.txt").write_text("加微信\nbuy now\n", "utf-8")
    body = "The soup was warm and we had two bowls of it. " * 9
    rows = [
        {"text": f"3 likes\n{body}\nPlease buy  NOW!"},
        {"text": f"buy nowhere\n{body}\n12:30"},
        {"text": "加\n微信"},
    ]
    write_jsonl(tmp_path / "in.jsonl", rows)
    stage = {"line_edits": {"phrases": {"ads": str(tmp_path / "ads.txt")}}}
    pipeline = write_pipeline(tmp_path, [stage], source={"jsonl": str(tmp_path / "in.jsonl")})
    dataprep("run", pipeline)
    (entry,) = manifest(tmp_path / "out")["stages"][1:]
    counts = {t["name"].removeprefix("line_edits."): (t["count"], t["documents"]) for t in entry["tallies"]}
    assert counts == {"ads": (1, 1), "counter": (1, 1), "numbers": (1, 1), "one_word": (2, 1)}
    assert entry["dropped"] == {"too_many_removed_words": 1}


def test_a_missing_list_is_one_line(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"text": "x"}])
    stage = {"line_edits": {"phrases": {"ads": str(tmp_path / "none.txt")}}}
    pipeline = write_pipeline(tmp_path, [stage], source={"jsonl": str(tmp_path / "in.jsonl")})
    assert "none.txt" in error("run", pipeline, code=2)
