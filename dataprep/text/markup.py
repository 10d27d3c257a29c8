"""HTML tags left in the text: how many of its characters are inside `<...>`."""

from __future__ import annotations

import numpy as np

from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bytes, Int, Int64s, TextBuffers, UInt64s
from dataprep.text.utf8 import count_chars

_ELEMENTS = """
a abbr acronym address applet area article aside audio b base basefont bdi bdo big blockquote body br button canvas
caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset
figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins
kbd label legend li link main map mark marquee menu meta meter nav nobr noframes noscript object ol optgroup option
output p param picture pre progress q rp rt ruby s samp script search section select slot small source span strike
strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video
wbr
"""
"""Elements of the HTML Living Standard, sections 4 and 16.2 (obsolete ones), and svg: `List<String>` is no tag."""

_LONGEST_NAME = 10
"""figcaption, blockquote."""

_LONGEST_TAG = 4096
"""A `<` without a `>` in so many bytes opens no tag: keeps the scan linear."""

_SLOTS = 1024
_BASE = 37


def _element_table() -> UInt64s:
    """uint64[1024]: open-addressed set of names packed in base 37, which no two names share."""
    table = np.zeros(_SLOTS, np.uint64)
    for name in _ELEMENTS.split():
        packed = 0
        for c in name.encode():
            packed = packed * _BASE + (c - 0x60 if c >= 0x61 else c - 0x30 + 27)
        slot = packed % _SLOTS
        while table[slot]:
            slot = (slot + 1) % _SLOTS
        table[slot] = packed
    return table


@inlined
def _digit(c: Int) -> Int:
    """1..36 for a letter or digit, 0 for any other byte."""
    if 0x61 <= c | 0x20 <= 0x7A:
        return (c | 0x20) - 0x60
    return c - 0x30 + 27 if 0x30 <= c <= 0x39 else 0


@kernel
def _tag_end(data: Bytes, i: Int, stop: Int, elements: UInt64s) -> Int:
    """The byte after the tag that the `<` at `i` opens; `i` if it opens none."""
    j = i + 1
    if j < stop and data[j] != 0x21:  # `<!`: a comment or a doctype has no name
        if data[j] == 0x2F:
            j += 1
        first = j
        packed = np.uint64(0)
        while j < stop and j - first <= _LONGEST_NAME:
            c = _digit(np.int64(data[j]))
            if c == 0:
                break
            packed = packed * np.uint64(_BASE) + np.uint64(c)
            j += 1
        # A name ends at white space, `/` or `>`.
        if j in (first, stop) or not (data[j] <= 0x20 or data[j] == 0x2F or data[j] == 0x3E):
            return i
        slot = np.int64(packed & np.uint64(_SLOTS - 1))
        while elements[slot] != packed:
            if elements[slot] == 0:
                return i
            slot = (slot + 1) & (_SLOTS - 1)
    limit = min(stop, i + _LONGEST_TAG)
    while j < limit and data[j] != 0x3E and data[j] != 0x3C:
        j += 1
    return j + 1 if j < limit and data[j] == 0x3E else i


@kernel
def _count(offsets: Int64s, data: Bytes, elements: UInt64s, out: Int64s) -> None:
    for d in range(offsets.size - 1):
        i = offsets[d]
        stop = offsets[d + 1]
        # Most documents hold no `<`, and counting without branches is a vector instruction.
        left = np.int64(0)
        for b in data[i:stop]:
            left += np.int64(b == 0x3C)
        markup = np.int64(0)
        while left > 0:
            if data[i] == 0x3C:
                left -= 1
                end = _tag_end(data, i, stop, elements)
                markup += count_chars(data, i, end)
                i = max(end, i + 1)
            else:
                i += 1
        out[d] = markup


def markup_chars(text: TextBuffers) -> Int64s:
    """int64[documents]: code points inside HTML tags, comments and doctypes, `<` and `>` included.

    A tag is `<` or `</`, the name of an HTML element in either case, and up to 4,096 bytes without another `<` to the
    next `>`: `<p class="x">`, `</p>`, `<BR/>`. Generics, templates and e-mail addresses in angles are none.
    """
    out = np.empty(len(text.offsets) - 1, np.int64)
    _count(text.offsets, text.data, _element_table(), out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    markup_chars(text)
