"""The stream of samples: exact shares, whole epochs, the same for any start and any change, and its inverse."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.corpus.mix_plan import MixPlan, PlannedRamp, PlannedSource, PlannedStage
from dataprep.corpus.quotas import BLOCK, blocks, border, quotas
from dataprep.corpus.sampler import Sampler
from dataprep.corpus.state import State, begin, skip, with_mix
from dataprep.corpus.steps import Steps
from dataprep.errors import UsageError


def plan(
    windows: list[int],
    weights: list[int] | None = None,
    until: int = 1000,
    stages: list[tuple[int, list[int]]] | None = None,
    asked: tuple[int, ...] = (),
    batch: int = 4,
    ramp: PlannedRamp | None = None,
    seed: int = 0,
    most: int | None = None,
) -> MixPlan:
    if not asked and stages is None:
        stages = [(until, weights or [1] * len(windows))]
    return MixPlan(
        "test",
        seed,
        32,
        "concatenate",
        "t",
        batch,
        ramp,
        tuple(PlannedSource(f"s{n}", f"{n}", count, most) for n, count in enumerate(windows)),
        tuple(PlannedStage(f"stage{n}", end, tuple(shares)) for n, (end, shares) in enumerate(stages or [])),
        asked,
    )


def everything(sampler: Sampler) -> list[tuple[int, int, int]]:
    drawn = sampler.at(np.arange(sampler.total))
    return list(zip(drawn.source.tolist(), drawn.epoch.tolist(), drawn.window.tolist(), strict=True))


# ---------------------------------------------------------------- quotas


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any),
    st.one_of(st.integers(0, 300_000), st.integers(0, 10**12)),
)
def test_quotas_are_exact_and_never_fall(weights: list[int], n: int) -> None:
    shares = tuple(weights)
    total = sum(shares)
    tiny = sum(w * BLOCK < len(shares) * total for w in shares)
    last = blocks(n)
    before = [0] * len(shares)
    for block in sorted(b for b in {0, 1, 2, last // 2, last // 2 + 1, last - 1, last} if b <= last):
        end = border(n, block)
        counts = quotas(shares, end)
        assert sum(counts) == end
        for count, weight in zip(counts, shares, strict=True):
            off = count - Fraction(end * weight, total)
            assert -1 < off < 1 + tiny
        assert all(b >= a for a, b in zip(before, counts, strict=True))
        before = counts


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=256).filter(any), st.integers(0, 10**7))
def test_no_block_has_a_negative_quota(weights: list[int], n: int) -> None:
    shares = tuple(weights)
    at = [quotas(shares, border(n, block)) for block in range(min(blocks(n), 20) + 1)]
    assert all(b >= a for one, two in pairwise(at) for a, b in zip(one, two, strict=True))
    assert border(n, blocks(n)) == n


# ---------------------------------------------------------------- shares and epochs


def test_realised_share_after_100_000_samples() -> None:
    """Within 0.1 % of what was asked, at every block border and, nearly, between them."""
    weights = [670, 150, 45, 45, 45, 25, 20]
    sampler = Sampler(begin(plan([10**6] * 7, weights, until=400_000)))
    drawn = sampler.at(np.arange(sampler.total))
    for n in (2 * BLOCK, 5 * BLOCK, 400_000):
        counts = np.bincount(drawn.source[:n], minlength=7)
        assert np.abs(counts - n * np.array(weights) / 1000).max() <= 1
        assert tuple(counts.tolist()) == sampler.consumed(n)
    for n in (100_000, 234_567, 399_999):
        share = np.bincount(drawn.source[:n], minlength=7) / n
        assert np.abs(share - np.array(weights) / 1000).max() < 0.001


@pytest.mark.parametrize("until", [300, BLOCK, BLOCK + 1, 3 * BLOCK - 1])
def test_every_window_of_an_epoch_exactly_once(until: int) -> None:
    windows = [1, 7, 100, 5003]
    sampler = Sampler(begin(plan(windows, [1, 5, 50, 200], until=until)))
    seen = Counter(everything(sampler))
    assert max(seen.values()) == 1
    for source, count in enumerate(sampler.consumed(until)):
        for epoch in range(count // windows[source]):
            assert all(seen[source, epoch, window] for window in range(windows[source]))
        assert sum(n for (s, _, _), n in seen.items() if s == source) == count


def test_epochs_are_shuffled_differently_and_seeds_too() -> None:
    stream = [w for _, _, w in everything(Sampler(begin(plan([500], until=1000))))]
    assert stream[:500] != stream[500:]
    other = [w for _, _, w in everything(Sampler(begin(plan([500], until=1000, seed=1))))]
    assert stream != other
    assert sorted(stream[:500]) == sorted(other[:500]) == list(range(500))
    assert np.corrcoef(stream[:500], range(500))[0, 1] < 0.15


def test_a_mix_by_epochs_sees_each_source_so_often() -> None:
    windows = [100, 40, 7]
    sampler = Sampler(begin(plan(windows, asked=(100, 100, 14))))
    assert sampler.total == 214
    counts = Counter((s, w) for s, _, w in everything(sampler))
    assert {counts[0, w] for w in range(100)} == {1}
    assert Counter(counts[1, w] for w in range(40)) == {2: 20, 3: 20}
    assert {counts[2, w] for w in range(7)} == {2}


def test_stages_have_their_own_shares() -> None:
    sampler = Sampler(begin(plan([1000, 1000], stages=[(700, [9, 1]), (1000, [0, 1])])))
    sources = sampler.at(np.arange(1000)).source
    assert np.bincount(sources[:700]).tolist() == [630, 70]
    assert set(sources[700:].tolist()) == {1}
    assert [(s.stage, s.first, s.last) for s in sampler.segments] == [("stage0", 0, 700), ("stage1", 700, 1000)]


# ---------------------------------------------------------------- one stream, wherever one starts


histories = st.lists(
    st.tuples(st.integers(0, 400), st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any), st.integers(1, 5)),
    max_size=4,
)


def build(changes: list[tuple[int, list[int], int]], total: int = 1200) -> State:
    """A run whose mix changes some samples after the last change, and again."""
    state = begin(plan([37, 120, 5], [3, 2, 1], until=total))
    for after, weights, batch in changes:
        state = state._replace(sample=min(total, state.sample + after))
        windows = [37, 120, 5]
        state = with_mix(state, plan(windows, weights, until=total, batch=batch))
    return state


@settings(deadline=None, max_examples=30)
@given(histories)
def test_changing_the_mix_keeps_what_was_seen_and_loses_nothing(changes: list[tuple[int, list[int], int]]) -> None:
    state = build(changes)
    sampler = Sampler(state)
    stream = everything(sampler)
    # Before a change the stream is that of the run without it.
    for n in range(1, len(state.history)):
        earlier = Sampler(state._replace(history=state.history[:n]))
        assert everything(earlier)[: state.history[n].first] == stream[: state.history[n].first]
    # Of each source: whole epochs in order, no window twice or left out in one, whatever the mixes.
    for source, windows in enumerate([37, 120, 5]):
        own = [(epoch, window) for s, epoch, window in stream if s == source]
        for epoch in range(-(-len(own) // windows)):
            part = own[epoch * windows : (epoch + 1) * windows]
            assert {e for e, _ in part} == {epoch}
            assert len({w for _, w in part}) == len(part)
    # After a change its shares are exact for what is left.
    last = sampler.segments[-1]
    counts = np.bincount([s for s, _, _ in stream[last.first :]], minlength=3)
    assert counts.tolist() == quotas(last.weights, last.planned)


@settings(deadline=None, max_examples=60)
@given(histories, st.data())
def test_back_equals_forward(changes: list[tuple[int, list[int], int]], data: st.DataObject) -> None:
    sampler = Sampler(build(changes))
    stream = everything(sampler)
    source = data.draw(st.integers(0, 2))
    window = data.draw(st.integers(0, [37, 120, 5][source] - 1))
    first = data.draw(st.integers(0, 1200))
    last = data.draw(st.integers(first, 1300))
    expected = [n for n, (s, _, w) in enumerate(stream[first:last], first) if (s, w) == (source, window)]
    assert sampler.samples_of(source, window, first, last) == expected


def test_back_equals_forward_across_blocks() -> None:
    sampler = Sampler(begin(plan([20_011, 999, 3], stages=[(3 * BLOCK, [90, 9, 1]), (4 * BLOCK + 77, [1, 1, 0])])))
    stream = sampler.at(np.arange(sampler.total))
    for source, window in ((0, 0), (0, 20_010), (1, 500), (2, 2)):
        expected = np.flatnonzero((stream.source == source) & (stream.window == window))
        assert sampler.samples_of(source, window) == expected.tolist()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 1199), min_size=1, max_size=50), histories)
def test_samples_in_any_order_and_company(picks: list[int], changes: list[tuple[int, list[int], int]]) -> None:
    state = build(changes)
    stream = everything(Sampler(state))
    fresh = Sampler(State.from_json(json.loads(json.dumps(state.to_json()))))
    drawn = fresh.at(np.array(picks))
    assert list(zip(*(a.tolist() for a in drawn), strict=True)) == [stream[p] for p in picks]


def test_an_equal_mix_changes_nothing() -> None:
    state = begin(plan([10, 20]))._replace(sample=50)
    assert with_mix(state, plan([10, 20])) is state
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_epochs_changed_in_mid_run_count_from_the_beginning() -> None:
    state = begin(plan([100, 40], asked=(100, 80)))._replace(sample=60)
    state = with_mix(state, plan([100, 40], asked=(200, 80)))
    sampler = Sampler(state)
    assert sampler.total == 280
    assert sampler.consumed(280) == (200, 80)
    state = state._replace(sample=270)
    with pytest.raises(UsageError, match="s0 has been seen more often already than `epochs` says"):
        Sampler(with_mix(state, plan([100, 40], asked=(100, 80))))


def test_sources_can_be_added() -> None:
    state = begin(plan([10, 20], until=100))._replace(sample=40)
    sampler = Sampler(with_mix(state, plan([10, 20, 30], [0, 1, 2], until=100)))
    sources = sampler.at(np.arange(100)).source
    assert 2 not in sources[:40]
    assert np.bincount(sources[40:], minlength=3).tolist() == [0, 20, 40]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (plan([10, 20], seed=1), "seed was 0 when the run began and can't become 1"),
        (plan([10, 20])._replace(sequence_length=64), "sequence_length was 32"),
        (plan([10, 20])._replace(packing="document"), "packing was concatenate"),
        (plan([10, 20])._replace(tokenizer="other"), r"tokenizer's sha256 was t\.\.\. when the run began"),
        (plan([10, 21]), "source s1 is not the corpus that the run began with"),
        (plan([10]), "source s1 has been used; keep it, with `weight: 0`"),
    ],
)
def test_changes_that_are_refused(changed: MixPlan, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        with_mix(begin(plan([10, 20])), changed)


# ---------------------------------------------------------------- steps


def plain_steps(state: State, total: int) -> list[list[int]]:
    """Steps one after another, sample by sample."""
    skipped = {n for first, last in state.skipped for n in range(first, last)}
    left = [n for n in range(total) if n not in skipped]
    positions = {n: k for k, n in enumerate(left)}

    def where(sample: int) -> int:
        return next((positions[n] for n in range(sample, total) if n in positions), len(left))

    starts = [where(entry.first) for entry in state.history]
    steps: list[list[int]] = []
    at = 0
    while at < len(left):
        chosen = [entry for entry, start in zip(state.history, starts, strict=True) if start <= at][-1].plan
        size = chosen.batch_size
        if chosen.ramp and at < chosen.ramp.until_sample:
            rises = (size - chosen.ramp.start) // chosen.ramp.increase
            size = chosen.ramp.start + chosen.ramp.increase * (at * rises // chosen.ramp.until_sample)
        if at + size > len(left):
            break
        steps.append(left[at : at + size])
        at += size
    return steps


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 80), st.integers(1, 9), st.booleans()), max_size=3),
    st.lists(st.tuples(st.integers(0, 320), st.integers(1, 50)), max_size=4),
    st.integers(0, 300),
)
def test_steps_equal_their_twin(changes: list[tuple[int, int, bool]], skips: list[tuple[int, int]], total: int) -> None:
    ramp = PlannedRamp(1, 2, 100)
    state = begin(plan([10], until=300, batch=9, ramp=ramp))
    for after, batch, ramped in changes:
        state = state._replace(sample=state.sample + after)
        batch += (batch + 1) % 2
        state = with_mix(state, plan([10], until=300, batch=batch + 2, ramp=ramp if ramped else None))
    state = state._replace(skipped=tuple((first, first + n) for first, n in skips))
    steps, expected = Steps(state, total), plain_steps(state, total)
    assert steps.count == len(expected)
    assert [steps.samples(n).tolist() for n in range(steps.count)] == expected
    assert [steps.first(n) for n in range(steps.count)] == [s[0] for s in expected]
    owner = {sample: n for n, one in enumerate(expected) for sample in one}
    assert [steps.step(n) for n in range(total + 3)] == [owner.get(n) for n in range(total + 3)]
    with pytest.raises(IndexError):
        steps.samples(steps.count)


def test_a_long_ramp_is_found_at_once() -> None:
    """Batches of 32 to 2,048 samples over 10^10 of them: GPT-3's kind of ramp."""
    ramp = PlannedRamp(32, 32, 10**10)
    steps = Steps(begin(plan([10], until=10**11, batch=2048, ramp=ramp)), 10**11)
    assert len(steps.samples(0)) == 32
    assert len(steps.samples(steps.count - 1)) == 2048
    for step in (0, 12345, steps.count // 2, steps.count - 1):
        assert steps.step(int(steps.samples(step)[-1])) == step


def test_rollback_and_skip() -> None:
    state = begin(plan([10], until=100, batch=10))._replace(sample=30)
    state = skip(state, 30, 55)
    assert state.sample == 55
    steps = Steps(state, 100)
    assert steps.samples(2).tolist() == list(range(20, 30))
    assert steps.samples(3).tolist() == list(range(55, 65))
    assert steps.step(55) == 3
    assert steps.step(40) is None
    assert (steps.count, steps.left_over) == (7, 5)
    with pytest.raises(UsageError, match="a range that is skipped"):
        skip(state, 5, 5)


def test_skips_go_on_from_the_next_sample() -> None:
    """In any order they end at a sample that is not skipped; what was seen is not counted anew."""
    state = begin(plan([10], until=100, batch=10))._replace(sample=30)
    assert skip(skip(state, 38, 50), 30, 38).sample == 50
    for first, last in ((10, 20), (25, 40), (0, 3)):
        with pytest.raises(UsageError, match="sample 30 is the next one"):
            skip(state, first, last)


def test_damaged_states_are_one_line() -> None:
    good = begin(plan([10])).to_json()
    for value in (
        {},
        {"version": 1},
        {"version": 1, "sample": 0, "history": [{"from": 0}], "skipped": []},
        {**good, "history": []},
        {**good, "history": [None]},
        {**good, "history": [{**good["history"][0], "from": 1}]},
        {**good, "sample": -1},
        {**good, "sample": "7"},
        {**good, "skipped": [[0, None]]},
    ):
        with pytest.raises(UsageError, match="sampler"):
            State.from_json(value)
