"""Score documents with a fastText classifier."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from dataprep.documents import Documents
from dataprep.stage import Map


class ClassifierScores(Map):
    """Give `<prefix>.<label>`, the probability of a label by a fastText classifier. Used through `classifier`."""

    version: ClassVar[int] = 2
    packages: ClassVar[tuple[str, ...]] = ("fasttext",)
    paths: ClassVar[tuple[str, ...]] = ("model",)

    model: str
    """A file, a folder or the name of an installed model."""
    label: str
    """Which of its labels, with or without `__label__`."""
    prefix: str = "classifier"
    """The column is called `<prefix>.<label>`."""
    lower: bool | None = None
    """Words in lower case; null: as the model's card says."""
    split_han: bool | None = None
    """Each Han character is a word; null: as the model's card says."""

    def files(self) -> dict[str, str]:
        from dataprep import models
        from dataprep.classifiers.loading import find, load_for

        found = find(self.model)
        load_for(found, self.label)
        return {path.name: models.file_hash(path) for path in found.files}

    def gives(self) -> dict[str, pa.DataType | None]:
        return {f"{self.prefix}.{self.label.removeprefix('__label__')}": pa.float32()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.classifiers.loading import find, load_for
        from dataprep.classifiers.model_file import score
        from dataprep.text.one_line import one_line

        found = find(self.model)
        model, label = load_for(found, self.label)
        lower = found.lower if self.lower is None else self.lower
        split_han = found.split_han if self.split_han is None else self.split_han
        scores = score(model, one_line(docs.text, lower=lower, split_han=split_han), (label,))
        return {f"{self.prefix}.{label}": pa.array(scores[:, 0])}
