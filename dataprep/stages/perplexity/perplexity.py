"""Measure how likely a language model finds a text; sort documents into head, middle and tail by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from dataprep.scored import Limit, Scored
from dataprep.stage import LANGUAGE_CODE, Example, Fraction, Part

Code = Annotated[str, Field(pattern=f"^{LANGUAGE_CODE.pattern}$")]
Bucket = Literal["head", "middle", "tail", "all"]

PUBLISHED: Mapping[str, tuple[int, int]] = {
    "af": (540, 770), "ar": (490, 790), "az": (600, 950), "be": (670, 910), "bg": (450, 680), "bn": (190, 300),
    "ca": (210, 330), "cs": (820, 1140), "da": (380, 600), "de": (370, 590), "el": (450, 670), "en": (340, 520),
    "es": (180, 290), "et": (1270, 1620), "fa": (370, 700), "fi": (1110, 1500), "fr": (180, 330), "gu": (1110, 1570),
    "he": (1280, 1710), "hi": (480, 790), "hr": (720, 910), "hu": (80, 140), "hy": (750, 1080), "id": (600, 970),
    "is": (850, 1190), "it": (220, 360), "ja": (1110, 1450), "ka": (910, 1310), "kk": (610, 930), "km": (1040, 2180),
    "kn": (2210, 2800), "ko": (920, 2130), "lt": (190, 270), "lv": (1130, 1480), "mk": (530, 740), "ml": (2430, 3220),
    "mn": (680, 1010), "mr": (1380, 1870), "my": (2530, 3040), "ne": (860, 1130), "nl": (430, 650), "no": (430, 680),
    "pl": (160, 260), "pt": (170, 270), "ro": (180, 270), "ru": (210, 310), "uk": (140, 220), "zh": (1460, 1950),
}  # fmt: skip
"""The 30th and 60th percentile of each language of Common Crawl by CCNet's own models. cc_net, data/cutoff.csv."""


class Perplexity(Scored):
    """Measure how likely a language model finds a text: `perplexity.score`, low for what reads like the text that the
    model was made from (Wenzek et al. 2020, CCNet, arXiv:1911.00359: Wikipedia), high for lists, code and noise. Very
    low values are text that repeats itself.

    `10^(-log10 p / words)`, where every sentence's end is a word too. A sentence is a line that is not blank; what a
    word is, and what is done to a text before, a model of `dataprep train-lm` says itself. `perplexity.worst_window` is
    the highest perplexity of windows of about `window_words` words, so that noise inside a long document shows.

    Buckets (`perplexity.bucket`): `head`, `middle`, `tail`; `all` for a document that has no score. By default no
    document is dropped.

    Chinese: SentencePiece finds pieces in unsegmented text, so Chinese needs nothing of its own but a model; a model of
    words (`train-lm --unit words`) reads each Han character as one. Values of different models can't be compared:
    CCNet's cut-offs for Chinese are 1460 and 1950, for English 340 and 520, and say nothing about other models. A
    document in a language without a model has no score and is kept.
    """

    model: str | dict[Code, str]
    """A folder that `train-lm` wrote, an ARPA file, a KenLM binary, or an installed model; or one for each language:
    `{en: out/lm-en, zh: out/lm-zh}`."""
    tokenizer: str | dict[Code, str] | None = None
    """Whose pieces are the model's words: a SentencePiece model, or one for each language. A folder of `train-lm` holds
    its own."""
    profile: Literal["default", "ccnet"] = "default"
    """`ccnet`: CCNet's text normalisation whatever the model says (a document is one sentence in lower case, without
    accents, digits 0, line breaks removed), its count of words, and one decimal."""
    window_words: Annotated[int, Field(ge=2)] | None = 512
    """Words of a window of `worst_window`; a document falls into equal windows of about this size. null: no windows."""
    buckets: Literal["ccnet", "corpus"] | None = None
    """`ccnet`: by CCNet's published cut-offs of 48 languages, right for its models only. `corpus`: by percentiles of
    this corpus, each language by its own: a second pass over the stored scores."""
    shares: tuple[Fraction, Fraction] = (0.3, 0.6)
    """Of `buckets: corpus`: where the head ends and where the tail begins. CCNet: .3 and .6."""
    cutoffs: dict[Code, tuple[float, float]] = Field(default_factory=dict)
    """Cut-offs of your own for `buckets: ccnet`, by language: `{en: [200, 400]}`."""
    by_language: bool = True
    """Of `buckets: corpus`: each language by its own percentiles."""
    keep: tuple[Bucket, ...] = ()
    """Buckets kept; empty: all of them. CCNet's readers usually keep `[head, middle]`."""
    max_perplexity: float | None = None
    """Highest perplexity kept. Data-Juicer: 1500 for its models. Same for Chinese unless `zh:` says otherwise."""
    max_worst_window: float | None = None
    """Highest perplexity of a window kept. Same for Chinese unless `zh:` says otherwise."""

    scores: ClassVar[str] = "perplexity_scores"
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("max_perplexity", "score", "high_perplexity"),
        Limit("max_worst_window", "worst_window", "high_perplexity_window"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"model": "out/lm", "max_perplexity": 1500},
            {"text": ["the quick brown fox", "x@#! 4 hjkl", ""], "language": ["en", "en", "en"]},
            [None, "high_perplexity", None],
        ),
        Example(
            {"model": {"en": "out/lm"}, "buckets": "corpus", "shares": [0.4, 0.7], "keep": ["head", "middle", "all"]},
            {"text": ["the fox", "the quick fox", "x@#! 4 hjkl", "天气很好"], "language": ["en", "en", "en", "zh"]},
            [None, None, "in_tail", None],
        ),
    )

    @model_validator(mode="after")
    def _settings_have_a_use(self) -> Perplexity:
        if self.keep and self.buckets is None:
            raise ValueError("`keep` needs `buckets: ccnet` or `buckets: corpus`")
        if self.cutoffs and self.buckets != "ccnet":
            raise ValueError("`cutoffs` is for `buckets: ccnet`")
        if self.shares[0] > self.shares[1] or any(low > high for low, high in self.cutoffs.values()):
            raise ValueError("the head must end before the tail begins: `shares` and `cutoffs` are [low, high]")
        if self.max_worst_window is not None and self.window_words is None:
            raise ValueError("`max_worst_window` needs `window_words`")
        return self

    def expand(self, label: str) -> list[Part]:
        settings = self.model_dump(mode="json", include={"model", "tokenizer", "profile", "window_words"})
        score = f"{label}.score"
        parts = [Part(self.scores, {"prefix": label, **settings})]
        if self.buckets == "corpus":
            at = {"at": self.shares, "by_language": self.by_language}
            parts += [
                Part("score_quantiles", {"column": score, **at}, "quantiles"),
                Part(
                    "perplexity_buckets",
                    {
                        "prefix": label,
                        "column": score,
                        "of": f"{label}.quantiles",
                        "shares": self.shares,
                        "by_language": self.by_language,
                    },
                    "buckets",
                ),
            ]
        elif self.buckets == "ccnet":
            cutoffs = {**PUBLISHED, **self.cutoffs}
            parts.append(Part("perplexity_buckets", {"prefix": label, "column": score, "cutoffs": cutoffs}))
        parts.append(Part("thresholds", {"rules": self.rules(label)}))
        if self.keep:
            parts.append(Part("expected_bucket", {"column": f"{label}.bucket", "keep": self.keep}, "keep"))
        return parts
