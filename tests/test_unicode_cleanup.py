"""Clean characters: equal to a slow twin, idempotent, and what packages do is what the stage does."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from chain import apply, parts
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_text import PIECES, odd_text
from runs import dataprep, write_jsonl, write_pipeline

from dataprep import catalog, schema
from dataprep.documents import documents
from dataprep.stage import Map
from dataprep.text import tables

MORE = ("\u200b", "\u200c", "\u200d", "\ufeff", "\u202e", "क", "म", "\u094d", "ن", "ก", "ក", "👩", "💻", "\ufe0f", "🏴",
        "\U000e0067", "\U000e007f", "\ufdd0", "\U0001fffe", "\r", "\x0b", "\x85", "\u2028", "Ａ", "（", "＋",
        "　", "  ",         " \n", "\n\n\n", "\t", "\u00a0", "\u00a8", "e\u0301", "™")  # fmt: skip
text_with_oddities = st.lists(st.sampled_from((*PIECES, *MORE * 3)), max_size=40).map("".join)
choices = st.fixed_dictionaries(
    {
        "normalize": st.sampled_from(["nfc", "nfkc", "none"]),
        "line_separators": st.booleans(),
        "full_width": st.sampled_from(["keep", "alphanumeric", "signs", "all"]),
        "white_space": st.sampled_from(["keep", "trim", "collapse"]),
    }
)


NEVER = {
    *"\xad\u061c\u200e\u200f\ufeff\ufff9\ufffa\ufffb\U000e0001",
    *map(chr, (*range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFDD0, 0xFDF0))),
}


def in_ranges(c: str, *ranges: tuple[int, int]) -> bool:
    return any(first <= ord(c) <= last for first, last in ranges)


def joins(c: str) -> bool:
    script = in_ranges(c, (0x590, 0x109F), (0x1700, 0x1CFF), (0xA800, 0xABFF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC),
                       (0x10A00, 0x1E95F))  # fmt: skip
    return script and tables.classes()[ord(c)] in (tables.LETTER, tables.MARK, tables.SOUTH_EAST_ASIAN)


def unspaced(c: str) -> bool:
    return joins(c) and in_ranges(c, (0xE00, 0x109F), (0x1780, 0x17FF), (0x1950, 0x1AAF), (0xA9E0, 0xA9FF),
                                  (0xAA60, 0xAADF))  # fmt: skip


def emoji(c: str) -> bool:
    return in_ranges(c, (0x2190, 0x2BFF), (0x1F000, 0x1FAFF)) or c in "\ufe0f\u20e3"


def stays(before: str, c: str, after: str) -> bool:
    if c == "\u200d":
        return before != "" and (joins(before) or (emoji(before) and after != "" and emoji(after)))
    if c == "\u200c":
        return before != "" and joins(before)
    if c == "\u200b":
        return before != "" and unspaced(before)
    return before == "🏴" or "\U000e0020" <= before <= "\U000e007e"


def once(text: str, config: dict[str, Any]) -> str:
    """One round of cleaning without a normal form."""
    breaks = "\r\n|\r|\x0b|\x0c" + ("|\x85|\u2028|\u2029" if config["line_separators"] else "")
    written: list[str] = []
    before = ""
    position = 0
    while position < len(text):
        c = text[position]
        if found := re.compile(breaks).match(text, position):
            before = "\n"
            written.append(before)
            position = found.end()
            continue
        position += 1
        kept_line = c in "\x85\u2028\u2029"
        if c in "\t\n" or kept_line:
            pass
        elif unicodedata.category(c) == "Cc" or c in NEVER or ord(c) & 0xFFFE == 0xFFFE:
            continue
        elif c in "\u200b\u200c\u200d" or in_ranges(c, (0xE0020, 0xE007F)):
            if not stays(before, c, text[position : position + 1]):
                continue
        elif in_ranges(c, (0xFF01, 0xFF5E)):
            plain = chr(ord(c) - 0xFEE0)
            punctuation = c in "！（），．：；？［］｛｝～＂＇"
            wanted = {"keep": False, "alphanumeric": plain.isalnum(), "signs": not punctuation, "all": True}
            c = plain if wanted[config["full_width"]] else c
        elif c == "\u3000" and config["full_width"] == "all":
            c = " "
        written.append(c)
        before = "" if config["white_space"] != "keep" and c.isspace() and c not in "\x85\u2028\u2029" else c
    return spaced("".join(written), config["white_space"])


def spaced(text: str, how: str) -> str:
    if how == "keep":
        return text
    space = r"[^\S\n\x85\u2028\u2029]"
    text = re.sub(rf"{space}+(?=\n|\Z)", "", text)
    if how == "collapse":
        text = re.sub(rf"(?m)(?<![^\n]){space}+", "", text)
        text = re.sub(rf"{space}+", " ", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def twin(text: str, config: dict[str, Any]) -> str:
    while True:
        cleaned = once(text, config)
        if config["normalize"] == "none":
            return cleaned
        text = unicodedata.normalize(config["normalize"].upper(), cleaned)
        if text == cleaned:
            return text


def run(texts: list[str], config: dict[str, Any]) -> dict[str, list[Any]]:
    stage = catalog.stage("clean_characters").model_validate(config)
    assert isinstance(stage, Map)
    return {name: array.to_pylist() for name, array in stage.columns(documents({schema.TEXT: list(texts)})).items()}


@settings(deadline=None, max_examples=400)
@given(texts=st.lists(st.one_of(text_with_oddities, odd_text), min_size=1, max_size=4), config=choices)
def test_equals_its_twin_and_is_idempotent(texts: list[str], config: dict[str, Any]) -> None:
    made = run(texts, config)
    assert made["text"] == [twin(text, config) for text in texts]
    assert [bool(n) for n in made["unicode_cleanup.changed"]] == [
        new != old for new, old in zip(made["text"], texts, strict=True)
    ]
    again = run(made["text"], config)
    assert again["text"] == made["text"]
    assert not any(again["unicode_cleanup.changed"])


def test_counts_by_kind() -> None:
    made = run(
        [
            "\x00\x07a\x9f",
            "\ufeffa\u200bb\xad",
            "\ufdd0",
            "a\r\nb\rc\u2028",
            "Ａ１，",
            " a  b \n\n\n\n",
            "e\u0301\u0323 x",
        ],
        {"full_width": "alphanumeric", "white_space": "collapse"},
    )
    kinds = ("control_characters", "invisible", "noncharacters", "line_breaks", "full_width", "white_space",
             "normalized")  # fmt: skip
    rows = list(zip(*(made[f"unicode_cleanup.{kind}"] for kind in kinds), strict=True))
    assert rows == [
        (3, 0, 0, 0, 0, 0, 0),
        (0, 3, 0, 0, 0, 0, 0),
        (0, 0, 1, 0, 0, 0, 0),
        (0, 0, 0, 3, 0, 1, 0),
        (0, 0, 0, 0, 2, 0, 0),
        (0, 0, 0, 0, 0, 7, 0),
        (0, 0, 0, 0, 0, 0, 3),
    ]


def test_clean_text_is_not_copied() -> None:
    docs = documents({schema.TEXT: ["plain\ttext\n", "中文，「文」。", "na\u00efve", "한국어"]})
    stage = catalog.stage("clean_characters")()
    assert isinstance(stage, Map)
    assert stage.columns(docs)["text"].buffers()[2].address == docs["text"].buffers()[2].address


# What characters of Windows-1252 look like when they are mojibake, and characters round it.
SPOILED = [c.encode().decode("latin-1") for c in "éüñ“”’—€ß中я"] + [
    "é".encode().decode("mac-roman"), "я".encode().decode("cp1251"), "ő".encode().decode("cp1250"), "€".encode().decode(
        "cp437"), "é".encode().decode("cp1253"), "à la", "é", "”", "“", "œ", "Œ", "Â", "Ã ", " ", "a", "°", "C°", "ВВ",
    "С“В", "×²", "ϊ", "日", "„", "Ø§", "€", "£", "›"]  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(
    st.lists(st.lists(st.one_of(st.sampled_from(SPOILED), odd_text), max_size=6).map("".join), min_size=1, max_size=4)
)
def test_mojibake_is_what_ftfy_finds(texts: list[str]) -> None:
    ftfy = pytest.importorskip("ftfy")
    stage = catalog.stage("fix_mojibake")()
    assert isinstance(stage, Map)
    made = stage.columns(documents({schema.TEXT: list(texts)}))
    fixed = [(text, ftfy.fix_encoding(text)) for text in texts]
    assert made["text"].to_pylist() == [old if old == new else new.replace("\0", "") for old, new in fixed]


def test_whatever_ftfy_finds_odd_is_suspicious() -> None:
    """Every pair of two of its characters in some contexts, and many triples."""
    badness = pytest.importorskip("ftfy.badness")
    from odd_text import buffers

    from dataprep.text.mojibake import suspects, suspicious

    rng = random.Random(0)
    members = [chr(c) for c in range(0x80, 0x110000) if suspects().of[c] & 0x1FFF]
    members = [c for c in members if ord(c) < 0x3000 or c in "\uf8ff\ufb01\ufb02\ufffd"]
    some = [rng.choice(members) for _ in range(60)]
    texts = [f"{left}{a}{b}{right}" for a in members for b in members for left, right in (("a", "b"), (" ", " "))]
    texts += [f"{a}{b}{c}" for a in some for b in some for c in some]
    texts += ["".join(rng.choices([*members, "a", " ", "中", "x"], k=6)) for _ in range(30_000)]
    texts += [f"{a}{c}{b}" for c in map(chr, range(0x80, 0x3000)) for a in ("a", " ", "") for b in ("a", " ", "")]
    found = suspicious(buffers(texts))
    missed = [text for text, odd in zip(texts, found, strict=True) if not odd and badness.is_bad(text)]
    assert missed == []
    clean = [
        "L’été, «là-bas», œuvre… naïve – “señor” l’âme 5 € 20° ½ ©",
        "Größe “ß” §5",
        "中文“引号”——…",
        "Привет, «мир»",
    ]
    assert suspicious(buffers(clean)).tolist() == [0] * len(clean)


def test_chinese_is_what_opencc_makes(data: Path) -> None:
    opencc = pytest.importorskip("opencc")
    from test_quality_chinese import texts

    poems = texts(data / "corpora/zh_poetry_tang_song.jsonl.zst")[:60000:150]
    pages = [page[:3000] for page in texts(data / "corpora/zh_javaguide.jsonl.zst")[:40]]
    given = [*poems, *pages, "藉口", "毛坏", "漢字"]
    for to, config in (("simplified", "t2s"), ("traditional", "s2t")):
        stage = catalog.stage("convert_chinese").model_validate({"to": to})
        assert isinstance(stage, Map)
        docs = documents({schema.TEXT: [*given, "漢字汉字"], schema.LANGUAGE: [*(["zh"] * len(given)), "ja"]})
        made = stage.columns(docs)["text"].to_pylist()
        convert = opencc.OpenCC(config).convert
        assert made == [*map(convert, given), "漢字汉字"]
        if to == "simplified":
            assert [convert(text) for text in made[:-1]] == made[:-1], "converting twice changes nothing more"


def test_sums_are_in_the_manifest(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"text": "a\r\nb\u200b"}, {"text": "e\u0301", "source": "x"}, {"text": "x"}])
    path = write_pipeline(tmp_path, ["unicode_cleanup"], source={"jsonl": str(tmp_path / "in.jsonl")})
    dataprep("run", path)
    entry = json.loads((tmp_path / "out/manifest.json").read_text())["stages"][1]
    assert {(row["name"], row["source"]): (row["count"], row["documents"]) for row in entry["tallies"]} == {
        ("changed", "test"): (1, 1),
        ("changed", "x"): (1, 1),
        ("invisible", "test"): (1, 1),
        ("line_breaks", "test"): (1, 1),
        ("normalized", "x"): (2, 1),
    }


def test_a_missing_package_gives_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataprep.errors import UsageError

    monkeypatch.setattr("dataprep.stages.clean.unicode_cleanup.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="mojibake: true needs the package ftfy; type: pip install") as caught:
        parts("unicode_cleanup", {"mojibake": True})
    assert "\n" not in str(caught.value)
    apply(parts("unicode_cleanup", {}), documents({schema.TEXT: ["x"]}), tmp_path)
