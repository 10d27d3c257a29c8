"""Token shards hold every document once, as the tokenizer's own library encodes it, whatever befalls the run."""

from __future__ import annotations

import base64
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from object_store import ObjectStore, object_store
from runs import (
    dataprep,
    error,
    killed_everywhere,
    make_plan,
    manifest,
    run_here,
    tree,
    write_corpus,
    write_jsonl,
    write_pipeline,
)
from test_bad_input import small_disk, warc_record  # noqa: F401
from test_resume import alter
from token_corpora import (
    PROSE,
    Sequence,
    odd_corpus,
    origin,
    other_tokenizer,
    sentencepiece_model,
    sequences,
    token_manifest,
    tokens_pipeline,
)

from dataprep import manifest as manifests
from dataprep import reading, worker
from dataprep.comparison import compare
from dataprep.corpus import shard as shards
from dataprep.corpus.tokens import open_tokens, verify
from dataprep.errors import RunError, UsageError
from dataprep.pipeline import parse
from dataprep.staleness import states
from dataprep.store import Store
from dataprep.tokenizers import Tokenizer, load

EOS, BOS = 2, 1
MANY = 0.004
"""`task_mib` that makes several tasks and shards of a small corpus."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sentencepiece_model(tmp_path_factory.mktemp("model") / "tiny.model")


@pytest.fixture
def corpus(tmp_path: Path) -> list[dict[str, Any]]:
    return odd_corpus(tmp_path / "in")


def made_of(pipeline: Path, **options: Any) -> Path:
    plan = make_plan(pipeline, **options)
    run_here(plan)
    return Path(plan.pipeline.output)


def without_shards(found: list[Sequence]) -> list[tuple[Any, ...]]:
    return sorted((s.docs["input"], s.docs["offset"], s.split, tuple(s.ids), s.docs["id"]) for s in found)


# ---------------------------------------------------------------- what shards hold


@pytest.mark.parametrize("task_mib", [32.0, MANY])
@pytest.mark.parametrize("stages", [(), ("exact_dedup",)], ids=["tokens", "documents"])
def test_every_document_comes_back(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path, stages: tuple[str, ...], task_mib: float
) -> None:
    out = made_of(tokens_pipeline(tmp_path, model, stages, task_mib=task_mib, validation_ratio=0.1))
    made, folder = token_manifest(out)
    tokenizer = load(folder / made["tokenizer"]["file"])
    texts = [row["text"] for row in corpus if row["text"]]
    found = sequences(out)
    assert Counter(tokenizer.decode(s.ids[:-1]) for s in found) == Counter(texts if not stages else set(texts))
    for s in found:
        row = origin(s, made, tmp_path / "in")
        assert tokenizer.decode(s.ids[:-1]) == row["text"]
        assert s.ids == [*tokenizer.reference.encode_one(row["text"]), EOS]
        assert not {EOS, BOS, tokenizer.unk} & set(s.ids[:-1]), "no text gives a special token"
        assert (s.docs["id"], s.docs["source"], s.docs["url"]) == (row["id"], row["source"], row.get("url"))
        assert (s.docs["tokens"], s.docs["bytes"]) == (len(s.ids), len(row["text"].encode()))
    assert made["empty"] == 12
    verify(open_tokens(str(out)), full=True)
    assert len({s.shard for s in found}) == len(made["shards"]) >= (4 if task_mib == MANY else 2)


def test_the_manifest_adds_up(tmp_path: Path, corpus: list[dict[str, Any]], model: Path) -> None:
    out = made_of(tokens_pipeline(tmp_path, model, task_mib=MANY, validation_ratio=0.2))
    made, found = manifest(out), sequences(out)
    assert manifests.read(str(out)) == made
    assert made["kind"] == "tokens"
    assert made["documents"] == len(found) == sum(shard["rows"] for shard in made["shards"])
    assert made["tokens"] == sum(len(s.ids) for s in found) == sum(shard["tokens"] for shard in made["shards"])
    assert made["stages"][-1]["documents_out"] == made["documents"] + made["empty"]
    for split, total in made["splits"].items():
        mine = [s for s in found if s.split == split]
        assert total == counted(mine)
        for source in ("a", "b"):
            assert made["sources"][source][split] == counted([s for s in mine if s.docs["source"] == source])
    tokenizer = load(model)
    assert made["tokenizer"] == {
        "kind": "sentencepiece",
        "file": f"artefacts/{next(out.glob('artefacts/*')).name}/tokenizer/tiny.model",
        "sha256": tokenizer.sha256,
        "vocab_size": 512,
        "bos": BOS,
        "eos": EOS,
        "unk": 0,
        "pad": None,
    }
    assert (made["dtype"], made["policy"]) == ("uint16", {"append_eos": True, "prepend_bos": False})
    assert made["tokenizer"]["file"] in {file["path"] for file in made["artefacts"]}
    assert open_tokens(str(out)).tokenizer_file().read_bytes() == model.read_bytes()
    assert not list((out / "documents").glob("*"))
    inner, folder = json.loads(next(out.glob("artefacts/*/manifest.json")).read_text()), next(out.glob("artefacts/*"))
    assert manifests.read(str(folder)) == inner
    assert manifests.verify(str(folder)) == []
    assert [shard["path"] for shard in made["shards"]] == [
        f"artefacts/{folder.name}/{s['path']}" for s in inner["shards"]
    ]
    assert open_tokens(str(folder)).tokenizer == inner["tokenizer"]
    assert inner["parents"] == [{"name": "test", "fingerprint": made["fingerprint"]}]


def counted(found: list[Sequence]) -> dict[str, int]:
    return {
        "documents": len(found),
        "tokens": sum(len(s.ids) for s in found),
        "bytes": sum(s.docs["bytes"] for s in found),
    }


@pytest.mark.parametrize(("eos", "bos"), [(True, True), (False, True), (False, False)])
def test_ends_are_as_asked(tmp_path: Path, corpus: list[dict[str, Any]], model: Path, eos: bool, bos: bool) -> None:
    out = made_of(tokens_pipeline(tmp_path, model, append_eos=eos, prepend_bos=bos))
    tokenizer = load(model)
    found = sequences(out)
    assert token_manifest(out)[0]["policy"] == {"append_eos": eos, "prepend_bos": bos}
    for s in found:
        text = origin(s, manifest(out), tmp_path / "in")["text"]
        assert s.ids == [BOS] * bos + tokenizer.encode_one(text) + [EOS] * eos
    assert len(found) == sum(bool(row["text"]) for row in corpus)


def test_documents_are_shuffled_over_shards(tmp_path: Path, model: Path) -> None:
    write_corpus(tmp_path / "in", files=3)
    found = sequences(made_of(tokens_pipeline(tmp_path, model, task_mib=MANY)))
    places = [(s.docs["input"], s.docs["offset"]) for s in found]
    assert len(set(places)) == len(places)
    neighbours = sum(a < b for a, b in pairwise(places)) / len(places)
    assert 0.4 < neighbours < 0.6
    for name in {s.shard for s in found if s.split == "train"}:
        assert len({s.docs["input"] for s in found if s.shard == name}) == 3


def test_a_large_vocabulary_is_int32(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = sequences(made_of(tokens_pipeline(tmp_path, model)))
    monkeypatch.setattr(shards, "_WIDE", 512)
    out = made_of(tokens_pipeline(tmp_path, model, output=str(tmp_path / "wide")))
    assert manifest(out)["dtype"] == "int32"
    assert without_shards(sequences(out)) == without_shards(narrow)


def test_a_huge_document(tmp_path: Path, model: Path) -> None:
    texts = ["small, with \0 in it", PROSE * 30_000, "also small"]
    pq.write_table(pa.table({"text": texts}), tmp_path / "in.parquet")
    pipeline = tokens_pipeline(tmp_path, model, source={"parquet": str(tmp_path / "in.parquet")}, validation_ratio=0)
    found = sequences(made_of(pipeline))
    assert {load(model).decode(s.ids[:-1]) for s in found} == set(texts)
    assert max(s.docs["bytes"] for s in found) == len(texts[1].encode())
    assert {s.docs["url"] for s in found} == {s.docs["language"] for s in found} == {None}


def test_no_documents(tmp_path: Path, model: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"text": ""}, {"text": "too short"}])
    source = {"jsonl": str(tmp_path / "in.jsonl")}
    short = ({"gopher_quality": {"min_words": 50}},)
    out = made_of(tokens_pipeline(tmp_path, model, short, source=source))
    made, _ = token_manifest(out)
    assert (made["documents"], made["tokens"], made["shards"], made["sources"]) == (0, 0, [], {})
    assert manifests.verify(str(out)) == []
    assert "holds no documents" in error("tokenize", out, "--tokenizer", model, code=1)
    assert "0 shards" in dataprep("manifest", "show", next(out.glob("artefacts/tokenize-*"))).stdout


# ---------------------------------------------------------------- validation


def test_validation_depends_on_the_text_alone(tmp_path: Path, model: Path) -> None:
    write_corpus(tmp_path / "in", files=3)
    pipeline = tokens_pipeline(tmp_path, model, task_mib=MANY, validation_ratio=0.2)
    first = {tuple(s.ids): s.split for s in sequences(made_of(pipeline))}
    assert 0.1 < sum(split == "validation" for split in first.values()) / len(first) < 0.3
    write_corpus(tmp_path / "more", files=1, seed=7)
    shutil.move(tmp_path / "more/part-00.jsonl", tmp_path / "in/a-new-one-in-front.jsonl")
    found = sequences(made_of(pipeline, output=str(tmp_path / "grown")))
    assert len(found) > len(first)
    sides: dict[tuple[int, ...], set[str]] = {}
    for s in found:
        sides.setdefault(tuple(s.ids), set()).add(s.split)
        assert s.split == ("validation" if ".validation." in s.shard else "train")
    assert all(len(side) == 1 for side in sides.values()), "equal texts are on one side"
    assert {ids: next(iter(sides[ids])) for ids in first} == first


@pytest.mark.parametrize(("ratio", "splits"), [(0, {"train"}), (1, {"validation"})])
def test_no_validation_or_nothing_else(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path, ratio: float, splits: set[str]
) -> None:
    assert {s.split for s in sequences(made_of(tokens_pipeline(tmp_path, model, validation_ratio=ratio)))} == splits


def test_another_seed_is_another_order_and_another_choice(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path
) -> None:
    found = []
    for seed in (0, 1):
        pipeline = tokens_pipeline(tmp_path, model, validation_ratio=0.3, seed=seed, output=str(tmp_path / str(seed)))
        found.append(sequences(made_of(pipeline)))
    assert [s.docs["offset"] for s in found[0]] != [s.docs["offset"] for s in found[1]]
    chosen = [{tuple(s.ids) for s in held if s.split == "validation"} for held in found]
    assert chosen[0] != chosen[1]


# ---------------------------------------------------------------- the same bytes


@pytest.mark.parametrize("stages", [(), ("exact_dedup",)], ids=["tokens", "documents"])
def test_killed_around_every_rename(tmp_path: Path, model: Path, stages: tuple[str, ...]) -> None:
    write_corpus(tmp_path / "in", files=2, rows=40)
    # With documents each input is a task, so that a kill leaves some done and some not; without, it is several.
    pipeline = tokens_pipeline(tmp_path, model, stages, task_mib=0.022 if stages else 0.006, validation_ratio=0.2)
    found = killed_everywhere(pipeline, tmp_path)
    assert found["renames"] > 20
    assert found["killed"] == found["renames"] + 1
    assert found["wrong"] == []


def test_workers_and_batches(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = tokens_pipeline(tmp_path, model, task_mib=MANY, validation_ratio=0.1)
    want = tree(made_of(pipeline))
    for workers in (1, 3):
        dataprep("run", pipeline, "--output", tmp_path / str(workers), "--workers", workers)
        assert tree(tmp_path / str(workers)) == want
    for rows in (1, 7):
        for module in (worker, reading):
            monkeypatch.setattr(module, "BATCH_ROWS", rows)
        assert tree(made_of(pipeline, output=str(tmp_path / f"rows-{rows}"))) == want


def test_cuts_into_tasks_change_shards_but_no_sequence(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path
) -> None:
    outs = [
        made_of(tokens_pipeline(tmp_path, model, task_mib=mib, validation_ratio=0.1, output=str(tmp_path / str(mib))))
        for mib in (32.0, 0.02, MANY)
    ]
    assert len({len(manifest(out)["shards"]) for out in outs}) > 1
    found = [without_shards(sequences(out)) for out in outs]
    assert found[0] == found[1] == found[2]
    assert len({json.dumps(manifest(out)["sources"]) for out in outs}) == 1


def test_another_folder_and_another_place_of_the_tokenizer(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path
) -> None:
    want = tree(made_of(tokens_pipeline(tmp_path, model)))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(tmp_path / "in", moved / "in")
    shutil.copytree(tmp_path / "out", moved / "out")
    (moved / "models").mkdir()
    pipeline = tokens_pipeline(moved, Path(shutil.copy(model, moved / "models")))
    shown = {state.state for state in states(make_plan(pipeline), Store(str(moved / "out")))}
    assert shown == {"cached"}
    assert tree(made_of(pipeline)) == want
    assert tree(made_of(pipeline, output=str(moved / "fresh"))) == want


@pytest.mark.parametrize("keep", [True, False])
def test_damage_is_repaired(tmp_path: Path, corpus: list[dict[str, Any]], model: Path, keep: bool) -> None:
    pipeline = tokens_pipeline(tmp_path, model, task_mib=0.01, validation_ratio=0.1)
    whole, out = tmp_path / "whole", tmp_path / "out"
    run_here(make_plan(pipeline, output=str(whole)), keep=True)
    want = tree(whole)
    files = [
        *whole.glob("artefacts/*/*.*"),
        *whole.glob("artefacts/*/tokenizer/*"),
        *whole.glob(".dataprep/*/*"),
        whole / "manifest.json",
    ]
    for victim in (path.relative_to(whole) for path in files if "steps" not in path.parts):
        for how in ("gone", "altered"):
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(whole, out)
            if how == "gone":
                (out / victim).unlink()
            else:
                alter(out / victim, how)
            run_here(make_plan(pipeline, output=str(out)), keep=keep)
            assert tree(out) == want, (victim, how)


def test_a_lost_manifest_costs_no_encoding(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = tokens_pipeline(tmp_path, model, task_mib=MANY)
    out = made_of(pipeline)
    want = tree(out)
    next(out.glob("artefacts/*/manifest.json")).unlink()
    (out / "manifest.json").unlink()
    monkeypatch.setattr(Tokenizer, "encode", None)
    run_here(make_plan(pipeline))
    assert tree(out) == want


def test_full_disk_then_space(tmp_path: Path, small_disk: Path, model: Path) -> None:  # noqa: F811
    write_corpus(tmp_path / "in", files=4)
    pipeline = tokens_pipeline(tmp_path, model, task_mib=0.03)
    dataprep("run", pipeline)
    size = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.bin"))
    for room in (40_000, 150_000, size + 200_000):
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes((1 << 20) - room))
        message = error("run", pipeline, "--output", small_disk / "out", code=1)
        assert "no space left on the device" in message
        assert not (small_disk / "out/manifest.json").exists()
        ballast.unlink()
    dataprep("run", pipeline, "--output", small_disk / "out")
    assert tree(small_disk / "out") == tree(tmp_path / "out")
    assert not list((small_disk / "out").glob(".scratch*"))


# ---------------------------------------------------------------- tokenizers that do not fit


def test_a_token_that_the_tokenizer_lacks(tmp_path: Path, corpus: list[dict[str, Any]]) -> None:
    bare = sentencepiece_model(tmp_path / "bare.model", eos_id=-1, bos_id=-1)
    message = error("run", tokens_pipeline(tmp_path, bare), code=2)
    assert message.startswith("tokenize: append_eos: ")
    assert "bare.model has no end-of-sequence token; set append_eos to false" in message
    message = error("run", tokens_pipeline(tmp_path, bare, append_eos=False, prepend_bos=True), code=2)
    assert "prepend_bos" in message
    out = made_of(tokens_pipeline(tmp_path, bare, append_eos=False))
    assert len(sequences(out)) == sum(bool(row["text"]) for row in corpus)


def test_the_last_stage_of_a_pipeline_from_web_pages(tmp_path: Path, model: Path) -> None:
    """The sidecar names the record, the corpus has the text, and the run explains each document as ever."""
    records = [warc_record(n % 9) for n in range(12)]
    (tmp_path / "pages.warc.gz").write_bytes(b"".join(records))
    stages = ("extract_html", {"gopher_quality": {"min_words": 5, "min_stop_words": 1}}, "exact_dedup")
    pipeline = tokens_pipeline(tmp_path, model, stages, source={"warc": str(tmp_path / "pages.warc.gz")})
    done = dataprep("run", pipeline)
    assert "tokenize\n  tokenizer: tiny.model, 512 ids\n  documents: 9\n" in done.stdout
    out = tmp_path / "out"
    made, _ = token_manifest(out)
    assert made["parents"] == [{"name": "test", "fingerprint": manifest(out)["fingerprint"]}]
    texts = {row["id"]: row["text"] for row in pq.read_table(out / "documents").to_pylist()}
    starts = np.cumsum([0, *map(len, records)]).tolist()
    found = sequences(out)
    assert len(found) == len(texts) == 9
    for s in found:
        n = starts.index(s.docs["offset"])
        assert s.docs["url"] == f"https://example.org/{n}"
        assert load(model).decode(s.ids[:-1]) == texts[s.docs["id"]]
        shown = dataprep("explain", s.docs["id"], "--run", out).stdout
        assert f"from   pages.warc.gz, offset {s.docs['offset']}" in shown
    assert manifests.verify(str(out)) == []


@pytest.mark.parametrize("kind", ["hf", "tiktoken"])
def test_other_libraries(tmp_path: Path, corpus: list[dict[str, Any]], kind: str) -> None:
    tokenizer = other_tokenizer(tmp_path / "mine", kind)
    out = made_of(tokens_pipeline(tmp_path, tokenizer, append_eos=True))
    made = manifest(out)
    assert made["tokenizer"]["kind"] == kind
    copy = load(open_tokens(str(out)).tokenizer_file())
    assert copy.sha256 == made["tokenizer"]["sha256"]
    for s in sequences(out):
        text = origin(s, made, tmp_path / "in")["text"]
        assert s.ids == [*load(tokenizer).reference.encode_one(text), copy.eos]
        assert copy.decode(s.ids[:-1]) == text
    assert manifests.verify(str(out)) == []


@pytest.mark.parametrize("damage", ["gone", "shorter", "text"])
def test_a_damaged_tokenizer(tmp_path: Path, corpus: list[dict[str, Any]], model: Path, damage: str) -> None:
    mine = tmp_path / "mine.model"
    mine.write_bytes({"shorter": model.read_bytes()[:3000], "text": b"no model"}.get(damage, b""))
    if damage == "gone":
        mine.unlink()
    assert "mine.model" in error("run", tokens_pipeline(tmp_path, mine), code=1)


def test_a_changed_tokenizer_is_stale_and_says_so(tmp_path: Path, corpus: list[dict[str, Any]], model: Path) -> None:
    mine = Path(shutil.copy(model, tmp_path / "mine.model"))
    pipeline = tokens_pipeline(tmp_path, mine)
    out = made_of(pipeline)
    old = manifest(out)
    assert {state.state for state in states(make_plan(pipeline), Store(str(out)))} == {"cached"}
    sentencepiece_model(mine, vocab_size=400)
    new = load(mine).sha256
    plan = make_plan(pipeline)
    assert plan.fingerprint != old["fingerprint"]
    shown = {state.state.partition(";")[0] for state in states(plan, Store(str(out)))}
    assert shown == {f"stale: mine.model sha256 {old['tokenizer']['sha256'][:8]} -> {new[:8]}"}
    made_of(pipeline)
    assert manifest(out)["tokenizer"]["vocab_size"] == 400
    assert len(list((out / "artefacts").iterdir())) == 1
    found = compare(old, manifest(out))
    assert any("tokenizer.vocab_size: 512 -> 400" in line for line in found["tokens"])
    assert manifests.verify(str(out)) == []


def test_a_tokenizer_that_changes_under_way_is_noticed(
    tmp_path: Path, corpus: list[dict[str, Any]], model: Path
) -> None:
    """A worker on another machine, or a later one on this, must not encode with another file."""
    from dataprep import plan as planning

    mine = Path(shutil.copy(model, tmp_path / "mine.model"))
    saved = planning.to_json(make_plan(tokens_pipeline(tmp_path, mine)))
    assert planning.from_json(saved).facts == saved["facts"]
    sentencepiece_model(mine, vocab_size=400)
    with pytest.raises(UsageError, match="was planned with other packages, models, files"):
        planning.from_json(saved)


@pytest.mark.parametrize(("many", "times"), [(2000, 1), (1400, 300)])
def test_ids_that_differ_from_the_library_stop_the_task(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, many: int, times: int
) -> None:
    """Short documents, and long ones, of which the beginning is compared."""
    assert load(model).why_slow == "", "the fast backend must be in use"
    rows = [{"id": f"doc-{n}", "text": f"{n} {PROSE * times}"} for n in range(many)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "one.parquet")
    pipeline = tokens_pipeline(tmp_path, model, source={"parquet": str(tmp_path / "one.parquet")})
    lengths = list[int]()
    reference = Tokenizer.reference

    def watched(self: Tokenizer) -> Tokenizer:
        found = reference.fget(self)  # type: ignore[attr-defined]
        encode = found.encode
        found.encode = lambda text: (lengths.extend(np.diff(text.offsets).tolist()), encode(text))[1]
        return found

    monkeypatch.setattr(Tokenizer, "reference", property(watched))
    if times == 1:
        made_of(pipeline, output=str(tmp_path / "good"))
        assert lengths
    real = Tokenizer.encode

    def wrong(self: Tokenizer, text: Any) -> Any:
        found = real(self, text)
        if self.why_slow:
            return found
        ids = np.array(found.ids)
        ids[found.offsets[1:] - 1] += 1
        return found._replace(ids=ids)

    monkeypatch.setattr(Tokenizer, "encode", wrong)
    with pytest.raises(RunError, match=r"tokenize: document 'doc-\d+': the fast backend gives other ids than"):
        made_of(pipeline)
    assert 0 < max(lengths) <= (1 << 14)
    assert times == 1 or max(lengths) > (1 << 14) - 4


# ---------------------------------------------------------------- the command


@pytest.fixture
def documents(tmp_path: Path, corpus: list[dict[str, Any]]) -> Path:
    """A finished run of documents in several shards."""
    dataprep("run", write_pipeline(tmp_path, [], task_mib=0.02))
    assert len(manifest(tmp_path / "out")["shards"]) == 2
    return tmp_path / "out"


def test_the_command(documents: Path, tmp_path: Path, model: Path) -> None:
    done = dataprep("tokenize", documents, "--tokenizer", model, "--set", "tokenize.validation_ratio=0.1")
    out = tmp_path / "out-tokens"
    made, above = manifest(out), manifest(documents)
    assert made["parents"] == [{"name": "test", "fingerprint": above["fingerprint"]}]
    assert [(i["path"], i["sha256"]) for i in made["inputs"]] == [
        (Path(s["path"]).name, s["sha256"]) for s in above["shards"]
    ]
    for s in sequences(out):
        row = origin(s, made, documents / "documents")
        assert (row["id"], load(model).decode(s.ids[:-1])) == (s.docs["id"], row["text"])
    assert f"{made['tokens']:,}" in done.stdout
    assert "12 documents without a token left out" in done.stdout
    assert not (out / "documents").exists()
    assert not list(out.glob("verdicts/*"))
    assert dataprep("manifest", "show", out).stdout.count("validation") >= 3
    assert "all as listed" in dataprep("manifest", "verify", out).stdout
    assert json.loads(dataprep("manifest", "show", out, "--json").stdout) == made

    again = ("tokenize", documents, "--tokenizer", model, "--set", "tokenize.validation_ratio=0.1")
    assert dataprep(*again).stderr.count("cached") == 3
    shown = dataprep("tokenize", documents, "--tokenizer", model, "--dry-run").stdout
    assert shown.count("stale: tokenize.validation_ratio 0.1 -> 0.001") == 3
    for command in (("explain", "id-1", "--run", out), ("dropped", out)):
        message = error(*command, code=1)
        assert message == f"{out}: holds tokens, not documents; those are in {documents}"


def test_no_document_for_validation_is_told(documents: Path, tmp_path: Path, model: Path) -> None:
    says = "fell to the validation split, at validation_ratio 1e-09: "
    tokenize = ("tokenize", documents, "--tokenizer", model, "--set")
    (line,) = (s for s in dataprep(*tokenize, "tokenize.validation_ratio=1e-9").stderr.splitlines() if says in s)
    assert line.startswith("warning: tokenize: ")
    assert "--set tokenize.validation_ratio=0.185" in line
    assert "validation split" not in dataprep(*tokenize, "tokenize.validation_ratio=0.185").stderr
    more = ({"tokenize": {"tokenizer": str(model), "as": "all", "validation_ratio": 1}},)
    done = dataprep("run", tokens_pipeline(tmp_path, model, more, validation_ratio=1e-9, output=str(tmp_path / "2")))
    assert done.stderr.count(says) == 1


def test_a_file_of_ranks_is_kept_with_its_name(documents: Path, tmp_path: Path) -> None:
    """Its name says its encoding, its own or that of the sidecar beside it."""
    lines = "".join(f"{base64.b64encode(bytes([byte])).decode()} {byte}\n" for byte in range(256))
    for name, sidecar in (("cl100k_base", ""), ("mine", "encoding: cl100k_base"), ("tokenizer", "encoding: r50k_base")):
        path = tmp_path / f"{name}.tiktoken"
        path.write_text(lines)
        if sidecar:
            path.with_suffix(".yaml").write_text(sidecar)
        dataprep("tokenize", documents, "--tokenizer", path, "--output", tmp_path / name)
        kept = open_tokens(str(tmp_path / name)).tokenizer_file()
        assert kept.name == path.name
        assert load(kept).encode_one("a text") == load(path).encode_one("a text")


def test_a_changed_parent_is_stale(documents: Path, tmp_path: Path, model: Path) -> None:
    dataprep("tokenize", documents, "--tokenizer", model)
    write_jsonl(tmp_path / "in/c.jsonl", [{"text": "One more document."}])
    dataprep("run", write_pipeline(tmp_path, [], task_mib=0.02))
    shown = dataprep("tokenize", documents, "--tokenizer", model, "--dry-run").stdout
    assert "stale: input 0000" in shown
    dataprep("tokenize", documents, "--tokenizer", model)
    made = manifest(tmp_path / "out-tokens")
    assert made["parents"][0]["fingerprint"] == manifest(documents)["fingerprint"]
    assert made["documents"] + made["empty"] == manifest(documents)["documents"]


def test_a_damaged_parent_is_refused(documents: Path, model: Path) -> None:
    shard = next((documents / "documents").iterdir())
    table = pq.read_table(shard)
    pq.write_table(table.slice(1), shard)
    message = error("tokenize", documents, "--tokenizer", model, code=1)
    assert message.startswith(f"{shard}: is not the file that ")


def test_shards_that_no_manifest_lists_are_not_read(documents: Path, tmp_path: Path, model: Path) -> None:
    shutil.copy(next((documents / "documents").iterdir()), documents / "documents/99999-left.parquet")
    dataprep("tokenize", documents, "--tokenizer", model)
    assert len(manifest(tmp_path / "out-tokens")["inputs"]) == 2


def test_one_kind_does_not_replace_another(documents: Path, tmp_path: Path, model: Path) -> None:
    before = tree(documents)
    assert "replace its own input" in error("tokenize", documents, "--tokenizer", model, "--output", documents, code=2)
    shutil.copytree(documents, tmp_path / "other")
    message = error("tokenize", documents, "--tokenizer", model, "--output", tmp_path / "other", code=1)
    assert message == f"{tmp_path / 'other'}: holds documents, not tokens; choose another place with --output"
    assert tree(documents) == tree(tmp_path / "other") == before
    dataprep("tokenize", documents, "--tokenizer", model)
    message = error("tokenize", tmp_path / "out-tokens", "--tokenizer", model, code=1)
    assert "holds tokens, not documents" in message
    assert "compare two of a kind" in error("manifest", "diff", documents, tmp_path / "out-tokens", code=2)


def test_damage_of_any_file_is_found(documents: Path, tmp_path: Path, model: Path) -> None:
    dataprep("tokenize", documents, "--tokenizer", model, "--set", "tokenize.validation_ratio=0.1")
    out = tmp_path / "out-tokens"
    for path in sorted(path for path in out.glob("artefacts/**/*") if path.is_file()):
        held = path.read_bytes()
        alter(path, "altered")
        (problem,) = manifests.verify(str(out))
        assert problem == f"{path.relative_to(out)}: sha256 differs"
        path.write_bytes(held)
    stray = next(out.glob("artefacts/*")) / "00009.bin"
    stray.touch()
    assert manifests.verify(str(out)) == [f"{stray.relative_to(out)}: is not listed"]
    assert "`dataprep tokenize` makes again" in error("manifest", "verify", out, code=1)


def test_limit(documents: Path, tmp_path: Path, model: Path) -> None:
    dataprep("tokenize", documents, "--tokenizer", model, "--limit", 30, "--json")
    made = manifest(tmp_path / "out-tokens")
    assert made["documents"] + made["empty"] == 30
    assert made["pipeline"]["limit"] == 30


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stages": ["exact_dedup", {"tokenize": {"tokenizer": "t"}}], "kind": "tokens"}, "has one stage"),
        ({"stages": [], "kind": "tokens"}, "has one stage"),
        ({"stages": [{"tokenize": {"tokenizer": "t"}}, "exact_dedup"]}, "tokenize: must be the last stage"),
        ({"stages": [{"tokenize": {"tokenizer": "t"}}], "kind": "token"}, "'token'"),
        ({"stages": ["tokenize"]}, "'tokenizer' is missing"),
    ],
)
def test_pipelines_that_can_not_be(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse({"name": "x", "source": {"jsonl": "x"}, "output": "out"} | change, "x.yaml")
    assert says in str(raised.value)


def test_two_tokenizers_of_one_corpus(tmp_path: Path, corpus: list[dict[str, Any]], model: Path) -> None:
    other = sentencepiece_model(tmp_path / "other.model", vocab_size=400)
    stages = ({"tokenize": {"tokenizer": str(other), "as": "small"}},)
    made = run_here(make_plan(tokens_pipeline(tmp_path, model, stages)))
    inner = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("artefacts/*/manifest.json"))]
    assert [value["tokenizer"]["vocab_size"] for value in inner] == [400, 512]
    assert inner[0]["documents"] == inner[1]["documents"] == made["documents"] - 12


# ---------------------------------------------------------------- an object store


@pytest.fixture(scope="module")
def remote() -> Iterator[ObjectStore]:
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'dataprep[s3]'")
    pytest.importorskip("moto", reason="moto is not installed: pip install 'dataprep[dev]'")
    with object_store() as store:
        yield store


def test_documents_and_tokens_on_an_object_store(
    remote: ObjectStore, documents: Path, tmp_path: Path, model: Path
) -> None:
    dataprep("tokenize", documents, "--tokenizer", model)
    for path in (path for path in documents.rglob("*") if path.is_file()):
        remote.put(f"out/{path.relative_to(documents)}", path.read_bytes())
    there = ("tokenize", remote.url("out"), "--tokenizer", model)
    dataprep(*there, **remote.environment)
    local, found = manifest(tmp_path / "out-tokens"), json.loads(remote.get("out-tokens/manifest.json"))
    assert [shard["sha256"] for shard in found["shards"]] == [shard["sha256"] for shard in local["shards"]]
    assert dataprep(*there, **remote.environment).stderr.count("cached") == 3
    (shard, *_) = [key for key in remote.keys("out-tokens/artefacts/") if key.endswith(".bin")]
    want = remote.tree("out-tokens")
    remote.put(shard, remote.get(shard)[:-1])
    assert "bytes, not" in dataprep("manifest", "verify", remote.url("out-tokens"), code=1, **remote.environment).stdout
    dataprep(*there, **remote.environment)
    assert remote.tree("out-tokens") == want
