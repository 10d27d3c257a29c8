"""JSON Lines: one document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar

import orjson
import pyarrow as pa

from dataprep import schema
from dataprep.errors import InputError
from dataprep.sources.members import codec_of, member_parts
from dataprep.sources.rows import Row, batches, metadata, printable, utf8
from dataprep.stage import Report, Source
from dataprep.store import File, open_input

CHUNK = 1 << 22
BOM = b"\xef\xbb\xbf"


class Jsonl(Source):
    """JSON objects, one a line, plain, gzip or zstd (any number of members; windows up to 2 GiB).

    Read: `text`, and `id`, `url`, `date`, `source` where they are strings or numbers; every other key goes into
    `metadata` in the order given. A byte-order mark, CRLF and blank lines are fine.

    Skipped: `invalid_utf8`, `invalid_json` (also a line that is no object), `no_text` (missing or null),
    `text_not_string`. If no line of a whole file has the text key, the file is refused with the keys it has.

    The offset is that of the line in the uncompressed file. A plain file is split at lines; a compressed one is not
    splittable: of a damaged one the lines before the damage are kept.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst")

    text_key: str = "text"
    """The key that holds the text."""

    def gives(self, inputs: Sequence[File]) -> pa.Schema:
        return schema.source_schema(html=False)

    def splits(self, file: File, target_bytes: int) -> list[tuple[int, int]]:
        if file.bytes <= target_bytes:
            return [(0, file.bytes)]
        with open_input(file.path) as stream:
            if codec_of(stream) is not None:
                return [(0, file.bytes)]
        cuts = list(range(0, file.bytes, target_bytes))
        return list(zip(cuts, [*cuts[1:], file.bytes], strict=True))

    def read(self, file: File, start: int, end: int, report: Report) -> Iterator[pa.RecordBatch]:
        return batches(self._rows(file, start, end, report), self.name, html=False)

    def _rows(self, file: File, start: int, end: int, report: Report) -> Iterator[Row]:
        keys: dict[str, None] = {}
        absent = True
        with open_input(file.path) as stream:
            for offset, line in _lines(stream, file.relative, start, end, report):
                if not line.strip():
                    continue
                report.records += 1
                value = _parsed(line)
                del line  # a name keeps what it names, also in a generator at rest, and one line can be 50 MB
                if isinstance(value, str):
                    report.skip(value)
                    continue
                text = value.pop(self.text_key, None)
                if isinstance(text, str):
                    absent = False
                    made = [_row(offset, text, value)]
                    del text, value
                    yield made.pop()
                    continue
                absent = absent and self.text_key not in value and text is None
                if len(keys) < 20:
                    keys.update(dict.fromkeys(value))
                report.skip("no_text" if text is None else "text_not_string")
        if absent and keys and (start, end) == (0, file.bytes):
            raise InputError(
                f"{file.path}: no line has the key '{self.text_key}'; the keys are {', '.join(sorted(keys))}: "
                "set `text_key` of the source"
            )


def _row(offset: int, text: str, value: dict[str, Any]) -> Row:
    fixed = {
        name: printable(str(found))
        for name in (schema.ID, schema.URL, schema.DATE, schema.SOURCE)
        if isinstance(found := value.get(name), str | int | float) and not isinstance(found, bool)
    }
    rest = {k: v for k, v in value.items() if k not in fixed and not (v is None and k in _FIXED)}
    return Row(
        place=offset,
        text=utf8(text),
        id=fixed.get(schema.ID, ""),
        source=fixed.get(schema.SOURCE),
        url=fixed.get(schema.URL),
        date=fixed.get(schema.DATE),
        metadata=printable(metadata(rest) or "") or None,
    )


_FIXED = frozenset((schema.ID, schema.URL, schema.DATE, schema.SOURCE))


def _parsed(line: bytes) -> dict[str, Any] | str:
    """The object of a line, or why there is none."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = None  # also for what only `json` takes: NaN, lone surrogates, deep nesting
    if value is None or _rounded(value):
        try:
            value = json.loads(line.decode())
        except UnicodeDecodeError:
            return "invalid_utf8"
        except (ValueError, RecursionError):
            return "invalid_json"
    return value if isinstance(value, dict) else "invalid_json"


def _rounded(value: Any) -> bool:
    """Whether there may be an integer that orjson made a float of, for want of bits."""
    if isinstance(value, dict):
        return any(_rounded(v) for v in value.values() if type(v) is not str)  # most are, and a call costs more
    if isinstance(value, float):
        return abs(value) >= 1 << 63
    return isinstance(value, list) and any(map(_rounded, value))


def _lines(stream: BinaryIO, path: str, start: int, end: int, report: Report) -> Iterator[tuple[int, bytes]]:
    """(offset, line) of the lines that begin in `start <= offset < end`."""
    codec = codec_of(stream)
    if codec is None:
        chunks = _plain(stream, max(0, start - 1))
        position = max(0, start - 1)
    else:
        chunks, position, end = _unpacked(stream, path, end, report), 0, 1 << 62
    damaged = len(report.damaged)
    held = bytearray()  # it grows without copies and, unlike many chunks, leaves no hole in the heap
    started = start == 0 or codec is not None
    for chunk in chunks:
        lines = chunk.split(b"\n")
        held += lines[0]
        if len(lines) == 1:
            continue
        lines[0] = bytes(held)
        held = bytearray(lines.pop())
        lines.reverse()
        while lines:  # emptied as they go: see `_rows`
            offset, position = position, position + len(lines[-1]) + 1
            if not started:
                lines.pop()
            elif offset >= end:
                return
            else:
                yield offset, lines.pop().removeprefix(BOM) if offset == 0 else lines.pop()
            # The first line of a later range ends at or after `start - 1`: it belongs to the range before.
            started = True
    # Behind damage the last line is cut off; the report of the damage stands for it.
    last = bytes(held)
    if last and started and position < end and len(report.damaged) == damaged:
        yield position, last.removeprefix(BOM) if position == 0 else last


def _plain(stream: BinaryIO, start: int) -> Iterator[bytes]:
    stream.seek(start)
    while chunk := stream.read(CHUNK):
        yield chunk


def _unpacked(stream: BinaryIO, path: str, end: int, report: Report) -> Iterator[bytes]:
    codec = codec_of(stream)
    assert codec is not None
    for part in member_parts(stream, codec, 0, end):
        yield part.data
        if part.damage:
            # A checksum stands at the end of a member, so that lines in front of a corrupt place can be wrong too.
            trust = ", unverified" if "corrupt" in part.damage else ""
            report.damaged.append(f"{path}: offset {part.offset}: {part.damage}; the lines before it are kept{trust}")
