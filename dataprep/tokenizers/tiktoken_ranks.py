"""tiktoken: a `.tiktoken` file of ranks, and what such a file does not say.

The pattern that splits text and the special tokens are code in tiktoken, not data. They come from `NAME.yaml` beside
`NAME.tiktoken`:

    encoding: cl100k_base            # pattern and special tokens of an encoding that tiktoken knows; or
    pattern: "..."                   # a regular expression of your own
    special: {"<|endoftext|>": 100257}
    bos, eos, unk, pad: "<|endoftext|>"     # which special token is which, each optional

Without that file, a name that tiktoken knows (`cl100k_base.tiktoken`) says it all. Nothing is downloaded. Text is
encoded as by `encode_ordinary`: special tokens are never found in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from dataprep.errors import InputError, did_you_mean
from dataprep.tokenizers.fast import Gigatoken
from dataprep.tokenizers.library import Ids, Recipe

SCHEMES = {"r50k_base": "gpt2", "cl100k_base": "gpt4", "o200k_base": "o200k"}
"""Encodings of tiktoken by what gigatoken calls their pattern."""
ROLES = ("bos", "eos", "unk", "pad")
_KEYS = ("encoding", "pattern", "special", *ROLES)
_END = "<|endoftext|>"


class Tiktoken:
    """A file of ranks, encoded with by `tiktoken` itself."""

    kind = "tiktoken"

    def __init__(self, path: Path) -> None:
        import tiktoken

        self._path = path
        said, self.beside = _said(path)
        known = encodings()
        name = said.get("encoding", path.stem if "pattern" not in said else None)
        if name is not None and name not in known:
            raise InputError(_unknown(path, name, sorted(known), bool(self.beside)))
        about = known[name] if name is not None else {"pat_str": "", "special_tokens": {}}
        self._pattern: str = said.get("pattern", about["pat_str"])
        self.special = {
            str(literal): int(token) for literal, token in said.get("special", about["special_tokens"]).items()
        }
        held = ranks(path)
        try:
            self._encoding = tiktoken.Encoding(
                path.stem, pat_str=self._pattern, mergeable_ranks=held, special_tokens=self.special
            )
        except Exception as error:  # the pattern is compiled in Rust, which raises what it likes
            raise InputError(f"{path}: tiktoken can't use it: {' '.join(str(error).split())}") from error
        self.vocab_size = self._encoding.n_vocab
        roles = []
        for role in ROLES:
            literal = said.get(role, _END if role == "eos" and _END in self.special else None)
            if literal is not None and literal not in self.special:
                raise InputError(
                    f"{path.stem}.yaml: {role} is not a special token{did_you_mean(literal, self.special)}"
                )
            roles.append(None if literal is None else self.special[literal])
        self.bos, self.eos, self.unk, self.pad = roles

    def encode(self, texts: Sequence[bytes]) -> list[Ids]:
        return [np.array(self._encoding.encode_ordinary(text.decode()), np.uint32) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return self._encoding.decode(list(ids))

    def piece(self, token: int) -> str:
        try:
            return self._encoding.decode_single_token_bytes(token).decode(errors="backslashreplace")
        except KeyError:
            return ""  # a number between ranks and special tokens that nothing has

    def byte(self, token: int) -> int | None:
        return None  # every token is bytes; none is a fallback

    def recipe(self) -> Recipe:
        scheme = next((SCHEMES[name] for name, known in encodings().items() if known["pat_str"] == self._pattern), None)
        if scheme is None:
            return Recipe(None, "gigatoken does not know its pattern")
        return Recipe(partial(Gigatoken, partial(_backend, self._path, scheme)))


def _backend(path: Path, scheme: str) -> Any:
    from gigatoken.gigatoken_rs import BPETokenizer

    return BPETokenizer.from_tiktoken(path, scheme, {})


def encodings() -> dict[str, dict[str, Any]]:
    """Pattern and special tokens of the encodings that tiktoken defines, by name, without their ranks."""
    from tiktoken_ext import openai_public

    # tiktoken's own definitions, run with a loader of ranks that loads none: its own would download them.
    names = {**vars(openai_public), "load_tiktoken_bpe": lambda *_, **__: {}}
    return {name: FunctionType(getattr(openai_public, name).__code__, names)() for name in SCHEMES}


def _said(path: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """What `NAME.yaml` beside the ranks says, and that file if it exists."""
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        return {}, ()
    import yaml

    try:
        said = yaml.safe_load(beside.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{beside}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(said, dict):
        raise InputError(f"{beside}: must be a mapping of {', '.join(_KEYS)}")
    for key in said:
        if key not in _KEYS:
            raise InputError(f"{beside}: unknown setting '{key}'{did_you_mean(str(key), _KEYS)}")
    special = said.get("special", {})
    if not isinstance(special, dict) or not all(type(token) is int for token in special.values()):
        raise InputError(f"{beside}: special must map literals to ids")
    for role in (*ROLES, "encoding", "pattern"):
        if role in said and not isinstance(said[role], str):
            raise InputError(f"{beside}: {role}: must be text (got {said[role]!r})")
    return said, (beside,)


def _unknown(path: Path, name: str, known: list[str], said: bool) -> str:
    if said:
        return f"{path.with_suffix('.yaml')}: encoding '{name}' is not known here{did_you_mean(name, known)}"
    return (
        f"{path}: a file of ranks has no pattern and no special tokens, and tiktoken would need the network for those "
        f"of '{name}'; say them in {path.with_suffix('.yaml').name} beside it (encoding: one of {', '.join(known)}; or "
        "pattern and special)"
    )


def ranks(path: Path) -> dict[bytes, int]:
    """Piece -> rank. Raises InputError if the file is not one of ranks."""
    import base64

    found = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line:
            continue
        piece, _, rank = line.partition(b" ")
        try:
            found[base64.b64decode(piece, validate=True)] = int(rank)
        except ValueError:
            raise InputError(f"{path}: line {number} is not a piece in base64 and its rank") from None
    missing = sum(bytes([byte]) not in found for byte in range(256))
    if missing:
        raise InputError(f"{path}: {missing} of 256 bytes have no rank; it is not a whole file of ranks")
    return found
