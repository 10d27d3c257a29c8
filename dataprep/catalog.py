"""Name -> class, from file names. The file system is the registry.

`dataprep/stages/quality/gopher_quality.py` holds the stage `gopher_quality`, class `GopherQuality`. Stages of your own
live in folders named by the environment variable `DATAPREP_STAGES` (separated by `:`), one file each.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from dataprep.errors import UsageError, did_you_mean
from dataprep.stage import Source, Stage, snake_case

_HERE = Path(__file__).parent
C = TypeVar("C")


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


@cache
def _files(kind: str, extra: str) -> dict[str, Path]:
    folders = [_HERE / kind, *(Path(p) for p in extra.split(":") if p)]
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"DATAPREP_STAGES: {folder} is not a folder")
        for path in sorted(folder.rglob("*.py")):
            if path.stem.startswith("_") or not _defines(path):
                continue
            if path.stem in found:
                raise UsageError(f"{path}: there is already a stage '{path.stem}' in {found[path.stem]}; rename one")
            found[path.stem] = path
    return found


def _defines(path: Path) -> bool:
    # Looked up in the syntax tree, so that listing names imports nothing.
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError) as error:
        line = f" line {error.lineno}:" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UsageError(f"{path}:{line} not Python: {getattr(error, 'msg', error)}") from error
    names = {node.name for node in body if isinstance(node, ast.ClassDef)}
    return any(snake_case(name) == path.stem for name in names)


def _load(path: Path) -> ModuleType:
    if path.is_relative_to(_HERE):
        return importlib.import_module("dataprep." + ".".join(path.relative_to(_HERE).with_suffix("").parts))
    name = f"dataprep_stage_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            told = " ".join(str(error).split())
            raise UsageError(f"{path}: can't be imported: {type(error).__name__}: {told}") from error
    return sys.modules[name]


def _find(files: dict[str, Path], name: str, base: type[C], what: str) -> type[C]:
    if name not in files:
        raise UsageError(f"unknown {what} '{name}'{did_you_mean(name, files)}")
    for value in vars(_load(files[name])).values():
        if isinstance(value, type) and issubclass(value, base) and snake_case(value.__name__) == name:
            return value
    raise UsageError(f"{files[name]}: must define class {_class_name(name)}, a {base.__name__}")


def stage_names() -> list[str]:
    """Every stage, sorted."""
    return sorted(_files("stages", os.environ.get("DATAPREP_STAGES", "")))


def stage(name: str) -> type[Stage]:
    """The class of a stage. Raises UsageError with the nearest name if there is none."""
    return _find(_files("stages", os.environ.get("DATAPREP_STAGES", "")), name, Stage, "stage")


def stage_group(name: str) -> str:
    """The folder a stage lives in: `quality`, `dedup`."""
    return _files("stages", os.environ.get("DATAPREP_STAGES", ""))[name].parent.name


def own_file(cls: type) -> str | None:
    """sha256 of the file of a stage from `DATAPREP_STAGES`; None for one of ours, whose `version` tells of changes."""
    path = Path(sys.modules[cls.__module__].__file__ or "")
    return None if path.is_relative_to(_HERE) else hashlib.sha256(path.read_bytes()).hexdigest()


def source_names() -> list[str]:
    """Every kind of source, sorted."""
    return sorted(_files("sources", ""))


def source(name: str) -> type[Source]:
    """The class of a source. Raises UsageError with the nearest name if there is none."""
    return _find(_files("sources", ""), name, Source, "source")


def source_for(path: str) -> str | None:
    """The kind of source whose longest suffix fits this path, or None."""
    best: tuple[str, str | None] = ("", None)
    for name in source_names():
        for suffix in source(name).suffixes:
            if path.lower().endswith(suffix) and len(suffix) > len(best[0]):
                best = (suffix, name)
    return best[1]
