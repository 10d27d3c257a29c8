"""Keep documents that do not repeat themselves, by the repetition rules of Gopher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from dataprep.scored import Limit, Profile, Scored
from dataprep.stage import Count, Example, Fraction

_CHINESE: Mapping[str, float | None] = {
    "max_duplicate_line_ratio": 0.47,
    "max_duplicate_line_char_ratio": 0.27,
    "max_top_4_gram_ratio": 0.18,
    "max_duplicate_5_gram_ratio": 0.28,
    "max_duplicate_6_gram_ratio": 0.28,
    "max_duplicate_7_gram_ratio": 0.20,
    "max_duplicate_8_gram_ratio": 0.18,
    "max_duplicate_9_gram_ratio": 0.17,
    "max_duplicate_10_gram_ratio": 0.15,
}
_LETTERS: Mapping[str, float | None] = {f"max_duplicate_{n}_gram_ratio": None for n in range(5, 11)}


class GopherRepetition(Scored):
    """Keep documents that do not repeat themselves: Gopher's repetition rules (Rae et al. 2021, arXiv:2112.11446,
    appendix A1.1, table A1) on our words.

    Ratios of characters are to all characters of the text. The first occurrence is no duplicate. The most frequent
    n-gram counts even if it occurs once. Lines and paragraphs are non-blank and without white space around them, so
    blank lines are no duplicates of one another.

    Chinese (`zh`, `yue`, `wuu`): a word is one character, so 5 words of English are about 8 of Chinese, and terms and
    phrases of 5 characters come back in any long text. The defaults are the greatest of three 95th percentiles, of
    three sites of technical Markdown (OI-wiki, JavaGuide, TiDB's documentation: 461, 430 and 1,222 pages), rounded up,
    where that is above the published value. Planted damage is beyond: with each line written one to three times, the
    1st percentile of `duplicate_line_char_ratio` is .31. Japanese takes the values of Chinese: with them the three
    stages keep 48 of 49 Japanese pages of the Debian handbook; Korean takes the published ones. Thai, Lao, Khmer,
    Burmese: a word of ours is one letter, and the same 5 to 10 letters say nothing: those rules are off.

    `profile: datatrove` decides as datatrove 0.10.1 does, by the same rules in every language, on its words: spaCy's
    blank English, where signs are words too, and Chinese without spaces is one word from sign to sign, so that its
    shorter texts are `frequent_2_gram`. Needs `pip install 'dataprep[profiles]'`.

    `profile: dolma` decides as the mixers of dolma 1.5 and 1.6 do (allenai/dolma 669f534, configs/*/mixing), by the
    same rules in every language: words are what stands between white space, all copies of what repeats are
    duplicates, blank lines too, and no rule is about paragraphs. Its mixers name scores of the most frequent n-grams
    that its tagger does not write, so they never drop by them and these three are off; what was meant are Gopher's .20,
    .18 and .16. Chinese: what stands between two spaces is one word, so n-grams seldom repeat and lines decide.
    """

    profile: Literal["multilingual", "datatrove", "dolma"] = "multilingual"
    """Whose rules: ours, or another system's with its defaults, words and order of reasons."""
    max_duplicate_paragraph_ratio: Fraction | None = 0.3
    """Most paragraphs equal to an earlier one. Gopher table A1: .30. Same for Chinese (99th percentiles .15 to .31)."""
    max_duplicate_paragraph_char_ratio: Fraction | None = 0.2
    """Most characters in them. Gopher table A1: .20. Same for Chinese (99th percentiles .07 to .21)."""
    max_duplicate_line_ratio: Fraction | None = 0.3
    """Most lines equal to an earlier one. Gopher table A1: .30. Chinese: .47, for the braces of code in Markdown."""
    max_duplicate_line_char_ratio: Fraction | None = 0.2
    """Most characters in them. Gopher table A1: .20. Chinese: .27."""
    max_top_2_gram_ratio: Fraction | None = 0.20
    """Most characters in the most frequent 2-gram. Gopher table A1: .20. Same for Chinese (95th percentiles .04 to
    .14): a frequent word of two characters."""
    max_top_3_gram_ratio: Fraction | None = 0.18
    """Most characters in the most frequent 3-gram. Gopher table A1: .18. Same for Chinese (.05 to .16)."""
    max_top_4_gram_ratio: Fraction | None = 0.16
    """Most characters in the most frequent 4-gram. Gopher table A1: .16. Chinese: .18."""
    max_duplicate_5_gram_ratio: Fraction | None = 0.15
    """Most characters in repeated 5-grams. Gopher table A1: .15. Chinese: .28."""
    max_duplicate_6_gram_ratio: Fraction | None = 0.14
    """Most characters in repeated 6-grams. Gopher table A1: .14. Chinese: .28."""
    max_duplicate_7_gram_ratio: Fraction | None = 0.13
    """Most characters in repeated 7-grams. Gopher table A1: .13. Chinese: .20."""
    max_duplicate_8_gram_ratio: Fraction | None = 0.12
    """Most characters in repeated 8-grams. Gopher table A1: .12. Chinese: .18."""
    max_duplicate_9_gram_ratio: Fraction | None = 0.11
    """Most characters in repeated 9-grams. Gopher table A1: .11. Chinese: .17."""
    max_duplicate_10_gram_ratio: Fraction | None = 0.10
    """Most characters in repeated 10-grams. Gopher table A1: .10. Chinese: .15."""

    min_chars: Count | None = None
    """Fewest characters kept. Only of `profile: datatrove`, whose default is 1: it drops empty texts."""

    scores: ClassVar[str] = "gopher_repetition_scores"
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("max_duplicate_paragraph_ratio", "duplicate_paragraph_ratio", "duplicate_paragraphs"),
        Limit("max_duplicate_paragraph_char_ratio", "duplicate_paragraph_char_ratio", "duplicate_paragraph_chars"),
        Limit("max_duplicate_line_ratio", "duplicate_line_ratio", "duplicate_lines"),
        Limit("max_duplicate_line_char_ratio", "duplicate_line_char_ratio", "duplicate_line_chars"),
        *(Limit(f"max_top_{n}_gram_ratio", f"top_{n}_gram_ratio", f"frequent_{n}_gram") for n in range(2, 5)),
        *(
            Limit(f"max_duplicate_{n}_gram_ratio", f"duplicate_{n}_gram_ratio", f"duplicate_{n}_grams")
            for n in range(5, 11)
        ),
    )
    profiles: ClassVar[Mapping[str, Profile]] = {
        "datatrove": Profile(
            "gopher_repetition_datatrove_scores", (Limit("min_chars", "chars", "empty"), *limits), {"min_chars": 1}
        ),
        "dolma": Profile(
            "gopher_repetition_dolma_scores",
            limits[2:],
            {
                "max_duplicate_line_char_ratio": 0.3,
                "max_top_2_gram_ratio": None,
                "max_top_3_gram_ratio": None,
                "max_top_4_gram_ratio": None,
            },
        ),
    }
    language_defaults: ClassVar[Mapping[str, Mapping[str, float | None]]] = {
        **dict.fromkeys(("zh", "yue", "wuu", "ja"), _CHINESE),
        **dict.fromkeys(("th", "lo", "km", "my"), _LETTERS),
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "One fish swam past a quiet reef while two crabs watched from below the dark old pier. "
                    "Nobody else had come that morning, so it kept going until sand turned to stone.",
                    "Read more\n\nRead more\n\nRead more",
                    "Read more\nShare this\nRead more\nRead more\nShare this page with a friend of yours today",
                    "buy now " * 9,
                    "",
                ],
                "language": ["en"] * 5,
            },
            [None, "duplicate_paragraphs", "duplicate_lines", "frequent_2_gram", None],
        ),
        Example(
            {"zh": {"max_top_4_gram_ratio": None}},
            {
                "text": ["风急天高猿啸哀，渚清沙白鸟飞回。无边落木萧萧下，不尽长江滚滚来。", "转发" * 8],
                "language": ["zh", "zh"],
            },
            [None, "frequent_2_gram"],
        ),
    )
