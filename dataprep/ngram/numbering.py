"""Sentences as numbers of their words, in a file: what a model is estimated from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from dataprep.ngram import pieces
from dataprep.ngram.adjusting import END
from dataprep.ngram.sentences import split, text_of
from dataprep.ngram.vocabulary import Vocabulary
from dataprep.text.kernel import kernel
from dataprep.text.spans import Int, Int32s, Int64s, TextBuffers, UInt32s
from dataprep.tokenizers import Tokenizer

Unit = Literal["pieces", "words", "spaces"]


class Numbered(NamedTuple):
    vocabulary: Vocabulary
    sentences: int
    tokens: int
    """Without ends of sentences."""
    skipped: int
    """Words of a text that are called like one of `SPECIAL`."""


def number(texts: Iterable[TextBuffers], unit: Unit, tokenizer: Tokenizer | None, out: Path) -> Numbered:
    """Write the word numbers of all sentences to a file, uint32, `</s>` after each sentence."""
    vocabulary = Vocabulary()
    by_pieces = _Pieces(tokenizer, vocabulary) if tokenizer is not None else None
    sentences = tokens = written = 0
    with out.open("wb") as file:
        for text in texts:
            if by_pieces is not None:
                seen, kept = by_pieces.write(text, file)
            else:
                seen, kept = _write(*_words(text, unit, vocabulary), file)
            sentences += len(text.offsets) - 1
            tokens += seen
            written += kept
    return Numbered(vocabulary, sentences, written, tokens - written)


def _words(text: TextBuffers, unit: Unit, vocabulary: Vocabulary) -> tuple[UInt32s, Int64s]:
    if unit == "words":
        from dataprep.text.words import words

        start, end, _, first = words(text)
    else:
        start, end, first = split(text)
    return vocabulary.numbers(text.data, start, end), first


@kernel
def _with_ends(numbers: UInt32s, first: Int64s, out: UInt32s) -> Int:
    n = np.int64(0)
    for d in range(first.size - 1):
        for k in range(first[d], first[d + 1]):
            if numbers[k] > END:
                out[n] = numbers[k]
                n += 1
        out[n] = END
        n += 1
    return n


def _write(numbers: UInt32s, first: Int64s, file: BinaryIO) -> tuple[int, int]:
    """Tokens met and tokens written."""
    sentences = len(first) - 1
    out = np.empty(len(numbers) + sentences, np.uint32)
    n = int(_with_ends(numbers, first, out))
    out[:n].tofile(file)
    return len(numbers), n - sentences


@kernel
def _map(
    ids: UInt32s, offsets: Int64s, at: Int64s, stop: Int, first: Int32s, numbers: Int32s, known: Int64s, out: UInt32s
) -> Int:  # fmt: skip
    """Words of the tokens of documents `at[0]` to `stop`, from token `at[1]` and its word `at[2]` on, into `out` at
    `at[3]`, until one has no number yet: which; -1 at the end."""
    while at[0] < stop:
        while at[1] < offsets[at[0] + 1]:
            token = ids[at[1]]
            while at[2] < first[token + 1] - first[token]:
                word = numbers[first[token] + at[2]]
                if known[word] < 0:
                    return np.int64(word)
                if known[word] > END:
                    out[at[3]] = known[word]
                    at[3] += 1
                at[2] += 1
            at[1] += 1
            at[2] = 0
        out[at[3]] = END
        at[3] += 1
        at[0] += 1
    return np.int64(-1)


class _Pieces:
    def __init__(self, tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._words = pieces.words_of(tokenizer)
        self._known = np.full(len(self._words.words), -1, np.int64)

    def write(self, text: TextBuffers, file: BinaryIO) -> tuple[int, int]:
        """In the order of the texts, so that words are numbered as they are met."""
        ids, offsets, odd = pieces.encode(self._tokenizer, text)
        seen = written = begin = 0
        rows = np.flatnonzero(odd)
        for row, line in zip(rows.tolist(), pieces.surfaces(self._tokenizer, text, rows), strict=True):
            written += self._mapped(ids, offsets, begin, row, file)
            alone = text_of([line])
            start, end, first = split(alone)
            counts = _write(self._vocabulary.numbers(alone.data, start, end), first, file)
            seen += counts[0] - counts[1]
            written += counts[1]
            begin = row + 1
        written += self._mapped(ids, offsets, begin, len(offsets) - 1, file)
        return written + seen, written

    def _mapped(self, ids: UInt32s, offsets: Int64s, begin: int, stop: int, file: BinaryIO) -> int:
        words = self._words
        most = int(np.diff(words.first).max(initial=1))
        out = np.empty(most * int(offsets[stop] - offsets[begin]) + stop - begin, np.uint32)
        at = np.array([begin, offsets[begin], 0, 0], np.int64)
        while (unseen := int(_map(ids, offsets, at, stop, words.first, words.numbers, self._known, out))) >= 0:
            self._known[unseen] = self._vocabulary.number(words.words[unseen])
        out[: at[3]].tofile(file)
        return int(at[3]) - (stop - begin)
