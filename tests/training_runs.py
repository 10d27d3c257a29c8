"""Tiny training runs: corpora of tokens with something to learn in them, mixes, settings, what a run has logged."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hand_made_tokens import write_tokens
from token_corpora import example_tokenizer

from dataprep.training import flops
from dataprep.training import settings as training_settings
from dataprep.training.settings import TrainSettings

VOCAB = 512
LENGTH = 16
MODEL = {"layers": 1, "width": 16, "heads": 2, "ffn_width": 32, "norm": "rms_norm", "position": "rope"}
# A run begins with a quarter of a second in which it measures its device: as long as a tiny run itself takes. Once in a
# process is enough here; test_training_flops.py has the measurement as it is.
flops.measured = cache(flops.measured)


def documents(seed: int, number: int, longest: int = 60, shortest: int = 5) -> list[list[int]]:
    """Documents in which a token mostly tells the next: a chain over 40 ids."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        ids = [int(rng.integers(10, 50))]
        for _ in range(int(rng.integers(shortest, longest))):
            ids.append(10 + (ids[-1] * 7 + int(rng.integers(0, 3))) % 40)
        found.append([*ids, 2])
    return found


def write_mix(folder: Path, *, samples: int = 64, batch: int = 4, **more: Any) -> Path:
    """Two sources with validation documents, and `folder/mix.yaml`."""
    model = example_tokenizer().read_bytes()
    for n, name in enumerate(("web", "books")):
        if not (folder / name).exists():
            write_tokens(
                folder / name,
                [documents(n, 60), documents(10 + n, 60)],
                [documents(20 + n, 12)],
                name=name,
                vocab_size=VOCAB,
                tokenizer=model,
            )
    mix = {
        "name": "test",
        "seed": 3,
        "sequence_length": LENGTH,
        "batch_size": batch,
        "sources": {"web": {"manifest": "web", "weight": 3}, "books": {"manifest": "books", "weight": 1}},
        "stages": [
            {"name": "main", "until_tokens": samples * 3 // 4 * LENGTH},
            {"name": "anneal", "until_tokens": samples * LENGTH, "weights": {"books": 1}},
        ],
        **more,
    }
    path = folder / "mix.yaml"
    path.write_text(yaml.safe_dump(mix, sort_keys=False))
    return path


def write_settings(folder: Path, mix: Path, **more: Any) -> Path:
    """`folder/train.yaml`: nested settings in `more` are merged with the small ones here."""
    value: dict[str, Any] = {
        "name": "tiny",
        "mix": str(mix),
        "output": str(folder / "run"),
        "model": MODEL,
        "optimizer": {"learning_rate": 1e-2},
        "schedule": {"kind": "cosine", "warmup_tokens": 100},
        "precision": "fp32",
        "micro_batch": 2,
        "checkpoint": {"every": 4},
        "validation": {"every": 8},
    }
    for key, held in more.items():
        value[key] = {**value.get(key, {}), **held} if isinstance(held, dict) else held
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.yaml"
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    return path


def load(path: Path, **given: Any) -> TrainSettings:
    return training_settings.load(path, **given)


def logged(run: Path, kind: str = "step") -> list[dict[str, Any]]:
    """Lines of the log without what depends on the clock."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    clock = {"seconds", "wait_seconds", "tokens_per_second", "mfu", "memory"}
    return [{k: v for k, v in line.items() if k not in clock} for line in lines if line["kind"] == kind]


def weights(run: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Of the newest checkpoint."""
    from dataprep.training.run import open_run

    return {name: p.detach().numpy() for name, p in open_run(run).load_model().named_parameters()}
