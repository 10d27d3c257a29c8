"""Text in which it is known where personal data stand, and how much of them is found: for tests and the benchmark."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import corpora
import pyarrow as pa
from pii_items import card, cn_id, email, landline, mobile, wide

from dataprep.pii.find import find
from dataprep.pii.shapes import ENTITIES
from dataprep.text.spans import text_buffers

Span = tuple[int, int, int]
"""Document, first and last character (exclusive)."""
Spans = Mapping[str, set[Span]]
"""By entity."""

LABELS = {
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
}
"""presidio's name of an entity -> ours."""

CLEAN = {"zh_oiwiki": (41, 1), "zh_javaguide": (43, 2), "zh_pingcap_docs": (16, 0), "zh_d2l": (0, 0)}
"""Documentation in Chinese: how much is found in it, and how much of that is none, looked at one by one.

oiwiki: a solution that reads like a mobile. javaguide: `phone >= 13800000000 AND phone < 13900000000`. Addresses and
passwords made up for an example are right: nothing in them says so.
"""


def texts(data: Path, corpus: str) -> list[str]:
    """All documents of a corpus."""
    return list(corpora.texts(data / f"corpora/{corpus}.jsonl.zst"))


def labelled(data: Path) -> tuple[list[str], Spans]:
    """presidio-research's 1,500 synthetic documents, and where the entities are that both sides know."""
    rows = json.loads((data / "pii/presidio_synth_v2/synth_dataset_v2.json").read_text("utf-8"))
    gold: dict[str, set[Span]] = defaultdict(set)
    for number, row in enumerate(rows):
        for span in row["spans"]:
            if span["entity_type"] in LABELS:
                gold[LABELS[span["entity_type"]]].add((number, span["start_position"], span["end_position"]))
    return [row["full_text"] for row in rows], gold


def planted(given: list[str], seed: int) -> tuple[list[str], Spans]:
    """Five items in each text, after a character that is no letter, digit or sign of theirs; and where they are."""
    rng = random.Random(seed)
    kinds: list[tuple[str, Callable[[random.Random], str]]] = [
        ("email", email), ("phone", mobile), ("phone", landline), ("card", card), ("cn_id", cn_id)
    ]  # fmt: skip
    gold: dict[str, set[Span]] = defaultdict(set)
    made = []
    for number, text in enumerate(given):
        places = [m.end() for m in re.finditer(r"[\u4e00-\u9fff，。：；]", text)]
        chosen = sorted(rng.sample(places, min(len(places), len(kinds))))
        whole, last = "", 0
        for place, (entity, make) in zip(chosen, rng.sample(kinds, len(chosen)), strict=True):
            value = make(rng)
            value = wide(value) if rng.random() < 0.2 and " " not in value else value
            whole += text[last:place] + rng.choice(["", "（", "：", "“"])
            gold[entity].add((number, len(whole), len(whole) + len(value)))
            whole += value + rng.choice(["，", "。", "）", "的"])
            last = place
        made.append(whole + text[last:])
    return made, gold


def found(given: list[str]) -> Spans:
    """What `pii` finds."""
    batch = text_buffers(pa.array(given, pa.large_string()))
    spans = find(batch)
    made: dict[str, set[Span]] = defaultdict(set)
    for start, end, entity, document in zip(*(array.tolist() for array in spans), strict=True):
        raw = given[document].encode()
        first = int(batch.offsets[document])
        begin = len(raw[: start - first].decode())
        made[ENTITIES[entity]].add((document, begin, begin + len(raw[start - first : end - first].decode())))
    return made


def without_items(data: Path, corpus: str) -> list[str]:
    """Up to 150 of a corpus's documents, not short, in which nothing is found."""
    return [text for text in texts(data, corpus) if len(text) > 500 and not found([text])][:150]


def f1(gold: set[Span], ours: set[Span]) -> float:
    """Only a span with exactly the label's bounds is right."""
    return 2 * len(gold & ours) / (len(gold) + len(ours))


def scores(gold: Spans, ours: Spans) -> dict[str, float]:
    """F1 by entity labelled, and of all of them together as `micro`."""
    pairs = {entity: (gold[entity], ours.get(entity, set())) for entity in gold}
    right, both = (sum(map(len, sides)) for sides in ([a & b for a, b in pairs.values()], sum(pairs.values(), ())))
    return {entity: f1(*pair) for entity, pair in pairs.items()} | {"micro": 2 * right / both}
