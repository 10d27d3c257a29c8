"""Word lists: what counts, what is dropped, and what a bad list says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from chain import apply, parts
from listed_items import OFFENSIVE, texts
from runs import dataprep, error, manifest, write_jsonl, write_pipeline

from dataprep.documents import documents
from dataprep.errors import UsageError
from dataprep.lists.groups import GROUPS
from dataprep.lists.keyword_sets import keywords
from dataprep.lists.lots import lots
from dataprep.lists.reading import by_language, entries

GOLDEN = Path(__file__).parent / "golden/datatrove_lists.json"


def judged(config: dict[str, Any], given: dict[str, list[Any]], tmp_path: Path) -> tuple[pa.Table, list[str | None]]:
    docs = documents(given)
    kept, reasons = apply(parts("keywords", config), docs, tmp_path)
    return kept, [reasons.get(i) for i in range(len(docs))]


def counted(config: dict[str, Any], given: dict[str, list[Any]], tmp_path: Path) -> dict[str, list[Any]]:
    kept, _ = judged(config, given, tmp_path)
    return {name: kept.column(name).to_pylist() for name in kept.schema.names if name.startswith("keywords.")}


# ---------------------------------------------------------------- lists


def test_a_list_is_text_with_comments_plain_or_compressed(tmp_path: Path) -> None:
    raw = "\ufeff# made by hand\nspam \n\n\\#hashtag\n  加微信\r\n".encode()
    (tmp_path / "a.txt").write_bytes(raw)
    (tmp_path / "a.gz").write_bytes(gzip.compress(raw[:20]) + gzip.compress(raw[20:]))
    (tmp_path / "a.zst").write_bytes(zstandard.compress(raw))
    for name in ("a.txt", "a.gz", "a.zst"):
        assert entries(tmp_path / name) == ["spam", "#hashtag", "加微信"]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "holds no entries"),
        (b"# nothing\n\n", "holds no entries"),
        ("好\n坏".encode("gb18030"), "line 1: is not UTF-8"),
        (b"good\n\xff\xfe\n", "line 2: is not UTF-8"),
        (b"\x7fELF\x00\x00\x00", "is a binary file"),
        (gzip.compress(b"abc" * 99, mtime=0)[:-9], "damaged gzip data"),
        (zstandard.compress(b"abc" * 99)[:9] + b"xx", "damaged Zstandard data"),
    ],
)
def test_a_bad_list_is_one_line(tmp_path: Path, raw: bytes, told: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=told) as caught:
        entries(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_folder_has_a_file_for_each_language(tmp_path: Path) -> None:
    for name in ("en", "zh.txt", "pt-BR.gz", "README.md", "LICENSE", "SOURCE.txt"):
        (tmp_path / name).write_text("x\n")
    assert list(by_language(str(tmp_path))) == ["en", "pt-BR", "zh"]
    (tmp_path / "en.txt").write_text("y\n")
    with pytest.raises(UsageError, match=r"two files for language en: en and en\.txt"):
        by_language(str(tmp_path))
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="holds no list; in a folder each file is called after its language"):
        by_language(str(tmp_path / "none"))


def test_a_list_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("one\n")
    before = keywords({"a": str(path)}, (), "words", False)
    assert keywords({"a": str(path)}, (), "words", False) is before
    path.write_text("one\ntwo\n")
    assert len(keywords({"a": str(path)}, (), "words", False).trie.entries) == 2


# ---------------------------------------------------------------- counts


def test_lists_of_a_language_and_of_all(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "en").write_text("gift\nass\n")
    (folder / "de").write_text("gift\n")
    (folder / "zh").write_text("礼物\n")
    (tmp_path / "all.txt").write_text("gift\n加微信\n")
    config = {"lists": {"own": str(folder), "every": str(tmp_path / "all.txt")}}
    given = {
        "text": ["A gift, Gift! class ass", "Das Gift", "gift 礼物", "gift 加微信号", "gift"],
        "language": ["en", "de", "zh", "fr", None],
    }
    assert counted(config, given, tmp_path) == {
        "keywords.own": [3, 1, 1, None, None],
        "keywords.own_ratio": pytest.approx([0.6, 0.5, 1 / 3, None, None]),
        "keywords.every": [2, 1, 1, 2, 1],
        "keywords.every_ratio": pytest.approx([0.4, 0.5, 1 / 3, 0.4, 1.0]),
    }
    own = counted(config | {"default_language": "en"}, given, tmp_path)["keywords.own"]
    assert own == [3, 1, 1, None, 1]


def test_capitals_count_when_asked(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("US\n")
    config = {"lists": {"a": str(tmp_path / "list")}}
    given = {"text": ["tell us, US"]}
    assert counted(config, given, tmp_path)["keywords.a"] == [2]
    assert counted(config | {"case": True}, given, tmp_path)["keywords.a"] == [1]


def test_groups_are_in_the_case_they_are_searched_in() -> None:
    for name, listed in GROUPS.items():
        assert all(phrase == phrase.lower().strip() for phrase in listed), name


@pytest.mark.parametrize(
    ("group", "text", "matches"),
    [
        ("html_remnants", "a&nbsp;b &AMP; <div class='x'>y</div> <br /> x<y>z &c;", 5),
        ("hyperlinks", "http://a.b https://www.a.b 见www.c.cn，mailto:x@y.z swww.d", 4),
        ("template", "{{ title }} Lorem ipsum dolor sit amet. Read\nmore 阅读全文", 6),
        ("cookie", "Diese Website verwendet Cookies. 本站使用 Cookie。Nous utilisons des cookies.", 3),
    ],
)
def test_groups_find_what_they_are_for(group: str, text: str, matches: int, tmp_path: Path) -> None:
    assert counted({"groups": [group]}, {"text": [text]}, tmp_path)[f"keywords.{group}"] == [matches]


# ---------------------------------------------------------------- decisions


def test_the_first_threshold_missed_names_the_reason(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("spam\n")
    config = {
        "lists": {"spam": str(tmp_path / "list")},
        "groups": ["cookie"],
        "max_matches": 2,
        "max_ratio": {"spam": 0.5},
        "drop_any": ["cookie"],
    }
    given = {"text": ["spam " * 3, "spam", "spam and ham", "We use cookies", "ham"]}
    _, reasons = judged(config, given, tmp_path)
    assert reasons == ["too_many_spam", "too_high_spam_ratio", None, "listed_cookie", None]


def test_keep_ratio_keeps_a_share_by_id_and_shares_are_nested(tmp_path: Path) -> None:
    given = {"id": [str(i) for i in range(2000)], "text": ["We use cookies", "nothing"] * 1000}
    kept = []
    for ratio in (0.0, 0.1, 0.4, 1.0):
        config = {"groups": ["cookie"], "drop_any": ["cookie"], "keep_ratio": ratio}
        _, reasons = judged(config, given, tmp_path)
        assert reasons[1::2] == [None] * 1000
        kept.append({i for i in range(0, 2000, 2) if reasons[i] is None})
        assert abs(len(kept[-1]) - 1000 * ratio) < 50
    assert kept[0] < kept[1] < kept[2] < kept[3]
    config = {"groups": ["cookie"], "drop_any": ["cookie"], "keep_ratio": 0.4, "seed": 1}
    _, reasons = judged(config, given, tmp_path)
    assert {i for i in range(0, 2000, 2) if reasons[i] is None} != kept[2]


def test_lots_are_even() -> None:
    drawn = lots(pa.array([f"id-{i}" for i in range(20_000)]), 7)
    assert ((drawn >= 0) & (drawn < 1)).all()
    counts = np.histogram(drawn, 10, (0, 1))[0]
    assert abs(counts - 2000).max() < 200


def test_datatrove_decides_the_same_on_real_texts(data: Path, tmp_path: Path) -> None:
    told = json.loads(GOLDEN.read_text())
    held = list(texts(data, told["step"]))
    assert len(held) == told["texts"]
    config = {"profile": "datatrove", "lists": {"bad": str(data / OFFENSIVE)}, "drop_any": ["bad"]}
    given = {"text": [text for _, text in held], "language": [code for code, _ in held]}
    _, reasons = judged(config, given, tmp_path)
    assert "".join("01"[reason is not None] for reason in reasons) == told["texts_dropped"]
    assert told["texts_dropped"].count("1") > 500


def test_datatrove_matches_as_its_regular_expression_does(data: Path, tmp_path: Path) -> None:
    """What `c4_filters.py` of datatrove 0.10.1 builds, on texts that are made to be hard for it."""
    import random
    import re

    rng = random.Random(0)
    cases, expected = [], []
    for code in ("en", "tr", "ja", "zh", "th", "de", "hi"):
        listed = {line.strip() for line in (data / OFFENSIVE / code).read_text().splitlines()}
        listed -= {"sm", "グロ", "女の子", "性"}
        either = "|".join(map(re.escape, sorted(listed)))
        pattern = re.compile(either if code in ("ja", "th", "zh") else rf"(?:\W|^)({either})(?:\W|$)")
        for _ in range(60):
            word = rng.choice(sorted(listed))
            beside = ["", " ", "_", "a", "É", "中", "\u0301", "$", "9", "İ", "Σ", "\n", "ʰ", "ि", "²", "'"]
            change = rng.choice([str, str.upper, str.title])
            text = rng.choice(beside) + change(word) + rng.choice(beside) + rng.choice(["", " end"])
            cases.append((code, text))
            expected.append(pattern.search(text.lower()) is not None)
    config = {"profile": "datatrove", "lists": {"bad": str(data / OFFENSIVE)}, "drop_any": ["bad"]}
    given = {"text": [text for _, text in cases], "language": [code for code, _ in cases]}
    _, reasons = judged(config, given, tmp_path)
    wrong = [(case, right) for case, right, said in zip(cases, expected, reasons, strict=True) if right != bool(said)]
    assert not wrong
    assert 50 < sum(expected) < len(expected) - 50


# ---------------------------------------------------------------- bad settings


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"groups": []}, "name at least one list or group"),
        ({"groups": ["cookies"]}, "cookie"),
        ({"max_matches": {"cooky": 1}}, "max_matches: 'cooky' is none of the lists and groups"),
        ({"drop_any": ["spam"]}, "drop_any: 'spam' is none of the lists and groups"),
        ({"keep_ratio": 0.5}, "keep_ratio: is of the documents that `drop_any` drops"),
        ({"lists": {"Bad": "x"}}, "Bad"),
        ({"profile": "datatrove"}, "name at least one list or group"),
        ({"profile": "datatrove", "lists": {"a": "x"}, "groups": ["cookie"]}, "datatrove has none"),
    ],
)
def test_settings_that_make_no_sense_are_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        parts("keywords", config)
    assert "\n" not in str(caught.value)


def test_a_run_with_lists_and_one_without(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rows = [{"text": "spam &amp; ham", "id": "a"}, {"text": "ham", "id": "b"}]
    write_jsonl(tmp_path / "in/a.jsonl", rows)
    (tmp_path / "spam.txt").write_text("spam\n")
    settings = {"lists": {"spam": str(tmp_path / "spam.txt")}, "drop_any": ["spam"]}
    pipeline = write_pipeline(tmp_path, [{"keywords": settings}])
    dataprep("run", pipeline, "--workers", 1)
    made = manifest(tmp_path / "out")
    assert made["stages"][1]["dropped"] == {"listed_spam": 1}
    (tmp_path / "spam.txt").unlink()
    assert "spam.txt: no such file, and no model of this name is installed" in error("plan", pipeline, code=2)
