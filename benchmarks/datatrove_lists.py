"""datatrove's URLFilter and C4BadWordsFilter over documents of standard input: run by its own Python.

A first line of JSON says which, with which lists; every later line is a list of documents, answered by a line with the
reason of each (null: kept) and the seconds of processor time that it took.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def url_filter(asked: dict[str, Any]) -> Any:
    from datatrove.pipeline.filters import URLFilter

    def lines(name: str) -> list[str]:
        return [line for path in asked[name] for line in Path(path).read_text().splitlines() if line]

    return URLFilter(
        extra_domains=lines("domains"),
        extra_urls=lines("urls"),
        banned_words=lines("hard_words"),
        banned_subwords=lines("sub_words"),
        soft_banned_words=lines("soft_words"),
        use_integrated_lists=False,
    )


def bad_words(asked: dict[str, Any]) -> Any:
    from datatrove.pipeline.filters import C4BadWordsFilter, c4_filters

    # Where it would download its lists: they are here already.
    c4_filters.cached_asset_path_or_download = lambda remote, **_: f"{asked['folder']}/{remote.rpartition('/')[2]}"
    return C4BadWordsFilter(fail_on_missing_language=False)


def main() -> None:
    from datatrove.data import Document

    asked = json.loads(sys.stdin.readline())
    judge = {"url_filter": url_filter, "bad_words": bad_words}[asked["filter"]](asked)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        documents = [Document(text=text, id="", metadata=more) for text, more in json.loads(line)]
        began = time.process_time()
        said = [judge.filter(document) for document in documents]
        took = time.process_time() - began
        print(json.dumps([[None if one is True else one[1] for one in said], took]), flush=True)


if __name__ == "__main__":
    main()
