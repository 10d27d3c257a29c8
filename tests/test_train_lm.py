"""`train-lm`: what it reads, what it writes, what it says, and that nothing is ever half there."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from language_models import FALLBACK, estimated, read_arpa
from runs import dataprep, error, make_plan, run_here, start, until, write_pipeline
from token_corpora import example_tokenizer

from dataprep.cli.train_lm import train_lm
from dataprep.errors import DataprepError
from dataprep.ngram.adjusting import count
from dataprep.ngram.sentences import of_files
from dataprep.ngram.sorting import Sorter, in_order
from dataprep.ngram.vocabulary import SPECIAL, Vocabulary

WORDS = [f"w{n}" for n in range(60)]


def corpus(lines: int = 4000, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    weights = [1 / (n + 1) for n in range(len(WORDS))]
    return [" ".join(rng.choices(WORDS, weights, k=rng.randint(0, 12))) for _ in range(lines)]


# ---------------------------------------------------------------- rows


@given(st.lists(st.tuples(*[st.integers(0, 5000)] * 3), max_size=60))
@settings(deadline=None)  # the first call compiles
def test_rows_are_sorted_like_tuples(rows: list[tuple[int, int, int]]) -> None:
    array = np.array([(*row, 1, 0) for row in rows], np.uint32).reshape(-1, 5)
    assert in_order(array.copy(), 3, 13)[:, :3].tolist() == sorted(map(list, rows))


@pytest.mark.parametrize("room", [1, 1 << 22])
def test_runs_on_disk_merge_into_one(room: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 40, (60_000, 5), np.uint32)
    rows[:, 3] = rng.integers(1, 4, len(rows)) * np.uint32(0x7FFFFFFF)
    rows[:, 4] = 0
    sorter = Sorter(tmp_path, "rows", 3, 2, 6, room, add=True)
    for part in np.array_split(rows, 9):
        sorter.put(part)
    sorter.seal()
    found = np.concatenate(list(sorter.merged(room)))
    expected: dict[tuple[int, ...], int] = {}
    for *words, low, _ in rows.tolist():
        expected[tuple(words)] = expected.get(tuple(words), 0) + low
    assert [(tuple(r[:3]), r[3] + (r[4] << 32)) for r in found.tolist()] == sorted(expected.items())
    assert not list(tmp_path.iterdir()), "runs go when they are read"


def test_words_before_a_word_are_of_its_sentence() -> None:
    ids = np.array([5, 6, 2, 2, 7, 2], np.uint32)
    rows, history = np.zeros((6, 5), np.uint32), np.array([1, 1], np.uint32)
    count(ids, history, 3, rows)
    assert rows[:, :3].tolist() == [[5, 1, 1], [6, 5, 1], [2, 6, 5], [2, 1, 1], [7, 1, 1], [2, 7, 1]]
    assert history.tolist() == [1, 1]


@given(st.lists(st.binary(max_size=12), max_size=50))
@settings(deadline=None)
def test_words_are_numbered_as_they_are_met(words: list[bytes]) -> None:
    vocabulary = Vocabulary()
    ends = np.cumsum([len(word) for word in words], dtype=np.int32) if words else np.zeros(0, np.int32)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int32)[: len(words)]
    numbers = vocabulary.numbers(np.frombuffer(b"".join(words), np.uint8), starts, ends)
    known = {word: n for n, word in enumerate(SPECIAL)}
    assert numbers.tolist() == [known.setdefault(word, len(known)) for word in words]


def test_a_vocabulary_grows() -> None:
    vocabulary = Vocabulary()
    words = [f"word {n}" for n in range(30_000)]
    assert [vocabulary.number(word.encode()) for word in words] == list(range(3, 30_003))
    letters, starts = vocabulary.letters()
    assert letters[starts[20_000] : starts[20_001]].tobytes() == b"word 19997"


def test_text_files_are_lines(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("a b\r\n\n\r\nc\rd\n é".encode())
    texts = of_files([str(tmp_path / "text")], "none")
    held = [text.data[a:b].tobytes() for text in texts for a, b in pairwise(text.offsets.tolist())]
    assert held == [b"a b", b"", b"", b"c\rd", " é".encode()]


# ---------------------------------------------------------------- the estimate itself


@pytest.mark.parametrize("prune", [(0,), (0, 1, 2)])
def test_probabilities_after_any_context_sum_to_one(prune: tuple[int, ...], tmp_path: Path) -> None:
    counts, model = read_arpa(estimated(corpus(300), tmp_path, 3, prune, FALLBACK)[0])
    assert [int(line.partition("=")[2]) for line in counts] == [
        sum(len(gram.split(" ")) == k for gram in model) for k in (1, 2, 3)
    ]
    words = [gram for gram in model if " " not in gram and gram != "<s>"]

    def log(context: tuple[str, ...], word: str) -> float:
        gram = " ".join((*context, word))
        if gram in model:
            return model[gram][0]
        return log(context[1:], word) + model.get(" ".join(context), (0.0, 0.0))[1]

    for context in [(), ("<s>",), ("w0",), ("<s>", "w0"), ("w0", "w1"), ("w59", "w59"), ("w1", "<unk>")]:
        assert sum(10 ** log(context, word) for word in words) == pytest.approx(1, abs=1e-5), context


def test_memory_decides_nothing(tmp_path: Path) -> None:
    lines = corpus(6000)
    whole = estimated(lines, tmp_path / "whole", 4, (0, 0, 1), FALLBACK, room=1 << 28)[0].read_bytes()
    assert estimated(lines, tmp_path / "small", 4, (0, 0, 1), FALLBACK, room=1)[0].read_bytes() == whole


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two languages, and a text file."""
    folder = tmp_path_factory.mktemp("lm")
    lines = corpus(600)
    rows: list[dict[str, Any]] = [
        {"text": "\n \n".join(lines[n : n + 6]), "language": "en" if n % 4 else "zh"} for n in range(0, 600, 6)
    ]
    (folder / "in").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "in" / "rows.parquet")
    run_here(make_plan(write_pipeline(folder, ["empty"], source={"parquet": str(folder / "in")})))
    (folder / "text").write_text("".join(f"{line}\n" for line in lines if line))
    return folder


def test_runs_and_text_files_give_the_same_model(
    corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: object) -> str:
        train_lm.main([str(a) for a in arguments], standalone_mode=False)
        return capsys.readouterr().out

    options = ("--unit", "spaces", "--order", 3, "--discount-fallback")
    said = call(corpora / "out", *options, "--output", tmp_path / "run")
    call("--text", corpora / "text", *options, "--output", tmp_path / "text")
    model = (tmp_path / "run/lm.arpa").read_bytes()
    assert model == (tmp_path / "text/lm.arpa").read_bytes()
    assert "sentences" in said
    card = yaml.safe_load((tmp_path / "run/lm.yaml").read_text())
    counts, grams = read_arpa(tmp_path / "run/lm.arpa")
    assert [f"ngram {k}={n}" for k, n in enumerate(card["ngrams"], 1)] == counts
    assert card["order"] == 3
    assert card["words"] == sum(len(line.split()) for line in (corpora / "text").read_text().split("\n"))
    assert card["sources"][0]["manifest"] == json.loads((corpora / "out/manifest.json").read_text())["fingerprint"]
    assert "w0 w1" in grams
    # Again: nothing is done. Another order: another model in the same place.
    before = (tmp_path / "run/lm.arpa").stat().st_mtime_ns
    again = call(corpora / "out", *options, "--output", tmp_path / "run", "--memory-mb", 512)
    assert "finished before" in again
    assert (tmp_path / "run/lm.arpa").stat().st_mtime_ns == before
    pieces = ("--tokenizer", example_tokenizer(), "--normalize", "ccnet", "--language", "zh", "--order", 2, "--json")
    made = json.loads(call(corpora / "out", *pieces, "--discount-fallback", "--output", tmp_path / "run"))
    head = (tmp_path / "run/lm.arpa").read_text().split("\\data\\")[0]
    assert head == (
        "# dataprep unit=pieces\n# dataprep normalize=ccnet\n# dataprep language=zh\n"
        f"# dataprep tokenizer={made['tokenizer']['sha256']}\n"
    )
    assert made["sentences"] == 50  # documents, of one language
    assert (tmp_path / "run/tokenizer.model").read_bytes() == example_tokenizer().read_bytes()
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if not p.name.startswith(".")) == [
        "lm.arpa",
        "lm.yaml",
        "tokenizer.model",
    ]


WRONG: dict[str, tuple[tuple[Any, ...], int, str]] = {
    "neither": ((), 2, "name the folders of finished runs, or text files"),
    "both": (("out", "--text", "text"), 2, "one of the two"),
    "no tokenizer": (("--text", "text", "--unit", "pieces"), 2, "--unit pieces needs a --tokenizer"),
    "prune": (("--text", "text", "--prune", "1 0"), 2, "--prune takes 0 and then"),
    "prune words": (("--text", "text", "--prune", "x"), 2, "must be numbers"),
    "fallback": (("--text", "text", "--discount-fallback", "0.5 3"), 2, "must be in 0 to 2"),
    "no lmplz": (("--text", "text", "--engine", "lmplz"), 2, "no `lmplz` on PATH"),
    "no file": (("--text", "nothing"), 1, "nothing: can't be read"),
    "language of a file": (("--text", "text", "--language", "en"), 2, "a text file has none"),
    "another language": (("out", "--language", "fr"), 1, "no words to learn from"),
    "too small": (("--text", "small"), 1, "use --discount-fallback"),
    "not UTF-8": (("--text", "latin"), 1, "latin: byte 5 is not UTF-8"),
}


@pytest.mark.parametrize("name", ["no lmplz", "too small"])
def test_what_is_wrong_is_one_line(name: str, corpora: Path, tmp_path: Path) -> None:
    arguments, code, said = _wrong(name, corpora)
    assert said in error("train-lm", *arguments, "--output", tmp_path / "lm", code=code, PATH="/usr/bin:/bin")
    assert not (tmp_path / "lm").exists() or not [p for p in (tmp_path / "lm").iterdir() if p.name != ".dataprep"]


@pytest.mark.parametrize("name", sorted(WRONG.keys() - {"no lmplz", "too small"}))
def test_what_is_wrong_is_told(name: str, corpora: Path, tmp_path: Path) -> None:
    """The same without a process for each."""
    arguments, code, said = _wrong(name, corpora)
    with pytest.raises(DataprepError) as caught:
        train_lm.main([str(a) for a in (*arguments, "--output", tmp_path / "lm")], standalone_mode=False)
    assert said in str(caught.value)
    assert caught.value.exit_code == code
    assert "\n" not in str(caught.value)


def _wrong(name: str, corpora: Path) -> tuple[list[Any], int, str]:
    (corpora / "small").write_text("a b\n")
    (corpora / "latin").write_bytes("a é\n".encode() + b"\xe9\n")
    arguments, code, said = WRONG[name]
    files = ("text", "small", "latin", "nothing", "out")
    return [corpora / a if a in files else a for a in arguments], code, said


@pytest.mark.parametrize("moment", ["ids", "suffix2.0"])
def test_a_killed_run_leaves_nothing_half_made(moment: str, tmp_path: Path) -> None:
    text, out = tmp_path / "text", tmp_path / "lm"
    text.write_text("".join(f"{line}\n" for line in corpus(30_000)))
    options = ("train-lm", "--text", text, "--unit", "spaces", "--output", out, "--discount-fallback")
    process = start(*options)
    until(lambda: list(out.glob(f".scratch.*/{moment}")) or process.poll() is not None, moment)
    process.kill()
    process.communicate()
    assert not (out / "lm.yaml").exists() or (out / "lm.arpa").exists()
    dataprep(*options)
    assert not list(out.glob(".*.tmp")), "what the killed one left is gone"
    expected, _ = estimated(corpus(30_000), tmp_path / "expected", 5, (0,), FALLBACK)
    made = (out / "lm.arpa").read_bytes()
    assert made[made.index(b"\\data\\") :] == expected.read_bytes()


def test_perplexity_of_the_model_is_finite(tmp_path: Path) -> None:
    _, model = read_arpa(estimated(corpus(200), tmp_path, 3, (0,), (0.0, 0.0, 0.0))[0])
    assert all(math.isfinite(p) and math.isfinite(b) and p >= -99 and b >= -99 for p, b in model.values())
