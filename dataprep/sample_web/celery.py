"""The documentation in Celery's source distribution: prose, with hundreds of e-mail addresses in its old changelogs."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from dataprep.pypi import cached
from dataprep.sample_web.page import Page, framed

VERSION = "5.7.0"
SHA256 = "6a5dfcf6662287204f009a02002b9e66c83d4105e47ebabdc7079108772fc6f0"


def pages() -> Iterator[Page]:
    """About 200 documents, at the addresses they have on docs.celeryq.dev. Takes 5 s."""
    from dataprep.sample_web.rest import render

    found: dict[str, str] = {}
    with tarfile.open(cached(f"celery=={VERSION}", SHA256, source=True)) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            document = path.startswith("docs/") and path.endswith(".rst")
            file = archive.extractfile(member) if document else None
            if file is not None:
                found[path.removeprefix("docs/").removesuffix(".rst")] = file.read().decode()
    base = f"https://docs.celeryq.dev/en/v{VERSION}/"
    for name, source in sorted(found.items()):
        content = render(source)
        folder = name.rpartition("/")[0]
        near = [other for other in sorted(found) if other.rpartition("/")[0] == folder and other != name]
        links = [(f"{base}{other}.html", other.rpartition("/")[2].replace("-", " ")) for other in near]
        html = framed(
            content.title or name, content.html, site=f"Celery {VERSION} documentation", lang="en", links=links
        )
        yield Page("Celery documentation", f"{base}{name}.html", html)
