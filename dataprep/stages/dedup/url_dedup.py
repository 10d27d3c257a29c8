"""Keep one document for each URL."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import Field

from dataprep.duplicates import Keep
from dataprep.stage import Composite, Example, Part

TRACKING: Final = (
    # Analytics: Google, Adobe, Matomo, Yandex, Baidu
    "utm_*", "_ga", "_gl", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid",
    "s_kwcid", "ef_id", "s_cid", "mtm_*", "matomo_*", "pk_campaign", "pk_kwd", "pk_source", "pk_medium", "piwik_*",
    "yclid", "ysclid", "_openstat", "hmsr", "hmpl", "hmcu", "hmkw", "hmci", "bd_vid", "qhclickid",
    # Social networks
    "fbclid", "fb_action_ids", "fb_action_types", "fb_source", "fb_ref", "igshid", "igsh", "twclid", "ttclid",
    "li_fat_id", "epik", "rdt_cid", "scclid", "msclkid",
    "spm", "scm", "spm_id_from", "from_spmid", "vd_source", "share_source", "share_medium", "share_plat", "share_tag",
    "share_session_id", "share_times", "share_from", "unique_k", "sudaref", "isappinstalled", "nsukey",
    # Newsletters
    "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking", "hsa_*",
    "oly_anon_id", "oly_enc_id", "vero_id", "vero_conv", "wickedid", "ml_subscriber", "ml_subscriber_hash", "_kx",
    "rb_clickid", "irclickid",
    # Sessions
    "phpsessid", "jsessionid", "aspsessionid*",
)  # fmt: skip
"""Query parameters that say how a reader came to a page or who it is, never which page it is."""

Parameter = Annotated[str, Field(pattern=r"^[^*&=#?\s]+\*?$")]


class UrlDedup(Composite):
    """Keep one of all documents with the same URL, anywhere in the corpus: one document an address.

    URLs are compared in normal form. `http` and `https` are one; scheme and host are in lower case, a host in Punycode
    equals the same in its characters (`xn--fiqs8s` and `中国`); ports 80 and 443, the fragment, tracking parameters
    and an empty query go; the other parameters are sorted by name; `.` and `..` are resolved; percent escapes are
    written in one way, so `/中国` equals `/%E4%B8%AD%E5%9B%BD`, but escapes of GBK differ from those of UTF-8. `www.`,
    a `/` at the end and capitals in the path count. What is no `http` URL is compared as it is. A document without a
    URL is never a duplicate. Language plays no part.

    Normal forms are compared by a 128-bit hash. The artefact `<name>.clusters` lists every cluster with its members; it
    does not compare their texts. It is a barrier: all earlier stages finish first.

    Cost: 2.5 million URLs a second, 160 MB/s; 24 bytes a document on disk, 32 with `keep`; 28 bytes of memory for each
    document that has a copy, once.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {"url": ["http://Example.org", "https://example.org:443/?utm_source=x#top", "https://www.example.org"]},
            [None, "duplicate", None],
        ),
        Example(
            {},
            {"url": ["https://a.cn/新闻?b=1&c=2", "http://a.cn/%e6%96%b0%E9%97%BB?c=2&spm=7&b=1", "", None, "", None]},
            [None, "duplicate", None, None, None, None],
        ),
        Example(
            {"keep": "newest", "more_tracking_parameters": ["from"]},
            {
                "url": ["https://a.org/x", "https://a.org/x?from=feed", "https://a.org/x?from=b"],
                "date": ["2024-01-01", "2024-03-01", "2024-02-01"],
            },
            ["duplicate", None, "duplicate"],
        ),
    )  # fmt: skip

    keep: Keep = "first"
    """Which copy survives: `first` in the order of inputs, `longest` (bytes of text), `newest` (column `date`) or
    `best:COLUMN` (highest number). Equal ones, and ones without a value, are settled by order."""
    tracking_parameters: tuple[Parameter, ...] = TRACKING
    """Query parameters that do not count, in place of the list built in: by name or, with `*` at the end, by how the
    name begins. Case does not count."""
    more_tracking_parameters: tuple[Parameter, ...] = ()
    """Query parameters that do not count, besides those: the ones of your sites."""

    def expand(self, label: str) -> list[Part]:
        names = list(dict.fromkeys((*self.tracking_parameters, *self.more_tracking_parameters)))
        return [
            Part("url_duplicates", {"tracking_parameters": names, "keep": self.keep}),
            Part("duplicate_clusters", {"of": label}, "clusters"),
            Part("duplicate", {"of": label}),
        ]
