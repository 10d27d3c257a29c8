"""Sets of words and phrases by the hashes of their words: where in a text one of them stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from dataprep.text.hashes import hash_spans
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spans import Int, Int64s, Spans, TextBuffers, UInt64s, reserve

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class WordSets(NamedTuple):
    """Sets of words or phrases, one after the other, as open-addressed tables of hashes."""

    table: UInt64s
    """uint64[slots]: hashes; 0: free."""
    first: Int64s
    """int64[sets + 1]: where each set's slots begin: a power of two of them."""
    bits: Int64s
    """int64[sets]: a set has 2^bits slots."""
    sizes: Int64s
    """int64[sets]: bits of the lengths in words there are: bit n for phrases of n words."""
    begins: UInt64s
    """uint64[sets, 64]: a sieve of 4,096 bits of the first words of its phrases."""


def word_sets(sets: Sequence[Iterable[str]]) -> WordSets:
    """Tables of the sets; words of a phrase stand between single spaces. Set 0 of the result is empty."""
    tables, sizes = [np.zeros(1, np.uint64)], [0]
    begins = np.zeros((len(sets) + 1, 64), np.uint64)
    for number, phrases in enumerate(sets, 1):
        chosen = sorted({phrase for phrase in phrases if phrase})
        table = np.zeros(1 << max(4, 2 * len(chosen)).bit_length(), np.uint64)
        lengths = 0
        for phrase in chosen:
            words = phrase.split(" ")
            lengths |= 1 << min(len(words), 62)
            raw = [word.encode() for word in words]
            end = np.cumsum([len(word) for word in raw], dtype=np.int32)
            start = (end - [len(word) for word in raw]).astype(np.int32)
            joined = 0
            hashes = hash_spans(start, end, np.frombuffer(b"".join(raw) + b"\0" * 8, np.uint8))
            begins[number, int(hashes[0]) & 63] |= np.uint64(1) << (hashes[0] >> np.uint64(6) & np.uint64(63))
            for h in hashes.tolist():
                joined = (joined * int(_SPREAD) + h) & 0xFFFFFFFFFFFFFFFF
            slot = joined >> (64 - (len(table).bit_length() - 1))
            while table[slot]:
                slot = (slot + 1) % len(table)
            table[slot] = joined or 1
        tables.append(table)
        sizes.append(lengths)
    first = np.zeros(len(tables) + 1, np.int64)
    np.cumsum([len(table) for table in tables], out=first[1:])
    bits = np.array([len(table).bit_length() - 1 for table in tables], np.int64)
    return WordSets(np.concatenate(tables), first, bits, np.array(sizes, np.int64), begins)


@inlined
def within(table: UInt64s, first: Int, bits: Int, h: np.uint64) -> bool:
    """Whether the set of 2^bits slots from `first` on holds a hash; bits are 1 or more."""
    h = h if h else np.uint64(1)
    slot = np.int64(h >> np.uint64(64 - bits))
    while table[first + slot] and table[first + slot] != h:
        slot = (slot + 1) & ((np.int64(1) << bits) - 1)
    return bool(table[first + slot] == h)


@kernel
def _listed(
    hashes: UInt64s,
    first: Int64s,
    table: UInt64s,
    bounds: Int64s,
    set_bits: Int64s,
    sizes: Int64s,
    begins: UInt64s,
    chosen: Int64s,
    out: Int64s,
) -> None:
    for d in range(first.size - 1):
        which = chosen[d]
        lengths = sizes[which]
        listed = bounds[which]
        bits = set_bits[which]
        found = np.int64(0)
        for k in range(first[d], first[d + 1] if lengths else first[d]):
            h = hashes[k]
            sieve = begins[which, np.int64(h & np.uint64(63))]
            if not sieve >> (h >> np.uint64(6) & np.uint64(63)) & np.uint64(1):
                continue
            joined = np.uint64(0)
            n = np.int64(1)
            rest = lengths >> 1
            while rest and k + n <= first[d + 1]:
                joined = joined * _SPREAD + hashes[k + n - 1]
                if rest & 1:
                    found += np.int64(within(table, listed, bits, joined))
                rest >>= 1
                n += 1
        out[d] = found


def listed_phrases(words: Spans, phrases: WordSets, chosen: Int64s) -> Int64s:
    """int64[documents]: places at which a phrase of the chosen set stands, of every length."""
    out = np.zeros(len(words.offsets) - 1, np.int64)
    _listed(words.hash, words.offsets, *phrases, chosen, out)
    return out


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    documents = len(text.offsets) - 1
    listed_phrases(reserve(0, documents), word_sets([]), np.zeros(documents, np.int64))
