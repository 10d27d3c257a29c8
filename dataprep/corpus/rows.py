"""Rows of tokens as a model takes them: filled with pieces of streams, padded, with where documents begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dataprep.corpus.stream import Stream
from dataprep.corpus.windows import Pieces

Batch = dict[str, npt.NDArray[Any]]
"""`tokens` int32[rows, L + 1]; `lengths` int32[rows], tokens of each row that are not padding;
`loss` bool[rows, L], true where token i + 1 of a row is to be predicted from those up to i, false for padding;
`starts` int32[n] and `offsets` int64[rows + 1]: the places `starts[offsets[r]:offsets[r + 1]]` of row r are those at
which a document, or a part of one that does not go on from what is before it, begins: attention is to end there and
positions to count from 0 again; the first is always 0.
Of training samples also `source` str[rows] and `sample` int64[rows], their global numbers; of validation `source` and
`window` int64[rows]."""


class Rows:
    """Rows of `length` + 1 tokens to be filled."""

    def __init__(self, rows: int, length: int) -> None:
        self.tokens = np.empty((rows, length + 1), np.int32)
        self._lengths = [0] * rows
        self._starts: list[list[int]] = [[0]] * rows

    def fill(self, places: Sequence[int], stream: Stream, pieces: Pieces, whole: bool) -> None:
        """Copy pieces of a stream into the rows at `places`. Documents may begin inside a piece that is not `whole`."""
        starts, sizes, offsets = pieces
        for n, place in enumerate(places):
            row = self.tokens[place]
            begins = list[int]()
            at = 0
            for k in range(offsets[n], offsets[n + 1]):
                start, size = starts[k], sizes[k]
                begins.append(at)
                stream.read(start, row[at : at + size])
                if not whole:
                    begins += [at + s - start for s in stream.starts_within(start + 1, start + size)]
                at += size
            self._lengths[place] = at
            self._starts[place] = begins or [0]

    def batch(self, pad: int) -> Batch:
        """The rows, padded with this id."""
        width = self.tokens.shape[1]
        lengths = np.array(self._lengths, np.int32)
        loss = np.ones((len(lengths), width - 1), np.bool_)
        for row in np.flatnonzero(lengths < width).tolist():
            self.tokens[row, lengths[row] :] = pad
            loss[row, max(0, lengths[row] - 1) :] = False
        starts = [_distinct(begins) for begins in self._starts]
        offsets = np.zeros(len(starts) + 1, np.int64)
        np.cumsum([len(begins) for begins in starts], out=offsets[1:])
        flat = np.array([place for begins in starts for place in begins], np.int32)
        return {"tokens": self.tokens, "lengths": lengths, "loss": loss, "starts": flat, "offsets": offsets}


def _distinct(begins: list[int]) -> list[int]:
    """Ascending places, each once: an empty document begins where the next one does."""
    return begins if len(begins) == 1 else list(dict.fromkeys(begins))
