"""What every stage in the catalog owes, checked over the catalog: a new stage needs no test file for it."""

from __future__ import annotations

import importlib
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from chain import apply, parts
from pydantic import ValidationError

from dataprep import catalog, schema
from dataprep.documents import Documents, documents
from dataprep.errors import UsageError
from dataprep.scored import Scored
from dataprep.stage import Build, Composite, Filter, Map, Stage

STAGES = catalog.stage_names()

ODD_TEXTS = [
    "",
    " ",
    "\n\n\n",
    "\x00",
    "a",
    "\u200b\u200d\ufeff",
    "e\u0301\u0301\u0301",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "שלום עולם",
    "العربية\u202e abc",
    "ภาษาไทยไม่มีช่องว่าง",
    "漢字かな交じり文。カタカナ！",
    "한국어 문장입니다.",
    "𠀀𠀁𠀂",
    "\r\n\r\r\u0085\u2028\u2029",
    "." * 1000,
    "word " * 3000,
    "中" * 5000,
    "<p>" * 500,
    "- a\n- b\n" * 200,
    "\u0915\u094d\u0937\u0947\u0924\u094d\u0930",
    "ＡＢＣ１２３．，！？",
    "Ordinary prose, of the kind that the rules were made for. It has sentences, and they have words.\n" * 12,
]


@pytest.fixture(params=STAGES)
def stage_class(request: pytest.FixtureRequest) -> type[Stage]:
    return catalog.stage(request.param)


def example_configs(cls: type[Stage]) -> list[dict[str, Any]]:
    """Configs a stage can be made with: its examples', or none."""
    configs = [example.config for example in cls.examples]
    return configs or ([{}] if cls.bare() is not None else [])


def test_catalog_is_not_empty() -> None:
    assert {"extract_html", "language", "gopher_quality", "gopher_repetition", "fineweb_quality", "exact_dedup"} <= set(
        STAGES
    )


def test_documents_itself(stage_class: type[Stage]) -> None:
    assert stage_class.__doc__, "a stage says what it does"
    assert stage_class.__doc__ != Stage.__doc__
    first = stage_class.__doc__.strip().split("\n\n")[0]
    assert first.endswith((".", ":", "`")), f"the first paragraph is whole sentences: {first!r}"
    module = importlib.import_module(stage_class.__module__)
    assert module.__doc__, "a file says its one idea"
    for name, field in stage_class.model_fields.items():
        assert field.description, f"{name} has no docstring"


def test_has_one_kind_and_its_verb(stage_class: type[Stage]) -> None:
    kinds = [kind for kind in (Map, Filter, Build, Composite) if issubclass(stage_class, kind)]
    assert len(kinds) == 1
    verb = {Map: "columns", Filter: "reasons", Build: "collect", Composite: "expand"}[kinds[0]]
    assert getattr(stage_class, verb) is not getattr(kinds[0], verb), f"{verb} is not written"


def test_unknown_settings_are_refused_with_the_nearest_name(stage_class: type[Stage]) -> None:
    if not example_configs(stage_class):
        pytest.skip("an inner part with required settings and no examples: its Composite makes its config")
    field = next(iter(stage_class.model_fields), None)
    wrong = f"{field}x" if field else "anything"
    with pytest.raises(UsageError, match=f"unknown setting '{wrong}'") as caught:
        parts(stage_class.stage_name(), {**next(iter(example_configs(stage_class)), {}), wrong: 1})
    assert field is None or f"did you mean '{field}'?" in str(caught.value)


def test_configs_are_frozen(stage_class: type[Stage]) -> None:
    for config in example_configs(stage_class)[:1]:
        stage = stage_class.model_validate(config)
        with pytest.raises(ValidationError, match="frozen"):
            stage.anything = 1  # type: ignore[attr-defined]


def test_user_facing_stages_have_examples(stage_class: type[Stage]) -> None:
    if issubclass(stage_class, Composite):
        assert stage_class.examples


def test_examples_hold(stage_class: type[Stage], tmp_path: Path) -> None:
    for number, example in enumerate(stage_class.examples):
        docs = documents(example.given)
        folder = tmp_path / str(number)
        folder.mkdir()
        kept, reasons = apply(parts(stage_class.stage_name(), example.config), docs, folder)
        if isinstance(example.expect, list):
            assert [reasons.get(i) for i in range(len(docs))] == example.expect, example
        else:
            shown = {name: kept.column(name).to_pylist() for name in example.expect}
            assert shown == {k: pytest.approx(v) if _numbers(v) else v for k, v in example.expect.items()}, example


def _numbers(values: list[Any]) -> bool:
    return all(isinstance(v, float | int) for v in values)


def odd_documents(cls: type[Stage], config: dict[str, Any]) -> Documents:
    """Every odd text with every column the stage may need."""
    texts = ODD_TEXTS * 2
    columns: dict[str, list[Any]] = {
        schema.ID: [f"d{i}" for i in range(len(texts))],
        schema.TEXT: texts,
        schema.HTML: [f"<html><body><p>{t}</p></body></html>".replace("\x00", "") if t else None for t in texts],
        schema.URL: [None] * len(texts),
        schema.DATE: [("2024-05-05", None, "soon")[i % 3] for i in range(len(texts))],
        schema.LANGUAGE: [("en", "zh", "und", None)[i % 4] for i in range(len(texts))],
    }
    for placed in parts(cls.stage_name(), config):
        for name in placed.stage.needs():
            columns.setdefault(name, [float(i % 3) for i in range(len(texts))])
    for placed in parts(cls.stage_name(), config):
        if isinstance(placed.stage, Map):
            for name in placed.stage.gives():
                if name not in schema.COLUMNS:
                    columns.pop(name, None)
    return documents(columns)


def test_odd_text_survives_and_cuts_do_not_matter(stage_class: type[Stage], tmp_path: Path) -> None:
    for number, config in enumerate(example_configs(stage_class)):
        chain = parts(stage_class.stage_name(), config)
        if chain[0].stage.reads_artefact() is not None:
            continue  # meaningless without its Build: covered by the Composite
        docs = odd_documents(stage_class, config)
        whole, reasons = None, None
        for cut in (None, 1, 3, 7):
            folder = tmp_path / f"{number}-{cut}"
            folder.mkdir()
            kept, why = apply(chain, docs, folder, cut)
            assert kept.num_rows + len(why) == len(docs), "every row is kept or dropped with a reason"
            assert kept.column(schema.TEXT).null_count == 0
            if whole is None:
                whole, reasons = kept.combine_chunks(), why
            assert why == reasons, f"batches of {cut} rows change decisions"
            assert kept.combine_chunks().equals(whole), f"batches of {cut} rows change columns"


def test_rows_do_not_influence_each_other(stage_class: type[Stage], tmp_path: Path) -> None:
    """Except through a Build: shuffled rows give the same columns and reasons, row by row."""
    for number, config in enumerate(example_configs(stage_class)):
        chain = parts(stage_class.stage_name(), config)
        if any(isinstance(placed.stage, Build) or placed.stage.reads_artefact() for placed in chain):
            continue
        docs = odd_documents(stage_class, config)
        order = random.Random(number).sample(range(len(docs)), len(docs))
        shuffled = Documents(docs.batch.take(pa.array(order)))
        (tmp_path / str(number)).mkdir()
        kept, why = apply(chain, docs, tmp_path / str(number))
        kept_too, why_too = apply(chain, shuffled, tmp_path / str(number))
        assert why == why_too
        assert kept_too.sort_by(schema.PLACE).equals(kept.combine_chunks())


def threshold_fields() -> list[tuple[str, str]]:
    return [
        (name, field)
        for name in STAGES
        if issubclass(catalog.stage(name), Filter | Composite)
        for field in catalog.stage(name).model_fields
        if field.startswith(("min_", "max_"))
    ]


@pytest.mark.parametrize(("name", "field"), threshold_fields())
def test_min_and_max_bound_what_is_kept(name: str, field: str, tmp_path: Path) -> None:
    """With every other bound open, raising `min_*` keeps a subset, raising `max_*` a superset; and both ends differ."""
    cls = catalog.stage(name)
    open_config = open_bounds(cls) | profile_of(cls, field)
    values = ladder(cls, field)
    docs = varied_documents(cls, open_config)
    kept: list[set[int]] = []
    for step, value in enumerate(values):
        (tmp_path / str(step)).mkdir()
        chain = parts(name, open_config | {field: value})
        _, reasons = apply(chain, docs, tmp_path / str(step))
        kept.append(set(range(len(docs))) - set(reasons))
    ordered = kept if field.startswith("max_") else kept[::-1]
    assert all(a <= b for a, b in pairwise(ordered)), f"{field} does not bound what is kept"
    assert ordered[0] < ordered[-1], f"{field} decides nothing between {values[0]} and {values[-1]}"


def profile_of(cls: type[Stage], field: str) -> dict[str, str]:
    """The profile that has this rule, where the default one has not."""
    if not issubclass(cls, Scored) or any(limit.field == field for limit in cls.limits):
        return {}
    have = (name for name, profile in cls.profiles.items() if any(limit.field == field for limit in profile.limits))
    return {"profile": next(have)}


def nullable(cls: type[Stage], field: str) -> bool:
    return type(None) in getattr(cls.model_fields[field].annotation, "__args__", ())


def open_bounds(cls: type[Stage]) -> dict[str, Any]:
    """Every bound that can be turned off, turned off, for every language too."""
    bounds = [f for f in cls.model_fields if f.startswith(("min_", "max_")) and nullable(cls, f)]
    given = cls.examples[0].config if cls.examples else {}
    required = {name: value for name, value in given.items() if cls.model_fields[name].is_required()}
    config: dict[str, Any] = {**required, **dict.fromkeys(bounds)}
    for language, defaults in getattr(cls, "language_defaults", {}).items():
        config[language] = dict.fromkeys(defaults)
    return config


def whole_numbers(cls: type[Stage], field: str) -> set[Any]:
    """The types a setting that may be off can have."""
    parts = getattr(cls.model_fields[field].annotation, "__args__", ())
    return {getattr(part, "__origin__", part) for part in parts}


def ladder(cls: type[Stage], field: str) -> list[Any]:
    default = cls.model_fields[field].default
    if "perplexity" in cls.stage_name():
        return [0.0, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0]
    if isinstance(default, int) or int in whole_numbers(cls, field):
        return [0, 1, 2, 5, 20, 200, 100_000]
    return (
        [0.0, 0.01, 0.1, 0.3, 0.5, 0.9, 1.0] if default is None or default <= 1 else [0.0, 1.0, 3.0, 5.0, 10.0, 1000.0]
    )


FILES = ("# do not edit\n", "<?xml version='1.0'?>\n", "QUJD" * 30, "x = 'abc'\n", '{"a": 12}\n', "<p>one two</p>")


def chinese(rng: random.Random) -> str:
    """Chinese that spreads over what can be wrong with it: adverts, old and rare characters, repeats, no sentences."""
    pieces = rng.choice(
        (
            ["我们沿着河边散步", "一直走到天黑", "今天天气很好", "明天再说"],
            ["學而時習之", "不亦樂乎", "有朋自遠方來", "之乎者也"],
            ["加微信", "扫码进群", "百家乐", "代开发票", "我们的产品", "质量很好"],
            ["浣犲ソ", "锛屼笘", "鐣岋紝", "abc def", "今天天气"],
        )
    )
    signs = rng.choice((["，", "。", "！"], ["，", " ", "\n"], ["★", "。", "-"], [""]))
    return "".join(rng.choice(pieces) + rng.choice(signs) for _ in range(rng.choice([1, 5, 60])))


def varied_documents(cls: type[Stage], config: dict[str, Any]) -> Documents:
    """Texts that spread over every score: prose, lists, repeats, symbols, one line and many."""
    rng = random.Random(0)
    words = [
        "the",
        "be",
        "to",
        "of",
        "and",
        "that",
        "have",
        "with",
        "tree",
        "river",
        "mountain",
        "extraordinary",
        "a",
        "I",
        "12",
        "3.5",
        "it's",
    ]
    texts = list(ODD_TEXTS)
    for i in range(150):
        line_end = rng.choice([".", "...", "…", "", "!", "。"])
        start = rng.choice(["", "- ", "• ", "# "])
        body = [" ".join(rng.choices(words, k=rng.randint(1, 30))) for _ in range(rng.randint(1, 30))]
        if i % 3 == 0:
            body = rng.choices(body, k=len(body) * 2)
        if i % 5 == 0:
            body = [f"<td class='x'>{b}</td>" for b in body]
        sep = rng.choice(["\n", "\n\n", " "])
        texts.append(sep.join(f"{start}{b}{line_end}" for b in body))
    texts += ["\n".join(["Lorem ipsum { dolor sit amet."] * n) for n in (1, 2, 4, 40, 400)]
    texts.append("Enable JavaScript, please, to see it all.")
    texts += [" ".join(f"someone{k}@mail.org" for k in range(n)) for n in (1, 2, 4, 40, 400)]
    languages = ["en"] * len(texts) + ["zh"] * 100
    texts += [chinese(rng) for _ in range(100)]
    paths: list[str | None] = [None] * len(texts)
    for extension in ("py", "json", "html", "xml"):
        for size in (1, 3, 30, 200):
            texts += [f"{kind * size}" for kind in FILES]
            paths += [f"a/b.{extension}"] * len(FILES)
    languages += ["en"] * (len(texts) - len(languages))
    metadata = [None if path is None else f'{{"path":"{path}"}}' for path in paths]
    columns: dict[str, list[Any]] = {schema.TEXT: texts, schema.LANGUAGE: languages, schema.METADATA: metadata}
    if cls.stage_name() == "language":
        columns.pop(schema.LANGUAGE)
    for placed in parts(cls.stage_name(), config):
        for name in placed.stage.needs():
            if name not in columns:
                columns[name] = [rng.random() for _ in texts]
                break
    docs = documents(columns)
    given = {
        n for placed in parts(cls.stage_name(), config) if isinstance(placed.stage, Map) for n in placed.stage.gives()
    }
    return docs.with_columns({n: None for n in given if n in docs and n not in schema.COLUMNS})
