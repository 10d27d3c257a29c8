"""RedPajama-v2's signals equal its published code, on real documents and on odd ones, and a plain twin."""

from __future__ import annotations

import gzip
import json
import math
import random
import re
import string
import unicodedata
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, documents, odd_text, repetitive_text
from runs import dataprep, write_jsonl, write_pipeline

from dataprep import catalog
from dataprep.documents import documents as columns
from dataprep.errors import UsageError
from dataprep.stage import Map
from dataprep.text.plain_words import plain, plain_text

GOLDEN = Path(__file__).parent / "golden/redpajama_v2.json.gz"
"""What the published code gives; `benchmarks/bench_cleanup.py --golden` makes it and says how."""
STEPS = {"en_web_text": 12, "code_py_js_go": 300, "fr_eltec": 120, "zh_javaguide": 30}
"""Every so many documents of a corpus, their first 20,000 characters."""
MORE = ("Σ", "ΑΣ", "İ", "é", "e\u0323\u0301", "a\u0301\u0323", "각", "Ⓐ", "ǅ", "ª", "...", ". . .", "…", "▶ ", "–", "”",
        "{", "lorem", " ipsum", "LOREM ipsum", "javascript", "the ", "THE ", "damn ", "!", "½", "一二")  # fmt: skip
some_text = st.lists(st.sampled_from((*PIECES, *MORE * 3)), max_size=30).map("".join)


@cache
def real_texts(data: Path, corpus: str) -> list[str]:
    some = islice(texts(data / f"corpora/{corpus}.jsonl.zst"), 0, None, STEPS[corpus])
    return [text[:20_000] for text in some]


def odd_texts() -> list[str]:
    """The same odd texts in every run."""
    rng = random.Random(0)
    return ["".join(rng.choices((*PIECES, *MORE), k=rng.choice([3, 30, 300]))) for _ in range(300)]


def lists(data: Path) -> tuple[str, str]:
    """(stop words, bad words) of English, one a line: not the lists that RedPajama-v2 used."""
    stops = json.loads((data / "lists/stopwords_iso/stopwords-iso.json").read_text("utf-8"))["en"]
    return "\n".join(stops), (data / "lists/ldnoobw/en").read_text("utf-8")


def signals(texts: list[str], config: dict[str, Any]) -> dict[str, list[float | None]]:
    stage = catalog.stage("redpajama_signals").model_validate({"prefix": "r", **config})
    assert isinstance(stage, Map)
    made = stage.columns(columns({"text": list(texts), "language": ["en"] * len(texts)}))
    assert {name: array.type for name, array in made.items()} == stage.gives()
    return {name.removeprefix("r."): array.to_pylist() for name, array in made.items()}


@pytest.mark.parametrize("corpus", [*STEPS, "odd"])
def test_signals_equal_the_published_code(corpus: str, data: Path, tmp_path: Path) -> None:
    golden = json.loads(gzip.decompress(GOLDEN.read_bytes()))
    stops, bad = lists(data)
    (tmp_path / "stops").write_text(stops, "utf-8")
    (tmp_path / "bad").write_text(bad, "utf-8")
    texts = odd_texts() if corpus == "odd" else real_texts(data, corpus)
    config = {"stop_words": {"en": str(tmp_path / "stops")}, "bad_words": {"en": str(tmp_path / "bad")}}
    ours = signals(texts, config)
    names, rows = golden["names"], golden["values"][corpus]
    assert len(rows) == len(texts)
    assert {*ours} == {*names, "ccnet_length", "ccnet_nlines"}
    for name, theirs in zip(names, zip(*rows, strict=True), strict=True):
        for text, value, expected in zip(texts, ours[name], theirs, strict=True):
            if expected is None or value is None:
                assert value is expected, (name, text[:200])
            elif name.startswith("rps_lines_"):  # theirs are rounded line by line
                assert value == pytest.approx(expected, rel=1e-6, abs=2e-8), (name, text[:200])
            else:
                assert np.float32(value) == np.float32(expected), (name, text[:200])


@settings(deadline=None, max_examples=500)
@given(st.lists(st.one_of(some_text, odd_text), min_size=1, max_size=4))
def test_plain_text_is_what_python_makes_of_it(texts: list[str]) -> None:
    found = documents(plain_text(buffers(texts, "Σ", "Σ")))
    for text, spelled in zip(texts, found, strict=True):
        assert spelled == plain(text)
        table = str.maketrans("", "", string.punctuation)
        assert spelled.split() == unicodedata.normalize("NFD", text.translate(table).lower()).split()
        assert spelled.count("\n") == text.count("\n")


def share(part: float, whole: float) -> np.float32:
    return np.float32(round(part / whole, 8))


def twin(text: str) -> dict[str, Any]:
    table = str.maketrans("", "", string.punctuation)
    words = unicodedata.normalize("NFD", text.translate(table).lower()).split()
    raw = re.findall(r"\w+|[^\w\s]+", text)
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    counts = Counter(words)
    chars = sum(map(len, words))
    found: dict[str, Any] = {
        "ccnet_length": len(text),
        "ccnet_nlines": len(lines),
        "rps_doc_num_sentences": len(re.findall(r"\b[^.!?]+[.!?]*", text)),
        "rps_doc_word_count": len(words),
        "rps_doc_curly_bracket": share(text.count("{") + text.count("}"), len(text) or 1),
        "rps_doc_lorem_ipsum": share(" ".join(words).count("lorem ipsum"), len(" ".join(words)) or 1),
    }
    entropy = sum(-n / len(words) * math.log(n / len(words)) for n in counts.values())
    signs = sum(text.count(sign) for sign in ("#", "...", "…"))
    of_words = {"mean_word_length": chars, "frac_unique_words": len(counts), "unigram_entropy": entropy * len(words)}
    of_raw = {
        "symbol_to_word_ratio": signs,
        "frac_no_alph_words": sum(not re.search("[A-Za-z]", word) for word in raw),
        "frac_all_caps_words": sum(map(str.isupper, raw)),
    }
    ends = sum(line.rstrip().endswith(("...", "…")) for line in lines)
    of_lines = {"frac_lines_end_with_ellipsis": ends}
    for parts, whole in ((of_words, words), (of_raw, raw), (of_lines, lines)):
        found |= {f"rps_doc_{name}": share(n, len(whole)) if whole else None for name, n in parts.items()}
    for n in range(2, 11):
        grams = [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]
        of = Counter(grams)
        if n <= 4:
            top, count = of.most_common(1)[0] if grams else ((), 0)
            part = sum(map(len, top)) * count if count > 1 else 0
        else:
            inside = {k + j for k, gram in enumerate(grams) if of[gram] > 1 for j in range(n)}
            part = sum(len(words[k]) for k in inside)
        name = f"top_{n}gram" if n <= 4 else f"dupe_{n}grams"
        found[f"rps_doc_frac_chars_{name}"] = share(part, chars or 1)
    return found


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(some_text, odd_text, repetitive_text), min_size=1, max_size=4))
def test_signals_equal_their_twin(texts: list[str]) -> None:
    ours = signals(texts, {})
    for d, text in enumerate(texts):
        expected = twin(text)
        found = {name: ours[name][d] for name in expected}
        entropy = found.pop("rps_doc_unigram_entropy")
        wanted = expected.pop("rps_doc_unigram_entropy")
        assert entropy is wanted or entropy == pytest.approx(wanted, abs=2e-7, rel=2e-7)
        assert found == expected, text


def test_phrases_of_a_list_are_counted_at_every_length(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("damn\ndamn it\nvery very bad thing\n\nNever.\n", "utf-8")
    ours = signals(
        ["Damn it! A very-very bad; very very bad thing. never", ""], {"bad_words": {"en": str(tmp_path / "bad")}}
    )
    assert ours["rps_doc_ldnoobw_words"] == [3.0, 0.0]
    other = signals(["damn"], {"bad_words": {"de": str(tmp_path / "bad")}})
    assert other["rps_doc_ldnoobw_words"] == [None]


def test_a_list_is_part_of_the_fingerprint_and_a_bad_one_gives_one_line(tmp_path: Path) -> None:
    given = tmp_path / "stops"
    given.write_text("the\n", "utf-8")
    stage = catalog.stage("redpajama_signals").model_validate({"stop_words": {"en": str(given)}})
    before = stage.files()
    given.write_text("the\nof\n", "utf-8")
    assert stage.files() != before
    for content, wrong in ((b"\xff\n", "not a list of words"), (b"\n\n", "holds no words")):
        given.write_bytes(content)
        with pytest.raises(UsageError, match=wrong) as caught:
            stage.files()
        assert "\n" not in str(caught.value)
    write_jsonl(tmp_path / "in.jsonl", [{"text": "x"}])
    missing = {"redpajama_signals": {"stop_words": {"en": str(tmp_path / "absent")}}}
    path = write_pipeline(tmp_path, [missing], source={"jsonl": str(tmp_path / "in.jsonl")})
    assert "absent: no such file" in dataprep("run", path, code=2).stderr
