"""Real URLs and texts for tests of lists, and the real lists they are tested with."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

WORDS = "lists/datatrove_url_words/src/datatrove/assets"
CATEGORIES = "lists/ut1_subset/blacklists"
OFFENSIVE = "lists/ldnoobw"


def url_lists(data: Path) -> dict[str, str]:
    """The settings of `url_filter` that name lists of words."""
    return {
        f"{kind}_words": str(data / WORDS / f"{name}.txt")
        for kind, name in (("hard", "banned_words"), ("soft", "soft_banned_words"), ("sub", "banned_subwords"))
    }


@cache
def example_domains() -> Path:
    """The list of the example of `url_filter`, made once a process."""
    path = Path(tempfile.mkdtemp(prefix="lists-")) / "domains.txt"
    path.write_text("example.org\n")
    return path


def domain_files(data: Path) -> list[Path]:
    return sorted((data / CATEGORIES).glob("*/domains"))


def urls(data: Path, step: int = 1) -> list[str]:
    """Every `step`th of 45,000: addresses of records of web archives, front pages of sites, pages that blocklists hold,
    and hosts below what they hold."""
    sites = json.loads((data / "web/extraction/wcxb_dev/metadata.json").read_text())["files"].values()
    found = [f"https://{site['domain']}/" for site in sites if site.get("domain")]
    for archive in sorted((data / "web/warc").glob("*/*.warc.gz")):
        with archive.open("rb") as raw:
            found += _records(raw.read())
    for path in sorted((data / CATEGORIES).glob("*/urls")):
        found += [f"http://{line.strip()}" for line in path.read_text().splitlines() if line.strip()]
    for path in domain_files(data):
        hosts = path.read_text().split()[::25]
        found += [f"https://{('', 'www.', 'm.shop.')[k % 3]}{host}/a/b-{k}.html" for k, host in enumerate(hosts)]
    return found[::step]


def _records(raw: bytes) -> list[str]:
    try:
        text = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(4 << 20)
    except (OSError, EOFError):
        return []
    return [u.decode() for u in re.findall(rb"^WARC-Target-URI: <?(https?://[\x21-\x7e]+?)>?\r?$", text, re.MULTILINE)]


def texts(data: Path, step: int = 1) -> Iterator[tuple[str, str]]:
    """(language, text): every `step`th of 31,000 posts in English and Chinese that people labelled offensive or not,
    then declarations of human rights in the languages of the lists."""
    with (data / "labels/davidson_hate/data/labeled_data.csv").open(newline="", encoding="utf-8") as file:
        yield from (("en", row["tweet"]) for k, row in enumerate(csv.DictReader(file)) if k % step == 0)
    with (data / "labels/cold_zh_offensive/COLDataset/dev.csv").open(newline="", encoding="utf-8-sig") as file:
        yield from (("zh", row["TEXT"]) for k, row in enumerate(csv.DictReader(file)) if k % step == 0)
    yield from declarations(data)


_CODES = {
    "arb": "ar", "ces": "cs", "dan": "da", "deu_1996": "de", "epo": "eo", "spa": "es", "pes_1": "fa", "fin": "fi",
    "tgl": "fil", "fra": "fr", "hin": "hi", "hun": "hu", "ita": "it", "jpn": "ja", "kab": "kab", "kor": "ko",
    "nld": "nl", "nob": "no", "pol": "pl", "por_BR": "pt", "rus": "ru", "swe": "sv", "tha": "th", "tur": "tr",
}  # fmt: skip


def declarations(data: Path) -> Iterator[tuple[str, str]]:
    import zstandard

    packed = next((data / "langid/udhr_unicode").glob("*.tar.zst")).read_bytes()
    with zstandard.ZstdDecompressor().stream_reader(packed) as stream, tarfile.open(fileobj=stream, mode="r|") as held:
        found = {}
        for member in held:
            code = re.search(r"udhr_(\w+)\.xml$", member.name)
            if code and code[1] in _CODES:
                file = held.extractfile(member)
                assert file is not None
                found[_CODES[code[1]]] = re.sub(r"<[^>]*>", "\n", file.read().decode())
    yield from sorted(found.items())
