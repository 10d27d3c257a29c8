"""Signatures are datasketch's, bit for bit; words fold to lower case as Python does it, character by character."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import batches, buffers, documents, pieces

from dataprep.text.hashes import hash_spans
from dataprep.text.lower_case import lower_hashes
from dataprep.text.minhash import NGRAM, band_hashes, permutations, shingles, signatures, signatures_of
from dataprep.text.spans import Spans, TextBuffers, UInt64s
from dataprep.text.words import lower_words, words

FULL = 2**64 - 1


def low(character: str) -> str:
    return character.lower() if len(character.lower()) == 1 else character


def hashes_of(texts: list[str]) -> list[int]:
    """`hash_bytes` of each string."""
    batch = buffers(texts)
    bounds = batch.offsets.astype(np.int32)
    return [int(h) for h in hash_spans(bounds[:-1], bounds[1:], batch.data)]


def shingle_twin(word_hashes: list[int]) -> list[int]:
    """Shingles of one document, in Python's integers."""
    if not word_hashes:
        return []
    n = min(NGRAM, len(word_hashes))
    found = []
    for k in range(len(word_hashes) - n + 1):
        h = n
        for word in word_hashes[k : k + n]:
            h = (h * 0x9E3779B97F4A7C15 + word) & FULL
        h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9 & FULL
        h = (h ^ h >> 27) * 0x94D049BB133111EB & FULL
        found.append(h ^ h >> 31)
    return found


def datasketch_signature(hashes: list[int], count: int, seed: int) -> list[int]:
    sketch = MinHash(count, seed=seed, scheme="affine32", hashfunc=lambda h: h & 0xFFFFFFFF)
    sketch.update_batch(hashes)
    return [int(h) for h in sketch.hashvalues]


@settings(deadline=None, max_examples=200)
@given(batches)
def test_lower_hashes_equal_their_twin(text: TextBuffers) -> None:
    found = words(text)
    expected = ["".join(map(low, word)) for one in pieces(found, text) for _, word in one]
    assert lower_hashes(found, text).tolist() == hashes_of(expected)
    at_once = lower_words(text)
    assert at_once.hash.tolist() == hashes_of(expected)
    for one, other in zip(at_once._replace(hash=found.hash), found, strict=True):
        assert (one == other).all()


def test_every_letter_folds() -> None:
    letters = [c for c in map(chr, range(0x20000)) if c.isalpha() and c.upper() != c and not "\ud800" <= c < "\ue000"]
    texts = [f"ab{c.upper()}yz" for c in letters] + [c.upper() for c in letters]
    text = buffers(texts)
    start, end = text.offsets[:-1].astype(np.int32), text.offsets[1:].astype(np.int32)
    whole = Spans(start, end, hash_spans(start, end, text.data), np.arange(len(texts) + 1, dtype=np.int64))
    assert lower_hashes(whole, text).tolist() == hashes_of(["".join(map(low, t)) for t in texts])


@settings(deadline=None, max_examples=100)
@given(batches)
def test_shingles_equal_their_twin(text: TextBuffers) -> None:
    found = words(text)
    values, offsets = shingles(found.hash, found.offsets)
    expected = [shingle_twin(found.hash[a:b].tolist()) for a, b in pairwise(found.offsets)]
    assert [values[a:b].tolist() for a, b in pairwise(offsets)] == expected


@settings(deadline=None, max_examples=30)
@given(batches, st.sampled_from([1, 7, 112, 128]), st.integers(0, 2**32 - 1))
def test_signatures_are_datasketch_s(text: TextBuffers, count: int, seed: int) -> None:
    found = words(text)
    by = permutations(count, seed)
    signed = signatures(found.hash, found.offsets, by)
    for d in range(len(documents(text))):
        twin = shingle_twin(found.hash[found.offsets[d] : found.offsets[d + 1]].tolist())
        assert signed[d].tolist() == datasketch_signature(twin, count, seed)
    assert (signed == signatures_of(*shingles(found.hash, found.offsets), by)).all()


@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 12, 13, 1023, 1027, 1028, 1029, 2100])
def test_signatures_at_every_block_border(length: int) -> None:
    hashes = np.random.default_rng(length).integers(0, 2**64, length, np.uint64)
    first = np.array([0, length], np.int64)
    signed = signatures(hashes, first, permutations(112))[0]
    assert signed.tolist() == datasketch_signature(shingle_twin(hashes.tolist()), 112, 1)


def test_a_signature_loads_into_datasketch() -> None:
    text = buffers(["a quick brown fox jumps over the dog", "a quick brown fox jumps over the cat"])
    found = words(text)
    one, two = (
        MinHash(112, seed=1, scheme="affine32", hashvalues=row)
        for row in signatures(found.hash, found.offsets, permutations(112))
    )
    sets = [set(shingle_twin(found.hash[a:b].tolist())) for a, b in ((0, 8), (8, 16))]
    exact = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    assert one.jaccard(two) == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 112) ** 0.5)


def band_twin(row: list[int], bands: int, rows: int) -> list[tuple[int, ...]]:
    return [(band, *row[band * rows : (band + 1) * rows]) for band in range(bands)]


def test_bands_agree_where_all_their_rows_do() -> None:
    rng = np.random.default_rng(0)
    signed: np.ndarray[tuple[int, int], np.dtype[np.uint32]] = rng.integers(0, 2, (300, 12), np.uint32)
    found: UInt64s = band_hashes(signed, 4, 3)
    hashes: dict[int, tuple[int, ...]] = {}
    for row, bands in zip(signed.tolist(), found.tolist(), strict=True):
        for key, values in zip(bands, band_twin(row, 4, 3), strict=True):
            assert hashes.setdefault(key, values) == values
    assert len(hashes) == len(set(hashes.values()))
