"""A language model ready to score documents: what it does to text first, and how KenLM's numbers become perplexity."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dataprep import models
from dataprep.errors import InputError, UsageError
from dataprep.ngram import arpa, cached, pieces
from dataprep.ngram.making import MODEL, TOKENIZER
from dataprep.ngram.sentences import gathered, split, text_of
from dataprep.text.ngram_table import BEGIN, END, Float32s, Table, look_up, scores, sentence_sums, worst_windows
from dataprep.text.spans import Bools, Int32s, Int64s, TextBuffers
from dataprep.text.word_fill import fill
from dataprep.tokenizers import Tokenizer, load

Float64s = npt.NDArray[np.float64]
_BINARY = b"mmap lm http://kheafield.com/code"


class Logs(NamedTuple):
    """Sentences, scored."""

    words: Int32s
    """int32[words]: `<s>` and the words of each sentence; only where `<s>` is matters."""
    p: Float32s
    """float32[words]: log10; 0 for `<s>`."""
    bounds: Int64s
    """int64[sentences + 1]: where each sentence's words begin."""
    counts: Int64s
    """int64[sentences]: its words as perplexity counts them, without `<s>` and `</s>`."""


class Scorer:
    """Made by `scorer`."""

    def __init__(self, file: Path, tokenizer: Tokenizer | None, ccnet: bool | None) -> None:
        self.file = file
        self.tokenizer = tokenizer
        sha256 = models.file_hash(file)
        self._kenlm: Any = None
        self._table: Table | None = None
        notes: dict[str, str] = {}
        with file.open("rb") as start:
            binary = start.read(len(_BINARY)) == _BINARY
        if not binary:
            notes = arpa.head(file).notes
            self._table = cached.table(file, sha256)
        if self._table is None:
            self._kenlm = _by_kenlm(file)
        self.unit = notes.get("unit") or ("pieces" if tokenizer is not None else "spaces")
        self.ccnet = notes.get("normalize") == "ccnet" if ccnet is None else ccnet
        self.profile = bool(ccnet)
        self.language = notes.get("language")
        self.files = [(file, sha256)]
        if self.unit == "pieces":
            self._with_pieces(notes.get("tokenizer"))
        elif tokenizer is not None:
            raise UsageError(f"{file}: its words are no pieces of a tokenizer ({self.unit}); leave `tokenizer` out")

    def _with_pieces(self, wanted: str | None) -> None:
        tokenizer = self.tokenizer
        if tokenizer is None:
            raise UsageError(f"{self.file}: its words are pieces of a tokenizer; name that with `tokenizer`")
        pieces.check(tokenizer)
        if wanted not in (None, tokenizer.sha256):
            raise UsageError(
                f"{tokenizer.file}: not the tokenizer that {self.file.name} was made with: sha256 is "
                f"{tokenizer.sha256[:16]}…, must be {wanted}"
            )
        self.files.append((tokenizer.file, tokenizer.sha256))
        if self._table is not None:
            self._pieces = pieces.words_of(tokenizer)
            words = text_of([word.decode() for word in self._pieces.words])
            ends = words.offsets.astype(np.int32)
            self._numbers = look_up(self._table, words.data, ends[:-1], ends[1:])

    @property
    def why_slow(self) -> str:
        """Why KenLM's own module scores; empty if our tables do."""
        return "" if self._table is not None else f"{self.file.name} is in a format that only the module `kenlm` reads"

    # ------------------------------------------------------------ perplexity

    def score(self, text: TextBuffers, window: int | None) -> tuple[Float64s, Float64s]:
        """Perplexity of each document, and of its worst window; NaN for one without words."""
        sentences, first = self._sentences(text)
        logs = self._logs(sentences)
        sums = sentence_sums(logs.p, logs.bounds).astype(np.float64)
        # A document's are added in order, so that nothing depends on the batch.
        total = np.array([sums[a:b].cumsum()[-1] if b > a else 0.0 for a, b in pairwise(first.tolist())])
        words = _added(logs.counts, first)
        met = _added((np.diff(logs.bounds) > 2).astype(np.int64), first) > 0
        length = words + np.diff(first)
        found = np.full(len(met), np.nan)
        # Python's power and rounding are those of the original; numpy's may differ in the last bit.
        for d in np.flatnonzero(met).tolist():
            value = 10.0 ** (-float(total[d]) / int(length[d]))
            found[d] = round(value, 1) if self.profile else value
        if window is None:
            return found, np.full(len(met), np.nan)
        worst = worst_windows(logs.words, logs.p, logs.bounds[first], window)
        return found, np.where(met, 10.0**-worst, np.nan)

    def _sentences(self, text: TextBuffers) -> tuple[TextBuffers, Int64s]:
        """One text a sentence, and where each document's begin."""
        if self.ccnet:
            from dataprep.text.ccnet import normalized

            return normalized(text), np.arange(len(text.offsets), dtype=np.int64)
        from dataprep.text.lines import lines

        found = lines(text)
        return gathered(found.start, found.end, text.data), found.offsets

    def _logs(self, text: TextBuffers) -> Logs:
        if self._table is None:
            return self._logs_of_kenlm(text)
        if self.unit == "pieces":
            words, bounds, counts = self._piece_words(text, self._table)
        else:
            start, end, first = self._spans(text)
            numbers = look_up(self._table, text.data, start, end)
            words, bounds = fill(first, numbers)
            counts = np.diff(first)
        return Logs(words, scores(self._table, words), bounds, counts)

    def _spans(self, text: TextBuffers) -> tuple[Int32s, Int32s, Int64s]:
        if self.unit == "spaces":
            return split(text)
        from dataprep.text.words import words

        found = words(text)
        return found.start, found.end, found.offsets

    def _piece_words(self, text: TextBuffers, table: Table) -> tuple[Int32s, Int64s, Int64s]:
        assert self.tokenizer is not None
        ids, offsets, odd = pieces.encode(self.tokenizer, text)
        rows = np.flatnonzero(odd)
        lines = pieces.surfaces(self.tokenizer, text, rows)
        if len(rows) == len(odd):  # nothing is taken from `ids`
            ids = ids[:0]
        words, first, counts = mapped(ids, offsets, odd, self._pieces, self._numbers)
        if len(rows):
            words, first = self._with_odd(words, first, odd, lines, table)
            counts[rows] = [len(line.split()) for line in lines]
        if not self.profile:
            counts = np.diff(first)
        filled, bounds = fill(first, words)
        return filled, bounds, counts

    def _with_odd(
        self, words: Int32s, first: Int64s, odd: Bools, lines: list[str], table: Table
    ) -> tuple[Int32s, Int64s]:
        """The words of odd sentences put in, looked up as they are written."""
        text = text_of(lines)
        start, end, own = split(text)
        numbers = look_up(table, text.data, start, end)
        sizes = np.diff(first)
        sizes[odd] = np.diff(own)
        bounds = np.zeros(len(first), np.int64)
        np.cumsum(sizes, out=bounds[1:])
        parts, at = [], 0
        for n, row in enumerate(np.flatnonzero(odd).tolist()):
            parts += [words[at : first[row]], numbers[own[n] : own[n + 1]]]
            at = int(first[row + 1])
        parts.append(words[at:])
        return np.concatenate(parts), bounds

    def _logs_of_kenlm(self, text: TextBuffers) -> Logs:
        if self.unit == "pieces":
            assert self.tokenizer is not None
            lines = pieces.lines(self.tokenizer, text)
        elif self.unit == "spaces":
            lines = [
                text.data[text.offsets[i] : text.offsets[i + 1]].tobytes().decode()
                for i in range(len(text.offsets) - 1)
            ]
        else:
            start, end, first = self._spans(text)
            spans = [text.data[a:b].tobytes().decode() for a, b in zip(start.tolist(), end.tolist(), strict=True)]
            lines = [" ".join(spans[a:b]) for a, b in zip(first[:-1].tolist(), first[1:].tolist(), strict=True)]
        p, bounds, counts = [np.zeros(0, np.float32)], [0], []
        for line in lines:
            held = [0.0, *(one[0] for one in self._kenlm.full_scores(line.replace("\0", " ")))]
            p.append(np.array(held, np.float32))
            bounds.append(bounds[-1] + len(held))
            counts.append(len(line.split()) if self.profile else len(held) - 2)
        words = np.full(bounds[-1], END, np.int32)
        words[bounds[:-1]] = BEGIN
        return Logs(words, np.concatenate(p), np.array(bounds, np.int64), np.array(counts, np.int64))


def mapped(
    ids: Any, offsets: Int64s, odd: Bools, of_pieces: pieces.Words, numbers: Int32s
) -> tuple[Int32s, Int64s, Int64s]:
    """Words of the model for tokens, where each sentence's begin (none of an odd one), and how many `str.split` counts
    in each."""
    from dataprep.text.word_fill import words_of_tokens

    return words_of_tokens(ids, offsets, odd, of_pieces.first, numbers[of_pieces.numbers], of_pieces.unicode_counts)


def _added(values: Int64s, first: Int64s) -> Int64s:
    """int64[documents]: sums of the sentences of each."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return np.diff(sums[first])


def _by_kenlm(file: Path) -> Any:
    import kenlm

    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(str(file), config)
    except OSError as error:
        why = shorten(str(error).rpartition(" threw ")[2], 200, placeholder="…")
        raise InputError(f"{file}: not a language model that KenLM reads: {why}") from error


# ---------------------------------------------------------------- by what settings say


def scorer(model: str, tokenizer: str | None, ccnet: bool | None) -> Scorer:
    """The model that settings name: a file, an installed model, or a folder that `train-lm` wrote.

    `ccnet`: whether to normalise as CCNet does and count and round as it does; None: normalise as the model says.
    Raises UsageError, one line, for what is missing or does not belong together; InputError for a damaged file.
    """
    file = models.located(model, "train-lm")
    beside = file / TOKENIZER
    if file.is_dir():
        if not (file / MODEL).is_file():
            raise UsageError(f"{model}: a folder without {MODEL}; `dataprep train-lm` makes one")
        file /= MODEL
    if tokenizer is None and beside.is_file():
        tokenizer = str(beside)
    path = models.located(tokenizer, "train-tokenizer") if tokenizer is not None else None
    stamps = tuple(
        (str(one), one.stat().st_mtime_ns, one.stat().st_size)
        for some in (file, path)
        if some is not None
        for one in (sorted(some.iterdir()) if some.is_dir() else [some])
    )
    return _loaded(file, path, ccnet, stamps)


@lru_cache(maxsize=64)
def _loaded(file: Path, tokenizer: Path | None, ccnet: bool | None, stamps: tuple[tuple[str, int, int], ...]) -> Scorer:
    """`stamps` tell of files that have changed."""
    return Scorer(file, load(tokenizer) if tokenizer is not None else None, ccnet)
