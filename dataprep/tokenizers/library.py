"""What each tokenizer library does for us, and a batch of text encoded by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.text.spans import Int64s, TextBuffers

Ids = npt.NDArray[np.uint32]


class Encoded(NamedTuple):
    """The tokens of a batch: document i has `ids[offsets[i]:offsets[i + 1]]`."""

    ids: Ids
    """uint32[tokens]."""
    offsets: Int64s
    """int64[documents + 1], from 0."""


class Fast(Protocol):
    """A fast backend: gives a library's ids, without Python per document."""

    def encode(self, text: TextBuffers) -> tuple[Encoded, Int64s]:
        """The tokens, and the numbers of the documents, ascending, of which it is not sure: they go to the library."""

    def each(self) -> Sequence[Fast]:
        """What it chooses between, itself if there is no choice. All of them must be exact."""


class Recipe(NamedTuple):
    """How a fast backend is made to encode as a library does, if one can."""

    make: Callable[[], Fast] | None
    """Makes one that finds no special tokens in text. None: none can."""
    why_not: str = ""
    """Why not, for the user; empty if one can."""
    literals: tuple[str, ...] = ()
    """A document that holds one of these goes to the library."""


class Library(Protocol):
    """One loaded tokenizer of the library that defines its ids. Texts are UTF-8 bytes."""

    kind: str
    vocab_size: int
    bos: int | None
    eos: int | None
    unk: int | None
    pad: int | None
    special: dict[str, int]
    """Literal -> id of every token that no text may give."""

    def encode(self, texts: Sequence[bytes]) -> list[Ids]:
        """The ids of each text, special-token literals as ordinary text, nothing added in front or behind."""

    def decode(self, ids: Sequence[int]) -> str: ...

    def piece(self, token: int) -> str:
        """A token as its vocabulary writes it."""

    def byte(self, token: int) -> int | None:
        """The byte that a token of byte fallback stands for, else None."""

    def recipe(self) -> Recipe: ...


NONE: Int64s = np.zeros(0, np.int64)
"""No documents."""


def gathered(parts: Sequence[Ids]) -> Encoded:
    """One document per part."""
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    return Encoded(np.concatenate(parts) if len(parts) else np.zeros(0, np.uint32), offsets)


def as_array(text: TextBuffers) -> pa.LargeStringArray:
    """Zero-copy: the same documents as an Arrow array."""
    buffers = [pa.py_buffer(np.ascontiguousarray(text.offsets)), pa.py_buffer(text.data)]
    return pa.LargeStringArray.from_buffers(len(text.offsets) - 1, *buffers)


def document(text: TextBuffers, i: int) -> bytes:
    return text.data[text.offsets[i] : text.offsets[i + 1]].tobytes()


def documents(text: TextBuffers) -> list[bytes]:
    return [document(text, i) for i in range(len(text.offsets) - 1)]
