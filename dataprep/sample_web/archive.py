"""Write pages as a WARC file: the same pages always give the same bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from dataprep.errors import OutputError
from dataprep.sample_web.page import Page

DATE = "2024-11-05T12:00:00Z"
"""Of every record, instead of a clock: the day Django 5.1.3 was published."""


def write(pages: Iterable[Page], out: Path) -> int:
    """One gzip member per record, a `warcinfo` first (ISO 28500). The file appears whole or not at all. Gives its size.

    Raises OutputError if it can't be written.
    """
    part = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(_member(_info()))
            for page in pages:
                file.write(_member(_response(page)))
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        if part.exists():
            part.unlink()
        raise OutputError(f"{out}: can't be written: {error.strerror}") from error
    return out.stat().st_size


def _member(record: bytes) -> bytes:
    return gzip.compress(record, 6, mtime=0)


def _info() -> bytes:
    block = b"software: dataprep sample-web\r\nformat: WARC File Format 1.1\r\n"
    return _record("warcinfo", "application/warc-fields", block, "urn:dataprep:sample-web", [])


def _response(page: Page) -> bytes:
    http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page.html)}\r\n\r\n".encode()
    named = [("WARC-Target-URI", page.url), ("WARC-Payload-Digest", _digest(page.html))]
    return _record("response", "application/http; msgtype=response", http + page.html, page.url, named)


def _record(kind: str, content_type: str, block: bytes, name: str, fields: list[tuple[str, str]]) -> bytes:
    unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{name} {hashlib.sha256(block).hexdigest()}")
    lines = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", f"<urn:uuid:{unique}>"),
        ("WARC-Date", DATE),
        *fields,
        ("WARC-Block-Digest", _digest(block)),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block))),
    ]
    head = "".join(f"{key}: {value}\r\n" for key, value in lines)
    return b"WARC/1.1\r\n" + head.encode() + b"\r\n" + block + b"\r\n\r\n"


def _digest(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data).digest()).decode()
