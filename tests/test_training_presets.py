"""Published shapes: numbers of parameters as their papers and releases give them; what a run's file makes of one."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from dataprep.errors import UsageError  # noqa: E402
from dataprep.training.model.presets import PRESETS, preset, resolve  # noqa: E402
from dataprep.training.model.transformer import Transformer  # noqa: E402

EXACT = {
    # The released checkpoints; the paper's own 117M to 1542M were miscounted, as its README says.
    "gpt2": 124_439_808,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    # The released checkpoints, which have two more rows of positions that no token ever takes.
    "opt-125m": 125_239_296 - 2 * 768,
    "opt-350m": 331_196_416 - 2 * 1024,
    # The model cards.
    "bloom-560m": 559_214_592,
    "bloom-1.1b": 1_065_314_304,
    "bloom-1.7b": 1_722_408_960,
    "bloom-3b": 3_002_557_440,
    "bloom-7.1b": 7_069_016_064,
    "bloom-176b": 176_247_271_424,
    # The released checkpoints.
    "llama-7b": 6_738_415_616,
    "llama-13b": 13_015_864_320,
    "llama-33b": 32_528_943_616,
    "llama-65b": 65_285_660_672,
    "llama2-7b": 6_738_415_616,
    "llama2-13b": 13_015_864_320,
    "llama2-70b": 68_976_648_192,
}
PRINTED = {  # name: the figure in the paper's table
    "gpt3-125m": "125M", "gpt3-350m": "356M", "gpt3-760m": "760M", "gpt3-1.3b": "1.3B", "gpt3-2.7b": "2.7B",
    "gpt3-6.7b": "6.7B", "gpt3-13b": "13B", "gpt3-175b": "175B", "opt-1.3b": "1.3B", "opt-2.7b": "2.7B",
    "opt-6.7b": "6.7B", "opt-13b": "13B", "opt-30b": "30B", "opt-66b": "66B", "opt-175b": "175B", "deepseek-7b": "7B",
    "deepseek-67b": "67B",
}  # fmt: skip
# GPT-3's table prints 350M for what its own sizes make 356M.


def parameters(name: str) -> int:
    with torch.device("meta"):
        model = Transformer(resolve({"preset": name}, vocab_size=None, context=None, where="x"))
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_preset_has_a_published_number() -> None:
    assert set(PRESETS) == {*EXACT, *PRINTED}


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    assert parameters(name) == EXACT[name]


@pytest.mark.parametrize("name", PRINTED)
def test_to_the_printed_digits(name: str) -> None:
    printed = PRINTED[name]
    unit = {"M": 1e6, "B": 1e9}[printed[-1]]
    digits = len(printed.partition(".")[2][:-1]) if "." in printed else 0
    assert f"{parameters(name) / unit:.{digits}f}{printed[-1]}" == printed


def test_run_gives_vocabulary_and_context() -> None:
    config = resolve({"preset": "gpt2", "layers": 2}, vocab_size=1000, context=128, where="a.yaml: model")
    assert (config.vocab_size, config.context, config.layers, config.width) == (1024, 128, 2, 768)
    assert config.tied_head
    assert config.position == "learned"


def test_own_values_hold() -> None:
    model = {"preset": "gpt2", "vocab_size": 1000, "context": 512}
    config = resolve(model, vocab_size=1000, context=128, where="a.yaml: model")
    assert (config.vocab_size, config.context) == (1000, 512)
    assert model == {"preset": "gpt2", "vocab_size": 1000, "context": 512}


def test_ffn_width_follows_width() -> None:
    changed = resolve({"preset": "llama-7b", "width": 256, "heads": 4}, vocab_size=512, context=64, where="x")
    assert changed.ffn_dim == 768
    assert resolve({"preset": "llama-7b"}, vocab_size=512, context=64, where="x").ffn_dim == 11008
    kept = resolve({"preset": "llama-7b", "width": 256, "ffn_width": 300}, vocab_size=512, context=64, where="x")
    assert kept.ffn_dim == 300


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"preset": "gtp2"}, "a.yaml: model: no preset 'gtp2'; did you mean 'gpt2'?"),
        ({"preset": "gpt2", "layer": 2}, "a.yaml: model: unknown setting 'layer'; did you mean 'layers'?"),
        ({"preset": "gpt2", "vocab_size": 999}, "vocab_size 999 is less than the tokenizer's 1000; leave it out"),
        ({"preset": "gpt2", "context": 64}, "context 64 is less than the data's sequences of 128; leave it out"),
        ({"preset": "gpt2", "width": 100}, "width 100 is not a multiple of heads 12"),
        ({"layers": 2, "width": 64}, "'heads' is missing"),
        ({"preset": "llama-7b", "rope_scaling": {"kind": "linaer"}}, "kind"),
    ],
)
def test_bad_models(model: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError) as error:
        resolve(model, vocab_size=1000, context=128, where="a.yaml: model")
    assert says in str(error.value)
    assert str(error.value).startswith("a.yaml: model: ")
    assert "\n" not in str(error.value)


def test_preset_is_a_copy() -> None:
    preset("gpt2")["layers"] = 1
    assert preset("gpt2")["layers"] == 12
