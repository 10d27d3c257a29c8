"""What is within reach by imports: wherever they stand, and a view of the documents only where it is read."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dataprep import catalog
from dataprep.imports import reached

PACKAGE = Path(catalog.__file__).parent
READS_DOCUMENTS = "from dataprep.documents import Documents\n"


@pytest.mark.parametrize(
    ("source", "within", "without"),
    [
        ("import dataprep.text.lines", {"lines", "hashes", "utf8"}, {"words", "graph"}),
        ("from dataprep.text import lines", {"lines", "hashes"}, {"words"}),
        ("from dataprep.text.lines import lines", {"lines", "hashes"}, {"words"}),
        ("def f():\n    if True:\n        from dataprep.text import graph", {"graph", "hashes"}, {"lines"}),
        ("class A:\n    async def f(self):\n        import dataprep.text.graph", {"graph"}, {"lines"}),
        ("import dataprep.tokenizers.loading", {"pieces"}, {"lines"}),
        (READS_DOCUMENTS, set(), {"words", "lines", "sentences", "spacy_chunks"}),
        (READS_DOCUMENTS + "def f(docs):\n    return docs.words", {"words", "lower_case"}, {"lines", "spacy_chunks"}),
        (READS_DOCUMENTS + "def f(docs):\n    return docs.spacy_words.hash", {"spacy_chunks"}, {"sentences"}),
        ("import json", set(), {"words", "lines"}),
    ],
)
def test_wherever_an_import_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, within: set[str], without: set[str]
) -> None:
    made = ModuleType("a_stage")
    made.__file__ = str(tmp_path / "a_stage.py")
    (tmp_path / "a_stage.py").write_text(source)
    monkeypatch.setitem(sys.modules, "a_stage", made)
    found = reached(["a_stage"])
    assert {f"dataprep.text.{name}" for name in within} <= found
    assert not {f"dataprep.text.{name}" for name in without} & found


@pytest.mark.parametrize("module", ["dataprep.executors.local", "dataprep.cli.train_lm", "dataprep.tokenizers"])
def test_what_python_loads_is_within_reach(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in sys.modules if name.startswith('dataprep.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert module in loaded
    assert set(loaded) <= reached([module])


def test_nothing_is_imported_by_a_name_that_is_made() -> None:
    """Sources would not show what it is. The catalog loads stages, which a plan names; the sandbox one of them."""
    made = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if (isinstance(node, ast.Attribute) and node.attr == "import_module")
        or (isinstance(node, ast.Name) and node.id in ("import_module", "__import__"))
    }
    assert made == {"catalog.py", "cli/main.py", "sandbox.py", "sample_web/standard_library.py", "text/warmup.py"}
