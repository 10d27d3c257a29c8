"""Drop documents by their URL: lists of domains and URLs, words in it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from dataprep.stage import Composite, Example, Part

Files = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda given: (given,) if isinstance(given, str) else given, json_schema_input_type=str | tuple[str, ...]
    ),
]
_LISTS = ("categories", "domains", "urls", "hard_words", "soft_words", "sub_words")


class UrlFilter(Composite):
    """Drop documents by their URL, as RefinedWeb and FineWeb do (Penedo et al. 2023, arXiv:2306.01116, appendix G.1;
    datatrove 0.10.1, `URLFilter`): by lists of domains and URLs, and by words in the URL.

    The first rule that a URL breaks names the reason:

    1. `listed_domain`: the host is listed, or a domain above it: `a.b.org` if `b.org` is;
    2. `listed_url`: the URL is listed, or one above it: `b.org/x/1?p=2` if `b.org/x` is;
    3. `hard_word`: a word of the URL is a hard word; words are what stands between characters other than ASCII letters
       and digits;
    4. `soft_words`: at least two different words of it are soft words;
    5. `sub_word`: a sub-word is in its letters and digits run together: `freexx` in `http://free-xx.org`.

    Hosts and URLs are compared in the normal form of `url_dedup`: neither case, scheme, usual ports, users, `xn--` nor
    the way of escapes count. Words of lists are read as their ASCII letters and digits run together, without case. In
    Chinese, lists of hosts and URLs do the same; words in Han characters are not looked for in URLs: Pinyin is.

    A document without URL is kept, its scores are null, and the manifest counts them: `url_filter.without_url`. Scores
    are columns: `url_filter.domain` and `.url` (0 or 1), `.hard_words`, `.soft_words`, `.sub_words` (different words).

    Lists are UTF-8, one entry a line, plain, `.gz` or `.zst`, `#` begins a comment; they are not part of dataprep: name
    paths, or files put into the model cache with `dataprep models install NAME --from FILE`. `categories` takes folders
    as the blocklists of the University of Toulouse (UT1) have them. Hosts and URLs are held as hashes of 64 bits, 16 to
    32 bytes an entry, mapped from a file made once a machine: with a million entries one host in 2 * 10^13 is taken for
    a listed one.

    `profile: datatrove` compares words with case (its URLs keep theirs, its lists are in lower case) and URLs letter by
    letter. datatrove looks up the registered domain and the host, by the public suffix list, where we look up the host
    and all domains above it: these differ where a list has a subdomain (`x.b.org`) and the host is below it; and it
    finds no IP addresses, no hosts in capitals and no `xn--` of what is listed in characters.
    """

    profile: Literal["default", "datatrove"] = "default"
    """Whose comparison of words and URLs: ours, or that of datatrove 0.10.1."""
    categories: Files = ()
    """Folders with a file `domains`, `urls` or both, or folders of such folders."""
    domains: Files = ()
    """Lists of hosts."""
    urls: Files = ()
    """Lists of URLs, with or without scheme."""
    hard_words: Files = ()
    """Lists of words of which one is enough."""
    soft_words: Files = ()
    """Lists of words of which `soft_word_threshold` are needed."""
    sub_words: Files = ()
    """Lists of what may not be in a URL anywhere."""
    soft_word_threshold: Annotated[int, Field(ge=1)] = 2
    """Fewest different soft words that drop a URL. RefinedWeb and datatrove: 2."""

    paths: ClassVar[tuple[str, ...]] = _LISTS
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"domains": "lists/domains.txt"},
            {"url": ["https://www.example.org/", "https://example.com/", None]},
            ["listed_domain", None, None],
        ),
    )

    @model_validator(mode="after")
    def _lists_are_there(self) -> UrlFilter:
        if not any(getattr(self, name) for name in _LISTS):
            raise ValueError(f"name at least one list: {', '.join(_LISTS[:-1])} or {_LISTS[-1]}")
        return self

    def expand(self, label: str) -> list[Part]:
        settings: dict[str, Any] = {"prefix": label, "datatrove": self.profile == "datatrove"}
        settings |= {name: list(getattr(self, name)) for name in _LISTS}
        bounds = (
            ("domain", 0, "listed_domain"),
            ("url", 0, "listed_url"),
            ("hard_words", 0, "hard_word"),
            ("soft_words", self.soft_word_threshold - 1, "soft_words"),
            ("sub_words", 0, "sub_word"),
        )
        rules = [{"column": f"{label}.{name}", "max": bound, "reason": reason} for name, bound, reason in bounds]
        return [Part("url_matches", settings), Part("thresholds", {"rules": rules})]
