"""Text as CCNet normalises it before its language models see it: one line of lower-case ASCII-like text.

White space around it goes, then in this order: lower case; canonical decomposition without non-spacing marks; each
digit is 0; punctuation of other scripts becomes ASCII; control characters go, line breaks too, so that words at line
ends are glued (cc_net, text_normalizer.py). All of it is done to one character at a time, but for a capital sigma at a
word's end and for rare marks whose order decomposition changes: such documents are left to Python.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dataprep.text.kernel import kernel
from dataprep.text.lines import drop_space, skip_space
from dataprep.text.spans import Bools, Bytes, Int, Int64s, TextBuffers, UInt32s, text_buffers
from dataprep.text.tables import classes
from dataprep.text.utf8 import code_point, width

_PUNCTUATION = {
    **dict.fromkeys("„”“«»」「《》", '"'),
    **dict.fromkeys("´’", "'"),
    **dict.fromkeys("，、", ","),
    **dict.fromkeys("∶：", ":"),
    **dict.fromkeys("–━►", "-"),
    **{"。": ".", "？": "?", "！": "!", "（": "(", "）": ")", "；": ";", "～": "~", "％": "%"},
    **{"〈": "<", "〉": ">", "【": "[", "】": "]", "—": " - ", "．": ". ", "…": "..."},
}
"""What becomes of punctuation. cc_net, text_normalizer.py, UNICODE_PUNCT (where a full-width １ is a quote; but digits
are 0 by then)."""
_PLANES = ((0, 0x20000), (0x2F800, 0x2FA20), (0xE0000, 0xE0200))
"""Code points that have a lower case, a decomposition or a category of their own."""
_ODD = 1
"""Entry of a character that leaves its document to Python."""


def normalize(text: str) -> str:
    """One text. The kernel below gives the same."""
    text = unicodedata.normalize("NFD", text.strip().lower())
    text = re.sub(r"\d", "0", "".join(c for c in text if unicodedata.category(c) != "Mn"))
    return re.sub(r"[\0-\x1f\x7f-\x9f]", "", "".join(_PUNCTUATION.get(c, c) for c in text))


class _Table(NamedTuple):
    entries: UInt32s
    """uint32[0x110000]: what a character becomes, its place in `letters` << 8 | bytes << 2 | 2; 0: it stays; `_ODD`."""
    letters: Bytes
    growth: int
    """How many times its bytes a character can take, rounded up."""


@cache
def _table() -> _Table:
    """About 0.3 s, once per process."""
    entries = np.zeros(0x110000, np.uint32)
    letters = bytearray()
    places: dict[bytes, int] = {}
    growth = 1
    for first, end in _PLANES:
        for code in range(first, end):
            if 0xD800 <= code < 0xE000:
                continue
            character = chr(code)
            if code == 0x3A3 or (unicodedata.combining(character) and unicodedata.category(character) != "Mn"):
                entries[code] = _ODD
                continue
            # White space around a text is no concern here: it goes before.
            becomes = normalize(f"x{character}x")[1:-1]
            if becomes == character:
                continue
            written = becomes.encode()
            growth = max(growth, -(-len(written) // len(character.encode())))
            if written not in places:
                places[written] = len(letters)
                letters += written
            entries[code] = places[written] << 8 | len(written) << 2 | 2
    data = np.frombuffer(bytes(letters), np.uint8)
    entries.setflags(write=False)
    return _Table(entries, data, growth)


@kernel
def _normalize(
    offsets: Int64s, data: Bytes, kinds: Bytes, entries: UInt32s, letters: Bytes, bounds: Int64s, out: Bytes, odd: Bools
) -> None:
    n = np.int64(0)
    for d in range(offsets.size - 1):
        bounds[d] = n
        i = skip_space(data, offsets[d], offsets[d + 1], kinds)
        end = drop_space(data, offsets[d + 1], i, kinds)
        while i < end:
            b = data[i]
            if b < 0x80:
                w: Int = 1
                entry = entries[b]
            else:
                w = width(data, i, end)
                entry = entries[code_point(data, i, w)]
            if entry == 0:
                for j in range(w):
                    out[n + j] = data[i + j]
                n += w
            elif entry == _ODD:
                odd[d] = True
            else:
                place = np.int64(entry >> np.uint32(8))
                size = np.int64(entry >> np.uint32(2)) & 0x3F
                for j in range(size):
                    out[n + j] = letters[place + j]
                n += size
            i += w
    bounds[offsets.size - 1] = n


def normalized(text: TextBuffers) -> TextBuffers:
    """Each document as `normalize` gives it. 200 MB/s or more; holds up to nine times the text for a moment in which
    as much is touched as is written."""
    table = _table()
    size = int(text.offsets[-1] - text.offsets[0])
    bounds, out = np.zeros(len(text.offsets), np.int64), np.empty(table.growth * size, np.uint8)
    odd = np.zeros(len(text.offsets) - 1, np.bool_)
    _normalize(text.offsets, text.data, classes(), table.entries, table.letters, bounds, out, odd)
    if not odd.any():
        return _as_text(bounds, out[: bounds[-1]])
    parts, begin = [], 0
    sizes = np.diff(bounds)
    for d in np.flatnonzero(odd).tolist():
        document = text.data[text.offsets[d] : text.offsets[d + 1]].tobytes().decode()
        written = np.frombuffer(normalize(document).encode(), np.uint8)
        sizes[d] = len(written)
        parts += [out[begin : bounds[d]], written]
        begin = int(bounds[d + 1])
    parts.append(out[begin : bounds[-1]])
    offsets = np.zeros_like(bounds)
    np.cumsum(sizes, out=offsets[1:])
    return _as_text(offsets, np.concatenate(parts))


def _as_text(offsets: Int64s, data: Bytes) -> TextBuffers:
    buffers = [pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return text_buffers(pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers))


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    normalized(text)
