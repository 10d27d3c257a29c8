"""`train-tokenizer`: the same bytes from the same documents, however they are cut; a report that adds up; errors."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from runs import dataprep, error, manifest, write_jsonl, write_pipeline
from token_corpora import example_tokenizer, tokens_pipeline
from tokenizer_files import corpus

from dataprep import parents
from dataprep.errors import InputError, UsageError
from dataprep.tokenizers import load, making, measuring, sampling, training
from dataprep.tokenizers.sampling import Document, Origin
from dataprep.tokenizers.training import Settings

OPTIONS = ("--vocab-size", 1000, "--sample-mb", 0.3)


def documents(seed: int, prefix: str = "") -> list[dict[str, Any]]:
    """Paragraphs of this project's text, in two languages as far as anybody knows."""
    paragraphs = [p for text in corpus() for p in text.split("\n\n") if len(p) > 40]
    chosen = random.Random(seed).sample(paragraphs, 900)
    return [{"text": prefix + text, "id": f"{seed}-{n}"} for n, text in enumerate(chosen)]


def finished(folder: Path, rows: Sequence[dict[str, Any]], files: int = 1, name: str = "test") -> Path:
    """A finished run on rows, read from so many files."""
    (folder / "in").mkdir(parents=True)
    for n in range(files):
        cut = [len(rows) * k // files for k in (n, n + 1)]
        write_jsonl(folder / "in" / f"{n}.jsonl", list(rows[cut[0] : cut[1]]))
    dataprep("run", write_pipeline(folder, ["empty"], name=name), "--workers", 1)
    return folder / "out"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return finished(folder / "a", documents(1)), finished(folder / "b", documents(2, "二号文档。"), name="other")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# ---------------------------------------------------------------- the command


def test_the_command(runs: tuple[Path, Path], tmp_path: Path) -> None:
    special = ("--special", "<|im_start|>", "--reserved", 2)
    done = dataprep("train-tokenizer", *runs, *OPTIONS, *special, "--output", tmp_path / "t")
    assert set(files_of(tmp_path / "t")) == {"tokenizer.model", "tokenizer.yaml", "report.json"}
    for said in ("made, sha256", "sample of", "tokens/word", "round trip: 0 of", "NFKC, not applied", "rarest pieces"):
        assert said in done.stdout
    tokenizer = load(tmp_path / "t")
    assert tokenizer.vocab_size == 1000
    assert [tokenizer.special[s] for s in ("<|im_start|>", "<|reserved_0|>", "<|reserved_1|>")] == [3, 4, 5]
    card = yaml.safe_load((tmp_path / "t" / "tokenizer.yaml").read_text())
    assert card["sha256"] == tokenizer.sha256
    assert card["settings"]["vocab_size"] == 1000
    manifests = {run: json.loads((run / "manifest.json").read_text())["fingerprint"] for run in runs}
    sources = card["sample"]["sources"]
    assert {name: part["manifest"] for name, part in sources.items()} == dict(
        zip(("test", "other"), manifests.values(), strict=True)
    )
    assert sum(part["bytes"] for part in sources.values()) == card["sample"]["bytes"]

    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "t").iterdir()}
    again = dataprep("train-tokenizer", *runs, *OPTIONS, *special, "--output", tmp_path / "t")
    assert "finished before, left as it is" in again.stdout
    assert "training" not in again.stderr
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "t").iterdir()}


def test_two_trainings_give_the_same_bytes(runs: tuple[Path, Path], tmp_path: Path) -> None:
    for kind in ("sentencepiece", "byte-bpe"):
        for name in ("x", "y"):
            dataprep("train-tokenizer", *runs, *OPTIONS, "--kind", kind, "--output", tmp_path / kind / name)
        assert files_of(tmp_path / kind / "x") == files_of(tmp_path / kind / "y")


def test_shard_cuts_do_not_matter(tmp_path: Path) -> None:
    rows = documents(3)
    made = []
    for files in (1, 5):
        run = finished(tmp_path / str(files), rows, files)
        sampled = sampling.sample(sampling.open_folders([str(run)]), 100_000)
        made.append([(part.documents, part.held_out) for part in sampled])
    assert made[0] == made[1]


def test_byte_bpe(runs: tuple[Path, Path], tmp_path: Path) -> None:
    dataprep("train-tokenizer", runs[0], *OPTIONS, "--kind", "byte-bpe", "--output", tmp_path)
    tokenizer = load(tmp_path)
    assert (tokenizer.kind, tokenizer.vocab_size, tokenizer.eos) == ("hf", 1000, 0)
    assert tokenizer.why_slow == ""
    assert len(tokenizer.encode_one("1234567")) == 7


def test_comparing_measures_again_and_trains_nothing(runs: tuple[Path, Path], tmp_path: Path) -> None:
    dataprep("train-tokenizer", runs[0], *OPTIONS, "--output", tmp_path / "t")
    other = ("train-tokenizer", runs[0], "--vocab-size", 1100, "--sample-mb", 0.3, "--output", tmp_path / "u")
    dataprep(*other)
    trained = (tmp_path / "u" / "tokenizer.model").read_bytes()
    done = dataprep(*other, "--compare", tmp_path / "t" / "tokenizer.model", "--json")
    assert "training on" not in done.stderr
    assert (tmp_path / "u" / "tokenizer.model").read_bytes() == trained
    report = json.loads(done.stdout)["report"]
    assert {row["tokenizer"] for row in report["fertility"]} == {"trained", str(tmp_path / "t" / "tokenizer.model")}
    assert json.loads((tmp_path / "u" / "report.json").read_text()) == report
    assert "measuring" not in dataprep(*other, "--compare", tmp_path / "t" / "tokenizer.model").stderr


def test_a_damaged_output_is_made_again(runs: tuple[Path, Path], tmp_path: Path) -> None:
    command = ("train-tokenizer", runs[0], *OPTIONS, "--output", tmp_path)
    dataprep(*command)
    good = files_of(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"torn")
    dataprep(*command)
    assert files_of(tmp_path) == good
    (tmp_path / "tokenizer.yaml").unlink()  # what a killed training leaves
    dataprep(*command)
    assert files_of(tmp_path) == good


def test_other_settings_replace_it(runs: tuple[Path, Path], tmp_path: Path) -> None:
    dataprep("train-tokenizer", runs[0], *OPTIONS, "--output", tmp_path)
    dataprep("train-tokenizer", runs[0], "--vocab-size", 900, "--sample-mb", 0.3, "--output", tmp_path)
    assert load(tmp_path).vocab_size == 900


def test_another_kind_replaces_it(runs: tuple[Path, Path], tmp_path: Path) -> None:
    dataprep("train-tokenizer", runs[0], *OPTIONS, "--output", tmp_path)
    for kind in ("byte-bpe", "sentencepiece"):
        dataprep("train-tokenizer", runs[0], *OPTIONS, "--kind", kind, "--output", tmp_path)
        assert load(tmp_path).kind == {"byte-bpe": "hf"}.get(kind, kind)
        assert len(list(tmp_path.glob("tokenizer.*"))) == 2


def test_of_two_tokenizers_in_a_folder_the_cards_one_is_meant(runs: tuple[Path, Path], tmp_path: Path) -> None:
    dataprep("train-tokenizer", runs[0], *OPTIONS, "--output", tmp_path / "other")
    dataprep("train-tokenizer", runs[0], *OPTIONS, "--kind", "byte-bpe", "--output", tmp_path)
    (tmp_path / "other" / "tokenizer.model").rename(tmp_path / "tokenizer.model")
    assert load(tmp_path).kind == "hf"


# ---------------------------------------------------------------- mixes and samples


def mix(folder: Path, sources: dict[str, dict[str, Any]], **settings: Any) -> Path:
    value = {"name": "m", "sequence_length": 128, "batch_size": 4, "sources": sources, **settings}
    (folder / "mix.yaml").write_text(yaml.safe_dump(value))
    return folder / "mix.yaml"


def test_shares_are_the_mixs_weights(runs: tuple[Path, Path], tmp_path: Path) -> None:
    sources = {"a": {"manifest": str(runs[0]), "weight": 3}, "b": {"manifest": str(runs[1]), "weight": 1}}
    path = mix(tmp_path, sources, stages=[{"name": "main", "until_tokens": 1000}])
    dataprep("train-tokenizer", "--mix", path, "--vocab-size", 1000, "--sample-mb", 0.2, "--output", tmp_path / "t")
    card = yaml.safe_load((tmp_path / "t" / "tokenizer.yaml").read_text())
    assert card["sample"]["sources"]["a"]["share"] == pytest.approx(0.75, abs=0.01)
    assert card["sample"]["sources"]["b"]["weight"] == 1.0


def test_a_mix_by_epochs(runs: tuple[Path, Path], tmp_path: Path) -> None:
    sources = {"a": {"manifest": str(runs[0]), "epochs": 3}, "b": {"manifest": str(runs[1]), "epochs": 1}}
    origins = sampling.open_mix(str(mix(tmp_path, sources)))
    a, b = sampling.sample(origins, 100_000)
    wanted = 3 * a.all_bytes / (3 * a.all_bytes + b.all_bytes)
    assert a.bytes / (a.bytes + b.bytes) == pytest.approx(wanted, abs=0.02)


def test_a_mix_of_tokens_gives_the_documents_they_were_made_from(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """Tokens of a run, and a run that ends in `tokenize`, named by itself and by its artefact."""
    model = example_tokenizer()
    dataprep("tokenize", runs[0], "--tokenizer", model, "--output", tmp_path / "tokens")
    write_jsonl(tmp_path / "in.jsonl", documents(7)[:60])
    pipeline = tokens_pipeline(tmp_path, model, ("empty",), source={"jsonl": str(tmp_path / "in.jsonl")})
    dataprep("run", pipeline, "--workers", 1)
    (artefact,) = (tmp_path / "out" / "artefacts").iterdir()
    (inner,) = (tmp_path / "tokens" / "artefacts").iterdir()
    places = {"a": tmp_path / "tokens", "b": tmp_path / "out", "c": artefact / "manifest.json", "d": inner}
    path = mix(tmp_path, {name: {"manifest": str(place), "epochs": 1} for name, place in places.items()})
    origins = sampling.open_mix(str(path), parents.documents)
    assert [origin.folder for origin in origins] == [str(runs[0]), *2 * [str(tmp_path / "out")], str(runs[0])]
    command = ("train-tokenizer", "--mix", path, *OPTIONS, "--output", tmp_path / "t")
    dataprep(*command)
    card = yaml.safe_load((tmp_path / "t" / "tokenizer.yaml").read_text())
    assert card["sample"]["sources"]["a"]["manifest"] == manifest(runs[0])["fingerprint"]


def parents_said(folder: Path) -> str:
    with pytest.raises(InputError) as raised:
        parents.documents(str(folder))
    return str(raised.value)


def test_tokens_whose_documents_are_not_there(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs[0], tmp_path / "run"))
    dataprep("tokenize", run, "--tokenizer", example_tokenizer(), "--output", tmp_path / "tokens")
    path = mix(tmp_path, {"web": {"manifest": str(tmp_path / "tokens"), "epochs": 1}})
    run.rename(tmp_path / "moved")
    raw = {"source": {"jsonl": str(runs[0].parent / "in")}, "output": str(tmp_path / "raw")}
    dataprep("run", tokens_pipeline(tmp_path, example_tokenizer(), **raw))
    assert parents_said(tmp_path / "raw").endswith(
        "they were made from no run's documents: name in its place the folder that `dataprep run` wrote"
    )
    said = error("train-tokenizer", "--mix", path, *OPTIONS, "--output", tmp_path / "t", code=1)
    assert said == (
        f"mix.yaml: source web: {tmp_path}/tokens: holds tokens; a tokenizer is trained on documents; run test made "
        "them, and is not where it was or has changed since: make it again, or name in its place the folder that "
        "`dataprep run` wrote"
    )
    dataprep("run", write_pipeline(tmp_path, ["empty"], source={"jsonl": str(runs[1].parent / "in")}))
    (tmp_path / "out").rename(run)
    assert "has changed since" in error("train-tokenizer", "--mix", path, *OPTIONS, code=1)
    assert "source web: " in error(
        "train-tokenizer", "--mix", mix(tmp_path, {"web": {"manifest": "no", "epochs": 1}}), code=1
    )


@pytest.mark.parametrize(
    ("weights", "known", "size", "expected"),
    [
        ([1, 1], {}, 100, [50, 50]),
        ([3, 1], {}, 100, [75, 25]),
        ([1, 1], {0: 10}, 100, [10, 90]),
        ([1, 1, 2], {0: 10, 1: 1000}, 100, [10, 30, 60]),
        ([1, 1, 2], {0: 10, 1: 20, 2: 30}, 100, [10, 20, 30]),
        ([1, 0], {}, 100, [100, 0]),
        ([0, 0], {}, 100, [0, 0]),
    ],
)
def test_shares(weights: list[float], known: dict[int, int], size: int, expected: list[int]) -> None:
    assert sampling.shares(weights, known, size) == expected


def test_held_out_documents_are_not_in_the_sample(runs: tuple[Path, Path]) -> None:
    for size in (50_000, 10**9):
        (part,) = sampling.sample([Origin("a", str(runs[0]))], size)
        assert part.held_out
        assert not set(part.held_out) & set(part.documents)
        assert part.bytes == sum(len(d.text) for d in part.documents)
        assert size <= part.bytes <= size + 20_000 or part.bytes + part.held_out_bytes == part.all_bytes
    small = sampling.sample([Origin("a", str(runs[0]))], 50_000)[0].documents
    assert small == part.documents[: len(small)]  # a larger sample begins with the smaller


def test_a_short_source_leaves_its_share_to_the_others(runs: tuple[Path, Path], tmp_path: Path) -> None:
    tiny = finished(tmp_path / "tiny", documents(5)[:20])
    origins = [Origin("tiny", str(tiny), 1.0), Origin("a", str(runs[0]), 1.0)]
    tiny_part, a = sampling.sample(origins, 100_000)
    assert tiny_part.bytes + tiny_part.held_out_bytes == tiny_part.all_bytes
    assert a.bytes >= 100_000 - tiny_part.bytes


@pytest.mark.parametrize("order", [1, -1])
def test_a_first_document_of_any_size_and_its_copies(
    tmp_path: Path, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held out takes no room from the sample, and there is not less text than was asked for."""
    monkeypatch.setattr(sampling, "HELD_OUT_BYTES", 20_000)
    monkeypatch.setattr(sampling, "BATCH_ROWS", 16)
    rows = documents(8)
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    first = int(np.argmin(sampling._keys("test", texts)))
    for n, size in enumerate((18_000, 60_000)):
        large = next(
            text
            for text in (f"{k} " + "word " * (size // 5) for k in count())
            if sampling._keys("test", pa.array([text], pa.large_string()))[0] < sampling._keys("test", texts)[first]
        )
        for copies in (1, 4):
            held = [*rows, *({"text": large} for _ in range(copies))][::order]
            run = finished(tmp_path / f"{n}-{copies}", held)
            said = list[str]()
            origins = sampling.open_folders([str(run)])
            settings = Settings(vocab_size=1000, sample_mb=0.08)
            making.make(settings, origins, str(tmp_path / f"t-{n}-{copies}"), (), said.append)
            (part,) = sampling.sample(origins, 80_000)
            assert [document.text for document in part.held_out[:copies]] == [large.encode()] * copies
            assert part.bytes >= 80_000
            assert not any("less text" in line for line in said)


def test_less_text_than_asked_for_is_told(runs: tuple[Path, Path], tmp_path: Path) -> None:
    said = list[str]()
    making.make(
        Settings(vocab_size=1000, sample_mb=50), sampling.open_folders([str(runs[0])]), str(tmp_path), (), said.append
    )
    assert any(line.startswith("there is less text than asked for") for line in said)


def test_memory_holds_the_sample_and_not_the_corpus(runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "HELD_OUT_BYTES", 2000)
    monkeypatch.setattr(sampling, "BATCH_ROWS", 16)
    most = 0
    kept = sampling._smallest

    def watched(held: list[tuple[int, Document]], quota: int) -> list[tuple[int, Document]]:
        nonlocal most
        most = max(most, sum(len(d.text) for _, d in held))
        return kept(held, quota)

    monkeypatch.setattr(sampling, "_smallest", watched)
    (part,) = sampling.sample([Origin("a", str(runs[0]))], 20_000)
    assert part.all_bytes > 200_000
    assert most < 60_000


# ---------------------------------------------------------------- training and measuring


def test_lines_carry_the_newlines_before_them_and_are_cut() -> None:
    assert list(training.lines([b"a\n\nb c\n", b"", b"\n\n", b"\nd"])) == [b"a", b"\n\nb c", b"\nd"]
    long = ("中" * 20_000).encode()
    cut = list(training.lines([long]))
    assert b"".join(cut) == long
    assert all(len(line) <= training.LINE_BYTES for line in cut)
    assert all(line.decode() for line in cut)


def test_fertility_counts(runs: tuple[Path, Path], tmp_path: Path) -> None:
    settings = Settings(vocab_size=1000, sample_mb=0.3)
    tokenizer = load(making.make(settings, sampling.open_folders([str(runs[0])]), str(tmp_path), ()).folder)
    texts = {"en": "Two words, 3 words.", "zh": "中文文本"}
    rows = measuring.fertility("t", tokenizer, [("s", Document(t.encode(), lang)) for lang, t in texts.items()])
    by = {(row["by"], row["key"]): row for row in rows}
    assert set(by) == {("all", "all"), ("source", "s"), ("language", "en"), ("language", "zh")}
    for lang, text in texts.items():
        row = by["language", lang]
        tokens = tokenizer.encode_one(text)
        assert (row["documents"], row["characters"], row["bytes"]) == (1, len(text), len(text.encode()))
        assert row["words"] == 4
        assert row["tokens"] == len(tokens)
        assert row["byte_tokens"] == sum(tokenizer.byte(token) is not None for token in tokens)
        assert row["tokens_per_word"] == pytest.approx(len(tokens) / 4, abs=1e-5)
    assert by["all", "all"]["tokens"] == sum(by["language", lang]["tokens"] for lang in texts)


def test_nfkc_is_measured() -> None:
    found = measuring.nfkc(Document(text.encode(), "zh") for text in ("plain", "你好，世界，ﬁn", "e\u0301"))
    assert (found["documents"], found["changed_documents"]) == (3, 2)
    assert found["replaced_characters"] == 3
    assert found["most_replaced"][0] == {"from": "，", "to": ",", "count": 2}


def test_a_round_trip_that_fails_is_told(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = making.make(
        Settings(vocab_size=1000, sample_mb=0.3), sampling.open_folders([str(runs[0])]), str(tmp_path), ()
    )
    tokenizer = load(made.folder)
    right = tokenizer.decode
    monkeypatch.setattr(tokenizer, "decode", lambda ids: right(ids).replace("b", "x"))
    found = measuring.round_trips(tokenizer, [Document(b"aab", "und"), Document(b"cc", "und")])
    assert found == {"documents": 2, "failures": 1, "examples": [{"at": 2, "text": "b", "came_back": "x"}]}


def test_real_text_comes_back(data: Path, tmp_path: Path) -> None:
    """Real Chinese and English: nothing is lost, and the trained tokenizer is not far from one that knows more."""
    corpora = [str(data / "corpora" / f"{name}.jsonl.zst") for name in ("zh_oiwiki", "en_web_text")]
    settings = {"source": {"jsonl": corpora}, "output": str(tmp_path / "out")}
    dataprep("run", write_pipeline(tmp_path, ["empty"], **settings), "--workers", 1, "--limit", 900)
    command = ("train-tokenizer", tmp_path / "out", "--vocab-size", 6000, "--sample-mb", 3, "--output", tmp_path / "t")
    report = json.loads(dataprep(*command, "--json").stdout)["report"]
    assert report["round_trip"]["failures"] == 0
    assert report["round_trip"]["documents"] > 10
    (row,) = (row for row in report["fertility"] if row["by"] == "all")
    assert 2.0 < row["bytes_per_token"] < 5.0
    assert row["byte_token_ratio"] < 0.05


# ---------------------------------------------------------------- bad input


def test_errors_are_one_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run, out = runs[0], ("--output", tmp_path / "t")
    assert "name the folders of finished runs" in error("train-tokenizer", code=2)
    assert "one of the two" in error("train-tokenizer", run, "--mix", "m.yaml", code=2)
    assert "does not exist" in error("train-tokenizer", tmp_path / "no", *out, code=1)
    assert "is named twice" in error("train-tokenizer", run, f"{run}/", *out, code=2)
    assert "are finite numbers" in error("train-tokenizer", run, "--sample-mb", "nan", *out, code=2)
    assert "no such file" in error("train-tokenizer", run, "--compare", tmp_path / "no.model", *out, code=1)
    said = error("train-tokenizer", run, "--vocab-size", 90_000, "--sample-mb", 0.1, *out, code=1)
    assert "--vocab-size 90000: the sample has too little text for it: the largest vocabulary possible is " in said
    largest = int(said.split("possible is ")[1].split(";")[0])
    assert 1000 < largest < 90_000
    said = error(
        "train-tokenizer", run, "--kind", "byte-bpe", "--vocab-size", 90_000, "--sample-mb", 0.05, *out, code=1
    )
    assert "the largest vocabulary possible is " in said
    said = error("train-tokenizer", run, "--vocab-size", 350, "--sample-mb", 0.1, *out, code=1)
    assert "too small: the sample's characters, bytes and special tokens alone are " in said
    assert "is there already" in error("train-tokenizer", run, "--special", "</s>", *out, code=2)
    assert "leave no room" in error("train-tokenizer", run, "--vocab-size", 300, "--reserved", 100, *out, code=2)
    assert not (tmp_path / "t").exists()


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    run = finished(tmp_path, documents(6)[:50])
    (shard,) = (run / "documents").glob("*.parquet")
    other = pq.read_table(shard)
    other = other.set_column(other.schema.get_field_index("text"), "text", other["text"].combine_chunks()[::-1])
    pq.write_table(other, shard)  # a good shard, and not the one that was made
    command = ("train-tokenizer", run, *OPTIONS, "--output", tmp_path / "t")
    assert error(*command, code=1).startswith(f"{shard}: its sha256 is ")
    assert not (tmp_path / "t").exists()
    shard.write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match=f"{shard.name}: its sha256 is .*, the manifest lists "):
        sampling.sample(sampling.open_folders([str(run)]), 1000)
    listed = json.loads((run / "manifest.json").read_text())
    listed["shards"][0]["sha256"] = hashlib.sha256(shard.read_bytes()).hexdigest()
    (run / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match=f"{shard.name}: can't be read: .*see `dataprep manifest verify"):
        sampling.sample(sampling.open_folders([str(run)]), 1000)
    shard.unlink()
    with pytest.raises(InputError, match=f"{shard.name}: is missing"):
        sampling.sample(sampling.open_folders([str(run)]), 1000)


def test_a_run_without_text(tmp_path: Path) -> None:
    run = finished(tmp_path, [{"text": " "}])
    with pytest.raises(InputError, match="no text to train on"):
        making.make(Settings(), sampling.open_folders([str(run)]), str(tmp_path / "t"), ())


def test_special_tokens_that_cannot_be() -> None:
    for special in ("", " x", "<s>"):
        with pytest.raises(UsageError):
            training.check(Settings(special=(special,)))
