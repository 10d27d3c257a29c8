"""A batch of documents with its text views, computed once and shared by every stage of a pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.text.spans import Bools, Spans, TextBuffers, text_buffers

V = TypeVar("V")

MOVED_SPANS = 8 << 20
"""Most spans of a view that `keep` moves: both copies of a larger one need more memory than making it anew."""


class Documents:
    """Immutable rows plus cached views. `with_columns` and `keep` give new Documents.

    Views (`words`, `lines`, `paragraphs`, `sentences`) are flat spans over the whole batch (see `text.spans`).
    Replacing `text` forgets them; `keep` compacts rows and views together, so later stages never see dropped rows.
    """

    def __init__(self, batch: pa.RecordBatch, artefacts: Mapping[str, Path] | None = None) -> None:
        self.batch = batch
        self.artefacts: Mapping[str, Path] = artefacts or {}
        self._views: dict[str, Spans] = {}
        self._buffers: TextBuffers | None = None

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def __contains__(self, name: str) -> bool:
        return name in self.batch.schema.names

    def __getitem__(self, name: str) -> pa.Array:
        return self.batch.column(name)

    @property
    def text(self) -> TextBuffers:
        """Offsets and UTF-8 bytes of the `text` column."""
        if self._buffers is None:
            self._buffers = text_buffers(self.batch.column(schema.TEXT))
        return self._buffers

    @property
    def words(self) -> Spans:
        """Words as `text.words` defines them; hashes of their bytes."""
        from dataprep.text.words import words

        return self._view("words", words)

    @property
    def lower_words(self) -> Spans:
        """The same words; hashes of their lower-case bytes."""
        from dataprep.text.lower_case import lower_hashes
        from dataprep.text.words import lower_words

        known = self._views.get("words")
        if known is None:
            return self._view("lower_words", lower_words)
        return self._view("lower_words", lambda text: known._replace(hash=lower_hashes(known, text)))

    @property
    def spacy_words(self) -> Spans:
        """Words of spaCy's English, as datatrove takes them: signs are words too; hashes of their bytes."""
        from dataprep.text.spacy_english import spacy_words

        return self._view("spacy_words", spacy_words)

    @property
    def split_words(self) -> Spans:
        """Words of `str.split`, signs and all; hashes of their bytes."""
        from dataprep.text.split_words import split_words

        return self._view("split_words", split_words)

    @property
    def lines(self) -> Spans:
        """Non-blank lines without surrounding white space."""
        from dataprep.text.lines import lines

        return self._view("lines", lines)

    @property
    def paragraphs(self) -> Spans:
        """Non-blank paragraphs: runs of lines between blank lines."""
        from dataprep.text.lines import paragraphs

        return self._view("paragraphs", paragraphs)

    @property
    def sentences(self) -> Spans:
        """Sentences, also at full-width stops."""
        from dataprep.text.sentences import sentences

        return self._view("sentences", sentences)

    def _view(self, name: str, make: Callable[[TextBuffers], Spans]) -> Spans:
        if name not in self._views:
            self._views[name] = make(self.text)
        return self._views[name]

    def with_columns(self, columns: Mapping[str, pa.Array | None]) -> Documents:
        """New columns replace or follow the old ones; None removes a column."""
        arrays = {field.name: self.batch.column(i) for i, field in enumerate(self.batch.schema)}
        for name, array in columns.items():
            if array is None:
                arrays.pop(name, None)
            else:
                arrays[name] = array
        docs = Documents(pa.RecordBatch.from_pydict(arrays), self.artefacts)
        if schema.TEXT not in columns:
            docs._views = self._views
            docs._buffers = self._buffers
        return docs

    def keep(self, mask: Bools) -> Documents:
        """The rows where `mask` is true, with every view already computed that is not huge."""
        if mask.all():
            return self
        docs = Documents(self.batch.filter(pa.array(mask)), self.artefacts)
        if self._views and len(docs):
            from dataprep.text.spans import compact

            old, new = self.text.offsets, docs.text.offsets
            moved = {name: view for name, view in self._views.items() if len(view.start) <= MOVED_SPANS}
            docs._views = {name: compact(view, mask, old, new) for name, view in moved.items()}
        return docs

    def languages(self) -> pa.Array:
        """The `language` column; `und` everywhere if no stage has labelled the rows."""
        if schema.LANGUAGE in self:
            return self.batch.column(schema.LANGUAGE)
        return pa.repeat(schema.UNDETERMINED, len(self))


def documents(columns: Mapping[str, list[object]]) -> Documents:
    """Documents from Python lists, for examples and tests: missing fixed columns are filled in."""
    n = len(next(iter(columns.values())))
    given: dict[str, list[object]] = {
        schema.PLACE: list(range(n)),
        schema.ID: [str(i) for i in range(n)],
        schema.TEXT: [""] * n,
        schema.SOURCE: ["example"] * n,
        **columns,
    }
    arrays = {k: pa.array(v, schema.COLUMNS.get(k)) for k, v in given.items()}
    arrays[schema.PLACE] = pa.array(np.asarray(given[schema.PLACE], np.int64))
    return Documents(pa.RecordBatch.from_pydict(arrays))
