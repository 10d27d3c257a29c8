"""spaCy's words are spaCy's: the compiled rules and the table together equal the tokenizer on every kind of text."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import texts
from odd_text import PIECES, buffers, pieces

from dataprep.documents import documents
from dataprep.errors import UsageError
from dataprep.text import spacy_english
from dataprep.text.datatrove_words import glued_duplicates
from dataprep.text.hashes import hash_spans
from dataprep.text.spacy_english import spacy_words
from dataprep.text.spans import Spans

spacy = pytest.importorskip("spacy")

SIGNS = "abcdefgiklmnoprstuvxyzABCDEFGKMNOSTU0123456789.,:;!?()[]{}<>_#*&'\"`$%+-=/^~|@\\…’‘“”—–°é中。，£²½"
PARTS = (*PIECES, "US$", "C$", "A$", "www.", "a.com", "Bar", "BAR", "'s", "’s", "--", "---", "——", "i.e.", ":)",
         "):", "d.", "km/h", "km²", "кг", "GB", "IS_ALPHA", "can't", "id", "U.S.", "user@host.org", "_x_")  # fmt: skip


@pytest.fixture(scope="module")
def english() -> Any:
    """The pipeline that datatrove uses."""
    return spacy.blank("en")


def asked(english: Any, text: str) -> list[str]:
    """The words that spaCy gives of a whole document, as datatrove takes them."""
    with english.memory_zone():
        return [word.text.strip() for word in english.tokenizer(text) if word.text.strip()]


def found(texts: list[str]) -> list[list[str]]:
    text = buffers(texts, "before ", " after")
    words = spacy_words(text)
    same = words.hash == hash_spans(words.start, words.end, text.data)
    assert same.all() or any("IS_ALPHA" in given for given in texts)
    return [[word for _, word in own] for own in pieces(words, text)]


def random_texts(seed: int, number: int) -> Iterator[str]:
    chance = random.Random(seed)
    cases = [case for case in spacy.blank("en").tokenizer.rules if not case.isspace()]

    def chunk() -> str:
        kind = chance.random()
        if kind < 0.4:
            return "".join(chance.choice(SIGNS) for _ in range(chance.randint(1, 8)))
        some = [chance.choice(cases if chance.random() < 0.4 else PARTS) for _ in range(chance.randint(1, 3))]
        return "".join(part if chance.random() < 0.7 else chance.choice(SIGNS) for part in some)

    for _ in range(number):
        gaps = (" ", " ", " ", "  ", "\n", "\u3000", "\t", "\xa0", "\x1c")
        yield "".join(chunk() + chance.choice(gaps) for _ in range(chance.randint(0, 12)))


def test_random_text(english: Any) -> None:
    texts = [text for text in random_texts(1, 2500) if "IS_ALPHA" not in text]
    assert [(t, w) for t, w in zip(texts, found(texts), strict=True) if w != asked(english, t)] == []


def test_every_special_case_also_between_signs(english: Any) -> None:
    cases = [case for case in english.tokenizer.rules if not case.isspace()]
    texts = [" ".join((case, f"({case})", f"{case},", f"x{case}", f"{case}.", f'"{case}"')) for case in cases]
    assert [(t, w) for t, w in zip(texts, found(texts), strict=True) if w != asked(english, t)] == []


def test_every_character_in_its_places(english: Any) -> None:
    points = [*range(0x21, 0x600), *range(0x2000, 0x2800), *range(0x3000, 0x3100), *range(0xFF00, 0x10000, 3),
              *range(0x600, 0xD800, 97), *range(0x10000, 0x20000, 211)]  # fmt: skip
    texts = [f"a{c}b {c}a A{c} 1{c}2 1{c} {c}. {c} a.{c} x{c}. 3-{c}-b A{c}b" for c in map(chr, points)]
    assert [(t, w) for t, w in zip(texts, found(texts), strict=True) if w != asked(english, t)] == []


def test_real_chunks(english: Any, data: Path) -> None:
    web = texts(data / "corpora/en_web_text.jsonl.zst", within=1_500_000)
    chunks = sorted({chunk for text in web for chunk in text.split()})
    joined = ["\n".join(chunks[i : i + 50]) for i in range(0, len(chunks), 50)]
    assert [(t, w) for t, w in zip(joined, found(joined), strict=True) if w != asked(english, t)] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\u3000",
        "a" * 100_000,
        ")" * 500,
        "fine:) )",
        "fine:) ) )\n(x): ) )",
        "see (a): t. Or (b): 3",
        "Ph.D. °C. 5°C. o.O (o:) and/or and/or: w/o) C++. a.m., 10a.m.)",
        "id. it's. can't, Mr. Mr.. (Mr.",
        "10km/h 5km² 5кг 10%. $5 US$5 5US$ +5 + 5+ 3.14 a.b http://a.b/c-d x@y.org, U.S. e.g.,",
        "今天天气很好。明天呢？ 中文……中文 ——中文",
    ],
)
def test_cases(english: Any, text: str) -> None:
    assert found([text]) == [asked(english, text)]


def test_a_word_that_spacy_fails_on() -> None:
    assert found(["the IS_ALPHA of IS_ALPHA-x", "xIS_ALPHAx of"]) == [["the", "of", "-x"], ["xIS_ALPHAx", "of"]]


def test_neither_the_batch_nor_what_was_asked_before_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = list(random_texts(3, 300))
    together = found(texts)
    assert [found([text])[0] for text in texts] == together
    spacy_english.forget()
    assert spacy_english.asked() == 0
    assert found(texts) == together
    assert spacy_english.asked() > 20
    monkeypatch.setattr(spacy_english, "CACHED", 0)
    assert [found([text])[0] for text in texts[:60]] == together[:60]


def test_other_rules_than_those_compiled_ask_for_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = list(random_texts(4, 300))
    together = found(texts)
    monkeypatch.setattr(spacy_english, "_COMPILED", "of another release")
    other = spacy_english._Known()
    assert not other.compiled
    monkeypatch.setattr(spacy_english, "_known", lambda: other)
    assert found(texts) == together


def test_documents_share_the_view() -> None:
    docs = documents({"text": ["It's here.", "中文。"]})
    assert docs.spacy_words is docs.spacy_words
    kept = docs.keep(np.array([False, True]))
    assert [w for _, w in pieces(kept.spacy_words, kept.text)[0]] == ["中文", "。"]


def test_without_spacy_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UsageError, match=r"pip install 'dataprep\[profiles\]'"):
        spacy_english.language.__wrapped__()


def glued_twin(words: list[str], n: int) -> int:
    seen: set[str] = set()
    chars = i = 0
    while i <= len(words) - n:
        gram = "".join(words[i : i + n])
        if gram in seen:
            chars += len(gram)
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars


def test_duplicates_written_without_spaces() -> None:
    chance = random.Random(7)
    some = ["1", "11", "a", "ab", "b", "中文", "é", "word", "another", "."]
    texts = [
        " ".join(chance.choice(some[: chance.choice([2, 3, 5, 10])]) for _ in range(chance.randint(0, 90)))
        for _ in range(600)
    ]
    text = buffers(texts)
    words: Spans = spacy_words(text)
    own = [[word for _, word in placed] for placed in pieces(words, text)]
    assert glued_duplicates(words, text).tolist() == [[glued_twin(w, n) for n in range(5, 11)] for w in own]
