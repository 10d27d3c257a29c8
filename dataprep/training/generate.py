"""Text from a model, token by token: sampling, and text that never ends in half a character."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dataprep.errors import InputError, UsageError
from dataprep.tokenizers import Tokenizer
from dataprep.training.model.cache import Cache
from dataprep.training.model.transformer import Transformer

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_MOST_OPEN = 3
"""Bytes of a UTF-8 character that can be there without its last one: as many replacement characters at the most."""


class Sampling(NamedTuple):
    """How the next token is chosen."""

    temperature: float = 1.0
    """Logits are divided by it; 0 takes the most likely token."""
    top_k: int | None = None
    """Only so many most likely tokens (Fan et al. 2018, arXiv:1805.04833)."""
    top_p: float | None = None
    """Only the fewest tokens whose probabilities sum to it (Holtzman et al. 2020, arXiv:1904.09751)."""
    repetition_penalty: float = 1.0
    """Of tokens that were read or written, positive logits are divided by it and negative ones multiplied with it
    (Keskar et al. 2019, arXiv:1909.05858)."""


def probabilities(logits: Tensor, read: Tensor, sampling: Sampling) -> Tensor:
    """float32[vocab_size] of float32 logits [vocab_size], after the int64 tokens `read`: the penalty, the temperature,
    `top_k`, `top_p`, in this order. Of equal tokens the one with the smaller id comes first."""
    logits = logits.float().clone()
    if sampling.repetition_penalty != 1:
        seen = torch.tensor(sorted(set(read.tolist())), dtype=torch.int64)
        held = logits[seen]
        logits[seen] = torch.where(held > 0, held / sampling.repetition_penalty, held * sampling.repetition_penalty)
    if sampling.temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(), len(logits)).float()
    # The largest becomes 0 first: then no temperature is too low.
    ordered, ids = ((logits - logits.max()) / sampling.temperature).sort(descending=True, stable=True)
    if sampling.top_k is not None:
        ordered[sampling.top_k :] = float("-inf")
    chances = ordered.softmax(0)
    if sampling.top_p is not None:
        # A token stays if those before it do not reach top_p; nothing is before the first.
        before = chances.cumsum(0) - chances
        chances = torch.where(before < sampling.top_p, chances, 0.0)
        chances /= chances.sum()
    return torch.zeros_like(chances).index_copy(0, ids, chances)


@torch.inference_mode()
def tokens(
    model: Transformer, prompt: Sequence[int], sampling: Sampling, *, most: int, vocab_size: int, seed: int
) -> Iterator[int]:
    """New tokens after `prompt`, at most `most` and not beyond the model's context; ids from `vocab_size` on, rows of
    the embedding that no token has, are never chosen. The caller stops at the end of a document.

    The same seed gives the same tokens on the same device. Each token costs one forward pass over itself alone.
    Raises InputError for a model that has diverged.
    """
    device = next(model.parameters()).device
    end = min(len(prompt) + most, model.config.context)
    generator = torch.Generator().manual_seed(seed)
    cache = Cache(end)
    read = torch.tensor(prompt, dtype=torch.int64)
    new = read
    while len(read) < end:
        logits: Tensor = model(new[None].to(device), cache=cache, then=lambda hidden, head: head(hidden[:, -1:]))
        last = logits[0, -1, :vocab_size].float().cpu()
        if not last.isfinite().all():
            raise InputError("generate: the model's scores are not finite numbers; take an earlier --step")
        chances = probabilities(last, read, sampling)
        new = torch.multinomial(chances, 1, generator=generator)
        read = torch.cat([read, new])
        yield int(new)


class Text:
    """The text of new tokens as they come: characters that are not whole yet wait."""

    def __init__(self, tokenizer: Tokenizer, prompt: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        # Some tokens of the prompt, so that a space which starts the first new word is seen to stand inside a text.
        self._ids = list(prompt[-8:])
        self._given = len(tokenizer.decode(self._ids))

    def add(self, token: int) -> str:
        """What can be shown now."""
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids)
        whole = len(text.rstrip(_REPLACEMENT))
        return self._give(text, max(whole, len(text) - _MOST_OPEN))

    def end(self) -> str:
        """What is left when no more tokens come."""
        text = self._tokenizer.decode(self._ids)
        return self._give(text, len(text))

    def _give(self, text: str, end: int) -> str:
        part = text[self._given : end]
        self._given = max(self._given, end)
        return part


def prompt_tokens(tokenizer: Tokenizer, text: str, *, begins_with_bos: bool) -> list[int]:
    """The tokens of a prompt as a document in training begins: with BOS if documents have one. Without any text, the
    end of another document stands before. Raises UsageError if there is nothing to begin with."""
    ids = tokenizer.encode_one(text) if text else []
    if begins_with_bos and tokenizer.bos is not None:
        return [tokenizer.bos, *ids]
    if ids:
        return ids
    start = tokenizer.eos if tokenizer.eos is not None else tokenizer.bos
    if start is None:
        raise UsageError("generate: the tokenizer has no token that begins a document; give a prompt")
    return [start]


def check_room(prompt: Sequence[int], context: int) -> None:
    """Raises UsageError if a prompt leaves no room for an answer."""
    if len(prompt) >= context:
        raise UsageError(
            f"generate: the prompt is {len(prompt):,} tokens and the model's context {context:,}; "
            "shorten it: the answer needs room too"
        )
