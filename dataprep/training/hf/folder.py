"""A folder with weights as safetensors: written whole or not at all, in files of bounded size, and read again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataprep.errors import InputError, UsageError
from dataprep.store import fsync, json_bytes, output_error

if TYPE_CHECKING:
    from torch import Tensor

FILE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
LIMIT: Final = 5 * 10**9
"""Most bytes of a file of weights: what transformers has kept to for years."""


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A hidden folder beside `path` that takes its name on leaving; on an error nothing is left of it.

    Raises UsageError if `path` exists and is not an empty folder, OutputError if it can't be written.
    """
    final = Path(path)
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise UsageError(f"{final}: exists and is not an empty folder; choose another --output or remove it")
    partial = final.parent / f".{final.name}.{secrets.token_hex(6)}.tmp"
    try:
        partial.mkdir(parents=True)
        yield partial
        for file in partial.rglob("*"):
            fsync(file)
        fsync(partial)
        os.replace(partial, final)
        fsync(final.parent)
    except OSError as error:
        raise output_error(str(final), error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    path.write_bytes(json_bytes(value))


def write(folder: Path, tensors: Callable[[], Iterable[tuple[str, Tensor]]], limit: int = LIMIT) -> list[str]:
    """Write tensors as they come, in files of at most `limit` bytes (or one tensor); the files' names.

    `tensors` is called twice: once to see sizes, once to write. At most one file's tensors are held.
    """
    from safetensors.torch import save_file

    files: list[dict[str, int]] = [{}]
    for name, tensor in tensors():
        size = tensor.numel() * tensor.element_size()
        if files[-1] and sum(files[-1].values()) + size > limit:
            files.append({})
        files[-1][name] = size
    count = len(files)
    names = [FILE] if count == 1 else [f"model-{n:05d}-of-{count:05d}.safetensors" for n in range(1, count + 1)]
    coming = iter(tensors())
    for file, held in zip(names, files, strict=True):
        part = dict(next(coming) for _ in held)
        assert part.keys() == held.keys()
        try:
            save_file({name: tensor.contiguous() for name, tensor in part.items()}, folder / file, {"format": "pt"})
        except Exception as error:  # the library has errors of its own for a disk that is full
            if isinstance(error, OSError):
                raise
            raise OSError(getattr(error, "errno", None) or 5, " ".join(str(error).split())) from error
    if count > 1:
        where = {name: file for file, held in zip(names, files, strict=True) for name in held}
        total = sum(sum(held.values()) for held in files)
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": where})
    return names if count == 1 else [*names, INDEX]


def read(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, mapped. Raises InputError for a file that is missing or damaged, and for pickles."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    index = folder / INDEX
    if index.is_file():
        where = read_json(index).get("weight_map")
        if not isinstance(where, dict):
            raise InputError(f"{index}: has no weight_map; download it again")
        files = sorted(set(where.values()))
    elif (folder / FILE).is_file():
        files = [FILE]
    else:
        raise InputError(_nothing(folder))
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(folder / file)
        except FileNotFoundError:
            raise InputError(f"{folder / file}: does not exist, and {INDEX} lists it; download it") from None
        except (SafetensorError, OSError) as error:
            raise InputError(
                f"{folder / file}: can't be read ({' '.join(str(error).split())}); copy it again"
            ) from error
    return tensors


def read_json(path: Path) -> dict[str, Any]:
    """Raises InputError if it is not there or not a mapping."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: can't be read ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: must be a mapping")
    return value


def _nothing(folder: Path) -> str:
    pickles = sorted(path.name for path in folder.glob("*.bin")) + sorted(path.name for path in folder.glob("*.pt*"))
    if not pickles:
        return f"{folder}: holds no {FILE} and no {INDEX}"
    return (
        f"{folder}: {pickles[0]} is a pickle, which can run any code when it is read, and is not read here; take the "
        "model's safetensors, or convert it where you trust it: "
        "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)"
    )
