"""`train-lm`'s work: sentences, counts, a model and its card; nothing again that is done already."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from dataprep import cards
from dataprep.errors import InputError, UsageError
from dataprep.lease import lease
from dataprep.ngram import lmplz, pieces, sentences
from dataprep.ngram.estimating import estimate
from dataprep.ngram.numbering import Numbered, Unit, number
from dataprep.ngram.sentences import Normalize
from dataprep.stage import Config
from dataprep.store import Store, describe, identity
from dataprep.text.spans import TextBuffers
from dataprep.tokenizers import Tokenizer, sampling
from dataprep.tokenizers.sampling import Origin

VERSION = 1
MODEL, BINARY, CARD, TOKENIZER = "lm.arpa", "lm.bin", "lm.yaml", "tokenizer.model"
LEAST_MB = 64
"""Least memory for rows, whatever the bound."""
Say = Callable[[str], None]


class Settings(Config):
    """What decides a model, besides its text and its tokenizer."""

    order: Annotated[int, Field(ge=2, le=6)] = 5
    prune: tuple[int, ...] = (0,)
    discount_fallback: tuple[float, float, float] | None = None
    unit: Unit = "words"
    normalize: Normalize = "none"
    language: str | None = None
    engine: Literal["builtin", "lmplz"] = "builtin"


class Made(NamedTuple):
    folder: str
    card: dict[str, Any]
    reused: bool
    """Whether the model was there already."""


def make(
    settings: Settings,
    origins: Sequence[Origin],
    files: Sequence[str],
    tokenizer: Tokenizer | None,
    output: str,
    memory_mb: int,
    say: Say = lambda line: None,
) -> Made:
    """Estimate into a folder: MODEL, a copy of the tokenizer, then CARD, whose presence says that all is there.

    A folder that holds a model of the same fingerprint is left as it is. Raises DataprepError for what a user can mend.
    """
    check(settings)
    if settings.engine == "lmplz":
        lmplz.find()
    if tokenizer is not None:
        pieces.check(tokenizer)
    store = Store(output)
    facts = {
        "settings": settings.model_dump(mode="json"),
        "version": VERSION,
        "tokenizer": tokenizer.sha256 if tokenizer is not None else None,
        "sources": [sampling.identity(origin) for origin in origins] + [_identity(path) for path in files],
    }
    fingerprint = cards.fingerprint(facts)
    made = cards.finished(store, CARD, MODEL, fingerprint)
    if made is not None:
        return Made(output, made, reused=True)
    with lease(store) as held:
        store.remove_temporaries()
        with store.scratch() as scratch:
            texts = _texts(settings, origins, files)
            say("numbering the words")
            numbered = number(texts, settings.unit, tokenizer, scratch / "ids")
            if not numbered.tokens:
                raise InputError(f"{', '.join([o.folder for o in origins] + list(files))}: no words to learn from")
            if numbered.skipped:
                say(f"{numbered.skipped:,} words <s>, </s> or <unk> in the text are left out")
            say(f"{numbered.tokens:,} words, {len(numbered.vocabulary) - 3:,} different")
            held.check()
            header = _header(settings, tokenizer)
            facts_of_model = _write(settings, numbered, scratch, header, memory_mb, say)
            held.confirm()
            card = {
                "file": MODEL,
                "sha256": describe(scratch / MODEL, MODEL).sha256,
                "fingerprint": fingerprint,
                **facts_of_model,
                "sentences": numbered.sentences,
                "words": numbered.tokens,
                "different_words": len(numbered.vocabulary) - 3,
                "skipped_words": numbered.skipped,
                "tokenizer": _about(tokenizer),
                "settings": facts["settings"],
                "packages": {"dataprep": version("dataprep")},
                "sources": facts["sources"],
            }
            _publish(store, scratch, tokenizer, card)
    return Made(output, card, reused=False)


def check(settings: Settings) -> None:
    """Raises UsageError for settings that no model can have."""
    prune = settings.prune
    if not prune or len(prune) > settings.order or prune[0] != 0 or list(prune) != sorted(prune):
        raise UsageError(
            "train-lm: --prune takes 0 and then up to one count an order, none smaller than the one before: 0 0 1"
        )
    for j, amount in enumerate(settings.discount_fallback or (), 1):
        if not 0 <= amount <= j:
            raise UsageError(f"train-lm: --discount-fallback: the discount of a count of {j} must be in 0 to {j}")


def _identity(path: str) -> dict[str, Any]:
    kind, value = identity(path)
    return {"file": path.rpartition("/")[2], kind: value}


def _texts(settings: Settings, origins: Sequence[Origin], files: Sequence[str]) -> Iterator[TextBuffers]:
    yield from sentences.of_runs(origins, settings.language, settings.normalize)
    yield from sentences.of_files(files, settings.normalize)


def _header(settings: Settings, tokenizer: Tokenizer | None) -> str:
    """Comment lines that KenLM skips: what to do to a text before this model can score it."""
    facts = {
        "unit": settings.unit,
        "normalize": settings.normalize,
        **({"language": settings.language} if settings.language is not None else {}),
        **({"tokenizer": tokenizer.sha256} if tokenizer is not None else {}),
    }
    return "".join(f"# dataprep {name}={value}\n" for name, value in facts.items())


def _write(
    settings: Settings, numbered: Numbered, scratch: Path, header: str, memory_mb: int, say: Say
) -> dict[str, Any]:
    """The model's file, and what is to be said of it."""
    say(f"estimating n-grams of up to {settings.order} words")
    words = numbered.vocabulary.letters()
    room = max(LEAST_MB, memory_mb - _resident_mb()) << 20
    with (scratch / MODEL).open("wb") as out:
        out.write(header.encode())
        if settings.engine == "lmplz":
            return lmplz.estimate(settings, scratch / "ids", words, scratch, room, out)
        made = estimate(
            scratch / "ids",
            words,
            settings.order,
            settings.prune,
            settings.discount_fallback,
            scratch,
            room,
            out,
        )
    if made.fallen_back:
        orders = ", ".join(map(str, made.fallen_back))
        say(f"n-grams of {orders} words have the fallback discounts: theirs can't be estimated")
    return {
        "order": settings.order,
        "ngrams": made.counts,
        "ngrams_before_pruning": made.all_counts,
        "discounts": [[float(f"{amount:.7g}") for amount in of_order[1:]] for of_order in made.discounts],
        "fallback_orders": made.fallen_back,
    }


def _resident_mb() -> int:
    """What this process holds before any row."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) >> 10
    return 0


def _about(tokenizer: Tokenizer | None) -> dict[str, Any] | None:
    if tokenizer is None:
        return None
    return {"file": TOKENIZER, "sha256": tokenizer.sha256, "pieces": tokenizer.vocab_size}


def _publish(store: Store, scratch: Path, tokenizer: Tokenizer | None, card: dict[str, Any]) -> None:
    store.remove(CARD)  # until the new one is there, nothing claims that what is there belongs together
    store.remove(BINARY)
    with store.publishing(MODEL) as path:
        shutil.move(scratch / MODEL, path)
    if tokenizer is None:
        store.remove(TOKENIZER)
    else:
        store.publish_bytes(TOKENIZER, tokenizer.file.read_bytes())
    if binary := lmplz.binary(Path(store.path(MODEL)), scratch / BINARY):
        with store.publishing(BINARY) as path:
            shutil.move(binary, path)
    cards.publish(store, CARD, card)
