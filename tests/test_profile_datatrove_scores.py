"""The scores of `profile: datatrove` equal their plain Python twins, made from the published rules, on any text."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, odd_text, pieces, repetitive_text

from dataprep import catalog
from dataprep.documents import Documents, documents
from dataprep.stage import Map
from dataprep.text.datatrove_marks import STOP, VISIBLE, marks

pytest.importorskip("spacy")

WEB = ("the ", "be ", "that ", " to ", "- ", "\n- x", "\n•", "•", "...\n", "…\n", "... \r\n", "\n\n", "\n\n\n", ".\n",
       "? \n", "a b c d e f. ", "#", "[", "\x0b", "\x1e", "\u2029")  # fmt: skip
web_text = st.lists(st.sampled_from(PIECES + WEB * 3), max_size=40).map("".join)
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}


def part(some: float, whole: float) -> float:
    return some / whole if whole else 0.0


def again(parts: list[str]) -> tuple[int, int]:
    """(how many equal an earlier one, their characters)."""
    seen: set[str] = set()
    found = [x for x in parts if x in seen or seen.add(x)]  # type: ignore[func-returns-value]
    return len(found), sum(map(len, found))


def top(words: list[str], n: int) -> int:
    grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    gram, count = max(grams.items(), key=lambda item: item[1], default=("", 0))
    return len(gram) * count


def glued(words: list[str], n: int) -> int:
    seen: set[str] = set()
    chars = i = 0
    while i <= len(words) - n:
        gram = "".join(words[i : i + n])
        chars += len(gram) if gram in seen else 0
        i += n if gram in seen else 1
        seen.add(gram)
    return chars


def gopher_quality(text: str, words: list[str]) -> dict[str, float]:
    visible = [word for word in words if any(marks()[ord(c)] & VISIBLE for c in word)]
    lines = text.splitlines()
    return {
        "words": len(visible),
        "mean_word_length": part(sum(map(len, visible)), len(visible)),
        "hash_ratio": part(text.count("#"), len(words)),
        "ellipsis_ratio": part(text.count("...") + text.count("…"), len(words)),
        "bullet_line_ratio": part(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_line_ratio": part(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
        "alphabetic_word_ratio": part(sum(any(map(str.isalpha, word)) for word in words), len(words)),
        "stop_words": len(STOP_WORDS.intersection(words)),
    }


def gopher_repetition(text: str, words: list[str]) -> dict[str, float]:
    paragraphs = re.split(r"\n{2,}", text.strip()) if text else []
    lines = re.split(r"\n+", text) if text else []
    (copies, chars), (paragraph_copies, paragraph_chars) = again(lines), again(paragraphs)
    return {
        "chars": len(text),
        "duplicate_line_ratio": part(copies, len(lines)),
        "duplicate_line_char_ratio": part(chars, len(text)),
        "duplicate_paragraph_ratio": part(paragraph_copies, len(paragraphs)),
        "duplicate_paragraph_char_ratio": part(paragraph_chars, len(text)),
        **{f"top_{n}_gram_ratio": part(top(words, n), len(text)) for n in range(2, 5)},
        **{f"duplicate_{n}_gram_ratio": part(glued(words, n), len(text)) for n in range(5, 11)},
    }


def fineweb_quality(text: str, words: list[str]) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip()]
    return {
        "lines": len(lines),
        "punctuated_line_ratio": part(sum(bool(marks()[ord(line[-1])] & STOP) for line in lines), len(lines)),
        "short_line_ratio": part(sum(len(line) <= 30 for line in lines), len(lines)),
        "duplicate_line_char_ratio": part(again(lines)[1], len(text.replace("\n", ""))),
        "newline_ratio": part(text.count("\n"), len(words)),
    }


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(odd_text, repetitive_text, web_text), min_size=1, max_size=5))
def test_equal_their_twins(texts: list[str]) -> None:
    docs: Documents = documents({"text": list(texts)})
    words = [[word for _, word in own] for own in pieces(docs.spacy_words, docs.text)]
    for twin in (gopher_quality, gopher_repetition, fineweb_quality):
        stage = catalog.stage(f"{twin.__name__}_datatrove_scores")()
        assert isinstance(stage, Map)
        expected = [twin(text, own) for text, own in zip(texts, words, strict=True)]
        for name, values in stage.columns(docs).items():
            assert values.to_pylist() == [own[name.partition(".")[2]] for own in expected], name
