"""The scores of Gopher and FineWeb equal their plain Python twins."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path

import corpora
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, odd_text, pieces, repetitive_text

from dataprep import catalog, schema
from dataprep.documents import documents
from dataprep.stage import Map
from dataprep.text import markup, tables

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
TAG = re.compile(rf"<(?:!|/?(?:{'|'.join(markup._ELEMENTS.split())})(?=[\x00-\x20/>]))[^<>]*>", re.I | re.A)
WEB = ("<p>", "</P>", "<br/>", '<a href="x">', "<!-- x -->", "<b", "<T>", "</ p>", "<h7>", "<h1\n>", "<", ">",
       "<中>", "the ", "be ", "The ", "that ", " to ", "with\n", "- ", "\n* ", "• ", "\n・", ".”\n", "。」\n",
       "...\n")  # fmt: skip
web_text = st.lists(st.sampled_from(PIECES + WEB * 3), max_size=40).map("".join)

Placed = list[tuple[int, str]]


def part_of(part: float, whole: float) -> np.float32:
    return np.float32(part / whole if whole else 0)


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def has_letter(word: str) -> bool:
    return any(unicodedata.category(c)[0] == "L" or tables.classes()[ord(c)] == tables.HAN for c in word)


def has_stop(line: str) -> bool:
    while len(line) > 1 and tables.roles()[ord(line[-1])] == tables.CLOSING:
        line = line[:-1]
    return bool(tables.roles()[ord(line[-1])] in (tables.STOP, tables.WIDE_STOP))


def repeats(parts: list[str]) -> tuple[int, int]:
    """(how many equal an earlier one, their characters)."""
    seen: set[str] = set()
    again = [part for part in parts if part in seen or seen.add(part)]  # type: ignore[func-returns-value]
    return len(again), sum(map(len, again))


def gopher_quality(text: str, placed: Placed, language: str | None) -> dict[str, object]:
    words, lines = [word for _, word in placed], lines_of(text)
    tags = [tag for tag in TAG.findall(text) if len(tag.encode()) <= 4096]
    return {
        "words": len(words),
        "mean_word_length": part_of(sum(map(len, words)), len(words)),
        "hash_ratio": part_of(text.count("#"), len(words)),
        "ellipsis_ratio": part_of(text.count("...") + text.count("…"), len(words)),
        "bullet_line_ratio": part_of(sum(line[0] in "-*•‣⁃◦○●▪■·・" for line in lines), len(lines)),
        "ellipsis_line_ratio": part_of(sum(line.endswith(("...", "…")) for line in lines), len(lines)),
        "alphabetic_word_ratio": part_of(sum(map(has_letter, words)), len(words)),
        "stop_words": len({*words} & {*STOP_WORDS}) if language in ("en", "und", None) else None,
        "markup_ratio": part_of(sum(map(len, tags)), len(text)),
    }


def gopher_repetition(text: str, placed: Placed, language: str | None) -> dict[str, object]:
    scores: dict[str, object] = {}
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    for name, parts in (("line", lines_of(text)), ("paragraph", paragraphs)):
        count, chars = repeats(parts)
        scores[f"duplicate_{name}_ratio"] = part_of(count, len(parts))
        scores[f"duplicate_{name}_char_ratio"] = part_of(chars, len(text))
    words = [word for _, word in placed]
    ends = [at + len(word.encode()) for at, word in placed]
    for n in (2, 3, 4):
        grams = [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]
        top = 0
        if grams:
            gram, count = Counter(grams).most_common(1)[0]
            first = grams.index(gram)
            gaps = sum(placed[k][0] != ends[k - 1] for k in range(first + 1, first + n))
            top = count * (sum(map(len, gram)) + gaps)
        scores[f"top_{n}_gram_ratio"] = part_of(top, len(text))
    for n in range(5, 11):
        seen, chars, k = set(), 0, 0
        while k + n <= len(words):
            gram = tuple(words[k : k + n])
            chars += sum(map(len, gram)) if gram in seen else 0
            k += n if gram in seen else 1
            seen.add(gram)
        scores[f"duplicate_{n}_gram_ratio"] = part_of(chars, len(text))
    return scores


def fineweb_quality(text: str, placed: Placed, language: str | None) -> dict[str, object]:
    lines = lines_of(text)
    return {
        "punctuated_line_ratio": part_of(sum(map(has_stop, lines)), len(lines)),
        "short_line_ratio": part_of(sum(len(line) <= 30 for line in lines), len(lines)),
        "duplicate_line_char_ratio": part_of(repeats(lines)[1], len(text.replace("\n", ""))),
        "newline_ratio": part_of(text.count("\n"), len(placed)),
    }


TWINS = {"gopher_quality": gopher_quality, "gopher_repetition": gopher_repetition, "fineweb_quality": fineweb_quality}


def check(name: str, texts: list[str], languages: list[str | None]) -> None:
    docs = documents({schema.TEXT: list(texts), schema.LANGUAGE: list(languages)})
    stage = catalog.stage(f"{name}_scores")()
    assert isinstance(stage, Map)
    columns = stage.columns(docs)
    assert {column: array.type for column, array in columns.items()} == stage.gives()
    for d, placed in enumerate(pieces(docs.words, docs.text)):
        twin = {f"{name}.{score}": value for score, value in TWINS[name](texts[d], placed, languages[d]).items()}
        assert {column: array[d].as_py() for column, array in columns.items()} == twin, texts[d]


@pytest.mark.parametrize("name", TWINS)
@settings(deadline=None, max_examples=300)
@given(texts=st.lists(st.one_of(web_text, odd_text, repetitive_text), min_size=1, max_size=6), data=st.data())
def test_scores_equal_their_twins(name: str, texts: list[str], data: st.DataObject) -> None:
    languages = data.draw(
        st.lists(st.sampled_from(["en", "zh", "und", None]), min_size=len(texts), max_size=len(texts))
    )
    check(name, texts, languages)


@pytest.mark.parametrize("name", TWINS)
def test_scores_equal_their_twins_on_real_documents(name: str, data: Path) -> None:
    for corpus, language in (("en_web_text", "en"), ("zh_javaguide", "zh")):
        given = list(corpora.texts(data / f"corpora/{corpus}.jsonl.zst", within=6_000_000))
        check(name, given[:: len(given) // 100][:100], [language] * 100)


def test_stop_words_may_be_given_for_any_language() -> None:
    stage = catalog.stage("gopher_quality_scores").model_validate({"stop_words": {"fr": ["le", "la"], "zh": ["的"]}})
    assert isinstance(stage, Map)
    docs = documents({"text": ["le la le", "我的书", "the of"], "language": ["fr", "zh", "en"]})
    assert stage.columns(docs)["gopher_quality.stop_words"].to_pylist() == [2, 1, None]
