"""Files: finding inputs, publishing outputs whole or not at all, local or on an object store.

Every path is a local path or a URL that fsspec understands (`s3://bucket/key`), handled by the same code.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import posixpath
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from dataprep.errors import InputError, OutputError, UsageError

COPY_BYTES = 1 << 20
ABSENT = (FileNotFoundError, NotADirectoryError)
NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""How Python shows bytes of a file name that are not UTF-8."""
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")


class File(NamedTuple):
    """One input file as found, before anything is read."""

    path: str
    relative: str
    bytes: int


class Published(NamedTuple):
    """A file that is complete and in place."""

    path: str
    bytes: int
    sha256: str


def filesystem(path: str) -> tuple[Any, str]:
    """What reads and writes a path or URL, and the path as it calls it. Raises UsageError for an unknown protocol."""
    try:
        # Other processes write what this one looks for: a cached listing would hide it.
        fs, plain = fsspec.core.url_to_fs(path, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        extra = "; type: pip install 'dataprep[s3]'" if path.startswith("s3:") else ""
        raise UsageError(f"{path}: {' '.join(str(error).split())}{extra}") from error
    return fs, plain


# ---------------------------------------------------------------- inputs


def find(paths: Sequence[str], suffixes: Sequence[str]) -> list[File]:
    """The files that `paths` (files, globs, folders) name, sorted by path below their common folder.

    A folder gives the files with one of `suffixes`, at any depth; hidden files are left out. The order in which
    paths are named does not matter and a file named twice counts once. Raises InputError if a path names nothing, or
    a file whose name is not UTF-8.
    """
    found: dict[str, int] = {}
    for path in paths:
        hits = _expand(path, suffixes)
        if not hits:
            raise InputError(f"{path}: {_nothing(path, suffixes)}")
        found.update(hits)
    if not found:
        raise InputError("the source names no paths; set `source` in the pipeline or give --input")
    if len({path.partition("://")[0] if "://" in path else "" for path in found}) > 1:
        raise UsageError(f"{', '.join(paths)}: one run reads files of one store; make two runs")
    for path in found:
        if NOT_UTF8.search(path):
            raise InputError(f"{os.fsencode(path)!r}: the file's name is not UTF-8, but ids are made of it; rename it")
    base = posixpath.commonpath([posixpath.dirname(p) for p in found])
    files = [File(p, posixpath.relpath(p, base) if base else p, size) for p, size in found.items()]
    return sorted(files, key=lambda f: f.relative)


def _nothing(path: str, suffixes: Sequence[str]) -> str:
    """Why a path names no file."""
    fs, plain = filesystem(path)
    if fs.isdir(plain):
        wanted = ", ".join(suffixes)
        return f"a folder without {wanted} files; for another kind name the files, as in --input '{path}/*.html'"
    return "no such file, or a glob that fits none; check `source` or --input"


def _expand(path: str, suffixes: Sequence[str]) -> dict[str, int]:
    fs, plain = filesystem(path)
    local = isinstance(fs, LocalFileSystem)
    if any(c in plain for c in "*?[") and not fs.exists(plain):
        infos = fs.glob(plain, detail=True)
        # As a shell does: hidden files, such as a writer's unfinished ones, only for a pattern that says so.
        hits = {p: i for p, i in infos.items() if i["type"] == "file" and ("/." in plain or _visible(p, "/"))}
    elif fs.isdir(plain):
        infos = fs.find(plain, detail=True)
        hits = {p: i for p, i in infos.items() if p.lower().endswith(tuple(suffixes)) and _visible(p, plain)}
    elif fs.exists(plain):
        hits = {plain: fs.info(plain)}
    else:
        hits = {}
    return {(p if local else fs.unstrip_protocol(p)): int(i["size"]) for p, i in hits.items()}


def _visible(path: str, below: str) -> bool:
    return not any(part.startswith(".") for part in posixpath.relpath(path, below).split("/"))


def open_input(path: str) -> BinaryIO:
    """A seekable binary stream. Raises InputError if it can't be opened."""
    try:
        if "://" not in path:
            return open(path, "rb")
        return cast(BinaryIO, fsspec.open(path, "rb").open())
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror or error}") from error


def identity(path: str) -> tuple[str, str]:
    """(`sha256`, hex) of a local file, (`etag`, tag) where a remote store gives one."""
    if "://" in path:
        fs, plain = filesystem(path)
        etag = fs.info(plain).get("ETag")
        if etag:
            return "etag", str(etag).strip('"')
    with open_input(path) as stream:
        return "sha256", sha256_of(stream)


def sha256_of(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(COPY_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Of a local file."""
    with path.open("rb") as stream:
        return sha256_of(stream)


# ---------------------------------------------------------------- outputs


class Store:
    """A folder, local or remote, in which a file appears whole or not at all."""

    def __init__(self, root: str) -> None:
        self.fs, self.base = filesystem(root)
        self.local = isinstance(self.fs, LocalFileSystem)
        self.root = self.base if self.local else root.rstrip("/")

    def path(self, relative: str) -> str:
        return f"{self.root}/{relative}"

    def _inner(self, relative: str) -> str:
        return f"{self.base}/{relative}"

    def exists(self, relative: str) -> bool:
        return bool(self.fs.exists(self._inner(relative)))

    def size(self, relative: str) -> int | None:
        """Bytes, or None if there is no such file."""
        try:
            return int(self.fs.info(self._inner(relative))["size"])
        except ABSENT:
            return None

    def open(self, relative: str) -> BinaryIO:
        return open_input(self.path(relative))

    def read_bytes(self, relative: str) -> bytes | None:
        """The whole file, or None if there is no such file."""
        try:
            return bytes(self.fs.cat_file(self._inner(relative)))
        except ABSENT:
            return None

    def read_json(self, relative: str) -> Any:
        """Parsed JSON, or None if the file is missing or torn: a torn record is no record."""
        raw = self.read_bytes(relative)
        if raw is None:
            return None
        try:
            return json.loads(raw)
        except ValueError:
            return None

    def sha256(self, relative: str) -> str | None:
        try:
            with self.fs.open(self._inner(relative), "rb") as stream:
                return sha256_of(stream)
        except ABSENT:
            return None

    def files(self, folder: str) -> list[str]:
        """Relative paths of all files below a folder, sorted; empty if there is none."""
        try:
            found = self.fs.find(self._inner(folder))
        except ABSENT:
            return []
        return sorted(posixpath.relpath(p, self.base) for p in found)

    def remove(self, relative: str) -> None:
        try:
            self.fs.rm_file(self._inner(relative))
        except ABSENT:
            pass  # gone is what was asked for

    @contextmanager
    def publishing(self, relative: str) -> Iterator[Path]:
        """A local temporary path to write to; on leaving, the file is made durable and takes its final name.

        On an object store it is one PUT to the final key. On an error nothing appears and the temporary file goes.
        Disk full and read-only outputs become OutputError.
        """
        final = self._inner(relative)
        try:
            if self.local:
                os.makedirs(posixpath.dirname(final), exist_ok=True)
                folder = posixpath.dirname(final)
            else:
                folder = tempfile.gettempdir()
            temporary = Path(folder, f".{posixpath.basename(final)}.{secrets.token_hex(6)}.tmp")
            try:
                yield temporary
                if not temporary.exists():
                    pass  # what was to be published has turned out empty
                elif self.local:
                    fsync(temporary)
                    os.replace(temporary, final)
                    fsync(Path(folder))
                else:
                    self.fs.put_file(str(temporary), final)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(self.path(relative), error) from error

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A local folder for files on their way to `publishing`: in the output itself where that is local, so that
        they move by a rename. It goes with all that is left in it.
        """
        folder = Path(self.base if self.local else tempfile.gettempdir(), f".scratch.{secrets.token_hex(6)}.tmp")
        try:
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            raise output_error(self.path(folder.name), error) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish_bytes(self, relative: str, data: bytes) -> None:
        with self.publishing(relative) as temporary:
            temporary.write_bytes(data)

    def publish_json(self, relative: str, value: Any) -> None:
        self.publish_bytes(relative, json_bytes(value))

    def publish_notes(self, relative: str, value: Any) -> None:
        """JSON that only programs read: on one line it is written ten times as fast."""
        self.publish_bytes(relative, json.dumps(value, ensure_ascii=False).encode())

    def prune(self, folder: str, keep: set[str]) -> None:
        """Remove every file below a folder that is not in `keep`, and folders left empty."""
        for relative in self.files(folder):
            if relative not in keep:
                self.remove(relative)
        if self.local:
            for path, _, _ in os.walk(self._inner(folder), topdown=False):
                if not os.listdir(path):
                    os.rmdir(path)

    def remove_temporaries(self) -> None:
        """Remove what killed attempts left. Only for the holder of the lease."""
        if self.local:
            for relative in self.files(""):
                if TEMPORARY.fullmatch(posixpath.basename(relative)):
                    self.remove(relative)
            for folder in Path(self.base).glob(".scratch.*.tmp"):
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def fetched(self, relative: str) -> Iterator[Path]:
        """A local path to read: the file itself, or a temporary copy of a remote one."""
        if self.local:
            yield Path(self._inner(relative))
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, posixpath.basename(relative))
            self.fs.get_file(self._inner(relative), str(copy))
            yield copy


def json_bytes(value: Any) -> bytes:
    """Keys in the order given, one trailing newline: equal values give equal bytes."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def describe(path: Path, relative: str) -> Published:
    """Size and sha256 of a file about to be published as `relative`."""
    return Published(relative, path.stat().st_size, file_sha256(path))


def output_error(path: str, error: OSError) -> OutputError:
    """The one line for a failed write."""
    if error.errno == errno.ENOSPC or error.errno == errno.EDQUOT:
        return OutputError(f"{path}: no space left on the device; free some and type the same command again")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return OutputError(f"{path}: can't be written ({error.strerror}); choose another place with --output")
    return OutputError(f"{path}: can't be written: {error.strerror or error}")


def fsync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
