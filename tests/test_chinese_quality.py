"""`chinese_quality` keeps real Chinese, prose and verse, and drops adverts and damage made of it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from chain import apply, parts
from test_quality_chinese import bulleted_words, lines_repeated, one_word_a_line, texts

from dataprep.documents import documents

CLEAN = {"zh_oiwiki": 0.97, "zh_javaguide": 0.97, "zh_pingcap_docs": 0.92}

OFFERS = (
    "专业{}，价格优惠，质量保证",
    "本店长期提供{}服务",
    "正规{}，全国可做，信誉第一",
    "{}哪家好，就找我们",
    "诚信{}，当天出件",
)
TRADES = (
    "办证刻章",
    "代开发票",
    "代写论文",
    "高仿手表批发",
    "无抵押贷款",
    "祛斑减肥药",
    "私家侦探调查",
    "二手车收购",
    "网站快速排名",
    "婚纱摄影",
)
CALLS = (
    "加微信{}",
    "联系微信{}",
    "加V信：{}",
    "VX：{}",
    "微信同号 {}",
    "QQ群：{}",
    "咨询热线：{}",
    "扫码添加 {}",
    "加我微信 {} 备注来源",
)
CASINO = (
    "澳门百家乐真人荷官在线，注册送彩金，",
    "北京赛车幸运飞艇计划群，",
    "皇冠体育投注，返水最高，",
    "六合彩特码开奖结果，",
)
WIDE = {c: c + 0xFEE0 for c in range(0x21, 0x7F)}


def plain(advert: str, rng: random.Random) -> str:
    return advert


def spaced(advert: str, rng: random.Random) -> str:
    return " ".join(advert)


def hearts(advert: str, rng: random.Random) -> str:
    for word in ("微信", "信", "扫码", "热线", "群"):
        advert = advert.replace(word, rng.choice("❤★*·~").join(word))
    return advert


def wide(advert: str, rng: random.Random) -> str:
    return advert.translate(WIDE)


def alike(advert: str, rng: random.Random) -> str:
    return advert.replace("微", rng.choice("薇徽")).replace("号", "號").replace("热线", "熱線").replace("扫码", "掃碼")


def adverts(rng: random.Random, n: int) -> list[str]:
    """An offer, once to three times, and a call for contact; or a casino."""
    found = []
    for _ in range(n):
        number = rng.choice([f"1{rng.randrange(10**9, 10**10)}", f"abc{rng.randrange(10**4, 10**6)}"])
        if rng.random() < 0.3:
            offer = "".join(rng.sample(CASINO, 2))
        else:
            offer = "。".join(rng.choice(OFFERS).format(rng.choice(TRADES)) for _ in range(rng.randint(1, 3)))
        found.append(f"{offer}，{rng.choice(CALLS).format(number)}！")
    return found


def judged(given: list[str], folder: Path, config: dict[str, object] | None = None) -> tuple[float, Counter[str]]:
    """(share kept, reasons of the rest)"""
    docs = documents({"text": list(given), "language": ["zh"] * len(given)})
    kept, why = apply(parts("chinese_quality", config or {}), docs, folder)
    return kept.num_rows / len(given), Counter(why.values())


@pytest.mark.parametrize("corpus", CLEAN)
def test_clean_pages_are_kept(corpus: str, data: Path, tmp_path: Path) -> None:
    share, why = judged(texts(data / f"corpora/{corpus}.jsonl.zst"), tmp_path)
    assert share >= CLEAN[corpus]
    assert why["contact_bait"] + why["spam_words"] <= 1


def test_verse_is_kept(data: Path, tmp_path: Path) -> None:
    """Traditional Tang and simplified Song poems alike; two settings find the traditional ones."""
    poems = texts(data / "corpora/zh_poetry_tang_song.jsonl.zst")[::20]
    assert judged(poems, tmp_path)[0] >= 0.98
    tang = [poem for poem in poems[:2500] if len(poem) > 50]
    share, why = judged(tang, tmp_path, {"max_traditional_ratio": 0.02})
    assert share <= 0.03
    assert why["traditional"] >= 0.95 * len(tang)


@pytest.mark.parametrize("disguise", [plain, spaced, hearts, wide, alike])
def test_adverts_are_dropped_in_any_disguise(disguise: object, tmp_path: Path) -> None:
    rng = random.Random(3)
    given = [disguise(advert, rng) for advert in adverts(rng, 400)]  # type: ignore[operator]
    share, why = judged(given, tmp_path)
    assert share <= 0.02
    assert why["contact_bait"] + why["spam_words"] + why["repeated_phrases"] >= 0.97 * len(given)


def test_a_page_that_only_mentions_contact_is_kept(data: Path, tmp_path: Path) -> None:
    pages = [page for page in texts(data / "corpora/zh_javaguide.jsonl.zst") if len(page) > 1500]
    assert judged([f"{page}\n欢迎关注公众号，扫码进群。" for page in pages], tmp_path)[0] >= 0.97


@pytest.mark.parametrize("corpus", CLEAN)
def test_text_in_a_wrong_encoding_is_dropped(corpus: str, data: Path, tmp_path: Path) -> None:
    pages = texts(data / f"corpora/{corpus}.jsonl.zst")[:300]
    for spoiled in (
        [page.encode().decode("gb18030", "ignore") for page in pages],
        [page.encode("gb18030").decode("big5", "ignore") for page in pages if len(page) > 300],
    ):
        share, why = judged(spoiled, tmp_path)
        assert share <= 0.03
        assert why["rare_han"] >= 0.95 * len(spoiled)


@pytest.mark.parametrize("corpus", CLEAN)
def test_lists_of_words_are_dropped(corpus: str, data: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    pages = texts(data / f"corpora/{corpus}.jsonl.zst")[:200]
    for damage in (one_word_a_line, bulleted_words):
        assert judged([damage(page, rng) for page in pages], tmp_path)[0] <= 0.01


def test_repeated_lines_are_mostly_dropped(data: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    pages = texts(data / "corpora/zh_javaguide.jsonl.zst")[:200]
    assert judged([lines_repeated(page, rng) for page in pages], tmp_path)[0] <= 0.2


def test_other_languages_are_not_judged(tmp_path: Path) -> None:
    docs = documents({"text": ["加微信", "加微信", "加微信"], "language": ["ja", None, "zh"]})
    kept, why = apply(parts("chinese_quality", {}), docs, tmp_path)
    assert why == {2: "contact_bait"}
    assert kept.column("chinese_quality.han_ratio").to_pylist() == [None, None]
