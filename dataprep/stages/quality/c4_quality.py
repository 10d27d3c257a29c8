"""Keep the prose of web pages, by the rules of C4: lines by lines, then the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from dataprep.scored import Limit, Profile, Scored
from dataprep.stage import Count, Example

_LIMITS = (
    # The line that comes first names the reason, as in datatrove.
    Limit("max_lorem_ipsum_lines", "lorem_ipsum_lines_first", "lorem_ipsum"),
    Limit("max_curly_bracket_lines", "curly_bracket_lines", "curly_bracket"),
    Limit("max_lorem_ipsum_lines", "lorem_ipsum_lines", "lorem_ipsum"),
    Limit("min_sentences", "sentences", "too_few_sentences"),
)
_SETTINGS = ("longest_word_chars", "shortest_line_words", "only_stopped_lines", "remove_citations",
             "remove_javascript_lines", "remove_policy_lines")  # fmt: skip


class C4Quality(Scored):
    """Keep the prose of web pages, by the rules of C4 (Raffel et al. 2020, arXiv:1910.10683, section 2.2).

    Lines that are no prose are removed from `text`, and counted by reason, language and source in the manifest; then
    pages with too little left, or with marks of code or filler text, are dropped.
    """

    profile: Literal["datatrove"] = "datatrove"
    """Whose rules: `datatrove` decides, and edits texts, as datatrove 0.10.1 does on every document."""
    min_sentences: Count | None = 5
    """Fewest sentences kept, of the lines that stay. C4 section 2.2: 5."""
    max_lorem_ipsum_lines: Count | None = 0
    """Most lines with the words lorem ipsum. C4 section 2.2: none."""
    max_curly_bracket_lines: Count | None = 0
    """Most lines with a `{`, of those that say nothing of JavaScript. C4 section 2.2: none."""
    longest_word_chars: Count | None = 1000
    """Longest word of a line that stays, in characters. C4's code: 1000."""
    shortest_line_words: Count | None = 3
    """Fewest words of a line that stays. C4's code: 3 (its paper: 5, in earlier versions)."""
    only_stopped_lines: bool = True
    """Remove lines that end without a stop or quotation mark, or with an ellipsis. C4 section 2.2; FineWeb does not."""
    remove_citations: bool = True
    """Remove Wikipedia's citations. C4's code."""
    remove_javascript_lines: bool = True
    """Remove lines that say JavaScript. C4 section 2.2."""
    remove_policy_lines: bool = True
    """Remove lines about terms of use, privacy and cookies. C4 section 2.2."""

    scores: ClassVar[str] = "c4_lines_datatrove"
    limits: ClassVar[tuple[Limit, ...]] = _LIMITS
    profiles: ClassVar[Mapping[str, Profile]] = {
        "datatrove": Profile("c4_lines_datatrove", _LIMITS, settings=_SETTINGS),
    }
    examples: ClassVar[tuple[Example, ...]] = (
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
    )
