"""URLs in normal form: spellings of one address that lead to one page become equal.

What begins with `http://` or `https://` and has a host is normalised, RFC 3986 section 6.2 and more:

- `https` becomes `http`; scheme and host are in lower case; ports 80 and 443 go; the empty path becomes `/`;
- a host in Punycode (`xn--fiqs8s`) is written in its characters (中国), in lower case;
- the fragment goes; `.` and `..` segments are resolved; percent escapes are decoded where they stand for an ASCII
  letter, a digit or one of `-._~`, else written in capitals; what is neither these nor one of `:/?#[]@!$&'()*+,;=` is
  escaped;
- query parameters are sorted by name, those of one name keep their order; listed ones and empty ones go, and with the
  last of them the `?`.

White space and control characters around it go. Anything else (`ftp://...`, `example.org`, `//host/path`, garbage)
stays as it is. `www.`, a `/` at the end, user names and the notation of IP addresses are left alone: they can matter.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from dataprep.text.kernel import inlined, kernel
from dataprep.text.lower_case import lower_case
from dataprep.text.punycode import LABEL_BYTES, from_punycode
from dataprep.text.spans import Bools, Bytes, Int, Int32s, Int64s, TextBuffers
from dataprep.text.utf8 import code_point, encode, width

_SPACE, _HASH, _PERCENT, _AND, _DOT, _SLASH, _ZERO, _COLON, _EQUALS, _QUESTION, _AT = b" #%&./0:=?@"
_UNRESERVED = 2
_RESERVED = 1


class Parameters(NamedTuple):
    """Names of query parameters as kernels read them, sorted."""

    data: Bytes
    """Their bytes, in lower case."""
    bounds: Int64s
    """int64[names + 1]: name k is `data[bounds[k]:bounds[k + 1]]`."""
    beginning: Bools
    """Every parameter that begins so is meant."""
    first: Int64s
    """int64[257]: names that begin with byte b are `first[b]` to `first[b + 1]`."""


@cache
def parameters(names: tuple[str, ...]) -> Parameters:
    """From names and, with a `*` at the end, beginnings of names. Case does not count."""
    sorted_names = sorted({name.lower().encode() for name in names})
    raw = [name.removesuffix(b"*") for name in sorted_names]
    bounds = np.cumsum([0, *map(len, raw)], dtype=np.int64)
    beginning = np.array([name.endswith(b"*") for name in sorted_names], np.bool_)
    first = np.searchsorted([name[0] for name in raw], np.arange(257)).astype(np.int64)
    return Parameters(np.frombuffer(b"".join(raw), np.uint8), bounds, beginning, first)


@cache
def _kinds() -> Bytes:
    """uint8[256]: `_UNRESERVED`, `_RESERVED`, or 0 for bytes that are always escaped."""
    kinds = np.zeros(256, np.uint8)
    kinds[list(b":/?#[]@!$&'()*+,;=")] = _RESERVED
    kinds[[b for b in range(128) if chr(b).isalnum() or chr(b) in "-._~"]] = _UNRESERVED
    kinds.setflags(write=False)
    return kinds


@inlined
def _lower(b: Int) -> Int:
    return b | 0x20 if 0x41 <= b <= 0x5A else b


@inlined
def _nibble(b: Int) -> Int:
    """Value of a hexadecimal digit, -1 for other bytes."""
    if 0x30 <= b <= 0x39:
        return b - 0x30
    c = b | 0x20
    return c - 0x57 if 0x61 <= c <= 0x66 else np.int64(-1)


@inlined
def _find(data: Bytes, i: Int, end: Int, byte: Int) -> Int:
    """Where `byte` first stands in `data[i:end]`; `end` if nowhere."""
    while i < end and data[i] != byte:
        i += 1
    return i


@kernel
def _escaped(data: Bytes, i: Int, end: Int, kinds: Bytes, host: bool, out: Bytes, n: Int) -> Int:
    """Write `data[i:end]` at `out[n]` with its escapes in normal form; where that ends. In a host lower case is
    written, and characters beyond ASCII stay.
    """
    while i < end:
        b: Int = np.int64(data[i])
        i += 1
        stands = kinds[b] != 0 or (host and b >= 0x80)
        if b == _PERCENT and i + 2 <= end:
            high, low = _nibble(np.int64(data[i])), _nibble(np.int64(data[i + 1]))
            if high >= 0 and low >= 0:
                b = high << 4 | low
                i += 2
                stands = kinds[b] == _UNRESERVED
        if stands:
            out[n] = _lower(b) if host else b
            n += 1
        else:
            out[n] = _PERCENT
            for j, x in ((1, b >> 4), (2, b & 15)):
                out[n + j] = x + (0x30 if x < 10 else 0x37)
            n += 3
    return n


@inlined
def _lower_character(c: Int, lower: Int32s, out: Bytes, n: Int) -> Int:
    return encode(np.int64(lower[c]) if 0x80 <= c < lower.size else c, out, n)


@kernel
def _characters(out: Bytes, first: Int, n: Int, lower: Int32s, scratch: Bytes, points: Int32s) -> Int:
    """Rewrite the host at `out[first:n]`: labels in Punycode as characters, and those in lower case; where it ends."""
    foreign = False
    for j in range(first, n):
        foreign |= bool(out[j] >= 0x80 or (out[j] == 0x78 and j + 4 < n and out[j + 2] == out[j + 3] == 0x2D))
    if not foreign:
        return n
    size = n - first
    scratch[:size] = out[first:n]
    n = first
    i: Int = np.int64(0)
    while i < size:
        stop = _find(scratch, i, size, _DOT)
        count: Int = np.int64(0)
        if stop - i > 4 and scratch[i] == 0x78 and scratch[i + 1] == 0x6E and scratch[i + 2] == scratch[i + 3] == 0x2D:
            count = from_punycode(scratch, i + 4, stop, points)
        for j in range(count):
            n = _lower_character(np.int64(points[j]), lower, out, n)
        while i < stop and not count:
            w = width(scratch, i, stop)
            n = _lower_character(np.int64(code_point(scratch, i, w)), lower, out, n)
            i += w
        i = stop
        if i < size:
            out[n] = _DOT
            n += 1
            i += 1
    return n


@kernel
def _path(data: Bytes, i: Int, end: Int, kinds: Bytes, out: Bytes, n: Int) -> Int:
    """Write a path at `out[n]` with its dot segments resolved (RFC 3986 section 5.2.4); where it ends."""
    first = n
    out[n] = _SLASH
    n += 1
    i += np.int64(i < end)
    while True:
        stop = _find(data, i, end, _SLASH)
        begin = n
        n = _escaped(data, i, stop, kinds, False, out, n)
        size = n - begin
        if size == 1 and out[begin] == _DOT:
            n = begin
        elif size == 2 and out[begin] == out[begin + 1] == _DOT:
            n = begin - 1 if begin - 1 > first else begin
            while out[n - 1] != _SLASH:
                n -= 1
        elif stop < end:
            out[n] = _SLASH
            n += 1
        if stop >= end:
            return n
        i = stop + 1


@inlined
def _listed(data: Bytes, start: Int, end: Int, listed: Parameters) -> bool:
    """Whether a name, not empty, is in the list."""
    b = _lower(np.int64(data[start]))
    for k in range(listed.first[b], listed.first[b + 1]):
        a, size = listed.bounds[k], listed.bounds[k + 1] - listed.bounds[k]
        if end - start == size or (listed.beginning[k] and end - start > size):
            j = 1
            while j < size and _lower(np.int64(data[start + j])) == listed.data[a + j]:
                j += 1
            if j == size:
                return True
    return False


@inlined
def _after(data: Bytes, a: Int64s, b: Int64s) -> bool:
    """Whether parameter `a` belongs behind `b`: by name, then by where they stood."""
    size_a, size_b = a[1] - a[0], b[1] - b[0]
    for j in range(min(size_a, size_b)):
        x, y = data[a[0] + j], data[b[0] + j]
        if x != y:
            return bool(x > y)
    return bool(size_a > size_b if size_a != size_b else a[0] > b[0])


@kernel
def _query(
    data: Bytes,
    i: Int,
    end: Int,
    kinds: Bytes,
    listed: Parameters,
    scratch: Bytes,
    found: Int64s,
    out: Bytes,
    n: Int,
) -> Int:
    """Write the parameters that are not listed at `out[n]`, with `?` before the first, in order; where they end."""
    count = np.int64(0)
    m: Int = np.int64(0)
    while i < end:
        stop = _find(data, i, end, _AND)
        begin = m
        m = _escaped(data, i, stop, kinds, False, scratch, m)
        name = _find(scratch, begin, m, _EQUALS)
        if m > begin and not (name > begin and _listed(scratch, begin, name, listed)):
            found[count, 0], found[count, 1], found[count, 2] = begin, name, m
            count += 1
        i = stop + 1
    # Shell's sort, gaps 1, 4, 13, 40...: no URL is so long that it takes time.
    gap = np.int64(1)
    while 3 * gap + 1 < count:
        gap = 3 * gap + 1
    while gap:
        for k in range(gap, count):
            j: Int = k
            while j >= gap and _after(scratch, found[j - gap], found[j]):
                for x in range(3):
                    found[j, x], found[j - gap, x] = found[j - gap, x], found[j, x]
                j -= gap
        gap //= 3
    for k in range(count):
        out[n] = _AND if k else _QUESTION
        size = found[k, 2] - found[k, 0]
        out[n + 1 : n + 1 + size] = scratch[found[k, 0] : found[k, 2]]
        n += 1 + size
    return n


@inlined
def _port(data: Bytes, first: Int, end: Int) -> tuple[Int, Int]:
    """(where the host of `data[first:end]` ends, where its port begins, without zeros; `end` for one that is usual)."""
    colon: Int = end
    while colon > first and 0x30 <= data[colon - 1] <= 0x39:
        colon -= 1
    if colon == first or data[colon - 1] != _COLON:
        return end, end
    port = colon
    while port < end and data[port] == _ZERO:
        port += 1
    number = np.int64(0)
    for j in range(port, min(end, port + 4)):
        number = number * 10 + np.int64(data[j]) - 0x30
    return colon - 1, end if number in (80, 443) else port


@inlined
def _after_scheme(data: Bytes, i: Int, end: Int) -> Int:
    """Where the host of `http://` or `https://` begins; `end` for everything else."""
    size = np.int64(0)
    for b in (0x68, 0x74, 0x74, 0x70):
        if i + size >= end or _lower(np.int64(data[i + size])) != b:
            return end
        size += 1
    size += np.int64(i + size < end and _lower(np.int64(data[i + size])) == 0x73)
    if i + size + 3 <= end and data[i + size] == _COLON and data[i + size + 1] == data[i + size + 2] == _SLASH:
        return i + size + 3
    return end


@kernel
def _normalised(
    offsets: Int64s,
    data: Bytes,
    kinds: Bytes,
    lower: Int32s,
    names: Bytes,
    name_bounds: Int64s,
    beginning: Bools,
    first_names: Int64s,
    scratch: Bytes,
    found: Int64s,
    points: Int32s,
    bounds: Int64s,
    out: Bytes,
) -> None:
    listed = Parameters(names, name_bounds, beginning, first_names)
    n: Int = np.int64(0)
    for d in range(offsets.size - 1):
        bounds[d] = n
        i, end = offsets[d], offsets[d + 1]
        while i < end and data[i] <= _SPACE:
            i += 1
        while i < end and data[end - 1] <= _SPACE:
            end -= 1
        host = _after_scheme(data, i, end)
        path: Int = host
        user: Int = host
        while path < end and data[path] not in (_SLASH, _QUESTION, _HASH):
            path += 1
            if data[path - 1] == _AT:
                user = path
        host_end, port = _port(data, user, path)
        if host_end == user:
            out[n : n + end - i] = data[i:end]
            n += end - i
            continue
        for b in (0x68, 0x74, 0x74, 0x70, _COLON, _SLASH, _SLASH):
            out[n] = b
            n += 1
        if user - host > 1:
            n = _escaped(data, host, user - 1, kinds, False, out, n)
            out[n] = _AT
            n += 1
        first = n
        n = _escaped(data, user, host_end, kinds, True, out, n)
        n = _characters(out, first, n, lower, scratch, points)
        if port < path:
            out[n] = _COLON
            n = _escaped(data, port, path, kinds, False, out, n + 1)
        end = _find(data, path, end, _HASH)
        query = _find(data, path, end, _QUESTION)
        n = _path(data, path, query, kinds, out, n)
        n = _query(data, query + 1, end, kinds, listed, scratch, found, out, n)
    bounds[offsets.size - 1] = n


def normalised(urls: TextBuffers, dropped: tuple[str, ...] = ()) -> TextBuffers:
    """The normal form of each, without the query parameters `dropped`: names, or `utm_*` for all that begin so.

    3.8 million URLs a second, 250 MB/s. Needs memory for what it writes, at most four times what it reads.
    """
    sizes = np.diff(urls.offsets)
    longest = int(sizes.max(initial=0))
    # An escape takes 3 bytes for 1, a character of a Punycode digit up to 4; the empty path one where there was none.
    out = np.empty(4 * int(sizes.sum()) + 2 * len(sizes), np.uint8)
    bounds = np.empty(len(urls.offsets), np.int64)
    scratch = np.empty(4 * longest + 8, np.uint8)
    found, points = np.empty((longest // 2 + 2, 3), np.int64), np.empty(LABEL_BYTES, np.int32)
    tables = _kinds(), lower_case(), *parameters(dropped)
    _normalised(urls.offsets, urls.data, *tables, scratch, found, points, bounds, out)
    out = out[: bounds[-1]]
    for array in (bounds, out):
        array.flags.writeable = False  # as `text_buffers` has it: kernels compile once per type of array
    return TextBuffers(bounds, out)


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    normalised(text)
