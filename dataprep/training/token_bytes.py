"""How many bytes of text each token stands for: what makes losses of different tokenizers comparable."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from dataprep.text.spans import Int64s
from dataprep.tokenizers import Tokenizer

_SPACE = "▁"
"""U+2581, how SentencePiece, and those who follow it, write a space."""


def token_bytes(tokenizer: Tokenizer) -> Int64s:
    """int64[vocab_size]: UTF-8 bytes of text behind every token; 0 for special ones, whichever a document begins or
    ends with, and for ids that no token has.

    The sum over a text's tokens is the text's length, exactly so if the tokenizer is lossless: byte-level BPE, tiktoken
    and SentencePiece as `train-tokenizer` makes it are. Others count the text as they have changed it: a space that is
    put in front of each document, normalised characters, an unknown token as nothing.
    """
    special = {*tokenizer.special.values(), tokenizer.bos, tokenizer.eos, tokenizer.unk, tokenizer.pad} - {None}
    count = {"tiktoken": _tiktoken, "hf": _hugging_face}.get(tokenizer.kind, _pieces)(tokenizer)
    for token in special:
        count[token] = 0
    return count


def _pieces(tokenizer: Tokenizer) -> Int64s:
    """Of SentencePiece: text, with U+2581 for a space, or a byte of its own."""
    pieces = (_length(tokenizer, token, tokenizer.piece(token)) for token in range(tokenizer.vocab_size))
    return np.fromiter(pieces, np.int64, tokenizer.vocab_size)


def _tiktoken(tokenizer: Tokenizer) -> Int64s:
    from dataprep.tokenizers.tiktoken_ranks import ranks

    count = np.zeros(tokenizer.vocab_size, np.int64)
    for piece, token in ranks(tokenizer.file).items():
        count[token] = len(piece)
    return count


def _hugging_face(tokenizer: Tokenizer) -> Int64s:
    from dataprep.tokenizers.hugging_face import BYTE_OF

    held: dict[str, Any] = json.loads(tokenizer.file.read_text(encoding="utf-8"))
    byte_level = _mentions(held.get("pre_tokenizer"), "ByteLevel") or _mentions(held.get("decoder"), "ByteLevel")
    prefix = (held.get("model") or {}).get("continuing_subword_prefix") or ""
    literal = {token["id"] for token in held.get("added_tokens") or ()}
    count = np.zeros(tokenizer.vocab_size, np.int64)
    for token in range(tokenizer.vocab_size):
        piece = tokenizer.piece(token)
        if token in literal or (byte_level and not all(character in BYTE_OF for character in piece)):
            count[token] = len(piece.encode())
        elif byte_level:
            count[token] = len(piece)  # each character is a byte
        else:
            count[token] = _length(tokenizer, token, piece.removeprefix(prefix))
    return count


def _length(tokenizer: Tokenizer, token: int, piece: str) -> int:
    return 1 if tokenizer.byte(token) is not None else len(piece.replace(_SPACE, " ").encode())


def _mentions(part: Any, kind: str) -> bool:
    """Whether a part of a tokenizer.json is of a kind, or a sequence that holds one."""
    if not isinstance(part, dict):
        return False
    inner = [*(part.get("pretokenizers") or ()), *(part.get("decoders") or ())]
    return part.get("type") == kind or any(_mentions(one, kind) for one in inner)
