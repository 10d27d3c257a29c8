"""`profile: dolma` gives dolma's scores and decisions, on real documents and on odd ones, and a plain twin's."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from chain import apply, parts
from corpora import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, batches, documents, odd_text, pieces, repetitive_text

from dataprep import catalog
from dataprep.documents import Documents
from dataprep.documents import documents as columns
from dataprep.errors import UsageError
from dataprep.stage import Map
from dataprep.text.dolma_words import word_counts
from dataprep.text.ratios import rounded
from dataprep.text.split_words import split_words
from dataprep.text.word_counts import stop_word_table

GOLDEN = Path(__file__).parent / "golden/dolma_669f534.json.gz"
"""What dolma's code and its mixers give; `benchmarks/golden_dolma.py` makes it and says how."""
CORPORA = {"en_web_text": (300, 6), "zh_javaguide": (30, 14), "zh_oiwiki": (30, 15)}
"""(documents, every so many documents of the corpus)."""
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
STAGES = ("gopher_quality", "gopher_repetition")
OURS = {
    "word_count": "words",
    "median_word_length": "median_word_length",
    "symbol_to_word_ratio": "symbol_word_ratio",
    "fraction_of_words_with_alpha_character": "alphabetic_word_ratio",
    "required_word_count": "stop_words",
    "fraction_of_lines_starting_with_bullet_point": "bullet_line_ratio",
    "fraction_of_lines_ending_with_ellipsis": "ellipsis_line_ratio",
    "fraction_of_duplicate_lines": "duplicate_line_ratio",
    "fraction_of_characters_in_duplicate_lines": "duplicate_line_char_ratio",
    **{f"fraction_of_characters_in_most_common_{n}grams": f"top_{n}_gram_ratio" for n in range(2, 5)},
    **{f"fraction_of_characters_in_duplicate_{n}grams": f"duplicate_{n}_gram_ratio" for n in range(5, 11)},
}
"""What we call dolma's scores."""
REASONS = {
    "word_count <": "too_few_words",
    "word_count >": "too_many_words",
    "median_word_length <": "words_too_short",
    "median_word_length >": "words_too_long",
    "symbol_to_word_ratio >": "too_many_symbols",
    "fraction_of_words_with_alpha_character <": "too_few_alphabetic_words",
    "required_word_count <": "too_few_stop_words",
    "fraction_of_lines_starting_with_bullet_point >": "too_many_bullets",
    "fraction_of_lines_ending_with_ellipsis >": "too_many_ellipsis_lines",
    "fraction_of_duplicate_lines >": "duplicate_lines",
    "fraction_of_characters_in_duplicate_lines >": "duplicate_line_chars",
    **{f"fraction_of_characters_in_duplicate_{n}grams >": f"duplicate_{n}_grams" for n in range(5, 11)},
}
"""What we call the rules of its mixers."""
MORE = ("the ", "of ", "to ", "and\n", "- ", "* ", "\n- ", "\n* ", "…\n", "#", " ", " ", "\n", "\n\n", "read more ",
        "one two three four five six ", "a b c d e f g h i j k ", "x" * 70 + " ", "ab " * 12, "\u1680", "\u200a",
        "\x1f", "\u205f", "ª ", "Ⅷ ", "ˇ ")  # fmt: skip
some_text = st.lists(st.sampled_from((*PIECES, *MORE * 4)), max_size=60).map("".join)
any_text = st.one_of(some_text, odd_text, repetitive_text)


@cache
def real_texts(data: Path, corpus: str) -> list[str]:
    count, step = CORPORA[corpus]
    return list(islice(texts(data / f"corpora/{corpus}.jsonl.zst"), 0, count * step, step))


def odd_texts() -> list[str]:
    """The same odd texts in every run."""
    rng = random.Random(0)
    sizes = [3, 30, 150, 600]
    odd = ["".join(rng.choices((*PIECES, *MORE), k=rng.choice(sizes))) for _ in range(200)]
    return ["", " \n", *odd, *("".join(rng.choices(MORE, k=rng.choice(sizes))) for _ in range(200))]


def scores(texts: list[str]) -> dict[str, list[float]]:
    docs = columns({"text": list(texts)})
    found = {}
    for name in STAGES:
        stage = catalog.stage(f"{name}_dolma_scores").model_validate({"prefix": "s"})
        assert isinstance(stage, Map)
        made = stage.columns(docs)
        assert {name: array.type for name, array in made.items()} == stage.gives()
        found |= {name.removeprefix("s."): array.to_pylist() for name, array in made.items()}
    return found


def decisions(texts: list[str], folder: Path) -> list[str | None]:
    """The first reason of the two stages, one after the other."""
    docs: Documents = columns({"text": list(texts)})
    reasons: dict[int, str] = {}
    for name in STAGES:
        (folder / name).mkdir()
        _, missed = apply(parts(name, {"profile": "dolma"}), docs, folder / name)
        reasons = {**missed, **reasons}
    return [reasons.get(d) for d in range(len(texts))]


@pytest.mark.parametrize("corpus", [*CORPORA, "odd"])
def test_scores_and_decisions_equal_dolma(corpus: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    golden = json.loads(gzip.decompress(GOLDEN.read_bytes()))
    texts = odd_texts() if corpus == "odd" else real_texts(request.getfixturevalue("data"), corpus)
    rows, rules = golden["scores"][corpus], golden["decisions"][corpus]
    assert len(rows) == len(rules) == len(texts)
    ours = scores(texts)
    assert set(OURS) == set(golden["names"])
    for name, theirs in zip(golden["names"], zip(*rows, strict=True), strict=True):
        for text, value, expected in zip(texts, ours[OURS[name]], theirs, strict=True):
            # It writes none of n-grams that the text is too short for.
            assert value == (0 if expected is None else expected), (name, text[:200])
    assert decisions(texts, tmp_path) == [None if rule is None else REASONS[rule] for rule in rules]


def twin(text: str) -> dict[str, float]:
    words = text.split()
    lines = text.split("\n") if text else []
    chars = sum(map(len, words))
    copies = {line: n for line, n in Counter(lines).items() if n > 1}
    found = {
        "words": len(words),
        "median_word_length": float(median(map(len, words))) if words else 0.0,
        "symbol_word_ratio": sum("#" in word or "…" in word for word in words) / (len(words) or 1),
        "alphabetic_word_ratio": sum(any(map(str.isalpha, word)) for word in words) / (len(words) or 1),
        "stop_words": sum(word in STOP_WORDS for word in words),
        "bullet_line_ratio": sum(line[:1] in ("*", "-") for line in lines if line) / (len(lines) or 1),
        "ellipsis_line_ratio": sum(line[-1:] == "…" for line in lines) / (len(lines) or 1),
        "duplicate_line_ratio": sum(copies.values()) / (len(lines) or 1),
        "duplicate_line_char_ratio": sum(len(line) * n for line, n in copies.items()) / (chars or 1),
    }
    for n in range(2, 11):
        grams = Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))
        lengths = {gram: count * sum(map(len, gram)) for gram, count in grams.items()}
        if n <= 4:
            top = max(grams, key=grams.__getitem__) if grams else None  # the first of several
            found[f"top_{n}_gram_ratio"] = lengths[top] / chars if top else 0.0
        else:
            part = sum(length for gram, length in lengths.items() if grams[gram] > 1)
            found[f"duplicate_{n}_gram_ratio"] = part / (sum(lengths.values()) or 1)
    return {name: round(value, 5) for name, value in found.items()}


@settings(deadline=None, max_examples=250)
@given(st.lists(any_text, min_size=1, max_size=4))
def test_scores_equal_their_twin(texts: list[str]) -> None:
    ours = scores(texts)
    for d, text in enumerate(texts):
        assert {name: values[d] for name, values in ours.items()} == twin(text), text


@settings(deadline=None, max_examples=300)
@given(batches)
def test_words_are_those_of_str_split(text: Any) -> None:
    found = pieces(split_words(text), text)
    assert [[piece for _, piece in some] for some in found] == [text.split() for text in documents(text)]


def test_every_white_space_splits_and_nothing_else() -> None:
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    docs = columns({"text": ["".join(f"a{c}b" for c in every[k : k + 4096]) for k in range(0, len(every), 4096)]})
    want = [len(text.split()) for text in docs["text"].to_pylist()]
    assert np.diff(docs.split_words.offsets).tolist() == want
    alone = columns({"text": every})
    count = word_counts(alone.split_words, alone.text, stop_word_table(()))
    assert count.with_letter.tolist() == [int(c.isalpha()) for c in every]


@pytest.mark.parametrize("lengths", [[63, 64], [64, 65], [1, 64], [200, 3, 90], [63], [64], [1, 2], [5, 63, 64, 70]])
def test_medians_of_long_words(lengths: list[int]) -> None:
    assert scores([" ".join("é" * n for n in lengths)])["median_word_length"] == [median(lengths)]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.floats(0, 1e6), st.builds(lambda a, b: a / b, st.integers(0, 999), st.integers(1, 999)),
                          st.integers(0, 200_001).map(lambda n: n / 200_000)), max_size=20))  # fmt: skip
def test_rounded_is_pythons_round(values: list[float]) -> None:
    assert rounded(np.array(values, np.float64), 5).tolist() == [round(value, 5) for value in values]


def test_batch_cuts_do_not_matter() -> None:
    texts = odd_texts()[:60]
    whole = scores(texts)
    cut = [scores(texts[k : k + 7]) for k in range(0, len(texts), 7)]
    assert whole == {name: [value for some in cut for value in some[name]] for name in whole}


def test_bounds_of_the_most_frequent_n_grams_can_be_set_and_others_are_no_rules(tmp_path: Path) -> None:
    docs = columns({"text": ["buy now " * 9, "All of these words stand here once."]})
    config = {"profile": "dolma", **{f"max_duplicate_{n}_gram_ratio": None for n in range(5, 11)}}
    for name, more, reasons in (("off", {}, {}), ("on", {"max_top_2_gram_ratio": 0.2}, {0: "frequent_2_gram"})):
        (tmp_path / name).mkdir()
        kept, missed = apply(parts("gopher_repetition", config | more), docs, tmp_path / name)
        assert missed == {d: reason for d, reason in {**reasons, 1: missed.get(1)}.items() if reason}
        assert pa.types.is_floating(kept["gopher_repetition.top_2_gram_ratio"].type)
    for name, field in (("gopher_quality", "max_hash_ratio"), ("gopher_repetition", "max_duplicate_paragraph_ratio")):
        with pytest.raises((UsageError, ValueError), match="is no rule or setting of `profile: "):
            catalog.stage(name).model_validate({"profile": "dolma", field: 0.5})
