"""Quantiles of a score are those of a sorted list, however the corpus is cut."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from chain import apply, parts
from hypothesis import given
from hypothesis import strategies as st
from runs import make_plan, manifest, run_here, write_corpus, write_pipeline

from dataprep import quantiles
from dataprep.documents import documents

FRACTIONS = (0.0, 0.1, 0.3, 0.5, 0.9, 0.99, 1.0)


def plain(values: list[float], p: float) -> tuple[float, float]:
    """The definition, read aloud."""
    exact = Fraction(str(p)) * len(values)
    least = next(v for v in sorted(values) if sum(w <= v for w in values) >= exact)
    above = next((v for v in sorted(values) if sum(w <= v for w in values) > exact), max(values))
    return least, above


@given(st.lists(st.one_of(st.integers(0, 5).map(float), st.floats(allow_nan=False)), min_size=1, max_size=40))
def test_quantiles_are_the_definition(values: list[float]) -> None:
    found = quantiles.quantiles(np.array(values), FRACTIONS)
    assert found.n == len(values)
    assert found.at == {p: plain(values, p) for p in FRACTIONS}


def test_whole_shares_cut_exactly() -> None:
    found = quantiles.quantiles(np.arange(10.0), (0.3, 0.9)).at
    assert found == {0.3: (2.0, 3.0), 0.9: (8.0, 9.0)}


ROWS = [
    (None, "en"), (math.nan, "en"), (3.0, "en"), (-0.0, "zh"), (1.0, "zh"), (1.0, None), (2.0, "en"), (math.inf, "en"),
]  # fmt: skip


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
@pytest.mark.parametrize("cut", [None, 1, 3])
def test_null_nan_and_no_language(kind: pa.DataType, cut: int | None, tmp_path: Path) -> None:
    docs = documents({"text": [""] * len(ROWS), "language": [language for _, language in ROWS]})
    docs = docs.with_columns({"score": pa.array([value for value, _ in ROWS], kind)})
    apply(parts("score_quantiles", {"column": "score", "at": [0.5]}), docs, tmp_path, cut)
    (artefact,) = tmp_path.iterdir()
    found = quantiles.load(artefact)
    assert {language: (some.n, *some.at[0.5]) for language, some in found.items()} == {
        "*": (6, 1.0, 2.0),
        "en": (3, 3.0, 3.0),
        "und": (1, 1.0, 1.0),
        "zh": (2, 0.0, 1.0),
    }
    languages = pa.array(["zh", "en", None, "fr"])
    assert quantiles.cuts(found, 0.5, languages, "above", by_language=True).tolist() == [1.0, 3.0, 1.0, 2.0]
    assert quantiles.cuts(found, 0.5, languages, "least", by_language=False).tolist() == [1.0] * 4
    rare = quantiles.cuts(found, 0.5, languages, "least", by_language=True, min_documents=3)
    assert rare.tolist() == [1.0, 3.0, 1.0, 1.0]


def test_no_value_at_all(tmp_path: Path) -> None:
    docs = documents({"text": ["", ""]}).with_columns({"score": pa.array([None, None], pa.float32())})
    apply(parts("score_quantiles", {"column": "score", "at": [0.5]}), docs, tmp_path)
    (artefact,) = tmp_path.iterdir()
    assert quantiles.load(artefact) == {}
    assert np.isnan(quantiles.cuts({}, 0.5, pa.array(["en"]), "least", by_language=True)).all()


@pytest.mark.usefixtures("own_stages")
def test_a_run_does_not_depend_on_its_cuts(tmp_path: Path) -> None:
    """Whole numbers, of many tasks or of one, are counted as they are."""
    made = []
    for name, size in (("many", 0.01), ("one", 64)):
        write_corpus(tmp_path / name / "in", files=3, rows=50)
        stages = ["length", {"score_quantiles": {"column": "length", "at": [0.25, 0.75]}}]
        run_here(make_plan(write_pipeline(tmp_path / name, stages, task_mib=size)))
        artefact = manifest(tmp_path / name / "out")["artefacts"][0]
        made.append((artefact["sha256"], (tmp_path / name / "out" / artefact["path"]).read_bytes()))
    assert made[0] == made[1]


def test_large_numbers_of_languages() -> None:
    rng = random.Random(0)
    found = {f"l{k}": quantiles.quantiles(np.array([rng.random() for _ in range(20)]), (0.5,)) for k in range(200)}
    found["*"] = quantiles.quantiles(np.array([0.0]), (0.5,))
    languages = pa.array(["l7", "l199", "none"])
    cuts = quantiles.cuts(found, 0.5, languages, "least", by_language=True)
    assert cuts.tolist() == [found["l7"].at[0.5].least, found["l199"].at[0.5].least, 0.0]
