"""The READMEs in the metadata of installed packages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from html import escape
from importlib.metadata import Distribution, distributions
from typing import cast

from dataprep.sample_web.page import Page, framed


def pages() -> Iterator[Page]:
    """One page for each installed distribution that has a long description, by name."""
    found = {re.sub(r"[-_.]+", "-", dist.name).lower(): dist for dist in distributions() if dist.name}
    for name, dist in sorted(found.items()):
        text, kind = _description(dist)
        if text.strip():
            url = f"https://pypi.org/project/{name}/{dist.version}/"
            yield Page("package READMEs", url, framed(name, _html(text, kind), site="Packages", lang="en"))


def _description(dist: Distribution) -> tuple[str, str]:
    metadata = cast(Message, dist.metadata)
    body = str(metadata.get_payload() or metadata.get("Description", ""))
    kind = str(metadata.get("Description-Content-Type", "text/x-rst"))
    return body, kind.partition(";")[0].strip().lower()


def _html(text: str, kind: str) -> str:
    if kind == "text/markdown":
        from markdown_it import MarkdownIt

        return str(MarkdownIt("commonmark").enable("table").render(text))
    if kind == "text/x-rst":
        from dataprep.sample_web.rest import render

        return render(text).html
    return f"<pre>{escape(text)}</pre>"
