"""Bytes behind tokens, losses of sources, lm-eval: each against a plain formula."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_made_tokens import tokens_of, write_mix, write_tokens
from runs import write_jsonl
from token_corpora import PROSE, example_tokenizer, other_tokenizer
from tokenizer_files import ranks, sentencepiece, trained

from dataprep.corpus.reader import Reader, open_reader
from dataprep.errors import InputError, UsageError
from dataprep.tokenizers import Tokenizer, exactness, load
from dataprep.training.evaluate import held_out, losses
from dataprep.training.harness import Scorer, language_model, need_lm_eval, run_tasks
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.transformer import Transformer
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


# ---------------------------------------------------------------- losses of sources


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Two sources with validation documents, one without."""
    folder = tmp_path_factory.mktemp("corpora")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAPREP_HOME", str(folder / "home"))
        for n, (name, held_out) in enumerate({"web": [[40, 7, 90], [55]], "wiki": [[30]], "bare": []}.items()):
            ids = [[[(7 + n) * i % 90 for i in range(k, k + m)] for k, m in enumerate(s)] for s in held_out]
            write_tokens(folder / name, [[100, 80]], ids, name=name, vocab_size=100, seed=n)
        sources = {name: {"manifest": name, "weight": 1} for name in ("web", "wiki", "bare")}
        mix = write_mix(folder, sources, sequence_length=16, stages=[{"name": "main", "until_tokens": 300}])
        yield open_reader(mix)


@pytest.fixture(scope="module")
def model() -> Transformer:
    # Learned positions: rotary ones are relative, so that where they begin would not be seen.
    made = Transformer(ModelConfig(vocab_size=100, context=24, layers=2, width=32, heads=4, position="learned")).eval()
    made.init_weights(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter *= 3
    return made


BYTES = np.arange(100) % 5
"""Made-up bytes of text of each token."""


def plain(
    model: Transformer, reader: Reader, source: str, *, rows: int | None = None, mask: bool = False
) -> list[float]:
    """Nats, tokens, bytes of a source's validation documents, one row after another, from whole logits."""
    flat = np.concatenate(tokens_of(Path(reader.corpora[source].root), "validation")).astype(np.int64)
    begins = set(np.cumsum([0, *map(len, tokens_of(Path(reader.corpora[source].root), "validation"))]).tolist())
    nats, count, text = 0.0, 0, 0
    for n, low in enumerate(range(0, len(flat) - 1, 16)):
        if n == rows:
            break
        row = flat[low : low + 17]
        cuts = [0, *(at for at in range(1, len(row) - 1) if mask and low + at in begins), len(row) - 1]
        for first, last in pairwise(cuts):
            ids = torch.from_numpy(row[first : last + 1])
            with torch.no_grad():
                logits = model(ids[None, :-1])[0]
            nats += float(torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum"))
        count += len(row) - 1
        text += int(BYTES[row[1:]].sum())
    return [nats, count, text]


def check(found: dict[str, float], nats: float, tokens: float, text: float) -> None:
    assert found["tokens"] == tokens
    assert found["bytes"] == text
    assert found["loss"] == pytest.approx(nats / tokens, rel=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / text, rel=1e-5)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize(("rows", "most"), [(1, None), (3, None), (64, None), (2, 3), (4, 4)])
def test_losses_are_those_of_the_plain_formula(
    model: Transformer, reader: Reader, rows: int, most: int | None, mask: bool
) -> None:
    found = losses(model, held_out(reader), BYTES, rows=rows, max_rows=most, device="cpu", mask_documents=mask)
    assert list(found) == ["web", "wiki"]
    for name, one in found.items():
        check(one, *plain(model, reader, name, rows=most, mask=mask))
    assert found["web"]["tokens"] == (191 if most is None else 16 * most)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_divide_rows_and_run_as_many_passes(model: Transformer, reader: Reader, world: int) -> None:
    expected = losses(model, held_out(reader), BYTES, rows=2, max_rows=None, device="cpu")
    parts, passes = list[torch.Tensor](), list[list[tuple[int, ...]]]()

    def told(sums: torch.Tensor) -> torch.Tensor:
        parts.append(sums.clone())
        return torch.stack(parts).sum(0)

    for rank in range(world):
        seen = list[tuple[int, ...]]()
        hook = model.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(tuple(given[0].shape)))
        found = losses(
            model, held_out(reader), BYTES, rows=2, max_rows=None, device="cpu", rank=rank, world=world, total=told
        )
        hook.remove()
        passes.append(seen)
    assert all(one == passes[0] for one in passes)
    assert set(passes[0]) == {(2, 16)}
    for name, one in expected.items():
        assert found[name] == pytest.approx(one, rel=1e-6)


def test_a_model_that_trains_goes_on_training(model: Transformer, reader: Reader) -> None:
    model.train()
    try:
        losses(model, held_out(reader), BYTES, rows=4, max_rows=1, device="cpu")
        assert model.training
    finally:
        model.eval()


# ---------------------------------------------------------------- tasks of lm-eval

CHOICES = [
    {"question": "the people walk to the", "choices": ["river", "bread", "town hall and back"], "answer": 0},
    {"question": "敏捷的棕色", "choices": ["狐狸", "懒狗"], "answer": 1},
    {"question": "", "choices": ["nothing before", "it"], "answer": 1},
]
PASSAGES = [{"text": PROSE * 4}, {"text": "短文。"}, {"text": "a short one"}]
CHOICE_TASK = """
task: choice
dataset_path: json
dataset_kwargs: {data_files: {test: choice.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list: [{metric: acc}]
"""
ROLLING_TASK = """
task: rolling
dataset_path: json
dataset_kwargs: {data_files: {test: rolling.jsonl}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]
"""
UNTIL_TASK = """
task: until
dataset_path: json
dataset_kwargs: {data_files: {test: rolling.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{text}}"
doc_to_target: "x"
generation_kwargs: {until: ["e"], max_gen_toks: 6}
metric_list: [{metric: exact_match}]
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    for name, text in (("choice", CHOICE_TASK), ("rolling", ROLLING_TASK), ("until", UNTIL_TASK)):
        (folder / f"{name}.yaml").write_text(text)
    write_jsonl(folder / "choice.jsonl", CHOICES)
    write_jsonl(folder / "rolling.jsonl", PASSAGES)
    return folder


@pytest.fixture(scope="module")
def speaker() -> tuple[Transformer, Tokenizer]:
    """A model over the ids of a real tokenizer."""
    tokenizer = load(example_tokenizer())
    made = Transformer(ModelConfig(vocab_size=512, context=32, layers=2, width=32, heads=4, ffn_width=64))
    made.init_weights(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter *= 2
    return made.eval(), tokenizer


@torch.no_grad()
def log_p(model: Transformer, before: list[int], after: list[int]) -> tuple[float, bool]:
    """Of one continuation, from whole logits."""
    made = torch.log_softmax(model(torch.tensor([[*before, *after][:-1]]))[0, len(before) - 1 :], -1)
    total = sum(float(made[n, token]) for n, token in enumerate(after))
    return total, made.argmax(-1).tolist() == after


def test_scores_are_those_of_the_plain_formula(speaker: tuple[Transformer, Tokenizer]) -> None:
    model, _ = speaker
    random = np.random.default_rng(0)
    pairs = [(random.integers(512, size=a).tolist(), random.integers(512, size=b).tolist())
             for a, b in [(1, 1), (9, 3), (3, 9), (20, 13), (1, 32), (2, 0)]]  # fmt: skip
    with torch.no_grad():
        best = model(torch.tensor([pairs[1][0]]))[0, -1].argmax()
    pairs.append((pairs[1][0], [int(best)]))
    for rows in (1, 4, 16):
        found = Scorer(model, rows=rows, device="cpu").score(pairs)
        for one, (before, after) in zip(found, pairs, strict=True):
            total, greedy = log_p(model, before, after) if after else (0.0, True)
            assert one.log_p == pytest.approx(total, abs=1e-4)
            assert one.greedy == greedy
        assert found[-1].greedy
    # A context that is too long loses its beginning.
    long, after = random.integers(512, size=50).tolist(), [4, 5, 6]
    found = Scorer(model, rows=2, device="cpu").score([(long, after)])
    assert found[0].log_p == pytest.approx(log_p(model, long[-30:], after)[0], abs=1e-4)
    with pytest.raises(InputError, match="a continuation of 33 tokens has no room in a context of 32"):
        Scorer(model, rows=2, device="cpu").score([([1], [2] * 33)])


@pytest.mark.filterwarnings("ignore")  # those of libraries that lm-eval loads
def test_local_tasks_run_offline(
    speaker: tuple[Transformer, Tokenizer], tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    model, tokenizer = speaker
    found = run_tasks(Scorer(model, rows=3, device="cpu"), tokenizer, tasks, ["choice", "rolling", "until"])

    right = 0
    for one in CHOICES:
        scores = []
        for choice in one["choices"]:
            question = tokenizer.encode_one(one["question"])
            joint = tokenizer.encode_one(f"{one['question']} {choice}" if one["question"] else f" {choice}")
            before = question or [tokenizer.eos]
            scores.append(log_p(model, before, joint[len(question) :])[0])
        right += scores.index(max(scores)) == one["answer"]
    assert found["choice"]["acc,none"] == pytest.approx(right / 3)

    nats, text, words = 0.0, 0, 0
    for one in PASSAGES:
        ids = tokenizer.encode_one(one["text"])
        # Windows that do not overlap: each begins with the token before it.
        for low in range(0, len(ids), 32):
            part = ids[low : low + 32]
            before = [tokenizer.eos, *ids][max(0, low + len(part) - 32) : low + 1]
            nats -= log_p(model, before, part)[0]
        text += len(one["text"].encode())
        words += len(re.split(r"\s+", one["text"]))
    assert found["rolling"]["bits_per_byte,none"] == pytest.approx(nats / text / math.log(2), rel=1e-4)
    assert found["rolling"]["word_perplexity,none"] == pytest.approx(math.exp(nats / words), rel=1e-3)
    assert 0 <= found["until"]["exact_match,none"] <= 1

    spoken = language_model(Scorer(model, rows=3, device="cpu"), tokenizer)
    for context in ("the people", PROSE):  # the second has no room for its beginning
        ids = tokenizer.encode_one(context)[-24:]
        for _ in range(8):
            with torch.no_grad():
                ids.append(int(model(torch.tensor([ids]))[0, -1, : tokenizer.vocab_size].argmax()))
        whole = tokenizer.decode(ids[-8:])
        assert spoken._until(context, {"max_gen_toks": 8}) == whole
        stop = tokenizer.decode(ids[-5:-3])
        assert spoken._until(context, {"max_gen_toks": 8, "until": [stop]}) == whole[: whole.index(stop)]
    assert spoken.tok_encode("it") == tokenizer.encode_one("it")
    begun = language_model(Scorer(model, rows=3, device="cpu"), tokenizer, begins_with_bos=True)
    assert begun.prefix_token_id == tokenizer.bos
    assert begun._encode_pair("the", " people") == ([1, *tokenizer.encode_one("the")], tokenizer.encode_one(" people"))
    with pytest.raises(UsageError, match=r"generation_kwargs: num_beams is not here"):
        spoken._until("the people", {"num_beams": 4})
    with pytest.raises(UsageError, match="has no task 'choise'; did you mean 'choice'"):
        run_tasks(Scorer(model, rows=3, device="cpu"), tokenizer, tasks, ["choise"])
    (tasks / "broken.yaml").write_text(
        CHOICE_TASK.replace("choice.jsonl", "gone.jsonl").replace("choice\n", "broken\n", 1)
    )
    with pytest.raises(InputError, match=r"lm-eval can't load its tasks: .*gone.jsonl"):
        run_tasks(Scorer(model, rows=3, device="cpu"), tokenizer, tasks, ["broken"])
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        run_tasks(Scorer(model, rows=3, device="cpu"), tokenizer, tmp_path / "nowhere", [])


def test_without_lm_eval_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataprep.training.harness.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install .*'dataprep\[eval\]'"):
        need_lm_eval()
