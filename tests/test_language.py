"""Language labels by the real model. It must be installed: `dataprep models install lid.176`."""

from __future__ import annotations

import io
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import zstandard
from chain import parts

from dataprep.documents import documents
from dataprep.errors import ModelMissing, UsageError
from dataprep.stages.language.detect_language import DetectLanguage, _model

CHINESE = "今天天气很好，我们沿着河边散步，一直走到天黑。"
FRENCH = "Il faisait beau et nous marchions le long de la rivière."
LARGE = set(
    "ar bg bn cs da de el en es fa fi fr he hi hr hu id it ja ko nl pl pt ro ru sr sv ta te th tr uk vi zh".split()  # noqa: SIM905
)
"""Languages with many speakers or much text on the web."""
ALIKE = [{"id", "ms"}, {"hr", "sr", "bs", "sh"}, {"zh", "yue", "wuu"}]


def labels(texts: list[str], **settings: Any) -> list[str]:
    return DetectLanguage(**settings).columns(documents({"text": texts}))["language"].to_pylist()  # type: ignore[no-any-return]


def scores(texts: list[str]) -> list[float]:
    return DetectLanguage().columns(documents({"text": texts}))["language_score"].to_pylist()  # type: ignore[no-any-return]


def test_line_breaks_count_as_spaces() -> None:
    lines = [FRENCH.replace(" ", "\n"), FRENCH + "\n" + CHINESE, "\n\n" + FRENCH + "\n"]
    spaces = [FRENCH, FRENCH + " " + CHINESE, FRENCH]
    assert labels(lines) == labels(spaces)
    assert scores(lines) == scores(spaces)


def test_blank_is_undetermined_and_leading_space_is_skipped() -> None:
    texts = ["", " \n\u3000", " " * 5000 + FRENCH]
    assert labels(texts) == ["und", "und", "fr"]
    assert scores(texts)[:2] == [0, 0]


def test_only_the_first_characters_are_looked_at() -> None:
    text = FRENCH + CHINESE * 200
    assert labels([text], first_chars=len(FRENCH)) == ["fr"]
    assert labels([text], first_chars=None) == ["zh"]


def test_loading_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    _model.cache_clear()
    labels([FRENCH])
    assert capfd.readouterr() == ("", "")


def test_scores_are_probabilities() -> None:
    assert all(0 < score <= 1 for score in scores([FRENCH, CHINESE, "x", "\u0000", CHINESE * 500]))


@pytest.mark.parametrize("code", ["EN", "english", "e", 1])
def test_what_is_no_language_code_is_refused(code: object) -> None:
    with pytest.raises(UsageError, match="keep"):
        parts("language", {"keep": [code]})


def test_a_missing_model_names_the_command() -> None:
    with pytest.raises(ModelMissing, match="type: dataprep models install other --from PATH"):
        labels([FRENCH], model="other")


def test_declaration_of_human_rights_in_large_languages(data: Path) -> None:
    archive = data / "langid/udhr_unicode/udhr_xml.tar.zst"
    found: dict[str, list[str]] = {}
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file) as plain,
        tarfile.open(fileobj=io.BufferedReader(plain), mode="r|") as members,  # type: ignore[type-var]
    ):
        for member in members:
            content = members.extractfile(member)
            if content is None or not member.name.endswith(".xml"):
                continue
            root = ElementTree.fromstring(content.read())
            code = root.get("{http://www.w3.org/XML/1998/namespace}lang", "").partition("-")[0]
            text = "\n".join("".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("para"))
            if code in LARGE and len(text) > 1000:
                found.setdefault(code, []).append(text)
    pairs = [(code, text) for code, texts in found.items() for text in texts]
    given = labels([text for _, text in pairs])
    right = [g == code or any({g, code} <= group for group in ALIKE) for g, (code, _) in zip(given, pairs, strict=True)]
    assert len(found) >= 30
    assert sum(right) / len(right) > 0.95
