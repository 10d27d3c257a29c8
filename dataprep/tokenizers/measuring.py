"""What a tokenizer makes of text: fertility by language and source, pieces, round trips, what NFKC would change."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.text.spans import TextBuffers, text_buffers
from dataprep.tokenizers.library import Encoded
from dataprep.tokenizers.sampling import Document, Sampled
from dataprep.tokenizers.tokenizer import Tokenizer

PIECES = 20
"""Longest and rarest pieces, replaced characters and failures that a report lists."""
_BATCH_BYTES = 8 << 20
_SHOWN = 60
ALL = "all"

Counts = dict[str, int]


def measure(
    tokenizer: Tokenizer, sampled: Sequence[Sampled], compare: Sequence[tuple[str, Tokenizer]]
) -> dict[str, Any]:
    """The report on a tokenizer trained on `sampled`, as it goes to report.json. Depends on no clock.

    Fertility is measured on held-out documents; how often pieces occur, on the sample.
    """
    held_out = [(part.origin.name, document) for part in sampled for document in part.held_out]
    everyone = [("trained", tokenizer), *compare]
    rows = [row for name, one in everyone for row in fertility(name, one, held_out)]
    used = occurrences(tokenizer, (document for part in sampled for document in part.documents))
    return {
        "tokenizers": {
            name: {"kind": one.kind, "vocab_size": one.vocab_size, "sha256": one.sha256, "why_slow": one.why_slow}
            for name, one in everyone
        },
        "fertility": rows,
        "pieces": pieces(tokenizer, used),
        "round_trip": round_trips(tokenizer, [document for _, document in held_out]),
        "nfkc": nfkc(document for _, document in held_out),
    }


def fertility(name: str, tokenizer: Tokenizer, documents: Sequence[tuple[str, Document]]) -> list[dict[str, Any]]:
    """Tokens per word (dataprep's words), per character, and bytes per token: of all, by language, by source."""
    from dataprep.text.utf8 import char_counts
    from dataprep.text.words import words

    is_byte = np.array([tokenizer.byte(token) is not None for token in range(tokenizer.vocab_size)], np.bool_)
    groups: dict[tuple[str, str], Counter[str]] = {}
    for batch, text in _batches(documents):
        encoded = tokenizer.encode(text)
        columns = {
            "bytes": np.diff(text.offsets),
            "characters": char_counts(text),
            "words": np.diff(words(text).offsets),
            "tokens": np.diff(encoded.offsets),
            "byte_tokens": _sums(is_byte[encoded.ids], encoded.offsets),
        }
        for what, counts in columns.items():
            for (source, document), count in zip(batch, counts.tolist(), strict=True):
                for key in ((ALL, ALL), ("language", document.language), ("source", source)):
                    groups.setdefault(key, Counter())[what] += count
        for source, document in batch:
            for key in ((ALL, ALL), ("language", document.language), ("source", source)):
                groups[key]["documents"] += 1
    return [_row(name, by, key, groups[by, key]) for by, key in sorted(groups)]


def _row(name: str, by: str, key: str, found: Counter[str]) -> dict[str, Any]:
    counts = {what: found[what] for what in ("documents", "bytes", "characters", "words", "tokens", "byte_tokens")}
    ratios = {
        "tokens_per_word": _ratio(found["tokens"], found["words"]),
        "tokens_per_character": _ratio(found["tokens"], found["characters"]),
        "bytes_per_token": _ratio(found["bytes"], found["tokens"]),
        "byte_token_ratio": _ratio(found["byte_tokens"], found["tokens"]),
    }
    return {"tokenizer": name, "by": by, "key": key, **counts, **ratios}


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 5) if whole else None


def _sums(flags: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[documents]: how many flags of each are set."""
    running = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags, out=running[1:])
    return running[offsets[1:]] - running[offsets[:-1]]


def _batches(
    documents: Iterable[tuple[str, Document]],
) -> Iterator[tuple[list[tuple[str, Document]], TextBuffers]]:
    """Documents by a few megabytes."""
    held: list[tuple[str, Document]] = []
    size = 0
    for source, document in documents:
        held.append((source, document))
        size += len(document.text)
        if size >= _BATCH_BYTES:
            yield held, buffers([d for _, d in held])
            held, size = [], 0
    if held:
        yield held, buffers([d for _, d in held])


def buffers(documents: Sequence[Document]) -> TextBuffers:
    return text_buffers(pa.array([d.text for d in documents], pa.large_binary()).cast(pa.large_string()))


# ---------------------------------------------------------------- pieces


def occurrences(tokenizer: Tokenizer, documents: Iterable[Document]) -> npt.NDArray[np.int64]:
    """int64[vocabulary]: how often each token occurs."""
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    for _, text in _batches(("", document) for document in documents):
        counts += np.bincount(tokenizer.encode(text).ids, minlength=tokenizer.vocab_size)
    return counts


def pieces(tokenizer: Tokenizer, counts: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The longest pieces and the rarest, special tokens and byte fallback left out; a tie goes by id."""
    special = set(tokenizer.special.values())
    ordinary = [
        token for token in range(tokenizer.vocab_size) if token not in special and tokenizer.byte(token) is None
    ]
    texts = {token: tokenizer.piece(token) for token in ordinary}
    longest = sorted(ordinary, key=lambda token: (-len(texts[token]), token))[:PIECES]
    rarest = sorted(ordinary, key=lambda token: (counts[token], token))[:PIECES]
    byte_tokens = sum(int(counts[token]) for token in range(tokenizer.vocab_size) if tokenizer.byte(token) is not None)
    return {
        "tokens": int(counts.sum()),
        "byte_tokens": byte_tokens,
        "unused": sum(not counts[token] for token in ordinary),
        "longest": [{"id": t, "piece": texts[t], "count": int(counts[t])} for t in longest],
        "rarest": [{"id": t, "piece": texts[t], "count": int(counts[t])} for t in rarest],
    }


# ---------------------------------------------------------------- what comes back, and what normalising would lose


def round_trips(tokenizer: Tokenizer, documents: Sequence[Document]) -> dict[str, Any]:
    """Documents that do not come back as they were, with where the first few differ."""
    failures = []
    for batch, text in _batches(("", document) for document in documents):
        encoded = tokenizer.encode(text)
        for (_, document), back in zip(batch, decoded(tokenizer, encoded), strict=True):
            wanted = document.text.decode()
            if back != wanted:
                failures.append(_difference(wanted, back))
    return {"documents": len(documents), "failures": len(failures), "examples": failures[:PIECES]}


def decoded(tokenizer: Tokenizer, encoded: Encoded) -> Iterator[str]:
    for begin, end in pairwise(encoded.offsets.tolist()):
        yield tokenizer.decode(encoded.ids[begin:end])


def _difference(wanted: str, back: str) -> dict[str, Any]:
    at = next((n for n, (a, b) in enumerate(zip(wanted, back, strict=False)) if a != b), min(len(wanted), len(back)))
    return {"at": at, "text": wanted[at : at + _SHOWN], "came_back": back[at : at + _SHOWN]}


def nfkc(documents: Iterable[Document]) -> dict[str, Any]:
    """How much text Unicode's NFKC would change, were it applied: full-width forms, ligatures, superscripts, …

    `replaced` counts characters that NFKC replaces by themselves; a document can also change by composition alone.
    """
    total = changed = characters = 0
    replaced: Counter[str] = Counter()
    for document in documents:
        text = document.text.decode()
        total += 1
        characters += len(text)
        if unicodedata.is_normalized("NFKC", text):
            continue
        changed += 1
        found = Counter(text)
        replaced.update({c: n for c, n in found.items() if unicodedata.normalize("NFKC", c) != c})
    most = sorted(replaced.items(), key=lambda item: (-item[1], item[0]))[:PIECES]
    return {
        "documents": total,
        "changed_documents": changed,
        "characters": characters,
        "replaced_characters": replaced.total(),
        "most_replaced": [{"from": c, "to": unicodedata.normalize("NFKC", c), "count": n} for c, n in most],
    }
