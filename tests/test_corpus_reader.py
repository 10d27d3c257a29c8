"""Batches: the same on any number of ranks, after any kill, across every border; and what is refused before one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_made_tokens import random_lengths, tokens_of, write_mix, write_tokens

from dataprep.corpus.reader import Batch, Reader, open_reader
from dataprep.corpus.state import State, skip
from dataprep.errors import DataprepError, InputError, UsageError

STAGES = [{"name": "main", "until_tokens": 20_000}, {"name": "anneal", "until_tokens": 26_000, "weights": {"wiki": 1}}]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAPREP_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tokens(tmp_path / "web", random_lengths(1), [[100, 50], [70]], name="web")
    write_tokens(tmp_path / "wiki", random_lengths(2, shards=2, documents=15), [[40]], name="wiki", seed=1)
    return tmp_path


def mixed(folder: Path, **settings: Any) -> Path:
    """Two sources; the small one is repeated, and alone in the anneal."""
    sources = {"web": {"manifest": "web", "weight": 3}, "wiki": {"manifest": "wiki", "weight": 1}}
    return write_mix(folder, sources, **{"stages": STAGES, **settings})


def same(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


# ---------------------------------------------------------------- what is in a row


@pytest.mark.parametrize("packing", ["concatenate", "best_fit", "document"])
def test_rows_hold_the_documents(folder: Path, packing: str) -> None:
    reader = open_reader(mixed(folder, packing=packing))
    documents = {name: tokens_of(folder / name) for name in ("web", "wiki")}
    flat = {name: np.concatenate(found) for name, found in documents.items()}
    begins = {name: np.cumsum([0, *map(len, found)]) for name, found in documents.items()}
    for step in range(0, reader.steps, 7):
        batch = reader.batch(step)
        drawn = reader.sampler.at(batch["sample"])
        assert batch["tokens"].shape == (4, 33)
        assert batch["tokens"].dtype == np.int32
        for row in range(4):
            name = str(batch["source"][row])
            length = int(batch["lengths"][row])
            pieces = reader.windows[int(drawn.source[row])].pieces(drawn.window[row : row + 1])
            spans = [range(s, s + n) for s, n in zip(pieces.starts, pieces.lengths, strict=True)]
            expected = [flat[name][t] for span in spans for t in span]
            assert batch["tokens"][row, :length].tolist() == expected
            assert (batch["tokens"][row, length:] == reader.pad).all()
            assert batch["loss"][row].tolist() == [i + 1 < length for i in range(32)]
            places = [t for span in spans for t in span]
            starts = {0, *np.cumsum(pieces.lengths)[:-1].tolist()}
            starts |= {k for k, t in enumerate(places) if t in begins[name][:-1]}
            low, high = batch["offsets"][row : row + 2]
            assert batch["starts"][low:high].tolist() == sorted(k for k in starts if k < max(1, length))
            if packing == "document":
                assert len(spans) == 1
                assert places[:1] == [begins[name][drawn.window[row]]][: len(places[:1])]


@pytest.mark.parametrize(("packing", "exact"), [("concatenate", True), ("best_fit", True), ("document", False)])
def test_an_epoch_predicts_every_token_once(folder: Path, packing: str, exact: bool) -> None:
    path = write_mix(folder, {"web": {"manifest": "web", "epochs": 1}}, packing=packing, batch_size=1)
    reader = open_reader(path)
    documents = [d for d in tokens_of(folder / "web") if len(d)]
    predicted = sum(int(reader.batch(step)["loss"].sum()) for step in range(reader.steps))
    if packing == "concatenate":
        assert predicted == sum(map(len, documents)) - 1
    elif packing == "best_fit":
        # Inside documents each transition once, and one more wherever two pieces meet in a row.
        inside = sum(len(d) - 1 for d in documents)
        joints = sum(
            len(reader.batch(step)["starts"]) - 1 for step in range(reader.steps)
        )  # a row of n pieces has n - 1
        assert predicted == inside + joints
    else:
        assert predicted == sum(min(len(d), 33) - 1 for d in documents)


# ---------------------------------------------------------------- one stream


def test_ranks_divide_the_global_batch(folder: Path) -> None:
    reader = open_reader(mixed(folder, batch_size=24))
    for step in range(reader.steps):
        whole = reader.batch(step)
        for world in (2, 3, 8):
            for rank in range(world):
                part = open_reader(mixed(folder, batch_size=24)).batch(step, rank, world) if step < 2 else None
                part = part or reader.batch(step, rank, world)
                for name in ("tokens", "lengths", "loss", "source", "sample"):
                    assert np.array_equal(part[name], whole[name][rank::world])


def test_killed_at_any_step_the_next_batch_is_the_same(folder: Path) -> None:
    """Across the borders of epochs and stages, on another number of ranks, twice over."""
    path = mixed(folder)
    reader = open_reader(path)
    wiki = reader.sampler.names.index("wiki")
    epochs = reader.sampler.at(np.arange(reader.sampler.total)).epoch
    assert epochs[reader.sampler.at(np.arange(reader.sampler.total)).source == wiki].max() >= 2
    whole = [reader.batch(step) for step in range(reader.steps)]
    assert reader.sampler.segments[1].first // 4 in range(reader.steps)
    for killed in range(0, reader.steps - 1, 3):
        kept = json.dumps(reader.state_after(killed).to_json())
        again = open_reader(path, State.from_json(json.loads(kept)))
        assert again.next_step == killed + 1
        assert same(again.batch(again.next_step), whole[killed + 1])
        kept = json.dumps(again.state_after(again.next_step).to_json())
        twice = open_reader(path, State.from_json(json.loads(kept)))
        if twice.next_step < twice.steps:
            parts = [twice.batch(twice.next_step, rank, 2)["tokens"] for rank in range(2)]
            joined = np.empty_like(whole[killed + 2]["tokens"])
            joined[0::2], joined[1::2] = parts
            assert np.array_equal(joined, whole[killed + 2]["tokens"])
    assert open_reader(path, reader.state_after(reader.steps - 1)).next_step == reader.steps


def test_a_mix_changed_in_mid_run(folder: Path) -> None:
    """What was seen stays seen; the rest follows the new weights; the state alone tells the whole story."""
    path = mixed(folder)
    first = open_reader(path)
    state = first.state_after(60)
    sources = {"web": {"manifest": "web", "weight": 1}, "wiki": {"manifest": "wiki", "weight": 1}}
    write_mix(folder, sources, stages=STAGES, batch_size=8)
    second = open_reader(path, state)
    assert len(second.state.history) == 2
    assert second.next_step == 61
    for step in (0, 30, 60):
        assert same(first.batch(step), second.batch(step))
    assert len(second.batch(61)["tokens"]) == 8
    drawn = second.sampler.at(np.arange(second.sampler.total))
    web = drawn.source == 0
    pairs = list(zip(drawn.epoch[web].tolist(), drawn.window[web].tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    third = open_reader(path, State.from_json(json.loads(json.dumps(second.state_after(65).to_json()))))
    assert len(third.state.history) == 2
    assert same(third.batch(66), second.batch(66))


def test_skipped_ranges_are_not_served(folder: Path) -> None:
    path = mixed(folder)
    before = open_reader(path)
    state = skip(before.state_after(9), 40, 60)  # steps 10 to 14 have spiked
    reader = open_reader(path, state)
    assert reader.next_step == 10
    assert same(reader.batch(9), before.batch(9))
    assert same(reader.batch(10), before.batch(15))
    served = np.concatenate([reader.batch(step)["sample"] for step in range(reader.steps)])
    assert set(range(40, 60)).isdisjoint(served.tolist())
    assert len(set(served.tolist())) == len(served)


# ---------------------------------------------------------------- validation


@pytest.mark.parametrize("packing", ["concatenate", "best_fit", "document"])
def test_validation_is_never_trained_on(folder: Path, packing: str) -> None:
    reader = open_reader(mixed(folder, packing=packing))
    for step in range(reader.steps):
        assert reader.batch(step)["tokens"].max() < 20_000
    batches = list(reader.validation("web", 3))
    flat = np.concatenate(tokens_of(folder / "web", "validation"))
    rows = np.concatenate([b["tokens"] for b in batches])
    lengths = np.concatenate([b["lengths"] for b in batches])
    read = np.concatenate([row[: n - 1] for row, n in zip(rows, lengths, strict=True)])
    assert [*read.tolist(), int(rows[-1, lengths[-1] - 1])] == flat.tolist()
    assert flat.min() >= 20_000
    assert sum(int(b["loss"].sum()) for b in batches) == len(flat) - 1


def test_a_source_without_validation_gives_none(folder: Path) -> None:
    write_tokens(folder / "books", [[500]], name="books")
    path = write_mix(folder, {"books": {"manifest": "books", "epochs": 1}})
    assert list(open_reader(path).validation("books", 2)) == []


# ---------------------------------------------------------------- refusals


def test_corrupted_shards_are_refused_before_a_batch(folder: Path) -> None:
    path = mixed(folder)
    target = folder / "wiki" / "00001.bin"
    data = bytearray(target.read_bytes())
    data[11] ^= 4
    target.write_bytes(data)
    open_reader(path, full=False)
    with pytest.raises(InputError, match=r"mix\.yaml: .*wiki/00001\.bin: its sha256 is .*, the manifest lists"):
        open_reader(path)
    target.write_bytes(data[:-2])
    with pytest.raises(InputError, match=r"wiki/00001\.bin: has .* bytes"):
        open_reader(path, full=False)


def test_another_tokenizer_is_refused(folder: Path) -> None:
    path = mixed(folder)
    state = open_reader(path).state_after(3)
    (folder / "web" / "tokenizer.model").write_bytes(b"changed")
    with pytest.raises(InputError, match=r"web/tokenizer\.model: its sha256 is"):
        open_reader(path)
    for name, seed in (("web", 0), ("wiki", 1)):
        lengths = random_lengths(1) if name == "web" else random_lengths(2, shards=2, documents=15)
        write_tokens(folder / name, lengths, name=name, seed=seed, tokenizer=b"new")
        if name == "web":
            with pytest.raises(InputError, match=r"source wiki: .* was made with another tokenizer than source web"):
                open_reader(path)
    open_reader(path)
    with pytest.raises(UsageError, match="the tokenizer's sha256 was"):
        open_reader(path, state)


def test_a_source_that_has_changed_is_refused(folder: Path) -> None:
    path = mixed(folder)
    state = open_reader(path).state_after(3)
    write_tokens(folder / "web", random_lengths(1), name="web", seed=77)
    with pytest.raises(UsageError, match=r"mix\.yaml: test: source web is not the corpus that the run began with"):
        open_reader(path, state)


def test_another_max_tokens_is_refused(folder: Path) -> None:
    """Also where the last window alone would hold other tokens."""

    def path(most: int) -> Path:
        sources = {"web": {"manifest": "web", "weight": 1, "max_tokens": most}}
        return write_mix(folder, sources, stages=[{"name": "main", "until_tokens": 9_000}])

    whole = open_reader(path(15_000))
    ends = whole.streams[0].tokens
    for most in (ends - 1, 5_000):
        with pytest.raises(UsageError, match=r"source web: its max_tokens gave .* set it back"):
            open_reader(path(most), whole.state_after(3))
    assert open_reader(path(ends), whole.state_after(3)).next_step == 4


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"max_epochs": 0.5}, r"source wiki: runs out at token .*: the mix asks for .* set max_epochs to 2\.5, lower"),
        ({"max_tokens": 3}, "first document alone has more than 3 tokens"),
        ({"manifest": "nowhere"}, r"source wiki: .*nowhere/manifest\.json: does not exist"),
    ],
)
def test_sources_that_are_too_small(folder: Path, settings: dict[str, Any], line: str) -> None:
    wiki = {"manifest": "wiki", "weight": 1, **settings}
    path = write_mix(folder, {"web": {"manifest": "web", "weight": 3}, "wiki": wiki}, stages=STAGES)
    with pytest.raises(DataprepError, match=line):
        open_reader(path)


def test_max_epochs_and_max_tokens_hold(folder: Path) -> None:
    sources = {
        "web": {"manifest": "web", "weight": 3, "max_epochs": 2, "max_tokens": 15_000},
        "wiki": {"manifest": "wiki", "weight": 1},
    }
    reader = open_reader(write_mix(folder, sources, stages=[{"name": "main", "until_tokens": 30_000}]))
    assert isinstance(reader, Reader)
    assert reader.streams[0].tokens <= 15_000
    drawn = reader.sampler.at(np.arange(reader.sampler.total))
    assert drawn.epoch[drawn.source == 0].max() == 1
