"""Label each document with its language and keep the wanted ones."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from dataprep.stage import LANGUAGE_CODE, Composite, Example, Fraction, Part

Code = Annotated[str, Field(pattern=f"^{LANGUAGE_CODE.pattern}$")]


class Language(Composite):
    """Give `language` (ISO 639 code) and `language_score`, and keep documents in wanted languages.

    By fastText's lid.176 (Joulin et al. 2016, arXiv:1607.01759; 176 languages). A document without text is `und`, score
    0. Chinese is one label, `zh`, in traditional and simplified characters; Cantonese (`yue`) and Wu (`wuu`) are labels
    of their own, seldom given. Lists, code and names score low: they are `uncertain`.
    """

    keep: tuple[Code, ...] = ()
    """Languages kept (others: `unwanted_language`); empty: all."""
    min_score: Fraction = 0.65
    """Least score kept (below: `uncertain`). FineWeb's value."""
    model: str = "lid.176"
    """Name of an installed fastText model whose labels are language codes; see `dataprep models`."""
    first_chars: Annotated[int, Field(ge=1)] | None = 2000
    """How much of each document to look at, in characters after leading white space; null: all. Against whole texts
    the label is the same for .9990 of 2,014 English web pages and .9993 of the 1,397 WCXB pages with text, at 8,000
    pages a second (60 MB/s) against 1,700; 1000 characters: .9985, .9971, 14,000. On the Declaration of Human Rights
    in 34 large languages accuracy does not depend on it down to 200 characters (.977 to .980)."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"keep": ["en", "zh"]},
            {
                "text": [
                    "The weather was fine and we walked along the river until it was dark.",
                    "今天天气很好，我们沿着河边散步，\n一直走到天黑。",
                    "Es war schönes Wetter, und wir gingen am Fluss entlang, bis es dunkel wurde.",
                    "",
                ]
            },
            [None, None, "unwanted_language", "unwanted_language"],
        ),
        Example({}, {"text": ["x = f(y) + 3 * z[i]", "Il faisait beau et nous marchions."]}, ["uncertain", None]),
    )

    def expand(self, label: str) -> list[Part]:
        return [
            Part("detect_language", self.model_dump(include={"model", "first_chars"})),
            Part("expected_language", self.model_dump(include={"keep", "min_score"})),
        ]
