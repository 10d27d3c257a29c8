"""Tasks of EleutherAI's lm-evaluation-harness, from local files, with a model of ours. Nothing is downloaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, chdir, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from dataprep.errors import InputError, UsageError, did_you_mean
from dataprep.tokenizers import Tokenizer
from dataprep.training.generate import Sampling
from dataprep.training.generate import tokens as generated
from dataprep.training.model.transformer import Head, Transformer

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import TemplateLM

_CHUNK = 2048
"""Tokens whose logits are alive together."""
_NEW_TOKENS = 256
"""Generated at most where a task does not say."""
_SEED = 0
"""Of tasks that ask for sampling: the same answers each time."""


def need_lm_eval() -> None:
    """Raise UsageError, one line, where lm-eval is not installed."""
    if find_spec("lm_eval") is None:
        raise UsageError("tasks need lm-eval; type: pip install -c constraints.txt 'dataprep[eval]'")


class Scored(NamedTuple):
    """A continuation after its context."""

    log_p: float
    """Sum over its tokens, in nats."""
    greedy: bool
    """Each of its tokens was the likeliest."""


class Scorer:
    """What a model says of continuations, on token ids."""

    def __init__(
        self,
        model: Transformer,
        *,
        rows: int,
        device: torch.device | str,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.model, self.rows, self.device, self.autocast = model.eval(), rows, device, autocast
        self.context = model.config.context

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> list[Scored]:
        """Of each (context, continuation), `rows` at a time, long ones first. A context that is too long loses its
        beginning. Raises InputError for a continuation that has no room.
        """
        found: list[Scored | None] = [None] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda n: -sum(map(len, pairs[n])))
        for low in range(0, len(order), self.rows):
            chosen = order[low : low + self.rows]
            for n, one in zip(chosen, self._score([pairs[n] for n in chosen]), strict=True):
                found[n] = one
        return [one for one in found if one is not None]

    def _score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[Scored]:
        inputs, spans = [], []
        for before, after in pairs:
            if len(after) > self.context:
                raise InputError(
                    f"a continuation of {len(after):,} tokens has no room in a context of {self.context:,}; shorten "
                    "the task's answers"
                )
            ids = [*before, *after][-(self.context + 1) :][:-1]
            inputs.append(ids)
            spans.append((len(ids) - len(after), len(ids)))
        tokens = torch.zeros(len(pairs), max(1, *map(len, inputs)), dtype=torch.int64)
        for row, ids in enumerate(inputs):
            tokens[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
        rows = torch.cat([torch.full((high - low,), n) for n, (low, high) in enumerate(spans)])
        places = torch.cat([torch.arange(low, high) for low, high in spans])
        targets = torch.tensor([token for _, after in pairs for token in after], dtype=torch.int64)

        def last(hidden: Tensor, head: Head) -> tuple[Tensor, Tensor]:
            # Logits only where a token of a continuation is predicted.
            held = hidden[rows.to(hidden.device), places.to(hidden.device)]
            wanted = targets.to(hidden.device)
            parts = [
                _of_targets(head(held[low : low + _CHUNK]), wanted[low : low + _CHUNK])
                for low in range(0, max(1, len(held)), _CHUNK)
            ]
            return torch.cat([log_p for log_p, _ in parts]), torch.cat([best for _, best in parts])

        with torch.no_grad(), self.autocast():
            log_p, best = self.model(tokens.to(self.device), then=last)
        lengths = [high - low for low, high in spans]
        for part, likeliest in zip(log_p.cpu().split(lengths), best.cpu().split(lengths), strict=True):
            yield Scored(float(part.double().sum()), bool(likeliest.all()))


def _of_targets(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """float32[n] log-probability of each target and bool[n] whether it is the likeliest."""
    log_p = torch.log_softmax(logits.float(), -1)
    return log_p.gather(1, targets[:, None])[:, 0], log_p.argmax(-1) == targets


def language_model(scorer: Scorer, tokenizer: Tokenizer, *, begins_with_bos: bool = False) -> TemplateLM:
    """The model as lm-eval takes it. Texts begin as documents did in training: with BOS if they had one; without one
    and without a context, after the token that ends a document.
    """
    need_lm_eval()
    from lm_eval.api.model import TemplateLM
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    bos = tokenizer.bos if begins_with_bos else None
    start = next((token for token in (bos, tokenizer.eos, tokenizer.bos) if token is not None), 0)

    class LanguageModel(TemplateLM):  # type: ignore[misc]
        """lm-eval is not there to inherit from until it is asked for."""

        @property
        def eot_token_id(self) -> int:
            return start

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
            ids = tokenizer.encode_one(string)
            return ids if bos is None or add_special_tokens is False else [bos, *ids]

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
            found = scorer.score([(before, after) for _, before, after in requests])
            return [(one.log_p, one.greedy) for one in found]

        def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
            windows = [
                [
                    make_disjoint_window(window)
                    for window in get_rolling_token_windows(
                        self.tok_encode(request.args[0], add_special_tokens=False), start, scorer.context, 1
                    )
                ]
                for request in requests
            ]
            found = iter(scorer.score([pair for held in windows for pair in held]))
            return [sum(next(found).log_p for _ in held) for held in windows]

        def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
            return [self._until(*request.args) for request in requests]

        def _until(self, context: str, how: dict[str, Any]) -> str:
            if how.get("num_beams", 1) != 1:
                raise UsageError("generation_kwargs: num_beams is not here; leave it out")
            until = how.get("until") or []
            stops = [until] if isinstance(until, str) else list(until)
            most = int(how.get("max_gen_toks", _NEW_TOKENS))
            # What is too long loses its beginning.
            before = (self.tok_encode(context) or [start])[-max(1, scorer.context - most) :]
            warmth = float(how.get("temperature", 1.0)) if how.get("do_sample") else 0.0
            sampling = Sampling(warmth, how.get("top_k"), how.get("top_p"))
            coming = generated(scorer.model, before, sampling, most=most, vocab_size=tokenizer.vocab_size, seed=_SEED)
            new, text = list[int](), ""
            with scorer.autocast():
                for token in coming:
                    if token == tokenizer.eos:
                        break
                    new.append(token)
                    text = tokenizer.decode(new)
                    if any(stop in text for stop in stops):
                        break
            return text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]

    return LanguageModel()


def run_tasks(
    scorer: Scorer,
    tokenizer: Tokenizer,
    folder: str | Path,
    names: Sequence[str],
    *,
    limit: int | None = None,
    begins_with_bos: bool = False,
) -> dict[str, Any]:
    """What tasks of the YAML files in a folder find, by task and metric, as lm-eval gives it; at most `limit` documents
    of each task. Paths in the YAML files are relative to the folder. Raises UsageError for a task that is not there.
    """
    need_lm_eval()
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder; give one with lm-eval's YAML tasks")
    # Read when those libraries are imported.
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    tasks = TaskManager(include_path=str(root.resolve()), include_defaults=False)
    known = [*tasks.all_tasks]
    for name in names:
        if name not in known:
            raise UsageError(f"{root}: has no task '{name}'{did_you_mean(name, known)}")
    with chdir(root):
        try:
            tasks.load(list(names or known))  # each file, its data too, before the model works for any
        except Exception as error:  # whatever YAML, Jinja and datasets raise
            text = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{root}: lm-eval can't load its tasks: {text[:300]}") from error
        found = simple_evaluate(
            model=language_model(scorer, tokenizer, begins_with_bos=begins_with_bos),
            tasks=list(names or known),
            task_manager=tasks,
            limit=limit,
            log_samples=False,
            bootstrap_iters=1000,
        )
    assert found is not None
    return dict(found["results"])
