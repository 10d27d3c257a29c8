"""Classifiers: fastText's own scores from its file, training that gives the same bytes, and what is kept by scores."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from chain import apply, parts
from classifier_files import BAD, GOOD, SMALL, example_classifier, labelled
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import odd_text
from runs import dataprep, error, make_plan, manifest, run_here, tree, write_jsonl, write_pipeline

from dataprep.classifiers import examples, loading, making, measuring, model_file, training
from dataprep.classifiers.training import Settings
from dataprep.documents import documents
from dataprep.errors import InputError, UsageError
from dataprep.text.hashes import xxh64
from dataprep.text.one_line import one_line
from dataprep.text.spans import text_buffers

ODD = ["", " ", "\n", "</s>", "__label__hq", "今天天气", "naïve Straße", "word " * 300, "a\u0000b", "🙂 emoji", "x"]


def lines_of(texts: list[str]) -> text_buffers:  # type: ignore[valid-type]
    return one_line(text_buffers(pa.array(texts, pa.large_string())))


def texts_of(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of three labels that share most words."""
    rng = random.Random(seed)
    shared = [f"word{k}" for k in range(60)] + list("的一是在不了")
    own = {label: [f"{label}{k}" for k in range(10)] for label in ("a", "b", "ü")}
    labels = [rng.choice(sorted(own)) for _ in range(n)]
    return [" ".join(rng.choices(shared + own[label] * 2, k=12)) for label in labels], labels


# ---------------------------------------------------------------- scores


KINDS: list[dict[str, object]] = [
    {"loss": "softmax", "word_ngrams": 2},
    {"loss": "softmax", "minn": 1, "maxn": 3, "word_ngrams": 3, "dim": 16},
    {"loss": "ova", "word_ngrams": 1},
    {"loss": "hs", "word_ngrams": 2, "minn": 2, "maxn": 2},
    {"loss": "ns", "min_count": 3},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_scores_are_the_librarys(kind: dict[str, object], tmp_path: Path) -> None:
    texts, labels = texts_of(300)
    chosen = Settings.model_validate({"dim": 8, "bucket": 500, "epoch": 60, "lr": 0.5, **kind})
    path = tmp_path / "model.bin"
    path.write_bytes(training.train(chosen, texts, labels))
    ours, library = model_file.load(path), model_file._of_library(str(path))
    assert ours.library is None
    assert sorted(ours.labels) == ["a", "b", "ü"]
    lines = lines_of([*texts[:100], *ODD])
    found = [model_file.score(model, lines, ours.labels) for model in (ours, library)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert (ours.sums is not None) == (ours.vocabulary.maxn > 0)
    as_large = model_file.score(ours._replace(sums=None), lines, ours.labels)  # sums that would take too much memory
    np.testing.assert_allclose(as_large, found[1], atol=1e-5)
    assert np.ptp(found[0][:, 0]) > 0.2, "a model that has learnt something"


@settings(max_examples=40, deadline=None)
@given(st.lists(odd_text, min_size=1, max_size=5))
def test_odd_text_scores_as_in_the_library(texts: list[str]) -> None:
    path = example_classifier() / "model.bin"
    ours, library = model_file.load(path), model_file._of_library(str(path))
    found = [model_file.score(model, lines_of(texts), ("hq",)) for model in (ours, library)]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_a_compressed_model_is_left_to_the_library(tmp_path: Path) -> None:
    texts, labels = texts_of(600)
    chosen = SMALL.model_copy(update={"quantize": True, "epoch": 3})
    data = [training.train(chosen, texts, labels) for _ in range(2)]
    assert data[0] == data[1]
    (tmp_path / "model.ftz").write_bytes(data[0])
    model = model_file.load(tmp_path / "model.ftz")
    assert model.library is not None
    scores = model_file.score(model, lines_of(texts[:50]), model.labels)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-3)


# ---------------------------------------------------------------- training


def test_training_gives_the_same_bytes_and_the_seed_matters() -> None:
    texts, labels = texts_of(200)
    first, again, other = (
        training.train(SMALL.model_copy(update={"seed": seed, "bucket": 50_000}), texts, labels) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_order_of_inputs_does_not_matter_and_equal_texts_stay_together() -> None:
    texts, labels = texts_of(300)
    texts += texts[:50]
    labels += labels[:50]
    order = random.Random(1).sample(range(len(texts)), len(texts))
    one = examples.split([labelled(texts, labels)], SMALL)
    shuffled = labelled([texts[k] for k in order], [labels[k] for k in order])
    two = examples.split([shuffled], SMALL)
    assert one == two
    assert not set(one.train.texts) & set(one.held_out.texts)
    assert len(one.held_out.texts) > 10


@pytest.mark.parametrize("cut", [{"balance": True}, {"max_documents": 30}])
def test_documents_left_out_are_chosen_by_hash(cut: dict[str, object]) -> None:
    texts, labels = texts_of(400)
    few = [k for k, label in enumerate(labels) if label != "a"] + [k for k, label in enumerate(labels) if label == "a"][
        :40
    ]
    found = examples.split([labelled([texts[k] for k in few], [labels[k] for k in few])], SMALL.model_copy(update=cut))
    both = [*found.train.labels, *found.held_out.labels]
    assert {both.count(label) for label in ("a", "b", "ü")} == {40 if "balance" in cut else 30}
    assert found.all_documents["a"] == 40


def test_auc_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    values, positive = rng.integers(0, 8, 60).astype(np.float32), rng.random(60) < 0.4
    pairs = [(a > b) + (a == b) / 2 for a in values[positive] for b in values[~positive]]
    assert measuring.auc(values, positive) == pytest.approx(np.mean(pairs))
    assert measuring.auc(values, np.ones(60, np.bool_)) is None


def test_report_counts_what_is_there() -> None:
    held = examples.Examples(["x"] * 4, ["hq", "hq", "cc", "cc"], ["en", "zh", "en", "zh"], ["s"] * 4)
    values = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], np.float32)
    report = measuring.measure(("hq", "cc"), values, held)
    assert report["accuracy"] == 0.5
    assert report["confusion"] == {"hq": {"hq": 1, "cc": 1}, "cc": {"hq": 1, "cc": 1}}
    hq = report["labels"]["hq"]
    assert (hq["precision"], hq["recall"], hq["f1"], hq["auc"]) == (0.5, 0.5, 0.5, 0.75)
    (en,) = [g for g in report["groups"] if (g["by"], g["key"], g["label"]) == ("language", "en", "hq")]
    assert (en["documents"], en["positives"], en["precision"], en["auc"]) == (2, 1, 1.0, 1.0)
    assert sum(row["documents"] for row in report["calibration"]["hq"]) == 4
    (half,) = [row for row in report["thresholds"]["hq"] if row["threshold"] == 0.7]
    assert half["keep_rate"] == 0.5


def test_the_command(tmp_path: Path) -> None:
    """Two kinds of files, a finished output left as it is, another setting made anew, and the same bytes elsewhere."""
    good = [{"text": f"{text} {k}", "language": "en"} for k in range(15) for text in GOOD]
    raw = "".join(json.dumps(row) + "\n" for row in good).encode()
    (tmp_path / "good.jsonl.zst").write_bytes(zstandard.compress(raw))
    pa.parquet.write_table(  # type: ignore[attr-defined]
        pa.table({"text": [f"{text} {k}" for k in range(15) for text in BAD]}), tmp_path / "bad.parquet"
    )
    given = ["--positive", tmp_path / "good.jsonl.zst", "--negative", tmp_path / "bad.parquet", "--dim", 4]
    given += ["--bucket", 1000, "--epoch", 20, "--lr", 0.5, "--output"]
    said = dataprep("train-classifier", *given, tmp_path / "one").stdout
    assert "made, sha256" in said
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"model.bin", "classifier.yaml", "report.json"}
    before = tree(tmp_path / "one")
    assert "finished before" in dataprep("train-classifier", *given, tmp_path / "one").stdout
    dataprep("train-classifier", *given, tmp_path / "two")
    assert tree(tmp_path / "one") == before == tree(tmp_path / "two")
    report = json.loads((tmp_path / "one/report.json").read_text())
    assert report["labels"]["hq"]["auc"] > 0.9
    assert {g["key"] for g in report["groups"] if g["by"] == "source"} == {"good", "bad"}

    (tmp_path / "in").mkdir()
    rows = [{"text": "a theory of the world"}, {"text": "buy now free shipping"}]
    write_jsonl(tmp_path / "in/x.jsonl", rows)
    stage = {"classifier": {"model": str(tmp_path / "one"), "label": "__label__hq", "min_score": 0.5}}
    run_here(make_plan(write_pipeline(tmp_path, [stage])))
    (ledger,) = [s for s in manifest(tmp_path / "out")["stages"] if s["name"] == "classifier"]
    assert {k: v["documents"] if isinstance(v, dict) else v for k, v in ledger["dropped"].items()} == {"low_score": 1}

    labels = [
        {"text": row["text"] + str(k), "topic": topic} for k in range(20) for row, topic in zip(rows, "xy", strict=True)
    ]
    write_jsonl(tmp_path / "topics.jsonl", labels)
    small = ["--dim", 2, "--bucket", 100, "--output", tmp_path / "topics", "--input", tmp_path / "topics.jsonl"]
    assert "y" in dataprep("train-classifier", *small, "--label-column", "topic").stdout
    write_jsonl(tmp_path / "none.jsonl", [])
    assert "documents by label: hq 45" in error(
        "train-classifier", "--example", f"hq={tmp_path / 'good.jsonl.zst'}",
        "--example", f"cc={tmp_path / 'none.jsonl'}", "--output", tmp_path / "n", code=1,
    )  # fmt: skip
    assert "there are" in error("train-classifier", *small, "--label-column", "no", code=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--positive", "x.jsonl"], "two labels"),
        (["--input", "x.jsonl"], "--input and --label-column go together"),
        (["--example", "hq"], "must be LABEL=PATH"),
        (["--positive", "x", "--negative", "y", "--dim", "0"], "--dim 0"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], says: str) -> None:
    assert says in error("train-classifier", *arguments, code=2)


def test_wrong_settings_are_one_line() -> None:
    with pytest.raises(UsageError, match="--minn 3: asks for character n-grams"):
        making.make(Settings(minn=3), [], list, "x")
    with pytest.raises(InputError, match="two labels"):
        examples.split([labelled(["x", "y"], ["a", "a"])], SMALL)


# ---------------------------------------------------------------- models that can't be used


def test_bad_models_are_one_line(tmp_path: Path) -> None:
    good = example_classifier() / "model.bin"
    raw = good.read_bytes()
    cases = {"empty.bin": b"", "text.bin": b"hello world", "cut.bin": raw[: len(raw) // 2], "head.bin": raw[:100]}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match="fastText model") as caught:
            loading.load_for(loading.find(str(tmp_path / name)), "hq")
        assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="has no label 'hp'; its labels are hq, cc"):
        loading.load_for(loading.find(str(good)), "hp")
    with pytest.raises(UsageError, match="no model of this name is installed; `dataprep train-classifier` makes one"):
        loading.find("nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"a folder without classifier\.yaml"):
        loading.find(str(tmp_path / "folder"))
    shutil.copytree(example_classifier(), tmp_path / "other")
    (tmp_path / "other/model.bin").write_bytes(raw[:-1] + b"x")
    with pytest.raises(UsageError, match=r"not the file that classifier\.yaml describes"):
        loading.find(str(tmp_path / "other"))
    pipeline = write_pipeline(tmp_path, [{"classifier": {"model": str(good), "label": "hp", "min_score": 0.5}}])
    write_jsonl(tmp_path / "in.jsonl", [{"text": "x"}])
    assert "has no label 'hp'" in error("plan", pipeline, "--input", tmp_path / "in.jsonl", code=2)


def test_a_card_says_how_texts_were_prepared(tmp_path: Path) -> None:
    found = loading.find(str(example_classifier()))
    assert (found.lower, found.split_han) == (False, True)
    shutil.copy(found.file, tmp_path / "alone.bin")
    alone = loading.find(str(tmp_path / "alone.bin"))
    assert (alone.lower, alone.split_han) == (False, False)


# ---------------------------------------------------------------- what is kept


def scored(scores: list[float], languages: list[str] | None = None) -> object:
    texts = [f"text {k}" for k in range(len(scores))]
    docs = documents({"text": texts, "language": languages or ["en"] * len(scores)})
    return docs.with_columns({"score": pa.array(scores, pa.float32())})


def test_pareto_keeps_as_often_as_gpt3_and_the_same_each_time(tmp_path: Path) -> None:
    n = 20_000
    score = 0.7
    docs = scored([score] * n)
    chain = parts("pareto_sample", {"column": "score", "alpha": 9})
    kept, _ = apply(chain, docs, tmp_path)  # type: ignore[arg-type]
    expected = (1 / (2 - score)) ** 9  # P(pareto > 1 - score)
    assert kept.num_rows / n == pytest.approx(expected, abs=4 * (expected * (1 - expected) / n) ** 0.5)
    again, _ = apply(chain, docs, tmp_path, 999)  # type: ignore[arg-type]
    assert kept.equals(again.combine_chunks()) or kept.to_pydict() == again.to_pydict()
    low, _ = apply(chain, scored([0.5] * n), tmp_path)  # type: ignore[arg-type]
    assert set(low["text"].to_pylist()) <= set(kept["text"].to_pylist()), "a lower score keeps a subset"


def test_pareto_is_numpys_distribution() -> None:
    """The draw for a uniform number is the one that inverts its distribution function."""
    rng = np.random.default_rng(0)
    text = text_buffers(pa.array([f"{k}" for k in range(20_000)], pa.large_string()))
    uniform = (xxh64(text, 1) >> np.uint64(11)).astype(np.float64) / (1 << 53)
    ours, numpys = np.sort(uniform ** (-1 / 9) - 1), np.sort(rng.pareto(9, 200_000)[::10])
    at = np.arange(1000, 20_000, 1000)
    np.testing.assert_allclose(ours[at], numpys[at], rtol=0.1)


@pytest.mark.parametrize(("ratio", "left"), [(0.1, 10), (0.5, 50), (0.999, 100), (0.105, 11)])
def test_the_top_is_as_large_as_asked(ratio: float, left: int, tmp_path: Path) -> None:
    rng = random.Random(0)
    scores = [rng.random() for _ in range(100)]
    top = {"of": "score_quantiles", "column": "score", "ratio": ratio}
    chain = (
        *parts("score_quantiles", {"column": "score", "at": [round(1 - ratio, 12)]}),
        *parts("top_ratio", top),
    )
    kept, _ = apply(chain, scored(scores), tmp_path, 7)  # type: ignore[arg-type]
    assert kept.num_rows == left
    assert sorted(kept["score"].to_pylist()) == sorted(np.array(scores, np.float32).tolist())[-left:]


def test_the_top_by_language(tmp_path: Path) -> None:
    scores = [k / 300 for k in range(300)]
    languages = ["en"] * 150 + ["zh"] * 150
    for by_language, expect in ((True, {"en": 15, "zh": 15}), (False, {"zh": 30})):
        folder = tmp_path / str(by_language)
        folder.mkdir()
        top = {"of": "score_quantiles", "column": "score", "ratio": 0.1, "by_language": by_language}
        chain = (*parts("score_quantiles", {"column": "score", "at": [0.9]}), *parts("top_ratio", top))
        kept, _ = apply(chain, scored(scores, languages), folder)  # type: ignore[arg-type]
        found = kept["language"].to_pylist()
        assert {language: found.count(language) for language in set(found)} == expect


def test_thresholds_differ_by_language(tmp_path: Path) -> None:
    config = {"model": "out/classifier", "label": "hq", "min_score": 0.99, "zh": {"min_score": 0.0}}
    docs = documents({"text": ["buy now", "buy now"], "language": ["en", "zh"]})
    _, reasons = apply(parts("classifier", config), docs, tmp_path)
    assert reasons == {0: "low_score"}


def test_the_stage_gives_the_score_column(tmp_path: Path) -> None:
    kept, _ = apply(
        parts("classifier", {"model": "out/classifier", "label": "hq"}), documents({"text": ["", "a theory"]}), tmp_path
    )
    assert kept.schema.field("classifier.hq").type == pa.float32()


# ---------------------------------------------------------------- real labels


def test_real_quality_labels_are_learnt_a_little(data: Path) -> None:
    """218 web pages that people voted on: far too few, but not chance: see benchmarks/bench_classifier.py."""
    rows = [
        json.loads(line)
        for line in (data / "labels/dclm_quality_dev/dev_majority_minus_agreement.jsonl").read_text().splitlines()
    ]
    fold = np.arange(len(rows)) % 3
    chosen = Settings(dim=8, bucket=20_000, word_ngrams=1, epoch=40, lr=0.5, lower=True)
    texts, labels = [row["text"] for row in rows], [str(row["label"]) for row in rows]
    values = np.zeros(len(rows), np.float32)
    for k in range(3):
        train = [n for n in range(len(rows)) if fold[n] != k]
        values[fold == k] = _scores(
            chosen,
            [texts[n] for n in train],
            [labels[n] for n in train],
            [t for t, f in zip(texts, fold, strict=True) if f == k],
        )
    found = measuring.auc(values, np.array([label == "1" for label in labels]))
    assert found is not None
    assert found > 0.55


def _scores(
    chosen: Settings, texts: list[str], labels: list[str], ask: list[str]
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(training.train(chosen, texts, labels))
        file.flush()
        model = model_file.load(Path(file.name))
        return measuring.scores(model, ask, lower=chosen.lower, split_han=True)[:, model.labels.index("1")]
