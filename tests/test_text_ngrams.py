"""Repetition equals its definition, written with strings and sets, whatever is pruned inside."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import batches, buffers, documents, odd_text, pieces, repetitive_text

from dataprep.text.lines import lines, paragraphs
from dataprep.text.ngrams import REPETITION, duplicate_spans, repetition
from dataprep.text.spans import TextBuffers
from dataprep.text.words import words

Placed = list[tuple[int, str]]


def top(found: Placed, n: int) -> int:
    """Count of the most frequent n-gram times its characters, with one space for each gap."""
    grams = [tuple(w for _, w in found[i : i + n]) for i in range(len(found) - n + 1)]
    if not grams:
        return 0
    gram, count = Counter(grams).most_common(1)[0]
    first = found[grams.index(gram) :][:n]
    gaps = sum(a + len(w.encode()) != b for (a, w), (b, _) in pairwise(first))
    return count * (len("".join(gram)) + gaps)


def duplicate(found: Placed, n: int) -> int:
    """Read from the left: an n-gram read before counts, and reading goes on behind it."""
    seen, i, chars = set(), 0, 0
    while i + n <= len(found):
        gram = tuple(w for _, w in found[i : i + n])
        if gram in seen:
            chars += len("".join(gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars


@settings(deadline=None, max_examples=500)
@given(st.builds(buffers, st.lists(st.one_of(repetitive_text, odd_text), max_size=5), odd_text, odd_text))
def test_repetition_equals_its_twin(text: TextBuffers) -> None:
    found = words(text)
    expected = [
        [*(top(d, n) for n in (2, 3, 4)), *(duplicate(d, n) for n in range(5, 11))] for d in pieces(found, text)
    ]
    assert repetition(found, text).tolist() == expected


def test_repetition_of_long_documents_equals_its_twin() -> None:
    verse = "the quick brown fox jumps over the lazy dog and runs away from the quick brown cat "
    text = buffers([verse * 40, " ".join(map(str, range(3000))), "好好学习天天向上" * 100, "a " * 1000])
    found = words(text)
    expected = [
        [*(top(d, n) for n in (2, 3, 4)), *(duplicate(d, n) for n in range(5, 11))] for d in pieces(found, text)
    ]
    assert repetition(found, text).tolist() == expected


def test_cases() -> None:
    text = buffers(["", "one", "one two", "a b a b", "中文中文", "中文，中文"])
    found = dict(zip(("top_2", "duplicate_5"), repetition(words(text), text)[:, [0, 3]].T.tolist(), strict=True))
    assert found["top_2"] == [0, 0, 7, 6, 4, 4]
    assert found["duplicate_5"] == [0] * 6
    text = buffers(["a b c d e " * 2])
    assert dict(zip(REPETITION, repetition(words(text), text)[0].tolist(), strict=True))["duplicate_5"] == 5


@settings(deadline=None, max_examples=200)
@given(st.one_of(batches, st.builds(buffers, st.lists(repetitive_text, max_size=4))))
def test_duplicate_spans_equal_their_twin(text: TextBuffers) -> None:
    for split in (lines, paragraphs, words):
        spans = split(text)
        repeated = []
        for document in pieces(spans, text):
            texts = [s for _, s in document]
            repeated.append([s for i, s in enumerate(texts) if s in texts[:i]])
        count, chars = duplicate_spans(spans, text)
        assert count.tolist() == [len(r) for r in repeated]
        assert chars.tolist() == [sum(map(len, r)) for r in repeated]
    assert len(documents(text)) == len(count)
