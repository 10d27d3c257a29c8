"""Count words and phrases of lists, and drop documents that have many."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from dataprep.lists.groups import GROUPS, Group
from dataprep.stage import Composite, Count, Example, Fraction, Part

ListName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Keywords(Composite):
    """Count words and phrases of your lists and of built-in groups, and drop documents that have many.

    A list is a file: UTF-8, one word or phrase a line, plain, `.gz` or `.zst`; a line that begins with `#` is a
    comment, `\\#` begins an entry with `#`. Or a folder with one file for each language, called `en`, `zh.txt`,
    `pt-BR`: then a document is searched for the entries of its `language` alone, and one whose language has no file
    has a null count, which no threshold drops. LDNOOBW's repository is such a folder, for 28 languages. Lists are not
    part of dataprep: name a path, or put a file into the model cache with `dataprep models install NAME --from FILE`.

    An end of an entry that is a letter or digit of an alphabet, or Hangul, must be the end of a word: `ass` is not in
    `class`, but in `ass!` and, as apostrophes end words here, in `l'ass`. An end that is Han, Kana, Thai, Lao, Burmese
    or Khmer, or a symbol, may stand anywhere: `微信` is in `加微信号`, `c++` in `c++11`. Korean particles are part of a
    word: list the forms. Case does not count, any white space equals one space, invisible joiners (soft hyphen,
    zero-width joiner) are not there, marks do count: texts and lists should be in one normal form (NFC).

    Matches of one list do not overlap, the longest counts. Columns: `keywords.LIST`, the matches, and
    `keywords.LIST_ratio`, matches per word (each Han character is a word). They are in the verdicts, so thresholds can
    change later; sums by language and source are in the manifest.

    | group | what it counts | Chinese |
    |---|---|---|
    | `html_remnants` | entities and tags left in text: `&nbsp;`, `<br/>`, `</div>`, `onclick=` | the same |
    | `hyperlinks` | `http://`, `https://`, `www.`, `ftp://`, `mailto:` | the same, also right after Han characters |
    | `template` | template marks (`{{`, `[caption`), lorem ipsum, "read more" in 14 languages | 阅读全文, 点击查看, 返回顶部, also traditional |
    | `cookie` | cookie banners in 14 languages: "uses cookies", "verwendet cookies" | 使用 Cookie, 接受所有 Cookie, Cookie 政策 |

    Data-Juicer's `flagged_words_filter` is `max_ratio: {flagged: 0.045}` with its list. C4's rule is `drop_any:
    [LIST]` with LDNOOBW. `profile: datatrove` makes the decision of datatrove 0.10.1's `C4BadWordsFilter` on every
    document: a word may not have a letter, digit or `_` of any script beside it (Python's `\\w`, to which marks do not
    belong), nothing is asked in files of `ja`, `th` and `zh`, four entries are left out as C4 does, white space counts
    as it is, and `#` begins no comment. It draws which documents to keep at random; here the id decides.
    """  # noqa: E501

    profile: Literal["default", "datatrove"] = "default"
    """Whose matching: ours, or that of datatrove 0.10.1, for lists without groups."""
    lists: dict[ListName, str] = {}  # noqa: RUF012
    """Files, installed models, or folders with a file for each language, by the name of the list:
    `{offensive: lists/ldnoobw, spam: spam.txt}`."""
    groups: tuple[Group, ...] | None = None
    """Built-in groups to count. Default: all of them if there are no lists, else none."""
    case: bool = False
    """Capitals count."""
    default_language: str | None = None
    """Language of documents whose `language` is missing or `und`; datatrove: `en`. Default: they have no lists of their
    own."""
    max_matches: Count | dict[str, Count] | None = None
    """Most matches of a document kept: of each list and group, or of those named: `{spam: 3}`."""
    max_ratio: Fraction | dict[str, Fraction] | None = None
    """Most matches per word, of each list and group or of those named. Data-Juicer: .045 of its flagged words. In
    Chinese words are characters: a list of two-character words needs half of what it takes in English."""
    drop_any: tuple[str, ...] = ()
    """Lists and groups of which one match is enough to drop a document: C4's rule for offensive words."""
    keep_ratio: Fraction = 0.0
    """Share of the documents that `drop_any` would drop which is kept all the same, so that what is written about such
    things is not lost. The id decides: runs agree, a smaller share is part of a larger one, and `dataprep what-if` can
    tell what another would keep. C4: 0."""
    seed: int = 0
    """Another seed keeps others."""

    paths: ClassVar[tuple[str, ...]] = ("lists",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"groups": ["html_remnants", "hyperlinks", "cookie"], "max_matches": {"hyperlinks": 2}},
            {
                "text": [
                    "Fish&nbsp;and<br>chips.",
                    "见https://a.cn、www.b.cn和http://www.c.cn。",
                    "This site uses cookies. 本站使用Cookie。",
                ]
            },
            [None, "too_many_hyperlinks", None],
        ),
        Example(
            {"drop_any": ["cookie"], "max_ratio": {"template": 0.1}},
            {"text": ["We use cookies", "阅读全文", "Read more in the paper, which has many more words.", "饼干"]},
            ["listed_cookie", "too_high_template_ratio", None, None],
        ),
    )

    @model_validator(mode="after")
    def _names_are_there(self) -> Keywords:
        names = self._names()
        if not names:
            raise ValueError("name at least one list or group")
        if self.profile == "datatrove" and self.groups:
            raise ValueError("groups: datatrove has none; count them with another keywords stage")
        for name in set(self.lists) & set(self.groups or ()):
            raise ValueError(f"lists: '{name}' is a group; choose another name")
        for setting in ("max_matches", "max_ratio", "drop_any"):
            given = getattr(self, setting)
            for name in given if isinstance(given, dict | tuple) else ():
                if name not in names:
                    raise ValueError(f"{setting}: '{name}' is none of the lists and groups: {', '.join(names)}")
        if self.keep_ratio and not self.drop_any:
            raise ValueError("keep_ratio: is of the documents that `drop_any` drops; name its lists there")
        return self

    def _names(self) -> list[str]:
        plain = GROUPS if not self.lists and self.profile == "default" else ()
        return [*self.lists, *(plain if self.groups is None else self.groups)]

    def expand(self, label: str) -> list[Part]:
        names = self._names()
        counts: dict[str, Any] = {
            "prefix": label,
            "lists": self.lists,
            "groups": [name for name in names if name not in self.lists],
            "datatrove": self.profile == "datatrove",
            "case": self.case,
            "default_language": self.default_language,
        }
        parts = [Part("keyword_counts", counts)]
        rules = [
            *_rules(label, "", self.max_matches, names, "too_many_{}"),
            *_rules(label, "_ratio", self.max_ratio, names, "too_high_{}_ratio"),
        ]
        if self.drop_any:
            reasons = {f"{label}.{name}": f"listed_{name}" for name in self.drop_any}
            parts.append(Part("listed_words", {"columns": reasons, "keep_ratio": self.keep_ratio, "seed": self.seed}))
        if rules:
            parts.append(Part("thresholds", {"rules": rules}))
        return parts


def _rules(label: str, score: str, bounds: Any, names: list[str], reason: str) -> list[dict[str, Any]]:
    if bounds is None:
        return []
    own = bounds if isinstance(bounds, dict) else dict.fromkeys(names, bounds)
    return [
        {"column": f"{label}.{name}{score}", "max": bound, "reason": reason.format(name)} for name, bound in own.items()
    ]
