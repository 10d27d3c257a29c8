"""Train a tokenizer on a sample: SentencePiece BPE, or byte-level BPE of the `tokenizers` library.

SentencePiece is set up so that every text comes back as it was: identity normalisation, no dummy prefix, no spaces
removed, byte fallback. Without a dummy prefix a word at the beginning of a text or of a line has no U+2581 in front, so
it is another piece than within a line: what a text says is what is encoded, and texts can be cut and joined. Runs of
spaces may be pieces, for code. The trainer sees lines, each with the newlines before it, so that runs of newlines may
be pieces too, and no piece spans the end of a line and the beginning of the next.

Special tokens are control symbols: no text gives them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from dataprep.errors import InputError, UsageError

VERSION = 1
"""Of what is trained from equal settings and equal text; part of fingerprints."""
LINE_BYTES = 16 << 10
"""Longer lines are cut for the trainer: its positions in a piece of text are 16 bits."""
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def pattern(*, split_digits: bool) -> str:
    """How byte-level BPE splits text into words: as GPT-4 does, or with single digits as Qwen2 does."""
    return _PATTERN.replace("DIGITS", r"\p{N}" if split_digits else r"\p{N}{1,3}")


class Settings(BaseModel):
    """What decides a tokenizer, beside the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sentencepiece", "byte-bpe"] = "sentencepiece"
    vocab_size: int = Field(32_000, ge=300, le=1_000_000)
    """All of it: bytes, special and reserved tokens too."""
    character_coverage: float = Field(0.9995, gt=0, le=1)
    """Share of the sample's characters that get a piece of their own; others are bytes. Only sentencepiece."""
    split_digits: bool = True
    """Each digit alone; byte-bpe without it groups up to three."""
    special: tuple[str, ...] = ()
    """Literals of special tokens, in the order of their ids, after BOS and EOS."""
    reserved: int = Field(0, ge=0, le=100_000)
    """Special tokens `<|reserved_N|>` for later use."""
    sample_mb: float = Field(100.0, gt=0)
    """Text to train on, 10^6 bytes."""

    BOS: ClassVar[str] = "<s>"
    EOS: ClassVar[str] = "</s>"
    UNK: ClassVar[str] = "<unk>"
    END: ClassVar[str] = "<|endoftext|>"
    """EOS of byte-level BPE, and all it has."""

    @property
    def extra(self) -> list[str]:
        """Special tokens beside those of the roles."""
        return [*self.special, *(f"<|reserved_{n}|>" for n in range(self.reserved))]

    @property
    def file(self) -> str:
        return "tokenizer.model" if self.kind == "sentencepiece" else "tokenizer.json"

    @property
    def roles(self) -> dict[str, str]:
        """Which literal is which, as `tokenizer.yaml` says it."""
        if self.kind == "sentencepiece":
            return {"bos": self.BOS, "eos": self.EOS, "unk": self.UNK}
        return {"eos": self.END}


def check(settings: Settings) -> None:
    """Raise UsageError for special tokens that can't be."""
    taken = [*settings.roles.values(), *settings.extra]
    for literal in settings.special:
        if not literal or literal != literal.strip():
            raise UsageError(f"--special '{literal}': a special token is not empty and has no space around it")
        if taken.count(literal) > 1:
            raise UsageError(f"--special '{literal}': is there already")
    room = settings.vocab_size - 256 - len(taken)
    if room < 1:
        raise UsageError(
            f"--vocab-size {settings.vocab_size}: 256 bytes and {len(taken)} special tokens leave no room; "
            "make it larger"
        )


def packages(settings: Settings) -> dict[str, str]:
    """What trains, with its version: another version may give another tokenizer."""
    from importlib.metadata import version

    name = "sentencepiece" if settings.kind == "sentencepiece" else "tokenizers"
    return {name: version(name)}


def train(settings: Settings, texts: Iterable[bytes]) -> bytes:
    """The content of a `tokenizer.model` or `tokenizer.json`. Equal texts in equal order give equal bytes.

    Memory is the trainer's: for SentencePiece about 10 bytes per byte of text.
    Raises InputError if the text is too little for the vocabulary, with the largest that it is enough for.
    """
    return _sentencepiece(settings, texts) if settings.kind == "sentencepiece" else _byte_bpe(settings, texts)


# ---------------------------------------------------------------- sentencepiece


_LINE = re.compile(rb"\n*[^\n]+")


def lines(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with the newlines before them, cut at `LINE_BYTES`."""
    for text in texts:
        for match in _LINE.finditer(text):
            line = match.group()
            while len(line) > LINE_BYTES:
                end = LINE_BYTES
                while end > LINE_BYTES - 4 and line[end] & 0xC0 == 0x80:
                    end -= 1
                yield line[:end]
                line = line[end:]
            yield line


def sentencepiece_options(settings: Settings) -> dict[str, Any]:
    """What the trainer is told."""
    return {
        "model_type": "bpe",
        "vocab_size": settings.vocab_size,
        "character_coverage": settings.character_coverage,
        "byte_fallback": True,
        "split_digits": settings.split_digits,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
        "control_symbols": settings.extra,
        "max_sentence_length": 4 * LINE_BYTES,
        "num_threads": 1,  # more are of no use to BPE
        "minloglevel": 2,
    }


def _sentencepiece(settings: Settings, texts: Iterable[bytes]) -> bytes:
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=lines(texts), model_writer=model, **sentencepiece_options(settings)
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(_too_little(settings, " ".join(str(error).split()))) from error
    return model.getvalue()


def _too_little(settings: Settings, said: str) -> str:
    """SentencePiece's reason in words a user can act on."""
    if most := re.search(r"set it to a value <= (\d+)", said):
        return _at_most(settings, int(most.group(1)))
    if least := re.search(r"smaller than required_chars[^\d]*(\d+) vs (\d+)", said):
        return (
            f"--vocab-size {settings.vocab_size}: too small: the sample's characters, bytes and special tokens alone "
            f"are {least.group(2)}; make it larger or --character-coverage {settings.character_coverage} smaller"
        )
    if "sentences_.empty()" in said:
        return "the sample has no text to train on"
    return f"sentencepiece can't train on this sample: {said}"


def _at_most(settings: Settings, most: int) -> str:
    return (
        f"--vocab-size {settings.vocab_size}: the sample has too little text for it: the largest vocabulary possible "
        f"is {most}; give that, or more text with --sample-mb"
    )


# ---------------------------------------------------------------- byte-level BPE


def _byte_bpe(settings: Settings, texts: Iterable[bytes]) -> bytes:
    import os

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Regex, Tokenizer
    from tokenizers.decoders import ByteLevel as Decoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(BPE())
    words = Split(Regex(pattern(split_digits=settings.split_digits)), "isolated")
    tokenizer.pre_tokenizer = Sequence([words, ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    tokenizer.decoder = Decoder()
    trainer = BpeTrainer(
        vocab_size=settings.vocab_size,
        special_tokens=[settings.END, *settings.extra],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.decode() for text in texts), trainer)
    if tokenizer.get_vocab_size() < settings.vocab_size:
        raise InputError(_at_most(settings, tokenizer.get_vocab_size()))
    return str(tokenizer.to_str(pretty=True)).encode() + b"\n"
