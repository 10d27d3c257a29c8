"""Score documents with the perplexity that a language model gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.errors import InputError, UsageError
from dataprep.stage import LANGUAGE_CODE, Map

if TYPE_CHECKING:
    from dataprep.ngram.scoring import Scorer

Code = Annotated[str, Field(pattern=f"^{LANGUAGE_CODE.pattern}$")]


class PerplexityScores(Map):
    """Score documents with the perplexity that a language model gives them. Used through `perplexity`, which documents
    the settings.

    Null for a document without words, or in a language without a model. About 20 MB/s on one core, two thirds of it
    looking n-grams up. A worker maps the model's table, 24 bytes an n-gram, which all workers share.
    """

    packages: ClassVar[tuple[str, ...]] = ("kenlm", "sentencepiece")
    paths: ClassVar[tuple[str, ...]] = ("model", "tokenizer")

    prefix: str = "perplexity"
    """Columns are called `<prefix>.<score>`."""
    model: str | dict[Code, str]
    """An ARPA file, a KenLM binary, an installed model, or a folder of `train-lm`; or one for each language."""
    tokenizer: str | dict[Code, str] | None = None
    """Whose pieces are the model's words; or one for each language."""
    profile: Literal["default", "ccnet"] = "default"
    """`ccnet`: normalise, count and round as CCNet does."""
    window_words: Annotated[int, Field(ge=2)] | None = 512
    """Words of a window; null: no windows."""

    def files(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for language, scorer in self._scorers():
            for file, sha256 in scorer.files:
                found[file.name if language is None else f"{language}/{file.name}"] = sha256
        return found

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"scores with the module kenlm, many times slower: {scorer.why_slow}"
            for _, scorer in self._scorers()
            if scorer.why_slow
        )

    def needs(self) -> tuple[str, ...]:
        return (schema.LANGUAGE,) if isinstance(self.model, dict) else ()

    def gives(self) -> dict[str, pa.DataType | None]:
        return {
            f"{self.prefix}.score": pa.float64(),
            **({f"{self.prefix}.worst_window": pa.float64()} if self.window_words is not None else {}),
        }

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.text.spans import text_buffers

        score, worst = np.full(len(docs), np.nan), np.full(len(docs), np.nan)
        for language, scorer in self._scorers():
            wanted = language or (scorer.language if schema.LANGUAGE in docs else None)
            rows = np.arange(len(docs))
            text = docs.text
            if wanted is not None:
                mask = pc.fill_null(pc.equal(docs.languages(), wanted), False)
                rows = np.flatnonzero(np.asarray(mask))
                text = text_buffers(docs[schema.TEXT].filter(mask))
            if len(rows):
                score[rows], worst[rows] = scorer.score(text, self.window_words)
        columns = {f"{self.prefix}.score": score, f"{self.prefix}.worst_window": worst}
        return {name: pa.array(columns[name], mask=np.isnan(columns[name])) for name in self.gives()}

    def _scorers(self) -> Iterator[tuple[str | None, Scorer]]:
        """By language, None for all. Raises UsageError for a file that is missing or of no use."""
        from dataprep.ngram.scoring import scorer

        named = self.model if isinstance(self.model, dict) else {None: self.model}
        pairs = self.tokenizer if isinstance(self.tokenizer, dict) else {}
        if unknown := sorted(pairs.keys() - {code for code in named if code is not None}):
            raise UsageError(f"perplexity: tokenizer: '{unknown[0]}' has no model")
        for language, model in named.items():
            tokenizer = self.tokenizer
            if isinstance(tokenizer, dict):
                tokenizer = tokenizer.get(str(language))
            try:
                yield language, scorer(model, tokenizer, True if self.profile == "ccnet" else None)
            except (InputError, UsageError) as error:
                raise UsageError(f"perplexity: {error}") from error
