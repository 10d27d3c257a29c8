"""A document that stops its worker: found, named, or quarantined and counted; everything else goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs import dataprep, error, manifest, records, tree, write_jsonl, write_pipeline

WAYS = {"exit": "crashed", "segfault": "crashed", "allocate": "crashed", "raise": "failed", "hang": "timed_out"}
WHERE = {"exit": 5, "segfault": 7, "allocate": 7, "raise": 2, "hang": 7}
"""Row of eight: a search in which the lower half stops no worker starts none anew."""


def corpus(folder: Path, poison: dict[int, str], rows: int = 8) -> Path:
    """Two inputs of one task each; the poison is in the first."""
    folder.mkdir()
    found = [{"id": f"d{n}", "text": f"document {n} is harmless and long enough"} for n in range(rows)]
    for n, how in poison.items():
        found[n] = {"id": f"d{n}", "text": f"POISON {how}"}
    write_jsonl(folder / "a.jsonl", found)
    write_jsonl(folder / "b.jsonl", [{"id": f"e{n}", "text": f"another harmless document {n}"} for n in range(rows)])
    return folder


def pipeline(folder: Path, **settings: Any) -> Path:
    return write_pipeline(folder, ["poison", "exact_dedup"], task_mib=0.0005, max_batch_seconds=6, **settings)


def quarantined(out: Path) -> dict[str, int]:
    (entry,) = [stage for stage in manifest(out)["stages"] if stage["name"] == "quarantine"]
    dropped: dict[str, int] = entry["dropped"]
    return dropped


def test_quarantined_and_counted(tmp_path: Path) -> None:
    """Every way to stop a worker, each in a task of its own."""
    (tmp_path / "in").mkdir()
    for how in WAYS:
        rows = [{"id": f"{how}-{n}", "text": f"document {n} of {how}, harmless and long enough"} for n in range(8)]
        rows[WHERE[how]]["text"] = f"POISON {how}"
        write_jsonl(tmp_path / f"in/{how}.jsonl", rows)
    path = pipeline(tmp_path, on_error="quarantine")
    done = dataprep("run", path, "--workers", 2)
    for how in WAYS:
        assert f"document '{how}-{WHERE[how]}' quarantined" in done.stderr
    assert quarantined(tmp_path / "out") == {"crashed": 3, "failed": 1, "timed_out": 1}
    assert manifest(tmp_path / "out")["documents"] == 7 * len(WAYS)
    assert "quarantine.timed_out: 1 document" in dataprep("dropped", tmp_path / "out").stdout
    again = dataprep("run", path)
    assert again.stderr.count("cached") == 6, again.stderr


@pytest.mark.parametrize("how", ["exit", "raise"])
def test_named_by_default_and_other_tasks_finish(tmp_path: Path, how: str) -> None:
    corpus(tmp_path / "in", {5: how})
    path = pipeline(tmp_path)
    line = error("run", path, code=1)
    assert "document 'd5'" in line
    assert "on_error: quarantine" in line
    assert any(name.startswith("documents-") for name in records(tmp_path / "out")), "the harmless tasks are kept"
    assert not (tmp_path / "out/manifest.json").exists()
    # Cured, the same command goes on and loses nothing.
    dataprep("run", path, "--set", "poison.cure=true")
    assert manifest(tmp_path / "out")["documents"] == 16


def test_several_in_one_batch(tmp_path: Path) -> None:
    """In the first row, in the last, and between: found with any number of workers, the same corpus after all."""
    corpus(tmp_path / "in", {0: "exit", 2: "raise", 3: "segfault"}, rows=4)
    trees = []
    for workers in (1, 2):
        out = tmp_path / f"out-{workers}"
        dataprep("run", pipeline(tmp_path, on_error="quarantine"), "--workers", workers, "--output", out)
        assert quarantined(out) == {"crashed": 2, "failed": 1}
        assert manifest(out)["documents"] == 5
        trees.append(tree(out))
    assert trees[0] == trees[1]
