"""A web page, and the frame a site puts around its content."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple


class Page(NamedTuple):
    """One page of the sample."""

    kind: str
    """Where it is from, for the count that is printed."""
    url: str
    html: bytes
    """As a server would send it; UTF-8 unless it says otherwise itself."""


def framed(title: str, content: str, *, site: str, lang: str, links: Iterable[tuple[str, str]] = ()) -> bytes:
    """A whole page: head, navigation, main content, footer. `content` is HTML, `links` are (target, text)."""
    menu = "".join(f'<li><a href="{escape(target)}">{escape(text)}</a></li>' for target, text in links)
    return f"""<!DOCTYPE html>
<html lang="{escape(lang)}">
<head><meta charset="utf-8"><title>{escape(title)} | {escape(site)}</title>
<style>nav ul {{ list-style: none }} main {{ max-width: 45em }}</style>
<script>document.documentElement.className = "js";</script></head>
<body>
<header><nav class="navigation"><a class="brand" href="/">{escape(site)}</a>
<ul><li><a href="/">Home</a></li><li><a href="/search/">Search</a></li>{menu}</ul></nav></header>
<main id="content">
{content}
</main>
<footer><p>All content belongs to its authors. <a href="/about/">About</a> <a href="/privacy/">Privacy</a></p></footer>
</body>
</html>
""".encode()
