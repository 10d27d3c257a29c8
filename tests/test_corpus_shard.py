"""Token shards: what is written is read, by us and by a reader made from the format's description."""

from __future__ import annotations

import json
import os
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made_tokens import random_lengths, tokens_of, write_tokens
from hypothesis import given
from hypothesis import strategies as st

from dataprep.corpus import shard
from dataprep.corpus.shard import Shard
from dataprep.corpus.stream import Stream
from dataprep.corpus.tokens import open_tokens, verify
from dataprep.errors import InputError, UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))


def megatron(base: str) -> list[np.ndarray[Any, Any]]:
    """What a reader of Megatron's indexed datasets does, step by step, with no help from the package."""
    raw = Path(f"{base}.idx").read_bytes()
    assert raw[:9] == b"MMIDIDX\x00\x00"
    (version,) = struct.unpack("<Q", raw[9:17])
    (code,) = struct.unpack("<B", raw[17:18])
    sequences, indices = struct.unpack("<QQ", raw[18:34])
    assert version == 1
    dtype = {1: np.uint8, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 6: np.float64, 7: np.float32, 8: np.uint16}
    lengths = np.frombuffer(raw, np.int32, sequences, 34)
    pointers = np.frombuffer(raw, np.int64, sequences, 34 + lengths.nbytes)
    documents = np.frombuffer(raw, np.int64, indices, 34 + lengths.nbytes + pointers.nbytes)
    assert 34 + lengths.nbytes + pointers.nbytes + documents.nbytes == len(raw)
    assert documents[0] == 0
    assert documents[-1] == sequences
    data = Path(f"{base}.bin").read_bytes()
    found = []
    for first, last in pairwise(documents.tolist()):
        parts = [np.frombuffer(data, dtype[code], lengths[s], pointers[s]) for s in range(first, last)]
        found.append(np.concatenate(parts))
    return found


documents = st.lists(st.lists(st.integers(0, 65_499), max_size=30), max_size=20)


@given(documents, st.sampled_from(["u2", "i4"]), st.booleans())
def test_round_trip(texts: list[list[int]], dtype: str, flat: bool) -> None:
    import tempfile

    arrays = [np.array(t, dtype) for t in texts]
    with tempfile.TemporaryDirectory() as folder:
        base = f"{folder}/00000"
        if flat:
            whole = np.concatenate([np.empty(0, dtype), *arrays])
            shard.write(base, (whole, np.array([len(a) for a in arrays], np.int64)))
        else:
            shard.write(base, iter(arrays), dtype)
        assert [a.tolist() for a in megatron(base)] == texts
        read = Shard(f"{base}.bin")
        assert read.tokens.tolist() == [t for text in texts for t in text]
        assert read.dtype == np.dtype(dtype)
        assert read.documents == len(texts)
        assert read.starts.tolist() == np.cumsum([0, *map(len, texts)]).tolist()
        assert read.lengths.tolist() == list(map(len, texts))
        owners = [n for n, text in enumerate(texts) for _ in text]
        assert [read.document_at(t) for t in range(len(owners))] == owners
        for low in range(0, len(owners), 3):
            expected = [s for s in read.starts[:-1].tolist() if low <= s < low + 7]
            assert read.starts_within(low, low + 7) == expected


def test_ids_that_do_not_fit_are_a_defect(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="does not fit"):
        shard.write(tmp_path / "a", [np.array([70_000])], "u2")
    assert shard.dtype_for(65_499) == np.uint16
    assert shard.dtype_for(65_500) == np.int32


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda base: os.truncate(f"{base}.bin", 10), "00000.bin: has 10 bytes, its index says"),
        (lambda base: os.truncate(f"{base}.idx", 20), "00000.idx: is no token index: 20 bytes"),
        (lambda base: os.truncate(f"{base}.idx", 50), "00000.idx: has 50 bytes, its header says"),
        (lambda base: Path(f"{base}.idx").write_bytes(b"x" * 60), "00000.idx: is no token index of version 1"),
        (lambda base: os.unlink(f"{base}.idx"), "00000.idx: does not exist"),
        (lambda base: os.unlink(f"{base}.bin"), "00000.bin: does not exist"),
    ],
)
def test_damaged_shards_are_named(tmp_path: Path, damage: Any, line: str) -> None:
    base = tmp_path / "00000"
    shard.write(base, [np.arange(20, dtype="u2")])
    damage(base)
    with pytest.raises(InputError, match=line):
        Shard(base)


# ---------------------------------------------------------------- corpora


def test_stream_runs_across_shards(tmp_path: Path) -> None:
    lengths = [*random_lengths(1), [], [0, 0], [5], *random_lengths(2)]
    folder = write_tokens(tmp_path / "web", lengths)
    stream = Stream(open_tokens(str(folder)))
    documents = tokens_of(folder)
    flat = np.concatenate(documents)
    assert stream.tokens == len(flat)
    assert stream.documents == len(documents)
    ends = np.cumsum([len(d) for d in documents])
    for low in [*range(0, len(flat) - 2000, 997), 0]:
        out = np.empty(2000, np.int32)
        stream.read(low, out)
        assert (out == flat[low : low + 2000]).all()
        begins = ends - [len(d) for d in documents]
        inside = begins[(begins >= low) & (begins < low + 2000)]
        found = stream.starts_within(low, low + 2000)
        assert set(found) == set(inside.tolist())
        passages = stream.passages(low, low + 2000)
        assert sum(p.tokens for p in passages) == 2000
        for p in passages:
            assert begins[p.document] <= p.start
            assert p.start + p.tokens <= ends[p.document]
    for n in (0, 7, len(documents) - 1):
        assert stream.document(n) == (ends[n] - len(documents[n]), len(documents[n]))


def test_max_tokens_keeps_whole_documents(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", [[10, 20, 30], [5, 0, 40]])
    corpus = open_tokens(str(folder))
    for limit, tokens, documents in ((10, 10, 1), (29, 10, 1), (60, 60, 3), (64, 60, 3), (65, 65, 5), (999, 105, 6)):
        stream = Stream(corpus, "train", limit)
        assert (stream.tokens, stream.documents) == (tokens, documents), limit
        assert len(stream.lengths()) == documents
    with pytest.raises(UsageError, match="first document alone has more than 9 tokens"):
        Stream(corpus, "train", 9)


def test_a_run_with_a_tokenize_stage_is_followed(tmp_path: Path) -> None:
    inside = write_tokens(tmp_path / "run" / "artefacts" / "tokenize-0123abcd", [[10]])
    made = json.loads((inside / "manifest.json").read_text())
    outer = made | {"kind": "documents", "artefacts": [{"path": "artefacts/tokenize-0123abcd/manifest.json"}]}
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(outer))
    assert open_tokens(str(tmp_path / "run")).root == str(inside)
    assert open_tokens(str(tmp_path / "run" / "manifest.json")).root == str(inside)
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(outer | {"artefacts": []}))
    with pytest.raises(InputError, match="holds documents and no tokens; type: dataprep tokenize"):
        open_tokens(str(tmp_path / "run"))


# ---------------------------------------------------------------- refusals


def test_verify_names_what_has_changed(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", random_lengths(3), [[50, 60]])
    verify(open_tokens(str(folder)), full=True)
    target = folder / "00001.bin"
    whole = target.read_bytes()
    target.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    verify(open_tokens(str(folder)))
    with pytest.raises(InputError, match=r"00001\.bin: its sha256 is .*, the manifest lists"):
        verify(open_tokens(str(folder)), full=True)
    target.write_bytes(whole[:-2])
    with pytest.raises(InputError, match=r"00001\.bin: has .* bytes, the manifest lists"):
        verify(open_tokens(str(folder)))
    target.write_bytes(whole)
    verify(open_tokens(str(folder)), full=True)
    (folder / "00000.validation.docs.parquet").unlink()
    with pytest.raises(InputError, match=r"00000\.validation\.docs\.parquet: does not exist"):
        verify(open_tokens(str(folder)))


def test_verify_refuses_another_tokenizer(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", [[10]])
    (folder / "tokenizer.model").write_bytes(b"another one")
    with pytest.raises(InputError, match=r"tokenizer\.model: its sha256 is .*, the manifest lists"):
        verify(open_tokens(str(folder)))
    (folder / "tokenizer.model").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.model: does not exist"):
        verify(open_tokens(str(folder)))


def test_checksums_are_remembered_while_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataprep.corpus import staged

    folder = write_tokens(tmp_path / "web", [[10], [20]])
    read = []
    real = staged.file_sha256
    monkeypatch.setattr(staged, "file_sha256", lambda path: read.append(str(path)) or real(path))
    verify(open_tokens(str(folder)), full=True)
    assert len(read) == 7
    verify(open_tokens(str(folder)), full=True)
    assert len(read) == 7
    os.utime(folder / "00001.bin", (1, 1))
    verify(open_tokens(str(folder)), full=True)
    assert read[7:] == [str(folder / "00001.bin")]


def test_a_shard_that_is_not_as_listed(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", [[10], [20]])
    made = json.loads((folder / "manifest.json").read_text())
    made["shards"][1]["tokens"] = 21
    (folder / "manifest.json").write_text(json.dumps(made))
    with pytest.raises(InputError, match=r"00001\.bin: holds 1 documents and 20 tokens"):
        Stream(open_tokens(str(folder))).shard(1)
    del made["shards"][1]["idx"]
    (folder / "manifest.json").write_text(json.dumps(made))
    with pytest.raises(InputError, match="a shard lacks 'idx'"):
        open_tokens(str(folder))


def test_remote_shards_are_staged_and_checked(tmp_path: Path) -> None:
    import fsspec

    folder = write_tokens(tmp_path / "web", random_lengths(5), [[30]])
    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe(f"/tokens/web/{path.name}", path.read_bytes())
    corpus = open_tokens("memory://tokens/web")
    verify(corpus, full=True)
    stream = Stream(corpus)
    out = np.empty(stream.tokens, np.int32)
    stream.read(0, out)
    assert (out == np.concatenate(tokens_of(folder))).all()
    # A second look reads no shard again, even if it is gone.
    memory.rm("/tokens/web/00001.bin")
    Stream(open_tokens("memory://tokens/web")).shard(1)
    damaged = bytearray((folder / "00002.bin").read_bytes())
    damaged[7] ^= 1
    memory.pipe("/tokens/web/00002.bin", bytes(damaged))
    import shutil

    shutil.rmtree(tmp_path / "home")
    with pytest.raises(InputError, match=r"memory://tokens/web/00002\.bin: its sha256 is"):
        Stream(open_tokens("memory://tokens/web")).shard(2)
