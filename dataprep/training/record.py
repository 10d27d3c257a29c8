"""What a run is made from, kept in its manifest; and whether a run that goes on is still the same one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dataprep import __version__, manifest
from dataprep.comparison import leaves
from dataprep.corpus.reader import Reader
from dataprep.corpus.tokens import TokenCorpus
from dataprep.errors import UsageError
from dataprep.store import Store, describe
from dataprep.tokenizers import Tokenizer
from dataprep.training.model.config import ModelConfig
from dataprep.training.run import KIND
from dataprep.training.settings import TrainSettings

TOKENIZER = "tokenizer"
_FIXED = ("optimizer.name", "seed", "init_from")
"""Settings with which the steps that are done would have been others."""
_NEUTRAL = ("name", "mix", "output")


def describe_run(
    root: Path, settings: TrainSettings, config: ModelConfig, parameters: int, reader: Reader
) -> dict[str, Any]:
    """The manifest of a run: settings, model, and by checksum everything that it reads. Paths are relative to it."""
    mix = Path(settings.mix)
    corpora = {name: _corpus(corpus, root) for name, corpus in reader.corpora.items()}
    told = settings.model_dump(mode="json")
    told["mix"] = os.path.relpath(mix, root)
    told["output"] = root.name
    made = {
        "version": manifest.VERSION,
        "kind": KIND,
        "pipeline": {"name": settings.name},
        "inputs": [describe(mix, told["mix"])._asdict()],
        "stages": [],
        "shards": [],
        "models": {},
        "packages": {"dataprep": __version__, **{name: version(name) for name in ("numpy", "torch")}},
        "parents": [
            {"name": corpus.manifest["pipeline"]["name"], "fingerprint": corpus.manifest["fingerprint"]}
            for corpus in reader.corpora.values()
        ],
        "settings": told,
        "model": config.model_dump(mode="json"),
        "parameters": parameters,
        "data": corpora,
        "changes": [],
    }
    identity = [made[key] for key in ("settings", "model", "data", "parents")]
    made["fingerprint"] = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
    return made


def _corpus(corpus: TokenCorpus, root: Path) -> dict[str, Any]:
    where = corpus.root if "://" in corpus.root else os.path.relpath(corpus.root, root)
    return {
        "path": where,
        "manifest_sha256": corpus.store.sha256(manifest.MANIFEST),
        "sha256": corpus.sha256,
        "tokenizer_sha256": corpus.tokenizer["sha256"],
    }


def keep_tokenizer(root: Path, reader: Reader, tokenizer: Tokenizer) -> dict[str, Any]:
    """Copy the tokenizer into the run's folder; what the manifest says of it: `tokenizer` and `artefacts`."""
    store = Store(str(root))
    kept = []
    for path in tokenizer.files:
        with store.publishing(f"{TOKENIZER}/{path.name}") as temporary:
            shutil.copyfile(path, temporary)
            kept.append(describe(temporary, f"{TOKENIZER}/{path.name}")._asdict())
    # The policy says what documents begin and end with: so must a prompt.
    told = {**reader.tokenizer, "file": f"{TOKENIZER}/{tokenizer.file.name}", **reader.policy}
    return {"tokenizer": told, "artefacts": kept}


def changes(old: dict[str, Any], new: dict[str, Any], step: int) -> list[dict[str, Any]]:
    """What a run that goes on is asked to do otherwise from `step` on, to be kept in its manifest.

    Raises UsageError, naming the setting, for what would make it another run. Data is the sampler's to compare.
    """
    for key, value in old["model"].items():
        now = new["model"].get(key)
        if now != value:
            raise UsageError(
                f"model: {key} was {value} when the run began and can't become {now}; set it back, or choose another "
                "--output"
            )
    found = []
    mixes = [f"sha256 {made['inputs'][0]['sha256'][:16]}..." for made in (old, new)]
    if mixes[0] != mixes[1]:
        found.append({"step": step, "setting": "mix", "from": mixes[0], "to": mixes[1]})
    before, after = leaves(old["settings"]), leaves(new["settings"])
    for key in sorted(before | after):
        was, now = before.get(key), after.get(key)
        if was == now or key in _NEUTRAL or key.startswith("model."):
            continue
        if key in _FIXED:
            raise UsageError(
                f"{key} was {was} when the run began and can't become {now}; set it back, or choose another --output"
            )
        found.append({"step": step, "setting": key, "from": was, "to": now})
    return found


def told(change: dict[str, Any]) -> str:
    """One of the `changes`, for a person."""
    return f"from here on {change['setting']}: {change['from']} -> {change['to']}"


def changed_data(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise UsageError, naming the source, if a corpus of the run is not the one that it began with."""
    for name, was in old["data"].items():
        now = new["data"].get(name)
        if now is None:
            continue  # the sampler says what to do about a source that is gone
        for key, what in (("tokenizer_sha256", "tokenizer"), ("sha256", "tokens")):
            if was[key] != now[key]:
                raise UsageError(
                    f"source {name}: the {what} of {now['path']} changed since the run began: sha256 "
                    f"{now[key][:16]}..., was {was[key][:16]}...; restore it, or add new data as another source"
                )


def accounts(reader: Reader) -> dict[str, Any]:
    """What the run has trained on by now, and what it has left out: samples, tokens and epochs of each source."""
    state, sampler = reader.state, reader.sampler
    drawn, left_out = np.array(sampler.consumed(state.sample)), np.array(sampler.skipped(state.sample))
    trained = drawn - left_out
    return {
        "steps": reader.next_step,
        "samples": int(trained.sum()),
        "tokens": int(trained.sum()) * reader.length,
        "skipped_samples": int(left_out.sum()),
        "sources": {
            name: {
                "samples": int(trained[n]),
                "tokens": int(trained[n]) * reader.length,
                "skipped_samples": int(left_out[n]),
                "epochs": round(int(drawn[n]) / reader.windows[n].count, 4),
            }
            for n, name in enumerate(sampler.names)
        },
    }
