"""Keep documents by the score of a fastText classifier."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from dataprep.scored import Limit, Scored
from dataprep.stage import Example, Fraction, Part


class Classifier(Scored):
    """Keep documents by the probability of one label of a fastText classifier, `<name>.<label>`: by a threshold, by lot
    as GPT-3 did, or the best part of the corpus. Several may be given; a document must pass each.

    The model is one that `dataprep train-classifier` made, or any other maker's: its scores are fastText's own, to five
    decimals. Texts are given to it as one line. What it makes of Chinese depends on that: a model that was trained with
    `split_han` takes each Han character for a word; without it a sentence is one word, which it has hardly ever seen.

    Two ways that are published:

    - LLaMA (Touvron et al. 2023, arXiv:2302.13971, section 2.1) drops pages that a linear classifier does not take for
      pages that Wikipedia refers to: `min_score: 0.5`. See `pipelines/classifier-llama.yaml`.
    - DCLM (Li et al. 2024, arXiv:2406.11794, section 4.4) keeps the top 10 % by a fastText model of instruction data
      and ELI5 against web text: `keep_top_ratio: 0.1`, with its published model and `label: hq`.

    Classifiers drop dialects and colloquial text, and scores of one language say little of those of another. Look at
    what is kept of each language and source in the ledger, and set thresholds by language, `zh: {min_score: 0.2}`, or
    `by_language`.

    Cost: 35 to 80 MB/s for words and pairs of words, as fastText's own program; all workers of a machine share one copy
    of a model that is not compressed. `keep_top_ratio` is a barrier: all earlier stages finish first; scores are not
    computed again.
    """

    paths: ClassVar[tuple[str, ...]] = ("model",)

    model: str
    """A fastText model: a file (.bin, .ftz), a folder that `train-classifier` wrote, or the name of an installed
    one."""
    label: str
    """The label that is scored, with or without `__label__`."""
    min_score: Fraction | None = None
    """Least score kept. LLaMA drops what is not classified as a reference and gives no number: .5 with two labels."""
    max_score: Fraction | None = None
    """Greatest score kept: for labels such as `toxic`."""
    pareto: Annotated[float, Field(gt=0)] | None = None
    """Keep by lot where a number drawn from a Pareto distribution of this shape is above 1 - score. GPT-3: 9. The draw
    is a hash of the text, the same in every run and for every copy."""
    keep_top_ratio: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Keep this part of the documents, those with the highest scores, and all that tie with the last. DCLM: .1."""
    by_language: bool = False
    """`keep_top_ratio` of each language with 100 documents or more, and not of all together."""
    lower: bool | None = None
    """Words in lower case; null: as the model's card says, else false."""
    split_han: bool | None = None
    """Each Han character is a word; null: as the model's card says, else false. A card lies beside the model in the
    folder that `train-classifier` wrote; an installed model has none."""

    scores: ClassVar[str] = "classifier_scores"
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("min_score", "score", "low_score"),
        Limit("max_score", "score", "high_score"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"model": "out/classifier", "label": "hq", "min_score": 0.5},
            {
                "text": [
                    "A theory is an explanation of the natural world.",
                    "Click here, buy now, free shipping!",
                    "理论是对自然界的解释。",
                    "点击这里，立即购买！",
                ],
                "language": ["en", "en", "zh", "zh"],
            },
            [None, "low_score", None, "low_score"],
        ),
        Example(
            {"model": "out/classifier", "label": "hq", "keep_top_ratio": 0.5},
            {"text": ["A theory is an explanation.", "Click here, buy now!", "buy now", "The natural world."]},
            [None, "not_in_top", "not_in_top", None],
        ),
    )

    def expand(self, label: str) -> list[Part]:
        column = f"{label}.{self.label.removeprefix('__label__')}"
        of_map = self.model_dump(mode="json", include={"model", "label", "lower", "split_han"})
        found = [Part(self.scores, {"prefix": label, **of_map})]
        if self.keep_top_ratio is not None:
            at = [round(1 - self.keep_top_ratio, 12)]
            top: dict[str, Any] = {"of": label, "column": column, "ratio": self.keep_top_ratio}
            found += [
                Part("score_quantiles", {"column": column, "at": at, "by_language": self.by_language}),
                Part("top_ratio", {**top, "by_language": self.by_language}),
            ]
        if rules := [{**rule, "column": column} for rule in self.rules(label)]:
            found.append(Part("thresholds", {"rules": rules}))
        if self.pareto is not None:
            found.append(Part("pareto_sample", {"column": column, "alpha": self.pareto}))
        return found
