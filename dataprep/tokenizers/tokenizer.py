"""A tokenizer: one library's ids, by the fast backend where that is exact."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from dataprep.text.literal import holding
from dataprep.text.spans import Int64s, TextBuffers, text_buffers
from dataprep.tokenizers.library import Encoded, Fast, Library, as_array, document, documents, gathered

_FEW = 16
"""Literals up to which looking for each is faster than a pattern of all."""


class Tokenizer:
    """Encodes batches of text and decodes ids. Made by `load`.

    `encode` adds no BOS and no EOS. A special token's literal in a text is ordinary text: no text gives an id of
    `special`. Pieces that a vocabulary has as text although it calls them added or user-defined (`<table>`, runs of
    newlines) are found in text, as their library finds them.
    """

    def __init__(
        self,
        file: Path,
        files: tuple[Path, ...],
        sha256: str,
        library: Library,
        fast: Fast | None = None,
        literals: tuple[str, ...] = (),
        why_slow: str = "",
    ) -> None:
        self.file = file
        """What was loaded."""
        self.files = files
        """Everything that loading it read, `file` first. A copy of these, side by side, is the same tokenizer."""
        self.sha256 = sha256
        """Of `file`."""
        self.kind = library.kind
        """`sentencepiece`, `hf` or `tiktoken`."""
        self.vocab_size = library.vocab_size
        """One more than the largest id."""
        self.bos, self.eos, self.unk, self.pad = library.bos, library.eos, library.unk, library.pad
        self.special = library.special
        self.why_slow = why_slow
        """Why no fast backend is used, as one line for the user; empty if one is."""
        self._library = library
        self._fast = fast
        self._literals = literals
        """A document that holds one of these goes to the library."""

    @property
    def reference(self) -> Tokenizer:
        """The same without the fast backend."""
        return Tokenizer(self.file, self.files, self.sha256, self._library, why_slow="the reference was asked for")

    def encode(self, text: TextBuffers) -> Encoded:
        """The ids of a batch: uint32[tokens] and int64[documents + 1].

        No Python runs per document, but for those that the backend must leave to the library. Peak memory is 4 bytes a
        token, twice that if there are such documents.
        """
        if self._fast is None:
            return gathered(self._library.encode(documents(text)))
        encoded, unsure = self._fast.encode(text)
        odd = np.union1d(unsure, self._left_to_the_library(text))
        if not len(odd):
            return encoded
        again = self._library.encode([document(text, i) for i in odd.tolist()])
        return _replaced(encoded, odd, gathered(again))

    def encode_one(self, text: str) -> list[int]:
        """The ids of one text."""
        ids: list[int] = self.encode(text_buffers(pa.array([text], pa.large_string()))).ids.tolist()
        return ids

    def decode(self, ids: Sequence[int] | np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> str:
        """The text that ids stand for; special tokens give no text or their literal, as their library has it."""
        return self._library.decode([int(i) for i in ids])

    def piece(self, token: int) -> str:
        """A token as its vocabulary writes it (`▁the`, `Ġthe`). Raises IndexError if there is none."""
        if not 0 <= token < self.vocab_size:
            raise IndexError(f"{self.file}: no token {token}: ids end at {self.vocab_size - 1}")
        return self._library.piece(token)

    def byte(self, token: int) -> int | None:
        """The byte that a token of byte fallback stands for, else None."""
        return self._library.byte(token)

    def _left_to_the_library(self, text: TextBuffers) -> Int64s:
        """Documents that hold what the fast backend may take for something else."""
        import pyarrow.compute as pc

        if not self._literals:
            return np.zeros(0, np.int64)
        if len(self._literals) <= _FEW:
            return np.flatnonzero(np.any([holding(text, s.encode()) for s in self._literals], axis=0)).astype(np.int64)
        found = pc.match_substring_regex(as_array(text), "|".join(re.escape(s) for s in self._literals))
        return np.flatnonzero(found.to_numpy(zero_copy_only=False)).astype(np.int64)


def _replaced(encoded: Encoded, rows: Int64s, other: Encoded) -> Encoded:
    """`encoded` with its documents `rows`, ascending, as `other` has them."""
    lengths = np.diff(encoded.offsets)
    lengths[rows] = np.diff(other.offsets)
    offsets = np.zeros_like(encoded.offsets)
    np.cumsum(lengths, out=offsets[1:])
    parts, begin = [], 0
    for n, row in enumerate(rows.tolist()):
        parts += [encoded.ids[begin : encoded.offsets[row]], other.ids[other.offsets[n] : other.offsets[n + 1]]]
        begin = encoded.offsets[row + 1]
    parts.append(encoded.ids[begin:])
    return Encoded(np.concatenate(parts), offsets)
