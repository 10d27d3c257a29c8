"""Find URLs of lists, and words of lists in URLs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataprep import models, schema
from dataprep.documents import Documents
from dataprep.stage import Example, Map

if TYPE_CHECKING:
    from dataprep.lists.url_sets import Kind

SCORES = ("domain", "url", "hard_words", "soft_words", "sub_words")


class UrlMatches(Map):
    """Find URLs of lists, and words of lists in URLs, as `url_filter` describes it."""

    prefix: str = "url_filter"
    """Columns are called `<prefix>.<score>`: `domain`, `url`, `hard_words`, `soft_words`, `sub_words`, and
    `without_url`."""
    categories: tuple[str, ...] = ()
    """Folders with files `domains` and `urls`."""
    domains: tuple[str, ...] = ()
    """Lists of hosts."""
    urls: tuple[str, ...] = ()
    """Lists of URLs."""
    hard_words: tuple[str, ...] = ()
    """Lists of words."""
    soft_words: tuple[str, ...] = ()
    """Lists of words of which several count."""
    sub_words: tuple[str, ...] = ()
    """Lists of parts of words."""
    datatrove: bool = False
    """Compare whole URLs and the case of words, as datatrove does."""

    paths: ClassVar[tuple[str, ...]] = ("categories", "domains", "urls", "hard_words", "soft_words", "sub_words")
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {"prefix": "u"},
            {"url": ["https://a.org", None]},
            {"u.domain": [0, None], "u.soft_words": [0, None], "u.without_url": [0, 1]},
        ),
    )

    def needs(self) -> tuple[str, ...]:
        return (schema.URL,)

    def files(self) -> dict[str, str]:
        from dataprep.lists.url_sets import table
        from dataprep.lists.url_words import check

        files = self._files()
        table(files["domains"], "domains")
        table(files["urls"], self._url_kind())
        for name in ("hard_words", "soft_words", "sub_words"):
            for path in files[name]:
                check(path)
        return {
            f"{name}/{k}/{path.name}": models.file_hash(path)
            for name, held in files.items()
            for k, path in enumerate(held)
        }

    def _files(self) -> dict[str, list[Path]]:
        from dataprep.lists.url_sets import categories

        listed = categories(self.categories)
        files = {name: [models.located(given) for given in getattr(self, name)] for name in self.paths[1:]}
        files["domains"] += listed.domains
        files["urls"] += listed.urls
        return files

    def _url_kind(self) -> Kind:
        return "exact_urls" if self.datatrove else "urls"

    def gives(self) -> dict[str, pa.DataType | None]:
        return {f"{self.prefix}.{name}": pa.int32() for name in (*SCORES, "without_url")}

    def tallies(self) -> tuple[str, ...]:
        return (f"{self.prefix}.without_url",)

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        from dataprep.lists.url_sets import normal_forms, table
        from dataprep.lists.url_words import url_sub_words, url_words
        from dataprep.text.hashes import xxh64
        from dataprep.text.phrases import count_phrases
        from dataprep.text.spans import text_buffers
        from dataprep.text.url_lists import hashes_listed, hosts_listed, urls_listed

        files = self._files()
        column = docs[schema.URL]
        without = np.asarray(pc.equal(pc.utf8_trim_whitespace(column.fill_null("")), ""))
        raw = text_buffers(column.cast(pa.large_string()).fill_null(""))
        found = dict.fromkeys(SCORES, np.zeros(len(docs), np.int32))
        urls = normal_forms(column)
        if files["domains"]:
            found["domain"] = hosts_listed(urls, table(files["domains"], "domains")).astype(np.int32)
        if files["urls"]:
            kind = self._url_kind()
            held = table(files["urls"], kind)
            listed = urls_listed(urls, held) if kind == "urls" else hashes_listed(xxh64(raw), held)
            found["url"] = listed.astype(np.int32)
        every = np.zeros(len(docs), np.int32)
        if files["hard_words"] or files["soft_words"]:
            words = url_words((files["hard_words"], files["soft_words"]), self.datatrove)
            distinct = count_phrases(raw, *words, every).distinct
            found["hard_words"], found["soft_words"] = distinct[0], distinct[1]
        if files["sub_words"]:
            found["sub_words"] = count_phrases(raw, *url_sub_words((files["sub_words"],)), every).distinct[0]
        given = {f"{self.prefix}.{name}": pa.array(counts, mask=without) for name, counts in found.items()}
        return given | {f"{self.prefix}.without_url": pa.array(without.astype(np.int32))}
