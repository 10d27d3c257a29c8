"""Batches of the corpus reader as tensors, cut into micro-batches, made ready while the device works."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dataprep.corpus.reader import Reader
from dataprep.corpus.rows import Batch

AHEAD = 2
"""Steps that are made ready before they are asked for."""


class Micro(NamedTuple):
    """Rows that go through the model together."""

    tokens: Tensor
    """int64[rows, T]"""
    targets: Tensor
    """int64[rows, T]: the token after each."""
    loss: Tensor
    """bool[rows, T]: which targets count."""
    documents: Tensor | None
    """int32[rows, T]: the number of each token's document in its row; None if attention crosses documents."""
    positions: Tensor | None
    """int64[rows, T]: counted from 0 in each document; None with `documents`."""
    sources: Tensor
    """int64[rows]: the number of each row's source; that of a row added to fill up is the number of sources."""


class Step(NamedTuple):
    """What one rank does in one step."""

    number: int
    rows: int
    """Of the whole batch, all ranks together."""
    micros: list[Micro]


def step_of(
    reader: Reader, number: int, rank: int, world: int, micro_batch: int, mask_documents: bool, device: torch.device
) -> Step:
    """The micro-batches of a step for one rank.

    All ranks get as many, of one shape: collective calls pair up, and compiled code is made once. Where rows do not
    come out even, rows of padding that count for nothing fill up.
    """
    rows = len(reader.sampler.steps.samples(number))
    most = -(-rows // world)
    count = -(-most // micro_batch)
    size = -(-most // count)
    batch = reader.batch(number, rank, world)
    columns = tensors(batch, mask_documents, count * size)
    index = {name: n for n, name in enumerate(reader.sampler.names)}
    sources = torch.tensor([index[name] for name in batch["source"].tolist()], dtype=torch.int64)
    sources = torch.cat([sources, torch.full((count * size - len(sources),), len(index))])
    micros = []
    for low in range(0, count * size, size):
        parts = [None if column is None else column[low : low + size] for column in (*columns, sources)]
        micros.append(Micro(*(None if part is None else _moved(part, device) for part in parts)))  # type: ignore[arg-type]
    return Step(number, rows, micros)


def tensors(batch: Batch, mask_documents: bool, rows: int) -> list[Tensor | None]:
    """`tokens`, `targets`, `loss`, `documents`, `positions` of a batch, on the CPU; the last two may be None. Rows of
    padding that count for nothing fill up to `rows`."""
    tokens = torch.from_numpy(batch["tokens"].astype(np.int64))
    loss = torch.from_numpy(batch["loss"])
    documents: Tensor | None = None
    positions: Tensor | None = None
    if mask_documents:
        found = document_numbers(batch)
        documents, positions = torch.from_numpy(found[0]), torch.from_numpy(found[1])
    columns = [tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), loss, documents, positions]
    return [None if column is None else _filled(column, rows - len(tokens)) for column in columns]


def document_numbers(batch: Batch) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """int32[rows, T] number of each token's document in its row, and int64[rows, T] its place in that document."""
    rows, width = batch["tokens"].shape
    row = np.repeat(np.arange(rows), np.diff(batch["offsets"]))
    inside = batch["starts"] < width - 1
    row, starts = row[inside], batch["starts"][inside]
    begins = np.zeros((rows, width - 1), np.int32)
    begins[row, starts] = 1
    first = np.zeros((rows, width - 1), np.int64)
    first[row, starts] = starts
    return np.cumsum(begins, axis=1, dtype=np.int32) - 1, np.arange(width - 1) - np.maximum.accumulate(first, axis=1)


def _filled(column: Tensor, missing: int) -> Tensor:
    return torch.cat([column, column.new_zeros(missing, column.shape[1])]) if missing else column


def _moved(column: Tensor, device: torch.device) -> Tensor:
    if device.type == "cpu":
        return column
    return column.pin_memory().to(device, non_blocking=True)


class Ahead:
    """Steps from `first` on, worked out by a thread, in order. `close` it, or leave its `with` block."""

    def __init__(self, reader: Reader, first: int, **how: Any) -> None:
        self._steps: queue.Queue[Step | BaseException | None] = queue.Queue(AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(reader, first, how), daemon=True)
        self._thread.start()

    def _work(self, reader: Reader, first: int, how: dict[str, Any]) -> None:
        try:
            for number in range(first, reader.steps):
                if not self._put(step_of(reader, number, **how)):
                    return
            self._put(None)
        except BaseException as error:  # shown by the thread that waits for the step
            self._put(error)

    def _put(self, item: Step | BaseException | None) -> bool:
        while not self._closed.is_set():
            try:
                self._steps.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[Step]:
        while True:
            item = self._steps.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
