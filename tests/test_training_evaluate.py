"""Bytes behind tokens, losses of sources, lm-eval: each against a plain formula."""

from __future__ import annotations

from pathlib import Path

import pytest
from token_corpora import other_tokenizer
from tokenizer_files import ranks, sentencepiece, trained

from dataprep.tokenizers import exactness, load
from dataprep.training.token_bytes import token_bytes

ENGLISH = "The quick brown fox jumps over the lazy dog, twice: naïve — ▁ and 12 €.\n\n\tindented  twice\r\n"
CHINESE = "敏捷的棕色狐狸跳过了懒狗，今天天气很好。第3章“深度学习”……《红楼梦》𠮷野家 👩‍👩‍👧‍👦\n"


# ---------------------------------------------------------------- bytes of text


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each kind that is lossless."""
    folder = tmp_path_factory.mktemp("tokenizers")
    return {
        "sentencepiece": trained(folder, "sentencepiece"),
        "byte-bpe": trained(folder, "byte-bpe"),
        "hf": other_tokenizer(folder / "hf", "hf"),
        "tiktoken": ranks(folder / "cl100k_base.tiktoken", folder / "tokenizer.json"),
    }


@pytest.mark.parametrize("kind", ["sentencepiece", "byte-bpe", "hf", "tiktoken"])
def test_bytes_of_a_documents_tokens_are_the_bytes_of_its_text(tokenizers: dict[str, Path], kind: str) -> None:
    tokenizer = load(tokenizers[kind])
    count = token_bytes(tokenizer)
    assert len(count) == tokenizer.vocab_size
    for text in (ENGLISH, CHINESE, *exactness.PROSE, *exactness.CODE, *exactness.probes(list(tokenizer.special))):
        assert count[tokenizer.encode_one(text)].sum() == len(text.encode()), text
    assert not count[list(tokenizer.special.values())].any()
    assert tokenizer.eos is not None
    assert not count[tokenizer.eos]


def test_a_space_put_in_front_is_the_one_byte_too_many(tmp_path: Path) -> None:
    """Of models as others train them: text that they do not normalise, but for a space before it."""
    tokenizer = load(sentencepiece(tmp_path / "other.model", normalization_rule_name="identity"))
    text = "The quick brown fox. 敏捷的棕色狐狸"
    assert token_bytes(tokenizer)[tokenizer.encode_one(text)].sum() == len(text.encode()) + 1
