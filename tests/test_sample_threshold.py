"""`sample` keeps nested shares; `threshold` bounds any column and says when it can't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chain import parts
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import error, write_jsonl, write_pipeline

from dataprep.documents import Documents, documents
from dataprep.errors import UsageError


def reasons(name: str, config: dict[str, Any], docs: Documents) -> list[str | None]:
    found: list[str | None] = parts(name, config)[0].stage.reasons(docs).to_pylist()  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize("by", ["id", "text", "url_host"])
def test_samples_are_nested_and_of_the_size_asked_for(by: str) -> None:
    n = 4000
    docs = documents(
        {
            "id": [f"id-{i}" for i in range(n)],
            "text": [f"text {i}" for i in range(n)],
            "url": [f"https://host{i}.org/x" if i % 2 else None for i in range(n)],
        }
    )
    kept: list[set[int]] = []
    for ratio in (0.0, 0.05, 0.3, 0.9, 1.0):
        said = reasons("sample", {"ratio": ratio, "by": by}, docs)
        assert set(said) <= {None, "not_sampled"}
        kept.append({i for i, why in enumerate(said) if why is None})
        assert abs(len(kept[-1]) - ratio * n) < 120
    assert kept[0] <= kept[1] < kept[2] < kept[3] < kept[4]
    assert {i for i, why in enumerate(reasons("sample", {"ratio": 0.3, "by": by, "seed": 1}, docs)) if not why} != kept[
        2
    ]


def test_pages_of_a_host_and_equal_texts_stay_together() -> None:
    given_urls = [
        f"http{'s' * (i % 2)}://{('u@', '')[i % 3 > 0]}H{i // 9}.org:{(80, 8080)[i % 2]}/{i}" for i in range(900)
    ]
    docs = documents({"url": given_urls, "text": [str(i // 9) for i in range(900)]})
    for by in ("url_host", "text"):
        said = reasons("sample", {"ratio": 0.5, "by": by}, docs)
        # Ports are not part of a host's name.
        groups = [set(said[k : k + 9]) for k in range(0, 900, 9)]
        assert all(len(group) == 1 for group in groups), by
        assert 25 < sum(group == {None} for group in groups) < 75


values = st.one_of(st.none(), st.floats(-2, 2, width=32), st.sampled_from([0.3, float("nan"), float("inf")]))
bounds = st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 0.3, 1.0]))


@given(
    st.lists(st.tuples(values, st.sampled_from(["en", "zh", None])), min_size=1), bounds, bounds, bounds, st.booleans()
)
@settings(max_examples=80, deadline=None)
def test_threshold_equals_its_twin(
    rows: list[tuple[float | None, str | None]], low: float | None, high: float | None, zh: float | None, keep: bool
) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low
    config = {"column": "x", "min": low, "max": high, "languages": {"zh": {"min": zh}}, "keep_missing": keep}
    for kind in (pa.float32(), pa.float64()):
        column = pa.array([value for value, _ in rows], kind)
        docs = documents({"language": [code for _, code in rows]}).with_columns({"x": column})
        expected = []
        for value, (_, code) in zip(column.to_pylist(), rows, strict=True):
            least, most = (pa.scalar(b, kind).as_py() for b in (zh if code == "zh" else low, high))
            if value is None or value != value:
                expected.append(None if keep else "missing")
            elif least is not None and value < least:
                expected.append("too_low")
            else:
                expected.append("too_high" if most is not None and value > most else None)
        assert reasons("threshold", config, docs) == expected


@pytest.mark.parametrize(
    ("config", "column", "expected"),
    [
        ({"any_of": ["a", "b"]}, pa.array(["a", "c", None]), [None, "not_listed", None]),
        ({"none_of": ["a"]}, pa.array(["a", "c", None], pa.large_string()), ["listed", None, None]),
        ({"any_of": [True]}, pa.array([True, False, None]), [None, "not_listed", None]),
        ({"none_of": [3, 4], "keep_missing": False}, pa.array([3, 5, None], pa.int32()), ["listed", None, "missing"]),
        ({"keep_missing": False}, pa.array(["x", None]), [None, "missing"]),
        ({"min": 2, "reason": "few"}, pa.array([1, 2, None], pa.int64()), ["few", None, None]),
    ],
)
def test_values_of_every_type(config: dict[str, Any], column: pa.Array, expected: list[str | None]) -> None:
    docs = documents({"text": [""] * len(column)}).with_columns({"x": column})
    assert reasons("threshold", {"column": "x", **config}, docs) == expected


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"min": 1}, "column 'licence' holds string, no numbers; give any_of or none_of"),
        ({"any_of": [1]}, "column 'licence' holds string; no value of it is 1"),
        ({"none_of": [True]}, "column 'licence' holds string; no value of it is True"),
    ],
)
def test_a_column_of_the_wrong_type_is_one_line(config: dict[str, Any], told: str) -> None:
    (placed,) = parts("threshold", {"column": "licence", **config})
    assert placed.stage.misfit(pa.schema([("licence", pa.string())])) == told


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"any_of": ["a"], "none_of": ["b"]}, "give one of them"),
        ({"any_of": ["a"], "min": 1}, "give one kind"),
        ({"min": 2, "max": 1}, "min: is above max"),
        ({}, "bounds nothing"),
        ({"min": 1, "languages": {"Chinese": {"min": 2}}}, "Chinese"),
    ],
)
def test_settings_that_make_no_sense_are_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parts("threshold", {"column": "x", **config})


def test_a_plan_names_the_nearest_column(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", [{"text": "x"}])
    stages = [{"gopher_quality": {}}, {"threshold": {"column": "gopher_quality.word", "min": 3}}]
    line = error("plan", write_pipeline(tmp_path, stages), code=2)
    assert "threshold: needs column 'gopher_quality.word'" in line
    assert line.endswith("did you mean 'gopher_quality.words'?")
    stages[1] = {"threshold": {"column": "source", "min": 3}}
    line = error("plan", write_pipeline(tmp_path, stages), code=2)
    assert "threshold: column 'source' holds string, no numbers; give any_of or none_of" in line
