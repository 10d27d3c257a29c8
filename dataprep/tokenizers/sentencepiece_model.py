"""SentencePiece `.model` files.

SentencePiece never finds control symbols in text; user-defined symbols it always finds: they are pieces of text.

It writes a space as U+2581, so a U+2581 of the text would come back as a space. Where a model is lossless otherwise
(identity normalisation, no dummy prefix, no spaces removed, byte fallback: what `train-tokenizer` makes), such a
character is encoded as its three bytes and comes back as it was. For other models ids are SentencePiece's own, and
that character is the exception that their normalisation already makes of many more.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataprep.errors import InputError
from dataprep.tokenizers.library import Fast, Ids, Recipe

SPACE = "▁"
"""U+2581, how SentencePiece writes a space."""
_SPACE = SPACE.encode()

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Types of pieces, in sentencepiece_model.proto."""
_BPE = 2
_MODEL_TYPES = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}


class Specification(NamedTuple):
    """What a model file says, as far as it matters for who may encode with it."""

    pieces: list[tuple[str, float, int]]
    """Piece, score and type, by id."""
    model_type: int
    byte_fallback: bool
    suffix: bool
    """Whether a space is at the end of a word's piece."""
    character_map: bool
    dummy_prefix: bool
    remove_extra_spaces: bool
    escape_spaces: bool

    @property
    def lossless(self) -> bool:
        """Whether, U+2581 apart, every text comes back as it was."""
        changes = self.character_map or self.dummy_prefix or self.remove_extra_spaces or not self.escape_spaces
        return self.byte_fallback and not self.suffix and not changes


class SentencePiece:
    """A model, encoded with by `sentencepiece` itself."""

    kind = "sentencepiece"

    def __init__(self, path: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        data = path.read_bytes()
        try:
            self.specification = read(data)
            self._processor = SentencePieceProcessor()
            self._processor.LoadFromSerializedProto(data)
        except (ValueError, IndexError, RuntimeError, struct.error) as error:
            raise InputError(f"{path}: not a SentencePiece model: {' '.join(str(error).split())}") from error
        self.vocab_size = self._processor.GetPieceSize()
        self.bos, self.eos = _known(self._processor.bos_id()), _known(self._processor.eos_id())
        self.unk, self.pad = _known(self._processor.unk_id()), _known(self._processor.pad_id())
        pieces = self.specification.pieces
        self.special = {piece: i for i, (piece, _, kind) in enumerate(pieces) if kind in (CONTROL, UNKNOWN)}
        self._bytes = {i: int(piece[1:-1], 16) for i, (piece, _, kind) in enumerate(pieces) if kind == BYTE}
        ids = {byte: i for i, byte in self._bytes.items()}
        self._escape = np.array([ids[byte] for byte in _SPACE], np.uint32) if self.specification.lossless else None

    def encode(self, texts: Sequence[bytes]) -> list[Ids]:
        if self._escape is None:
            return self._encode(list(texts))
        parts, counts = [], []
        for text in texts:
            split = text.split(_SPACE)
            parts += split
            counts.append(len(split))
        encoded = self._encode(parts)
        if len(parts) == len(texts):
            return encoded
        whole, begin = [], 0
        for count in counts:
            joined: list[Ids] = []
            for part in encoded[begin : begin + count]:
                joined += [self._escape, part]
            whole.append(np.concatenate(joined[1:]))
            begin += count
        return whole

    def _encode(self, texts: list[bytes]) -> list[Ids]:
        # One thread: parallelism is by worker. numpy arrays over the library's buffers, no Python int per token.
        return [ids.view(np.uint32) for ids in self._processor.Encode(texts, return_type="numpy", num_threads=1)]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._processor.Decode(list(ids)))

    def piece(self, token: int) -> str:
        return self.specification.pieces[token][0]

    def byte(self, token: int) -> int | None:
        return self._bytes.get(token)

    def recipe(self) -> Recipe:
        """The kernel, for BPE with byte fallback that does not change its text."""
        spec = self.specification
        if spec.model_type != _BPE:
            return Recipe(None, f"it is a {_MODEL_TYPES.get(spec.model_type, 'strange')} model, not bpe")
        if not spec.byte_fallback or spec.suffix or not spec.escape_spaces:
            return Recipe(None, "it has no byte fallback, or writes spaces in an unusual way")
        if spec.character_map or spec.remove_extra_spaces:
            return Recipe(None, "it normalises text")
        found = (piece.replace(SPACE, " ") for piece, _, kind in spec.pieces if kind in (USER_DEFINED, UNUSED))
        return Recipe(self._kernel, "", (SPACE, *found))

    def _kernel(self) -> Fast:
        from dataprep.text.pieces import merges
        from dataprep.tokenizers.fast import Pieces

        # Only pieces of text can be merged to: `<s>` or `<0x0A>` in a text never give the token of that name.
        held = self.specification.pieces
        text = {piece.replace(SPACE, " "): i for i, (piece, _, kind) in enumerate(held) if kind == NORMAL}
        byte = np.zeros(256, np.int32)
        for token, value in self._bytes.items():
            byte[value] = token
        table = merges(text, {i: held[i][1] for i in text.values()}, byte, self.vocab_size)
        return Pieces(table, prefix=self.specification.dummy_prefix)


def _known(token: int) -> int | None:
    return token if token >= 0 else None


# ---------------------------------------------------------------- the file: a protocol buffer


def read(data: bytes) -> Specification:
    """The fields that matter, by their numbers in sentencepiece_model.proto. Raises ValueError if it is not one."""
    pieces: list[tuple[str, float, int]] = []
    trainer: dict[int, int | bytes] = {}
    normalizer: dict[int, int | bytes] = {}
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            held = dict(_fields(value))
            text, score, kind = held.get(1, b""), held.get(2, b"\0\0\0\0"), held.get(3, NORMAL)
            if not isinstance(text, bytes) or not isinstance(score, bytes) or not isinstance(kind, int):
                raise ValueError("a piece of it is damaged")
            pieces.append((text.decode(), struct.unpack("<f", score)[0], kind))
        elif number == 2 and isinstance(value, bytes):
            trainer = dict(_fields(value))
        elif number == 3 and isinstance(value, bytes):
            normalizer = dict(_fields(value))
    if not pieces:
        raise ValueError("it holds no pieces")
    model_type = trainer.get(3, 1)
    return Specification(
        pieces,
        model_type if isinstance(model_type, int) else 0,
        byte_fallback=bool(trainer.get(35, 0)),
        suffix=bool(trainer.get(24, 0)),
        character_map=bool(normalizer.get(2, b"")),
        dummy_prefix=bool(normalizer.get(3, 1)),
        remove_extra_spaces=bool(normalizer.get(4, 1)),
        escape_spaces=bool(normalizer.get(5, 1)),
    )


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: varints as int, all others as bytes."""
    i = 0
    while i < len(data):
        key, i = _varint(data, i)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, i = _varint(data, i)
            yield number, value
            continue
        if wire == 2:
            size, i = _varint(data, i)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"field {number} has a type that no such file has")
        if i + size > len(data):
            raise ValueError("it ends in the middle of a field")
        yield number, data[i : i + size]
        i += size


def _varint(data: bytes, i: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[i]
        i += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, i
        shift += 7
