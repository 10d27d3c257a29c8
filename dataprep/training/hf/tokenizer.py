"""Tokenizer files as transformers reads them; a SentencePiece BPE also as a tokenizer.json, if it is equal."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dataprep.errors import InputError
from dataprep.text.spans import text_buffers
from dataprep.tokenizers import Tokenizer, exactness, load
from dataprep.tokenizers.sentencepiece_model import (
    BYTE,
    CONTROL,
    NORMAL,
    SPACE,
    UNKNOWN,
    USER_DEFINED,
    Specification,
    read,
)
from dataprep.training.hf.folder import write_json

JSON: Final = "tokenizer.json"
CONFIG: Final = "tokenizer_config.json"
KEPT: Final = (
    JSON,
    CONFIG,
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
"""What a folder of transformers may hold of a tokenizer."""
_BPE: Final = 2


def write(tokenizer: Tokenizer, special: Mapping[str, int | None], context: int, folder: Path) -> str:
    """Write a tokenizer's files; in one line, what was written. `special` gives the ids of `bos`, `eos`, `pad`."""
    if tokenizer.kind == "hf":
        shutil.copyfile(tokenizer.file, folder / JSON)
        _write_config(tokenizer, special, context, folder)
        return f"{JSON} and {CONFIG}"
    if tokenizer.kind == "tiktoken":
        for file in tokenizer.files:
            shutil.copyfile(file, folder / file.name)
        return f"{tokenizer.file.name} alone: transformers reads no ranks; load it with tiktoken"
    shutil.copyfile(tokenizer.file, folder / "tokenizer.model")
    why_not = _convert(tokenizer, special, folder / JSON)
    if why_not:
        return f"tokenizer.model alone, no {JSON}: {why_not}; load it with sentencepiece"
    _write_config(tokenizer, special, context, folder)
    return f"tokenizer.model, {JSON} (the same ids on {len(_samples())} sample texts) and {CONFIG}"


def _write_config(tokenizer: Tokenizer, special: Mapping[str, int | None], context: int, folder: Path) -> None:
    roles = {**special, "unk": tokenizer.unk}
    tokens = {f"{role}_token": tokenizer.piece(token) for role, token in roles.items() if token is not None}
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **tokens,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    write_json(folder / CONFIG, said)


# ---------------------------------------------------------------- SentencePiece


def _convert(tokenizer: Tokenizer, special: Mapping[str, int | None], path: Path) -> str:
    """Write the tokenizer.json of a SentencePiece model; why there can be none, empty if it is written."""
    said = read(tokenizer.file.read_bytes())
    if said.model_type != _BPE or not said.byte_fallback:
        return "only BPE with byte fallback is converted"
    if said.character_map or said.suffix or said.remove_extra_spaces or not said.escape_spaces:
        return "it changes its text in ways that are not converted"
    write_json(path, tokenizer_json(said))
    try:
        made = load(path)
    except InputError:
        path.unlink()
        return "the conversion can't be read"
    differs = _difference(tokenizer, made.reference)
    if differs is not None:
        path.unlink()
        return f"its ids would differ, as in {differs[:40]!r}"
    return ""


def _samples() -> list[str]:
    """Texts without U+2581, which a tokenizer.json can't tell from a space."""
    return [text for text in exactness.probes([]) if SPACE not in text and text]


def _difference(one: Tokenizer, other: Tokenizer) -> str | None:
    texts = _samples()
    batch = text_buffers(pa.array(texts, pa.large_string()))
    left, right = one.encode(batch), other.encode(batch)
    for n, text in enumerate(texts):
        a, b = (e.ids[e.offsets[n] : e.offsets[n + 1]] for e in (left, right))
        if not np.array_equal(a, b):
            return text
    return None


def tokenizer_json(said: Specification) -> dict[str, Any]:
    """A SentencePiece BPE in the tokenizers library's format.

    SentencePiece joins the pair whose result has the highest score, the leftmost of several; that library the pair
    that comes first in its list. So pairs are listed by the score of what they make.
    """
    vocabulary = {piece: n for n, (piece, _, _) in enumerate(said.pieces)}
    joinable = {piece for piece, _, kind in said.pieces if kind == NORMAL}
    ranked = sorted(
        ((score, n, piece) for n, (piece, score, kind) in enumerate(said.pieces) if kind == NORMAL and len(piece) > 1),
        key=lambda entry: (-entry[0], entry[1]),
    )
    merges = [
        [piece[:cut], piece[cut:]]
        for _, _, piece in ranked
        for cut in range(1, len(piece))
        if piece[:cut] in joinable and piece[cut:] in joinable
    ]
    added = [
        {
            "id": n,
            "content": piece if kind in (CONTROL, UNKNOWN) else piece.replace(SPACE, " "),
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind in (CONTROL, UNKNOWN),
        }
        for n, (piece, _, kind) in enumerate(said.pieces)
        if kind in (CONTROL, UNKNOWN, USER_DEFINED)
    ]
    unknown = next((piece for piece, _, kind in said.pieces if kind == UNKNOWN), None)
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    steps = [{"type": "Prepend", "prepend": SPACE}, spaces] if said.dummy_prefix else [spaces]
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if said.dummy_prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": unknown,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": any(kind == BYTE for _, _, kind in said.pieces),
        "ignore_merges": False,
        "vocab": vocabulary,
        "merges": merges,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": model,
    }
