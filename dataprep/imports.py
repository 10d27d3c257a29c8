"""What a module reaches by imports, read from the sources: nothing is imported to know it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent.parent


class _Source(ast.NodeVisitor):
    """What one file imports, at its top or in a function, and which attributes it reads."""

    def __init__(self, path: Path) -> None:
        self.imports: set[str] = set()
        self.views: dict[str, set[str]] = {}
        """Imports within a property, by its name."""
        self.read: set[str] = set()
        self.visit(ast.parse(path.read_bytes()))

    def visit_Import(self, node: ast.Import) -> None:
        self.imports |= {name for alias in node.names for name in _with_packages(alias.name)}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        # What is imported from a package may be a module, and no harm is done if it is none.
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        self.imports |= {name for full in names for name in _with_packages(full)}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outside, self.imports = self.imports, set()
        self.generic_visit(node)
        inside, self.imports = self.imports, outside
        if any(isinstance(by, ast.Name) and by.id == "property" for by in node.decorator_list):
            self.views[node.name] = inside
        else:
            self.imports |= inside

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.read.add(node.attr)
        self.generic_visit(node)


def _with_packages(name: str) -> Iterator[str]:
    """`a`, `a.b`, `a.b.c` for `a.b.c`: importing a module imports the packages it is in."""
    parts = name.split(".")
    return (".".join(parts[: n + 1]) for n in range(len(parts)))


_source = cache(_Source)


def _file(module: str) -> Path | None:
    """The source of a module of ours, or of a stage of the user's that is loaded."""
    if module.partition(".")[0] != "dataprep":
        loaded = getattr(sys.modules.get(module), "__file__", None)
        return Path(loaded) if loaded else None
    path = _ROOT.joinpath(*module.split("."))
    return next((p for p in (path / "__init__.py", path.with_suffix(".py")) if p.exists()), None)


def reached(modules: Iterable[str]) -> set[str]:
    """Modules of this package within reach of these, which are ours or stages that are loaded. About 0.1 s.

    Every import counts, wherever it stands; one in a property, as the views of `Documents` have it, only where
    something within reach reads an attribute of that name.
    """
    found: set[str] = set()
    read: set[str] = set()
    views: list[tuple[str, set[str]]] = []
    left = {name for module in modules for name in _with_packages(module)}
    while left:
        for module in left:
            if (path := _file(module)) is not None:
                source = _source(path)
                read |= source.read
                views += source.views.items()
        found |= left
        imported = {name for module in left if (path := _file(module)) for name in _source(path).imports}
        imported |= {name for view, names in views if view in read for name in names}
        left = {name for name in imported if name.startswith("dataprep.")} - found
    return {name for name in found if name.startswith("dataprep.")}
