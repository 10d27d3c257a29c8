"""The fast backends: a kernel of ours for SentencePiece's BPE, gigatoken for byte-level BPE. Both of bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from dataprep.text.pieces import Merges, encode, memory
from dataprep.text.spans import TextBuffers, text_buffers
from dataprep.tokenizers.library import Encoded, as_array

RENEW_BYTES = 64 << 20
"""Text after which gigatoken is made anew: its cache of words has no bound of its own in 0.10.0."""


class Pieces:
    """SentencePiece's BPE by `text.pieces`. Its memory is 12 MB and the vocabulary's tables, about 10 MB."""

    def __init__(self, merges: Merges, *, prefix: bool) -> None:
        self._merges = merges
        self._prefix = prefix
        """Whether a space goes in front of every text that is not empty."""
        self._known = memory()

    def encode(self, text: TextBuffers) -> Encoded:
        return Encoded(*encode(_prefixed(text) if self._prefix else text, self._merges, self._known))


def _prefixed(text: TextBuffers) -> TextBuffers:
    import pyarrow.compute as pc

    array = as_array(text)
    spaces = pc.if_else(pc.equal(array, ""), *(pa.scalar(space, pa.large_string()) for space in ("", " ")))
    return text_buffers(pc.binary_join_element_wise(spaces, array, pa.scalar("", pa.large_string())))


class Gigatoken:
    """A byte-level BPE by gigatoken, from what makes one of its tokenizers."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._backend = make()
        self._seen = 0

    def encode(self, text: TextBuffers) -> Encoded:
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
        return Encoded(ids[: offsets[-1]].astype(np.uint32, copy=False), offsets)


def from_json(json: str) -> Callable[[], Any]:
    """What makes a tokenizer of gigatoken's from a `tokenizer.json`."""

    def make() -> Any:
        from gigatoken.gigatoken_rs import load_hf_json

        return load_hf_json(json)

    return make
