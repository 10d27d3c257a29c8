"""A small model on real text learns more than counting pairs of tokens does."""

from __future__ import annotations

import io
from pathlib import Path

import corpora
import numpy as np
import pytest
import sentencepiece
import yaml
from hand_made_tokens import write_tokens
from ngram_baseline import bigram_loss
from training_runs import load, logged, write_settings

from dataprep.training.loop import pretrain

VOCAB = 384


def texts(data: Path, corpus: str, characters: int) -> list[str]:
    """Paragraph by paragraph, the first of a corpus."""
    path = next((data / "corpora").glob(f"{corpus}.jsonl.zst"), None)
    if path is None:
        pytest.skip(f"{data}/corpora has no {corpus}")
    found, size = [], 0
    for text in corpora.texts(path):
        for part in text.split("\n\n"):
            found.append(part)
            size += len(part)
        if size > characters:
            return found
    return found


@pytest.fixture(scope="module")
def tokenizer(data: Path) -> bytes:
    """A small SentencePiece model of English, which takes Chinese byte by byte."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts(data, "en_tinyshakespeare", 300_000)),
        model_writer=model,
        vocab_size=VOCAB,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        minloglevel=2,
        num_threads=1,
    )
    return model.getvalue()


@pytest.mark.parametrize("corpus", ["en_tinyshakespeare", "zh_oiwiki"])
def test_below_a_bigram_model(data: Path, tokenizer: bytes, tmp_path: Path, corpus: str) -> None:
    encoder = sentencepiece.SentencePieceProcessor(model_proto=tokenizer)
    documents = [[*encoder.encode(part), 2] for part in texts(data, corpus, 300_000)]
    train = [ids for n, ids in enumerate(documents) if n % 20]
    held_out = [ids for n, ids in enumerate(documents) if not n % 20]
    write_tokens(tmp_path / "web", [train], [held_out], vocab_size=VOCAB, tokenizer=tokenizer)
    mix = {
        "name": "real",
        "sequence_length": 64,
        "batch_size": 16,
        "sources": {"web": {"manifest": "web", "weight": 1}},
        "stages": [{"name": "main", "until_tokens": 200_000}],
    }
    (tmp_path / "mix.yaml").write_text(yaml.safe_dump(mix))
    path = write_settings(
        tmp_path,
        tmp_path / "mix.yaml",
        model={"preset": "llama-7b", "layers": 2, "width": 64, "heads": 2, "ffn_width": 192},
        optimizer={"name": "muon", "learning_rate": 5e-3, "muon_learning_rate": 0.02},
        schedule={"kind": "linear", "warmup_tokens": 20_000, "min_ratio": 0.02},
        micro_batch=16,
        checkpoint={"every": 1000},
        validation={"every": 1000},
    )
    pretrain(load(path), device="cpu")
    (last,) = logged(tmp_path / "run", "validation")
    stream = np.concatenate([np.array(ids) for ids in held_out])
    bigram = bigram_loss([np.array(ids) for ids in train], [stream], VOCAB)
    assert last["sources"]["web"]["tokens"] == len(stream) - 1
    # About 0.3 nats below when this was written.
    assert last["sources"]["web"]["loss"] < bigram - 0.1, (last, bigram)
