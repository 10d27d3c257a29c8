"""Batches of tokens for training: the samples of a step, read from shards mapped into memory.

reader = open_reader("mix.yaml")                      # or with the state that a run has kept
for step in range(reader.next_step, reader.steps):
    batch = reader.batch(step, rank, world)
    ...
    save(reader.state_after(step).to_json())
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dataprep.corpus import mix_plan
from dataprep.corpus.mix import Mix, load
from dataprep.corpus.mix_plan import Opened
from dataprep.corpus.rows import Batch, Rows
from dataprep.corpus.sampler import Drawn, Sampler
from dataprep.corpus.shard import Int64s
from dataprep.corpus.state import State, begin, with_mix
from dataprep.corpus.stream import Stream
from dataprep.corpus.supply import refuse_shortage
from dataprep.corpus.tokens import Split, TokenCorpus, verify
from dataprep.corpus.windows import Concatenated, Windows
from dataprep.errors import InputError, UsageError

_TOGETHER = 1024
"""Samples that are drawn together."""


class Reader:
    """A mix, its corpora and where the run is."""

    def __init__(self, mix: Mix, opened: dict[str, Opened], state: State) -> None:
        self.mix = mix
        self.opened = opened
        self.state = state
        self.sampler = Sampler(state)
        self.steps = self.sampler.steps.count
        """Whole steps of the run."""
        step = self.sampler.steps.step(state.sample)
        if step is not None and self.sampler.steps.first(step) != state.sample:
            raise UsageError(
                f"{mix.name}: the state's next sample, {state.sample:,}, is in the middle of step {step:,}; "
                "give a state that was kept after a whole step"
            )
        self.length = mix.sequence_length
        self.corpora: dict[str, TokenCorpus] = {}
        self.streams: list[Stream] = []
        self.windows: list[Windows] = []
        for name in self.sampler.names:
            one = opened[name]
            assert one.corpus is not None
            assert one.stream is not None
            assert one.windows is not None
            self.corpora[name] = one.corpus
            self.streams.append(one.stream)
            self.windows.append(one.windows)
        self.tokenizer = self._first().tokenizer
        """What the manifests say of the tokenizer; it is the same for all sources."""
        ids = (self.tokenizer.get("pad"), self.tokenizer.get("eos"), 0)
        self.pad: int = next(i for i in ids if i is not None)
        """The id that pads rows: the tokenizer's for padding, else for the end of a document, else 0."""
        self._names = np.array(self.sampler.names)
        self._together = lru_cache(maxsize=8)(self._work_out)

    def _first(self) -> TokenCorpus:
        return next(iter(self.corpora.values()))

    def tokenizer_file(self) -> Path:
        """The tokenizer's own file. Raises InputError if it is not the one that made the tokens."""
        return self._first().tokenizer_file()

    @property
    def policy(self) -> dict[str, Any]:
        """What documents begin and end with, as the first source has it."""
        policy: dict[str, Any] = self._first().manifest["policy"]
        return policy

    @property
    def next_step(self) -> int:
        """The step that begins with the state's next sample; `steps` if none is left."""
        step = self.sampler.steps.step(self.state.sample)
        return self.steps if step is None else step

    def state_after(self, step: int) -> State:
        """What to keep, to go on after a step: on any number of ranks."""
        return self.state._replace(sample=self.sampler.steps.first(step + 1))

    def at(self, state: State) -> Reader:
        """The same mix and corpora from another place on."""
        return Reader(self.mix, self.opened, state)

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The rows of a step that belong to a rank: those at places rank, rank + world, ... of the whole batch."""
        assert 0 <= rank < world
        return self.samples(self.sampler.steps.samples(step)[rank::world])

    def samples(self, samples: Int64s) -> Batch:
        """Samples by their global numbers, in the order given."""
        drawn = self._drawn(samples)
        rows = Rows(len(samples), self.length)
        for source in np.unique(drawn.source).tolist():
            chosen = np.flatnonzero(drawn.source == source)
            pieces = self.windows[source].pieces(drawn.window[chosen])
            rows.fill(chosen.tolist(), self.streams[source], pieces, self.windows[source].whole)
        names = self._names[drawn.source]
        return rows.batch(self.pad) | {"source": names, "sample": np.asarray(samples, np.int64)}

    def _drawn(self, samples: Int64s) -> Drawn:
        """As the sampler has it; neighbours are worked out together, since a call costs as much as 100 of them."""
        if not len(samples):
            return self.sampler.at(samples)
        first, last = int(samples.min()) // _TOGETHER, int(samples.max()) // _TOGETHER
        if last - first > len(samples):
            return self.sampler.at(samples)
        parts = [self._together(n) for n in range(first, last + 1)]
        at = samples - first * _TOGETHER
        return Drawn(
            *(np.concatenate(column)[at] if len(parts) > 1 else column[0][at] for column in zip(*parts, strict=True))
        )

    def _work_out(self, n: int) -> Drawn:
        return self.sampler.at(np.arange(n * _TOGETHER, min((n + 1) * _TOGETHER, self.sampler.total)))

    def validation(self, source: str, rows: int) -> Iterator[Batch]:
        """The validation documents of a source, in order, `rows` rows at a time; never trained on.

        They are concatenated and cut however the mix packs, so that each token but the first is predicted exactly
        once, which a loss per byte needs. Nothing if the source has none.
        """
        for batch in in_order(self.corpora[source], "validation", self.length, rows, self.pad):
            yield batch | {"source": np.full(len(batch["tokens"]), source)}


def in_order(corpus: TokenCorpus, split: Split, length: int, rows: int, pad: int = 0) -> Iterator[Batch]:
    """The documents of a split, concatenated and cut into rows of `length` + 1 tokens that overlap by one, `rows` rows
    at a time: each token but the first is predicted exactly once. Batches have `window` besides, the rows' numbers."""
    stream = Stream(corpus, split)
    windows = Concatenated(stream, length)
    for low in range(0, windows.count, rows):
        numbers = np.arange(low, min(low + rows, windows.count))
        part = Rows(len(numbers), length)
        part.fill(range(len(numbers)), stream, windows.pieces(numbers), whole=False)
        yield part.batch(pad) | {"window": numbers}


def open_reader(mix: str | Path, state: State | None = None, *, full: bool = True) -> Reader:
    """A mix file ready to be read, from its beginning or going on from a state.

    A mix that has changed since the state was kept holds from the state's next sample on. Before a token is read
    every file is compared with its manifest, by size and, unless `full` is false, by checksum: one reading of the
    corpus, remembered by size and time of change (`tokens.verify`). Raises InputError or UsageError, one line, for
    what does not fit or would run out.
    """
    where = Path(mix).name
    settings = load(mix)
    try:
        opened = mix_plan.open_sources(settings)
        for one in opened.values():
            assert one.corpus is not None
            verify(one.corpus, full=full)
        plan = mix_plan.plan(settings, opened)
        reader = Reader(settings, opened, begin(plan) if state is None else with_mix(state, plan))
        refuse_shortage(reader.sampler)
    except (InputError, UsageError) as error:
        raise type(error)(f"{where}: {error}") from error
    return reader
