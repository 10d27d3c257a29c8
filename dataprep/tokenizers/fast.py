"""The fast backends: kernels of ours, and gigatoken for byte-level BPE. All of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dataprep.text import byte_pieces, pieces
from dataprep.text.pieces import Merges, memory
from dataprep.text.spans import Int64s, TextBuffers, text_buffers
from dataprep.tokenizers.library import NONE, Encoded, Fast, as_array

RENEW_BYTES = 64 << 20
"""Text after which gigatoken is made anew: its cache of words has no bound of its own in 0.10.0."""

_THREE_BYTES = 0xE0
"""What begins a character of three bytes, or four."""
_EAST_ASIAN_SHARE = 0.3
"""Of the bytes of a batch, from which our kernel is the faster."""
_EVERY = 31


class Pieces:
    """SentencePiece's BPE by `text.pieces`. Its memory is 12 MB and the vocabulary's tables, about 10 MB."""

    def __init__(self, merges: Merges, *, prefix: bool) -> None:
        self._merges = merges
        self._prefix = prefix
        """Whether a space goes in front of every text that is not empty."""
        self._known = memory()

    def encode(self, text: TextBuffers) -> tuple[Encoded, Int64s]:
        return Encoded(*pieces.encode(_prefixed(text) if self._prefix else text, self._merges, self._known)), NONE

    def each(self) -> Sequence[Fast]:
        return (self,)


def _prefixed(text: TextBuffers) -> TextBuffers:
    import pyarrow.compute as pc

    array = as_array(text)
    spaces = pc.if_else(pc.equal(array, ""), *(pa.scalar(space, pa.large_string()) for space in ("", " ")))
    return text_buffers(pc.binary_join_element_wise(spaces, array, pa.scalar("", pa.large_string())))


class BytePieces:
    """Byte-level BPE by `text.byte_pieces`, and by another backend, if there is one, where that is faster: gigatoken is
    twice as fast on English, and at half the speed or less on Chinese."""

    def __init__(self, merges: Merges, digits: int, other: Fast | None) -> None:
        self._merges = merges
        self._digits = digits
        self._other = other
        self._known = memory()

    def encode(self, text: TextBuffers) -> tuple[Encoded, Int64s]:
        if self._other is not None and not _east_asian(text):
            return self._other.encode(text)
        ids, offsets, strange = byte_pieces.encode(text, self._merges, self._known, self._digits)
        return Encoded(ids, offsets), np.flatnonzero(strange).astype(np.int64)

    def each(self) -> Sequence[Fast]:
        alone = BytePieces(self._merges, self._digits, None)
        return (alone,) if self._other is None else (alone, self._other)


def _east_asian(text: TextBuffers) -> bool:
    """Whether a good part of a batch, by a sample of its bytes, are characters of three bytes."""
    some = text.data[text.offsets[0] : text.offsets[-1] : _EVERY]
    return bool(np.count_nonzero(some >= _THREE_BYTES) * 3 > _EAST_ASIAN_SHARE * len(some))


class Gigatoken:
    """A byte-level BPE by gigatoken, from what makes one of its tokenizers."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._backend = make()
        self._seen = 0

    def encode(self, text: TextBuffers) -> tuple[Encoded, Int64s]:
        import awkward as ak

        size = int(text.offsets[-1] - text.offsets[0])
        if self._seen and self._seen + size > RENEW_BYTES:
            self._backend = None  # let go of the old one's memory first
            self._backend, self._seen = self._make(), 0
        self._seen += size
        characters = ak.contents.NumpyArray(text.data, parameters={"__array__": "char"})
        strings = ak.contents.ListOffsetArray(
            ak.index.Index64(text.offsets), characters, parameters={"__array__": "string"}
        )
        # One thread, whatever the process is: parallelism is by worker.
        found = self._backend.encode_batch(ak.Array(strings), parallel=False).layout
        offsets = np.asarray(found.offsets.data, np.int64)
        ids = np.asarray(found.content.data)
        assert offsets[0] == 0
        return Encoded(ids[: offsets[-1]].astype(np.uint32, copy=False), offsets), NONE

    def each(self) -> Sequence[Fast]:
        return (self,)


def from_json(json: str) -> Callable[[], Any]:
    """What makes a tokenizer of gigatoken's from a `tokenizer.json`."""

    def make() -> Any:
        from gigatoken.gigatoken_rs import load_hf_json

        return load_hf_json(json)

    return make
