"""The learning rate over a run: a pure function of the tokens trained on."""

from __future__ import annotations

import math

from dataprep.errors import UsageError
from dataprep.training.settings import Schedule


def ratio(settings: Schedule, tokens: int, total: int) -> float:
    """Share of the highest learning rate for the step that ends after `tokens` tokens of the run.

    The step's own tokens count, so that the first step of a warm-up has a part of it and the last step of a run the
    last value. `total` is where the schedule ends unless the settings say so; beyond it the last value holds.
    """
    end = settings.total_tokens or total
    if tokens < settings.warmup_tokens:
        return tokens / settings.warmup_tokens
    begin = min(settings.warmup_tokens, end)
    low = settings.min_ratio
    match settings.kind:
        case "constant":
            return 1.0
        case "cosine":
            return low + (1 - low) * _cosine(_share(tokens, begin, end))
        case "linear":
            return low + (1 - low) * (1 - _share(tokens, begin, end))
        case "multi_step":
            # DeepSeek LLM (arXiv:2401.02954, section 2.3): 31.6 % after 80 % of the tokens, 10 % after 90 %.
            if tokens * 10 <= end * 8:
                return 1.0
            return math.sqrt(low) if tokens * 10 <= end * 9 else low
        case "wsd":
            length = settings.decay_tokens or end // 10
            done = _share(tokens, max(begin, end - length), end)
            left = {"linear": 1 - done, "sqrt": 1 - math.sqrt(done), "cosine": _cosine(done)}[settings.decay_shape]
            return low + (1 - low) * left


def check(settings: Schedule, total: int, where: str) -> None:
    """Raise UsageError, which begins with `where`, for ways up and down that do not fit into `total` tokens."""
    end = settings.total_tokens or total
    down = settings.decay_tokens if settings.kind == "wsd" else 0
    if settings.warmup_tokens + down > end:
        parts = "warmup_tokens" if not down else "warmup_tokens and decay_tokens"
        raise UsageError(
            f"{where}: schedule: {parts} are {settings.warmup_tokens + down:,} and the schedule ends after {end:,} "
            "tokens; make them fewer"
        )


def _share(tokens: int, begin: int, end: int) -> float:
    """How much of the way from `begin` to `end` is done, 0 to 1."""
    if tokens >= end:
        return 1.0
    return max(0, tokens - begin) / (end - begin)


def _cosine(share: float) -> float:
    """From 1 down to 0 along half a cosine."""
    return (1 + math.cos(math.pi * share)) / 2
