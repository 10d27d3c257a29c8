"""Sample texts in many languages, from the data of Google Fonts in the package `gflanguages`."""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Iterator
from html import escape

from dataprep.pypi import cached
from dataprep.sample_web.page import Page, framed

REQUIREMENT = "gflanguages==0.7.11"
SHA256 = "17173d48d77db0d6d37e81537f54cc45a87faf6d45cf754f6316b9b2adb59f6c"

_FOLDER = "gflanguages/data/languages/"
_SAMPLE = re.compile(r"^sample_text \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r'^\s*(\w+): ("(?:[^"\\\n]|\\.)*")\s*$', re.MULTILINE)


def pages() -> Iterator[Page]:
    """One page for each language and script with a sample, about 740: often the Declaration of Human Rights."""
    with zipfile.ZipFile(cached(REQUIREMENT, SHA256)) as wheel:
        for member in sorted(wheel.namelist()):
            if member.startswith(_FOLDER) and member.endswith(".textproto"):
                page = _page(wheel.read(member).decode())
                if page is not None:
                    yield page


def _page(proto: str) -> Page | None:
    sample = _SAMPLE.search(proto)
    if sample is None:
        return None
    about = _fields(_SAMPLE.sub("", proto))
    # Specimens repeat one another's lines, in several sizes.
    lines = dict.fromkeys(
        line.strip()
        for key, value in _fields(sample[1]).items()
        if key.startswith("specimen_")
        for line in value.split("\n")
        if line.strip()
    )
    if not lines:
        return None
    code, name = about["id"], about.get("autonym") or about["name"]
    content = f"<h1>{escape(name)}</h1>\n" + "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    lang = code.replace("_", "-")
    return Page(
        "language samples", f"https://languages.example/{lang}/", framed(name, content, site="Languages", lang=lang)
    )


def _fields(proto: str) -> dict[str, str]:
    # A string of the text format is a Python literal for the escapes in use: \n, \" and \'.
    return {key: str(ast.literal_eval(value)) for key, value in reversed(_FIELD.findall(proto))}
