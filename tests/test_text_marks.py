"""Marks are those of all characters of a document together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import batches, documents

from dataprep.text.marks import marked, marks
from dataprep.text.spans import TextBuffers


@settings(deadline=None, max_examples=300)
@given(batches, st.sampled_from([1, 2, 3, 7, 50]))
def test_equal_their_twin(text: TextBuffers, some: int) -> None:
    of = np.zeros(0x110000, np.uint8)
    of[0x7F::some] = np.arange(len(of[0x7F::some])) % 7
    of[[0, 7, 0x0D, 0x1F]] = 8, 16, 32, 64
    table = marks(of)
    expected = [int(np.bitwise_or.reduce(of[[ord(c) for c in d]], initial=0)) for d in documents(text)]
    assert marked(text, table).tolist() == expected


def test_printable_ascii_can_not_be_marked() -> None:
    with pytest.raises(ValueError, match="printable"):
        marks(np.ones(0x110000, np.uint8))
