"""From documents to batches and back: what one epoch serves is every training document's text, traced to its row."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hand_made_tokens import write_mix
from runs import dataprep
from token_corpora import example_tokenizer, odd_corpus, tokens_pipeline

from dataprep.corpus import trace
from dataprep.corpus.reader import open_reader
from dataprep.corpus.stream import Stream
from dataprep.tokenizers import load


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ends in `tokenize`; a fifth of the documents is for validation."""
    folder = tmp_path_factory.mktemp("made")
    odd_corpus(folder / "in")
    dataprep("run", tokens_pipeline(folder, example_tokenizer(), validation_ratio=0.2))
    return folder


@pytest.mark.parametrize("packing", ["concatenate", "best_fit"])
def test_an_epoch_is_the_training_documents(
    made: Path, packing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path))
    mix = write_mix(made, {"all": {"manifest": "out", "epochs": 1}}, packing=packing, batch_size=1, sequence_length=40)
    reader = open_reader(mix, full=True)
    tokenizer = load(reader.corpora["all"].tokenizer_file())
    rows = {}
    for name in ("a.jsonl", "b.jsonl"):
        offset = 0  # of JSON Lines it is the byte at which a line begins
        for line in (made / "in" / name).read_bytes().splitlines(keepends=True):
            rows[name, offset] = json.loads(line)
            offset += len(line)
    pieces: dict[tuple[str, int], dict[int, int]] = {}
    for step in range(reader.steps):
        (one,) = trace.samples(reader, reader.batch(step)["sample"])
        for part in one.parts:
            place = (part.document.input, part.document.offset)
            assert part.document.id == rows[place]["id"]
            assert part.document.source == rows[place]["source"]
            pieces.setdefault(place, {}).update(enumerate(part.ids, part.first))
    held_out = Stream(reader.corpora["all"], "validation").documents
    assert held_out > 5
    assert len(pieces) + held_out == sum(bool(row["text"]) for row in rows.values())
    for place, ids in pieces.items():
        assert sorted(ids) == list(range(len(ids)))
        whole = [ids[n] for n in range(len(ids))]
        assert whole[-1] == tokenizer.eos
        assert tokenizer.decode(whole[:-1]) == rows[place]["text"]
    # Copies of a text are all on one side.
    trained = Counter(rows[place]["text"] for place in pieces)
    every = Counter(row["text"] for row in rows.values() if row["text"])
    assert all(trained[text] == every[text] for text in trained)
    predicted = sum(int(batch["loss"].sum()) for batch in reader.validation("all", 8))
    assert predicted == Stream(reader.corpora["all"], "validation").tokens - 1
