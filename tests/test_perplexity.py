"""Perplexity is KenLM's, CCNet's where asked; buckets follow the stored scores; bad models give one line."""

from __future__ import annotations

import json
import math
import random
import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import kenlm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece
from chain import apply, parts
from hypothesis import given, settings
from hypothesis import strategies as st
from language_models import ARPA, by_kenlm_text, estimated, train
from odd_text import PIECES, odd_text
from runs import error, make_plan, manifest, run_here, write_pipeline
from token_corpora import PROSE, sentencepiece_model

from dataprep.documents import documents
from dataprep.errors import InputError, UsageError
from dataprep.models import install
from dataprep.ngram import arpa
from dataprep.ngram.scoring import Scorer, scorer
from dataprep.ngram.sentences import text_of
from dataprep.pipeline import parse
from dataprep.stages.perplexity.perplexity import PUBLISHED
from dataprep.text import ccnet

GOLDEN = Path(__file__).parent / "golden" / "ccnet_perplexity.json"
LINES = [
    "the quick brown fox jumps over the lazy dog", "a fox is quick and a dog is lazy", "", "the dog jumps",
    "the fox jumps over a dog and the dog sleeps", "敏捷的棕色狐狸跳过了懒狗", "今天天气很好 狐狸跳过了懒狗",
    "ca coute 00 €.",
] * 6 + [f"the {a} {b}" for a in ("quick", "lazy", "brown") for b in ("fox", "dog", "sleeps", "cat")]  # fmt: skip
GOLDEN_TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "  The QUICK brown fox,\njumps over\tthe lazy dog — it’s 12:45…  ",
    "敏捷的棕色狐狸跳过了懒狗，今天天气很好。２０２４年（第３章）",
    "Ça coûte 12 €. ÀÉÎÕÜ ñ Å ﬁ Ǆ İI ΣΑΣ Οδυσσεύς ẞß",
    "한국어 문장입니다. हिन्दी में क्या",
    "«Ｆｕｌｌ　ｗｉｄｔｈ» „quoted” “text” ‘it’ ´x` 50％ ► A．B ～ ━",
    "one\u00a0no-break\u2028two\u3000three\u200bfour\ufeff",
    "a ▁ b ▁▁c <s> </s> <unk>",
    "\x00\x01\x7f\x85\x9f",
    "",
    " \n\u3000 ",
    "a",
    "the " * 300,
    "".join(PIECES),
    " ".join(PIECES),
    "\U0001d165\U0001d16e\u0323\u0307 \u1100\u1161 가\u0301",
]


def ccnet_models(folder: Path) -> tuple[Path, Path]:
    """A tokenizer and the folder of a model of normalised pieces."""
    tokenizer = sentencepiece_model(folder / "tokenizer.model", add_dummy_prefix=True)
    return tokenizer, train(folder / "lm", [*LINES, PROSE], tokenizer, normalize="ccnet", order=5)


@pytest.fixture(scope="module")
def models_as_published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of the kind of CCNet's own tokenizers: unigram pieces, NFKC, characters that are unknown."""
    folder = tmp_path_factory.mktemp("unigram")
    kind = {"model_type": "unigram", "normalization_rule_name": "nmt_nfkc", "remove_extra_whitespaces": True}
    tokenizer = sentencepiece_model(
        folder / "tokenizer.model", **kind, byte_fallback=False, add_dummy_prefix=True, vocab_size=90
    )
    return tokenizer, train(folder / "lm", [*LINES, PROSE], tokenizer, normalize="ccnet", order=4)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return ccnet_models(tmp_path_factory.mktemp("ccnet"))


def ccnet_perplexity(text: str, tokenizer: Path, model: Path) -> float:
    """The formula, with sentencepiece and kenlm themselves; NaN for a text without pieces."""
    processor, loaded = _loaded(tokenizer, model)
    line = " ".join(processor.EncodeAsPieces(ccnet.normalize(text)))
    return round(10.0 ** (-loaded.score(line) / (len(line.split()) + 1)), 1) if line else math.nan


@cache
def _loaded(tokenizer: Path, model: Path) -> tuple[Any, Any]:
    return sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)), kenlm.Model(str(model))


# ---------------------------------------------------------------- normalisation


@given(st.lists(odd_text, max_size=8))
@settings(deadline=None)
def test_normalisation_is_its_twin(texts: list[str]) -> None:
    assert _strings(ccnet.normalized(text_of(texts))) == [ccnet.normalize(text) for text in texts]


def test_every_character_is_normalised_like_python() -> None:
    texts = ["".join(f"{chr(c)}x" for c in range(a, a + 512) if not 0xD800 <= c < 0xE000) for a in _BLOCKS]
    assert _strings(ccnet.normalized(text_of(texts))) == [ccnet.normalize(text) for text in texts]


_BLOCKS = [*range(0, 0x20000, 512), 0x2F800, 0x2FA00, 0xE0000, 0x10FE00]


def _strings(text: Any) -> list[str]:
    return [text.data[a:b].tobytes().decode() for a, b in zip(text.offsets[:-1], text.offsets[1:], strict=True)]


# ---------------------------------------------------------------- scores


def test_golden_values_of_ccnet(models: tuple[Path, Path]) -> None:
    """What its own code gives, to the decimal; see the file for how."""
    golden = json.loads(GOLDEN.read_text())["documents"]
    assert [row["text"] for row in golden] == GOLDEN_TEXTS
    assert [ccnet.normalize(row["text"]) for row in golden] == [row["normalized"] for row in golden]
    found, _ = scorer(str(models[1]), None, True).score(text_of(GOLDEN_TEXTS), None)
    assert [None if math.isnan(v) else v for v in found.tolist()] == [row["perplexity"] for row in golden]


@given(st.lists(odd_text, min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_ccnet_s_formula_on_any_text(models: tuple[Path, Path], texts: list[str]) -> None:
    found, worst = scorer(str(models[1]), None, True).score(text_of(texts), 4)
    expected = [ccnet_perplexity(text, models[0], models[1] / "lm.arpa") for text in texts]
    np.testing.assert_array_equal(found, expected)
    assert (np.isnan(worst) == np.isnan(found)).all()


@given(st.lists(odd_text, min_size=1, max_size=6))
@settings(deadline=None, max_examples=40)
def test_ccnet_s_formula_with_a_tokenizer_of_its_kind(models_as_published: tuple[Path, Path], texts: list[str]) -> None:
    tokenizer, model = models_as_published
    found, _ = scorer(str(model), None, True).score(text_of([*GOLDEN_TEXTS, *texts]), None)
    expected = [ccnet_perplexity(text, tokenizer, model / "lm.arpa") for text in [*GOLDEN_TEXTS, *texts]]
    np.testing.assert_array_equal(found, expected)


def test_tables_and_kenlm_agree(tmp_path: Path) -> None:
    """Bit by bit, whatever the order, pruned or not, known words or not."""
    rng = random.Random(5)
    words = [f"w{n}" for n in range(80)]
    weights = [1 / (n + 1) for n in range(80)]
    lines = [" ".join(rng.choices(words, weights, k=rng.randint(0, 15))) for _ in range(700)]
    tests = [" ".join(rng.choices([*words, "new", "<s>", "</s>"], [*weights, 0.1, 0, 0], k=20)) for _ in range(200)]
    tests += ["", " ", "\v w1 \f w2\t\tw3 ", "w1", "x"]
    for order, prune in ((2, (0,)), (3, (0, 1)), (4, (0,)), (6, (0,)), (6, (0, 0, 1))):
        model, _ = estimated(lines, tmp_path, order, prune, (0.5, 1.0, 1.5))
        logs = Scorer(model, None, None)._logs(text_of(tests))
        expected = by_kenlm_text(model, tests)
        found = [
            logs.p[a + 1 : b].tolist() for a, b in zip(logs.bounds[:-1], logs.bounds[1:], strict=True)
        ]  # fmt: skip
        assert found == expected, (order, prune)


def test_a_binary_gives_the_same_by_the_module(models: tuple[Path, Path], tmp_path: Path) -> None:
    """kenlm's module scores what only it reads: here a model with n-grams that lack their ends."""
    folder = shutil.copytree(models[1], tmp_path / "lm")
    ours = scorer(str(folder), None, True)
    assert not ours.why_slow
    slow = Scorer(folder / "lm.arpa", ours.tokenizer, True)
    import dataprep.ngram.scoring as scoring

    slow._table, slow._kenlm = None, scoring._by_kenlm(folder / "lm.arpa")
    assert "only the module" in slow.why_slow
    for window in (None, 3):
        for mine, other in zip(
            ours.score(text_of(GOLDEN_TEXTS), window), slow.score(text_of(GOLDEN_TEXTS), window), strict=True
        ):
            np.testing.assert_array_equal(mine, other)


OPEN = """\\data\\
ngram 1=5
ngram 2=4
ngram 3=1

\\1-grams:
-1\t<unk>
-9\t<s>\t-0.2
-0.5\ta\t-0.1
-0.6\tb\t-0.1
-0.7\t</s>

\\2-grams:
-0.3\t<s> a\t-0.1
-0.3\ta a
-0.3\tb b
-0.3\ta </s>

\\3-grams:
-0.2\t<s> a b

\\end\\
"""


def test_an_open_model_is_left_to_kenlm(tmp_path: Path) -> None:
    """`<s> a b` ends with `a b`, which is no bigram of this model: KenLM makes it up."""
    (tmp_path / "open.arpa").write_text(OPEN)
    with pytest.raises(arpa.Open):
        arpa.table(tmp_path / "open.arpa")
    found = scorer(str(tmp_path / "open.arpa"), None, None)
    assert found.why_slow
    assert found.unit == "spaces"
    model = kenlm.Model(str(tmp_path / "open.arpa"))
    value, _ = found.score(text_of(["a b\n\nb a"]), None)
    assert value[0] == pytest.approx(10 ** (-(model.score("a b") + model.score("b a")) / 6))


def test_lines_are_sentences_and_windows_show_the_worst_part(tmp_path: Path) -> None:
    model = train(tmp_path / "lm", LINES)
    kenlm_model = kenlm.Model(str(model / "lm.arpa"))
    good, bad = "the fox jumps over a dog\n" * 20, "zz qq xx yy kk jj ww vv\n"
    texts = [good, good + bad + good, bad, "\n \n", "the dog", good * 3 + bad]
    score, worst = scorer(str(model), None, None).score(text_of(texts), 10)
    for text, found, high in zip(texts, score, worst, strict=True):
        lines = [line for line in text.split("\n") if line.strip()]
        if not lines:
            assert math.isnan(found)
            continue
        total = sum(kenlm_model.score(line) for line in lines)
        assert found == pytest.approx(10 ** (-total / sum(len(line.split()) + 1 for line in lines)), rel=1e-6)
        logs = np.array([p for line in lines for p, _, _ in kenlm_model.full_scores(line)])
        windows = max(1, (len(logs) + 5) // 10)
        cuts = [w * len(logs) // windows for w in range(windows + 1)]
        means = [logs[a:b].mean() for a, b in pairwise(cuts)]
        assert high == pytest.approx(10 ** -min(means), rel=1e-6)
    assert score[0] < score[1] < score[2]
    assert worst[0] == pytest.approx(score[0], rel=0.5)
    assert worst[1] > 5 * score[1]
    assert worst[4] == pytest.approx(score[4], rel=1e-6), "a short document is one window"


# ---------------------------------------------------------------- the stage


def test_languages_have_models_of_their_own(models: tuple[Path, Path], tmp_path: Path) -> None:
    en = train(tmp_path / "en", LINES)
    chain = parts_of({"model": {"en": str(en), "zh": str(models[1])}})
    docs = documents({"text": ["the fox", "今天天气很好", "le chien", "the dog"], "language": ["en", "zh", "fr", None]})
    kept, reasons = apply(chain, docs, tmp_path / "work")
    scores = kept.column("perplexity.score").to_pylist()
    assert [score is None for score in scores] == [False, False, True, True]
    assert not reasons
    assert scores[0] == scorer(str(en), None, None).score(text_of(["the fox"]), None)[0][0]


def parts_of(config: dict[str, Any]) -> Any:
    pipeline = {"name": "test", "source": {"jsonl": "x"}, "output": "x", "stages": [{"perplexity": config}]}
    return parse(pipeline, "test").parts


def test_a_language_has_bounds_of_its_own(tmp_path: Path) -> None:
    en = train(tmp_path / "en", LINES)
    docs = documents({"text": ["zz the qq xx"] * 3, "language": ["en", "zh", "fr"]})
    config = {"model": str(en), "max_perplexity": 2.5, "zh": {"max_perplexity": 1e9}, "fr": {"max_perplexity": None}}
    _, reasons = apply(parts_of(config), docs, tmp_path / "work")
    assert reasons == {0: "high_perplexity"}
    with pytest.raises(UsageError, match="unknown setting"):
        parts_of({"model": str(en), "zh": {"max_perplexiti": 3}})


def test_published_cut_offs() -> None:
    assert PUBLISHED["en"] == (340, 520)
    assert PUBLISHED["zh"] == (1460, 1950)
    assert len(PUBLISHED) == 48
    chain = parts("perplexity", {"model": "x", "buckets": "ccnet", "cutoffs": {"en": [1, 2]}})
    cutoffs = chain[1].stage.cutoffs  # type: ignore[attr-defined]
    assert cutoffs["en"] == (1, 2)
    assert cutoffs["fr"] == (180, 330)


def test_buckets_of_this_corpus_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirds of each language; a model by name; keeping the head scores nothing again."""
    model = train(tmp_path / "lm", LINES)
    rng = random.Random(3)
    words = ["the", "quick", "fox", "dog", "jumps", "zz", "qq"]
    rows = [
        {"text": " ".join(rng.choices(words, [9, 5, 5, 5, 3, n / 9, n / 9], k=30)), "language": ("en", "zh")[n % 2]}
        for n in range(60)
    ]
    rows.append({"text": "", "language": "en"})
    (tmp_path / "in").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in" / "rows.parquet")
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))
    install("my-lm", str(model / "lm.arpa"))
    stage = {"model": str(model), "buckets": "corpus", "shares": [0.4, 0.8]}
    source = {"parquet": str(tmp_path / "in")}
    run_here(make_plan(write_pipeline(tmp_path, [{"perplexity": stage}], source=source)))
    found = pq.read_table(tmp_path / "out/documents").to_pylist()
    for language in ("en", "zh"):
        scored = sorted(
            (r["perplexity.score"], r["perplexity.bucket"]) for r in found if r["language"] == language and r["text"]
        )
        assert [bucket for _, bucket in scored] == ["head"] * 12 + ["middle"] * 12 + ["tail"] * 6
    assert [r["perplexity.bucket"] for r in found if not r["text"]] == ["all"]
    write_pipeline(tmp_path, [{"perplexity": {**stage, "keep": ["head", "all"]}}], source=source)
    run_here(make_plan(tmp_path / "pipeline.yaml"))
    ledger = manifest(tmp_path / "out")
    assert json.dumps(ledger).count("in_tail") >= 1
    assert pq.read_table(tmp_path / "out/documents").num_rows == 25
    by_name = write_pipeline(tmp_path, [{"perplexity": {"model": "my-lm"}}], source=source)
    run_here(make_plan(by_name))
    again = pq.read_table(tmp_path / "out/documents").column("perplexity.score").to_pylist()
    assert again == [row["perplexity.score"] for row in found]


# ---------------------------------------------------------------- what is wrong


@pytest.fixture(scope="module")
def broken(models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    whole = (models[1] / "lm.arpa").read_bytes()
    (folder / "short.arpa").write_bytes(whole[: len(whole) // 2])
    (folder / "no-end.arpa").write_bytes(whole.replace(b"\\end\\\n", b""))
    (folder / "text.arpa").write_text("hello\n")
    (folder / "number.arpa").write_text(ARPA.replace("-1.3\tbrown", "x\tbrown"))
    (folder / "positive.arpa").write_text(ARPA.replace("-1.3\tbrown", "1.3\tbrown"))
    (folder / "unknown.arpa").write_text(ARPA.replace("quick brown", "quick red"))
    (folder / "twice.arpa").write_text(ARPA.replace("the quick", "quick brown"))
    (folder / "fields.arpa").write_text(ARPA.replace("\tthe quick", "\tthe"))
    (folder / "cut.bin").write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0")
    (folder / "good.arpa").write_text(ARPA)
    (folder / "empty").mkdir()
    sentencepiece_model(folder / "other.model", vocab_size=400)
    shutil.copy(models[1] / "lm.arpa", folder / "pieces.arpa")
    return folder


WRONG = [
    ({"model": "nothing"}, "nothing: no such file, and no model of this name is installed; `dataprep train-lm` makes"),
    ({"model": "good.arpa", "tokenizer": "none"}, "is installed; `dataprep train-tokenizer` makes one; see"),
    ({"model": "empty"}, "a folder without lm.arpa"),
    ({"model": "short.arpa", "tokenizer": "TOKENIZER"}, "short.arpa"),
    ({"model": "no-end.arpa", "tokenizer": "TOKENIZER"}, "ends without"),
    ({"model": "text.arpa"}, "not a language model"),
    ({"model": "number.arpa"}, "line 13: a probability or back-off that is no number"),
    ({"model": "positive.arpa"}, "a log probability above 0"),
    ({"model": "unknown.arpa"}, "has a word that is no unigram"),
    ({"model": "twice.arpa"}, "twice"),
    ({"model": "fields.arpa"}, "another number of words"),
    ({"model": "cut.bin"}, "not a language model that KenLM reads"),
    ({"model": "pieces.arpa"}, "name that with `tokenizer`"),
    ({"model": "pieces.arpa", "tokenizer": "other.model"}, "not the tokenizer that pieces.arpa was made with"),
    ({"model": "good.arpa", "tokenizer": "other.model"}, "leave `tokenizer` out"),
    ({"model": {"en": "good.arpa"}, "tokenizer": {"zh": "other.model"}}, "'zh' has no model"),
]


@pytest.mark.parametrize(("config", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_bad_model_is_one_line(
    config: dict[str, Any], said: str, broken: Path, models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(broken)
    config = {k: str(models[0]) if v == "TOKENIZER" else v for k, v in config.items()}
    with pytest.raises(UsageError) as caught:
        parts_of(config)[0].stage.files()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_model_stops_the_plan(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl").write_text('{"text": "a"}\n')
    stages: list[Any] = [{"perplexity": {"model": str(broken / "number.arpa")}}]
    assert "line 13" in error("run", write_pipeline(tmp_path, stages), code=2)
    stages = [{"perplexity": {"model": {"en": str(broken / "good.arpa")}}}]
    with pytest.raises(UsageError, match="language"):
        make_plan(write_pipeline(tmp_path, stages))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"keep": ["head"]}, "`keep` needs"),
        ({"cutoffs": {"en": [1, 2]}}, "`cutoffs` is for"),
        ({"shares": [0.6, 0.3]}, "the head must end before"),
        ({"window_words": None, "max_worst_window": 5}, "needs `window_words`"),
        ({"model": {"English": "x"}}, "model"),
    ],
)
def test_settings_without_a_use_are_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parts_of({"model": "x", **config})


def test_a_damaged_file_is_an_input_error(broken: Path) -> None:
    with pytest.raises(InputError):
        arpa.table(broken / "number.arpa")
