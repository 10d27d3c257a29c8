"""`minhash_dedup` equals a plain twin built on datasketch, however the corpus is cut, and on every odd corpus."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import apply, parts
from datasketch import MinHash, MinHashLSH
from runs import dataprep, error, manifest, write_jsonl, write_pipeline
from test_text_minhash import low, shingle_twin

from dataprep import plan as planning
from dataprep.documents import Documents, documents
from dataprep.pipeline import load
from dataprep.stages.dedup import minhash_duplicates
from dataprep.stages.dedup.minhash_dedup import MinhashDedup
from dataprep.text.lower_case import lower_hashes

SENTENCE = (
    "the ferry crossed before dawn while gulls followed its lamp over grey water toward an island where nobody had "
    "lived since the lighthouse keeper left with two dogs and a trunk of letters written in a careful slanted hand"
)
ENGLISH = SENTENCE.split()
CHINESE = list(
    "清晨的渡轮驶过灰色的海面海鸥追着船灯飞向那座早已无人居住的小岛守塔人带着两条狗和一箱信件离开了那里再也没有回来"
)


def edited(words: list[str], rng: random.Random, edits: int) -> list[str]:
    words = list(words)
    for _ in range(edits):
        words[rng.randrange(len(words))] = rng.choice(["changed", "新", "Other", "42"])
    return words


def corpus(seed: int, rows: int = 60) -> Documents:
    """Originals, edited copies of them, in two scripts, long and short, and texts without words."""
    rng = random.Random(seed)
    originals = [
        [rng.choice(vocabulary) for _ in range(rng.choice([3, 5, 30, 80]))]
        for vocabulary in (ENGLISH, CHINESE)
        for _ in range(4)
    ]
    texts, dates = [], []
    for _ in range(rows):
        words = rng.choice(originals)
        if rng.random() < 0.7:
            words = edited(words, rng, rng.choice([0, 1, 1, 2, 8]))
        texts.append(rng.choice([" ".join(words), ", ".join(words).upper(), "", " — "]) if rng.random() < 0.3
                     else " ".join(words))  # fmt: skip
        dates.append(
            rng.choice([None, "2024-01-01", "2024-05-05T10:00:00Z", "2023", "soon", "2024-05-05T12:00:00+02:00"])
        )
    scores = [rng.choice([None, -1.5, 0.0, 2.0, float("nan")]) for _ in range(rows)]
    places = sorted(rng.sample(range(10_000), rows))
    return documents({"_place": places, "text": texts, "date": dates, "score": scores})


# ---------------------------------------------------------------- the twin


def sets_of(docs: Documents) -> list[frozenset[int]]:
    words = docs.words
    hashes = lower_hashes(words, docs.text).tolist()
    return [frozenset(shingle_twin(hashes[a:b])) for a, b in pairwise(words.offsets.tolist())]


def components(nodes: int, edges: list[tuple[int, int]]) -> list[list[int]]:
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    found, seen = [], set()
    for start in range(nodes):
        group, todo = [], [start]
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                group.append(node)
                todo += near[node]
        if len(group) > 1:
            found.append(sorted(group))
    return found


def sharing_a_band(sets: list[frozenset[int]], bands: int, rows: int) -> list[tuple[int, int]]:
    buckets: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for d, one in enumerate(sets):
        sketch = MinHash(bands * rows, seed=1, scheme="affine32", hashfunc=lambda h: h & 0xFFFFFFFF)
        sketch.update_batch(sorted(one))
        for band in range(bands) if one else ():
            buckets[(band, *map(int, sketch.hashvalues[band * rows : (band + 1) * rows]))].append(d)
    return [pair for bucket in buckets.values() for pair in combinations(bucket, 2)]


def seconds(date: str | None) -> float:
    return {"2024-01-01": 1.0, "2024-05-05T10:00:00Z": 2.0, "2024-05-05T12:00:00+02:00": 2.0}.get(date or "", 0.0)


def dropped_by_the_twin(docs: Documents, keep: str, bands: int, rows: int) -> set[int]:
    rows_ = docs.batch.to_pylist()
    better = {
        "first": lambda d: 0,
        "longest": lambda d: len(rows_[d]["text"].encode()),
        "newest": lambda d: seconds(rows_[d]["date"]),
        "best:score": lambda d: rows_[d]["score"] if (rows_[d]["score"] or 0) == (rows_[d]["score"] or 0) else None,
    }[keep]
    dropped: set[int] = set()
    sets = sets_of(docs)
    for group in components(len(sets), sharing_a_band(sets, bands, rows)):
        value = {d: better(d) for d in group}
        kept = max(group, key=lambda d: (-1e300 if value[d] is None else value[d], -d))
        dropped |= {rows_[d]["_place"] for d in group if d != kept}
    return dropped


def similarity(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b)


# ---------------------------------------------------------------- equal to it


@pytest.mark.parametrize("keep", ["first", "longest", "newest", "best:score"])
@pytest.mark.parametrize(("bands", "rows"), [(14, 8), (3, 2), (1, 1)])
def test_equals_its_twin(tmp_path: Path, keep: str, bands: int, rows: int) -> None:
    for seed in range(3):
        docs = corpus(seed)
        (tmp_path / str(seed)).mkdir()
        chain = parts("minhash_dedup", {"keep": keep, "bands": bands, "rows": rows})
        _, reasons = apply(chain, docs, tmp_path / str(seed), batch_rows=(7, 60, 25)[seed])
        assert set(reasons) == dropped_by_the_twin(docs, keep, bands, rows)


def test_threshold_is_datasketch_s() -> None:
    lsh = MinHashLSH(threshold=0.6, num_perm=112)
    stage = MinhashDedup(threshold=0.6)
    assert stage.shape() == (lsh.b, lsh.r)
    assert (MinhashDedup().shape()) == (14, 8)
    (note,) = MinhashDedup().notes()
    assert (
        note
        == "14 bands x 8 rows: of pairs of Jaccard similarity J it finds 56.45% at 0.7, 92.35% at 0.8, 99.96% at 0.9"
    )


def test_verified_pairs_are_similar_and_similar_pairs_are_found(tmp_path: Path) -> None:
    wrong_leader = 0
    for seed in range(6):
        docs = corpus(seed, rows=90)
        folder = tmp_path / str(seed)
        folder.mkdir()
        # One number a band: nearly everything is a candidate of everything.
        loose = parts("minhash_dedup", {"bands": 40, "rows": 1, "verify": True, "threshold": 0.6, "keep": "longest"})
        _, reasons = apply(loose, docs, folder, batch_rows=16)
        sets = sets_of(docs)
        place = docs["_place"].to_pylist()
        close = [
            (a, b) for a, b in combinations(range(len(docs)), 2) if sets[a] and similarity(sets[a], sets[b]) >= 0.6
        ]
        clusters = {min(group): group for group in components(len(docs), close)}
        found = pq.read_table(folder / "1-minhash_dedup/duplicates.parquet").to_pydict()
        number = {p: d for d, p in enumerate(place)}
        for one, kept in zip(found["_place"], found["kept"], strict=True):
            home = [group for group in clusters.values() if number[one] in group]
            assert home, "a document without a similar one was dropped"
            assert number[kept] in home[0], "the kept copy is not connected by similar pairs"
        assert set(reasons) == set(found["_place"])
        # Everything similar shares a number here, and leaders lose nothing of clusters as plain as these.
        identical = [(a, b) for a, b in close if sets[a] == sets[b]]
        gone = {number[p] for p in reasons}
        for group in components(len(docs), identical):
            assert len(set(group) - gone) <= 1
        wrong_leader += any(
            similarity(sets[a], sets[b]) < 0.6 for a, b in sharing_a_band(sets, 40, 1) if sets[a] and sets[b]
        )
    assert wrong_leader == 6, "no corpus had candidates to refuse"


def test_a_wrong_leader_does_not_part_two_right_ones(tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(60)]
    texts = [" ".join(words[:20] + [f"x{n}" for n in range(60)]), " ".join(words), " ".join(words[:-1])]
    chain = parts("minhash_dedup", {"bands": 60, "rows": 1, "verify": True, "threshold": 0.8})
    _, reasons = apply(chain, documents({"text": texts}), tmp_path)
    assert set(reasons) == {2}


def test_forced_collisions_of_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If every band of every document collided, verification would still find exactly the copies."""
    import dataprep.text.minhash as kernels

    real = kernels.band_hashes
    monkeypatch.setattr(kernels, "band_hashes", lambda *given: real(*given) & np.uint64(1))
    texts = [" ".join(ENGLISH[n:]) for n in range(0, 30, 6)] * 2 + ["", "short", "other"]
    docs = documents({"text": texts})
    (tmp_path / "plain").mkdir()
    (tmp_path / "verified").mkdir()
    _, reasons = apply(parts("minhash_dedup", {}), docs, tmp_path / "plain")
    assert len(reasons) == len(texts) - 2, "all but the first, and the one without words"
    _, reasons = apply(parts("minhash_dedup", {"verify": True, "threshold": 0.9}), docs, tmp_path / "verified")
    assert set(reasons) == set(range(5, 10))


def test_clusters_say_who_is_a_copy_of_whom(tmp_path: Path) -> None:
    docs = corpus(5, rows=80)
    apply(parts("minhash_dedup", {"keep": "longest"}), docs, tmp_path, batch_rows=9)
    table = pq.read_table(next(tmp_path.glob("*-minhash_dedup.clusters")) / "clusters.parquet")
    rows = table.to_pylist()
    sets = dict(zip(docs["id"].to_pylist(), sets_of(docs), strict=True))
    kept = {row["cluster"]: row["id"] for row in rows if row["kept"]}
    assert len(kept) == len({row["cluster"] for row in rows}) > 3
    assert [row["cluster"] for row in rows] == sorted(row["cluster"] for row in rows)
    for row in rows:
        exact = similarity(sets[row["id"]], sets[kept[row["cluster"]]])
        assert row["similarity"] == pytest.approx(exact, abs=0.2)
        if row["kept"]:
            assert row["jaccard"] is None
        else:
            assert row["jaccard"] == pytest.approx(exact)


def test_signature_chunks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = corpus(3, rows=90)
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    _, whole = apply(parts("minhash_dedup", {}), docs, tmp_path / "whole")
    monkeypatch.setattr(minhash_duplicates, "_CHUNK_ROWS", 50)
    _, cut = apply(parts("minhash_dedup", {}), docs, tmp_path / "cut")
    assert whole == cut


# ---------------------------------------------------------------- whole runs


def rows_of(docs: Documents) -> list[dict[str, Any]]:
    return [{"id": f"d{n}", "text": t} for n, t in enumerate(docs["text"].to_pylist())]


def kept_ids(folder: Path) -> list[str]:
    return [
        i for path in sorted((folder / "documents").glob("*.parquet")) for i in pq.read_table(path)["id"].to_pylist()
    ]


@pytest.mark.parametrize("verify", [False, True])
def test_same_survivors_for_any_cut_and_any_workers(tmp_path: Path, verify: bool) -> None:
    rows = [row for seed in range(8) for row in rows_of(corpus(seed, rows=300))]
    for n, row in enumerate(rows):
        row["id"] = f"d{n}"
    survivors, clusters = [], []
    for files, workers, task_mib in ((1, 1, 32), (1, 2, 0.01), (13, 2, 32), (40, 1, 0.02)):
        folder = tmp_path / f"{files}-{workers}"
        (folder / "in").mkdir(parents=True)
        size = -(-len(rows) // files)
        for n in range(files):
            write_jsonl(folder / f"in/{n:03d}.jsonl", rows[n * size : (n + 1) * size])
        stage = {"minhash_dedup": {"verify": verify, "keep": "longest"}}
        dataprep("run", write_pipeline(folder, [stage], task_mib=task_mib), "--workers", workers)
        survivors.append(kept_ids(folder / "out"))
        (path,) = folder.glob("out/artefacts/minhash_dedup.clusters-*/clusters.parquet")
        clusters.append(pq.read_table(path).select(["id", "kept", "similarity", "bytes"]).to_pydict())
    assert survivors[0]
    assert all(other == survivors[0] for other in survivors)
    assert all(other == clusters[0] for other in clusters)


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        (["the same words over and over again here"] * 500, 1),
        ([f"{n} wholly different words in document {n * n} of {n + 7}" for n in range(500)], 500),
        (["", "  ", "…", "\n"] * 100, 400),
    ],
    ids=["only duplicates", "none", "empty"],
)
@pytest.mark.parametrize("verify", [False, True])
def test_corpora_of_one_kind(tmp_path: Path, texts: list[str], kept: int, verify: bool) -> None:
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", [{"id": "same", "text": t} for t in texts])
    dataprep("run", write_pipeline(tmp_path, [{"minhash_dedup": {"verify": verify}}]), "--workers", 1)
    made = manifest(tmp_path / "out")
    assert made["documents"] == kept
    assert sum(made["stages"][-1]["dropped"].values()) == len(texts) - kept


@pytest.mark.parametrize("verify", [False, True])
def test_one_cluster_of_100_000_copies(tmp_path: Path, verify: bool) -> None:
    (tmp_path / "in").mkdir()
    base = SENTENCE
    rows = [{"id": str(n), "text": base if n % 10 else f"{base} {n % 70}"} for n in range(100_000)]
    write_jsonl(tmp_path / "in/a.jsonl", rows)
    dataprep("run", write_pipeline(tmp_path, [{"minhash_dedup": {"verify": verify}}]), "--workers", 2)
    made = manifest(tmp_path / "out")
    assert made["documents"] == 1
    assert made["stages"][-1]["dropped"] == {"duplicate": 99_999}


def test_ids_that_collide_across_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    texts = [" ".join(random.Random(n).choices(ENGLISH, k=40)) for n in range(6)]
    for file in range(3):
        write_jsonl(tmp_path / f"in/{file}.jsonl", [{"id": n, "text": texts[(n + file) % 6]} for n in range(2)])
    dataprep("run", write_pipeline(tmp_path, ["minhash_dedup"]), "--workers", 1)
    kept = [t for path in (tmp_path / "out/documents").glob("*") for t in pq.read_table(path)["text"].to_pylist()]
    assert sorted(kept) == sorted(texts[:4])


def test_order_of_files_decides_and_nothing_else(tmp_path: Path) -> None:
    """The survivor is the first by name; swapping what files hold swaps it, whatever the size of the cluster."""
    pair = [f"{SENTENCE} one", f"{SENTENCE} two"]
    for folder, order in (("ab", pair), ("ba", pair[::-1])):
        (tmp_path / folder / "in").mkdir(parents=True)
        for name, text in zip(("a", "b"), order, strict=True):
            write_jsonl(tmp_path / folder / f"in/{name}.jsonl", [{"id": text[-3:], "text": text}])
        dataprep("run", write_pipeline(tmp_path / folder, ["minhash_dedup"]))
        assert kept_ids(tmp_path / folder / "out") == [order[0][-3:]]


def test_pages_that_differ_in_their_numbers_are_kept(tmp_path: Path) -> None:
    texts = [f"Results of {n} games: {n * 3} won {n * 5} lost {n * 7} drawn {n + 11} points" for n in range(1, 9)]
    texts += [f"第{n}场比赛结果：{n * 3}胜{n * 5}负，积分{n + 11}，排名{n * 2}" for n in range(1, 9)]
    _, reasons = apply(parts("minhash_dedup", {}), documents({"text": texts}), tmp_path)
    assert not reasons


def test_short_documents_are_deduplicated_too(tmp_path: Path) -> None:
    docs = documents({"text": ["Page not found", "page NOT found!", "Page found", "你好", "你好！", "你"]})
    _, reasons = apply(parts("minhash_dedup", {}), docs, tmp_path)
    assert set(reasons) == {1, 4}


def test_settings_that_contradict(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", [{"text": "x"}])

    def said(config: dict[str, Any]) -> str:
        return error("plan", write_pipeline(tmp_path, [{"minhash_dedup": config}]), code=2)

    assert "`threshold` chooses bands and rows, or is what" in said({"threshold": 0.8, "bands": 3})
    assert "keep" in said({"keep": "best"})
    assert "needs column 'score'" in said({"keep": "best:score"})
    assert "threshold" in said({"threshold": 1.5})


def test_a_filter_behind_it_warns(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", [{"text": "x"}])
    for stage in ("minhash_dedup", {"minhash_dedup": {"verify": True}}):
        plan = planning.make(load(write_pipeline(tmp_path, [stage, "gopher_quality"])))
        (warning,) = planning.warnings(plan)
        assert warning.startswith("gopher_quality: filters after minhash_dedup can drop a kept copy")
        assert not planning.warnings(planning.make(load(write_pipeline(tmp_path, ["gopher_quality", stage]))))


def test_signatures_stay_out_of_the_verdicts(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in/a.jsonl", [{"id": "a", "text": SENTENCE}])
    dataprep("run", write_pipeline(tmp_path, ["minhash_signatures"]))
    (shard,) = (tmp_path / "out/documents").glob("*.parquet")
    row = pq.read_table(shard)["minhash"]
    assert row.type == pa.list_(pa.uint32(), 112)
    words = documents({"text": [SENTENCE]})
    own = MinHash(112, seed=1, scheme="affine32", hashfunc=lambda h: h & 0xFFFFFFFF)
    own.update_batch(list(sets_of(words)[0]))
    loaded = MinHash(112, seed=1, scheme="affine32", hashvalues=np.array(row[0].as_py(), np.uint32))
    assert loaded.jaccard(own) == 1.0
    (verdicts,) = (tmp_path / "out/verdicts").glob("*.parquet")
    assert "minhash" not in pq.read_schema(verdicts).names
    assert low("É") == "é"
