"""Keep the prose of web pages, by the rules of C4: lines by lines, then the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from dataprep.scored import Limit, Profile, Scored
from dataprep.stage import Count, Example

_CURLY = Limit("max_curly_bracket_lines", "curly_bracket_lines", "curly_bracket")
_LOREM = Limit("max_lorem_ipsum_lines", "lorem_ipsum_lines", "lorem_ipsum")
_SENTENCES = Limit("min_sentences", "sentences", "too_few_sentences")
# The line that comes first names the reason.
_DATATROVE = (Limit("max_lorem_ipsum_lines", "lorem_ipsum_lines_first", "lorem_ipsum"), _CURLY, _LOREM, _SENTENCES)
_DOLMA = (_CURLY, _LOREM, Limit("max_javascript_lines", "javascript_lines", "javascript"))
_SETTINGS = ("longest_word_chars", "shortest_line_words", "only_stopped_lines", "remove_citations",
             "remove_javascript_lines", "remove_policy_lines")  # fmt: skip


class C4Quality(Scored):
    """Keep the prose of web pages, by the rules of C4 (Raffel et al. 2020, arXiv:1910.10683, section 2.2).

    Lines that are no prose are removed from `text`, and counted by reason, language and source in the manifest; then
    pages with too little left, or with marks of code or filler text, are dropped. Of the lines that stay, blank ones,
    white space at both ends and citations go.

    A line is prose if it ends as sentences do in its script: with a stop, `.` `?` `!` `。` `？` `！` `；` `।` `؟` and
    their kin, also before closing quotation marks and brackets, or with a closing quotation mark; Markdown's emphasis
    around it does not matter. Ellipses end none, `...` `…` `。。。`. Thai, Lao, Khmer and Burmese write sentences
    without stops: a line that ends with one of their letters stays.

    Chinese: sentences end at 。？！；… without white space. A paragraph is no long word, whatever its length. Lines
    that end with …… go, as truncated headings do, and so does dialogue that trails off, unless a quotation mark closes
    it. Lines that end with ： go, as those with `:` do: in five sites of technical Markdown they hold 4 to 18 % of the
    Chinese characters, headings, tables, code and lists without stops 15 to 31 %. Of the pages of these sites 2 to 13 %
    have fewer than five sentences; of 4,000 Tang and Song poems 71 % do: give `zh: {min_sentences: 2}` for verse. `{`
    is in formulas too: 11 to 69 % of those pages have a line of prose with one; give
    `zh: {max_curly_bracket_lines: null}` for them.

    `profile: datatrove` decides, and edits texts, as datatrove 0.10.1 does on every document: lines that end with 。
    are removed, which is most Chinese text. Needs `pip install 'dataprep[profiles]'`.

    `profile: dolma` does as dolma's replication of C4 (allenai/dolma 669f534, configs/c4-replication): the page goes
    that has JavaScript, lorem ipsum or `{` anywhere, before lines are removed, and no sentences are counted; lines
    that end with 。 are removed. A page of which nothing is left stays, as it does there. Its list of offensive words
    is one for the stage `keywords`, which finds words beside signs too; dolma only those between white space.
    """

    profile: Literal["multilingual", "datatrove", "dolma"] = "multilingual"
    """Whose rules: ours, in most scripts, or another system's, for English."""
    min_sentences: Count | None = 5
    """Fewest sentences kept, of the lines that stay. datatrove, and C4 section 2.2 as it is quoted: 5; C4's code
    today: 3. Same for Chinese prose."""
    max_lorem_ipsum_lines: Count | None = 0
    """Most lines with the words lorem ipsum. C4 section 2.2: none. Same for Chinese."""
    max_curly_bracket_lines: Count | None = 0
    """Most lines of prose with a `{`, of those that say nothing of JavaScript. C4 section 2.2: none. Same for
    Chinese."""
    max_javascript_lines: Count | None = None
    """Most lines that say JavaScript. Only of `profile: dolma`, whose default is none."""
    longest_word_chars: Count | None = 1000
    """Longest word of a line that stays, in characters. C4's code: 1000. Chinese characters are in no word."""
    shortest_line_words: Count | None = 3
    """Fewest words of a line that stays. datatrove, and C4 section 2.2 as it is quoted: 3; C4's code today: 5."""
    shortest_line_characters: Count | None = 5
    """The same for lines mostly in Chinese, Thai, Lao, Burmese or Khmer, where each letter is a word. Ours: of the
    lines that end with a stop 99 % are as long on four of five Chinese sites."""
    only_stopped_lines: bool = True
    """Remove lines that do not end as sentences do, and those that end with an ellipsis. C4 section 2.2; FineWeb does
    not."""
    remove_citations: bool = True
    """Remove Wikipedia's citations: `[12]`, `[]`, `[edit]`, `[citation needed]`, which is C4's code; and, but for
    `profile: datatrove`, `[编辑]` and `[来源请求]`, also traditional. In text about code `a[1]` loses its `[1]` and an
    empty list all of it, most of what goes on five Chinese sites of technical Markdown: turn it off for such."""
    remove_javascript_lines: bool = True
    """Remove lines that say JavaScript, in any language. C4 section 2.2."""
    remove_policy_lines: bool = True
    """Remove lines about terms of use, privacy and cookies: C4's six English phrases and, but for
    `profile: datatrove`, 使用条款, 隐私政策, 隐私权政策, 隐私声明, 使用 cookie, cookie 政策, also traditional."""

    scores: ClassVar[str] = "c4_lines"
    limits: ClassVar[tuple[Limit, ...]] = (_CURLY, _LOREM, _SENTENCES)
    profiles: ClassVar[Mapping[str, Profile]] = {
        "datatrove": Profile("c4_lines_datatrove", _DATATROVE, settings=_SETTINGS),
        "dolma": Profile(
            "c4_lines_dolma",
            _DOLMA,
            {"max_javascript_lines": 0},
            settings=("shortest_line_words", "only_stopped_lines"),
        ),
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"min_sentences": 2},
            {
                "text": [
                    "今天天气很好，我们去公园。\n首页\n他睡了一整天！\n好的。",
                    "The cat sat on the mat. It slept.\nRead more...",
                    "他睡了一整天……\n他睡了一整天。",
                    "It does use { here.\nIt slept all day.",
                    "Lorem ipsum dolor sit amet.\nIt slept all day.",
                ]
            },
            [None, None, "too_few_sentences", "curly_bracket", "lorem_ipsum"],
        ),
        Example(
            {"profile": "datatrove", "min_sentences": 2},
            {
                "text": [
                    "The cat sat on the mat. It slept.\nRead more...",
                    "It slept all day.\nHome",
                    "It does use { here.\nLorem ipsum dolor sit amet.",
                    "Lorem ipsum dolor sit amet.\nIt does use { here.",
                ]
            },
            [None, "too_few_sentences", "curly_bracket", "lorem_ipsum"],
        ),
        Example(
            {"profile": "dolma"},
            {
                "text": [
                    "It slept all day.\nRead more...",
                    "Enable JavaScript",
                    "It does use { here",
                    "Lorem ipsum",
                    "今天天气很好。",
                ]
            },
            [None, "javascript", "curly_bracket", "lorem_ipsum", None],
        ),
    )
