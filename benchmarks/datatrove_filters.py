"""datatrove's quality filters on documents that come in by standard input; run under datatrove's own Python.

    python datatrove_filters.py < texts.jsonl > reasons.jsonl

One JSON string a line in, one list a line out: for each filter of `FILTERS` null (kept), the reason, or `!` and the
name of what it raised.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

FILTERS = ("gopher_quality", "gopher_repetition", "fineweb_quality")
CHAIN = ("gopher_quality", "gopher_repetition", "c4_quality", "fineweb_quality")
"""The four families, chained as for FineWeb: C4's comes third and edits the text."""

OURS = {
    "gopher_short_doc": "too_few_words",
    "gopher_long_doc": "too_many_words",
    "gopher_below_avg_threshold": "words_too_short",
    "gopher_above_avg_threshold": "words_too_long",
    "gopher_too_many_hashes": "too_many_hashes",
    "gopher_too_many_ellipsis": "too_many_ellipses",
    "gopher_too_many_bullets": "too_many_bullets",
    "gopher_too_many_end_ellipsis": "too_many_ellipsis_lines",
    "gopher_below_alpha_threshold": "too_few_alphabetic_words",
    "gopher_enough_stop_words": "too_few_stop_words",
    "empty": "empty",
    "dup_para_frac": "duplicate_paragraphs",
    "dup_para_char_frac": "duplicate_paragraph_chars",
    "dup_line_frac": "duplicate_lines",
    "dup_line_char_frac": "duplicate_line_chars",
    **{f"top_{n}_gram": f"frequent_{n}_gram" for n in range(2, 5)},
    **{f"duplicated_{n}_n_grams": f"duplicate_{n}_grams" for n in range(5, 11)},
    "line_punct_ratio": "too_few_punctuated_lines",
    "short_line_ratio": "too_many_short_lines",
    "char_dup_ratio": "duplicate_line_chars",
    "list_ratio": "too_many_newlines",
}
"""What we call datatrove's reasons; those of C4QualityFilter have our names."""


def filters(names: tuple[str, ...]) -> list[Callable[[Any], Any]]:
    """What datatrove's filters of these names of ours do."""
    from datatrove.pipeline import filters as f

    known = {
        "gopher_quality": f.GopherQualityFilter,
        "gopher_repetition": f.GopherRepetitionFilter,
        "c4_quality": f.C4QualityFilter,
        "fineweb_quality": f.FineWebQualityFilter,
    }
    return [known[name]().filter for name in names]


def reason(verdict: Any) -> str | None:
    """Of what a filter gave: why it dropped the document, or None."""
    return None if verdict is True else str(verdict[1])


def main() -> None:
    from datatrove.data import Document

    stages = filters(FILTERS)
    for i, line in enumerate(sys.stdin):
        found: list[str | None] = []
        for stage in stages:
            try:
                found.append(reason(stage(Document(text=json.loads(line), id=str(i)))))
            except Exception as error:
                found.append(f"!{type(error).__name__}")
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
