"""Sentences equal their definition, and every visible character is in exactly one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from odd_text import batches, buffers, documents, pieces

from dataprep.text import tables
from dataprep.text.hashes import hash_spans
from dataprep.text.sentences import sentences
from dataprep.text.spans import TextBuffers

ROLES = "osw)C"
"""One letter for each role, in the order of their numbers; C is a capital."""
END = re.compile(r"[sw]+\)*")

CASES = [
    ('He said "Stop!" and left. Then he slept.', 'He said "Stop!"|and left.|Then he slept.'),
    ("It costs 3.14 dollars, e.g., at a.b.c today. Yes", "It costs 3.14 dollars, e.g., at a.b.c today.|Yes"),
    (
        "J. Smith and A. С. Пушкин met. Really?! (Yes.) Fine...",
        "J. Smith and A. С. Пушкин met.|Really?!|(Yes.)|Fine...",
    ),
    ("(See plan B.) Then C.?! Then D. Then", "(See plan B.)|Then C.?!|Then D. Then"),
    ("1. First item. 2. Second item.", "1. First item.|2. Second item."),
    ("... and so on. 42!", "... and so on.|42!"),
    ("No stop here\nNor here\n\nEnd", "No stop here|Nor here|End"),
    ("你好。」他说！好吗？好；完", "你好。」|他说！|好吗？|好；|完"),
    ("他想……然后走了。３．１４", "他想……|然后走了。|３．１４"),
    ("これは本です。「はい。」そう｡次", "これは本です。|「はい。」|そう｡|次"),
    ("한국어입니다. 네! 좋아요?", "한국어입니다.|네!|좋아요?"),
    ("यह है। वह है।", "यह है।|वह है।"),
    ("هل هذا؟ نعم.", "هل هذا؟|نعم."),
    ("ภาษาไทย ไม่มีจุด\nบรรทัดใหม่", "ภาษาไทย ไม่มีจุด|บรรทัดใหม่"),
    (" \r\n\u3000", ""),
]


def twin(text: str) -> list[tuple[int, str]]:
    found = []
    for line in re.finditer(r"[^\n]+", text):
        at, last = line.start() + len(line[0]) - len(line[0].lstrip()), line.start() + len(line[0].rstrip())
        for end in END.finditer("".join(ROLES[tables.roles()[ord(c)]] for c in text[:last]), at):
            kinds = [int(tables.classes()[ord(c)]) for c in text[at : end.start()]]
            capital = end.start() > at and tables.roles()[ord(text[end.start() - 1])] == tables.CAPITAL
            initial = text[end.start() : end.end()] == "." and capital and (len(kinds) < 2 or kinds[-2] < tables.MARK)
            wide = "w" in "".join(ROLES[tables.roles()[ord(c)]] for c in text[end.start() : end.end()])
            ends = wide or end.end() == last or text[end.end()].isspace()
            if ends and not initial and any(k >= tables.LETTER and k != tables.DIGIT for k in kinds):
                found.append((at, end.end()))
                at = last - len(text[end.end() : last].lstrip())
        if at < last:
            found.append((at, last))
    return [(len(text[:a].encode()), text[a:b]) for a, b in found]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_cases(text: str, expected: str) -> None:
    batch = buffers([text])
    assert [s for _, s in pieces(sentences(batch), batch)[0]] == [s for s in expected.split("|") if s]


@settings(deadline=None, max_examples=500)
@given(batches)
def test_equal_their_twin(text: TextBuffers) -> None:
    found = sentences(text)
    assert pieces(found, text) == [twin(t) for t in documents(text)]
    assert np.array_equal(found.hash, hash_spans(found.start, found.end, text.data))


@settings(deadline=None)
@given(batches)
def test_hold_every_visible_character_once(text: TextBuffers) -> None:
    for whole, parts in zip(documents(text), pieces(sentences(text), text), strict=True):
        assert "".join("".join(s for _, s in parts).split()) == "".join(whole.split())
