"""`exact_dedup` and `url_dedup` equal a plain twin, however the corpus is cut, and runs show who is a copy of whom."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from chain import apply, parts
from runs import dataprep, error, make_plan, manifest, run_here, write_jsonl, write_pipeline
from test_text_urls import twin as normal_url

from dataprep.documents import Documents, documents
from dataprep.stages.dedup.url_dedup import TRACKING, UrlDedup
from dataprep.text.lower_case import lower_case
from dataprep.text.words import words

KEEPS = ["first", "longest", "newest", "best:score"]
TEXTS = ["", " ", "…", "One two", "one  TWO!", "one\ntwo", "two one", "One two", "ÉTÉ", "été.", "你好，世界。",
         "你好 世界", "你好世界", "世界你好", "a b", "ab", "１ 2", "1 2"]  # fmt: skip
URLS = [None, "", "  ", "http://a.org", "https://A.org/", "https://a.org:443/?utm_source=x", "http://a.org/#top",
        "http://www.a.org/", "http://a.org/?b=1&a=2", "http://a.org/?a=2&spm=1&b=1", "http://a.cn/新闻",
        "https://a.cn/%e6%96%b0%E9%97%BB", "http://中国/", "http://xn--fiqs8s", "not a URL", "not a url",
        "a.org"]  # fmt: skip
DATES = {None: 0, "soon": 0, "2023-01-01": 1, "2024-05-05T10:00:00Z": 2, "2024-05-05T12:00:00+02:00": 2}


def corpus(seed: int, rows: int = 70) -> Documents:
    rng = random.Random(seed)
    texts = rng.choices(TEXTS, k=rows)
    return documents(
        {
            "_place": sorted(rng.sample(range(10_000), rows)),
            "text": texts,
            "url": rng.choices(URLS, k=rows),
            "date": rng.choices(list(DATES), k=rows),
            "score": rng.choices([None, -1.5, 0.0, 2.0, float("nan")], k=rows),
            "source": rng.choices(["a", "b"], k=rows),
        }
    )


# ---------------------------------------------------------------- the twin


def text_key(row: dict[str, Any]) -> object:
    return row["text"]


def words_key(row: dict[str, Any]) -> object:
    one = documents({"text": [row["text"]]})
    spans, raw = words(one.text), row["text"].encode()
    found = [raw[a:b].decode() for a, b in zip(spans.start, spans.end, strict=True)]
    return tuple("".join(chr(lower_case()[ord(c)]) for c in word) for word in found)


def url_key(row: dict[str, Any]) -> object:
    return normal_url(row["url"] or "", TRACKING)


def value(row: dict[str, Any], keep: str) -> float:
    if keep == "best:score":
        score = row["score"]
        return -1e300 if score is None or score != score else score
    return {"first": 0, "longest": len(row["text"].encode()), "newest": DATES[row["date"]]}[keep]


def copies(docs: Documents, key: Callable[[dict[str, Any]], object], keep: str) -> dict[int, int]:
    """Place of each duplicate -> that of the copy kept."""
    rows = docs.batch.to_pylist()
    found = {}
    for one in {key(row) for row in rows} - {"", ()}:
        members = [row for row in rows if key(row) == one]
        kept = max(members, key=lambda row: (value(row, keep), -row["_place"]))
        found |= {row["_place"]: kept["_place"] for row in members if row is not kept}
    return found


STAGES: list[tuple[str, dict[str, Any], Callable[[dict[str, Any]], object]]] = [
    ("exact_dedup", {}, text_key),
    ("exact_dedup", {"compare": "words"}, words_key),
    ("url_dedup", {}, url_key),
]


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize(("stage", "config", "key"), STAGES)
def test_equals_its_twin(
    tmp_path: Path, stage: str, config: dict[str, Any], key: Callable[[dict[str, Any]], object], keep: str
) -> None:
    for seed in range(4):
        docs = corpus(seed)
        expected = copies(docs, key, keep)
        assert len(expected) > 20
        for cut in (1, 9, None):
            folder = tmp_path / f"{seed}-{cut}"
            folder.mkdir()
            _, reasons = apply(parts(stage, config | {"keep": keep}), docs, folder, batch_rows=cut)
            assert set(reasons) == set(expected)
            listed = pq.read_table(folder / f"0-{stage}/duplicates.parquet").to_pydict()
            assert dict(zip(listed["_place"], listed["kept"], strict=True)) == expected
            clusters = pq.read_table(folder / f"1-{stage}.clusters/clusters.parquet").to_pylist()
            assert {row["cluster"] for row in clusters} == set(expected.values())
            assert len(clusters) == len(expected) + len(set(expected.values()))
            assert {row["similarity"] for row in clusters} == {1.0 if stage == "exact_dedup" else None}


def test_nothing_to_compare_is_no_duplicate(tmp_path: Path) -> None:
    columns = {"text": ["", "", "…", "…"], "url": [None, None, "", " "]}
    for number, (stage, config, dropped) in enumerate(
        [("exact_dedup", {}, {3}), ("exact_dedup", {"compare": "words"}, set()), ("url_dedup", {}, set())]
    ):
        (tmp_path / str(number)).mkdir()
        _, reasons = apply(parts(stage, config), documents(columns), tmp_path / str(number))
        assert set(reasons) == dropped


def test_tracking_parameters_are_replaced_and_added_to(tmp_path: Path) -> None:
    urls = [f"http://a.org/?{query}" for query in ("", "utm_id=1", "Ref=2", "ref_=3", "gclid=4", "x=5")]
    settings: list[tuple[dict[str, Any], set[int]]] = [
        ({}, {1, 4}),
        ({"more_tracking_parameters": ["ref"]}, {1, 2, 4}),
        ({"tracking_parameters": ["ref*"]}, {2, 3}),
        ({"tracking_parameters": [], "more_tracking_parameters": ["x"]}, {5}),
        ({"tracking_parameters": []}, set()),
    ]
    for number, (config, dropped) in enumerate(settings):
        (tmp_path / str(number)).mkdir()
        _, reasons = apply(parts("url_dedup", config), documents({"url": urls}), tmp_path / str(number))
        assert set(reasons) == dropped


def test_the_list_of_tracking_parameters_is_tidy() -> None:
    assert len(set(TRACKING)) == len(TRACKING)
    assert [name.lower() for name in TRACKING] == list(TRACKING)
    assert UrlDedup(tracking_parameters=TRACKING) == UrlDedup()
    prefixes = tuple(name[:-1] for name in TRACKING if name.endswith("*"))
    assert not [name for name in TRACKING if not name.endswith("*") and name.startswith(prefixes)]


# ---------------------------------------------------------------- whole runs


def rows_of(seed: int, rows: int) -> list[dict[str, Any]]:
    given = corpus(seed, rows).batch.to_pylist()
    return [
        {"id": f"d{seed}-{n}"} | {k: v for k, v in row.items() if k not in ("_place", "id", "score") and v is not None}
        for n, row in enumerate(given)
    ]


@pytest.mark.parametrize(("stage", "config", "key"), STAGES)
def test_same_survivors_for_any_cut(
    tmp_path: Path, stage: str, config: dict[str, Any], key: Callable[[dict[str, Any]], object]
) -> None:
    rows = [row for seed in range(4) for row in rows_of(seed, 250)]
    found = []
    for files, task_mib in ((1, 32), (1, 0.005), (9, 0.005)):
        folder = tmp_path / f"{files}-{task_mib}"
        (folder / "in").mkdir(parents=True)
        size = -(-len(rows) // files)
        for n in range(files):
            write_jsonl(folder / f"in/{n:03d}.jsonl", rows[n * size : (n + 1) * size])
        run_here(make_plan(write_pipeline(folder, [{stage: config | {"keep": "newest"}}], task_mib=task_mib)))
        shards = sorted((folder / "out/documents").glob("*.parquet"))
        (path,) = folder.glob(f"out/artefacts/{stage}.clusters-*/clusters.parquet")
        clusters = pq.read_table(path).select(["id", "kept", "similarity", "bytes"]).to_pylist()
        found.append(([i for shard in shards for i in pq.read_table(shard)["id"].to_pylist()], clusters))
    assert found[0] == found[1] == found[2]
    alone = [row["id"] for row in rows if key({"url": None} | row) in ("", ())]
    keys = {key({"url": None} | row) for row in rows} - {"", ()}
    assert len(found[0][0]) == len(keys) + len(alone)


def test_a_run_explains_its_clusters(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rows = [
        {"id": "old", "url": "http://a.cn/新闻?id=7", "text": "旧闻。", "date": "2023-01-01"},
        {"id": "new", "url": "https://A.cn/%E6%96%B0%E9%97%BB?spm=1&id=7#top", "text": "新闻。", "date": "2024-01-01"},
        {"id": "same", "url": "http://a.cn/other", "text": "新闻", "date": "2024-01-02"},
        {"id": "none", "text": "别的。"},
        {"id": "nor this", "text": "又一个。"},
    ]
    write_jsonl(tmp_path / "in/a.jsonl", rows)
    stages = [{"url_dedup": {"keep": "newest"}}, {"exact_dedup": {"compare": "words"}}]
    dataprep("run", write_pipeline(tmp_path, stages), "--workers", 1)
    out = tmp_path / "out"
    assert {s["name"]: s["dropped"] for s in manifest(out)["stages"][1:]} == {
        "url_dedup": {"duplicate": 1},
        "exact_dedup": {"duplicate": 1},
    }
    assert "url_dedup: 1 duplicate in 1 cluster" in dataprep("manifest", "show", out).stdout
    shown = dataprep("explain", "old", "--run", out).stdout
    assert "old: dropped by url_dedup: duplicate" in shown
    assert "copies 2 documents in one cluster of url_dedup; kept: new (source test)" in shown
    assert "this one: similarity unknown" in shown
    (told,) = json.loads(dataprep("explain", "same", "--run", out, "--json").stdout)
    assert [(c["stage"], c["kept"]["id"], c["this"]["similarity"]) for c in told["clusters"]] == [
        ("exact_dedup", "new", 1.0)
    ]
    (kept,) = json.loads(dataprep("explain", "new", "--run", out, "--json").stdout)
    assert [(c["stage"], c["size"]) for c in kept["clusters"]] == [("url_dedup", 2), ("exact_dedup", 2)]


def test_settings_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", [{"text": "x"}])

    def said(stage: dict[str, Any]) -> str:
        return error("plan", write_pipeline(tmp_path, [stage]), code=2)

    assert "tracking_parameters" in said({"url_dedup": {"tracking_parameters": ["*"]}})
    assert "more_tracking_parameters" in said({"url_dedup": {"more_tracking_parameters": ["a=b"]}})
    assert "needs column 'score'" in said({"exact_dedup": {"keep": "best:score"}})
    assert "compare" in said({"exact_dedup": {"compare": "lines"}})
