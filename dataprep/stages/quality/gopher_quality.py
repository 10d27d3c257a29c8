"""Keep documents that read like prose, by the quality rules of Gopher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dataprep import schema
from dataprep.scored import Limit, Profile, Scored
from dataprep.stage import Count, Example, Fraction

_ENGLISH = ("the", "be", "to", "of", "and", "that", "have", "with")
_STOP_WORDS: dict[str, tuple[str, ...]] = {"en": _ENGLISH, schema.UNDETERMINED: _ENGLISH}
_NO_SPACES: Mapping[str, float | None] = {"min_mean_word_length": None, "max_mean_word_length": None}
_LETTERS: Mapping[str, float | None] = {**_NO_SPACES, "min_words": 200, "max_words": 400_000}


class GopherQuality(Scored):
    """Keep documents that read like prose: Gopher's quality rules (Rae et al. 2021, arXiv:2112.11446, appendix A1.1)
    on our words, and one rule of our own, `max_markup_ratio`.

    Our words hold no symbols, so no count or ratio of words does; each Han character is a word. Lines are non-blank.
    A blank text has no words: `too_few_words`.

    Chinese (`zh`, `yue`, `wuu`): the length of words is not judged and English stop words are not looked for. All other
    defaults are the published ones: the 1st percentiles of three Chinese sites of technical Markdown (OI-wiki,
    JavaGuide, TiDB's documentation; 2,113 pages) are 74 to 167 words and .77 to .93 alphabetic words; the 99th ones are
    .03 to .08 for `#`, below .01 for ellipses, .5 to .88 for bullets, .03 for ellipses at line ends. Poems are shorter:
    half of 5,000 Tang and Song poems have fewer than 51 characters; lower `zh: {min_words: 20}` for them,
    and set `fineweb_quality: {zh: {max_short_line_ratio: null}}`, since all lines of verse are short.

    Japanese: as Chinese; runs of Kana are words. Korean: words are written with spaces but hold 2 to 4 characters, so
    their length is not judged. Thai, Lao, Khmer, Burmese: each letter is a word of ours, about four make one of the
    language, so limits on the count are four times the published ones.

    `profile: datatrove` decides as datatrove 0.10.1 does, by the same rules in every language, on its words: spaCy's
    blank English, where signs are words too, and Chinese without spaces is one word from sign to sign, so most Chinese
    text is `too_few_words` or `words_too_long`. Needs `pip install 'dataprep[profiles]'`.

    `profile: dolma` decides as the mixers of dolma 1.5 and 1.6 do (allenai/dolma 669f534, configs/*/mixing), by the
    same rules in every language: words are what stands between white space, their length is the median one, `#` and
    `…` count once per word, stop words as often as they occur, and lines are blank ones too. Chinese has no stop
    word and few spaces, so hardly any is kept: of 60 pages of JavaGuide and OI-wiki, Markdown with signs between
    spaces, none (38 `too_few_alphabetic_words`, 15 `too_few_stop_words`). Use our default for it.
    """

    profile: Literal["multilingual", "datatrove", "dolma"] = "multilingual"
    """Whose rules: ours, or another system's with its defaults, words and order of reasons."""

    min_words: Count | None = 50
    """Fewest words kept. Gopher A1.1: 50."""
    max_words: Count | None = 100_000
    """Most words kept. Gopher A1.1: 100,000."""
    min_mean_word_length: Annotated[float, Field(ge=0)] | None = 3
    """Least mean length of a word, in characters. Gopher A1.1: 3. Not for Chinese, where a word is one character."""
    max_mean_word_length: Annotated[float, Field(ge=0)] | None = 10
    """Greatest mean length of a word, in characters. Gopher A1.1: 10. Not for Chinese."""
    max_hash_ratio: Fraction | None = 0.1
    """Most `#` per word. Gopher A1.1: 0.1. Same for Chinese: Markdown headings stay below 0.09."""
    max_ellipsis_ratio: Fraction | None = 0.1
    """Most ellipses per word, `...` or `…`; the Chinese `……` counts as two. Gopher A1.1: 0.1."""
    max_bullet_line_ratio: Fraction | None = 0.9
    """Most lines that begin with a bullet (- * • ‣ ⁃ ◦ ○ ● ▪ ■ · ・). Gopher A1.1: 90 %. Same for Chinese."""
    max_ellipsis_line_ratio: Fraction | None = 0.3
    """Most lines that end with an ellipsis. Gopher A1.1: 30 %. Same for Chinese."""
    min_alphabetic_word_ratio: Fraction | None = 0.8
    """Fewest words with a letter. Gopher A1.1: 80 %. A Han character is a letter, so Chinese text fails only if it is
    made of numbers."""
    min_stop_words: Count | None = 2
    """Fewest different stop words. Gopher A1.1: two of eight. Only where `stop_words` has a list for the language:
    never for Chinese unless you give one."""
    max_markup_ratio: Fraction | None = 0.1
    """Most characters inside HTML tags. Ours, not published, for pages whose markup was left in, which no rule of
    Gopher or FineWeb sees. The 99th percentile of the Chinese sites is .08 to .11; with a tag around each line of them
    the 1st is .14 to .18. Of Markdown about HTML itself (React's and Vue's documentation) it drops a quarter."""
    min_median_word_length: Annotated[float, Field(ge=0)] | None = None
    """Least median length of a word, in characters. Only of `profile: dolma`, whose default is 3."""
    max_median_word_length: Annotated[float, Field(ge=0)] | None = None
    """Greatest median length of a word, in characters. Only of `profile: dolma`, whose default is 10."""
    max_symbol_word_ratio: Fraction | None = None
    """Most words that hold `#` or `…`. Only of `profile: dolma`, whose default is 0.1."""
    stop_words: dict[str, Annotated[tuple[str, ...], Field(max_length=64)]] = _STOP_WORDS
    """Stop words by `language`, matched exactly, at most 64 each; other languages are not judged by them. `und` is text
    that no stage has labelled. Gopher A1.1: the, be, to, of, and, that, have, with."""

    scores: ClassVar[str] = "gopher_quality_scores"
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("min_words", "words", "too_few_words"),
        Limit("max_words", "words", "too_many_words"),
        Limit("min_mean_word_length", "mean_word_length", "words_too_short"),
        Limit("max_mean_word_length", "mean_word_length", "words_too_long"),
        Limit("max_hash_ratio", "hash_ratio", "too_many_hashes"),
        Limit("max_ellipsis_ratio", "ellipsis_ratio", "too_many_ellipses"),
        Limit("max_bullet_line_ratio", "bullet_line_ratio", "too_many_bullets"),
        Limit("max_ellipsis_line_ratio", "ellipsis_line_ratio", "too_many_ellipsis_lines"),
        Limit("min_alphabetic_word_ratio", "alphabetic_word_ratio", "too_few_alphabetic_words"),
        Limit("min_stop_words", "stop_words", "too_few_stop_words"),
        Limit("max_markup_ratio", "markup_ratio", "too_much_markup"),
    )
    profiles: ClassVar[Mapping[str, Profile]] = {
        "datatrove": Profile("gopher_quality_datatrove_scores", limits[:-1]),
        "dolma": Profile(
            "gopher_quality_dolma_scores",
            (
                *limits[:2],
                Limit("min_median_word_length", "median_word_length", "words_too_short"),
                Limit("max_median_word_length", "median_word_length", "words_too_long"),
                Limit("max_symbol_word_ratio", "symbol_word_ratio", "too_many_symbols"),
                limits[8],
                limits[9],
                limits[6],
                limits[7],
            ),
            {"min_median_word_length": 3, "max_median_word_length": 10, "max_symbol_word_ratio": 0.1},
        ),
    }
    language_defaults: ClassVar[Mapping[str, Mapping[str, float | None]]] = {
        **dict.fromkeys(("zh", "yue", "wuu", "ja", "ko"), _NO_SPACES),
        **dict.fromkeys(("th", "lo", "km", "my"), _LETTERS),
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"min_words": 6},
            {
                "text": [
                    "All of the stars that shine have a name.",
                    "of the that",
                    "Stars shine: every star shone, each named.",
                    "to be or to be or to be or to",
                    "#one #of #the many tags",
                    "",
                ],
                "language": ["en"] * 6,
            },
            [None, "too_few_words", "too_few_stop_words", "words_too_short", "too_few_words", "too_few_words"],
        ),
        Example(
            {"min_words": 8, "zh": {"min_words": 4}},
            {
                "text": ["今天天气很好。", "<p>今天</p><p>天气</p>", "今天。", "The name of the star."],
                "language": ["zh", "zh", "zh", "en"],
            },
            [None, "too_much_markup", "too_few_words", "too_few_words"],
        ),
    )
