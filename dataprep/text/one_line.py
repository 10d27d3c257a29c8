"""Each document as the one line that fastText reads: what a classifier is trained on and what it is asked about.

Words are what stands between white space, fastText's own (space, tab, vertical tab, form feed, carriage return, NUL) or
a line break that `str.splitlines` knows, U+0085 and U+2028 too. Each run of it becomes one space, never nothing, or the
last word of a line and the first of the next would be glued; there is none at either end. Every other character stays,
U+00A0 and U+3000 too, so a model of another maker sees the words it was trained on.

- `lower`: in lower case, character by character (ß and İ stay).
- `split_han`: a space on either side of each Han character with the marks on it, so that it is a word. Without it a
  Chinese sentence is one word, which no other document has.
- The label prefix `__label__` at the beginning of a word and the word `</s>` mean something to fastText, that a text
  does not: such a word loses its first character.
"""

from __future__ import annotations

import numpy as np

from dataprep.text import tables
from dataprep.text.blocks import load64, lowest
from dataprep.text.kernel import inlined, kernel
from dataprep.text.lower_case import lower_case
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers
from dataprep.text.tables import HAN, MARK
from dataprep.text.utf8 import code_point, encode, width

_HIGH = np.uint64(0x8080808080808080)
_ABOVE_SPACE = np.uint64(0x2121212121212121)
_FROM_A = np.uint64(0x3F3F3F3F3F3F3F3F)
_AFTER_Z = np.uint64(0x2525252525252525)
_PREFIX = np.frombuffer(b"__label__", np.uint8)
_END = np.frombuffer(b"</s>", np.uint8)


@inlined
def _begins(out: Bytes, start: Int, end: Int, what: Bytes) -> bool:
    if end - start < what.size:
        return False
    same = True
    for j in range(what.size):
        same &= out[start + j] == what[j]
    return same


@kernel
def _defused(out: Bytes, start: Int, end: Int) -> Int:
    """Where the word `out[start:end]` ends once it means nothing to fastText."""
    if not (_begins(out, start, end, _PREFIX) or (end - start == _END.size and _begins(out, start, end, _END))):
        return end
    for j in range(start + 1, end):
        out[j - 1] = out[j]
    return end - 1


@inlined
def _closed(out: Bytes, start: Int, end: Int) -> Int:
    if end > start and (out[start] == 0x5F or out[start] == 0x3C):
        return _defused(out, start, end)
    return end


@kernel
def _one_line(
    offsets: Int64s,
    data: Bytes,
    classes: Bytes,
    lower: Int32s,
    to_lower: bool,
    split_han: bool,
    out_offsets: Int64s,
    out: Bytes,
) -> None:
    n: Int = np.int64(0)
    out_offsets[0] = 0
    for d in range(offsets.size - 1):
        first = n
        word = n  # where the word being written begins
        han = False  # whether it is a Han character
        i: Int = offsets[d]
        stop = offsets[d + 1]
        while i < stop:
            if not han and i + 8 <= stop:
                # Eight bytes at once, of which those in front of white space or of what is beyond ASCII count.
                x = load64(data, i)
                odd = (x | ~((x | _HIGH) - _ABOVE_SPACE)) & _HIGH
                if to_lower:
                    x |= ((x + _FROM_A ^ x + _AFTER_Z) & _HIGH & ~x) >> np.uint64(2)
                for j in range(8):
                    out[n + j] = np.uint8(x >> np.uint64(8 * j))
                run = lowest(odd) >> 3
                i += run
                n += run
                if run == 8:
                    continue
            b = data[i]
            if b < 0x80:
                i += 1
                if b == 0x20 or 0x09 <= b <= 0x0D or 0x1C <= b <= 0x1E or b == 0:
                    end = _closed(out, word, n)
                    if end > word:
                        out[end] = 0x20
                        end += 1
                    n = end
                    word = n
                    han = False
                    continue
                if han:
                    out[n] = 0x20
                    n += 1
                    word = n
                    han = False
                if to_lower and 0x41 <= b <= 0x5A:
                    b |= np.uint8(0x20)
                out[n] = b
                n += 1
                continue
            w = width(data, i, stop)
            c = np.int64(code_point(data, i, w))
            if c == 0x85 or c == 0x2028 or c == 0x2029:
                end = _closed(out, word, n)
                if end > word:
                    out[end] = 0x20
                    end += 1
                n = end
                word = n
                han = False
                i += w
                continue
            if split_han:
                kind = classes[c]
                if n > word and (kind == HAN or (han and kind != MARK)):
                    n = _closed(out, word, n)
                    out[n] = 0x20
                    n += 1
                    word = n
                    han = False
                han |= kind == HAN
            if to_lower and c < lower.size and np.int64(lower[c]) != c:
                n = encode(np.int64(lower[c]), out, n)
            else:
                for j in range(w):
                    out[n + j] = data[i + j]
                n += w
            i += w
        n = _closed(out, word, n)
        if n > first and n == word:
            n -= 1  # the space after the last word
        out_offsets[d + 1] = n


def one_line(text: TextBuffers, *, lower: bool = False, split_han: bool = False) -> TextBuffers:
    """The documents as lines, without their ends. 0.5 to 1 GB/s; makes a copy."""
    size = int(text.offsets[-1] - text.offsets[0])
    # A character of 3 bytes gets two spaces, one of 2 bytes 3 in lower case.
    out = np.empty(size * 5 // 3 + len(text.offsets) + 16, np.uint8)
    offsets = np.zeros(len(text.offsets), np.int64)
    _one_line(text.offsets, text.data, tables.classes(), lower_case(), lower, split_han, offsets, out)
    data = out[: offsets[-1]]
    for array in (offsets, data):
        array.flags.writeable = False  # as `text_buffers` has it: kernels compile once per type of array
    return TextBuffers(offsets, data)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    one_line(text)
