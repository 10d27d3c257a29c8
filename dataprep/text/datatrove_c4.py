"""C4's line rules as datatrove has them: which lines of a text stay, without their citations, and why others go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.citations import Marks, brackets_in, marks, without_citations
from dataprep.text.kernel import kernel
from dataprep.text.line_breaks import split_line_end
from dataprep.text.line_phrases import Phrases, cached, phrases_at
from dataprep.text.lines import drop_space, has_long_word, skip_space, words_up_to
from dataprep.text.literal import holding
from dataprep.text.spans import Bools, Bytes, Int, Int32s, Int64s, TextBuffers, text_buffers

LONG_WORD, WITHOUT_STOP, FEW_WORDS, JAVASCRIPT, POLICY, CITATIONS, LOREM, LOREM_FIRST, CURLY, KEPT = range(10)
"""Columns of `Edited.counts`: lines removed by each rule; citations removed; lines with lorem ipsum, those of them
before any with a curly bracket; lines with a curly bracket; lines kept."""

_PHRASES = (
    ("lorem ipsum",),
    ("javascript",),
    ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
)
"""C4's code, c4_utils.py of tensorflow_datasets, and so datatrove's."""
_CITATIONS = ("edit", "citation needed")
_HAS_LOREM, _HAS_JAVASCRIPT, _HAS_POLICY = 1, 2, 4

_KELVIN = "\u212a".encode()
"""The only character besides A to Z whose lower case is an ASCII letter and nothing more: k."""


class Edited(NamedTuple):
    """Texts with the lines that are left, joined by line feeds, not stripped."""

    text: pa.LargeStringArray
    counts: Int64s
    """int64[documents, 10]."""


@kernel
def _stopped(data: Bytes, a: Int, z: Int) -> bool:
    """Does `data[a:z]` end with one of `. ? ! " '`, and not with `...`?"""
    if a == z:
        return False
    last = data[z - 1]
    if last == 0x2E:
        return not (z - a >= 3 and data[z - 2] == 0x2E and data[z - 3] == 0x2E)
    return last in (0x3F, 0x21, 0x22, 0x27)


@kernel
def _fold_kelvin(data: Bytes, a: Int, z: Int, out: Bytes) -> Int:
    n: Int = np.int64(0)
    while a < z:
        if data[a] == 0xE2 and a + 2 < z and data[a + 1] == 0x84 and data[a + 2] == 0xAA:
            out[n] = 0x6B
            a += 3
        else:
            out[n] = data[a]
            a += 1
        n += 1
    return n


@kernel
def _edit(
    offsets: Int64s,
    data: Bytes,
    classes: Bytes,
    digits: Bytes,
    marked: Bytes,
    marked_bounds: Int32s,
    kelvin: Bools,
    scratch: Bytes,
    heads: npt.NDArray[np.int16],
    chain: npt.NDArray[np.int16],
    anchor: Int32s,
    bounds: Int32s,
    phrase: Bytes,
    kind: Int64s,
    longest: Int,
    fewest: Int,
    stops: bool,
    cite: bool,
    drop: Int,
    out: Bytes,
    out_offsets: Int64s,
    counts: Int64s,
) -> None:
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        out_offsets[d] = n
        i: Int = offsets[d]
        stop = offsets[d + 1]
        kept = np.int64(0)
        while i < stop:
            line, size = split_line_end(data, i, stop)
            a = skip_space(data, i, line, classes)
            z = drop_space(data, line, a, classes)
            i = line + size
            if longest >= 0 and z - a > longest and has_long_word(data, a, z, longest, classes, False):
                counts[d, LONG_WORD] += 1
                continue
            brackets = np.int64(0) if a == z else brackets_in(data, a, z)
            cited = cite and (brackets & 1) != 0
            if stops and not cited and not _stopped(data, a, z):
                counts[d, WITHOUT_STOP] += 1
                continue
            m = n
            if kept:  # the line feed between lines
                out[n] = 0x0A
                m += 1
            begin = m
            cut: Int = np.int64(0)
            if cited:
                m, cut = without_citations(data, a, z, digits, marked, marked_bounds, out, m)
                if stops and not _stopped(out, begin, m):
                    counts[d, WITHOUT_STOP] += 1
                    continue
            if fewest > 0 and words_up_to(data, a, z, fewest, classes) < fewest:
                counts[d, FEW_WORDS] += 1
                continue
            if not cited:
                out[m : m + z - a] = data[a:z]
                m += z - a
            if kelvin[d]:
                length = _fold_kelvin(out, begin, m, scratch)
                found = phrases_at(scratch, np.int64(0), length, heads, chain, anchor, bounds, phrase, kind)
            else:
                found = phrases_at(out, begin, m, heads, chain, anchor, bounds, phrase, kind)
            if found & _HAS_LOREM:
                counts[d, LOREM] += 1
                counts[d, LOREM_FIRST] += np.int64(counts[d, CURLY] == 0)
            if found & drop & _HAS_JAVASCRIPT:
                counts[d, JAVASCRIPT] += 1
                continue
            counts[d, CURLY] += (brackets >> 1) & 1
            if found & drop & _HAS_POLICY:
                counts[d, POLICY] += 1
                continue
            counts[d, CITATIONS] += cut
            kept += 1
            n = m
        counts[d, KEPT] = kept
    out_offsets[offsets.size - 1] = n


def edited(
    text: TextBuffers,
    *,
    longest_word_chars: int | None,
    fewest_words: int | None,
    only_stopped: bool,
    cut_citations: bool,
    without_javascript: bool,
    without_policies: bool,
) -> Edited:
    """The lines that stay. A line is one of `str.splitlines`, stripped; its words are those of `str.split`."""
    documents = len(text.offsets) - 1
    kelvin = holding(text, _KELVIN)
    size = int(text.offsets[-1] - text.offsets[0])
    largest = int(np.diff(text.offsets).max(initial=0)) if kelvin.any() else 0
    # A first line that is kept moves nothing and every other one has a line break before it: never longer than it was.
    out, offsets = np.empty(size + 1, np.uint8), np.zeros(documents + 1, np.int64)
    counts = np.zeros((documents, 10), np.int64)
    wanted: Phrases = cached(_PHRASES)
    cited: Marks = marks(_CITATIONS)
    drop = without_javascript * _HAS_JAVASCRIPT | without_policies * _HAS_POLICY
    _edit(
        text.offsets, text.data, tables.classes(), cited.digits, cited.data, cited.bounds, kelvin,
        np.empty(largest, np.uint8), *wanted,
        -1 if longest_word_chars is None else longest_word_chars, fewest_words or 0, only_stopped, cut_citations,
        drop, out, offsets, counts,
    )  # fmt: skip
    column = pa.LargeStringArray.from_buffers(documents, pa.py_buffer(offsets), pa.py_buffer(out[: offsets[-1]]))
    return Edited(column, counts)


@kernel
def _ends(offsets: Int64s, data: Bytes, classes: Bytes, start: Int64s, end: Int64s) -> Int:
    changed = 0
    for d in range(offsets.size - 1):
        start[d] = skip_space(data, offsets[d], offsets[d + 1], classes)
        end[d] = drop_space(data, offsets[d + 1], start[d], classes)
        changed += start[d] != offsets[d] or end[d] != offsets[d + 1]
    return changed


def stripped(column: pa.LargeStringArray) -> pa.LargeStringArray:
    """Each text without the white space at both ends, as `str.strip` has it; no copy if there is none."""
    from dataprep.text.splice import splice

    text = text_buffers(column)
    start, end = np.empty(len(column), np.int64), np.empty(len(column), np.int64)
    if not _ends(text.offsets, text.data, tables.classes(), start, end):
        return column
    bounds = np.stack([text.offsets[:-1], start, end, text.offsets[1:]])
    first, last = bounds[::2].T.ravel(), bounds[1::2].T.ravel()
    cut = last > first
    return splice(text, first[cut], last[cut], [b""] * int(cut.sum()))


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    stripped(
        edited(
            text,
            longest_word_chars=1000,
            fewest_words=3,
            only_stopped=True,
            cut_citations=True,
            without_javascript=True,
            without_policies=True,
        ).text
    )
