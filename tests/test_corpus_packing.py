"""Best-fit packing equals its plain twin, wastes little, loses nothing; its artefact is checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hand_made_tokens import random_lengths, tokens_of, write_tokens
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.corpus.best_fit import cut, pack
from dataprep.corpus.packing import packing
from dataprep.corpus.stream import Stream
from dataprep.corpus.tokens import open_tokens
from dataprep.corpus.windows import BestFit, Concatenated, OneDocument, Windows
from dataprep.errors import InputError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))


def pack_twin(lengths: list[int], room: int) -> list[list[int]]:
    """One piece after another: the fullest row that takes it; of equal ones that which has been so full for longest."""
    rows: list[list[int]] = []
    left: list[tuple[int, int, int]] = []  # (room, since, row)
    for clock, piece in enumerate(sorted(range(len(lengths)), key=lambda p: -lengths[p]), 1):
        fits = [entry for entry in left if entry[0] >= lengths[piece]]
        if fits:
            best = min(fits)
            left.remove(best)
        else:
            best = (room, clock, len(rows))
            rows.append([])
        rows[best[2]].append(piece)
        left.append((best[0] - lengths[piece], clock, best[2]))
    return rows


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 30).flatmap(lambda room: st.tuples(st.just(room), st.lists(st.integers(1, room), max_size=80))))
def test_packing_equals_its_twin(case: tuple[int, list[int]]) -> None:
    room, lengths = case
    packed = pack(np.array(lengths, np.int64), room)
    rows = [packed.pieces[a:b].tolist() for a, b in zip(packed.offsets[:-1], packed.offsets[1:], strict=True)]
    assert rows == pack_twin(lengths, room)


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(2, 20))
def test_cuts_cover_documents_and_overlap_by_one(lengths: list[int], room: int) -> None:
    found: dict[int, list[tuple[int, int]]] = {}
    for d, s, n in zip(*(a.tolist() for a in cut(np.array(lengths, np.int64), room)), strict=True):
        found.setdefault(d, []).append((s, n))
    for d, length in enumerate(lengths):
        parts = found.get(d, [])
        assert bool(parts) == bool(length)
        transitions = [t for s, n in parts for t in range(s, s + n - 1)]
        assert transitions == list(range(length - 1))
        assert all(0 < n <= room for _, n in parts)


def test_waste_is_small_on_documents_of_usual_lengths() -> None:
    """Log-normal lengths as those of web pages, rows of 2,048: under 0.1 % of padding."""
    lengths = np.random.default_rng(0).lognormal(6, 1.2, 50_000).astype(np.int64) + 1
    _, _, pieces = cut(lengths, 2049)
    packed = pack(pieces, 2049)
    waste = 1 - pieces.sum() / ((len(packed.offsets) - 1) * 2049)
    assert 0 <= waste < 0.001


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("kind", [Concatenated, BestFit, OneDocument])
def test_windows_know_which_documents_they_hold(tmp_path: Path, kind: type[Windows]) -> None:
    folder = write_tokens(tmp_path / "web", [*random_lengths(1, documents=10, longest=90), [0, 1, 16, 17, 33]])
    stream = Stream(open_tokens(str(folder)))
    found: Windows = kind(stream, 16)  # type: ignore[call-arg]
    held: dict[int, set[int]] = {}
    places = padding = 0
    for window in range(found.count):
        pieces = found.pieces(np.array([window]))
        spans = list(zip(pieces.starts, pieces.lengths, strict=True))
        assert sum(n for _, n in spans) <= 17
        places += sum(n for _, n in spans)
        padding += 17 - sum(n for _, n in spans)
        for start, n in spans:
            for passage in stream.passages(start, start + n):
                held.setdefault(passage.document, set()).add(window)
    assert padding == found.padding
    for document in range(stream.documents):
        if stream.document(document)[1]:
            assert set(found.holding(document).tolist()) == held[document]
    if kind is OneDocument:
        assert found.lost == sum(max(0, len(d) - 17) for d in tokens_of(folder))
        assert found.count == stream.documents


@pytest.mark.parametrize("tokens", [0, 1, 2, 16, 17, 18, 33])
def test_the_last_window_is_padded(tmp_path: Path, tokens: int) -> None:
    windows = Concatenated(Stream(open_tokens(str(write_tokens(tmp_path / "web", [[tokens]])))), 16)
    assert windows.count == {0: 0, 1: 0, 2: 1, 16: 1, 17: 1, 18: 2, 33: 2}[tokens]
    assert windows.padding == {0: 0, 1: 0, 2: 15, 16: 1, 17: 0, 18: 15, 33: 0}[tokens]


def test_the_artefact_is_made_once_and_checked(tmp_path: Path) -> None:
    stream = Stream(open_tokens(str(write_tokens(tmp_path / "web", random_lengths(4)))))
    made = packing(stream, 33)
    (file,) = (tmp_path / "home" / "packing").rglob("starts.npy")
    before = file.stat().st_mtime_ns
    assert packing(stream, 33).sha256 == made.sha256
    assert file.stat().st_mtime_ns == before
    assert packing(stream, 17).sha256 != made.sha256
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"starts\.npy: its sha256 is"):
        packing(stream, 33)
    file.unlink()
    with pytest.raises(InputError, match=r"starts\.npy: its sha256 is missing"):
        packing(stream, 33)
