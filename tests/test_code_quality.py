"""Code rules equal their published expressions; headers of real files are found, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chain import apply, parts
from corpora import rows
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, odd_text
from runs import dataprep, write_jsonl, write_pipeline

from dataprep import catalog, schema
from dataprep.documents import documents
from dataprep.stage import Map
from dataprep.text import tables
from dataprep.text.code import code_counts
from dataprep.text.heads import heads
from dataprep.text.licence_headers import WORDS, licence_headers

ENCODED = (
    re.compile(r"[a-zA-Z0-9+/\n=]{64,}"),
    re.compile(r"(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}"),
    re.compile(r"(?:\\u[0-9a-fA-F]{4}){8,}"),
)
MORE = ("0x1f,", "de ", "ad,", "0xab", "\\x41", "\\u00e9", "\\u12", "A" * 40, "+/=" * 9, "be", "\n", "_", " ",
        "00 11 22 ",         "\\xff\\xfe", "ff" * 9, "\\u4e2d" * 7, "0x", "x")  # fmt: skip
code_text = st.lists(st.sampled_from((*PIECES, *MORE * 4)), max_size=40).map("".join)


def kind(c: str) -> int:
    return int(tables.classes()[ord(c)])


def counts_twin(text: str) -> tuple[int, ...]:
    lines = text.split("\n")
    found = [len(m) for pattern in ENCODED for m in pattern.findall(text)]
    letters = sum(kind(c) >= tables.LETTER and kind(c) != tables.DIGIT for c in text)
    return (
        len(text),
        len(lines) - (lines[-1] == ""),
        len(text.replace("\n", "")),
        max(map(len, lines)),
        letters + sum(kind(c) == tables.DIGIT for c in text),
        letters,
        sum(found),
        max(found, default=0),
    )


@settings(deadline=None, max_examples=500)
@given(st.lists(st.one_of(code_text, odd_text), min_size=1, max_size=4))
def test_counts_equal_their_twin(texts: list[str]) -> None:
    # What a word character is differs for marks and for radicals: Python's `\\w` is what the expressions mean.
    given = ["".join(c for c in t if c.isascii() or (kind(c) >= tables.LETTER) == c.isalnum()) for t in texts]
    found = code_counts(buffers(given, "A" * 70, "A" * 70))
    assert [tuple(n[d] for n in found) for d in range(len(given))] == [counts_twin(t) for t in given]


@settings(deadline=None, max_examples=100)
@given(st.lists(odd_text, min_size=1, max_size=4), st.integers(1, 3))
def test_heads_are_first_lines(texts: list[str], lines: int) -> None:
    text = buffers(texts, "x\n", "y")
    assert heads(text, lines).to_pylist() == ["".join(islice(re.findall(r"[^\n]*\n|[^\n]+", t), lines)) for t in texts]
    assert all(len(head.encode()) <= 10 for head in heads(text, 9, 7).to_pylist())


@cache
def files(data: Path) -> list[dict[str, Any]]:
    """Every 20th file of the packages."""
    return list(islice(rows(data / "corpora/code_py_js_go.jsonl.zst"), 0, None, 20))


def test_counts_equal_their_twin_on_real_files(data: Path) -> None:
    texts = [file["text"] for file in files(data)[::3]]
    found = code_counts(buffers(texts))
    for d, text in enumerate(texts):
        assert tuple(n[d] for n in found)[:4] == counts_twin(text)[:4]
        if text.isascii():
            assert tuple(n[d] for n in found) == counts_twin(text)


def stripped(texts: list[str]) -> list[str]:
    stage = catalog.stage("strip_licence_header")()
    assert isinstance(stage, Map)
    made = stage.columns(documents({schema.TEXT: list(texts)}))
    for old, new, n in zip(texts, made["text"].to_pylist(), made["strip_licence_header.header_chars"], strict=True):
        assert len(old) - len(new) == n.as_py()
    result: list[str] = made["text"].to_pylist()
    return result


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("#!/bin/sh\n\n# Copyright\n\necho\n", "#!/bin/sh\n\necho\n"),
        ("# -*- coding: utf-8 -*-\n# Copyright x\n\n# notes\n", "# -*- coding: utf-8 -*-\n# notes\n"),
        ("//go:build linux\n\n// Copyright\n\npackage a\n", "//go:build linux\n\npackage a\n"),
        ("/*\n * Licensed under X\n */\n\n/* more: all rights reserved */\nint a;\n", "int a;\n"),
        ("/* licence */ int a;\n", " int a;\n"),
        ("<!-- SPDX-License-Identifier: MIT -->\n<p>x</p>", "<p>x</p>"),
        ("-- Copyright\n-- x\nSELECT 1;\n", "SELECT 1;\n"),
        ("\ufeff// COPYRIGHT\nlet a", "\ufefflet a"),
        ("\r\n// copyright\r\n\r\nlet a\r\n", "\r\nlet a\r\n"),
        ("// About\n\n// Copyright\nlet a", "// About\n\n// Copyright\nlet a"),
        ("#include <copyright.h>\n", "#include <copyright.h>\n"),
        ("/* copyright without an end", "/* copyright without an end"),
        ("x = 'copyright'\n", "x = 'copyright'\n"),
        ("# Copyright", ""),
        ("", ""),
    ],
)
def test_headers(text: str, left: str) -> None:
    assert stripped([text]) == [left]


COMMENTS = st.lists(
    st.sampled_from(["#", "//", "/*", "*/", " ", "\n", "\n\n", "copyright", "License", "x", "--", "<!--", "-->", "#!",
                     "中",                      "coding", "//go:", "\r\n", "%", ";", "\ufeff"]),
    max_size=14,
).map("".join)  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.lists(COMMENTS, min_size=1, max_size=3))
def test_stripping_twice_changes_nothing_more_and_only_comments_go(texts: list[str]) -> None:
    once = stripped(texts)
    assert stripped(once) == once
    text = buffers(texts)
    raw = text.data.tobytes()
    for a, b in zip(*licence_headers(text), strict=True):
        gone = raw[a:b].decode()
        assert not gone or any(word in gone.lower() for word in WORDS)
        assert not gone or gone.lstrip(" \t")[0] in "#/-<;%"


def test_headers_of_real_files(data: Path) -> None:
    """Found wherever the first comment of a file has one of the words, and the code behind it is untouched."""
    given = files(data)
    left = stripped([file["text"] for file in given])
    found = 0
    for file, rest in zip(given, left, strict=True):
        text = file["text"]
        if rest == text:
            lines = [line for line in text.split("\n")[:2] if line.startswith(("//", "#")) and "#!" not in line]
            assert not any(re.search("copyright", line, re.I) for line in lines[:1]), text[:200]
            continue
        found += 1
        assert text.endswith(rest[-1000:])
        assert len(text) - len(rest) < 16_384
        code = [line for line in text.split("\n") if re.match(r"(import|from|package|func|def|class|const|var) ", line)]
        assert all(line in rest for line in code[:20])
    assert 0.35 < found / len(given) < 0.75


def test_most_real_files_are_kept(data: Path, tmp_path: Path) -> None:
    given = files(data)
    keys = ("path", "licence")
    metadata = [json.dumps({key: file[key] for key in keys}) for file in given]
    docs = documents({"text": [file["text"] for file in given], "metadata": metadata})
    kept, why = apply(parts("code_quality", {"licences": ["apache", "bsd", "mit"]}), docs, tmp_path)
    assert kept.num_rows / len(given) >= 0.85
    reasons = Counter(why.values())
    assert reasons["generated"] > 0
    # The licence and the path are also found as columns.
    columns = {key: [file[key] for file in given] for key in keys}
    again = documents({"text": [file["text"] for file in given], **columns})
    assert apply(parts("code_quality", {"licences": ["apache", "bsd", "mit"]}), again, tmp_path)[1] == why
    mine = [file["licence"] for file in given]
    _, isc = apply(parts("licence", {"allow": ["MIT"]}), docs, tmp_path)
    assert len(given) - len(isc) == mine.count("MIT")


def test_minified_code_is_dropped(data: Path, tmp_path: Path) -> None:
    given = [re.sub(r"\s*\n\s*", " ", file["text"]) for file in files(data) if len(file["text"]) > 3000][:100]
    _, why = apply(parts("code_quality", {}), documents({"text": given}), tmp_path)
    assert len(why) == len(given)


def test_a_whole_run_reads_path_and_licence_from_metadata(tmp_path: Path) -> None:
    rows = [
        {"text": "# Copyright\nprint('hello, world')\n", "path": "a.py", "licence": "MIT"},
        {"text": "print('hello, world')\n", "path": "b.py", "licence": "GPL-3.0"},
        {"text": '{"a": 1}', "path": "c.json", "licence": "Apache-2.0"},
    ]
    write_jsonl(tmp_path / "in.jsonl", rows)
    stages = [{"code_quality": {"licences": ["apache", "mit"]}}, "strip_licence_header"]
    path = write_pipeline(tmp_path, stages, source={"jsonl": str(tmp_path / "in.jsonl")})
    dataprep("run", path)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["stages"][2]["tallies"][0] == {
        "name": "header_chars", "language": "und", "source": "test", "count": 12, "documents": 1,
    }  # fmt: skip
    assert manifest["stages"][1]["dropped"] == {"licence_not_allowed": 1, "data_too_short": 1}


def test_visible_text_of_html(tmp_path: Path) -> None:
    stage = catalog.stage("code_quality_scores")()
    assert isinstance(stage, Map)
    page = "<style>p {}</style><SCRIPT>let a = 1;</SCRIPT><p class='x'>one two</p>\n"
    made = stage.columns(documents({"text": [page, page], "path": ["a.htm", "a.js"]}))
    assert made["code_quality.visible_chars"].to_pylist() == [6, None]
    assert np.isclose(made["code_quality.visible_ratio"][0].as_py(), 6 / len(page))
