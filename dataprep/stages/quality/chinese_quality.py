"""Keep Chinese documents that are prose: by their characters, sentences, repeated phrases and adverts."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from dataprep.scored import Limit, Scored
from dataprep.stage import Example, Fraction

Rate = Annotated[float, Field(ge=0)]


class ChineseQuality(Scored):
    """Keep Chinese documents that are prose. Ours, not published: what Gopher's and FineWeb's rules do not see in
        Chinese. Documents whose `language` is not among `judged` are kept.

        Characters are visible ones: no white space. Numbers below are of three sites of technical Markdown (OI-wiki,
    JavaGuide, TiDB's documentation: 461, 430 and 1,222 pages), whose code and tables are the hardest case; encyclopedic
    prose and poems lie far inside. Defaults are the weakest of the three 1st or 99th percentiles, rounded outwards,
    where they are not said to be wider. Together they keep .996, .995 and .957 of the pages, and .994 of 1,104
    encyclopedic passages (CMRC 2018).

    | damage or advert | score at its 1st percentile | the sites' 99th percentiles |
    |---|---|---|
    | UTF-8 read as GBK, GBK read as Big5 | `rare_han_ratio` .54, .30 | .001 |
    | each line one to three times | `repeated_phrase_ratio` .09, median .21 | .07 to .12 |
    | adverts made of ten trades, plain, spaced out, with hearts, full-width, with look-alikes | contact baits 29 | 0 to .2 |
    | words shuffled into lists | `sentence_char_ratio` .00 at the 99th percentile | 1st: .003 to .14 |

    An advert below a long article stays: it is for line rules to remove.

    Verse (90,300 Tang and Song poems, traditional and simplified): .990 pass. `traditional_ratio` of Tang poems is .13
    at the 1st percentile, of simplified pages .001 at the 99th: `max_traditional_ratio: 0.02` drops traditional text
    (or convert it: `unicode_cleanup: {chinese: simplified}`). `max_particle_ratio: 0.05` is meant for classical prose:
    modern text has .02 to .03 at the 99th percentile, but verse only .05, so most poems stay.

    Japanese and Korean are not judged: Kana and Hangul are no Han.
    """  # noqa: E501

    judged: tuple[str, ...] = ("zh", "yue", "wuu")
    """Values of the `language` column that are judged: Chinese, Cantonese, Wu."""
    min_han_ratio: Fraction | None = 0.02
    """Fewest Han characters. 1st percentiles: .08, .16, .02. Prose has .8; ask for .3 where code is not wanted."""
    max_sign_ratio: Fraction | None = 0.54
    """Most punctuation and other signs. 99th percentiles: .39, .31, .53; prose has .10 at the median."""
    max_latin_ratio: Fraction | None = 0.75
    """Most Latin letters: English in Chinese. 99th percentiles: .62, .63, .73. React's documentation has .57 at the
    median and .92 at the 99th, for pages that are English altogether."""
    max_rare_han_ratio: Fraction | None = 0.12
    """Most Han characters that neither GB 2312 (6,763 characters) nor level 1 of Big5 (5,401) has: what text becomes
    that was read in the wrong encoding. 99th percentile of poems: .08."""
    max_traditional_ratio: Fraction | None = None
    """Most Han characters that only traditional Chinese uses (3,120: see `text/traditional.py`). Off."""
    max_particle_ratio: Fraction | None = None
    """Most Han characters that are classical particles (之乎者也矣焉哉兮). Off."""
    max_repeated_phrase_ratio: Fraction | None = 0.13
    """Most characters in phrases equal to an earlier one; a phrase is what stands between signs and spaces and has four
    Han characters or more. 99th percentiles: .08, .07, .12."""
    max_contact_per_1000_chars: Rate | None = 5.0
    """Most contact baits per 1,000 characters: 加微信, 加V, VX, QQ群, 扫码, 咨询热线, 微信同号..., also as 加 微❤信,
    加薇信 or ＶＸ; one with a number or name behind it counts twice. 99th percentiles: 0, .2, 0."""
    max_spam_per_1000_chars: Rate | None = 10.0
    """Most words of gambling, sex, quack medicine, forgery, loans, trade and downloads per 1,000 characters: 百家乐,
    代开发票, 无痛人流, 厂家直销, 哪家好... 99th percentiles: 0, .5, 0. More words: see
    `keywords`."""
    min_sentence_char_ratio: Fraction | None = 0.01
    """Fewest characters in sentences of a sound length, `shortest_sentence` to `longest_sentence`: from the last stop
    or line break to a stop (。！？．｡… or ! and ?). 1st percentiles: .13, .10, .003; lists and menus have none."""
    max_mean_sentence_length: Rate | None = 200.0
    """Greatest mean length of a sentence, in characters. 99th percentiles: 85, 91, 92."""
    shortest_sentence: Annotated[int, Field(ge=1)] = 5
    """Fewest visible characters of a sound sentence, without its stop."""
    longest_sentence: Annotated[int, Field(ge=1)] = 200
    """Most visible characters of a sound sentence, without its stop."""

    scores: ClassVar[str] = "chinese_quality_scores"
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("max_rare_han_ratio", "rare_han_ratio", "rare_han"),
        Limit("min_han_ratio", "han_ratio", "too_little_han"),
        Limit("max_contact_per_1000_chars", "contact_per_1000_chars", "contact_bait"),
        Limit("max_spam_per_1000_chars", "spam_per_1000_chars", "spam_words"),
        Limit("max_sign_ratio", "sign_ratio", "too_many_signs"),
        Limit("max_latin_ratio", "latin_ratio", "too_much_latin"),
        Limit("max_traditional_ratio", "traditional_ratio", "traditional"),
        Limit("max_particle_ratio", "particle_ratio", "classical"),
        Limit("max_repeated_phrase_ratio", "repeated_phrase_ratio", "repeated_phrases"),
        Limit("min_sentence_char_ratio", "sentence_char_ratio", "too_few_sentences"),
        Limit("max_mean_sentence_length", "mean_sentence_length", "sentences_too_long"),
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "今天天气很好，我们沿着河边散步，一直走到天黑。",
                    "专业办证，加微❤信 vx: abc12345，电话微信同号！",
                    "澳门百家乐，真人荷官，注册送彩金，返水最高！",
                    "浣犲ソ锛屼笘鐣岋紝浠婂ぉ澶╂皵寰堝ソ銆",
                    "欢迎光临本店，欢迎光临本店，欢迎光临本店。",
                    "首页\n关于我们\n产品中心\n新闻动态",
                    "Home page of the company",
                    "Home page of the company",
                ],
                "language": ["zh"] * 7 + ["en"],
            },
            [
                None,
                "contact_bait",
                "spam_words",
                "rare_han",
                "repeated_phrases",
                "too_few_sentences",
                "too_little_han",
                None,
            ],
        ),
        Example(
            {"max_traditional_ratio": 0.02, "max_particle_ratio": 0.05},
            {
                "text": ["學而時習之，不亦說乎？", "学而时习之，不亦说乎？", "我们学习，常常复习。"],
                "language": ["zh"] * 3,
            },
            ["traditional", "classical", None],
        ),
    )
