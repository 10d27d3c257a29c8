"""Pieces of text as flat arrays: byte spans, hashes, and where each document's begin."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int = int | np.int64
"""A scalar inside a kernel."""
Bytes = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

A = TypeVar("A", bound=npt.NDArray[Any])

_SPAN_LIMIT = 2**31
"""Spans are int32."""


class TextBuffers(NamedTuple):
    """A text column without Python objects: document i is `data[offsets[i]:offsets[i + 1]]`."""

    offsets: Int64s
    """int64[documents + 1]; need not begin at 0."""
    data: Bytes
    """UTF-8 bytes of the whole batch, fewer than 2^31."""


class Spans(NamedTuple):
    """Words, lines, sentences... of a batch. Span k is `data[start[k]:end[k]]`."""

    start: Int32s
    """int32[spans], bytes, absolute in `TextBuffers.data`."""
    end: Int32s
    """int32[spans], bytes, exclusive."""
    hash: UInt64s
    """uint64[spans], of the span's bytes as the view defines them."""
    offsets: Int64s
    """int64[documents + 1]: document i has spans `offsets[i]:offsets[i + 1]`."""


def text_buffers(text: pa.LargeStringArray) -> TextBuffers:
    """Zero-copy view of a `large_string` array without nulls, sliced or not.

    Raises ValueError on another type, on nulls (a missing text is "", never null) and on 2 GiB of text or more.
    """
    if text.type != pa.large_string():
        raise ValueError(f"text must be large_string, not {text.type}")
    if text.null_count:
        raise ValueError("text must not hold nulls")
    _, offsets, data = text.buffers()
    n = len(text)
    bounds, raw = np.zeros(n + 1, np.int64), np.zeros(0, np.uint8)
    if offsets is not None and n:
        bounds = np.frombuffer(offsets, np.int64, n + 1, text.offset * 8)
        if data is not None:
            raw = np.frombuffer(data, np.uint8)
    if bounds[-1] >= _SPAN_LIMIT:  # a slice from the far end of a huge array
        bounds, raw = bounds - bounds[0], raw[bounds[0] : bounds[-1]]
        if bounds[-1] >= _SPAN_LIMIT:
            raise ValueError(f"a batch must hold less than 2 GiB of text, not {bounds[-1]} bytes")
    return TextBuffers(read_only(bounds), read_only(raw))


def read_only(array: A) -> A:
    """The same numbers, not to be written to, whoever owns the memory: kernels compile once per type of array."""
    view = array.view()
    view.flags.writeable = False
    return view


def reserve(spans: int, documents: int) -> Spans:
    """Room for spans, to be filled by a kernel: memory is taken as it is written. `offsets` is all zeros."""
    room = np.empty(spans, np.int32), np.empty(spans, np.int32), np.empty(spans, np.uint64)
    return Spans(*room, np.zeros(documents + 1, np.int64))


def trim(spans: Spans) -> Spans:
    """Give back, without a copy, what `offsets` does not reach. Nobody else may hold the arrays."""
    for array in spans[:3]:
        array.resize(int(spans.offsets[-1]), refcheck=False)
    return spans


def compact(view: Spans, mask: Bools, old: Int64s, new: Int64s) -> Spans:
    """The spans of the documents where `mask` is true, moved from byte offsets `old` to `new`.

    `old` is int64[documents + 1] before, `new` int64[kept + 1] after. O(spans).
    """
    from dataprep.text.moving import moved  # loads numba

    return moved(view, mask, old, new)
