"""What dolma's C4 tagger and its mixer do to documents that come in by standard input, under its Python.

    python dolma_c4.py < texts.jsonl > answers.jsonl

One JSON string a line in, one list a line out: the first rule of `RULES` that excludes the document or null, the text
that the mixer writes or null. The tagger and the compiled mixer are those of the installed package; of dolma.core the
tagger needs no more than names to derive from, which stand here: the real one asks for a download when it is imported.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

RULES = ("has_curly_brace", "has_lorem_ipsum", "has_javascript")
"""What configs/c4-replication/mixer.yaml of allenai/dolma 669f534 excludes, in its order, but for language and
offensive words."""
SPANS = ("lines_with_no_ending_punctuation", "lines_with_too_few_words")
"""What it replaces by nothing."""


class Span(NamedTuple):
    """What a tagger says of a part of a document, for sure unless told otherwise."""

    start: int
    end: int
    type: str
    score: float = 1.0


class Base:
    """Stands for classes that the tagger derives from or asks for, and for the registry."""

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


def peer() -> tuple[Any, Any]:
    """(The tagger's module, the mixer's.)"""
    found = importlib.util.find_spec("dolma")
    assert found
    assert found.submodule_search_locations
    home = Path(found.submodule_search_locations[0])
    for name in ("dolma", "dolma.taggers", "dolma.core"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = []
    for name, has in {
        "data_types": {"DocResult": SimpleNamespace, "Document": Base, "Span": Span},
        "registry": {"TaggerRegistry": Base},
        "taggers": {"BaseTagger": Base},
    }.items():
        module = sys.modules[f"dolma.core.{name}"] = ModuleType(f"dolma.core.{name}")
        vars(module).update(has)
    return load(home / "taggers/c4.py", "dolma.taggers.c4"), load(next(home.glob("*.so")), "dolma.dolma")


def config(home: Path) -> dict[str, Any]:
    """For the mixer, as dolma.cli.mixer writes it."""
    name = "$.attributes{}c4_v2__c4_v2__{}"
    at = [name.format("[?(@.", rule) for rule in RULES]
    return {
        "work_dir": {"input": str(home / "in"), "output": str(home / "out")},
        "processes": 1,
        "shuffle": False,
        "streams": [
            {
                "name": "one",
                "documents": [str(home / "documents/*.gz")],
                "attributes": ["c4_v2"],
                "output": {"path": str(home / "made"), "max_size_in_bytes": 1 << 40},
                "compression": {"input": None, "output": None},
                "filter": {
                    "include": [],
                    "exclude": [f"{a} && {a[15:]}[0] && {a[15:]}[0][2] > 0.5)]" for a in at],
                    "syntax": "jsonpath",
                },
                "span_replacement": [
                    {"span": name.format(".", span), "min_score": 0.5, "replacement": "", "syntax": "jsonpath"}
                    for span in SPANS
                ],
            }
        ],
    }


def main() -> None:
    tagger, mixer = peer()
    texts = [json.loads(line) for line in sys.stdin]
    reasons: list[str | None] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("documents", "attributes/c4_v2", "in", "out", "made"):
            (home / name).mkdir(parents=True)
        with (
            gzip.open(home / "documents/0.gz", "wt") as documents,
            gzip.open(home / "attributes/c4_v2/0.gz", "wt") as attributes,
        ):
            for i, text in enumerate(texts):
                spans = tagger.FasterC4Tagger().predict(SimpleNamespace(text=text)).spans
                told: dict[str, list[Any]] = {}
                for span in spans:
                    told.setdefault(f"c4_v2__c4_v2__{span.type}", []).append([span.start, span.end, float(span.score)])
                reasons.append(next((r for r in RULES if f"c4_v2__c4_v2__{r}" in told), None))
                print(json.dumps({"id": str(i), "text": text, "source": "x"}), file=documents)
                print(json.dumps({"id": str(i), "attributes": told}), file=attributes)
        mixer.mixer_entrypoint(json.dumps(config(home)))
        (made,) = (home / "made").rglob("*.gz")
        rows = map(json.loads, gzip.decompress(made.read_bytes()).decode().splitlines())
        left = {int(row["id"]): row["text"] for row in rows}
    for i, reason in enumerate(reasons):
        assert (reason is None) == (i in left), (i, reason, texts[i])
        print(json.dumps([reason, left.get(i)]))


if __name__ == "__main__":
    main()
