"""Finding inputs, canonical cuts, publishing whole or not at all, and the same code over an object store."""

from __future__ import annotations

import errno
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from object_store import ObjectStore, object_store
from runs import CHAIN, DEDUP, dataprep, error, kill, manifest, start, tree, until, write_corpus, write_pipeline

from dataprep.errors import InputError, OutputError, UsageError
from dataprep.shards import ParquetShard, recut, row_bytes
from dataprep.store import Store, find

# ---------------------------------------------------------------- inputs


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("b/2.txt", "b/1.txt", "a.txt", "b/c/3.TXT", "b/.hidden.txt", ".git/x.txt", "b/note.pdf", "b/[x].txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "expect"),
    [
        (["."], ["a.txt", "b/1.txt", "b/2.txt", "b/[x].txt", "b/c/3.TXT"]),
        (["b"], ["1.txt", "2.txt", "[x].txt", "c/3.TXT"]),
        (["b/*.txt"], ["1.txt", "2.txt", "[x].txt"]),
        (["b/[12].txt"], ["1.txt", "2.txt"]),
        (["b/[x].txt"], ["[x].txt"]),
        (["**/*.txt", "a.txt"], ["a.txt", "b/1.txt", "b/2.txt", "b/[x].txt"]),
        (["b/2.txt", "a.txt", "b", "b/2.txt"], ["a.txt", "b/1.txt", "b/2.txt", "b/[x].txt", "b/c/3.TXT"]),
        (["b/note.pdf"], ["note.pdf"]),
    ],
)
def test_find(files: Path, paths: list[str], expect: list[str]) -> None:
    for order in (paths, paths[::-1]):
        found = find([str(files / path) for path in order], (".txt",))
        assert [f.relative for f in found] == expect
        assert [f.bytes for f in found] == [Path(f.path).stat().st_size for f in found]


def test_a_name_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with open(os.fsencode(tmp_path / "in") + "/你好.jsonl".encode("gbk"), "w") as out:
        out.write('{"text": "one"}')
    message = error("run", write_pipeline(tmp_path, []), code=1)
    assert "in/\\xc4\\xe3\\xba\\xc3.jsonl': the file's name is not UTF-8" in message


@pytest.mark.parametrize("path", ["gone.txt", "*.md", "b/c/d", ""])
def test_what_is_not_there_is_named(files: Path, path: str) -> None:
    (files / "b/c/d").mkdir()
    with pytest.raises(InputError, match=r"no such file|names no paths|a folder without"):
        find([str(files / path)] if path else [], (".txt",))


def test_stores_that_can_not_be(files: Path) -> None:
    with pytest.raises(UsageError, match="gopher"):
        find(["gopher://x/y"], (".txt",))
    Store("memory://inputs").publish_bytes("z.txt", b"z")
    with pytest.raises(UsageError, match="one store"):
        find(["memory://inputs/z.txt", str(files)], (".txt",))


# ---------------------------------------------------------------- cuts


def table(sizes: list[int]) -> pa.RecordBatch:
    texts = pa.array(["x" * size for size in sizes], pa.large_string())
    return pa.RecordBatch.from_pydict({"n": pa.array(range(len(sizes)), pa.int64()), "text": texts})


def pieces(batch: pa.RecordBatch, rng: random.Random) -> Iterator[pa.RecordBatch]:
    start = 0
    while start < batch.num_rows:
        rows = rng.randint(0, 9)
        yield batch.slice(start, rows)
        start += rows


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 20), st.integers(1, 100), st.integers())
def test_cuts_depend_on_the_rows_alone(sizes: list[int], rows: int, size: int, seed: int) -> None:
    whole = table(sizes)
    found = list(recut(pieces(whole, random.Random(seed)), rows, size))
    assert pa.Table.from_batches(found, whole.schema).equals(pa.Table.from_batches([whole]))
    # The obvious twin: a batch ends at `rows` rows or at the row that reaches `size` bytes.
    expect: list[list[int]] = []
    for n, weight in enumerate(sizes):
        if not expect or len(expect[-1]) == rows or sum(sizes[i] for i in expect[-1]) >= size:
            expect.append([])
        expect[-1].append(n)
        assert weight == int(row_bytes(whole.slice(n, 1))[0])
    assert [batch.column("n").to_pylist() for batch in found] == expect


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=60), st.integers(), st.integers())
def test_a_shard_depends_on_its_rows_alone(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], one: int, other: int
) -> None:
    folder, batch = tmp_path_factory.mktemp("shards"), table(sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataprep.shards.GROUP_ROWS", 16)
        patch.setattr("dataprep.shards.GROUP_BYTES", 2_000)
        for seed in (one, other):
            shard = ParquetShard(folder / str(seed), batch.schema)
            for piece in pieces(batch, random.Random(seed)):
                shard.write(piece)
            shard.close()
            assert shard.rows == batch.num_rows
    assert (folder / str(one)).read_bytes() == (folder / str(other)).read_bytes()
    assert pq.read_table(folder / str(one)).equals(pa.Table.from_batches([batch]))


# ---------------------------------------------------------------- outputs


def test_published_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.publish_bytes("a/b.txt", b"first")
    with pytest.raises(RuntimeError):
        publish_half(store, "a/b.txt")
    assert store.files("") == ["a/b.txt"]
    assert store.read_bytes("a/b.txt") == b"first"
    with store.publishing("a/none.txt"):
        pass  # nothing was written, so nothing appears
    assert store.files("") == ["a/b.txt"]


def publish_half(store: Store, relative: str) -> None:
    before = store.read_bytes(relative)
    with store.publishing(relative) as temporary:
        temporary.write_bytes(b"half")
        assert store.read_bytes(relative) == before
        raise RuntimeError


@pytest.mark.parametrize(
    ("code", "says"), [(errno.ENOSPC, "no space left"), (errno.EROFS, "--output"), (errno.EIO, "can't be written")]
)
def test_a_failed_write_is_one_line(tmp_path: Path, code: int, says: str) -> None:
    with pytest.raises(OutputError, match=says) as raised, Store(str(tmp_path)).publishing("x"):
        raise OSError(code, "because")
    assert str(tmp_path / "x") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_killed_attempts_left_goes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    left = tmp_path / "documents/.0.parquet.0123456789ab.tmp"
    mine = [tmp_path / name for name in ("notes.tmp", ".0.parquet.tmp", "documents/x.0123456789ab.tmp")]
    for path in (left, *mine):
        path.touch()
    with Store(str(tmp_path)).scratch() as scratch:
        (scratch / "half.bin").touch()
    assert not scratch.exists()
    scratch.mkdir()
    (scratch / "half.bin").touch()
    Store(str(tmp_path)).remove_temporaries()
    assert not left.exists()
    assert not scratch.exists()
    assert all(path.exists() for path in mine)


def test_absent_and_torn_files_are_none(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "file"))
    (tmp_path / "file").write_text("not a folder")
    for found in (store.read_json("x"), store.read_bytes("x/y"), store.size("x"), store.sha256("x")):
        assert found is None
    store = Store(str(tmp_path))
    store.publish_bytes("torn.json", b'{"a": ')
    assert store.read_json("torn.json") is None


# ---------------------------------------------------------------- object store


@pytest.fixture(scope="module")
def remote() -> Iterator[ObjectStore]:
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'dataprep[s3]'")
    pytest.importorskip("moto", reason="moto is not installed: pip install 'dataprep[dev]'")
    with object_store() as store:
        yield store


def test_output_on_an_object_store(remote: ObjectStore, tmp_path: Path) -> None:
    """The same bytes as on a disk; killed and taken up again; repaired; tidied."""
    write_corpus(tmp_path / "in", files=3, rows=50)
    pipeline = write_pipeline(tmp_path, DEDUP, task_mib=0.02)
    dataprep("run", pipeline)
    want = tree(tmp_path / "out")

    there = ("run", pipeline, "--output", remote.url("a/out"), "--workers", 2)
    process = start(*there, **remote.environment)
    until(lambda: remote.keys("a/out/.dataprep/records"), "a record")
    kill(process)
    dataprep(*there, **remote.environment)
    assert remote.tree("a/out") == want
    assert remote.keys("a/out/.dataprep/lease.json") == []

    assert dataprep(*there, **remote.environment).stderr.count("cached") == 6
    (shard, *_) = remote.keys("a/out/documents/")
    remote.put(shard, remote.get(shard)[:-1])
    assert "bytes, not" in dataprep("manifest", "verify", remote.url("a/out"), code=1, **remote.environment).stdout
    remote.put("a/out/documents/stray.parquet", b"")
    dataprep(*there, **remote.environment)
    assert remote.tree("a/out") == want


@pytest.mark.parametrize("stages", [DEDUP, CHAIN], ids=["dedup", "chain"])
def test_input_and_output_on_an_object_store(remote: ObjectStore, tmp_path: Path, stages: list[Any]) -> None:
    write_corpus(tmp_path / "in", files=3, rows=50)
    pipeline = write_pipeline(tmp_path, stages, task_mib=0.02)
    dataprep("run", pipeline)
    local = manifest(tmp_path / "out")

    there = str(stages[2])
    remote.upload(tmp_path / "in", f"{there}/in")
    given, out = remote.url(f"{there}/in"), remote.url(f"{there}/out")
    dataprep("run", pipeline, "--input", given, "--output", out, "--workers", 2, **remote.environment)
    found = json.loads(remote.get(f"{there}/out/manifest.json"))
    assert [sorted(file) for file in found["inputs"]] == [["bytes", "etag", "path"]] * 3
    assert without_identity(found) == without_identity(local)
    assert [shard["sha256"] for shard in found["shards"]] == [shard["sha256"] for shard in local["shards"]]

    remote.put(f"{there}/in/part-01.jsonl", b'{"text": "changed, and long enough to be kept"}\n')
    shown = dataprep("plan", pipeline, "--input", given, "--output", out, **remote.environment).stdout
    assert "stale: input part-01.jsonl has changed" in shown


def without_identity(value: Any) -> Any:
    """A manifest without checksums of inputs and the fingerprints and names that follow from them."""
    if isinstance(value, dict):
        return {k: without_identity(v) for k, v in value.items() if k not in ("sha256", "etag", "fingerprint")}
    if isinstance(value, list):
        return [without_identity(v) for v in value]
    if isinstance(value, str) and value.startswith(("documents/", "artefacts/")):
        return value.partition("-")[0]
    return value


def test_object_store_that_fails(remote: ObjectStore, tmp_path: Path) -> None:
    write_corpus(tmp_path / "in", files=1)
    pipeline = write_pipeline(tmp_path, ["exact_dedup"])
    gone = error("run", pipeline, "--input", remote.url("nothing/*.jsonl"), code=1, **remote.environment)
    assert "nothing/*.jsonl" in gone
    bucket = error("run", pipeline, "--output", "s3://no-such-bucket/out", code=1, **remote.environment)
    assert "no-such-bucket" in bucket
