"""Keep a share of the documents, the same one in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa

from dataprep import schema
from dataprep.documents import Documents
from dataprep.stage import Example, Filter, Fraction

if TYPE_CHECKING:
    from dataprep.text.spans import TextBuffers


class Sample(Filter):
    """Keep a share of the documents: whether one is kept is decided by a hash of it, not by chance.

    Runs agree, whatever their order, batches or workers, and samples are nested: with the same seed what `ratio: 0.1`
    keeps is part of what `ratio: 0.2` keeps. The share is met on average: of a million documents, 0.1 keeps 100,000
    give or take 600. Language plays no part.

    Cost: several million documents a second by id; by text a hash of every byte, several GB/s.
    """

    ratio: Fraction
    """Share of documents kept."""
    by: Literal["id", "text", "url_host"] = "id"
    """What is hashed. `text`: equal texts are kept or dropped together; `url_host`: all pages of a host, in normal form
    as in `url_dedup`; documents without a URL go by their id."""
    seed: int = 0
    """Another seed keeps others."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"ratio": 0.5}, {"id": ["a", "b", "c", "d"]}, ["not_sampled", None, "not_sampled", None]),
        Example(
            {"ratio": 0.5, "by": "url_host"},
            {"url": ["https://a.org/1", "http://A.org/2", "https://中国.cn/", "http://xn--fiqs8s.cn/x"]},
            [None, None, None, None],
        ),
        Example({"ratio": 0.0}, {"text": ["x", "今天"]}, ["not_sampled"] * 2),
    )

    def needs(self) -> tuple[str, ...]:
        return (schema.URL,) if self.by == "url_host" else ()

    def defects(self) -> tuple[str, ...]:
        return ("not_sampled",)

    def reasons(self, docs: Documents) -> pa.StringArray:
        from dataprep.lists.lots import lots

        if self.by == "text":
            drawn = lots(docs[schema.TEXT], self.seed)
        else:
            drawn = lots(docs[schema.ID], self.seed)
            if self.by == "url_host":
                hosts = _hosts(docs)
                drawn = np.where(np.asarray(hosts.is_valid()), lots(hosts.fill_null(""), self.seed), drawn)
        return pa.array(np.full(len(docs), "not_sampled", object), pa.string(), mask=drawn < self.ratio)


def _hosts(docs: Documents) -> pa.LargeStringArray:
    """The host of each URL, null where there is none."""
    import pyarrow.compute as pc

    from dataprep.text.spans import text_buffers
    from dataprep.text.urls import normalised

    column = docs[schema.URL].cast(pa.large_string()).fill_null("")
    urls: TextBuffers = normalised(text_buffers(column))
    read = pa.LargeStringArray.from_buffers(len(docs), pa.py_buffer(urls.offsets), pa.py_buffer(urls.data))
    return pc.struct_field(pc.extract_regex(read, r"^http://(?:[^/?#]*@)?(?P<host>\[[^\]]*\]|[^/?#@:]+)"), "host")
