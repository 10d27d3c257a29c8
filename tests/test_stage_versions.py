"""Output that changes must raise `version`, or results made before are silently stale: stages and kernels alike.

`golden/stage_outputs.json` holds for each stage its version and a digest of what it makes of odd text. A stage whose
output is another one under the same version fails here. `make docs` brings the file up to date.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from chain import apply, parts
from odd_text import PIECES
from test_every_stage import ODD_TEXTS, example_configs

from dataprep import catalog, schema
from dataprep.documents import Documents, documents
from dataprep.plan import package_version
from dataprep.stage import Composite, Stage

GOLDEN = Path(__file__).parent / "golden/stage_outputs.json"
ROWS = 400
STAGES = [
    name
    for name in catalog.stage_names()
    if not issubclass(cls := catalog.stage(name), Composite) and example_configs(cls) and catalog.own_file(cls) is None
]


def _documents(stage: Stage) -> Documents:
    rng = random.Random(0)
    made = ["".join(rng.choices(PIECES, k=rng.choice([3, 30, 300]))) for _ in range(ROWS)]
    texts = [*ODD_TEXTS, *made, *rng.choices(made, k=50)]
    columns: dict[str, list[Any]] = {
        schema.TEXT: texts,
        schema.HTML: [f"<title>t</title><nav>menu</nav><main><p>{t.replace(chr(0), '')}</main>" for t in texts],
        schema.LANGUAGE: [("en", "zh", "und", None)[n % 4] for n in range(len(texts))],
    }
    urls = [f"https://{'例.cn' if n % 3 else 'EXAMPLE.org:443'}/{n % 7}?utm_source={n}#{n}" for n in range(len(texts))]
    for name in stage.needs():
        if name != schema.ID:
            columns.setdefault(name, urls if name == schema.URL else [n % 11 / 10 for n in range(len(texts))])
    return documents(columns)


def digest(cls: type[Stage], folder: Path) -> str:
    """What the stage makes of the documents, in each config of its examples. Floats to three places."""
    made = hashlib.sha256()
    for number, config in enumerate(example_configs(cls)):
        here = folder / str(number)
        here.mkdir()
        chain = parts(cls.stage_name(), config)
        kept, reasons = apply(chain, _documents(chain[0].stage), here)
        artefacts = [pq.read_table(path).to_pydict() for path in sorted(here.rglob("[!p]*.parquet"))]
        made.update(json.dumps([_rounded(kept.to_pydict()), reasons, artefacts], sort_keys=True).encode())
    return made.hexdigest()[:16]


def _rounded(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {k: [round(v, 3) if isinstance(v, float) else v for v in values] for k, values in columns.items()}


def entry(cls: type[Stage], folder: Path) -> dict[str, Any]:
    packages = {name: package_version(name) for name in cls.packages}
    return {"version": cls.version, "packages": packages, "digest": digest(cls, folder)}


def _made_by(entry: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k != "digest"}


@pytest.mark.parametrize("name", STAGES)
def test_output_changes_only_with_the_version(name: str, tmp_path: Path) -> None:
    known = json.loads(GOLDEN.read_text()).get(name)
    now = entry(catalog.stage(name), tmp_path)
    assert _made_by(known or {}) == _made_by(now), f"{name}: a new stage or version: type `make docs`"
    assert known == now, f"{name}: the same config gives other output: raise `version` of each stage that this touches"


def test_golden_names_every_stage() -> None:
    assert sorted(json.loads(GOLDEN.read_text())) == STAGES


def write() -> None:
    """Bring the golden file up to date; refuses output that has changed under the same version."""
    known = json.loads(GOLDEN.read_text())
    found = {}
    for name in STAGES:
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = entry(catalog.stage(name), Path(scratch))
        if name in known and _made_by(known[name]) == _made_by(found[name]) and known[name] != found[name]:
            sys.exit(f"{name}: the same config gives other output: raise `version` of each stage that this touches")
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    write()
