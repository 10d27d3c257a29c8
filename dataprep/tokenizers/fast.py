"""The fast backend: gigatoken, with its memory bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dataprep.text.spans import TextBuffers
from dataprep.tokenizers.library import Encoded

RENEW_BYTES = 64 << 20
"""Text after which the backend is made anew: its cache of words has no bound of its own in gigatoken 0.10.0."""


class Fast:
    """Encodes batches; documents with one of `literals` may come out wrong and must go to the library."""

    def __init__(self, make: Callable[[], Any], literals: tuple[str, ...]) -> None:
        self.literals = literals
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
        if offsets[0]:
            offsets = offsets - offsets[0]
        return Encoded(ids[: offsets[-1]].astype(np.uint32, copy=False), offsets)


def from_json(json: str) -> Callable[[], Any]:
    """What makes a backend from a `tokenizer.json`."""

    def make() -> Any:
        from gigatoken.gigatoken_rs import load_hf_json

        return load_hf_json(json)

    return make
