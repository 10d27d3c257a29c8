"""Build the list of documents whose text another document has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from dataprep.documents import Documents
from dataprep.duplicates import DUPLICATES, Keep, edges, keyed, keys, needs, of_one_key, write_lists
from dataprep.stage import Build
from dataprep.text.spans import TextBuffers


class ExactDuplicates(Build):
    """List all but one of the documents with the same text, or with the same words.

    A document without text, or without words where these are compared, is no copy of anything. Used through
    `exact_dedup`.
    """

    version: ClassVar[int] = 2
    partition_by: ClassVar[str] = "low"
    artefact: ClassVar[str] = DUPLICATES

    compare: Literal["text", "words"] = "text"
    """What copies have in common: every byte, or the words in lower case."""
    keep: Keep = "first"
    """Which copy survives."""

    def needs(self) -> tuple[str, ...]:
        return needs(self.keep)

    def collected(self) -> pa.Schema:
        return keys(self.keep)

    def combined(self) -> pa.Schema:
        return edges(ranked=self.keep != "first")

    def collect(self, docs: Documents) -> pa.RecordBatch:
        return keyed(docs, self.keep, docs.text if self.compare == "text" else _words(docs))

    def combine(self, partition: pa.Table) -> pa.Table:
        return of_one_key(partition)

    def finish(self, parts: Sequence[Path], out: Path) -> dict[str, Any]:
        return write_lists(parts, out)


def _words(docs: Documents) -> TextBuffers:
    """Each document as the hashes of its words, 8 bytes each."""
    words = docs.lower_words
    hashes, bounds = words.hash.view(np.uint8), words.offsets * 8
    for array in (bounds, hashes):
        array.flags.writeable = False  # as `text_buffers` has it: kernels compile once per type of array
    return TextBuffers(bounds, hashes)
