"""Small tokenizers, runs that give tokens, and a plain reader of what they wrote, from the format's description."""

from __future__ import annotations

import atexit
import base64
import json
import struct
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import sentencepiece
import tokenizers
import tokenizers.decoders
import tokenizers.models
import tokenizers.pre_tokenizers
import tokenizers.trainers
import yaml
from runs import WORDS, write_jsonl

PROSE = "The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸跳过了懒狗，今天天气很好。 Ça coûte 12 €. "


class Sequence(NamedTuple):
    """One document of a shard."""

    shard: str
    split: str
    ids: list[int]
    docs: dict[str, Any]
    """Its row in the sidecar."""


def sentencepiece_model(path: Path, **options: Any) -> Path:
    """Train a BPE model of 512 pieces with byte fallback."""
    sentences = [PROSE, *(" ".join(WORDS[n : n + 9]) for n in range(0, len(WORDS), 9))] * 20
    settings = {
        "vocab_size": 512,
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "minloglevel": 2,
        "num_threads": 1,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=out, **(settings | options)
        )
    return path


def other_tokenizer(folder: Path, kind: str) -> Path:
    """A byte-level BPE as `tokenizer.json`, or the bytes alone as ranks of tiktoken."""
    folder.mkdir()
    if kind == "tiktoken":
        ranks = "".join(f"{base64.b64encode(bytes([n])).decode()} {n}\n" for n in range(256))
        (folder / "bytes.tiktoken").write_text(ranks)
        (folder / "bytes.yaml").write_text(
            "pattern: '(?s:.+)'\nspecial: {'<|endoftext|>': 256}\neos: '<|endoftext|>'\n"
        )
        return folder / "bytes.tiktoken"
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([PROSE] * 20, trainer)
    made.save(str(folder / "tokenizer.json"))
    return folder


@cache
def example_tokenizer() -> Path:
    """One for examples of stages, made once."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return sentencepiece_model(Path(folder.name, "tokenizer.model"))


def tokens_pipeline(folder: Path, tokenizer: Path, stages: tuple[Any, ...] = (), **more: Any) -> Path:
    """`folder/pipeline.yaml`: `folder/in` to `folder/out`, tokens alone or, behind other `stages`, documents too."""
    settings = {key: more.pop(key) for key in ("validation_ratio", "seed", "append_eos", "prepend_bos") if key in more}
    value = {
        "name": "test",
        "source": {"jsonl": str(folder / "in")},
        "output": str(folder / "out"),
        "stages": [*stages, {"tokenize": {"tokenizer": str(tokenizer), **settings}}],
        **({} if stages else {"kind": "tokens"}),
        **more,
    }
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), "utf-8")
    return path


def odd_corpus(folder: Path) -> list[dict[str, Any]]:
    """Documents in two files: Chinese, special literals, oddities, empty ones, ids that collide. Gives all rows."""
    texts = [
        PROSE * 3,
        "短文。",
        "",
        "  two  spaces ",
        "\n\n\tindented\r\n",
        "<s>literal</s> <unk> <|endoftext|> <0x0A>",
        "a literal ▁ block ▁▁",
        "😀👩‍👩‍👧‍👦 \x01 \ufffd naïve e\u0301",
        "漢字かな交じり文。カタカナ！ 한국어 문장입니다.",
        "word " * 400,
    ]
    rows: list[dict[str, Any]] = [
        {
            "id": "same" if n % 3 == 0 else f"id-{n}",
            "text": text + (f" {n}" if text and n > 9 else ""),
            "source": "ab"[n % 2],
        }
        for n, text in enumerate(texts * 12)
    ]
    rows[4]["url"] = "https://example.org/4"
    folder.mkdir(parents=True)
    write_jsonl(folder / "a.jsonl", rows[:50])
    write_jsonl(folder / "b.jsonl", rows[50:])
    return rows


# ---------------------------------------------------------------- what was written


def token_manifest(out: Path) -> tuple[dict[str, Any], Path]:
    """The manifest of kind tokens and the folder that its paths are relative to."""
    made = json.loads((out / "manifest.json").read_text())
    if made["kind"] == "tokens":
        return made, out
    (path,) = [out / file["path"] for file in made["artefacts"] if file["path"].endswith("manifest.json")]
    return json.loads(path.read_text()), path.parent


def sequences(out: Path) -> list[Sequence]:
    """Every document of every shard, in order."""
    made, folder = token_manifest(out)
    found: list[Sequence] = []
    for shard in made["shards"]:
        ids = list(megatron(folder / shard["path"], folder / shard["idx"]["path"]))
        docs = pq.read_table(folder / shard["docs"]["path"]).to_pylist()
        assert len(ids) == len(docs) == shard["rows"]
        found += [Sequence(shard["path"], shard["split"], i, d) for i, d in zip(ids, docs, strict=True)]
    return found


def megatron(data: Path, index: Path) -> Iterator[list[int]]:
    """Megatron's reader: header, lengths, byte pointers, document indices; one sequence after another."""
    raw = index.read_bytes()
    assert raw[:9] == b"MMIDIDX\x00\x00"
    version, code, count, indices = struct.unpack("<QBQQ", raw[9:34])
    assert version == 1
    dtype = {4: np.dtype("<i4"), 8: np.dtype("<u2")}[code]
    lengths = np.frombuffer(raw, "<i4", count, 34)
    pointers = np.frombuffer(raw, "<i8", count, 34 + 4 * count)
    documents = np.frombuffer(raw, "<i8", indices, 34 + 12 * count)
    assert len(raw) == 34 + 12 * count + 8 * indices
    assert documents.tolist() == list(range(count + 1))
    held = data.read_bytes()
    assert len(held) == int(lengths.sum()) * dtype.itemsize
    for length, pointer in zip(lengths.tolist(), pointers.tolist(), strict=True):
        yield np.frombuffer(held, dtype, length, pointer).tolist()


@cache
def jsonl_rows(path: Path) -> dict[int, dict[str, Any]]:
    """Byte offset -> row."""
    found, offset = {}, 0
    for line in path.read_bytes().splitlines(keepends=True):
        found[offset] = json.loads(line)
        offset += len(line)
    return found


def origin(sequence: Sequence, made: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row of the JSON Lines or Parquet file that a sequence came from."""
    path = folder / made["inputs"][sequence.docs["input"]]["path"]
    if path.suffix == ".jsonl":
        return jsonl_rows(path)[sequence.docs["offset"]]
    row = pq.read_table(path).slice(sequence.docs["offset"], 1).to_pylist()[0]
    assert isinstance(row, dict)
    return row
