"""Byte-pair encoding over characters: equal to its plain twin for any vocabulary and text, whatever is remembered."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_files import buffers

from dataprep.text import pieces

ALPHABET = "ab 中é文\U0001f600"
BYTES = np.arange(256, dtype=np.int32)


def plain(text: str, vocabulary: dict[str, int], scores: dict[int, float]) -> list[int]:
    """Merge the pair that makes the best piece, the leftmost of several, until there is none."""
    symbols = list(text)
    while True:
        pairs = [a + b for a, b in pairwise(symbols)]
        made = [(-scores[vocabulary[piece]], k) for k, piece in enumerate(pairs) if piece in vocabulary]
        if not made:
            break
        _, k = min(made)
        symbols[k : k + 2] = [symbols[k] + symbols[k + 1]]
    return [token for s in symbols for token in ([vocabulary[s]] if s in vocabulary else s.encode())]


@st.composite
def vocabularies(draw: st.DrawFn) -> tuple[dict[str, int], dict[int, float]]:
    """Pieces that two shorter ones make, with scores of which some are equal; not every character is one."""
    found = draw(st.lists(st.sampled_from(ALPHABET), min_size=2, max_size=6, unique=True))
    for _ in range(draw(st.integers(0, 14))):
        made = draw(st.sampled_from(found)) + draw(st.sampled_from(found))
        if made not in found and len(made) < 12:
            found.append(made)
    tokens = {piece: 256 + n for n, piece in enumerate(found)}
    return tokens, {token: float(draw(st.integers(-6, 0))) for token in tokens.values()}


def encode(texts: list[str], held: tuple[dict[str, int], dict[int, float]], known: pieces.Memory) -> list[list[int]]:
    table = pieces.merges(*held, BYTES, 256 + len(held[0]))
    ids, offsets = pieces.encode(buffers(texts), table, known)
    return [ids[a:b].tolist() for a, b in pairwise(offsets.tolist())]


@settings(max_examples=150, deadline=None)
@given(
    vocabularies(),
    st.lists(
        st.one_of(st.text(ALPHABET, max_size=30), st.text(ALPHABET[:3], max_size=200), st.text(max_size=20)), max_size=8
    ),
)
def test_equals_its_plain_twin(held: tuple[dict[str, int], dict[int, float]], texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    known = pieces.memory()
    for _ in range(2):  # not remembered, then remembered
        assert encode(texts, held, known) == [plain(text, *held) for text in texts]


@pytest.mark.parametrize("size", [1, 39, 40, 41, 95, 96, 97, 5000])
@pytest.mark.parametrize("unit", ["a", "ab", "aab", "中", "中文a"])
def test_segments_of_any_length(unit: str, size: int) -> None:
    """At the borders between what is searched plainly, heaped and remembered."""
    found = [
        "a",
        "b",
        "中",
        "文",
        "aa",
        "ab",
        "aaaa",
        "aab",
        "中中",
        "中文",
        "文a",
        "中文a",
        "aaaaaaaa",
        "b中",
        "ba",
        "a中",
    ]
    tokens = {piece: 256 + n for n, piece in enumerate(found)}
    held = tokens, {token: -float(n // 2) for n, token in enumerate(tokens.values())}
    text = (unit * size)[:size]
    known = pieces.memory()
    once = encode([text, text], held, known)
    assert once == [plain(text, *held)] * 2
    assert encode([text], held, known) == once[:1]


def test_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SLOTS", 16)
    monkeypatch.setattr(pieces, "ARENA_BYTES", 256)
    found = [*"abc", "ab", "bc", "abc", "ca", "cab", "aa", "bb"]
    tokens = {piece: 256 + n for n, piece in enumerate(found)}
    held = tokens, {token: -float(n) for n, token in enumerate(tokens.values())}
    random = np.random.default_rng(0)
    texts = ["".join(random.choice(list("abc"), random.integers(2, 60))) for _ in range(400)]
    known = pieces.memory()
    assert encode(texts, held, known) == [plain(text, *held) for text in texts]
    assert known.used[0] <= 9
    assert known.used[1] <= 256


def test_a_vocabulary_with_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match="'ab' is no piece"):
        pieces.merges({"a": 256, "ab": 257}, {256: 0.0, 257: 0.0}, BYTES, 258)
