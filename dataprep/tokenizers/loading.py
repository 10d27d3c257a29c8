"""A tokenizer from a file or from the folder that `train-tokenizer` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataprep.errors import InputError
from dataprep.store import file_sha256
from dataprep.tokenizers.exactness import first_difference
from dataprep.tokenizers.library import Fast, Library, Recipe
from dataprep.tokenizers.tokenizer import Tokenizer

CARD = "tokenizer.yaml"
"""Beside a trained tokenizer: how it was made."""
FILES = ("tokenizer.model", "tokenizer.json", "tokenizer.tiktoken")
"""What a folder holds, by the name that `train-tokenizer` and `tokenize` give it."""
_SHOWN = 40


def load(path: str | Path) -> Tokenizer:
    """The tokenizer in a `.model`, `.json` or `.tiktoken` file, or in a folder that holds one.

    Takes about half a second: the fast backend is made and compared with the library. Nothing is ever downloaded.
    Raises InputError, one line, for what is missing, damaged or of no known kind.
    """
    file = _file(Path(path))
    sha256 = file_sha256(file)
    files = [file]
    card = file.parent / CARD
    if file.name in FILES and card.is_file():
        _check(card, file, sha256)
        files.append(card)
    library, beside = _library(file)
    recipe = library.recipe()
    fast, why_slow = _fast(library, recipe)
    files += [path for path in beside if path not in files]
    return Tokenizer(file, tuple(files), sha256, library, fast, recipe.literals, why_slow)


def _file(path: Path) -> Path:
    if path.is_dir():
        card = path / CARD
        made = _read_card(card).get("file") if card.is_file() else None
        for name in sorted(FILES, key=lambda name: name != made):  # of several the one that the card describes
            if (path / name).is_file():
                return path / name
        raise InputError(f"{path}: a folder without {', '.join(FILES[:-1])} or {FILES[-1]}; name the tokenizer's file")
    if path.is_file():
        return path
    if not path.suffix:
        raise InputError(
            f"{path}: no such file or folder; `dataprep train-tokenizer` makes one; a tokenizer known by name "
            "would need the network: download its .model, tokenizer.json or .tiktoken and give that file"
        )
    raise InputError(f"{path}: no such file")


def _check(card: Path, file: Path, sha256: str) -> None:
    """A tokenizer that differs from what its card says is refused."""
    held = _read_card(card)
    expected = held.get("sha256")
    if held.get("file") == file.name and expected != sha256:
        raise InputError(
            f"{file}: not the file that {card.name} describes: sha256 is {sha256[:16]}…, must be {expected}"
        )


def _read_card(card: Path) -> dict[str, Any]:
    import yaml

    try:
        held = yaml.safe_load(card.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{card}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(held, dict):
        raise InputError(f"{card}: must be a mapping")
    return held


def _library(file: Path) -> tuple[Library, tuple[Path, ...]]:
    """What the reference library makes of a file, and the other files that say something about it."""
    suffix = file.suffix.lower()
    if suffix == ".model":
        from dataprep.tokenizers.sentencepiece_model import SentencePiece

        return SentencePiece(file), ()
    if suffix == ".json":
        from dataprep.tokenizers.hugging_face import HuggingFace

        hugging_face = HuggingFace(file)
        return hugging_face, hugging_face.beside
    if suffix == ".tiktoken":
        from dataprep.tokenizers.tiktoken_ranks import Tiktoken

        tiktoken = Tiktoken(file)
        return tiktoken, tiktoken.beside
    raise InputError(f"{file}: not a tokenizer: must be a .model, .json or .tiktoken file")


def _fast(library: Library, recipe: Recipe) -> tuple[Fast | None, str]:
    """The fast backend if there is one and it is exact, else why not."""
    if recipe.make is None:
        return None, recipe.why_not
    try:
        fast = recipe.make()
        differences = [first_difference(one, library, list(library.special), recipe.literals) for one in fast.each()]
    except ImportError:
        return None, "gigatoken is not installed"
    except BaseException as error:  # a panic in Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return None, f"the fast backend can't use it: {' '.join(str(error).split())}"
    for odd in differences:
        if odd is None:
            continue
        shown = odd if len(odd) <= _SHOWN else f"{odd[:_SHOWN]}…"
        return None, f"the fast backend gives other ids for {shown!r}"
    return fast, ""
