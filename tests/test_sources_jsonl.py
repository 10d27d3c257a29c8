"""JSON Lines: what becomes a column, what is skipped, and that cuts do not matter."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataprep.errors import InputError
from dataprep.sources.jsonl import Jsonl
from dataprep.stage import Report
from dataprep.store import File

Row = dict[str, object]


def read(path: Path, target: int = 1 << 40, **config: object) -> tuple[list[Row], Report]:
    source = Jsonl(paths=(str(path),), **({"name": "here"} | config))
    file, report = File(str(path), path.name, path.stat().st_size), Report()
    found: list[Row] = []
    for start, end in source.splits(file, target):
        for batch in source.read(file, start, end, report):
            assert batch.schema == source.gives([file])
            batch.validate(full=True)
            found += batch.to_pylist()
    assert report.records == len(found) + sum(report.skipped.values())
    return found, report


def test_columns_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        {"b": [1, {"ü": None}], "text": "one", "id": 7, "a": "x"},
        {"text": "two", "id": "k", "url": "u", "date": "2024", "source": "wiki"},
        {"text": "", "id": None, "url": {"not": "a string"}, "n": 12345678901234567890123},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    found, report = read(path)
    offsets = [0, *(len(json.dumps(lines[0])) + 1,)]
    offsets.append(offsets[1] + len(json.dumps(lines[1])) + 1)
    blank = {"url": None, "date": None, "metadata": None, "source": "here", "id": ""}
    assert found == [
        blank | {"_place": 0, "id": "7", "text": "one", "metadata": '{"b":[1,{"ü":null}],"a":"x"}'},
        blank | {"_place": offsets[1], "id": "k", "text": "two", "url": "u", "date": "2024", "source": "wiki"},
        blank
        | {"_place": offsets[2], "text": "", "metadata": '{"url":{"not":"a string"},"n":12345678901234567890123}'},
    ]
    assert report.skipped == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "x"', "invalid_json"),
        (b'["text"]', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"text": "\xff"}', "invalid_utf8"),
        (b'{"id": 1}', "no_text"),
        (b'{"text": null}', "no_text"),
        (b'{"text": 5}', "text_not_string"),
        (b'{"text": ["x"]}', "text_not_string"),
    ],
)
def test_reasons(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "before"}\n' + line + b'\n{"text": "after"}\n')
    found, report = read(path)
    assert [row["text"] for row in found] == ["before", "after"]
    assert report.skipped == {reason: 1}


def test_odd_files(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for content, texts in (
        (b"", []),
        (b"\n\r\n  \n", []),
        (b'\xef\xbb\xbf{"text": "bom"}\r\n\r\n{"text": "crlf"}\r\n{"text": "no end"}', ["bom", "crlf", "no end"]),
        (rb'{"text": "\ud83d\ude00 \ud800 \u0000."}', ["😀 � ."]),
    ):
        path.write_bytes(content)
        assert [row["text"] for row in read(path)[0]] == texts


def test_a_wrong_text_key_names_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"content": "x", "id": 1}\n' * 3)
    with pytest.raises(InputError, match=r"no line has the key 'text'; the keys are content, id"):
        read(path)
    assert len(read(path, text_key="content")[0]) == 3


LINES = st.lists(st.dictionaries(st.sampled_from(["text", "id", "x"]), st.text(max_size=40)), min_size=1, max_size=40)


@given(values=LINES, target=st.integers(1, 300), end=st.sampled_from(["\n", "\r\n", "\n\n"]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cuts_and_compression_do_not_matter(tmp_path: Path, values: list[Row], target: int, end: str) -> None:
    values = [{"text": "first"}, *values]
    content = end.join(json.dumps(v, ensure_ascii=False) for v in values).encode("utf-8", "replace")
    half = len(content) // 2
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    expected, seen = read(path)
    assert len(expected) == sum("text" in v for v in values)
    assert len({row["_place"] for row in expected}) == len(expected)
    got, report = read(path, target)
    assert (got, report.skipped) == (expected, seen.skipped)
    for packed in (
        gzip.compress(content[:half]) + gzip.compress(content[half:]),
        zstandard.compress(content[:half]) + zstandard.compress(content[half:]),
    ):
        path.write_bytes(packed)
        got, report = read(path, target)
        assert (got, report.skipped, report.damaged) == (expected, seen.skipped, [])


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress])
def test_a_damaged_file_keeps_the_lines_before(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    lines = [json.dumps({"text": f"line {i} {i * 7919 % 1000}"}) + "\n" for i in range(30_000)]
    packed = pack("".join(lines).encode())
    path = tmp_path / "a.jsonl"
    path.write_bytes(packed)
    expected, _ = read(path)
    assert len(expected) == 30_000
    half = len(packed) // 2
    for bad in (packed[:-1], packed[:half], packed[:half] + b"\0" * 99 + packed[half + 99 :]):
        path.write_bytes(bad)
        found, report = read(path)
        assert len(report.damaged) == 1
        assert report.damaged[0].startswith("a.jsonl: offset 0: ")
        assert "the lines before it are kept" in report.damaged[0]
        if "truncated" in report.damaged[0]:
            assert found == expected[: len(found)]
            assert report.skipped == {}
        else:
            assert report.damaged[0].endswith("unverified")
            safe = min(1000, len(found))
            assert found[:safe] == expected[:safe]


def test_real_files(data: Path) -> None:
    for name, rows in (("zh_oiwiki", 461), ("en_web_text", 2014)):
        found, report = read(data / f"corpora/{name}.jsonl.zst")
        assert len(found) == rows
        assert report.skipped == {}
        assert all(row["text"] for row in found)
