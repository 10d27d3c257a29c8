"""Parquet: columns keep their types, cuts do not matter, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.errors import InputError
from dataprep.sources.parquet import Parquet
from dataprep.stage import Report
from dataprep.store import File, find


def file(path: Path) -> File:
    return File(str(path), path.name, path.stat().st_size)


def read(path: Path, target: int = 1 << 40, **config: object) -> tuple[pa.Table, Report]:
    source = Parquet(paths=(str(path),), **({"name": "here"} | config))
    columns, report = source.gives([file(path)]), Report()
    ranges = source.splits(file(path), target)
    batches = [b for start, end in ranges for b in source.read(file(path), start, end, report)]
    for batch in batches:
        assert batch.schema == columns
        batch.validate(full=True)
    table = pa.Table.from_batches(batches, columns)
    assert report.records == len(table) + sum(report.skipped.values())
    return table, report


def test_columns_keep_their_types_and_cuts_do_not_matter(tmp_path: Path) -> None:
    n = 1000
    table = pa.table(
        {
            "tags": pa.array([["a", str(i)] for i in range(n)]),
            "content": pa.array([f"text {i}" if i % 7 else None for i in range(n)]).dictionary_encode(),
            "id": pa.array(range(n), pa.int32()),
            "score": pa.array([i / 7 for i in range(n)], pa.float32()),
            "date": pa.array([86_400 * i for i in range(n)], pa.timestamp("s")),
            "source": pa.array([None if i % 2 else "wiki" for i in range(n)]),
            "language": pa.array(["en", "zh"] * (n // 2)).dictionary_encode(),
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=90)
    found, report = read(path, text_column="content")
    assert report.skipped == {"no_text": 143}
    assert found.schema.names == ["_place", "id", "text", "source", "tags", "score", "date", "language"]
    assert found.schema.field("language").type == pa.string()
    kept = [i for i in range(n) if i % 7]
    assert found["_place"].to_pylist() == kept
    assert found["id"].to_pylist() == [str(i) for i in kept]
    assert found["text"].to_pylist() == [f"text {i}" for i in kept]
    assert found["source"].to_pylist() == ["here" if i % 2 else "wiki" for i in kept]
    assert found["tags"].to_pylist() == [["a", str(i)] for i in kept]
    assert found.schema.field("score").type == pa.float32()
    assert found["date"][0].as_py() == "1970-01-02T00:00:00.000"
    for target in (1, 2000, 5000):
        assert len(Parquet(paths=("x",), text_column="content").splits(file(path), target)) > 1
        assert read(path, target, text_column="content")[0] == found


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    def make(name: str, **columns: object) -> File:
        pq.write_table(pa.table(columns), tmp_path / name)
        return file(tmp_path / name)

    good = make("good.parquet", text=["a"], year=pa.array([1], pa.int64()))
    source = Parquet(paths=("x",))
    for bad, message in (
        (make("type.parquet", text=["a"], year=["x"]), r"type.parquet: column 'year' is string, but int64 in .*good"),
        (make("none.parquet", body=["a"]), r"none.parquet: no column 'text'; known: body: set `text_column`"),
        (make("near.parquet", texts=["a"]), r"did you mean 'texts'"),
        (make("int.parquet", text=[1]), r"int.parquet: column 'text' must hold strings, not int64"),
        (make("language.parquet", text=["a"], language=[1]), r"column 'language' must hold strings, not int64; rename"),
        (make("id.parquet", text=["a"], id=[[1]]), r"id.parquet: column 'id' must hold strings, not list"),
    ):
        with pytest.raises(InputError, match=message):
            source.gives([good, bad])
    twice = pa.table([["a"], ["b"], ["c"]], names=["text", "note", "note"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(InputError, match=r"twice.parquet: has more than one column 'note'; rename all but one"):
        source.gives([file(tmp_path / "twice.parquet")])
    more = make("more.parquet", text=["b"], extra=[True])
    assert source.gives([good, more]).names == ["_place", "id", "text", "source", "year", "extra"]


def test_broken_files(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for content in (b"", b"PAR1", b"not parquet at all"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a.parquet: not a readable Parquet file"):
            read(path)
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    assert len(read(path)[0]) == 0
    text = [f"{i} {i * 7919 % 10007}" for i in range(20_000)]
    pq.write_table(pa.table({"text": text}), path, row_group_size=5000, use_dictionary=False)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 2000] = bytes(2000)
    path.write_bytes(raw)
    found, report = read(path)
    assert found["text"].to_pylist() == text[: len(found)]
    assert 0 < len(found) < 20_000
    assert len(report.damaged) == 1
    assert report.damaged[0].startswith(f"a.parquet: offset {len(found)}: ")


def test_a_url_is_read_by_the_same_code(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [str(i) for i in range(100)]}), path, row_group_size=30)
    remote = fsspec.filesystem("memory")
    remote.pipe("/parquet-source/a.parquet", path.read_bytes())
    (there,) = find(["memory://parquet-source"], Parquet.suffixes)
    source = Parquet(paths=("x",), name="here")
    ranges = source.splits(there, 1)
    assert len(ranges) == 4
    batches = [b for start, end in ranges for b in source.read(there, start, end, Report())]
    assert pa.Table.from_batches(batches) == read(path)[0]
