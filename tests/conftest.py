"""Fixtures every test file shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Tests run side by side, one a core: threads inside one would take turns with the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; tests that need it say so when it is absent."""
    path = Path(os.environ.get("DATAPREP_DATA") or ROOT / "../shared/data").resolve()
    if not path.is_dir():
        pytest.skip(f"real data not found at {path}; set DATAPREP_DATA to its folder")
    return path


@pytest.fixture
def own_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stages in `tests/stages`, for runs in this process."""
    monkeypatch.setenv("DATAPREP_STAGES", str(Path(__file__).parent / "stages"))
