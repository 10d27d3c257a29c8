"""How good a classifier is on documents that it was not trained on: exact, and by language and source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.classifiers.examples import Examples
from dataprep.classifiers.model_file import Model, score
from dataprep.text.spans import Bools, text_buffers

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
GROUPS = 10
Scores = npt.NDArray[np.float32]


def scores(model: Model, texts: Sequence[str], *, lower: bool, split_han: bool) -> Scores:
    """float32[texts, labels]."""
    from dataprep.text.one_line import one_line

    found = []
    for start in range(0, len(texts), 4096):
        lines = text_buffers(pa.array(texts[start : start + 4096], pa.large_string()))
        found.append(score(model, one_line(lines, lower=lower, split_han=split_han), model.labels))
    return np.concatenate([np.zeros((0, len(model.labels)), np.float32), *found])


def auc(values: Scores, positive: Bools) -> float | None:
    """How often a positive scores above a negative, ties counting half: exact, by ranks. None without both."""
    good, bad = int(positive.sum()), int((~positive).sum())
    if not good or not bad:
        return None
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return float((middle[which][positive].sum() - good * (good + 1) / 2) / (good * bad))


def measure(labels: Sequence[str], values: Scores, examples: Examples) -> dict[str, Any]:
    """The report on held-out documents; `values` is float32[documents, labels]."""
    truth = np.array(examples.labels, object)
    best = np.array([labels[k] for k in values.argmax(axis=1)] if len(values) else [], object)
    names = sorted(labels)
    column = {label: values[:, labels.index(label)] for label in names}
    said, is_it = ({label: rows == label for label in names} for rows in (best, truth))
    return {
        "documents": len(truth),
        "accuracy": float((best == truth).mean()) if len(truth) else None,
        "labels": {label: _label(said[label], is_it[label], column[label]) for label in names},
        "confusion": {
            label: dict(sorted(Counter(best[truth == label].tolist()).items())) for label in names
        },
        "groups": [
            {"by": by, "key": key, "label": label, **_label(said[label][at], is_it[label][at], column[label][at])}
            for by, keys in (("language", examples.languages), ("source", examples.sources))
            for key in sorted(set(keys))
            for at in [np.array([k == key for k in keys])]
            for label in names
        ],
        "calibration": {label: _calibration(column[label], truth == label) for label in names},
        "thresholds": {label: _thresholds(column[label], truth == label) for label in names},
    }  # fmt: skip


def _label(said: Bools, true: Bools, values: Scores) -> dict[str, Any]:
    both = int((said & true).sum())
    precision, recall = _part(both, int(said.sum())), _part(both, int(true.sum()))
    f1 = 2 * both / (int(said.sum()) + int(true.sum())) if said.any() or true.any() else None
    mean = float(values.mean()) if len(values) else None
    return {
        "documents": len(true), "positives": int(true.sum()), "said": int(said.sum()), "precision": precision,
        "recall": recall, "f1": f1, "auc": auc(values, true), "mean_score": mean,
    }  # fmt: skip


def _part(a: int, b: int) -> float | None:
    return a / b if b else None


def _calibration(values: Scores, true: Bools) -> list[dict[str, Any]]:
    """Documents in ten groups of equal size by score: what the model says and what is."""
    order = np.argsort(values, kind="stable")
    groups = [group for group in np.array_split(order, GROUPS) if len(group)]
    return [
        {
            "documents": len(g), "lowest": float(values[g[0]]), "highest": float(values[g[-1]]),
            "mean_score": float(values[g].mean()), "observed": float(true[g].mean()),
        }
        for g in groups
    ]  # fmt: skip


def _thresholds(values: Scores, true: Bools) -> list[dict[str, Any]]:
    """What `min_score` at each would do."""
    rows = []
    for threshold in THRESHOLDS:
        kept = values >= np.float32(threshold)
        both = int((kept & true).sum())
        row = {"threshold": threshold, "keep_rate": float(kept.mean()) if len(kept) else None}
        rows.append(row | {"precision": _part(both, int(kept.sum())), "recall": _part(both, int(true.sum()))})
    return rows
