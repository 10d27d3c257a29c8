"""An HTTP response as a crawler stored it: status, headers, and the body with its transfer encodings undone."""

from __future__ import annotations

import io
import re
import zlib
from typing import NamedTuple

from dataprep.sources.warc_records import header_lines

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})")
_BLANK = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)


class Response(NamedTuple):
    """A parsed response."""

    status: int
    """0 if the block is not an HTTP response."""
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    """As stored: still chunked and compressed."""


def response(block: bytes) -> Response:
    """Split a block into status, headers and stored body; bare line feeds are accepted."""
    status = _STATUS.match(block)
    if status is None:
        return Response(0, {}, b"")
    blank = _BLANK.search(block)
    head, body = (block[: blank.start()], block[blank.end() :]) if blank else (block, b"")
    return Response(int(status[1]), header_lines(head.partition(b"\n")[2]), body)


def media_type(content_type: str) -> str:
    """`Text/HTML; charset=x` -> `text/html`."""
    return content_type.partition(";")[0].partition(",")[0].strip().lower()


def charset(content_type: str) -> str | None:
    """The charset a Content-Type announces."""
    found = _CHARSET.search(content_type)
    return found[1] if found else None


def body(found: Response, limit: int) -> bytes | None:
    """The body as the server meant it: chunks joined, gzip, deflate, br and zstd undone; None if larger than `limit`.

    Crawlers often store the body already decoded under the original headers, so an encoding that the bytes do not
    have is taken as undone. A compressed body that breaks off gives what came before.
    """
    data: bytes | None = found.body
    if "chunked" in found.headers.get("transfer-encoding", "").lower():
        data = _joined(found.body)
    codings = re.split(r"[\s,]+", found.headers.get("content-encoding", "").lower())
    for coding in reversed([c for c in codings if c]):
        if not data:
            break
        data = _decoded(data, coding, limit)
    return data if data is not None and len(data) <= limit else None


def _joined(data: bytes) -> bytes:
    pieces: list[bytes] = []
    position = 0
    while found := _CHUNK.match(data, position):
        size = int(found[1], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(data[found.end() : found.end() + size])
        position = found.end() + size
        if data[position : position + 2] == b"\r\n":
            position += 2
        elif data[position : position + 1] == b"\n":
            position += 1
        elif position < len(data):
            return data  # what looked like a chunk size was text
    return b"".join(pieces) if pieces and position >= len(data) else data


def _decoded(data: bytes, coding: str, limit: int) -> bytes | None:
    if coding in ("gzip", "x-gzip"):
        return _inflated(data, (31,), limit) if data.startswith(b"\x1f\x8b") else data
    if coding == "deflate":
        # RFC 9110 means zlib, many servers send raw deflate.
        return _inflated(data, (15, -15), limit)
    if coding == "br":
        from fastwarc.stream_io import BrotliReader

        return _read(BrotliReader(io.BytesIO(data)), data, limit)
    if coding == "zstd" and data.startswith(b"\x28\xb5\x2f\xfd"):
        from fastwarc.stream_io import ZstdReader

        return _read(ZstdReader(io.BytesIO(data)), data, limit)
    return data


def _inflated(data: bytes, formats: tuple[int, ...], limit: int) -> bytes | None:
    for bits in formats:
        pieces: list[bytes] = []
        size = 0
        unpack = zlib.decompressobj(bits)
        left = data
        try:
            while left and not unpack.eof and size <= limit:
                pieces.append(unpack.decompress(left, min(1 << 20, limit + 1 - size) or 1))
                size += len(pieces[-1])
                left = unpack.unconsumed_tail
                if not pieces[-1] and not left:
                    break
        except zlib.error:
            if not size:
                continue
        return b"".join(pieces) if size <= limit else None
    return data


def _read(reader: object, data: bytes, limit: int) -> bytes | None:
    pieces: list[bytes] = []
    size = 0
    try:
        while size <= limit and (piece := reader.read(1 << 20)):  # type: ignore[attr-defined]
            pieces.append(piece)
            size += len(piece)
    except OSError:
        if not size:
            return data
    return b"".join(pieces) if size <= limit else None
