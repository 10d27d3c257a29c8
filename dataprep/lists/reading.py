"""A list from a file: UTF-8 text, one entry a line, plain or compressed."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from dataprep import models
from dataprep.errors import UsageError

LANGUAGE_FILE = re.compile(r"([a-z]{2,3}(?:[-_][A-Za-z0-9_-]+)?)(?:\.(?:txt|lst|list))?(?:\.(?:gz|zst))?")
"""What a file of one language is called in a folder of lists: `zh`, `zh.txt`, `pt-BR.txt.gz`."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def entries(path: Path, *, comments: bool = True) -> list[str]:
    """The entries of a list in order: lines without the white space around them, blank ones left out.

    With `comments`, a line that begins with `#` is one, and `\\#` begins an entry with `#`. Raises UsageError for what
    can't be read, is not text, not UTF-8, or holds no entry.
    """
    raw = content(path)
    if b"\0" in raw[:4096]:
        raise UsageError(f"{path}: is a binary file; a list is UTF-8 text with one entry a line")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}: line {line}: is not UTF-8; save the list as UTF-8") from None
    lines = [line.strip() for line in text.split("\n")]
    if comments:
        lines = [line.removeprefix("\\") if line.startswith("\\#") else line for line in lines if line[:1] != "#"]
    found = [line for line in lines if line]
    if not found:
        raise UsageError(f"{path}: holds no entries; a list has one entry a line")
    return found


def content(path: Path) -> bytes:
    """The bytes of a file, decompressed if it is gzip or Zstandard. Raises UsageError for what can't be read."""
    try:
        raw = path.read_bytes()
        if raw.startswith(_GZIP):
            import gzip

            return gzip.decompress(raw)
        if raw.startswith(_ZSTD):
            import zstandard

            with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
                unpacked: bytes = stream.read()
                return unpacked
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror or 'damaged gzip data'}") from None
    except (EOFError, zlib.error):
        raise UsageError(f"{path}: can't be read: damaged gzip data") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise UsageError(f"{path}: can't be read: damaged Zstandard data") from None
    return raw


def by_language(given: str) -> dict[str | None, Path]:
    """The files of a list: one for every language, or by language where `given` is a folder that has a file for each.

    Raises UsageError if there is nothing, or no file called after a language in the folder.
    """
    path = models.located(given)
    if not path.is_dir():
        return {None: path}
    found: dict[str | None, Path] = {}
    for file in sorted(path.iterdir()):
        name = LANGUAGE_FILE.fullmatch(file.name)
        if name and file.is_file():
            if name[1] in found:
                raise UsageError(f"{path}: two files for language {name[1]}: {found[name[1]].name} and {file.name}")
            found[name[1]] = file
    if not found:
        raise UsageError(f"{path}: holds no list; in a folder each file is called after its language: en, zh.txt")
    return found


def stamp(path: Path) -> tuple[str, int, int]:
    """Path, time of change and size: a key of caches of what was made from a file."""
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size
