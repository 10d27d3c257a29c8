"""Small token corpora, written by hand: shards, documents, manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from dataprep.corpus import shard

DOCS = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("language", pa.string()),
        ("input", pa.int32()),
        ("offset", pa.int64()),
        ("tokens", pa.int32()),
        ("bytes", pa.int64()),
    ]
)


def write_tokens(
    folder: Path,
    lengths: Sequence[Sequence[int] | Sequence[list[int]]],
    validation: Sequence[Sequence[int] | Sequence[list[int]]] = (),
    *,
    name: str = "web",
    vocab_size: int = 32_000,
    tokenizer: bytes = b"a tokenizer",
    seed: int = 0,
) -> Path:
    """A corpus with shards of documents of the given lengths, or of the given ids.

    Made-up tokens of the validation split are those from 20,000 on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    shards = list[dict[str, Any]]()
    totals = {"train": [0, 0], "validation": [0, 0]}
    document = 0
    for split, parts in (("train", lengths), ("validation", validation)):
        for number, part in enumerate(parts):
            base = folder / f"{number:05d}{'' if split == 'train' else '.validation'}"
            counts = np.array([n if isinstance(n, int) else len(n) for n in part], np.int64)
            low, high = (3, 20_000) if split == "train" else (20_000, 31_000)
            flat = rng.integers(low, high, int(counts.sum()))
            if part and not isinstance(part[0], int):
                flat = np.concatenate([np.array(ids, np.int64) for ids in part if not isinstance(ids, int)])
            flat = flat.astype(shard.dtype_for(vocab_size))
            shard.write(base, (flat, counts))
            numbers = range(document, document + len(part))
            document += len(part)
            rows = {
                "id": [f"{name}-{n}" for n in numbers],
                "source": [name] * len(part),
                "url": [f"https://example.org/{n}" if n % 3 else None for n in numbers],
                "language": ["en"] * len(part),
                "input": [0] * len(part),
                "offset": list(numbers),
                "tokens": counts.tolist(),
                "bytes": (4 * counts).tolist(),
            }
            pq.write_table(pa.table(rows, DOCS), f"{base}.docs.parquet")
            entry = listed(folder, f"{base.name}.bin") | {
                "rows": len(part),
                "tokens": len(flat),
                "split": split,
                "idx": listed(folder, f"{base.name}.idx"),
                "docs": listed(folder, f"{base.name}.docs.parquet"),
            }
            shards.append(entry)
            totals[split][0] += len(part)
            totals[split][1] += len(flat)
    (folder / "tokenizer.model").write_bytes(tokenizer)
    splits = {s: {"documents": n, "tokens": t, "bytes": 4 * t} for s, (n, t) in totals.items()}
    made = manifest_of(
        name,
        shards,
        splits,
        dtype=shard.dtype_for(vocab_size).name,
        tokenizer={
            "kind": "sentencepiece",
            "file": "tokenizer.model",
            "sha256": hashlib.sha256(tokenizer).hexdigest(),
            "vocab_size": vocab_size,
            "bos": 1,
            "eos": 2,
            "unk": 0,
            "pad": None,
        },
        artefacts=[listed(folder, "tokenizer.model")],
    )
    (folder / "manifest.json").write_text(json.dumps(made))
    return folder


def manifest_of(
    name: str,
    shards: list[dict[str, Any]],
    splits: dict[str, dict[str, int]],
    *,
    dtype: str,
    tokenizer: dict[str, Any],
    artefacts: list[dict[str, Any]],
) -> dict[str, Any]:
    """A manifest of kind tokens around shards that are there already."""
    return {
        "version": 1,
        "kind": "tokens",
        "fingerprint": hashlib.sha256(json.dumps(shards).encode()).hexdigest(),
        "pipeline": {"name": name},
        "inputs": [{"path": "in.jsonl", "bytes": 1, "sha256": "0"}],
        "stages": [],
        "models": {},
        "packages": {},
        "parents": [],
        "tokenizer": tokenizer,
        "policy": {"append_eos": False, "prepend_bos": False},
        "dtype": dtype,
        "documents": sum(split["documents"] for split in splits.values()),
        "tokens": sum(split["tokens"] for split in splits.values()),
        "splits": splits,
        "sources": {name: splits},
        "shards": shards,
        "artefacts": artefacts,
    }


def listed(folder: Path, name: str) -> dict[str, Any]:
    data = (folder / name).read_bytes()
    return {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def random_lengths(seed: int, shards: int = 3, documents: int = 40, longest: int = 300) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, longest, documents).tolist() for _ in range(shards)]


def tokens_of(folder: Path, split: str = "train") -> list[np.ndarray[Any, Any]]:
    """Every document of a split, read without the package."""
    made = json.loads((folder / "manifest.json").read_text())
    found = []
    for entry in made["shards"]:
        if entry["split"] == split:
            flat = np.fromfile(folder / entry["path"], made["dtype"])
            counts = pq.read_table(folder / entry["docs"]["path"]).column("tokens").to_numpy()
            found += np.split(flat, np.cumsum(counts)[:-1]) if len(counts) else []
    return found


def write_mix(folder: Path, sources: dict[str, Any], name: str = "mix.yaml", **settings: Any) -> Path:
    """A mix file; by default 32 tokens a row and four rows a step."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    defaults = {"name": "test", "sequence_length": 32, "batch_size": 4}
    path.write_text(yaml.safe_dump({**defaults, **settings, "sources": sources}, sort_keys=False))
    return path
