"""A fastText model's file, read in place: its settings and vocabulary in memory, its rows mapped.

Format 11 and 12 of fastText (0.1 to 0.9). A compressed model (`.ftz`) is left to the library.
"""

from __future__ import annotations

import struct
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep.errors import UsageError
from dataprep.text.spans import Floats, Int64s, TextBuffers

_MAGIC = 793712314
_LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
_SUPERVISED = 3
_MOST_SUMS = 64 << 20
"""Bytes of the sums of words that a process holds for a model."""
LABEL = "__label__"
"""What fastText puts in front of labels."""


class Model(NamedTuple):
    """A supervised model that can score lines."""

    labels: tuple[str, ...]
    """Without the prefix, most frequent first."""
    dim: int
    loss: str
    vocabulary: Any
    """`text.bags.Vocabulary`; None if the library does the work."""
    matrix: Any
    """float32[rows, dim], mapped."""
    sums: Any
    """Gives `text.bags.word_sums`, made at the first call; None where there are no character n-grams, or the sums would
    take too much memory."""
    output: npt.NDArray[np.float32]
    """float32[labels, dim]; with hierarchical softmax one row an inner node."""
    counts: Int64s
    """int64[labels]: documents of each that it was trained on."""
    library: Any
    """fastText's own model; None if `vocabulary` is there."""


def load(path: Path) -> Model:
    """The model in this file, kept for the life of the process. Raises UsageError, one line, if there is none."""
    status = path.stat()
    return _loaded(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _loaded(path: str, size: int, mtime_ns: int) -> Model:
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            if len(head) < 8 or struct.unpack("<ii", head)[0] != _MAGIC:
                raise UsageError(f"{path}: not a fastText model; name a .bin or .ftz file")
        found = _read(Path(path), size)
    except (ValueError, struct.error) as error:
        raise UsageError(f"{path}: a damaged fastText model: {error}") from error
    return found if found is not None else _of_library(path)


def _read(path: Path, size: int) -> Model | None:
    """The model; None if it is compressed. Raises ValueError for one that is cut off."""
    from dataprep.text import bags

    raw: Any = np.memmap(path, np.uint8, "r")
    _, version, *args = struct.unpack_from("<14i", raw, 0)
    dim, _, _, _, _, word_ngrams, loss, kind, bucket, minn, maxn, _ = args
    if version > 12:
        raise ValueError(f"format {version} is newer than 12")
    if kind != _SUPERVISED:
        raise UsageError(f"{path}: word vectors, not a classifier: it has no labels")
    if version == 11:
        maxn = 0  # models of that time have no character n-grams
    at = 14 * 4 + 8
    entries, words, labels, _, pruned = struct.unpack_from("<iiiqq", raw, at)
    at += 28
    if min(entries, words, labels) < 0 or entries != words + labels or loss not in _LOSSES or dim < 1:
        raise ValueError("its numbers make no sense")
    dictionary = raw[at : at + min(size - at, entries * 10 + (1 << 30))]
    bounds, spelled, counts, kinds, end = bags.entries(dictionary, entries)
    at += end + 8 * max(0, pruned)
    if pruned >= 0 or raw[at : at + 1].sum():
        return None
    rows, width = struct.unpack_from("<qq", raw, at + 1)
    at += 17
    if width != dim or rows != words + bucket or at + 4 * rows * dim + 17 > size:
        raise ValueError(f"{rows} rows of {width} are not there")
    matrix = raw[at : at + 4 * rows * dim].view(np.float32)
    at += 4 * rows * dim
    out_rows, width = struct.unpack_from("<qq", raw, at + 1)
    at += 17
    if width != dim or out_rows != labels or at + 4 * out_rows * dim > size:
        raise ValueError("its output rows are not there")
    output = np.frombuffer(raw[at : at + 4 * out_rows * dim].tobytes(), np.float32).reshape(out_rows, dim)
    if not (kinds[words:].all() and not kinds[:words].any()):
        raise ValueError("its labels do not follow its words")
    names = [spelled[bounds[k] : bounds[k + 1]].tobytes().decode("utf-8", "replace") for k in range(words, entries)]
    known = bags.vocabulary(bounds, spelled, words=words, bucket=bucket, word_ngrams=word_ngrams, minn=minn, maxn=maxn)
    bare = tuple(name.removeprefix(LABEL) for name in names)
    shaped = np.asarray(matrix).reshape(rows, dim)
    # Each process that scores has its own, while it shares the mapped rows.
    sums = cache(lambda: bags.word_sums(known, shaped)) if maxn > 0 and 4 * words * dim <= _MOST_SUMS else None
    return Model(bare, dim, _LOSSES[loss], known, shaped, sums, output, counts[words:], None)


def _of_library(path: str) -> Model:
    from fasttext.FastText import _FastText

    # Not `load_model`, which prints a warning; and of its `predict`, which fails with numpy 2, only the inside.
    inside = _FastText(model_path=path).f
    labels, counts = inside.getLabels("replace")
    bare = tuple(label.removeprefix(LABEL) for label in labels)
    none = np.zeros((0, 0), np.float32)
    return Model(bare, inside.getArgs().dim, "", None, None, None, none, np.array(counts, np.int64), inside)


def score(model: Model, lines: TextBuffers, wanted: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """float32[lines, wanted]: the probability of each label as fastText gives it, at most 1. 0 for a line in which the
    model sees nothing. Lines are as `text.one_line` makes them.
    """
    columns = [model.labels.index(label) for label in wanted]
    if model.library is not None:
        return _by_library(model, lines, columns)
    from dataprep.text.bags import means

    hidden, counts = means(lines, model.vocabulary, model.matrix, model.sums and model.sums())
    if model.loss == "hs":
        found = _hierarchical(model, hidden, columns)
    elif model.loss == "softmax":
        z = hidden @ model.output.T
        z = np.exp(z - z.max(axis=1, keepdims=True))
        found = (z / z.sum(axis=1, keepdims=True))[:, columns].astype(np.float64)
    else:
        found = _sigmoid(hidden @ model.output[columns].T)
    # fastText takes the logarithm of p + 0.00001, and the exponential of that.
    found = np.minimum(found + (0.0 if model.loss == "hs" else 1e-5), 1.0)
    found[counts == 0] = 0.0
    return found.astype(np.float32)


def _by_library(model: Model, lines: TextBuffers, columns: list[int]) -> npt.NDArray[np.float32]:
    raw, offsets = lines.data.tobytes(), lines.offsets.tolist()
    given = [(raw[a:b] + b"\n").decode() for a, b in pairwise(offsets)]
    names, probabilities = model.library.multilinePredict(given, len(model.labels), 0.0, "replace")
    out = np.zeros((len(given), len(columns)), np.float32)
    wanted = {LABEL + model.labels[column]: k for k, column in enumerate(columns)}
    for i, (labels, values) in enumerate(zip(names, probabilities, strict=True)):
        for label, value in zip(labels, values, strict=True):
            if (k := wanted.get(label)) is not None:
                out[i, k] = min(value, 1.0)
    return out


def _sigmoid(x: npt.NDArray[np.float32]) -> Floats:
    """From a table of 512 steps between -8 and 8, as fastText has it."""
    steps = (np.arange(513, dtype=np.float32) * np.float32(16) / np.float32(512) - np.float32(8)).astype(np.float64)
    table = (1.0 / (1.0 + np.exp(-steps))).astype(np.float32)
    at = ((np.clip(x, -8, 8) + np.float32(8)) * 512 / 8 / 2).astype(np.int64)
    return np.where(x < -8, 0.0, np.where(x > 8, 1.0, table[at])).astype(np.float64)


def _hierarchical(model: Model, hidden: npt.NDArray[np.float32], columns: list[int]) -> Floats:
    parent, right = _tree(tuple(model.counts.tolist()))
    leaves = len(model.labels)
    right_odds = 1.0 / (1.0 + np.exp(-(hidden @ model.output.T).astype(np.float64)))
    out = np.empty((len(hidden), len(columns)))
    for k, node in enumerate(columns):
        logs = np.zeros(len(hidden))
        while parent[node] >= 0:
            odds = right_odds[:, parent[node] - leaves]
            logs += np.log((odds if right[node] else 1.0 - odds) + 1e-5)
            node = parent[node]
        out[:, k] = np.exp(logs)
    return out


@lru_cache(maxsize=8)
def _tree(counts: tuple[int, ...]) -> tuple[list[int], list[bool]]:
    """(parent, whether a right child) of each node of the Huffman tree: leaves by count, descending, then the rest."""
    n = len(counts)
    weight = [*counts, *[10**15] * (n - 1)]
    parent, right = [-1] * len(weight), [False] * len(weight)
    leaf, inner = n - 1, n
    for node in range(n, 2 * n - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[inner]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        weight[node] = weight[pair[0]] + weight[pair[1]]
        parent[pair[0]] = parent[pair[1]] = node
        right[pair[1]] = True
    return parent, right
