"""Keep documents made of sentences rather than of menus and lists, by the rules of FineWeb."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dataprep.scored import Limit, Profile, Scored
from dataprep.stage import Count, Example, Fraction

_CHINESE: Mapping[str, float | None] = {
    "min_punctuated_line_ratio": 0.01,
    "max_short_line_ratio": 0.79,
    "max_duplicate_line_char_ratio": 0.28,
}
_NO_STOPS: Mapping[str, float | None] = {"min_punctuated_line_ratio": None}


class FinewebQuality(Scored):
    """Keep documents made of sentences rather than of menus and lists: the rules that FineWeb added to Gopher's
    (Penedo et al. 2024, arXiv:2406.17557, section 3.6), with the values of its published code (datatrove).

    Lines are non-blank and without white space around them, so blank lines are no duplicates of one another.

    Chinese (`zh`, `yue`, `wuu`): 30 characters say what about 18 English words say, and most lines of Markdown with
    code are short and end without a stop. Defaults are the weakest of three 5th or 95th percentiles, of three sites of
    technical Markdown (OI-wiki, JavaGuide, TiDB's documentation: 461, 430 and 1,222 pages), rounded outwards. The same
    pages with their words shuffled into lists have no stops at all, and .97 or more short lines at the 1st percentile.
    Verse is all short lines and is dropped: `zh: {max_short_line_ratio: null}` keeps it. Japanese takes the values of
    Chinese (see `gopher_repetition`). Thai and Lao end sentences with a space: stops are not asked for.

    `profile: datatrove` decides as datatrove 0.10.1 does, by the same rules in every language: lines keep the white
    space around them, a stop inside quotes is none, and words are spaCy's blank English, where signs are words too, and
    Chinese without spaces is one word from sign to sign, so that most Chinese text has `too_many_newlines`. Needs
    `pip install 'dataprep[profiles]'`.
    """

    profile: Literal["multilingual", "datatrove"] = "multilingual"
    """Whose rules: ours, or another system's with its defaults, words and order of reasons."""
    min_punctuated_line_ratio: Fraction | None = 0.12
    """Fewest lines that end with a stop of any script, full-width ones too, also inside closing quotes and brackets.
    FineWeb section 3.6: .12. Chinese: .01."""
    max_short_line_ratio: Fraction | None = 0.67
    """Most lines of at most `short_line_chars` characters. FineWeb section 3.6: .67. Chinese: .79."""
    max_duplicate_line_char_ratio: Fraction | None = 0.01
    """Most characters in lines equal to an earlier one, to all characters except line breaks. FineWeb's code: .01 (its
    section 3.6 says .1). Chinese: .28."""
    max_newline_ratio: Fraction | None = 0.3
    """Most line breaks per word, those of blank lines too. FineWeb's code: .3. Same for Chinese: its 95th percentiles
    are .13 to .28, lists of one word a line have .36 or more at the 5th."""
    min_lines: Count | None = None
    """Fewest non-blank lines kept. Only of `profile: datatrove`, whose default is 1: it drops blank texts."""
    short_line_chars: Annotated[int, Field(ge=0)] = 30
    """Longest line that counts as short, in characters. FineWeb section 3.6: 30. Same in every language."""

    scores: ClassVar[str] = "fineweb_quality_scores"
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("min_punctuated_line_ratio", "punctuated_line_ratio", "too_few_punctuated_lines"),
        Limit("max_short_line_ratio", "short_line_ratio", "too_many_short_lines"),
        Limit("max_duplicate_line_char_ratio", "duplicate_line_char_ratio", "duplicate_line_chars"),
        Limit("max_newline_ratio", "newline_ratio", "too_many_newlines"),
    )
    profiles: ClassVar[Mapping[str, Profile]] = {
        "datatrove": Profile(
            "fineweb_quality_datatrove_scores",
            (Limit("min_lines", "lines", "empty"), *limits),
            {"min_lines": 1},
            ("short_line_chars",),
        ),
    }
    language_defaults: ClassVar[Mapping[str, Mapping[str, float | None]]] = {
        **dict.fromkeys(("zh", "yue", "wuu", "ja"), _CHINESE),
        **dict.fromkeys(("th", "lo"), _NO_STOPS),
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "A line that is long enough to count as one.\n\nAnother long line, it ends “with a quote.”",
                    "Home\nAbout us\nContact",
                    "Home.\nAbout.\nContact.",
                    "This line is written twice on one page.\nThis line is written twice on one page.",
                    "",
                ],
                "language": ["en"] * 5,
            },
            [
                None,
                "too_few_punctuated_lines",
                "too_many_short_lines",
                "duplicate_line_chars",
                "too_few_punctuated_lines",
            ],
        ),
        Example(
            {"zh": {"max_short_line_ratio": None}},
            {"text": ["床前明月光，\n疑是地上霜。", "首页\n关于我们"], "language": ["zh", "zh"]},
            [None, "too_few_punctuated_lines"],
        ),
    )
