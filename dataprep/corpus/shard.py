"""One shard of token sequences on disk: `NNNNN.bin` and `NNNNN.idx` in Megatron's indexed-dataset layout.

`.bin` holds the tokens of all documents, one after another, little-endian. `.idx` is

    9 bytes   MMIDIDX\\0\\0
    u64       version, 1
    u8        code of the type: 8 is uint16, 4 is int32
    u64       sequences; here one a document
    u64       document indices, documents + 1
    int32[]   tokens of each sequence
    int64[]   byte at which each begins in .bin
    int64[]   number of the sequence that begins each document, from 0, and the number of sequences
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataprep.errors import InputError

Tokens = npt.NDArray[Any]
"""uint16 or int32."""
Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]

MAGIC: Final = b"MMIDIDX\x00\x00"
_HEADER: Final = struct.Struct("<9sQBQQ")
_CODES: Final[dict[np.dtype[Any], int]] = {np.dtype("<u2"): 8, np.dtype("<i4"): 4}
_TYPES: Final[dict[int, np.dtype[Any]]] = {code: dtype for dtype, code in _CODES.items()}
_WIDE: Final = 65_500
"""Megatron's readers take a vocabulary of at least so many ids to be stored as int32."""
_PIECE: Final = 1 << 20
"""Documents whose pointers are made at a time."""


def dtype_for(vocab_size: int) -> np.dtype[Any]:
    """How ids of a vocabulary are stored."""
    return np.dtype("<u2") if vocab_size < _WIDE else np.dtype("<i4")


def index_path(base: str | Path) -> Path:
    """`NNNNN.idx` of a shard named with or without its suffix."""
    return Path(f"{str(base).removesuffix('.bin')}.idx")


def write(
    base: str | Path, documents: Iterable[Tokens] | tuple[Tokens, Int64s | Int32s], dtype: npt.DTypeLike | None = None
) -> None:
    """Write `base`.bin and `base`.idx; `base` is a path without suffix.

    `documents` are arrays of ids, or all of them as (ids, tokens of each document). `dtype` is uint16 or int32, by
    default that of the first array; an id that it can't hold is a defect of the caller. Nothing is made durable: the
    caller publishes both files. Holds 4 bytes a document.
    """
    with Path(f"{base}.bin").open("wb") as out:
        given = None if dtype is None else _kind(dtype)
        if isinstance(documents, tuple):
            flat, lengths = documents
            assert int(lengths.sum()) == len(flat), "lengths do not add up to the tokens"
            kind = given or _kind(flat.dtype)
            _put(out, flat, kind)
            counts = np.asarray(lengths, "<i4")
        else:
            many = list[int]()
            for ids in documents:
                given = given or _kind(ids.dtype)
                _put(out, ids, given)
                many.append(len(ids))
            kind = given or np.dtype("<u2")
            counts = np.asarray(many, "<i4")
    with Path(f"{base}.idx").open("wb") as out:
        out.write(_HEADER.pack(MAGIC, 1, _CODES[kind], len(counts), len(counts) + 1))
        out.write(counts.data)
        byte = 0
        for lo in range(0, len(counts), _PIECE):
            ends = byte + np.cumsum(counts[lo : lo + _PIECE], dtype="<i8") * kind.itemsize
            out.write(np.concatenate([np.array([byte], "<i8"), ends[:-1]]).data)
            byte = int(ends[-1])
        for lo in range(0, len(counts) + 1, _PIECE):
            out.write(np.arange(lo, min(lo + _PIECE, len(counts) + 1), dtype="<i8").data)


def _kind(dtype: npt.DTypeLike) -> np.dtype[Any]:
    kind = np.dtype(dtype).newbyteorder("<")
    assert kind in _CODES, f"tokens are stored as uint16 or int32, not {kind}"
    return kind


def _put(out: Any, ids: Tokens, kind: np.dtype[Any]) -> None:
    if not len(ids):
        return
    if ids.dtype != kind:
        assert 0 <= int(ids.min()) <= int(ids.max()) <= np.iinfo(kind).max, f"an id does not fit {kind}"
    out.write(np.ascontiguousarray(ids, kind).data)


class Shard:
    """One shard, mapped into memory: opening it reads its header alone.

    Raises InputError, naming the file, if a file is missing, is no such index or does not have the size that the header
    says. What the files hold is not read: `tokens.verify` compares checksums.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(f"{str(path).removesuffix('.bin')}.bin")
        index = index_path(path)
        raw = _mapped(index)
        if len(raw) < _HEADER.size:
            raise InputError(f"{index}: is no token index: {len(raw)} bytes; make the shard again")
        magic, version, code, sequences, indices = _HEADER.unpack(raw[: _HEADER.size].tobytes())
        if magic != MAGIC or version != 1 or code not in _TYPES:
            raise InputError(
                f"{index}: is no token index of version 1 that holds uint16 or int32; make the shard again"
            )
        expected = _HEADER.size + 12 * sequences + 8 * indices
        if len(raw) != expected or indices != sequences + 1:
            raise InputError(f"{index}: has {len(raw)} bytes, its header says {expected}; make the shard again")
        self.dtype: np.dtype[Any] = _TYPES[code]
        self.documents = int(sequences)
        lo = _HEADER.size + 4 * self.documents
        view = raw.data
        self._lengths = view[_HEADER.size : lo].cast("i")
        self._pointers = view[lo : lo + 8 * self.documents].cast("q")
        """First byte of each document. A view: nothing is copied, and `bisect` does not mind that it is not aligned."""
        data = _mapped(self.path)
        last = self._pointers[-1] + self._lengths[-1] * self.dtype.itemsize if self.documents else 0
        if len(data) != last:
            raise InputError(f"{self.path}: has {len(data)} bytes, its index says {last}; make the shard again")
        self.tokens: Tokens = data.view(self.dtype)
        """All tokens, one-dimensional."""

    @cached_property
    def starts(self) -> Int64s:
        """int64[documents + 1]: the token at which each document begins, and the number of tokens. Holds them."""
        starts = np.empty(self.documents + 1, np.int64)
        np.floor_divide(np.asarray(self._pointers), self.dtype.itemsize, out=starts[:-1])
        starts[-1] = len(self.tokens)
        return starts

    @property
    def lengths(self) -> Int32s:
        """int32[documents]: tokens of each document."""
        return np.array(self._lengths, np.int32)

    def start(self, document: int) -> int:
        """The token at which a document begins."""
        return self._pointers[document] // self.dtype.itemsize

    def length(self, document: int) -> int:
        """Tokens of a document."""
        return self._lengths[document]

    def document_at(self, token: int) -> int:
        """The document that holds a token: of several that begin there, the one that is not empty."""
        return bisect_right(self._pointers, token * self.dtype.itemsize) - 1

    def starts_within(self, low: int, high: int) -> list[int]:
        """Where documents begin among tokens `low` to `high` - 1, in tokens. Two searches of the index."""
        size = self.dtype.itemsize
        first = bisect_left(self._pointers, low * size)
        last = bisect_left(self._pointers, high * size, first)
        return [byte // size for byte in self._pointers[first:last].tolist()]


def _mapped(path: Path) -> npt.NDArray[np.uint8]:
    try:
        if path.stat().st_size == 0:
            return np.empty(0, np.uint8)
        # As a plain array: slices of a memmap carry a Python object each, which costs more than the tokens.
        return np.asarray(np.memmap(path, np.uint8, "r")).view(np.ndarray)
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist; `dataprep tokenize` makes it again") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror or error}") from error
