"""dolma's taggers as they are: of dolma.core they need no more than names to derive from, which stand here.

The real ones ask for downloads when they are imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple


class Span(NamedTuple):
    """What a tagger says of a part of a document, for sure unless told otherwise."""

    start: int
    end: int
    type: str
    score: float = 1.0


class Base:
    """Stands for classes that taggers derive from or only name, and for the registry."""

    @staticmethod
    def add(name: str) -> Callable[[type], type]:
        return lambda cls: cls


def load(path: Path, name: str) -> Any:
    """The module in this file."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def tagger(package: Path, name: str) -> Any:
    """The module dolma.taggers.`name` of the package in this folder."""
    for parent in ("dolma", "dolma.taggers", "dolma.core"):
        sys.modules[parent] = ModuleType(parent)
        sys.modules[parent].__path__ = []
    for part, has in {
        "data_types": {"DocResult": SimpleNamespace, "Document": Base, "Span": Span},
        "registry": {"TaggerRegistry": Base},
        "taggers": {"BaseTagger": Base},
    }.items():
        module = sys.modules[f"dolma.core.{part}"] = ModuleType(f"dolma.core.{part}")
        vars(module).update(has)
    return load(package / f"taggers/{name}.py", f"dolma.taggers.{name}")
