"""Tokenizers of the `tokenizers` library: a `tokenizer.json` of any model it has.

That library finds special tokens in text unless told not to: here it is told not to, so their literals are ordinary
text. Added tokens that are not special are pieces of text and are found. Its post-processor (BOS, EOS, templates), its
truncation and padding are not used: what is added to a document is said by whoever encodes.

Which tokens are BOS, EOS, UNK and PAD, a `tokenizer.json` does not say. `tokenizer.yaml` of `train-tokenizer` or
`tokenizer_config.json` beside it does; else the usual names are looked up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dataprep.errors import InputError
from dataprep.tokenizers import training
from dataprep.tokenizers.fast import Gigatoken, from_json
from dataprep.tokenizers.library import Fast, Ids, Recipe

USUAL = {
    "bos": ("<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "[CLS]"),
    "eos": ("</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "[SEP]"),
    "unk": ("<unk>", "[UNK]", "<|unk|>"),
    "pad": ("<pad>", "[PAD]", "<|pad|>", "<|padding|>"),
}
"""Literals by role, looked up in this order where nothing beside the file says better."""


PATTERNS = {training.pattern(split_digits=True): 1, training.pattern(split_digits=False): 3}
"""How words are split, for which there is a kernel: by the digits that make one at most."""


class HuggingFace:
    """A `tokenizer.json`, encoded with by `tokenizers` itself."""

    kind = "hf"

    def __init__(self, path: Path) -> None:
        # Parallelism is by worker; and threads of a parent process do not survive into a forked one.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer

        try:
            text = path.read_text(encoding="utf-8")
            self._held: dict[str, Any] = json.loads(text)
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise InputError(f"{path}: not a tokenizer.json: {' '.join(str(error).split())}") from error
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocab_size = max(vocabulary.values(), default=-1) + 1
        if not self.vocab_size:
            raise InputError(f"{path}: a tokenizer without tokens")
        added = [token for token in self._held.get("added_tokens") or () if isinstance(token, dict)]
        self.special = {token["content"]: token["id"] for token in added if token.get("special")}
        self._found = tuple(token["content"] for token in added if not token.get("special"))
        self._bytes = {vocabulary[piece]: byte for byte in range(256) if (piece := f"<0x{byte:02X}>") in vocabulary}
        if not (self._held.get("model") or {}).get("byte_fallback"):
            self._bytes = {}
        named, self.beside = _named(path)
        roles = {
            role: next((vocabulary[name] for name in (named.get(role), *usual) if name in vocabulary), None)
            for role, usual in USUAL.items()
        }
        self.bos, self.eos, self.unk, self.pad = (roles[role] for role in USUAL)

    def encode(self, texts: Sequence[bytes]) -> list[Ids]:
        found = self._tokenizer.encode_batch_fast([text.decode() for text in texts], add_special_tokens=False)
        return [np.array(encoding.ids, np.uint32) for encoding in found]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def piece(self, token: int) -> str:
        return str(self._tokenizer.id_to_token(token) or "")

    def byte(self, token: int) -> int | None:
        return self._bytes.get(token)

    def recipe(self) -> Recipe:
        """The same `tokenizer.json` without its special tokens and without what it adds around a text."""
        model = self._held.get("model") or {}
        if model.get("type") != "BPE":
            return Recipe(None, f"it is a {model.get('type', 'strange')} model, not BPE")
        kept = [token for token in self._held.get("added_tokens") or () if not token.get("special")]
        held = {**self._held, "added_tokens": kept, "post_processor": None, "truncation": None, "padding": None}
        digits = _digits(self._held)
        make = partial(Gigatoken, from_json(json.dumps(held, ensure_ascii=False)))
        if digits is None:
            return Recipe(make, "", self._found)
        return Recipe(partial(self._kernel, digits, make), "", self._found)

    def _kernel(self, digits: int, other: Callable[[], Fast]) -> Fast:
        from dataprep.text.byte_pieces import merges
        from dataprep.tokenizers.fast import BytePieces

        model = self._held["model"]
        special = set(self.special.values())
        tokens = {_bytes(piece): i for piece, i in model["vocab"].items() if i not in special}
        pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
        try:
            table = merges(tokens, [(_bytes(left), _bytes(right)) for left, right in pairs], self.vocab_size)
        except (ValueError, KeyError):
            return other()
        try:
            return BytePieces(table, digits, other())
        except ImportError:
            return BytePieces(table, digits, None)


def _digits(held: dict[str, Any]) -> int | None:
    """Digits that make a word at most, in a byte-level BPE whose words are those of the kernel; None for another."""
    model = held.get("model") or {}
    unusual = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges", "byte_fallback")
    if held.get("normalizer") is not None or any(model.get(key) for key in unusual):
        return None
    parts = (held.get("pre_tokenizer") or {}).get("pretokenizers") or []
    if [part.get("type") for part in parts] != ["Split", "ByteLevel"]:
        return None
    split, byte_level = parts
    if split.get("behavior") != "Isolated" or split.get("invert"):
        return None
    if byte_level.get("add_prefix_space") or byte_level.get("use_regex"):
        return None
    return PATTERNS.get(str((split.get("pattern") or {}).get("Regex")))


BYTE_OF = {
    **{chr(byte): byte for byte in (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))},
    **{chr(0x100 + n): byte for n, byte in enumerate((*range(0x21), *range(0x7F, 0xA1), 0xAD))},
}
"""Byte-level BPE writes each byte as a character: visible Latin-1 as it is, others from U+0100 on."""


def _bytes(piece: str) -> bytes:
    """The bytes of a token of byte-level BPE. Raises KeyError if it is none."""
    return bytes(BYTE_OF[character] for character in piece)


def _named(path: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """Literals of BOS, EOS, UNK and PAD that a file beside a `tokenizer.json` states, and that file."""
    card, config = path.parent / "tokenizer.yaml", path.parent / "tokenizer_config.json"
    if path.name == "tokenizer.json" and card.is_file():
        import yaml

        held = yaml.safe_load(card.read_text())
        roles = held.get("roles") if isinstance(held, dict) else None
        return {role: str(name) for role, name in (roles or {}).items() if name is not None}, (card,)
    if path.name == "tokenizer.json" and config.is_file():
        try:
            held = json.loads(config.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{config}: not valid JSON: {error}") from error
        named = {role: held.get(f"{role}_token") for role in USUAL}
        contents = {role: name.get("content") if isinstance(name, dict) else name for role, name in named.items()}
        return {role: str(name) for role, name in contents.items() if name is not None}, (config,)
    return {}, ()
