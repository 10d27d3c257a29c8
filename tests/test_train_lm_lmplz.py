"""Our estimate is lmplz's: every probability and back-off, by the real program built from kenlm's sources."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import pytest
from corpora import texts
from language_models import FALLBACK, NoLmplz, by_lmplz, estimated, lmplz, read_arpa
from odd_text import PIECES
from runs import dataprep, error
from token_corpora import sentencepiece_model

from dataprep.errors import InputError

CLOSE = 1e-4
CHINESE = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈"


@pytest.fixture(scope="session")
def program() -> Path:
    try:
        return lmplz()
    except NoLmplz as why:
        pytest.skip(str(why))


def prose(words: list[str], lines: int, seed: int) -> list[str]:
    """Lines in which a word depends on the two before it, and some are often met: n-grams of every count."""
    rng = random.Random(seed)
    after = {w: rng.choices(words, [1 / (n + 1) for n in range(len(words))], k=7) for w in words}
    found = []
    for _ in range(lines):
        word = rng.choice(words)
        line = [word]
        for _ in range(rng.choice([0, 1, 3, 8, 20])):
            word = rng.choice(after[word]) if rng.random() < 0.8 else rng.choice(words)
            line.append(word)
        found.append(" ".join(line))
    return found


ENGLISH = prose([f"w{n}" for n in range(300)], 600, 1)
HAN = prose(list(CHINESE), 500, 2)


def equal(ours: Path, theirs: Path) -> None:
    counts, grams = read_arpa(ours)
    their_counts, their_grams = read_arpa(theirs)
    assert counts == their_counts
    assert grams.keys() == their_grams.keys()
    apart = {g: (p, their_grams[g]) for g, p in grams.items() if _gap(p, their_grams[g]) > CLOSE}
    assert not apart, f"{len(apart)} of {len(grams)} n-grams differ, such as {list(apart.items())[:3]}"


def _gap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


@pytest.mark.parametrize("prune", [(0,), (0, 0, 1), (0, 1, 2)])
@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("lines", [ENGLISH, HAN], ids=["English", "Chinese"])
def test_every_number_is_lmplz_s(
    program: Path, lines: list[str], order: int, prune: tuple[int, ...], tmp_path: Path
) -> None:
    prune = prune[:order]
    try:
        ours, _ = estimated(lines, tmp_path, order, prune)
    except InputError:
        assert not by_lmplz(program, lines, tmp_path, order, prune)[0].exists()
        ours, _ = estimated(lines, tmp_path, order, prune, FALLBACK)
        equal(ours, by_lmplz(program, lines, tmp_path, order, prune, FALLBACK)[0])
        return
    equal(ours, by_lmplz(program, lines, tmp_path, order, prune)[0])


TINY = {
    "one word": ["a"],
    "one line": ["a b a b c"],
    "the same line": ["a b c d e f g"] * 50,
    "empty lines": ["", "a", "", "", "a b", ""],
    "only empty lines and a word": ["", "", "", "b"],
    "short lines": ["a", "b", "a b", "b a", "a a", "b b b"],
    "white space": [" a\tb  c ", "a\rb", "\t", "c  a"],
    "special words": ["a <s> b", "<unk> b </s> a", "</s>"],
    "Unicode": ["".join(PIECES), " ".join(PIECES), "é e\u0301 é", "天 地\u3000玄 \u00a0 x\u2028y", "🙂 👩\u200d💻 🙂"],
}


@pytest.mark.parametrize("order", [2, 3, 6])
@pytest.mark.parametrize("name", TINY)
def test_tiny_and_odd_inputs(program: Path, name: str, order: int, tmp_path: Path) -> None:
    """Line breaks and the two characters that no ARPA file can hold apart."""
    lines = [line.translate(dict.fromkeys(map(ord, "\n\v\f"), " ")) for line in TINY[name]]
    for prune in ((0,), (0, 1)):
        ours, _ = estimated(lines, tmp_path, order, prune, FALLBACK)
        equal(ours, by_lmplz(program, lines, tmp_path, order, prune, FALLBACK)[0])


@pytest.mark.parametrize("seed", range(6))
def test_random_corpora(program: Path, seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    words = [*rng.sample(CHINESE, 8), "a", "b"]
    lines = [" ".join(rng.choices(words, k=rng.choice([0, 1, 2, 5, 30]))) for _ in range(rng.choice([5, 40, 200]))]
    order = rng.randint(2, 6)
    fallback = (rng.uniform(0, 1), rng.uniform(0, 2), rng.uniform(0, 3))
    prune = (0, *sorted(rng.choices([0, 1, 3], k=rng.randint(0, order - 1))))
    ours, made = estimated([*lines, "a"], tmp_path, order, prune, fallback)
    equal(ours, by_lmplz(program, [*lines, "a"], tmp_path, order, prune, fallback)[0])
    assert len(made.counts) == order


def test_real_text(program: Path, data: Path, tmp_path: Path) -> None:
    """English web pages and Chinese documentation, in one corpus."""
    lines = []
    for name, documents in (("en_web_text", 60), ("zh_javaguide", 12)):
        for text in islice(texts(data / f"corpora/{name}.jsonl.zst"), documents):
            lines += text.translate(dict.fromkeys(map(ord, "\v\f"), " ")).split("\n")
    ours, made = estimated(lines, tmp_path, 5, (0, 0, 1), FALLBACK)
    equal(ours, by_lmplz(program, lines, tmp_path, 5, (0, 0, 1), FALLBACK)[0])
    assert made.fallen_back == [5]


def test_the_command_with_either_engine(program: Path, tmp_path: Path) -> None:
    """Over the pieces of a tokenizer: the same text reaches both."""
    (tmp_path / "text").write_text("\n".join([*ENGLISH[:80], *HAN[:80], "\t a tab", "▁", "<s> </s>"]) + "\n")
    tokenizer = sentencepiece_model(tmp_path / "tokenizer.model", vocab_size=300, byte_fallback=False)
    options = ("--text", tmp_path / "text", "--tokenizer", tokenizer, "--order", 3, "--discount-fallback")
    path = f"{program.parent}:/usr/bin:/bin"
    dataprep("train-lm", *options, "--output", tmp_path / "ours")
    dataprep("train-lm", *options, "--output", tmp_path / "theirs", "--engine", "lmplz", PATH=path)
    equal(tmp_path / "ours/lm.arpa", tmp_path / "theirs/lm.arpa")
    small = ("--text", tmp_path / "small", "--unit", "spaces", "--output", tmp_path / "none", "--engine", "lmplz")
    (tmp_path / "small").write_text("a b\n")
    assert "use --discount-fallback" in error("train-lm", *small, code=1, PATH=path)
    assert not (tmp_path / "none/lm.yaml").exists()
