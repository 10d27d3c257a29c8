"""Loss, perplexity and bits per byte of each source: on documents that are never trained on, or on any others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dataprep.corpus.mix import load as load_mix
from dataprep.corpus.reader import in_order
from dataprep.corpus.rows import Batch
from dataprep.corpus.tokens import Split, open_tokens, verify
from dataprep.errors import InputError
from dataprep.text.spans import Int64s
from dataprep.tokenizers import load as load_tokenizer
from dataprep.training.batches import tensors
from dataprep.training.launch import alone
from dataprep.training.objective import causal_lm
from dataprep.training.token_bytes import token_bytes

if TYPE_CHECKING:
    from dataprep.corpus.reader import Reader
    from dataprep.training.run import Run

Batches = Callable[[int], Iterator[Batch]]
"""The rows of a source, so many at a time, in order; the last batch may be smaller."""
_CHUNK = 2048
"""Tokens whose logits are alive together: 400 MB for a vocabulary of 50,000."""


def held_out(reader: Reader) -> dict[str, Batches]:
    """The validation documents of a mix, by source."""
    return {name: partial(reader.validation, name) for name in reader.corpora}


def losses(
    model: torch.nn.Module,
    sources: Mapping[str, Batches],
    bytes_of: Int64s,
    *,
    rows: int,
    max_rows: int | None,
    device: torch.device | str,
    rank: int = 0,
    world: int = 1,
    total: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    mask_documents: bool = False,
) -> dict[str, dict[str, float]]:
    """Of each source with any rows: `loss` (nats a token), `perplexity`, `bits_per_byte`, `tokens`, `bytes`.

    `bytes_of` is what `token_bytes` gives; `tokens` counts those that are predicted, `bytes` the text that they stand
    for. Rows are divided among ranks, `rows` at a time on each, at most `max_rows` of a source; `total` sums a tensor
    over ranks. Every rank runs the same number of forward passes of the same shape: where it has no row left it runs
    padding. The sums do not depend on `rows` or `world`.
    """
    sums = torch.zeros(len(sources), 3, dtype=torch.float64, device=device)
    training = model.training
    model.eval()
    try:
        for n, batches in enumerate(sources.values()):
            for batch in _up_to(batches(rows * world), max_rows):
                sums[n] += _sums(model, _own(batch, rank, world), rows, bytes_of, device, autocast, mask_documents)
    finally:
        model.train(training)
    found = total(sums).tolist()
    return {name: _figures(*held) for name, held in zip(sources, found, strict=True) if held[1]}


def _up_to(batches: Iterator[Batch], most: int | None) -> Iterator[Batch]:
    left = most
    for batch in batches:
        if left is None:
            yield batch
            continue
        if left <= 0:
            return
        yield batch if len(batch["tokens"]) <= left else _some(batch, range(left))
        left -= len(batch["tokens"])


def _own(batch: Batch, rank: int, world: int) -> Batch:
    return batch if world == 1 else _some(batch, range(rank, len(batch["tokens"]), world))


def _some(batch: Batch, rows: range) -> Batch:
    """Some rows of a batch, in this order."""
    offsets = batch["offsets"]
    parts = [batch["starts"][offsets[row] : offsets[row + 1]] for row in rows]
    taken = list(rows)
    return {
        "tokens": batch["tokens"][taken],
        "loss": batch["loss"][taken],
        "starts": np.concatenate([batch["starts"][:0], *parts]),
        "offsets": np.cumsum([0, *map(len, parts)]),
    }


def _sums(
    model: torch.nn.Module,
    batch: Batch,
    rows: int,
    bytes_of: Int64s,
    device: torch.device | str,
    autocast: Callable[[], AbstractContextManager[Any]],
    mask_documents: bool,
) -> torch.Tensor:
    """float64[3]: nats, tokens, bytes of the rows of one forward pass, which is padded to `rows` rows."""
    columns = tensors(batch, mask_documents, rows)
    tokens, targets, counted, documents, positions = (
        None if column is None else column.to(device, non_blocking=True) for column in columns
    )
    assert tokens is not None
    assert targets is not None
    assert counted is not None

    def nats(hidden: torch.Tensor, head: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        return causal_lm(hidden, head, targets, counted, z_loss=0.0, chunk=_CHUNK).nll

    with torch.no_grad(), autocast():
        nll: torch.Tensor = model(tokens, positions=positions, documents=documents, then=nats)
    text = int(bytes_of[batch["tokens"][:, 1:][batch["loss"]]].sum())
    counts = torch.tensor([int(batch["loss"].sum()), text], dtype=torch.float64, device=device)
    return torch.cat([nll.double().sum().reshape(1), counts])


def _figures(nats: float, tokens: float, text: float) -> dict[str, float]:
    loss = nats / tokens
    return {
        "loss": loss,
        "perplexity": math.exp(loss) if loss < 700 else math.inf,
        "bits_per_byte": nats / math.log(2) / text if text else math.nan,
        "tokens": int(tokens),
        "bytes": int(text),
    }


# ---------------------------------------------------------------- a finished run


def evaluate_run(
    run: Run,
    folders: Sequence[str],
    split: Split,
    *,
    step: int | None = None,
    max_rows: int | None = None,
    device: str | None = None,
) -> dict[str, dict[str, float]]:
    """The losses of a run at a checkpoint on token corpora, by default its mix's; rows are as long as in training.

    Raises InputError for corpora made with another tokenizer, and if no source has documents of the split.
    """
    where, autocast = _device(run, device)
    named = {folder: folder for folder in folders}
    if not folders:
        named = {name: source.manifest for name, source in load_mix(run.mix).sources.items()}
    length = run.state(step).history[-1].plan.sequence_length
    sources = {}
    for title, folder in named.items():
        corpus = open_tokens(folder)
        made, own = corpus.tokenizer["sha256"], run.manifest["tokenizer"]["sha256"]
        if made != own:
            raise InputError(
                f"{folder}: its tokens were made with another tokenizer than the run's (sha256 {made[:16]}..., "
                f"{own[:16]}...); tokenize it with {run.tokenizer_file}"
            )
        verify(corpus)
        sources[title] = partial(in_order, corpus, split, length)
    found = losses(
        run.load_model(step, where),
        sources,
        token_bytes(load_tokenizer(run.tokenizer_file)),
        rows=run.settings.micro_batch,
        max_rows=max_rows,
        device=where,
        autocast=autocast,
        mask_documents=run.settings.mask_documents,
    )
    if not found:
        other = "set tokenize's validation_ratio" if split == "validation" else "there must be two tokens"
        raise InputError(
            f"{', '.join(named.values())}: no {split} documents to predict; {other}, or choose another --split"
        )
    return found


def run_tasks_of(
    run: Run,
    folder: str,
    names: Sequence[str],
    *,
    step: int | None = None,
    limit: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """What a run at a checkpoint scores in lm-eval's tasks: see `harness.run_tasks`."""
    from dataprep.training.harness import Scorer, run_tasks

    where, autocast = _device(run, device)
    scorer = Scorer(run.load_model(step, where), rows=run.settings.micro_batch, device=where, autocast=autocast)
    return run_tasks(
        scorer,
        load_tokenizer(run.tokenizer_file),
        folder,
        names,
        limit=limit,
        begins_with_bos=bool(run.manifest["tokenizer"].get("prepend_bos")),
    )


def _device(run: Run, asked: str | None) -> tuple[str, Callable[[], AbstractContextManager[Any]]]:
    """Where to work, and the precision that the run was trained in."""
    device = alone(asked)
    if run.settings.precision == "fp32":
        return str(device), nullcontext
    return str(device), partial(torch.autocast, device.type, torch.bfloat16)
