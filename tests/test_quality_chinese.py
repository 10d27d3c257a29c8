"""The quality stages on real Chinese: they keep clean pages and drop the same pages damaged."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import corpora
import pytest
from chain import apply, parts
from runs import ROOT, dataprep

from dataprep.documents import documents

WORDS = re.compile(r"[\u4e00-\u9fff]{1,4}|[A-Za-z0-9_]+")
TAGS = (
    "<p>{}</p>",
    '<div class="content">{}</div>',
    '<li><a href="/page/12">{}</a></li>',
    "<td>{}</td>",
    '<span style="color:red">{}</span><br/>',
)


def lines_repeated(text: str, rng: random.Random) -> str:
    """Each line one to three times."""
    return "\n".join(line for line in text.split("\n") for _ in range(rng.randint(1, 3)))


def lines_drawn_again(text: str, rng: random.Random) -> str:
    """As many lines again, drawn with replacement."""
    lines = text.split("\n")
    return "\n".join(lines + rng.choices(lines, k=len(lines)))


def one_word_a_line(text: str, rng: random.Random) -> str:
    words = WORDS.findall(text)
    rng.shuffle(words)
    return "\n".join(words)


def bulleted_words(text: str, rng: random.Random) -> str:
    return "\n".join(f"- {word}" for word in one_word_a_line(text, rng).split("\n"))


def rows_of_words(text: str, rng: random.Random) -> str:
    """Two to six shuffled words a line, without bullets."""
    words = one_word_a_line(text, rng).split("\n")
    rows = []
    while words:
        n = rng.randint(2, 6)
        rows.append(" ".join(words[:n]))
        words = words[n:]
    return "\n".join(rows)


def tags_around_lines(text: str, rng: random.Random) -> str:
    """A tag of some kind around each line, as in a page that nobody extracted."""
    lines = [rng.choice(TAGS).format(line) for line in text.split("\n") if line.strip()]
    return "\n".join(["<html><body>", *lines, "</body></html>"])


def bare_paragraph_tags(text: str, rng: random.Random) -> str:
    """The least markup there is."""
    return "\n".join(f"<p>{line}</p>" if line.strip() else line for line in text.split("\n"))


def tags_on_lines_of_their_own(text: str, rng: random.Random) -> str:
    return "\n".join(f'<div class="item">\n{line}\n</div>' if line.strip() else line for line in text.split("\n"))


DAMAGES = (
    lines_repeated,
    lines_drawn_again,
    one_word_a_line,
    bulleted_words,
    rows_of_words,
    tags_around_lines,
    bare_paragraph_tags,
    tags_on_lines_of_their_own,
)


@cache
def texts(path: Path) -> list[str]:
    return list(corpora.texts(path))


def kept(given: list[str], language: str, folder: Path) -> float:
    """Share of documents that the three stages keep."""
    docs = documents({"text": list(given), "language": [language] * len(given)})
    chain = [part for name in ("gopher_quality", "gopher_repetition", "fineweb_quality") for part in parts(name, {})]
    return apply(chain, docs, folder)[0].num_rows / len(given)


@pytest.mark.parametrize("corpus", ["zh_oiwiki", "zh_javaguide", "zh_pingcap_docs"])
def test_clean_pages_are_kept(corpus: str, data: Path, tmp_path: Path) -> None:
    assert kept(texts(data / "corpora" / f"{corpus}.jsonl.zst"), "zh", tmp_path) >= 0.5


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("corpus", ["zh_oiwiki", "zh_javaguide", "zh_pingcap_docs"])
def test_damaged_pages_are_dropped(
    corpus: str, damage: Callable[[str, random.Random], str], data: Path, tmp_path: Path
) -> None:
    rng = random.Random(1)
    given = [damage(text, rng) for text in texts(data / "corpora" / f"{corpus}.jsonl.zst")]
    assert kept(given, "zh", tmp_path) <= 0.1


def test_markdown_about_html_is_mostly_kept(data: Path, tmp_path: Path) -> None:
    """`max_markup_ratio` must not turn against pages that only talk about tags."""
    assert kept(texts(data / "corpora" / "zh_react_vue_docs.jsonl.zst"), "zh", tmp_path) >= 0.5


def test_english_web_text_is_mostly_kept(data: Path, tmp_path: Path) -> None:
    assert kept(texts(data / "corpora" / "en_web_text.jsonl.zst"), "en", tmp_path) >= 0.5


@pytest.mark.parametrize(
    ("pipeline", "corpus"),
    [
        ("web-zh.yaml", "zh_oiwiki"),
        ("web-zh.yaml", "zh_javaguide"),
        ("web-zh.yaml", "zh_pingcap_docs"),
        ("web.yaml", "en_web_text"),
    ],
)
def test_whole_pipelines_keep_real_text(pipeline: str, corpus: str, data: Path, tmp_path: Path) -> None:
    """Language, duplicates and all: the files in `pipelines/` as a user runs them."""
    given = data / "corpora" / f"{corpus}.jsonl.zst"
    done = dataprep("run", ROOT / "pipelines" / pipeline, "--input", given, "--output", tmp_path / "out", "--json")
    made = json.loads(done.stdout)
    assert made["documents"] >= 0.5 * made["stages"][0]["documents_out"]
