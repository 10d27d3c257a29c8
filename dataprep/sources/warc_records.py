"""WARC records out of a stream of bytes, whatever state it is in.

A record is `WARC/1.x`, header lines, a blank line, `Content-Length` bytes and a line break or two. Real files also have
bare line feeds, no final line break, wrong lengths, garbage in between and ends cut off; none of them stops a reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from dataprep.errors import InputError
from dataprep.sources.members import CHUNK, codec_of, member_parts, plain_parts, splits_at_members
from dataprep.stage import Report
from dataprep.store import File, open_input

BEGINS = b"WARC/"
MAX_HEADER = 64 << 10
"""Header blocks are far below this; a longer one is no header."""

_HEAD = re.compile(rb"(?:^|(?<=\n))WARC/\d\.\d{1,2}\r?\n(?=(?i:WARC-|Content-))")
_BLANK = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Record(NamedTuple):
    """One intact record."""

    place: int
    """Plain file: offset of the record. Compressed: offset of its member + its number in the member."""
    headers: dict[str, str]
    """By lower-case name; of a repeated one the first."""
    block: bytes | None
    """None if it is larger than the caller wants to hold."""


def header_lines(block: bytes) -> dict[str, str]:
    """`Name: value` lines by lower-case name, the first of a repeated name, folded lines joined."""
    headers: dict[str, str] = {}
    name = ""
    try:
        text = block.decode()
    except UnicodeDecodeError:
        text = block.decode("latin-1")
    for line in text.split("\n"):
        if line[:1] in (" ", "\t"):
            if name:
                headers[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        name = key.strip().lower() if colon else ""
        if name and name not in headers:
            headers[name] = value.strip()
        else:
            name = ""
    return headers


class _Framer:
    """Records of one run of bytes: a plain file, or a member and those that continue it."""

    def __init__(self, offset: int, plain: bool, limit: int, report: Report, path: str) -> None:
        self.offset, self.plain, self.limit, self.report, self.path = offset, plain, limit, report, path
        self.held = bytearray()
        self.position = 0  # bytes before `held` in this run
        self.number = 0
        self.skipping = 0  # bytes of an oversized block still to come
        self.pending: Record | None = None  # an oversized record whose block is being skipped
        self.lost = False  # inside garbage that has been reported
        self.reported = False  # the damage that ends this run has its line already

    @property
    def place(self) -> int:
        return self.offset + (self.position if self.plain else self.number)

    def take(self, size: int) -> None:
        del self.held[:size]
        self.position += size

    def damaged(self, what: str) -> None:
        if self.reported:
            return
        where = f"offset {self.offset + self.position}" if self.plain else f"offset {self.offset}"
        self.report.damaged.append(f"{self.path}: {where}: {what}")

    def feed(self, data: bytes, end: int | None = None, *, final: bool = False) -> Iterator[Record]:
        """Records completed by `data`; of a plain file those that begin before `end`."""
        self.held += data
        while True:
            if self.skipping:
                size = min(self.skipping, len(self.held))
                self.take(size)
                self.skipping -= size
                if self.skipping:
                    return
            if self.pending is not None:
                yield self.pending
                self.pending = None
            while blank := len(line := bytes(self.held[:64])) - len(line.lstrip(b"\r\n")):
                self.take(blank)
            if len(self.held) < 16 and not final:
                return
            if not self.held or (end is not None and self.offset + self.position >= end and self._at_record()):
                return
            if not self._at_record():
                if not self._seek_record("bytes between records", final):
                    return
                continue
            self.lost = False
            found = _BLANK.search(self.held, 0, MAX_HEADER)
            if found is None:
                if len(self.held) < MAX_HEADER and not final:
                    return
                self._reject("a record's header does not end", len(BEGINS))
                continue
            headers = header_lines(bytes(self.held[: found.start()]))
            length = headers.get("content-length", "")
            if not _LENGTH.fullmatch(length):
                self._reject(f"a record's Content-Length is {length or 'missing'!r}", found.end())
                continue
            size = found.end() + int(length)
            if int(length) > self.limit:
                self.pending = Record(self.place, headers, None)
                self.number += 1
                self.skipping = size
                continue
            if len(self.held) < size and not final:
                return
            if len(self.held) < size:
                self._reject(f"the file ends {size - len(self.held)} bytes before a record does", found.end())
                continue
            tail = bytes(self.held[size : size + 64]).lstrip(b"\r\n")
            if len(tail) < len(BEGINS) and not final:
                return
            # Behind a proper end, what follows is the garbage; else the length is wrong.
            if tail and not tail.startswith(BEGINS) and self.held[size : size + 4] != b"\r\n\r\n":
                self._reject(f"a record's Content-Length ({length}) does not lead to the next record", found.end())
                continue
            record = Record(self.place, headers, bytes(self.held[found.end() : size]))
            self.number += 1
            self.take(size)
            yield record

    def close(self, *, corrupt: bool = False, reported: bool = False) -> Iterator[Record]:
        """The records that are complete now that no more bytes come."""
        self.reported = reported
        if not corrupt:
            yield from self.feed(b"", final=True)
        # What is left of a corrupt member can't be trusted: its checksum covers the last record too.
        if self.pending is not None or (corrupt and self._at_record()):
            self.report.records += 1
            self.report.skip("damaged")
            if not corrupt:
                self.damaged(f"the file ends {self.skipping} bytes before a record does")

    def _at_record(self) -> bool:
        return self.held.startswith(BEGINS)

    def _reject(self, what: str, size: int) -> None:
        """Count a record that is not intact and go on behind its first `size` bytes."""
        self.damaged(what)
        self.report.records += 1
        self.report.skip("damaged")
        self.number += 1
        self.lost = True
        self.take(size)

    def _seek_record(self, what: str, final: bool) -> bool:
        """Drop bytes until a record begins; report them once. False: more bytes are needed."""
        if not self.lost:
            self.damaged(f"{what}; skipped to the next record")
        found = _HEAD.search(self.held)
        self.lost = found is None
        self.take(found.start() if found else len(self.held) if final else max(0, len(self.held) - 32))
        return found is not None


def records(file: BinaryIO, path: str, start: int, end: int, limit: int, report: Report) -> Iterator[Record]:
    """Records that begin in `start <= offset < end`. Damage goes to `report`; intact records around it are given.

    Of a compressed file a record belongs to the range where its member begins. Blocks over `limit` bytes are not held.
    Raises InputError on an ARC file. Memory: one record and 64 KiB of compressed input.
    """
    codec = codec_of(file)
    if codec is None:
        yield from _plain_records(file, path, start, end, limit, report)
        return
    framer: _Framer | None = None
    strange = False
    for part in member_parts(file, codec, start, end, BEGINS):
        if part.first and part.offset == 0:
            _no_arc(part.data, path)
        begins = part.data.startswith(BEGINS)
        if part.first and framer is not None and (begins or part.damage):
            yield from framer.close()
            framer = None
        if part.first and begins:
            framer = _Framer(part.offset, False, limit, report, path)
        if part.damage:
            report.damaged.append(f"{path}: offset {part.offset}: {part.damage}; the records around it are kept")
        elif framer is None and part.data and not strange:
            report.damaged.append(f"{path}: offset {part.offset}: not a WARC record; skipped to the next one")
            strange = True
        if framer is not None:
            yield from framer.feed(part.data)
            if part.damage:
                yield from framer.close(corrupt=not part.truncated, reported=True)
                framer = None
    if framer is not None:
        yield from framer.close()


def _plain_records(file: BinaryIO, path: str, start: int, end: int, limit: int, report: Report) -> Iterator[Record]:
    framer = _Framer(start, True, limit, report, path)
    # Bytes before the first record of a later range belong to the reader of the range before, which reported them.
    framer.lost = start > 0
    for part in plain_parts(file, start):
        if part.first and start == 0:
            _no_arc(part.data, path)
        for record in framer.feed(part.data, end, final=part.last):
            if record.place >= end:
                return
            yield record
        if not framer.skipping and framer.offset + framer.position >= end and (framer._at_record() or framer.lost):
            return
    yield from framer.close()


def _no_arc(head: bytes, path: str) -> None:
    if head.startswith(b"filedesc:"):
        raise InputError(f"{path}: an ARC file, not WARC; convert it with `warcio recompress`")


def warc_splits(file: File, target: int, limit: int) -> list[tuple[int, int]]:
    """Ranges of about `target` bytes.

    Compressed with a member for each record: anywhere, as a reader finds the next member itself. Compressed as one
    member: one range. Plain: at record starts, found by reading the file once, so that a record quoted inside another
    is never taken for one.
    """
    if file.bytes <= target:
        return [(0, file.bytes)]
    with open_input(file.path) as stream:
        codec = codec_of(stream)
        if codec is not None:
            if not splits_at_members(stream, codec, BEGINS, max(target, 16 * CHUNK)):
                return [(0, file.bytes)]
            cuts = list(range(0, file.bytes, target))
        else:
            cuts = [0]
            for record in _plain_records(stream, file.path, 0, file.bytes, limit, Report()):
                if record.place - cuts[-1] >= target:
                    cuts.append(record.place)
    return list(zip(cuts, [*cuts[1:], file.bytes], strict=True))
