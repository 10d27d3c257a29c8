"""Small tokenizers of every kind, trained on this project's own text, and text to try them on."""

from __future__ import annotations

import base64
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataprep.text.spans import TextBuffers, text_buffers
from dataprep.tokenizers import exactness, training

ROOT = Path(__file__).parent.parent
SPECIAL = ("<|im_start|>", "<|im_end|>")


@cache
def corpus() -> tuple[str, ...]:
    """English, code, a little of many scripts: about 1 MB."""
    # A table of 3,120 characters is no text: each would ask for a piece of its own.
    files = [ROOT / "README.md", *sorted((ROOT / "dataprep").rglob("*.py"))]
    files = [file for file in files if file.name != "traditional.py"]
    return (*(file.read_text("utf-8") for file in files), *[*exactness.PROSE, *exactness.CODE] * 20)


def sentencepiece(path: Path, **options: Any) -> Path:
    """A model as somebody else may have trained it."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    settings = {"vocab_size": 2000, "model_type": "bpe", "byte_fallback": True, "num_threads": 1, "minloglevel": 2}
    lines = (line for text in corpus() for line in text.split("\n") if line.strip())
    SentencePieceTrainer.train(sentence_iterator=lines, model_writer=model, **{**settings, **options})
    path.write_bytes(model.getvalue())
    return path


def trained(folder: Path, kind: str, **settings: Any) -> Path:
    """What `train-tokenizer` makes, without its card."""
    made = training.Settings(kind=kind, vocab_size=2000, special=SPECIAL, reserved=2, **settings)  # type: ignore[arg-type]
    path = folder / made.file
    path.write_bytes(training.train(made, (text.encode() for text in corpus())))
    return path


def ranks(path: Path, tokenizer_json: Path) -> Path:
    """A `.tiktoken` file with the pieces of a byte-level BPE, in the order of its merges."""
    held = json.loads(tokenizer_json.read_text("utf-8"))["model"]
    byte_of = {character: byte for byte, character in _byte_characters().items()}
    pieces = [bytes([byte]) for byte in range(256)]
    pieces += [bytes(byte_of[c] for c in "".join(pair)) for pair in held["merges"]]
    unique = dict.fromkeys(pieces)
    lines = (f"{base64.b64encode(piece).decode()} {rank}\n" for rank, piece in enumerate(unique))
    path.write_text("".join(lines))
    return path


def _byte_characters() -> dict[int, str]:
    """How byte-level BPE writes bytes: printable ones as they are, others from U+0100 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}


def buffers(texts: list[str] | tuple[str, ...]) -> TextBuffers:
    return text_buffers(pa.array(texts, pa.large_string()))
