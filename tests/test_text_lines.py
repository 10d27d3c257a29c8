"""Lines and paragraphs equal `str.split` and `str.strip`."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from odd_text import batches, buffers, documents, pieces

from dataprep.text.hashes import hash_spans
from dataprep.text.lines import lines, paragraphs
from dataprep.text.spans import Spans, TextBuffers

Splitter = Callable[[TextBuffers], Spans]


def placed(parts: list[str], text: str) -> list[tuple[int, str]]:
    """Each part stripped, unless blank, with its first byte in the text."""
    found, at = [], 0
    for part in filter(None, map(str.strip, parts)):
        at = text.index(part, at)
        found.append((len(text[:at].encode()), part))
        at += len(part)
    return found


@settings(deadline=None, max_examples=300)
@given(batches)
def test_lines_equal_their_twin(text: TextBuffers) -> None:
    assert pieces(lines(text), text) == [placed(t.split("\n"), t) for t in documents(text)]


@settings(deadline=None, max_examples=300)
@given(batches)
def test_paragraphs_equal_their_twin(text: TextBuffers) -> None:
    assert pieces(paragraphs(text), text) == [placed(re.split(r"\n\s*\n", t), t) for t in documents(text)]


@pytest.mark.parametrize("split", [lines, paragraphs])
@settings(deadline=None, max_examples=50)
@given(text=batches)
def test_hashes_are_of_the_stripped_bytes(split: Splitter, text: TextBuffers) -> None:
    found = split(text)
    assert np.array_equal(found.hash, hash_spans(found.start, found.end, text.data))


def test_cases() -> None:
    text = buffers([" a \r\n\u3000b\u2028\n\n\t\n c\rd \n", "\n\n", "", "x"])
    assert [[s for _, s in d] for d in pieces(lines(text), text)] == [["a", "b", "c\rd"], [], [], ["x"]]
    assert [[s for _, s in d] for d in pieces(paragraphs(text), text)] == [["a \r\n\u3000b", "c\rd"], [], [], ["x"]]


@pytest.mark.parametrize("width", [0, 1, 62, 63, 64, 65, 127, 128, 129, 1000])
def test_line_breaks_at_any_distance(width: int) -> None:
    text = buffers(["x" * width + "\n" + "y" * width + "\nz"])
    assert [s for _, s in pieces(lines(text), text)[0]] == [s for s in ("x" * width, "y" * width, "z") if s]
