"""Label each document with its language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import models, schema
from dataprep.documents import Documents
from dataprep.errors import RunError
from dataprep.stage import Example, Map


class DetectLanguage(Map):
    """Give `language` and `language_score` by a fastText model. Used through `language`, which documents the settings.

    8,000 documents a second with the default prefix; holds the model (lid.176: 1 MB).
    """

    packages: ClassVar[tuple[str, ...]] = ("fasttext",)

    model: str = "lid.176"
    """Name of an installed fastText model whose labels are language codes."""
    first_chars: Annotated[int, Field(ge=1)] | None = 2000
    """How much of each document to look at; null: all."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "The weather was fine and we walked along the river until it was dark.",
                    "今天天气很好，我们沿着河边散步，\n一直走到天黑。",
                    "Es war schönes Wetter, und wir gingen am Fluss entlang, bis es dunkel wurde.",
                    " \n",
                    "",
                ]
            },
            {"language": ["en", "zh", "de", "und", "und"]},
        ),
    )

    def models(self) -> tuple[str, ...]:
        return (self.model,)

    def gives(self) -> dict[str, pa.DataType | None]:
        return {schema.LANGUAGE: pa.string(), schema.LANGUAGE_SCORE: pa.float32()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        text = pc.utf8_ltrim_whitespace(docs[schema.TEXT])
        if self.first_chars is not None:
            text = pc.utf8_slice_codeunits(text, 0, self.first_chars)
        # fastText reads one line: a line break is a space, never nothing, or words would be glued.
        lines = pc.replace_substring(text, "\n", " ").to_pylist()
        predict = _model(models.path(self.model)).multilinePredict
        best, probabilities = predict([line + "\n" for line in lines], 1, 0.0, "strict")
        labels = pa.array([label[0].removeprefix("__label__") for label in best], pa.string())
        scores = np.minimum(np.concatenate([*probabilities, np.zeros(0, np.float32)]), np.float32(1))  # 1.00001 is met
        blank = pc.equal(pc.binary_length(text), 0)
        return {
            schema.LANGUAGE: pc.if_else(blank, schema.UNDETERMINED, labels),
            schema.LANGUAGE_SCORE: pc.if_else(blank, pa.scalar(0, pa.float32()), pa.array(scores, pa.float32())),
        }


@cache
def _model(path: Path) -> Any:
    from fasttext.FastText import _FastText

    try:
        # Not `load_model`, which prints a warning; and of its `predict`, which fails with numpy 2, only the inside.
        return _FastText(model_path=str(path)).f
    except ValueError as error:
        raise RunError(f"{path}: not a fastText model: {error}") from error
