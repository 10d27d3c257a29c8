"""Documents that hold a literal, beside Python's own `in`."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from dataprep.text.literal import holding
from dataprep.text.spans import text_buffers


@pytest.mark.parametrize("literal", ["a", "ab", "aab", "▁", "abab", "一二", "\n\n\n\n\n"])
def test_as_python_finds_it(literal: str) -> None:
    rng = random.Random(literal)
    texts = ["", literal, literal[:-1], f"{literal[1:]}{literal}", "x" * 511 + literal, "x" * 700]
    texts += ["".join(rng.choices("ab一二▂▁\n", k=rng.choice([1, 2, 3, 5, 600]))) for _ in range(400)]
    texts += [text.replace(literal, "") for text in texts]
    found = holding(text_buffers(pa.array(texts, pa.large_string()).slice(3)), literal.encode())
    assert found.tolist() == [literal in text for text in texts[3:]]
