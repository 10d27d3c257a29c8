"""Kept documents keep their spans, and text buffers refuse what is no text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import buffers, odd_text, pieces

from dataprep.text.spans import compact, text_buffers
from dataprep.text.words import words


@settings(deadline=None)
@given(st.lists(st.tuples(odd_text, st.booleans()), max_size=6), odd_text)
def test_compacted_words_are_the_words_of_the_kept_documents(rows: list[tuple[str, bool]], before: str) -> None:
    text = buffers([t for t, _ in rows], before)
    kept = text_buffers(pa.array([t for t, keep in rows if keep], pa.large_string()))
    mask = np.array([keep for _, keep in rows], np.bool_)
    found, expected = compact(words(text), mask, text.offsets, kept.offsets), words(kept)
    assert pieces(found, kept) == pieces(expected, kept)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


def test_text_buffers_share_memory() -> None:
    text = pa.array(["zero", "one", "two"], pa.large_string())
    shared = text_buffers(text.slice(1))
    assert shared.data.ctypes.data == text.buffers()[2].address
    assert shared.offsets.tolist() == [4, 7, 10]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (pa.array(["a"]), "text must be large_string, not string"),
        (pa.array(["a", None], pa.large_string()), "text must not hold nulls"),
    ],
)
def test_text_buffers_refuse(array: pa.Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        text_buffers(array)


def test_text_beyond_two_gibibytes(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "w+b") as file:
        file.seek(2**31)
        file.write(b"one two")
    far = np.memmap(tmp_path / "sparse", np.uint8, "r")
    offsets = np.array([0, 2**31, 2**31 + 3, 2**31 + 7])
    text = pa.LargeStringArray.from_buffers(3, pa.py_buffer(offsets), pa.py_buffer(far))
    near = text_buffers(text.slice(1))
    assert pieces(words(near), near) == [[(0, "one")], [(1, "two")]]
    with pytest.raises(ValueError, match="a batch must hold less than 2 GiB of text, not 2147483655 bytes"):
        text_buffers(text)
