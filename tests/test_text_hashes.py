"""Hashes equal the published algorithm, and do not depend on where bytes stand."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import batches, documents

from dataprep.text.hashes import hash_spans, mix64, xxh64
from dataprep.text.spans import TextBuffers, text_buffers


@settings(deadline=None)
@given(batches, st.integers(0, 2**64 - 1))
def test_xxh64_is_the_published_one(text: TextBuffers, seed: int) -> None:
    assert xxh64(text, seed).tolist() == [xxhash.xxh64_intdigest(t.encode(), seed) for t in documents(text)]


def test_xxh64_at_every_length() -> None:
    letters = "".join(random.Random(1).choices("abcdefghijklmnop", k=300))
    texts = [letters[:n] for n in range(300)]
    found = xxh64(text_buffers(pa.array(texts, pa.large_string())))
    assert found.tolist() == [xxhash.xxh64_intdigest(t.encode()) for t in texts]


def twin(raw: bytes) -> int:
    full = 2**64 - 1
    h = len(raw) * 0x9E3779B97F4A7C15 & full
    for i in range(0, len(raw) // 8 * 8, 8):
        h = (h ^ int.from_bytes(raw[i : i + 8], "little")) * 0x9E3779B97F4A7C15 & full
        h ^= h >> 32
    return mixed(h ^ int.from_bytes(raw[len(raw) // 8 * 8 :], "little"))


def mixed(x: int) -> int:
    full = 2**64 - 1
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & full
    x = (x ^ x >> 27) * 0x94D049BB133111EB & full
    return x ^ x >> 31


@given(st.lists(st.binary(max_size=40), min_size=1), st.binary(max_size=9))
@settings(deadline=None)
def test_span_hashes_equal_their_twin_anywhere(parts: list[bytes], after: bytes) -> None:
    end = np.cumsum([len(p) for p in parts], dtype=np.int32)
    start = (end - [len(p) for p in parts]).astype(np.int32)
    data = np.frombuffer(b"".join(parts) + after, np.uint8)
    assert hash_spans(start, end, data).tolist() == [twin(p) for p in parts]


@given(st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_mix64_is_splitmix(x: int) -> None:
    assert int(mix64(np.uint64(x))) == mixed(x)


def test_low_bits_of_hashes_are_spread() -> None:
    texts = [str(i) for i in range(100_000)]
    end = np.cumsum([len(t) for t in texts], dtype=np.int32)
    start = (end - [len(t) for t in texts]).astype(np.int32)
    hashes = hash_spans(start, end, np.frombuffer("".join(texts).encode(), np.uint8))
    assert len(set(hashes.tolist())) == len(texts)
    for shift in (0, 16, 48):
        slots = np.bincount((hashes >> np.uint64(shift)).astype(np.int64) & 1023, minlength=1024)
        # 1,023 degrees of freedom: chi-squared stays below 1,250 in all but one of a million trials
        assert ((slots - len(texts) / 1024) ** 2 / (len(texts) / 1024)).sum() < 1250
