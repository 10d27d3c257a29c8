"""Words of spaCy's English tokenizer: its rules compiled for text between white space, its table for the rest.

spaCy cuts a text at white space and each chunk by rules: prefixes and suffixes are split off until a special case or
nothing is left to split, then infixes split what remains. So a chunk's words depend on the chunk alone, with one
exception: at the end special cases of several words (`Mr` `.`) are looked for in the whole document, and a useless find
across a space hides a good one inside a chunk. The kernel follows the rules by the classes of characters that
`spacy_english` reads from spaCy itself, and leaves to the table what it does not: chunks that could be a URL with a
sign inside, units beyond ASCII, and special cases that come together only after splitting (`fine:)`). Where a space
might hide one of those, it says so of the document.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from dataprep.text.hashes import hash_bytes
from dataprep.text.kernel import inlined, kernel
from dataprep.text.spacy_rules import SPACE, infix, may_be_url, prefix, suffix
from dataprep.text.spans import Bytes, Int, Int32s, Int64s, Spans, TextBuffers, UInt32s, UInt64s, reserve, trim
from dataprep.text.utf8 import code_point, width

SPECIAL: Final = 1
"""A flag of an entry: a special case of spaCy's, which holds inside chunks too."""
JOINS: Final = 2
"""A flag of an entry: a special case whose words are other ones than the rules would find."""
FRAGILE: Final = 4
"""A flag of an entry: special cases came together in it, which neighbours can prevent."""

WHOLE: Final = 8
"""A flag of an entry: it can be told only from the whole document."""

_MISSING: Final = -1
_POISON: Final = -2


class Table(NamedTuple):
    """What is known of chunks: an open-addressed table and what it points to."""

    slots: UInt32s
    """uint32[2^n]: number of an entry plus one, or 0."""
    keys: UInt64s
    """uint64[entries, 3]: hash of the bytes; of the first and last word before special cases were joined."""
    entries: Int32s
    """int32[entries, 5]: where its bytes begin, how many, its first cut, how many words, flags."""
    data: Bytes
    """Bytes of all entries."""
    cuts: Int32s
    """int32[words, 2]: where each word begins and ends in its entry."""
    known: Bytes
    """uint8[2^16]: a bit for each special case, by hash: none of it, and a chunk is no special case."""
    pairs: Bytes
    """uint8[2^16]: a bit for each two words that follow one another in a special case, by the pair's hash."""
    ends: Bytes
    """uint8[128]: whether letters and this sign, of ASCII, can be a special case."""


@inlined
def pair_hash(a: np.uint64, b: np.uint64) -> np.uint64:
    """One hash of two words'."""
    return a * np.uint64(0x9E3779B97F4A7C15) + b


@inlined
def _bit(bits: Bytes, h: np.uint64) -> bool:
    return bool((bits[(h >> np.uint64(45)) & np.uint64(0xFFFF)] >> np.uint8((h >> np.uint64(61)))) & np.uint8(1))


@inlined
def _find(
    h: np.uint64, text: Bytes, a: Int, z: Int, slots: UInt32s, keys: UInt64s, entries: Int32s, data: Bytes
) -> Int:
    """The entry of `text[a:z]`, whose hash is `h`; -1: none."""
    last = np.uint64(slots.size - 1)
    slot = h & last
    found: Int = np.int64(-1)
    while slots[slot] != 0:
        e = np.int64(slots[slot]) - 1
        if keys[e, 0] == h and np.int64(entries[e, 1]) == z - a:
            b = np.int64(entries[e, 0])
            same = True
            for j in range(z - a):
                same = same and text[a + j] == data[b + j]
            if same:
                found = e
                break
        slot = (slot + np.uint64(1)) & last
    return found


@kernel
def _special(
    text: Bytes, a: Int, z: Int, slots: UInt32s, keys: UInt64s, entries: Int32s, data: Bytes, known: Bytes, flag: int
) -> Int:
    """The entry of `text[a:z]` if it is a special case with this flag, else -1."""
    h = hash_bytes(text, a, z)
    if not _bit(known, h):
        return np.int64(-1)
    e = _find(h, text, a, z, slots, keys, entries, data)
    return e if e >= 0 and np.int64(entries[e, 4]) & flag else np.int64(-1)


@kernel
def _split(
    text: Bytes,
    a: Int,
    z: Int,
    classes: UInt32s,
    slots: UInt32s,
    keys: UInt64s,
    entries: Int32s,
    data: Bytes,
    cuts: Int32s,
    known: Bytes,
    pairs: Bytes,
    longest: Int,
    poison: np.uint64,
    stack: Int32s,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int,
) -> Int:
    """Write the words of the chunk `text[a:z]` from `start[first]` on: how many, or why not."""
    k = first
    suffixes = 0
    special: Int = np.int64(-1)
    while a < z:
        if z - a <= longest:
            special = _special(text, a, z, slots, keys, entries, data, known, SPECIAL)
            if special >= 0:
                break
        n = prefix(text, a, z, classes)
        if n > 0 and 0 < z - a - n <= longest:
            special = _special(text, a + n, z, slots, keys, entries, data, known, SPECIAL)
            if special >= 0:
                start[k] = a
                end[k] = a + n
                k += 1
                a += n
                break
        m = suffix(text, a + n, z, classes)
        if m < 0:
            return np.int64(_MISSING)
        if m > 0 and 0 < z - m - a <= longest:
            special = _special(text, a, z - m, slots, keys, entries, data, known, SPECIAL)
            if special >= 0:
                stack[suffixes] = z
                suffixes += 1
                z -= m
                break
        if n == 0 and m == 0:
            break
        if n > 0:
            start[k] = a
            end[k] = a + n
            k += 1
            a += n
        if m > 0:
            stack[suffixes] = z
            suffixes += 1
            z -= m
    if a < z:
        if special >= 0:
            c = np.int64(entries[special, 2])
            for t in range(c, c + np.int64(entries[special, 3])):
                start[k] = a + cuts[t, 0]
                end[k] = a + cuts[t, 1]
                k += 1
        else:
            done = a
            i = a
            while i < z:
                n = infix(text, a, i, z, classes)
                if n == 0:
                    i += width(text, i, z)
                    continue
                if i > a:
                    if i > done:
                        start[k] = done
                        end[k] = i
                        k += 1
                    start[k] = i
                    end[k] = i + n
                    k += 1
                    done = i + n
                i += n
            if done > a and may_be_url(text, a, z, classes):
                return np.int64(_MISSING)
            if done < z:
                start[k] = done
                end[k] = z
                k += 1
    while suffixes > 0:
        suffixes -= 1
        start[k] = z
        end[k] = stack[suffixes]
        z = np.int64(stack[suffixes])
        k += 1
    poisoned = False
    for t in range(first, k):
        h = hash_bytes(text, np.int64(start[t]), np.int64(end[t]))
        hashes[t] = h
        poisoned = poisoned or (h == poison and end[t] - start[t] == 8)
        if t > first and _bit(pairs, pair_hash(hashes[t - 1], h)):
            # Rarely more than a hint: is the text from an earlier word to the end of this one a special case?
            s = t - 1
            while s >= first and end[t] - start[s] <= longest:
                b = np.int64(start[s])
                if _special(text, b, np.int64(end[t]), slots, keys, entries, data, known, JOINS) >= 0:
                    return np.int64(_MISSING)
                s -= 1
    return np.int64(_POISON) if poisoned else k - first


@inlined
def _ends(text: Bytes, i: Int, stop: Int, classes: UInt32s) -> bool:
    """Whether a chunk ends at `i`: the document does, or white space begins."""
    if i >= stop:
        return True
    return bool(classes[code_point(text, i, width(text, i, stop))] & SPACE)


@inlined
def _letter(b: Int) -> bool:
    return bool(0x61 <= b | 0x20 <= 0x7A)


_SIGN = np.zeros(128, np.uint8)
_SIGN[[ord(sign) for sign in ",;:!?)\"'."]] = 1
_SIGN.flags.writeable = False
"""Signs that are suffixes of letters; a full stop not always."""


@kernel
def _words(
    offsets: Int64s,
    text: Bytes,
    classes: UInt32s,
    slots: UInt32s,
    keys: UInt64s,
    entries: Int32s,
    data: Bytes,
    cuts: Int32s,
    known: Bytes,
    pairs: Bytes,
    ends: Bytes,
    longest: Int,
    compiled: bool,
    poison: np.uint64,
    stack: Int32s,
    start: Int32s,
    end: Int32s,
    hashes: UInt64s,
    first: Int64s,
    poisoned: Bytes,
    hidden: Int32s,
    missing: Int32s,
) -> tuple[int, int]:
    lost = 0
    doubts = 0
    k = np.int64(0)
    for d in range(offsets.size - 1):
        first[d] = k
        i: Int = offsets[d]
        stop = offsets[d + 1]
        fragile_before = False
        last_before = np.uint64(0)
        poisoned[d] = 0
        while i < stop:
            a: Int = i
            while i < stop:
                b = text[i]
                if b < 0x80:
                    if not classes[b] & SPACE:
                        break
                    i += 1
                else:
                    w = width(text, i, stop)
                    if not classes[code_point(text, i, w)] & SPACE:
                        break
                    i += w
            if i >= stop:
                break
            spaced = i - a == 1 and text[a] == 0x20
            a = i
            while i < stop and _letter(text[i]):
                i += 1
            done = False
            fragile = False
            before_k = k
            if compiled and i > a:
                sign = np.uint8(0)
                z = i
                if i < stop and text[i] < 0x80 and _SIGN[text[i]]:
                    sign = text[i]
                    z = i + 1
                if _ends(text, z, stop, classes):
                    e: Int = np.int64(-1)
                    if sign and ends[sign] and z - a <= longest:
                        e = _special(text, a, z, slots, keys, entries, data, known, SPECIAL)
                        done = bool(e >= 0)
                    if not done:
                        if i - a <= longest:
                            h = hash_bytes(text, a, i)
                            if _bit(known, h):
                                e = _special(text, a, i, slots, keys, entries, data, known, SPECIAL)
                        done = bool(e < 0 or not sign)  # `id.` is a case for the rules: `i`, then `d.`
                        after_capital = sign == 0x2E and text[i - 1] < 0x61
                        if after_capital and e < 0 and (i - a < 2 or text[i - 2] >= 0x61):
                            i = z  # after capitals a full stop is a suffix if there are two of them
                            sign = np.uint8(0)
                    if e < 0:
                        start[k] = a
                        end[k] = i
                        hashes[k] = hash_bytes(text, a, i)
                        k += 1
                        if sign:
                            start[k] = i
                            end[k] = z
                            hashes[k] = hash_bytes(text, i, z)
                            k += 1
                    elif done:
                        c = np.int64(entries[e, 2])
                        for t in range(c, c + np.int64(entries[e, 3])):
                            start[k] = a + cuts[t, 0]
                            end[k] = a + cuts[t, 1]
                            hashes[k] = hash_bytes(text, np.int64(start[k]), np.int64(end[k]))
                            k += 1
                    if done:
                        i = z
            if not done:
                while not _ends(text, i, stop, classes):
                    i += width(text, i, stop)
                n: Int = np.int64(_MISSING)
                if compiled:
                    n = _split(
                        text, a, i, classes, slots, keys, entries, data, cuts, known, pairs, longest, poison, stack,
                        start, end, hashes, k,
                    )  # fmt: skip
                if n == _POISON:
                    poisoned[d] = 1
                elif n >= 0:
                    k += n
                else:
                    e = _find(hash_bytes(text, a, i), text, a, i, slots, keys, entries, data)
                    if e < 0:
                        missing[2 * lost] = a
                        missing[2 * lost + 1] = i
                        lost += 1
                    else:
                        c = np.int64(entries[e, 2])
                        for t in range(c, c + np.int64(entries[e, 3])):
                            start[k] = a + cuts[t, 0]
                            end[k] = a + cuts[t, 1]
                            hashes[k] = hash_bytes(text, np.int64(start[k]), np.int64(end[k]))
                            k += 1
                        flags = np.int64(entries[e, 4])
                        fragile = flags & FRAGILE != 0
                        if flags & WHOLE:
                            poisoned[d] = 1
                        if fragile:
                            if spaced and _bit(pairs, pair_hash(last_before, keys[e, 1])):
                                hidden[doubts] = a
                                doubts += 1
                            fragile_before = True
                            last_before = keys[e, 2]
            if not fragile and k > before_k:
                if fragile_before and spaced and _bit(pairs, pair_hash(last_before, hashes[before_k])):
                    hidden[doubts] = a
                    doubts += 1
                fragile_before = False
                last_before = hashes[k - 1]
    first[offsets.size - 1] = k
    return lost, doubts


class Found(NamedTuple):
    """What the rules and the table tell of a batch's words, and what they do not."""

    words: Spans
    missing: Int32s
    """int32[missing, 2]: where chunks are that the table lacks. None of their words is in `words`."""
    hidden: Int32s
    """int32: where chunks begin whose words are perhaps other ones, since a neighbour may hide a special case."""
    poisoned: Bytes
    """uint8[documents]: 1 if spaCy has to be asked about the whole document."""


def split_words(text: TextBuffers, classes: UInt32s, table: Table, longest: int, compiled: bool, poison: int) -> Found:
    """The words of each document. `longest` is that of special cases, in bytes; not `compiled`: the table is asked for
    every chunk; a document with a word whose hash is `poison` is poisoned."""
    documents = len(text.offsets) - 1
    size = int(text.offsets[-1] - text.offsets[0])
    found = reserve(size, documents)
    poisoned = np.zeros(documents, np.uint8)
    stack = np.empty(int(np.diff(text.offsets).max(initial=0)), np.int32)
    missing, hidden = np.empty(size + 2, np.int32), np.empty(size // 2 + 1, np.int32)
    lost, doubts = _words(text.offsets, text.data, classes, *table, longest, compiled, np.uint64(poison), stack, *found,
                          poisoned, hidden, missing)  # fmt: skip
    return Found(trim(found), missing[: 2 * lost].reshape(-1, 2).copy(), hidden[:doubts].copy(), poisoned)


@kernel
def _insert(slots: UInt32s, keys: UInt64s, begin: int) -> None:
    last = np.uint64(slots.size - 1)
    for e in range(begin, keys.shape[0]):
        slot = keys[e, 0] & last
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & last
        slots[slot] = e + 1


def insert(slots: UInt32s, keys: UInt64s, begin: int) -> None:
    """Make the entries from number `begin` on found in `slots`, which have room for them."""
    _insert(slots, keys, begin)


@kernel
def _pair_hashes(a: UInt64s, b: UInt64s, out: UInt64s) -> None:
    for k in range(out.size):
        out[k] = pair_hash(a[k], b[k])


def pair_hashes(a: UInt64s, b: UInt64s) -> UInt64s:
    """uint64[n]: `pair_hash` of each."""
    out = np.empty(len(a), np.uint64)
    _pair_hashes(a, b, out)
    return out


def set_bits(hashes: UInt64s) -> Bytes:
    """uint8[2^16]: the bits of these hashes, as `Table.known` and `Table.pairs` hold them."""
    bits = np.zeros(1 << 16, np.uint8)
    at = (hashes >> np.uint64(45) & np.uint64(0xFFFF)).astype(np.int64)
    np.bitwise_or.at(bits, at, (np.uint64(1) << (hashes >> np.uint64(61))).astype(np.uint8))
    return bits


def empty_table() -> Table:
    """Nothing is known."""
    return Table(
        np.zeros(16, np.uint32),
        np.zeros((0, 3), np.uint64),
        np.zeros((0, 5), np.int32),
        np.zeros(0, np.uint8),
        np.zeros((0, 2), np.int32),
        np.zeros(1 << 16, np.uint8),
        np.zeros(1 << 16, np.uint8),
        np.zeros(128, np.uint8),
    )


def warm(text: TextBuffers) -> None:
    """Compile this module's kernels."""
    table = empty_table()
    split_words(text, np.zeros(0x110000, np.uint32), table, 1, True, 0)
    insert(table.slots, table.keys, 0)
    pair_hashes(np.zeros(1, np.uint64), np.zeros(1, np.uint64))
