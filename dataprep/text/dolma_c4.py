"""C4's rules as dolma has them: lines taken out with their line breaks, and what the text says before that."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.citations import brackets_in
from dataprep.text.kernel import kernel
from dataprep.text.line_phrases import Phrases, cached, phrases_at
from dataprep.text.lines import drop_space, line_end, skip_space, words_up_to
from dataprep.text.literal import holding
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, TextBuffers

WITHOUT_STOP, FEW_WORDS, LOREM, JAVASCRIPT, CURLY = range(5)
"""Columns of `Edited.counts`: lines removed by each rule, the first that they meet; lines, removed or not, with lorem
ipsum, with JavaScript, with a curly bracket."""

_PHRASES = (("lorem ipsum",), ("javascript",))
_DOTTED_I = "İ"
"""The one character that lower case makes longer."""


class Edited(NamedTuple):
    """Texts with the lines that are left."""

    text: pa.LargeStringArray
    counts: Int64s
    """int64[documents, 5]."""


@kernel
def _stopped(data: Bytes, a: Int, z: Int) -> bool:
    return bool(a < z and data[z - 1] in (0x21, 0x22, 0x2E, 0x3F))


@kernel
def _edit(
    offsets: Int64s,
    data: Bytes,
    classes: Bytes,
    heads: npt.NDArray[np.int16],
    chain: npt.NDArray[np.int16],
    anchor: Int32s,
    bounds: Int32s,
    phrase: Bytes,
    kind: Int64s,
    fewest: Int,
    stops: bool,
    out: Bytes,
    out_offsets: Int64s,
    counts: Int64s,
) -> None:
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        out_offsets[d] = n
        i: Int = offsets[d]
        stop = offsets[d + 1]
        # Behind the last line break there is a line, blank or not.
        more = True
        while more:
            newline = line_end(data, i, stop)
            more = newline < stop
            behind = newline + np.int64(more)
            a = skip_space(data, i, newline, classes)
            z = drop_space(data, newline, a, classes)
            found = phrases_at(data, a, z, heads, chain, anchor, bounds, phrase, kind)
            counts[d, LOREM] += found & 1
            counts[d, JAVASCRIPT] += found >> 1
            if a < z:
                counts[d, CURLY] += brackets_in(data, a, z) >> 1
            if stops and not _stopped(data, a, z):
                counts[d, WITHOUT_STOP] += 1
            elif words_up_to(data, a, z, fewest, classes) < fewest:
                counts[d, FEW_WORDS] += 1
            else:
                out[n : n + behind - i] = data[i:behind]
                n += behind - i
            i = behind
    out_offsets[offsets.size - 1] = n


def edited(text: TextBuffers, *, fewest_words: int | None, only_stopped: bool) -> Edited:
    """The lines that stay, with their line breaks. Lines stand between `\\n`, words are those of `str.split`.

    dolma counts the characters of its lines in the lower-case text, where `İ` is two, and takes them out of the text
    as it was: each `İ` moves what goes by one character.
    """
    documents = len(text.offsets) - 1
    out = np.empty(int(text.offsets[-1] - text.offsets[0]), np.uint8)
    offsets, counts = np.zeros(documents + 1, np.int64), np.zeros((documents, 5), np.int64)
    wanted: Phrases = cached(_PHRASES)
    fewest = fewest_words or 0
    _edit(text.offsets, text.data, tables.classes(), *wanted, fewest, only_stopped, out, offsets, counts)
    column = pa.LargeStringArray.from_buffers(documents, pa.py_buffer(offsets), pa.py_buffer(out[: offsets[-1]]))
    moved = np.flatnonzero(holding(text, _DOTTED_I.encode()))
    if len(moved):
        texts = column.to_pylist()
        for d in moved:
            texts[d] = _moved(text.data[text.offsets[d] : text.offsets[d + 1]].tobytes().decode(), fewest, only_stopped)
        column = pa.array(texts, pa.large_string())
    return Edited(column, counts)


def _moved(text: str, fewest: int, only_stopped: bool) -> str:
    """The same for a text with `İ`: characters stay where those of the lower-case text, by number, are in a line that
    stays."""
    left: list[str] = []
    at = 0
    for line in text.lower().split("\n"):
        behind = at + len(line) + 1
        bare = line.strip()
        if (not only_stopped or bare.endswith((".", "?", "!", '"'))) and len(bare.split()) >= fewest:
            left.append(text[at:behind])
        at = behind
    return "".join(left)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    edited(text, fewest_words=3, only_stopped=True)
