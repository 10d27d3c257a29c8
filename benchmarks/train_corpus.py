"""A synthetic token corpus and a mix to train on where only speed counts: shared by bench_train.py, bench_train_gpu.py.

Documents have the lengths of web pages; tokens are random, the frequent ones as frequent as in text.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from dataprep.corpus import shard

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from hand_made_tokens import DOCS, listed, manifest_of


def corpus(folder: Path, tokens: int, vocab: int, *, shards: int = 2, seed: int = 0) -> Path:
    """Token shards with a manifest in `folder`. The tokenizer beside them knows bytes only: nothing is decoded."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    made = []
    for n in range(shards):
        lengths = rng.lognormal(6.2, 1.1, max(2, tokens // shards // 900)).astype(np.int64) + 1
        base = folder / f"{n:05d}"
        # Uniform in the logarithm of the rank: Zipf's law.
        flat = np.minimum(vocab ** rng.random(int(lengths.sum())), vocab - 1).astype(shard.dtype_for(vocab))
        shard.write(base, (flat, lengths))
        columns = {name: pa.nulls(len(lengths), DOCS.field(name).type) for name in DOCS.names}
        pq.write_table(pa.table(columns, DOCS), f"{base}.docs.parquet")
        parts = {part: listed(folder, f"{base.name}.{end}") for part, end in (("idx", "idx"), ("docs", "docs.parquet"))}
        made.append(
            {**listed(folder, f"{base.name}.bin"), "rows": len(lengths), "tokens": len(flat), "split": "train", **parts}
        )
    bytes_alone = "".join(f"{base64.b64encode(bytes([n])).decode()} {n}\n" for n in range(256))
    (folder / "tokenizer.tiktoken").write_text(bytes_alone)
    (folder / "tokenizer.yaml").write_text(
        "pattern: '(?s:.+)'\nspecial: {'<|endoftext|>': 256}\neos: '<|endoftext|>'\n"
    )
    ranks, card = (listed(folder, name) for name in ("tokenizer.tiktoken", "tokenizer.yaml"))
    total = {"documents": sum(s["rows"] for s in made), "tokens": sum(s["tokens"] for s in made), "bytes": 0}
    about = {"kind": "tiktoken", "file": ranks["path"], "sha256": ranks["sha256"], "vocab_size": 257}
    manifest = manifest_of(
        folder.name, made, {"train": total}, dtype=np.dtype(shard.dtype_for(vocab)).name,
        tokenizer=about | {"bos": None, "eos": 256, "unk": None, "pad": None}, artefacts=[ranks, card],
    )  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return folder


def write(folder: Path, name: str, tokens: Path, *, length: int, batch: int, steps: int, **settings: Any) -> Path:
    """A mix of the corpus in `tokens` and `name.yaml`, a run of so many steps: no validation, no checkpoint between."""
    mix = {
        "name": name, "seed": 1, "sequence_length": length, "batch_size": batch,
        "sources": {"web": {"manifest": str(tokens), "weight": 1}},
        "stages": [{"name": "main", "until_tokens": length * batch * steps}],
    }  # fmt: skip
    (folder / f"{name}.mix.yaml").write_text(yaml.safe_dump(mix, sort_keys=False))
    run = {
        "name": name, "mix": f"{name}.mix.yaml", "output": str(folder / name),
        "checkpoint": {"every": 10**6}, "validation": {"every": 10**6}, "spikes": {"sigmas": None}, **settings,
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(run, sort_keys=False))
    return path
