"""How well personal data is found in labelled text, in Chinese text with planted items, and in clean text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from pii_labelled import CLEAN, found, labelled, planted, scores, texts, without_items


def test_labelled_documents(data: Path) -> None:
    """0.95 or more for each entity that both sides know."""
    given, gold = labelled(data)
    ours = scores(gold, found(given))
    assert len(ours) == 6
    assert min(ours.values()) >= 0.95, ours


def test_items_planted_in_chinese(data: Path) -> None:
    """0.97 or more, on documents in which nothing is found before."""
    for corpus in CLEAN:
        made, gold = planted(without_items(data, corpus), 0)
        spans = found(made)
        ours = scores(gold, spans)
        assert min(ours.values()) >= 0.97, (corpus, ours)
        assert spans.keys() == gold.keys()


def test_clean_chinese_documentation(data: Path) -> None:
    """At most one false positive per MB; and no more matches than were looked at."""
    for corpus, (looked_at, wrong) in CLEAN.items():
        given = texts(data, corpus)
        megabytes = sum(len(text.encode()) for text in given) / 1e6
        assert wrong / megabytes <= 1
        assert sum(map(len, found(given).values())) <= looked_at, corpus


def examples(path: Path) -> list[tuple[str, str]]:
    """(region, number) of libphonenumber: an example of a landline and a mobile of each region, as E.164."""
    regions = ElementTree.parse(path).getroot().find("territories")
    assert regions is not None
    found = []
    for region in regions:
        for kind in ("fixedLine", "mobile"):
            example = region.find(f"{kind}/exampleNumber")
            if example is not None and example.text:
                found.append((region.get("id", ""), f"+{region.get('countryCode')}{example.text.strip()}"))
    return found


@pytest.mark.parametrize("form", ["Number {}.", "号码：{}，"])
def test_international_numbers_of_every_region(data: Path, form: str) -> None:
    given = examples(data / "pii/libphonenumber_examples/PhoneNumberMetadata.xml")
    assert len(given) > 450
    batch = [form.format(number) for _, number in given]
    at = form.index("{")
    ours = found(batch)["phone"]
    missed = [row for n, row in enumerate(given) if (n, at, at + len(row[1])) not in ours]
    assert not missed, missed
