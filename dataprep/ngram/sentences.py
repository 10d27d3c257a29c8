"""What a language model learns from, a sentence at a time: lines, or whole documents as CCNet reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import schema
from dataprep.errors import InputError
from dataprep.store import open_input
from dataprep.text.kernel import kernel
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers, text_buffers
from dataprep.tokenizers.sampling import Origin, batches

Normalize = Literal["none", "ccnet"]
_BLOCK = 8 << 20
"""Bytes of a text file read at a time."""


@kernel
def _gather(start: Int32s, end: Int32s, data: Bytes, offsets: Int64s, out: Bytes) -> None:
    n = np.int64(0)
    for k in range(start.size):
        offsets[k] = n
        for i in range(np.int64(start[k]), np.int64(end[k])):
            out[n] = data[i]
            n += 1
    offsets[start.size] = n


def gathered(start: Int32s, end: Int32s, data: Bytes) -> TextBuffers:
    """Each span as a text of its own."""
    offsets = np.zeros(len(start) + 1, np.int64)
    out = np.empty(int((end - start).sum(dtype=np.int64)), np.uint8)
    _gather(start, end, data, offsets, out)
    for array in (offsets, out):
        array.flags.writeable = False
    return TextBuffers(offsets, out)


def sentences(text: TextBuffers, normalize: Normalize) -> TextBuffers:
    """Of documents: their non-blank lines; or each as the one line that CCNet makes of it."""
    if normalize == "ccnet":
        from dataprep.text.ccnet import normalized

        return normalized(text)
    from dataprep.text.lines import lines

    found = lines(text)
    return gathered(found.start, found.end, text.data)


def of_runs(origins: Sequence[Origin], language: str | None, normalize: Normalize) -> Iterator[TextBuffers]:
    """The sentences of finished runs, of one language or of all. Raises InputError for a run without the column."""
    for origin in origins:
        for batch, text, _ in batches(origin):
            if language is not None:
                if schema.LANGUAGE not in batch.schema.names:
                    raise InputError(f"{origin.folder}: has no column '{schema.LANGUAGE}'; leave out --language")
                text = text.filter(pc.fill_null(pc.equal(batch.column(schema.LANGUAGE), language), False))
            if len(text):
                yield sentences(text_buffers(text), normalize)


def of_files(paths: Sequence[str], normalize: Normalize) -> Iterator[TextBuffers]:
    """The lines of text files, empty ones too. Raises InputError for what is missing or not UTF-8."""
    from dataprep.text.utf8 import first_invalid

    for path in paths:
        done = 0
        for block in _blocks(path):
            text = _lines(block)
            bad = first_invalid(text)
            if (bad >= 0).any():
                line = int(np.flatnonzero(bad >= 0)[0])
                at = done + int(text.offsets[line] + bad[line]) + line
                raise InputError(f"{path}: byte {at} is not UTF-8; convert it, with iconv for one")
            done += len(block)
            if normalize == "ccnet":
                from dataprep.text.ccnet import normalized

                text = normalized(text)
            yield text


def _blocks(path: str) -> Iterator[bytes]:
    """Whole lines; the last one may lack its line break."""
    rest = b""
    with open_input(path) as stream:
        while piece := stream.read(_BLOCK):
            cut = piece.rfind(b"\n") + 1
            if not cut:
                rest += piece
                continue
            yield rest + piece[:cut]
            rest = piece[cut:]
    if rest:
        yield rest


def _lines(block: bytes) -> TextBuffers:
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == 0x0A)
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    start = np.concatenate([[0], ends[:-1] + 1])
    # A line that ends with CR LF ends before both.
    returned = (ends > start) & (data[np.maximum(ends - 1, 0)] == 0x0D)
    return gathered(start.astype(np.int32), (ends - returned).astype(np.int32), data)


def text_of(lines: Sequence[str]) -> TextBuffers:
    return text_buffers(pa.array(lines, pa.large_string()))


@kernel
def _split(offsets: Int64s, data: Bytes, blank: Bytes, start: Int32s, end: Int32s, first: Int64s) -> Int:
    n = np.int64(0)
    for d in range(offsets.size - 1):
        first[d] = n
        i = offsets[d]
        stop = offsets[d + 1]
        while i < stop:
            while i < stop and blank[data[i]]:
                i += 1
            if i == stop:
                break
            start[n] = i
            while i < stop and not blank[data[i]]:
                i += 1
            end[n] = i
            n += 1
    first[offsets.size - 1] = n
    return n


def split(text: TextBuffers) -> tuple[Int32s, Int32s, Int64s]:
    """What stands between ASCII white space: begins and ends of the words, and where each text's begin."""
    blank = np.zeros(256, np.uint8)
    blank[list(b"\0\t\n\v\f\r ")] = 1
    room = int(text.offsets[-1] - text.offsets[0]) // 2 + len(text.offsets)
    start, end, first = np.empty(room, np.int32), np.empty(room, np.int32), np.zeros(len(text.offsets), np.int64)
    n = _split(text.offsets, text.data, blank, start, end, first)
    return start[:n], end[:n], first
