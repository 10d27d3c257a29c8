"""Whether the host of a URL, or one above it, is in a set of a million; whether the URL is, or one above it."""

from __future__ import annotations

import numpy as np

from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Bools, Bytes, Int, Int64s, TextBuffers, UInt64s, read_only

_COLON, _SLASH, _DOT, _QUESTION, _AT = b":/.?@"
_BEGIN = len("http://")


def hash_set(hashes: UInt64s) -> UInt64s:
    """uint64[a power of two]: an open-addressed table at most half full; 0 is a free slot. 16 to 32 bytes a hash."""
    wanted = np.unique(np.where(hashes == 0, np.uint64(1), hashes))
    table = np.zeros(1 << max(4, int(2 * len(wanted)).bit_length()), np.uint64)
    _fill(wanted, table)
    return table


@kernel
def _fill(hashes: UInt64s, table: UInt64s) -> None:
    last = np.uint64(table.size - 1)
    for h in hashes:
        slot = h & last
        while table[slot]:
            slot = (slot + np.uint64(1)) & last
        table[slot] = h


@inlined
def _holds(table: UInt64s, h: np.uint64) -> bool:
    if h == 0:
        h = np.uint64(1)
    last = np.uint64(table.size - 1)
    slot = h & last
    while table[slot] and table[slot] != h:
        slot = (slot + np.uint64(1)) & last
    return bool(table[slot])


@inlined
def _host(data: Bytes, i: Int, end: Int) -> tuple[Int, Int, Int]:
    """(where the host of normal form `data[i:end]` begins and ends, where its path begins); begins at `end`: none."""
    begin: Int = i + _BEGIN
    first: Int = end
    stop: Int = end
    path: Int = end
    if begin < end and data[i + 4] == _COLON and data[i + 5] == data[i + 6] == _SLASH and data[i] == 0x68:
        path = begin
        first = begin
        while path < end and data[path] != _SLASH:
            if data[path] == _AT:
                first = path + 1
            path += 1
        stop = path
        while stop > first and 0x30 <= data[stop - 1] <= 0x39:
            stop -= 1
        if stop > first and data[stop - 1] == _COLON:
            stop -= 1
        else:
            stop = path
        while stop > first and data[stop - 1] == _DOT:
            stop -= 1
    return first, stop, path


@kernel
def _hosts(offsets: Int64s, data: Bytes, table: UInt64s, hashes: UInt64s, out: Bools) -> None:
    making = hashes.size > 0
    for d in range(offsets.size - 1):
        first, stop, _ = _host(data, offsets[d], offsets[d + 1])
        if first >= stop:
            continue
        if making:
            hashes[d] = hash_bytes(data, first, stop)
            continue
        found = _holds(table, hash_bytes(data, first, stop))
        # Numbers are the end of an IP address: nothing lies above it.
        if not 0x30 <= data[stop - 1] <= 0x39:
            j = first
            while j < stop and not found:
                if data[j] == _DOT:
                    found = _holds(table, hash_bytes(data, j + 1, stop))
                j += 1
        out[d] = found


@kernel
def _urls(offsets: Int64s, data: Bytes, table: UInt64s, hashes: UInt64s, out: Bools) -> None:
    making = hashes.size > 0
    for d in range(offsets.size - 1):
        first, stop, path = _host(data, offsets[d], offsets[d + 1])
        if first >= stop:
            continue
        end = offsets[d + 1]
        if data[end - 1] == _SLASH:
            end -= 1
        if making:
            hashes[d] = hash_bytes(data, first, end)
            continue
        found = _holds(table, hash_bytes(data, first, end))
        j: Int = path + 1
        while j < end and not found:
            if data[j] == _SLASH or data[j] == _QUESTION:
                found = _holds(table, hash_bytes(data, first, j))
                if data[j] == _QUESTION:
                    break
            j += 1
        out[d] = found


_NONE = np.zeros(0, np.uint64)


def hosts_listed(urls: TextBuffers, table: UInt64s) -> Bools:
    """bool[urls]: whether the host of each URL in normal form, or a host above it, is in a `hash_set`.

    Wrong for one host in 2^64 / entries: with 10^6 entries one in 2 * 10^13.
    """
    out = np.zeros(len(urls.offsets) - 1, np.bool_)
    _hosts(urls.offsets, urls.data, read_only(table), _NONE, out)
    return out


def urls_listed(urls: TextBuffers, table: UInt64s) -> Bools:
    """bool[urls]: whether each URL in normal form, or one whose path it continues, is in a `hash_set`."""
    out = np.zeros(len(urls.offsets) - 1, np.bool_)
    _urls(urls.offsets, urls.data, read_only(table), _NONE, out)
    return out


@kernel
def _held(hashes: UInt64s, table: UInt64s, out: Bools) -> None:
    for d in range(hashes.size):
        out[d] = _holds(table, hashes[d])


def hashes_listed(hashes: UInt64s, table: UInt64s) -> Bools:
    """bool[hashes]: whether each is in a `hash_set`."""
    out = np.zeros(len(hashes), np.bool_)
    _held(read_only(hashes), read_only(table), out)
    return out


def host_hashes(urls: TextBuffers) -> UInt64s:
    """uint64[urls]: of the host of each URL in normal form; 0 where there is none."""
    hashes = np.zeros(len(urls.offsets) - 1, np.uint64)
    if len(hashes):
        _hosts(urls.offsets, urls.data, read_only(_NONE), hashes, np.zeros(0, np.bool_))
    return hashes


def url_hashes(urls: TextBuffers) -> UInt64s:
    """uint64[urls]: of each URL in normal form, without a `/` at its end; 0 where it has no host."""
    hashes = np.zeros(len(urls.offsets) - 1, np.uint64)
    if len(hashes):
        _urls(urls.offsets, urls.data, read_only(_NONE), hashes, np.zeros(0, np.bool_))
    return hashes


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    table = hash_set(host_hashes(text))
    hosts_listed(text, table)
    urls_listed(text, table)
    hashes_listed(table, table)
    url_hashes(text)
