"""HTTP bodies as servers sent them and as crawlers stored them."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest
import zstandard
from fastwarc.stream_io import BrotliWriter
from hypothesis import given
from hypothesis import strategies as st

from dataprep.sources.http_message import body as undone
from dataprep.sources.http_message import charset, media_type, response


def brotli(data: bytes) -> bytes:
    class Kept(io.BytesIO):
        def close(self) -> None:
            """The writer closes its stream; the bytes are wanted after that."""

    out = Kept()
    writer = BrotliWriter(out)
    writer.write(data)
    writer.close()
    return out.getvalue()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PAGE = "<p>Grüße, 世界</p>".encode()
TWO = b"%x\r\n%s\r\n%x;ext=1\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (5, PAGE[:5], len(PAGE) - 5, PAGE[5:])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("", PAGE),
        ("Transfer-Encoding: chunked\r\n", TWO),
        ("Transfer-Encoding: chunked\r\n", PAGE),  # stored already joined
        ("Transfer-Encoding: chunked\r\n", TWO[: TWO.index(b"0\r\nTrailer")]),  # broken off after a chunk
        ("Content-Encoding: gzip\r\n", gzip.compress(PAGE, mtime=0)),
        ("Content-Encoding: x-gzip\r\n", PAGE),  # stored already unpacked
        ("Content-Encoding: deflate\r\n", zlib.compress(PAGE)),
        ("Content-Encoding: deflate\r\n", raw_deflate(PAGE)),
        ("Content-Encoding: br\r\n", brotli(PAGE)),
        ("Content-Encoding: zstd\r\n", zstandard.compress(PAGE)),
        ("Content-Encoding: identity\r\n", PAGE),
        ("Content-Encoding: deflate, gzip\r\n", gzip.compress(zlib.compress(PAGE), mtime=0)),
        (
            "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n",
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(gzip.compress(PAGE, mtime=0)), gzip.compress(PAGE, mtime=0)),
        ),
    ],
)
def test_transfer_encodings_are_undone(headers: str, body: bytes) -> None:
    found = response(f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode() + body)
    assert found.status == 200
    assert undone(found, 1000) == PAGE
    if len(body) > 8:
        assert undone(found, 8) is None


def test_a_broken_off_body_gives_what_came_before() -> None:
    words = b" ".join(b"%d" % (i * 7919) for i in range(5000))
    for coding, packed in (("gzip", gzip.compress(words, mtime=0)), ("deflate", zlib.compress(words))):
        found = response(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode() + packed[: len(packed) // 2])
        got = undone(found, 1 << 20)
        assert got is not None
        assert 1000 < len(got) < len(words)
        assert words.startswith(got)


def test_a_small_body_that_unpacks_to_gigabytes_is_refused() -> None:
    for coding, packed in (("gzip", gzip.compress(bytes(50 << 20), mtime=0)), ("br", brotli(bytes(50 << 20)))):
        found = response(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode() + packed)
        assert undone(found, 1 << 20) is None


def test_status_lines_and_headers() -> None:
    found = response(b"HTTP/2 404\nContent-Type:  Text/HTML ;charset='GBK'\nA: 1\nA: 2\nFolded: x\n  y\n\nbody")
    assert (found.status, found.body) == (404, b"body")
    assert found.headers == {"content-type": "Text/HTML ;charset='GBK'", "a": "1", "folded": "x y"}
    assert media_type(found.headers["content-type"]) == "text/html"
    assert charset(found.headers["content-type"]) == "GBK"
    assert response(b"GET / HTTP/1.1\r\n\r\n").status == 0
    assert response(b"HTTP/1.1 200").status == 200


CODINGS = st.sampled_from(["gzip", "deflate", "br", "zstd", "compress", "gzip, br", ""])


@given(st.binary(max_size=200), CODINGS, st.booleans())
def test_any_bytes_are_a_body(stored: bytes, coding: str, chunked: bool) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n" + "Transfer-Encoding: chunked\r\n" * chunked
    assert undone(response(head.encode() + b"\r\n" + stored), 1 << 20) is not None
