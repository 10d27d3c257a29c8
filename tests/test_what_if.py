"""What-if says what a rerun with the same settings does: exactly where it is sure, and within what it calls unknown."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from classifier_files import example_classifier
from runs import dataprep, error, make_plan, random_rows, run_here, write_jsonl, write_pipeline
from token_corpora import example_tokenizer

from dataprep import catalog, judged_rows, lookup, moved, other_settings, token_counts, what_if
from dataprep.errors import InputError, UsageError
from dataprep.schema import BYTES, ID, PLACE
from dataprep.stages.quality.gopher_quality import GopherQuality

QUALITY: dict[str, Any] = {
    "gopher_quality": {"min_stop_words": None, "min_words": 30, "min_alphabetic_word_ratio": None}
}
LAST: dict[str, Any] = {"gopher_repetition": {"max_duplicate_5_gram_ratio": 0.5}}
DEDUP: dict[str, Any] = {"minhash_dedup": {"keep": "longest", "bands": 30, "rows": 2}}
CHAIN: list[Any] = ["empty", QUALITY, "exact_dedup", DEDUP, LAST]


def corpus(folder: Path, seed: int = 5) -> Path:
    """Near and exact copies, some of which a bound on the number of words tells apart; two languages, two sources."""
    rng = random.Random(seed)
    rows = random_rows(rng, 150)
    for n, row in enumerate(list(rows)):
        words = row["text"].split()
        if len(words) > 20 and n % 2:
            cut = rng.choice([1, 2, 5, len(words) // 4])
            rows += [{**row, "text": " ".join(words[:-cut])}, {**row, "text": " ".join([*words, "word1", "和" * cut])}]
    for n, row in enumerate(rows):
        row |= {"id": f"d{n}", "language": rng.choice(["en", "zh", None]), "source": rng.choice(["a", "b"])}
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "all.parquet")
    return folder


def run(folder: Path, stages: list[Any], *overrides: str) -> lookup.Run:
    source = {"parquet": str(folder.parent / "in" if (folder.parent / "in").exists() else folder / "in")}
    folder.mkdir(exist_ok=True)
    path = write_pipeline(folder, stages, source=source)
    run_here(make_plan(path, overrides=overrides))
    return lookup.open_run(str(folder / "out"))


def fates(run: lookup.Run) -> dict[int, str | None]:
    """Place -> stage that dropped it, in plain Python."""
    found: dict[int, str | None] = {}
    for paths in lookup.verdict_files(run):
        for path in paths:
            found |= {row[PLACE]: row["stage"] for row in pq.read_table(f"{run.root}/{path}").to_pylist()}
    return found


def predicted(run: lookup.Run, *arguments: str) -> tuple[judged_rows.Rows, what_if.Outcome]:
    (settings,) = other_settings.asked(arguments)
    pipe = other_settings.changed(run, settings)
    rows = judged_rows.read(run, [pipe])
    return rows, what_if.outcome(run, rows, settings, pipe)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> lookup.Run:
    folder = tmp_path_factory.mktemp("what-if")
    corpus(folder / "in")
    return run(folder / "now", CHAIN)


@pytest.mark.parametrize(
    "arguments",
    [
        ["gopher_quality.min_words=30"],
        ["gopher_quality.min_words=100"],
        ["gopher_quality.min_words=118"],
        ["gopher_quality.min_words=125", "gopher_repetition.max_duplicate_5_gram_ratio=0.2"],
        ["gopher_quality.zh.min_words=200"],
        ["gopher_repetition.max_top_2_gram_ratio=0.02"],
        ["gopher_repetition.max_duplicate_5_gram_ratio=null"],
        ["gopher_quality.min_words=10"],
        ["gopher_quality.min_words=null", "gopher_quality.en.min_words=140"],
    ],
)
def test_it_says_what_a_rerun_does(made: lookup.Run, arguments: list[str]) -> None:
    rows, one = predicted(made, *arguments)
    name = "-".join(arguments).replace(".", "_").replace("=", "_")
    again = run(Path(made.root).parent.parent / name, CHAIN, *arguments)
    truth = fates(again)
    assert set(truth) == set(rows.places.tolist())
    gave_way = 0
    for place, fate, part in zip(rows.places.tolist(), one.fate.tolist(), one.at.tolist(), strict=True):
        if fate == what_if.KEPT:
            if one.compared and truth[place] in one.compared:
                gave_way += 1
            else:
                assert truth[place] is None
        elif fate == what_if.DROPPED:
            assert truth[place] == one.pipeline.parts[part].entry
    unknown = int((one.fate == what_if.UNKNOWN).sum())
    assert gave_way <= sum(one.compared.values())
    if not unknown and not one.compared:
        kept = what_if.total(rows, one.fate == what_if.KEPT, None)
        assert kept.documents == again.manifest["documents"]
        assert kept.bytes == again.manifest["stages"][-1]["bytes_out"]


def test_the_settings_of_the_run_give_its_verdicts(made: lookup.Run) -> None:
    rows, one = predicted(made, "gopher_quality.min_words=30")
    truth = fates(made)
    assert not (one.fate == what_if.UNKNOWN).any()
    for place, fate, end in zip(rows.places.tolist(), one.fate.tolist(), rows.end.tolist(), strict=True):
        stage = truth[place]
        assert (fate == what_if.KEPT) == (stage is None)
        assert stage is None or made.pipeline.parts[end].entry == stage
    sizes = dict(zip(rows.places.tolist(), rows.bytes.tolist(), strict=True))
    assert (
        sum(sizes[place] for place, stage in truth.items() if stage is None) == made.manifest["stages"][-1]["bytes_out"]
    )
    languages = made.manifest["languages"]
    for code, which in what_if.groups(rows.languages).items():
        assert int((which & (one.fate == what_if.KEPT)).sum()) == languages.get(code, {"documents": 0})["documents"]


LISTED: list[Any] = [
    {"keywords": {"groups": ["cookie", "template"], "drop_any": ["cookie"], "keep_ratio": 0.3, "max_matches": 3}},
    LAST,
]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> lookup.Run:
    """Documents of which every other has a word of a list."""
    folder = tmp_path_factory.mktemp("listed")
    (folder / "in").mkdir()
    words = (f"word{n} of{n} {'uses cookies' if n % 2 else 'read more'} {'read more ' * (n % 5)}" for n in range(200))
    pq.write_table(pa.table({"id": [f"d{n}" for n in range(200)], "text": list(words)}), folder / "in/all.parquet")
    return run(folder / "now", LISTED)


@pytest.mark.parametrize(
    "arguments",
    [
        ["keywords.keep_ratio=0"],
        ["keywords.keep_ratio=0.1"],
        ["keywords.keep_ratio=0.8", "keywords.max_matches=2"],
        ["keywords.seed=3"],
        ["keywords.drop_any=[template]"],
    ],
)
def test_a_share_that_is_kept_by_its_id_is_drawn_again(listed: lookup.Run, arguments: list[str]) -> None:
    rows, one = predicted(listed, *arguments)
    name = "-".join(arguments).replace(".", "_").replace("=", "_")
    truth = fates(run(Path(listed.root).parent.parent / name, LISTED, *arguments))
    assert truth != fates(listed)
    for place, fate, part in zip(rows.places.tolist(), one.fate.tolist(), one.at.tolist(), strict=True):
        # What was dropped before `gopher_repetition` has no score of it.
        assert fate == what_if.UNKNOWN or truth[place] == (one.pipeline.parts[part].entry if fate == 0 else None)
    assert set(what_if.unknown_because(one)) <= {"gopher_repetition"}


def test_what_a_language_had_is_told(made: lookup.Run) -> None:
    assert other_settings.current(made, "gopher_quality.zh.min_words") == 30
    assert other_settings.current(made, "gopher_quality.zh.max_mean_word_length") is None
    assert other_settings.current(made, "gopher_repetition.zh.max_duplicate_line_ratio") == 0.47
    assert other_settings.current(made, "gopher_quality.en.max_mean_word_length") == 10


def test_tightening_is_exact_but_for_clusters_that_lose_a_member(made: lookup.Run) -> None:
    rows, one = predicted(made, "gopher_quality.min_words=125")
    assert set(what_if.unknown_because(one)) <= {"minhash_dedup", "exact_dedup", "gopher_repetition"}
    assert not one.compared
    rows, one = predicted(made, "gopher_repetition.max_top_2_gram_ratio=0.02")
    assert not (one.fate == what_if.UNKNOWN).any()
    assert (one.fate == what_if.DROPPED).sum() > (rows.end < len(made.pipeline.parts)).sum()


def test_loosening_names_who_was_never_scored(made: lookup.Run) -> None:
    _, one = predicted(made, "gopher_quality.min_words=10")
    released = sum(stage == "gopher_quality" for stage in fates(made).values()) - int(
        ((one.fate == what_if.DROPPED) & np.isin(one.at, [1, 2])).sum()
    )
    assert sum(what_if.unknown_because(one).values()) == released > 0
    assert set(one.compared) == {"exact_dedup", "minhash_dedup"}


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("gopher_quality.stop_words={en: [the]}", "needs a rerun; what-if answers thresholds only"),
        ("minhash_dedup.bands=5", "needs a rerun"),
        ("gopher_quality.min_wrods=5", "did you mean 'min_words'"),
        ("goper_quality.min_words=5", "did you mean 'gopher_quality'"),
        ("gopher_quality.min_words=-1", "min_words: must be 0 or more"),
        ("gopher_quality.min_words=", "gives no value"),
        ("gopher_quality=5", "write STAGE.KEY=VALUE"),
        ("gopher_quality.min_words=" + ",".join(map(str, range(101))), "at most 100"),
    ],
)
def test_what_can_not_be_asked(made: lookup.Run, argument: str, says: str) -> None:
    line = error("what-if", made.root, argument, code=2)
    assert says in line
    assert "--set" not in line


def test_verdicts_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    corpus(tmp_path / "in")
    made = run(tmp_path / "now", ["empty", QUALITY])
    (path,) = (Path(made.root) / "verdicts").glob("*")
    pq.write_table(pq.read_table(path).drop_columns([BYTES]), path)
    with pytest.raises(InputError, match="earlier version"):
        predicted(made, "gopher_quality.min_words=40")


def test_a_bound_that_the_verdicts_do_not_hold_needs_a_rerun(tmp_path: Path) -> None:
    corpus(tmp_path / "in")
    made = run(tmp_path / "now", [{"threshold": {"column": "n", "min": 20}}])
    _, one = predicted(made, "threshold.min=50")
    assert (one.fate == what_if.KEPT).sum() == sum(row["n"] >= 50 for row in pq.read_table(tmp_path / "in").to_pylist())
    with pytest.raises(UsageError, match="needs a rerun"):
        predicted(made, "threshold.column=language_score")


def test_a_bound_that_was_off_is_answered(tmp_path: Path) -> None:
    """Score once, decide later: the run had no threshold at all."""
    corpus(tmp_path / "in")
    off = {limit.field: None for limit in catalog.stage("gopher_quality").limits}  # type: ignore[attr-defined]
    chain: list[Any] = [
        {"gopher_quality": off},
        "exact_dedup",
        {"gopher_quality": {**off, "as": "again", "min_words": 40}},
    ]
    made = run(tmp_path / "now", chain)
    for bound in ("gopher_quality.min_words=119", "again.min_words=null", "again.max_words=100"):
        rows, one = predicted(made, bound)
        again = run(tmp_path / bound.replace(".", "_").replace("=", "_"), chain, bound)
        kept = {place for place, stage in fates(again).items() if stage is None}
        assert kept == set(rows.places[one.fate == what_if.KEPT].tolist())
        assert not (one.fate == what_if.UNKNOWN).any()
        shown = moved.moved(made, one, 2)
        assert shown
        assert {row.score for row in shown} == {f"{bound.partition('.')[0]}.words"}


def test_scores_without_any_threshold_are_decided_later(tmp_path: Path) -> None:
    """A stage that expands to one part more once a bound is set; what depends on the whole corpus stays unknown."""
    corpus(tmp_path / "in")
    scored = {"model": str(example_classifier()), "label": "hq"}
    chain: list[Any] = [{"classifier": scored}, {"classifier": {**scored, "as": "best", "keep_top_ratio": 0.5}}]
    made = run(tmp_path / "now", chain)
    scores = pq.read_table(f"{made.root}/documents", columns=["best.hq"]).column(0).to_numpy()
    bound = f"min_score={np.median(scores) + 1e-6:.8f}"
    rows, one = predicted(made, f"best.{bound}")
    again = run(tmp_path / "best", chain, f"best.{bound}")
    kept = {place for place, stage in fates(again).items() if stage is None}
    assert kept == set(rows.places[one.fate == what_if.KEPT].tolist())
    assert not (one.fate == what_if.UNKNOWN).any()
    assert 0 < len(kept) < made.manifest["documents"]
    rows, one = predicted(made, f"classifier.{bound}")
    assert set(what_if.unknown_because(one)) == {"best"}
    with pytest.raises(UsageError, match="needs a rerun; what-if answers thresholds only"):
        predicted(made, "best.keep_top_ratio=0.2")


def test_the_command_shows_values_languages_and_who_moves(made: lookup.Run) -> None:
    shown = dataprep("what-if", made.root, "gopher_quality.min_words=100,125").stdout
    table = [line.split() for line in shown.splitlines()]
    assert table[0][1:3] == [f"{len(fates(made)):,}", "documents"]
    assert [row[0] for row in table if row][2:6] == [table[3][0], "30", "100", "125"]
    assert any(row[:2] == ["language", "now"] for row in table)
    one = dataprep("what-if", made.root, "gopher_quality.min_words=125", "--limit", 2).stdout
    assert "kept -> dropped" in one
    assert "bound 30 -> 125: gopher_quality: too_few_words" in one
    told = json.loads(dataprep("what-if", made.root, "gopher_quality.min_words=125", "--json").stdout)
    (first,) = told["outcomes"]
    parts = [first[fate]["documents"] for fate in ("kept", "dropped", "unknown")]
    assert sum(parts) == told["documents"] == len(fates(made))
    assert sum(n["kept"]["documents"] for n in first["by_language"].values()) == parts[0]
    assert sum(n["kept"]["bytes"] for n in first["by_source"].values()) == first["kept"]["bytes"]
    assert told["now"]["kept"]["documents"] == made.manifest["documents"]
    assert all(row["value"] < 125 for row in told["moved"] if row["reason"] == "too_few_words")


def test_a_plain_bound_says_which_languages_have_their_own(made: lookup.Run) -> None:
    shown = dataprep("what-if", made.root, "gopher_quality.max_mean_word_length=8").stdout
    assert "zh: has a bound of its own" in shown
    assert "gopher_quality.zh.max_mean_word_length" in shown
    assert "a bound of its own" not in dataprep("what-if", made.root, "gopher_quality.max_hash_ratio=0.2").stdout


def test_a_language_has_the_stages_bounds_beside_those_of_the_yaml() -> None:
    stage = GopherQuality.model_validate({"zh": {"min_words": 20}})
    assert stage.bounds()["zh"] == {"min_mean_word_length": None, "max_mean_word_length": None, "min_words": 20}
    assert GopherQuality.model_validate({"profile": "datatrove"}).bounds() == {}


def test_excerpts_are_masked(tmp_path: Path) -> None:
    text = "Write to jane.doe@uni-bonn.de or call 212 555 0187 when you have read this page to its very end. "
    given = [
        {"id": f"d{n}", "text": text * (n + 1), "url": "https://example.org/?mail=jane.doe@uni-bonn.de"}
        for n in range(4)
    ]
    write_jsonl(tmp_path / "in.jsonl", given)
    path = write_pipeline(tmp_path, [QUALITY], source={"jsonl": str(tmp_path / "in.jsonl")})
    run_here(make_plan(path))
    made = lookup.open_run(str(tmp_path / "out"))
    for bound in (45, 5):
        _, one = predicted(made, f"gopher_quality.min_words={bound}")
        shown = moved.moved(made, one, 5)
        assert shown
        assert all(
            row.excerpt and "jane.doe@" not in row.excerpt and "jane.doe@" not in (row.url or "") for row in shown
        )
        assert {(row.old_bound, row.new_bound) for row in shown} == {(30, bound)}


def test_tokens_are_counted_where_they_are_known(tmp_path: Path) -> None:
    given = [{"id": f"d{n}", "text": "word " * (20 + n), "tokens": n} for n in range(50)]
    (tmp_path / "in").mkdir()
    pq.write_table(pa.Table.from_pylist(given), tmp_path / "in/all.parquet")
    made = run(tmp_path / "now", [{"gopher_repetition": {}}, QUALITY])
    if not made.manifest["documents"]:
        made = run(tmp_path / "now", [QUALITY])
    rows, one = predicted(made, "gopher_quality.min_words=40")
    counts = token_counts.tokens(made, rows, None)
    assert counts is not None
    assert what_if.total(rows, one.fate == what_if.KEPT, counts).tokens == sum(n for n in range(50) if n + 20 >= 40)
    rows, one = predicted(made, "gopher_quality.min_words=25")
    sums = what_if.total(rows, one.fate == what_if.KEPT, counts)
    assert (sums.documents, sums.uncounted) == (45, 5)
    assert ID in pq.read_schema(f"{made.root}/{lookup.verdict_files(made)[0][0]}").names


@pytest.mark.parametrize("apart", [True, False])
def test_tokens_of_a_corpus_made_from_the_run_are_counted(tmp_path: Path, *, apart: bool) -> None:
    """By `dataprep tokenize` afterwards, or by the last stage of the run itself."""
    corpus(tmp_path / "in")
    tokenizer = example_tokenizer()
    last = [] if apart else [{"tokenize": {"tokenizer": str(tokenizer), "validation_ratio": 0.2}}]
    made = run(tmp_path / "now", [QUALITY, "exact_dedup", *last])
    options: list[Any] = []
    if apart:
        options = ["--tokens", tmp_path / "tokens"]
        told = ["--tokenizer", tokenizer, "--output", tmp_path / "tokens", "--set", "tokenize.validation_ratio=0.2"]
        dataprep("tokenize", made.root, *told)
    said = json.loads(dataprep("what-if", made.root, "gopher_quality.min_words=100", *options, "--json").stdout)
    shards = sorted((tmp_path / "tokens" if apart else Path(made.root)).rglob("*.docs.parquet"))
    counts = pa.concat_tables([pq.read_table(path, columns=[ID, "tokens"]) for path in shards]).to_pylist()
    by_id = {row[ID]: row["tokens"] for row in counts}
    assert len(by_id) == len(counts) == said["now"]["kept"]["documents"]
    assert said["now"]["kept"]["tokens"] == sum(by_id.values())
    _, one = predicted(made, "gopher_quality.min_words=100")
    (first,) = lookup.verdict_files(made)[0]
    ids = pq.read_table(f"{made.root}/{first}", columns=[ID]).column(0).to_pylist()
    kept = [name for name, fate in zip(ids, one.fate.tolist(), strict=True) if fate == what_if.KEPT]
    assert said["outcomes"][0]["kept"]["tokens"] == sum(by_id[name] for name in kept if name in by_id)
    if apart:
        other = run(tmp_path / "other", [{"gopher_quality": QUALITY["gopher_quality"] | {"min_words": 31}}])
        line = error("what-if", other.root, "gopher_quality.min_words=100", *options, code=1)
        assert "holds no tokens made from" in line
