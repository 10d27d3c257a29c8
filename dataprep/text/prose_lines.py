"""C4's line rules in most scripts: which lines of a text are prose, without their citations, and why others go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.text import tables
from dataprep.text.citations import Marks, brackets_in, marks, without_citations
from dataprep.text.kernel import kernel
from dataprep.text.line_phrases import Phrases, cached, phrases_at
from dataprep.text.lines import has_long_word
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers
from dataprep.text.tables import CLOSING, HAN, MARK, OTHER, SOUTH_EAST_ASIAN, STOP, WIDE_STOP
from dataprep.text.utf8 import before, code_point, width

LONG_WORD, WITHOUT_STOP, FEW_WORDS, JAVASCRIPT, POLICY, CITATIONS, LOREM, CURLY = range(8)
"""Columns of `Edited.counts`: lines removed by each rule; citations removed; lines with lorem ipsum; lines with a curly
bracket. The last two are counted among lines that pass the rules before `JAVASCRIPT` and `POLICY`."""

_PHRASES = (
    ("lorem ipsum",),
    ("javascript",),
    (
        "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
        "使用条款", "使用條款", "隐私政策", "隱私政策", "隐私权政策", "隱私權政策", "隐私声明", "隱私聲明",
        "使用cookie", "使用 cookie", "cookie政策", "cookie 政策",
    ),
)  # fmt: skip
"""C4's, c4_utils.py of tensorflow_datasets, and what they are called in Chinese."""
_HAS_LOREM, _HAS_JAVASCRIPT, _HAS_POLICY = 1, 2, 4

_CITATIONS = ("edit", "citation needed", "编辑", "編輯", "来源请求", "來源請求")
"""What English and Chinese Wikipedia put in brackets."""


class Edited(NamedTuple):
    """Texts with the lines that are left, joined by line feeds."""

    text: pa.LargeStringArray
    counts: Int64s
    """int64[documents, 8]."""


@kernel
def _stopped(data: Bytes, a: Int, z: Int, classes: Bytes, roles: Bytes) -> bool:
    """Does the line `data[a:z]` end as a sentence does: with a stop, also inside closing marks, with a closing
    quotation mark, or in a script that writes no stops, and not with an ellipsis? Markdown's emphasis around it and
    characters that nobody sees are looked through."""
    i = z
    quoted, closed = False, False
    while i > a:
        j = before(data, i, a)
        c = code_point(data, j, width(data, j, i))
        if roles[c] == CLOSING:
            closed = True
            # Single quotation marks are apostrophes too.
            quoted |= c in (0x22, 0xBB, 0x201D, 0x203A, 0x300D, 0x300F, 0x301E, 0x301F, 0xFF02, 0xFF63)
        elif classes[c] not in (MARK, OTHER) and c not in (0x2A, 0x5F):
            if roles[c] in (STOP, WIDE_STOP):
                if closed:
                    return True
                if c in (0x2026, 0x22EF):
                    return False
                # Three in a row, full or wide.
                if c == 0x2E:
                    return not (j - a >= 2 and data[j - 1] == 0x2E and data[j - 2] == 0x2E)
                if c == 0x3002 and j - a >= 6:
                    return not (_wide_stop_at(data, j - 3) and _wide_stop_at(data, j - 6))
                return True
            return quoted or classes[c] == SOUTH_EAST_ASIAN
        i = j
    return quoted


@kernel
def _wide_stop_at(data: Bytes, i: Int) -> bool:
    return bool(data[i] == 0xE3 and data[i + 1] == 0x80 and data[i + 2] == 0x82)


@kernel
def _edit(
    start: Int32s,
    end: Int32s,
    first: Int64s,
    word_start: Int32s,
    data: Bytes,
    classes: Bytes,
    roles: Bytes,
    digits: Bytes,
    marked: Bytes,
    marked_bounds: Int32s,
    heads: npt.NDArray[np.int16],
    chain: npt.NDArray[np.int16],
    anchor: Int32s,
    bounds: Int32s,
    phrase: Bytes,
    kind: Int64s,
    longest: Int,
    fewest: Int,
    fewest_unspaced: Int,
    stops: bool,
    cite: bool,
    drop: Int,
    out: Bytes,
    out_offsets: Int64s,
    counts: Int64s,
) -> None:
    n: Int = np.int64(0)
    w = 0
    for d in range(first.size - 1):
        out_offsets[d] = n
        kept = False
        for k in range(first[d], first[d + 1]):
            a = np.int64(start[k])
            z = np.int64(end[k])
            word = w
            while w < word_start.size and word_start[w] < z:
                w += 1
            if longest >= 0 and z - a > longest and has_long_word(data, a, z, longest, classes, True):
                counts[d, LONG_WORD] += 1
                continue
            brackets = brackets_in(data, a, z)
            cited = cite and (brackets & 1) != 0
            if stops and not cited and not _stopped(data, a, z, classes, roles):
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
                if stops and not _stopped(out, begin, m, classes, roles):
                    counts[d, WITHOUT_STOP] += 1
                    continue
            words = w - word
            if words < fewest or words < fewest_unspaced:
                alone = 0
                for v in range(word, w):
                    at = np.int64(word_start[v])
                    if data[at] >= 0x80:
                        script = classes[code_point(data, at, width(data, at, z))]
                        alone += script in (HAN, SOUTH_EAST_ASIAN)
                if words < (fewest_unspaced if 2 * alone > words else fewest):
                    counts[d, FEW_WORDS] += 1
                    continue
            if not cited:
                out[m : m + z - a] = data[a:z]
                m += z - a
            found = phrases_at(out, begin, m, heads, chain, anchor, bounds, phrase, kind)
            counts[d, LOREM] += np.int64((found & _HAS_LOREM) != 0)
            if found & drop & _HAS_JAVASCRIPT:
                counts[d, JAVASCRIPT] += 1
                continue
            counts[d, CURLY] += (brackets >> 1) & 1
            if found & drop & _HAS_POLICY:
                counts[d, POLICY] += 1
                continue
            counts[d, CITATIONS] += cut
            kept = True
            n = m
    out_offsets[first.size - 1] = n


def edited(
    text: TextBuffers,
    lines: Spans,
    words: Spans,
    *,
    longest_word_chars: int | None,
    fewest_words: int | None,
    fewest_unspaced_words: int | None,
    only_stopped: bool,
    cut_citations: bool,
    without_javascript: bool,
    without_policies: bool,
) -> Edited:
    """The lines that stay. `lines` and `words` are those of `text.lines` and `text.words`, of the same texts."""
    documents = len(text.offsets) - 1
    # A line feed stands between lines only where one was.
    size = int(text.offsets[-1] - text.offsets[0])
    out, offsets = np.empty(size + 1, np.uint8), np.zeros(documents + 1, np.int64)
    counts = np.zeros((documents, 8), np.int64)
    wanted: Phrases = cached(_PHRASES)
    cited: Marks = marks(_CITATIONS)
    drop = without_javascript * _HAS_JAVASCRIPT | without_policies * _HAS_POLICY
    _edit(
        lines.start, lines.end, lines.offsets, words.start, text.data, tables.classes(), tables.roles(), cited.digits,
        cited.data, cited.bounds, *wanted, -1 if longest_word_chars is None else longest_word_chars, fewest_words or 0,
        fewest_unspaced_words or 0, only_stopped, cut_citations, drop, out, offsets, counts,
    )  # fmt: skip
    column = pa.LargeStringArray.from_buffers(documents, pa.py_buffer(offsets), pa.py_buffer(out[: offsets[-1]]))
    return Edited(column, counts)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    from dataprep.text.lines import lines
    from dataprep.text.words import words

    edited(
        text,
        lines(text),
        words(text),
        longest_word_chars=1000,
        fewest_words=3,
        fewest_unspaced_words=5,
        only_stopped=True,
        cut_citations=True,
        without_javascript=True,
        without_policies=True,
    )
