"""`c4_quality` by our rules: which lines are prose, in English, Chinese and other scripts, and a slow twin's."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from chain import parts
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, buffers, odd_text

from dataprep.documents import documents
from dataprep.stage import Filter, Map
from dataprep.text import tables
from dataprep.text.lines import lines
from dataprep.text.prose_lines import edited
from dataprep.text.words import words

_REMOVED = ("long_word", "without_stop", "too_few_words", "javascript", "policy")
_CITATION = re.compile(r"\[\d*]|\[(?:edit|citation needed|编辑|編輯|来源请求|來源請求)]")
_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
             "使用条款", "使用條款", "隐私政策", "隱私政策", "隐私权政策", "隱私權政策", "隐私声明", "隱私聲明",
             "使用cookie", "使用 cookie", "cookie政策", "cookie 政策")  # fmt: skip
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UNSPACED = (tables.HAN, tables.HIRAGANA, tables.KATAKANA, tables.SOUTH_EAST_ASIAN)


def script(c: str) -> int:
    return int(tables.classes()[ord(c)])


def role(c: str) -> int:
    return int(tables.roles()[ord(c)])


def stopped(line: str) -> bool:
    rest = line
    behind = (tables.MARK, tables.OTHER)
    while rest and (role(rest[-1]) == tables.CLOSING or script(rest[-1]) in behind or rest[-1] in "*_"):
        rest = rest[:-1]
    closing = [c for c in line[len(rest) :] if role(c) == tables.CLOSING]
    if rest and role(rest[-1]) in (tables.STOP, tables.WIDE_STOP):
        return closing != [] or not rest.endswith(("...", "。。。", "…", "⋯"))
    quoted = any(c in '"＂”»›」』〞〟｣' for c in closing)
    return quoted or (rest != "" and script(rest[-1]) == tables.SOUTH_EAST_ASIAN)


def longest_word(line: str) -> int:
    spaced = "".join(" " if script(c) in (tables.SPACE, *_UNSPACED) else c for c in line)
    return max(map(len, spaced.split(" ")))


def slow_edit(text: str, longest: int, fewest: int, characters: int) -> tuple[str, list[int]]:
    """The rules, line by line; the text left, the counts in the kernel's order."""
    kept: list[str] = []
    count = dict.fromkeys((*_REMOVED, "citations", "lorem", "curly"), 0)
    for line in filter(None, map(str.strip, text.split("\n"))):
        found = words(buffers([line]))
        own = [line.encode()[a:].decode()[0] for a in found.start]
        alone = sum(script(c) in (tables.HAN, tables.SOUTH_EAST_ASIAN) for c in own)
        plain, cut = _CITATION.subn("", line)
        lower = plain.translate(_LOWER)
        if longest_word(line) > longest:
            count["long_word"] += 1
        elif not stopped(plain):
            count["without_stop"] += 1
        elif len(own) < (characters if 2 * alone > len(own) else fewest):
            count["too_few_words"] += 1
        else:
            count["lorem"] += "lorem ipsum" in lower
            if "javascript" in lower:
                count["javascript"] += 1
                continue
            count["curly"] += "{" in line
            if any(phrase in lower for phrase in _POLICIES):
                count["policy"] += 1
            else:
                kept.append(plain)
                count["citations"] += cut
    return "\n".join(kept), list(count.values())


_PARTS = (*PIECES, *"[]{", "[1]", "[]", "[٣]", "[edit]", "[编辑]", "[來源請求]", "[citation needed]", "[12", ".", "!",
          '"', "...", "。。。", "……", "。」", "”", "’", ")", "\n", "\n", "；", "। ", "ไทย", "กา่", "❗\ufe0f", "x" * 21,
          "JavaScript", "Lorem ipsum", "使用 Cookie", "隱私政策", "**", "_", "\u200b", "Terms of Use",
          "one two three four. ", "今天天气很好。")  # fmt: skip
some_text = st.lists(st.sampled_from(_PARTS), max_size=40).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(odd_text, some_text, some_text), max_size=4))
def test_lines_equal_a_slow_twin(texts: list[str]) -> None:
    pairs = [slow_edit(text, 20, 2, 4) for text in texts]
    some = buffers(texts, "It ends [1] so.\n", "\n[2] It goes on.")
    left, counts = edited(
        some, lines(some), words(some),
        longest_word_chars=20, fewest_words=2, fewest_unspaced_words=4, only_stopped=True, cut_citations=True,
        without_javascript=True, without_policies=True,
    )  # fmt: skip
    assert left.to_pylist() == [text for text, _ in pairs]
    assert counts.tolist() == [count for _, count in pairs]


def left_of(text: str, **config: object) -> str:
    """The text that `c4_quality` leaves, whatever it decides."""
    scoring = parts("c4_quality", config)[0].stage
    assert isinstance(scoring, Map)
    made = scoring.columns(documents({"text": [text]}))
    return str(made["text"].to_pylist()[0])


@pytest.mark.parametrize(
    "line",
    [
        "The cat sat down.", "Is it the cat?", 'She said "it is so"', "“He sat down.”", "It sat (and slept.)",
        "今天我们去公园。", "你今天去不去？", "“今天我们去公园。”", "他说：「我们不去」", "第一，甲方付清货款；",
        "यह एक बिल्ली है।", "هل هذه قطة كبيرة؟", "วันนี้อากาศดีมาก", "犬は庭にいました。", "고양이가 매트 위에 앉았다.",
        "**今天我们去公园。**", "_The cat sat down._", "The cat sat down.\u200b", "**他说：「我们不去。」**",
    ],
)  # fmt: skip
def test_prose_stays(line: str) -> None:
    assert left_of(f"{line}\n") == line


@pytest.mark.parametrize(
    "line",
    [
        "The cat sat down", "Read all about it...", "Read all about it…", "They were the dogs'", "It sat (and slept)",
        "今天我们去公园", "**今天我们去公园**", "*Read all about it...*", "他说了很多很多……", "他说了很多很多…\ufe0f",
        "他说了很多很多。。。", "《红楼梦》与《三国演义》", "首页 > 新闻 > 国内",
        "好的。", "It sat.", "本站受隐私政策约束。", "請先啟用 JavaScript 再試。", "本网站使用 Cookie 改善体验。",
    ],
)  # fmt: skip
def test_other_lines_go(line: str) -> None:
    assert left_of(f"It stays as it is.\n{line}\n") == "It stays as it is."


def test_a_chinese_paragraph_is_no_long_word_and_a_blob_is() -> None:
    prose = "今天天气很好，我们去公园。" * 200
    assert left_of(prose) == prose
    assert left_of("data:" + "QUJD" * 300 + ".\n" + prose) == prose


@pytest.mark.parametrize("line", ["...", "。。。", "…", "⋯", "It was....", "今天。。。", "今天⋯⋯"])
def test_an_ellipsis_ends_no_sentence(line: str) -> None:
    any_length: dict[str, Any] = {"shortest_line_words": None, "shortest_line_characters": None}
    assert left_of(line, **any_length) == ""


def test_quotation_marks_end_sentences_and_brackets_and_apostrophes_do_not() -> None:
    lines = {c: f"今天我们去公园{c}" for c in "\"＂”»›」』〞〟｣'’)）】》]〕"}
    assert "".join(c for c, line in lines.items() if left_of(line)) == '"＂”»›」』〞〟｣'


def test_the_longest_word_is_bounded_in_characters() -> None:
    for word in ("éé-é", "𝐀𝐀𝐀𝐀", "a今天𝐀𝐀𝐀𝐀今"):
        line = f"It is {word} so."
        assert left_of(line, longest_word_chars=4) == line
        assert left_of(line, longest_word_chars=3) == left_of(line, longest_word_chars=0) == ""


@pytest.mark.parametrize("citation", ["[]", "[12]", "[edit]", "[citation needed]", "[编辑]", "[來源請求]"])
def test_a_citation_goes_wherever_it_stands(citation: str) -> None:
    assert left_of(f"{citation}It ends{citation} here.{citation}") == "It ends here."


def test_each_rule_can_be_turned_off() -> None:
    text = "Home [1]\n使用 Cookie\nJavaScript"
    off: dict[str, Any] = {"only_stopped_lines": False, "shortest_line_words": None, "shortest_line_characters": None}
    assert left_of(text, **off, remove_policy_lines=False, remove_javascript_lines=False) == text.replace(" [1]", " ")
    assert left_of(text, **off) == "Home "
    assert left_of(text, **off, remove_citations=False) == "Home [1]"


def test_marks_of_code_count_in_the_order_of_c4() -> None:
    """A line about cookies with a curly bracket drops the page, one about JavaScript does not; filler text does."""
    scoring = parts("c4_quality", {})[0].stage
    assert isinstance(scoring, Map)
    texts: list[object] = [
        "It does use cookies { here.",
        "It does use JavaScript { here.",
        "Lorem ipsum and JavaScript.",
        "It has {",
    ]
    made = scoring.columns(documents({"text": texts}))
    assert made["c4_quality.curly_bracket_lines"].to_pylist() == [1, 0, 0, 0]
    assert made["c4_quality.lorem_ipsum_lines"].to_pylist() == [0, 0, 1, 0]
    assert made["text"].to_pylist() == [""] * 4


def test_decisions_by_language() -> None:
    scoring, thresholds = (p.stage for p in parts("c4_quality", {"min_sentences": 3, "zh": {"min_sentences": 2}}))
    assert isinstance(scoring, Map)
    assert isinstance(thresholds, Filter)
    docs = documents({"text": ["床前明月光，疑是地上霜。举头望明月，低头思故乡。", "It was so. It is so."],
                      "language": ["zh", "en"]})  # fmt: skip
    made = docs.with_columns(scoring.columns(docs))
    assert thresholds.reasons(made).to_pylist() == [None, "too_few_sentences"]
