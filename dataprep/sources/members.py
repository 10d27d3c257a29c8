"""Compressed files as members: where each begins, what it holds, and where to go on after a damaged one.

A gzip file is a sequence of members, a zstd file of frames. Writers of web archives close one for every record, which
is what makes the file splittable: a reader may begin at any member.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

CHUNK = 64 << 10
"""Compressed bytes fed at once, counted from the start of a member: what a damaged member gives then depends on the
member alone and not on where reading began."""

GZIP = b"\x1f\x8b\x08"
ZSTD = b"\x28\xb5\x2f\xfd"
WINDOW = 1 << 31
"""Largest zstd window accepted; `zstd --long=31` writes it."""


class Codec(NamedTuple):
    """How to undo one compression."""

    name: str
    magic: bytes
    new: Callable[[], Any]
    """A decompressor of one member: `decompress(bytes)`, `eof`, `unused_data`."""
    errors: tuple[type[Exception], ...]


class Part(NamedTuple):
    """A piece of one member, in order."""

    offset: int
    """Where the member begins in the file."""
    data: bytes
    first: bool
    last: bool = False
    """The member ended here and its checksum held."""
    damage: str = ""
    """Why the member ends here although it is not complete."""
    truncated: bool = False
    """The damage is the end of the file."""


def codec_of(file: BinaryIO) -> Codec | None:
    """The compression of a file by its first bytes; None for a plain file. Leaves the file at its start."""
    file.seek(0)
    head = file.read(8)
    file.seek(0)
    if head.startswith(GZIP[:2]):
        return Codec("gzip", GZIP, lambda: zlib.decompressobj(31), (zlib.error,))
    if head.startswith(ZSTD) or _skippable(head):
        import zstandard

        plain = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        unpack = plain
        if _skippable(head):
            # A first skippable frame holds the dictionary of all others, itself often compressed:
            # "Zstandard-compressed WARC", IIPC, https://iipc.github.io/warc-specifications/specifications/warc-zstd/
            words = file.read(8 + int.from_bytes(head[4:8], "little"))[8:]
            file.seek(0)
            if head.startswith(b"\x5d") and words:
                if words.startswith(ZSTD):
                    words = plain.decompressobj().decompress(words)
                lexicon = zstandard.ZstdCompressionDict(words)
                unpack = zstandard.ZstdDecompressor(dict_data=lexicon, max_window_size=WINDOW)
        return Codec("zstd", ZSTD, unpack.decompressobj, (zstandard.ZstdError,))
    return None


def _skippable(head: bytes) -> bool:
    return len(head) >= 8 and head[0] & 0xF0 == 0x50 and head[1:4] == b"\x2a\x4d\x18"


def plain_parts(file: BinaryIO, start: int) -> Iterator[Part]:
    """A file that is not compressed, as one member that begins at `start`."""
    file.seek(start)
    data = file.read(CHUNK)
    first = True
    while data:
        coming = file.read(16 * CHUNK)
        yield Part(start, data, first, last=not coming)
        data, first = coming, False


def member_parts(file: BinaryIO, codec: Codec, start: int, end: int, begins: bytes = b"") -> Iterator[Part]:
    """The members from `start`, which is 0 or anywhere inside the file, until one at or after `end` that `begins`.

    `begins` is how the content of an independent member begins: such a member at or after `end` is left to the next
    reader; any other one continues what came before and is read. A reader that starts inside the file, or meets
    damage, goes on at the next member that `begins`; without `begins` it stops at damage.
    """
    offset: int | None = start if start == 0 else find_member(file, codec, start, end, begins)
    held = b""
    if offset is not None:
        file.seek(offset)
    while offset is not None:
        held += _fill(file, CHUNK - len(held))
        if not held:
            return
        if offset >= end and begins and _head(codec, held).startswith(begins):
            return
        if codec.name == "zstd" and _skippable(held):
            offset += 8 + int.from_bytes(held[4:8], "little")
            file.seek(offset)
            held = b""
            continue
        damage, truncated = "", False
        if not held.startswith(codec.magic):
            if codec.name == "gzip" and not held.strip(b"\0") and _zeros(file):
                return  # tape padding: RFC 1952 readers ignore zeros after the last member
            damage = f"not the start of a {codec.name} member"
            yield Part(offset, b"", True, damage=damage)
        else:
            unpack, begun, fed = codec.new(), False, 0
            while not damage:
                try:
                    data = unpack.decompress(held)
                except codec.errors as error:
                    damage = f"{codec.name} member is corrupt ({_said(error)})"
                    yield Part(offset, b"", not begun, damage=damage)
                    break
                fed += len(held)
                if unpack.eof:
                    held = unpack.unused_data
                    yield Part(offset, data, not begun, last=True)
                    offset += fed - len(held)
                    break
                held = _fill(file, CHUNK)
                truncated = not held
                damage = f"{codec.name} member is truncated" if truncated else ""
                yield Part(offset, data, not begun, damage=damage, truncated=truncated)
                begun = True
        if damage:
            if not begins:
                return
            offset = find_member(file, codec, offset + 1, end, begins)
            held = b""
            if offset is not None:
                file.seek(offset)


def find_member(file: BinaryIO, codec: Codec, start: int, end: int, begins: bytes) -> int | None:
    """Offset of the first member in `start <= offset < end` whose content `begins`; None if there is none.

    Reads up to `end` in the worst case, at the speed of `bytes.find`.
    """
    position = start
    while position < end:
        file.seek(position)
        window = _fill(file, min(16 * CHUNK, end - position + len(codec.magic) - 1))
        at = window.find(codec.magic)
        while at >= 0 and position + at < end:
            file.seek(position + at)
            if _head(codec, _fill(file, CHUNK)).startswith(begins):
                return position + at
            at = window.find(codec.magic, at + 1)
        if len(window) < len(codec.magic):
            return None
        position += len(window) - len(codec.magic) + 1
    return None


def _head(codec: Codec, member: bytes) -> bytes:
    """The first bytes of a member's content; nothing if it is not a member."""
    if not member.startswith(codec.magic):
        return b""
    try:
        return bytes(codec.new().decompress(member))[:16]
    except codec.errors:
        return b""


def _fill(file: BinaryIO, size: int) -> bytes:
    """`size` bytes, fewer only at the end of the file: remote files give what they have."""
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _zeros(file: BinaryIO) -> bool:
    while piece := file.read(16 * CHUNK):
        if piece.strip(b"\0"):
            return False
    return True


def _said(error: Exception) -> str:
    return str(error).removeprefix("Error -3 while decompressing data: ").removeprefix("zstd decompress error: ")


def splits_at_members(file: BinaryIO, codec: Codec, begins: bytes, reach: int) -> bool:
    """Whether records have members of their own: the first member ends within `reach` bytes and the next `begins`."""
    file.seek(0)
    unpack, offset, held = codec.new(), 0, _fill(file, CHUNK)
    if codec.name == "zstd" and _skippable(held):
        offset = 8 + int.from_bytes(held[4:8], "little")
        file.seek(offset)
        held = _fill(file, CHUNK)
    while held and offset < reach:
        try:
            unpack.decompress(held)
        except codec.errors:
            return True  # damage does not tell; reading by members is right either way
        offset += len(held)
        if unpack.eof:
            rest = bytes(unpack.unused_data)
            return _head(codec, rest + _fill(file, CHUNK - len(rest))).startswith(begins)
        held = _fill(file, CHUNK)
    return False
