"""Batches of tokens for training: the samples of a step, read from shards mapped into memory.

reader = open_reader("mix.yaml")                      # or with the state that a run has kept
for step in range(reader.next_step, reader.steps):
    batch = reader.batch(step, rank, world)
    ...
    save(reader.state_after(step).to_json())
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dataprep.corpus import mix_plan
from dataprep.corpus.mix import Mix, load
from dataprep.corpus.mix_plan import Opened
from dataprep.corpus.sampler import Sampler
from dataprep.corpus.shard import Int32s, Int64s
from dataprep.corpus.state import State, begin, with_mix
from dataprep.corpus.stream import Stream
from dataprep.corpus.supply import refuse_shortage
from dataprep.corpus.tokens import TokenCorpus, verify
from dataprep.corpus.windows import Concatenated, Pieces, Windows
from dataprep.errors import InputError, UsageError

Batch = dict[str, npt.NDArray[Any]]
"""`tokens` int32[rows, L + 1]; `lengths` int32[rows], tokens of each row that are not padding;
`loss` bool[rows, L], true where token i + 1 of a row is to be predicted from those up to i, false for padding;
`starts` int32[n] and `offsets` int64[rows + 1]: the places `starts[offsets[r]:offsets[r + 1]]` of row r are those at
which a document, or a part of one that is not a continuation of what is before it, begins: attention is to end there
and positions to count from 0 again; the first is always 0;
`source` str[rows]; `sample` int64[rows], global numbers of the samples."""


class Reader:
    """A mix, its corpora and where the run is."""

    def __init__(self, mix: Mix, opened: dict[str, Opened], state: State) -> None:
        self.mix = mix
        self.state = state
        self.sampler = Sampler(state)
        self.steps = self.sampler.steps.count
        """Whole steps of the run."""
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
        tokenizer = next(iter(self.corpora.values())).tokenizer
        ids = (tokenizer.get("pad"), tokenizer.get("eos"), 0)
        self.pad: int = next(i for i in ids if i is not None)
        """The id that pads rows: the tokenizer's for padding, else for the end of a document, else 0."""
        self._names = np.array(self.sampler.names)

    @property
    def next_step(self) -> int:
        """The step that begins with the state's next sample; `steps` if none is left."""
        step = self.sampler.steps.step(self.state.sample)
        return self.steps if step is None else step

    def state_after(self, step: int) -> State:
        """What to keep, to go on after a step: on any number of ranks."""
        return self.state._replace(sample=self.sampler.steps.first(step + 1))

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The rows of a step that belong to a rank: those at places rank, rank + world, ... of the whole batch."""
        assert 0 <= rank < world
        return self.samples(self.sampler.steps.samples(step)[rank::world])

    def samples(self, samples: Int64s) -> Batch:
        """Samples by their global numbers, in the order given."""
        drawn = self.sampler.at(samples)
        rows = np.empty((len(samples), self.length + 1), np.int32)
        lengths = np.zeros(len(samples), np.int32)
        starts: list[Int32s] = [np.empty(0, np.int32)] * len(samples)
        for source in np.unique(drawn.source).tolist():
            chosen = np.flatnonzero(drawn.source == source)
            pieces = self.windows[source].pieces(drawn.window[chosen])
            whole = self.windows[source].whole
            fill(self.streams[source], pieces, whole, chosen.tolist(), rows, lengths, starts)
        batch = _finished(rows, lengths, starts, self.pad)
        return batch | {"source": self._names[drawn.source], "sample": np.asarray(samples, np.int64)}

    def validation(self, source: str, rows: int) -> Iterator[Batch]:
        """The validation documents of a source, in order, `rows` rows at a time; never trained on.

        They are concatenated and cut however the mix packs, so that each token but the first is predicted exactly
        once, which a loss per byte needs. Nothing if the source has none.
        """
        stream = Stream(self.corpora[source], "validation")
        windows = Concatenated(stream, self.length)
        for low in range(0, windows.count, rows):
            numbers = np.arange(low, min(low + rows, windows.count))
            tokens = np.empty((len(numbers), self.length + 1), np.int32)
            lengths = np.zeros(len(numbers), np.int32)
            starts: list[Int32s] = [np.empty(0, np.int32)] * len(numbers)
            fill(stream, windows.pieces(numbers), False, range(len(numbers)), tokens, lengths, starts)
            batch = _finished(tokens, lengths, starts, self.pad)
            yield batch | {"source": np.full(len(numbers), source), "window": numbers}


def open_reader(mix: str | Path, state: State | None = None, *, full: bool = False) -> Reader:
    """A mix file ready to be read, from its beginning or going on from a state.

    A mix that has changed since the state was kept holds from the state's next sample on. Before a token is read
    every file's size is compared with its manifest and the tokenizer's checksum too; with `full` every checksum
    (`tokens.verify`). Raises InputError or UsageError, one line, for what does not fit or would run out.
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


def fill(
    stream: Stream,
    pieces: Pieces,
    whole: bool,
    places: Iterable[int],
    rows: Int32s,
    lengths: Int32s,
    starts: list[Int32s],
) -> None:
    """Copy pieces into the rows at `places`, note how full each is and where documents begin in it."""
    for n, place in enumerate(places):
        at = 0
        row = rows[place]
        begins = [0]
        found: Int64s | None = None
        for k in range(pieces.offsets[n], pieces.offsets[n + 1]):
            start, size = pieces.starts[k], pieces.lengths[k]
            stream.read(start, row[at : at + size])
            if at:
                begins.append(at)
            if not whole:
                found = stream.starts_within(start + 1, start + size) - start
            at += size
        lengths[place] = at
        inner = np.array(begins, np.int32)
        starts[place] = inner if found is None else np.concatenate([inner, found.astype(np.int32)])


def _finished(rows: Int32s, lengths: Int32s, starts: list[Int32s], pad: int) -> Batch:
    """A batch from its rows: padded, with its loss mask and its documents' beginnings."""
    width = rows.shape[1]
    for row in np.flatnonzero(lengths < width).tolist():
        rows[row, lengths[row] :] = pad
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in starts])])
    flat = np.concatenate([np.empty(0, np.int32), *starts])
    again = np.flatnonzero(flat[1:] == flat[:-1]) + 1  # an empty document begins where the next one does
    again = again[~np.isin(again, offsets)]
    if len(again):
        offsets -= np.searchsorted(again, offsets)
        flat = np.delete(flat, again)
    loss = np.arange(1, width) < lengths[:, None]
    return {"tokens": rows, "lengths": lengths, "loss": loss, "starts": flat, "offsets": offsets}
