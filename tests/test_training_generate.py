"""Text from a model: how tokens are chosen, how text streams, the command on a run that knows two sentences."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import product, starmap
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner, Result  # noqa: E402
from hand_made_tokens import write_tokens  # noqa: E402
from runs import environment  # noqa: E402
from token_corpora import example_tokenizer  # noqa: E402
from tokenizer_files import ranks, trained  # noqa: E402
from training_runs import load as load_settings  # noqa: E402
from training_runs import write_settings  # noqa: E402

from dataprep.cli.generate import _safe  # noqa: E402
from dataprep.cli.main import dataprep  # noqa: E402
from dataprep.errors import InputError, UsageError  # noqa: E402
from dataprep.tokenizers import Tokenizer, load  # noqa: E402
from dataprep.training.generate import (  # noqa: E402
    Sampling,
    Text,
    check_room,
    probabilities,
    prompt_tokens,
    tokens,
)
from dataprep.training.model.config import ModelConfig  # noqa: E402
from dataprep.training.model.transformer import Transformer  # noqa: E402

SENTENCES = (
    "敏捷的棕色狐狸跳过了懒狗，今天天气很好。",
    "The quick brown fox jumps over the lazy dog. Ça coûte 12 € 🌍.",
)


# ---------------------------------------------------------------- choosing


def plainly(logits: list[float], read: list[int], how: Sampling) -> list[float]:
    """The same in plain Python, from the definitions."""
    logits = list(logits)
    for token in set(read):
        penalty = how.repetition_penalty
        logits[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
    if how.temperature == 0:
        best = max(range(len(logits)), key=lambda i: (logits[i], -i))
        return [float(i == best) for i in range(len(logits))]
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    kept = order[: how.top_k]
    weights = {i: math.exp((logits[i] - logits[order[0]]) / how.temperature) for i in kept}
    total = sum(weights.values())
    chosen, mass = [], 0.0
    for i in kept:
        if how.top_p is not None and mass >= how.top_p:
            break
        chosen.append(i)
        mass += weights[i] / total
    total = sum(weights[i] for i in chosen)
    return [weights[i] / total if i in chosen else 0.0 for i in range(len(logits))]


def test_probabilities() -> None:
    logits = torch.randn(40, generator=torch.Generator().manual_seed(1)) * 3
    read = torch.tensor([3, 7, 7, 12])
    ways = product([0, 0.3, 1.0, 1.7], [None, 1, 5, 500], [None, 0.01, 0.5, 0.9, 1.0], [1.0, 1.3, 0.8])
    for how in starmap(Sampling, ways):
        ours = probabilities(logits, read, how)
        assert ours.tolist() == pytest.approx(plainly(logits.tolist(), read.tolist(), how), abs=1e-6), how
        assert float(ours.sum()) == pytest.approx(1, abs=1e-6)


def test_equal_logits_and_extreme_temperatures() -> None:
    logits = torch.tensor([1.0, 2.0, 2.0, 2.0])
    none = torch.zeros(0, dtype=torch.int64)
    assert probabilities(logits, none, Sampling(0)).tolist() == [0, 1, 0, 0]
    assert probabilities(logits, none, Sampling(1, top_k=2)).tolist() == [0, 0.5, 0.5, 0]
    assert probabilities(logits * 1e4, none, Sampling(1e-38)).tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])


# ---------------------------------------------------------------- tokens


def small(**more: Any) -> Transformer:
    values = {"vocab_size": 64, "context": 24, "layers": 2, "width": 32, "heads": 4, **more}
    model = Transformer(ModelConfig(**values))
    model.init_weights(0)
    return model.eval()


def drawn(model: Transformer, how: Sampling, seed: int = 0, most: int = 50) -> list[int]:
    return list(tokens(model, [1, 2, 3], how, most=most, vocab_size=60, seed=seed))


def test_seeds_repeat_and_differ() -> None:
    model = small(init_std=0.3)
    first = drawn(model, Sampling(1.0))
    assert drawn(model, Sampling(1.0)) == first
    assert drawn(model, Sampling(1.0), seed=1) != first
    assert drawn(model, Sampling(0), seed=1) == drawn(model, Sampling(0), seed=2)


def test_greedy_is_the_best_token_of_the_whole_forward_pass() -> None:
    model = small(init_std=0.3, kv_heads=2, window=5)
    read = [1, 2, 3]
    for token in drawn(model, Sampling(0), most=12):
        assert token == int(model(torch.tensor([read]))[0, -1, :60].argmax())
        read.append(token)


def test_stops_where_the_context_ends_and_never_draws_rows_without_a_token() -> None:
    model = small(init_std=0.0001)  # all tokens about equally likely
    for seed in range(20):
        made = drawn(model, Sampling(1.0), seed)
        assert len(made) == 24 - 3
        assert max(made) < 60
    assert len(drawn(model, Sampling(1.0), most=5)) == 5


def test_a_diverged_model_is_named() -> None:
    model = small()
    with torch.no_grad():
        model.embed.weight[1] = float("nan")
    with pytest.raises(InputError, match="not finite"):
        drawn(model, Sampling(1.0))


def test_prompts() -> None:
    tokenizer = load(example_tokenizer())
    ids = tokenizer.encode_one("狐狸")
    assert prompt_tokens(tokenizer, "狐狸", begins_with_bos=False) == ids
    assert prompt_tokens(tokenizer, "狐狸", begins_with_bos=True) == [tokenizer.bos, *ids]
    assert prompt_tokens(tokenizer, "", begins_with_bos=False) == [tokenizer.eos]
    assert prompt_tokens(tokenizer, "", begins_with_bos=True) == [tokenizer.bos]
    check_room([1] * 9, 10)
    with pytest.raises(UsageError, match="the prompt is 10 tokens and the model's context 10; shorten it"):
        check_room([1] * 10, 10)


# ---------------------------------------------------------------- text as it comes

PIECES = "Hello, world! 你好，世界。𠮷野家 🌍👩‍👩‍👧 e\u0301 naïve\n\n  two  spaces\tend. "


@pytest.fixture(scope="module", params=["sentencepiece", "dummy prefix", "hf", "tiktoken"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    if request.param == "sentencepiece":
        return load(example_tokenizer())
    if request.param == "dummy prefix":
        from token_corpora import sentencepiece_model

        return load(sentencepiece_model(folder / "tokenizer.model", add_dummy_prefix=True))
    file = trained(folder, "byte-bpe")
    return load(file if request.param == "hf" else ranks(folder / "cl100k_base.tiktoken", file))


@pytest.mark.parametrize("prompt", ["Say:", "好", "a\n"])
def test_streams_whole_characters(tokenizer: Tokenizer, prompt: str) -> None:
    before = tokenizer.encode_one(prompt)
    ids = tokenizer.encode_one(PIECES)
    text = Text(tokenizer, before)
    parts = [text.add(token) for token in ids]
    parts.append(text.end())
    assert tokenizer.decode([*before, *ids]) == tokenizer.decode(before) + "".join(parts)
    assert all("\N{REPLACEMENT CHARACTER}" not in part for part in parts)
    assert "你好，世界。𠮷野家 🌍" in "".join(parts)
    assert parts.count("") < len(parts) - len(PIECES) // 4  # it does come in pieces


def test_bytes_that_are_no_character_wait_for_three_more_at_most() -> None:
    tokenizer = load(example_tokenizer())
    byte = {tokenizer.byte(token): token for token in range(tokenizer.vocab_size)}
    text = Text(tokenizer, [])
    assert [text.add(byte[0xFF]) for _ in range(5)] == ["", "", "", "\ufffd", "\ufffd"]
    assert text.add(byte[ord("a")]) == "\ufffd\ufffd\ufffda"
    assert text.add(byte[0xE4]) == ""
    assert text.end() == "\ufffd"


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows two sentences by heart."""
    from dataprep.training.loop import pretrain

    folder = tmp_path_factory.mktemp("run")
    tokenizer = load(example_tokenizer())
    documents = [[*tokenizer.encode_one(sentence), tokenizer.eos] for sentence in SENTENCES]
    write_tokens(
        folder / "web", [documents * 40], name="web", vocab_size=512, tokenizer=example_tokenizer().read_bytes()
    )
    mix = folder / "mix.yaml"
    mix.write_text(
        "name: heart\nseed: 1\nsequence_length: 64\nbatch_size: 4\n"
        "sources: {web: {manifest: web, weight: 1}}\nstages: [{name: main, until_tokens: 25600}]\n"
    )
    model = {"layers": 2, "width": 48, "heads": 4, "ffn_width": 96}
    settings = write_settings(
        folder, mix, model=model, micro_batch=4, checkpoint={"every": 60}, schedule={"warmup_tokens": 1000}
    )
    pretrain(load_settings(settings), device="cpu")
    return folder / "run"


def say(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(dataprep, ["generate", *words], input=stdin)


def test_continues_a_prompt_to_the_end_of_the_document(run: Path) -> None:
    command = [sys.executable, "-m", "dataprep", "generate", str(run), "敏捷的", "--temperature", "0"]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == SENTENCES[0].removeprefix("敏捷的") + "\n"


def test_json_and_standard_input(run: Path) -> None:
    done = say(str(run), "-", "--temperature", "0", "--json", stdin=b"The quick\n")
    told = json.loads(done.stdout)
    assert told["text"] == SENTENCES[1].removeprefix("The quick")
    assert (told["prompt"], told["stopped"], told["step"], told["seed"]) == ("The quick", "eos", 100, 0)
    assert load(example_tokenizer()).decode(told["ids"]) == told["text"]


def test_a_prompt_begins_as_documents_do(run: Path) -> None:
    told = json.loads((run / "manifest.json").read_text())
    assert told["tokenizer"]["prepend_bos"] is False
    changed = copied(run, lambda made: made["tokenizer"].update(prepend_bos=True))
    tokenizer = load(example_tokenizer())
    for folder, first in ((run, []), (changed, [tokenizer.bos])):
        done = json.loads(say(str(folder), "好", "--max-tokens", "1", "--json").stdout)
        assert done["prompt_ids"] == [*first, *tokenizer.encode_one("好")]


def copied(run: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The same run with another manifest."""
    folder = run.parent / "copied"
    shutil.copytree(run, folder)
    made = json.loads((folder / "manifest.json").read_text())
    change(made)
    (folder / "manifest.json").write_text(json.dumps(made))
    return folder


def test_seeds_of_the_command(run: Path) -> None:
    first, again, other = (
        say(str(run), "--temperature", "2", "--max-tokens", "20", "--seed", seed).stdout for seed in ("1", "1", "2")
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (["RUN", "a" * 600], UsageError, "tokens and the model's context 64; shorten it"),
        (["RUN", "a", "--step", "7"], InputError, "no such checkpoint; steps that are kept: 60, 100"),
        (["/nowhere", "a"], InputError, "/nowhere"),
        (["RUN", "a\udcff"], UsageError, "generate: the prompt is not UTF-8; save or type it as UTF-8"),
        (["RUN", "-"], UsageError, "generate: the prompt is not UTF-8; save or type it as UTF-8"),
    ],
)
def test_refusals(run: Path, words: list[str], kind: type[Exception], says: str) -> None:
    done = say(*(str(run) if word == "RUN" else word for word in words), stdin=b"\xff\xfe")
    assert isinstance(done.exception, kind)
    assert says in str(done.exception)
    assert done.stdout == ""


def test_the_context_ends(run: Path) -> None:
    done = say(str(run), "--temperature", "1000", "--max-tokens", "200", "--seed", "3", "--step", "60")
    assert done.exit_code == 0
    assert done.stderr == "stopped: the model's context of 64 tokens is full\n"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert _safe("a\x1b[31m\n\t今\u3000👩‍👧") == "a�[31m\n\t今\u3000👩‍👧"
