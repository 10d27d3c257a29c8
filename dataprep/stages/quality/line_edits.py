"""Drop lines that are a page's machinery, and documents of which they are more than a little."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dataprep.scored import Limit, Scored
from dataprep.stage import Count, Example, Fraction

Rule = Literal["upper_case", "numbers", "counter", "one_word", "navigation"]
ListName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class LineEdits(Scored):
    """Drop lines by rule, as RefinedWeb's line-wise corrections do (Penedo et al. 2023, arXiv:2306.01116, appendix
    G.2), and documents that lose more than 5 % of their words by it.

    The paper names the rules with one example each; its patterns and its "mainly" are not published: those here are
    ours. Of navigation it says "edit" where it says "discard" of the others, and DCLM's configuration removes only the
    phrase; here the line goes, with its line break; blank lines stay. The first rule that a line meets counts it in the
    column `<label>.<rule>`; the manifest has the sums by language and source.

    | rule | a line that | Chinese |
    |---|---|---|
    | `upper_case` | is mainly upper-case characters: see `upper_ratio` | Han characters have no case: never, but for lines that are mainly Latin capitals |
    | `numbers` | has digits and no letters: `1,234`, `12:30`, `\\| 1 \\| 2 \\|` | full-width digits too; 一二三 and 2024年 are letters |
    | `counter` | is nothing but counters: `3 likes`, `1.2k views · 12 comments` | 阅读 1234, 点赞(5), 12条评论, also traditional |
    | `one_word` | is one word; lines of signs alone stay | each character is a word: lines of at most `one_word_characters` |
    | `navigation` | is short and begins (`Sign in`), ends (`Read more...`) or has within it (`items in cart`) what menus say | 登录 \\| 注册, 阅读全文, 上一篇, 加入购物车, in lines of at most 10 characters |
    | a list of `phrases` | has one of its phrases, however long the line | phrases are found anywhere, without spaces around them |

    Poems in lines of one word, tables of numbers and code lose by these rules: they are made for web pages.
    """  # noqa: E501

    remove: tuple[Rule, ...] = ("upper_case", "numbers", "counter", "one_word", "navigation")
    """Rules that remove lines; leave one out to turn it off. RefinedWeb has all."""
    phrases: dict[ListName, str] = {}  # noqa: RUF012
    """Lists of phrases that remove lines, by name: files, installed models, or folders with a file for each language,
    read and matched as `keywords` does it. Chinese: substrings."""
    upper_ratio: Fraction = 0.5
    """Most upper-case characters among the visible characters of a line kept: "mainly" (RefinedWeb gives no number;
    DCLM's configuration .5, of all characters). Chinese: Han characters count as visible and never as upper case."""
    one_word_characters: Count = 2
    """Longest line, in characters, that is one word in Chinese, Thai, Lao, Burmese and Khmer: most Chinese words have
    two characters. Ours; 0 turns the rule off there."""
    short_words: Count = 10
    """Most words of a line that `counter` and `navigation` may remove; RefinedWeb: 10, of navigation alone. Chinese:
    characters."""
    max_removed_word_ratio: Fraction | None = 0.05
    """Largest share of the words that the removed lines may hold; RefinedWeb: .05. Chinese: of the characters."""

    scores: ClassVar[str] = "line_edits_scores"
    limits: ClassVar[tuple[Limit, ...]] = (
        Limit("max_removed_word_ratio", "removed_word_ratio", "too_many_removed_words"),
    )
    paths: ClassVar[tuple[str, ...]] = ("phrases",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "text": [
                    "Sign in\n" + "The soup was warm and we had two bowls of it. " * 5,
                    "Sign in\nThe soup was warm.",
                    "阅读全文\n今天的汤很热。",
                    "SOUP",
                ]
            },
            [None, "too_many_removed_words", "too_many_removed_words", "too_many_removed_words"],
        ),
        Example(
            {"remove": ["numbers"], "max_removed_word_ratio": 0.5},
            {"text": ["SOUP\n12", "12", "汤\n热\n12", ""]},
            [None, "too_many_removed_words", None, None],
        ),
    )
