"""Trace equals what the sampler gave, forward and back; the commands that show it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made_tokens import random_lengths, tokens_of, write_mix, write_tokens
from loaded import Loaded

from dataprep.corpus import trace
from dataprep.corpus.reader import open_reader
from dataprep.errors import UsageError

PROSE = "The people of the town walk to the river with bread and talk about the weather. 天气很好，我们去河边。 "


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))


def sources() -> dict[str, Any]:
    return {"web": {"manifest": "web", "weight": 3}, "wiki": {"manifest": "wiki", "weight": 1}}


@pytest.mark.parametrize("packing", ["concatenate", "best_fit", "document"])
def test_trace_equals_what_the_sampler_gave(tmp_path: Path, packing: str) -> None:
    write_tokens(tmp_path / "web", random_lengths(1, documents=12, longest=90), [[40]], name="web")
    write_tokens(tmp_path / "wiki", random_lengths(2, shards=2, documents=5, longest=60), name="wiki", seed=1)
    stages = [{"name": "main", "until_tokens": 6000}, {"name": "anneal", "until_tokens": 8000, "weights": {"wiki": 1}}]
    reader = open_reader(write_mix(tmp_path, sources(), packing=packing, stages=stages))
    documents = {name: tokens_of(tmp_path / name) for name in ("web", "wiki")}
    held: dict[str, dict[int, int]] = {}
    for step in range(reader.steps):
        batch = reader.batch(step)
        for row, traced in enumerate(trace.samples(reader, batch["sample"])):
            assert (traced.step, traced.sample) == (step, batch["sample"][row])
            assert traced.source == batch["source"][row]
            assert traced.stage == ("main" if traced.sample < 188 else "anneal")
            ids = [i for part in traced.parts for i in part.ids]
            assert ids == batch["tokens"][row, : batch["lengths"][row]].tolist()
            for part in traced.parts:
                name, _, number = part.document.id.partition("-")
                assert name == part.document.source == traced.source
                text = documents[name][int(number)]
                assert text[part.first : part.first + len(part.ids)].tolist() == part.ids
                assert (part.document.tokens, part.document.offset) == (len(text), int(number))
                assert part.document.input == "in.jsonl"
                assert batch["tokens"][row, part.place] == part.ids[0]
                seen = held.setdefault(part.document.id, {})
                seen[traced.sample] = seen.get(traced.sample, 0) + len(part.ids)
    served = reader.steps * 4
    for document, expected in held.items():
        (sought,) = trace.document(reader, document)
        assert {s.sample: s.tokens for s in sought.seen if s.sample < served} == expected
        assert all(s.step == s.sample // 4 for s in sought.seen if s.sample < served)
    (validation,) = trace.document(reader, "web-36")
    assert validation.split == "validation"
    assert not validation.seen
    with pytest.raises(UsageError, match="no document 'web-99' in web, wiki"):
        trace.document(reader, "web-99")


def test_a_document_past_max_tokens_is_left_out(tmp_path: Path) -> None:
    write_tokens(tmp_path / "web", [[40, 50], [60]])
    mix = write_mix(tmp_path, {"web": {"manifest": "web", "epochs": 1, "max_tokens": 95}}, batch_size=1)
    reader = open_reader(mix)
    assert not trace.document(reader, "web-0")[0].left_out
    assert trace.document(reader, "web-2")[0].left_out


# ---------------------------------------------------------------- commands


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of real text with a real tokenizer, and a mix of it that asks for much."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("texts")
    (folder / "prose.txt").write_text((PROSE + "\n") * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "prose.txt"), model_prefix=str(folder / "tiny"), vocab_size=340, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", minloglevel=2,
    )  # fmt: skip
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tiny.model"))
    documents = [[*model.encode(f"{PROSE * (1 + n % 4)}Page {n}."), 2] for n in range(20)]
    tokenizer = (folder / "tiny.model").read_bytes()
    write_tokens(folder / "web", [documents[:12], documents[12:]], vocab_size=340, tokenizer=tokenizer)
    stages = [{"name": "main", "until_tokens": 20_000}]
    write_mix(folder, {"web": {"manifest": "web", "weight": 1}}, stages=stages)
    write_mix(folder, {"web": {"manifest": "web", "weight": 1, "max_epochs": 2}}, "short.yaml", stages=stages)
    write_mix(folder, {"web": {"manifest": "web", "epochs": 1}}, "one.yaml", ramp={
        "start": 1, "increase": 1, "until_tokens": 320,
    })  # fmt: skip
    later = {"web": {"manifest": "nowhere", "weight": 1, "planned_tokens": "2M"}}
    write_mix(folder, later, "later.yaml", stages=stages)
    return folder


def say(folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    process = Loaded(list(words), dict(os.environ), str(folder))
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return subprocess.CompletedProcess(words, code, out, err)


def test_mix_previews_and_warns(texts: Path) -> None:
    done = say(texts, "mix", "mix.yaml")
    assert "test: concatenate, 32 tokens a sample, 4 samples a step (128 tokens)" in done.stdout
    assert "main" in done.stdout
    assert "156 steps, 625 samples, 20,000 tokens; 1 at the end fill no step" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: source web: is seen ")
    assert "past 4 repeated data is worth less and less" in line
    found = json.loads(say(texts, "mix", "mix.yaml", "--json").stdout)
    assert found["stages"][0]["sources"][0]["share"] == 1
    assert found["sources"][0]["epochs"] == pytest.approx(625 / found["sources"][0]["windows"])


def test_mix_refuses_a_source_that_runs_out(texts: Path) -> None:
    done = say(texts, "mix", "short.yaml", code=1)
    assert "error: short.yaml: source web: runs out at token" in done.stderr
    done = say(texts, "trace", "short.yaml", "--step", "0", code=2)
    assert "error: short.yaml: source web: runs out at token" in done.stderr


def test_mix_of_a_corpus_to_come(texts: Path) -> None:
    assert "planned" in say(texts, "mix", "later.yaml").stdout
    done = say(texts, "trace", "later.yaml", "--step", "0", code=1)
    assert "source web:" in done.stderr
    assert "nowhere/manifest.json: does not exist; a finished `dataprep tokenize` writes it" in done.stderr


def test_a_damaged_manifest_is_no_corpus_to_come(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", [[300]])
    write_mix(
        tmp_path,
        {"web": {"manifest": "web", "weight": 1, "planned_tokens": 5000}},
        stages=[{"name": "main", "until_tokens": 1000}],
    )
    assert "planned" not in say(tmp_path, "mix", "mix.yaml").stdout
    (folder / "manifest.json").write_text("{")
    assert "web/manifest.json: is not valid JSON" in say(tmp_path, "mix", "mix.yaml", code=1).stderr


def test_a_ramp_longer_than_the_run(tmp_path: Path) -> None:
    write_tokens(tmp_path / "web", [[3000]])
    write_mix(
        tmp_path,
        {"web": {"manifest": "web", "weight": 1}},
        stages=[{"name": "main", "until_tokens": 2000}],
        ramp={"start": 1, "increase": 1, "until_tokens": 50_000},
    )
    done = say(tmp_path, "mix", "mix.yaml")
    assert "batches grow from 1 samples until the end" in done.stdout
    assert "warning: ramp: the run ends before batches reach 4 samples" in done.stderr


def test_ramp_in_the_preview(texts: Path) -> None:
    assert "batches grow from 1 samples until step" in say(texts, "mix", "one.yaml").stdout


def test_trace_prints_samples(texts: Path) -> None:
    page = say(texts, "trace", "mix.yaml", "--step", "5").stdout
    assert "sample 20, step 5, stage main: web, epoch 0, window" in page
    assert "in.jsonl" in page
    (first, *_) = json.loads(say(texts, "trace", "mix.yaml", "--samples", "20:22", "--json").stdout)
    assert first["sample"] == 20
    assert sum(part["tokens_here"] for part in first["parts"]) == 33
    text = say(texts, "trace", "mix.yaml", "--samples", "20:21", "--text").stdout
    assert text.startswith("=== sample 20, step 5")
    for part in first["parts"]:
        assert part["text"] in text
        assert f"--- {part['id']}, tokens {part['first']:,} to" in text


def test_trace_of_a_document_leads_back(texts: Path) -> None:
    (found,) = json.loads(say(texts, "trace", "mix.yaml", "--document", "web-7", "--json").stdout)
    for seen in found["seen"][:3]:
        span = f"{seen['sample']}:{seen['sample'] + 1}"
        (one,) = json.loads(say(texts, "trace", "mix.yaml", "--samples", span, "--json").stdout)
        assert "web-7" in [part["id"] for part in one["parts"]]
    assert "web-7: " in say(texts, "trace", "mix.yaml", "--document", "web-7").stdout


def test_trace_with_a_state(texts: Path) -> None:
    from dataprep.corpus.state import skip

    state = skip(open_reader(texts / "mix.yaml").state_after(1), 8, 20)
    (texts / "state.json").write_text(json.dumps(state.to_json()))
    assert "sample 20, step 2," in say(texts, "trace", "mix.yaml", "--step", "2", "--state", "state.json").stdout
    (texts / "bad.json").write_text("{}")
    done = say(texts, "trace", "mix.yaml", "--step", "2", "--state", "bad.json", code=2)
    assert "bad.json: not the state of a sampler" in done.stderr
    (texts / "odd.json").write_text(json.dumps(state._replace(sample=21).to_json()))
    done = say(texts, "trace", "mix.yaml", "--step", "2", "--state", "odd.json", code=2)
    assert "next sample, 21, is in the middle of step 2" in done.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--step", "999"], "--step 999: the run has steps 0 to 155"),
        (["--samples", "5"], "--samples 5: write A:B"),
        (["--samples", "9:3"], "--samples 9:3: write A:B"),
        (["--samples", "0:9999"], "--samples 0:9999: the run has samples 0 to 624"),
        (["--document", "x"], "no document 'x' in web"),
        ([], "trace: give one of --step, --samples, --document and --spike"),
        (["--step", "1", "--samples", "0:1"], "trace: give one of"),
    ],
)
def test_trace_says_what_is_wrong(texts: Path, words: list[str], line: str) -> None:
    (said,) = say(texts, "trace", "mix.yaml", *words, code=2).stderr.splitlines()
    assert said.startswith(f"error: {line}")


# ---------------------------------------------------------------- export


def test_export_nanogpt(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", random_lengths(1), [[30], [20]])
    out = say(tmp_path, "export-tokens", "web", "out", "--to", "nanogpt").stdout
    assert "train.bin" in out
    for name, split in (("train", "train"), ("val", "validation")):
        read = np.memmap(tmp_path / "out" / f"{name}.bin", np.uint16, "r")
        assert (read == np.concatenate(tokens_of(folder, split))).all()
    record = json.loads((tmp_path / "out" / "dataprep.json").read_text())
    assert record["tokenizer"]["file"] == "tokenizer.model"
    write_tokens(tmp_path / "wide", [[30]], vocab_size=100_000)
    done = say(tmp_path, "export-tokens", "wide", "out2", "--to", "nanogpt", code=2)
    assert "nanogpt holds 16-bit ids" in done.stderr


def test_damaged_tokens_are_not_exported(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", [[30]])
    (path,) = folder.rglob("*.bin")
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    done = say(tmp_path, "export-tokens", "web", "out", "--to", "npy", code=1)
    assert f"{path.name}: its sha256 is " in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_runs_own_folder_is_no_place_for_an_export(tmp_path: Path) -> None:
    folder = write_tokens(tmp_path / "web", [[30]])
    (artefact,) = {path.parent for path in folder.rglob("manifest.json")}
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = say(tmp_path, "export-tokens", "web", str(artefact), "--to", "nanogpt", code=2)
    assert "is the folder of a run, with its manifest.json; name another one, as in " in done.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "manifest.json").write_text('{"name": "an app"}')
    say(tmp_path, "export-tokens", "web", "theirs", "--to", "nanogpt")


@pytest.mark.parametrize("vocab_size", [32_000, 100_000])
def test_export_datatrove(tmp_path: Path, vocab_size: int) -> None:
    folder = write_tokens(tmp_path / "web", random_lengths(1), vocab_size=vocab_size)
    say(tmp_path, "export-tokens", "web", "out", "--to", "datatrove")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "dataprep.json",
        "train.ds",
        "train.ds.index",
        "train.ds.metadata",
    ]
    documents = tokens_of(folder)
    size = "u2" if vocab_size < 65_500 else "u4"
    flat = np.fromfile(tmp_path / "out" / "train.ds", size)
    ends = np.fromfile(tmp_path / "out" / "train.ds.index", "u8")
    assert (flat == np.concatenate(documents)).all()
    assert ends.tolist() == np.cumsum([len(d) for d in documents]).tolist()
    lines = (tmp_path / "out" / "train.ds.metadata").read_text().splitlines()
    assert lines[0].startswith("tokenizer.model@")
    assert lines[0].endswith(f"|{size[1]}")
    assert lines[1] == str(len(flat))


def test_export_npy_keeps_where_text_is_from(tmp_path: Path) -> None:
    import csv
    import gzip

    folder = write_tokens(tmp_path / "web", random_lengths(1), [[9]])
    say(tmp_path, "export-tokens", "web", "out", "--to", "npy")
    flat = np.fromfile(tmp_path / "out" / "train.npy", "u2")
    with gzip.open(tmp_path / "out" / "train.csv.gz", "rt") as file:
        rows = list(csv.reader(file))
    documents = tokens_of(folder)
    assert len(rows) == len(documents)
    for (start, end, name, source, offset), document in zip(rows, documents, strict=True):
        assert flat[int(start) : int(end)].tolist() == document.tolist()
        assert (name, source) == (f"web-{offset}", "in.jsonl")
    before = (tmp_path / "out" / "train.csv.gz").read_bytes()
    say(tmp_path, "export-tokens", "web", "again", "--to", "npy")
    assert (tmp_path / "again" / "train.csv.gz").read_bytes() == before
