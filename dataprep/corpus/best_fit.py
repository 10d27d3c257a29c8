"""Best-fit-decreasing: pieces of documents into rows of one length, so that few tokens of a row stay empty.

Ding et al. 2024, "Fewer truncations improve language modeling" (arXiv:2404.10830), pack documents so. Pieces of equal
length are placed together, so that the time goes by the number of lengths and not of pieces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataprep.corpus.shard import Int64s


class Packed(NamedTuple):
    """Which pieces are in which row. Piece `pieces[k]` for k from `offsets[r]` to `offsets[r + 1]` - 1 is in row r."""

    pieces: Int64s
    offsets: Int64s


def cut(lengths: Int64s, room: int) -> tuple[Int64s, Int64s, Int64s]:
    """(document, start in it, length) of pieces of at most `room` tokens, in order; empty documents give none.

    A document that is longer is cut so that a piece begins with the last token of the one before it: every token but
    a document's first is predicted exactly once.
    """
    step = room - 1
    counts = np.where(lengths > 0, np.maximum(1, -(-(lengths - 1) // step)), 0)
    document = np.repeat(np.arange(len(lengths)), counts)
    first = np.cumsum(counts) - counts
    start = (np.arange(len(document)) - np.repeat(first, counts)) * step
    return document, start, np.minimum(lengths[document] - start, room)


def pack(lengths: Int64s, room: int) -> Packed:
    """Rows of at most `room` tokens for pieces of 1 to `room` tokens.

    Longest first, in the order given where they are equal; each goes to the row with the least room that still takes
    it, of several the one that has had that room for longest, else to a new row. Holds 40 bytes a piece.
    """
    assert not len(lengths) or 0 < int(lengths.min()) <= int(lengths.max()) <= room
    order = np.argsort(-lengths, kind="stable")
    ends = np.cumsum(np.bincount(lengths, minlength=room + 1)[::-1])[::-1]
    row_of = np.empty(len(lengths), np.int64)
    by_room: list[list[Int64s]] = [[] for _ in range(room + 1)]
    """Rows by the room they have left, in order of arrival."""
    counts = np.zeros(room + 1, np.int64)
    rows = 0
    for length in np.unique(lengths)[::-1].tolist():
        todo = order[ends[length + 1] if length < room else 0 : ends[length]]
        for left in [*(np.flatnonzero(counts[length:]) + length).tolist(), room]:
            if not len(todo):
                break
            each = left // length  # the row with the least room keeps having it until nothing more fits
            if counts[left]:
                held = by_room[left]
                have = held[0] if len(held) == 1 else np.concatenate(held)
            else:
                have = rows + np.arange(-(-len(todo) // each))
                rows += len(have)
            used = have[: -(-len(todo) // each)]
            now, todo = todo[: len(used) * each], todo[len(used) * each :]
            row_of[now] = np.repeat(used, each)[: len(now)]
            by_room[left] = [have[len(used) :]] if len(have) > len(used) else []
            counts[left] = len(have) - len(used)
            over = len(used) * each - len(now)  # places that the last row of all has not filled
            full, last = (used, used[:0]) if not over else (used[:-1], used[-1:])
            for filled, rest in ((full, left - each * length), (last, left - (each - over) * length)):
                if len(filled) and rest:
                    by_room[rest].append(filled)
                    counts[rest] += len(filled)
    # In a row the longest comes first: in the order in which they were placed.
    pieces = order[np.argsort(row_of[order], kind="stable")]
    return Packed(pieces, np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=rows))]))
