"""FLOPs and MFU against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataprep.training import flops
from dataprep.training.model.config import ModelConfig

GPT3 = ModelConfig(
    vocab_size=50257, context=2048, layers=96, width=12288, heads=96, norm="layer_norm", activation="gelu_tanh",
    position="learned", attention_bias=True, output_bias=True, tied_head=True,
)  # fmt: skip
LLAMA = ModelConfig(vocab_size=32000, context=2048, layers=32, width=4096, heads=32, ffn_width=11008)


def test_gpt3_by_hand() -> None:
    """Of one layer 12 d^2 + 13 d, two tables, one last norm: GPT-3 175B (Brown et al. 2020, table 2.1)."""
    d, layers = 12288, 96
    blocks = layers * (12 * d * d + 13 * d)
    assert flops.parameters(GPT3).all == blocks + (50257 + 2048) * d + 2 * d == 174_604_259_328
    assert flops.parameters(GPT3).multiplied == flops.parameters(GPT3).all - 2048 * d
    # 6 N + 12 L H Q T: attention is 12 * 96 * 12288 * 2048 = 2.8991e10, 2.7 % of all.
    assert flops.per_token(GPT3, 2048) == 6 * 174_579_093_504 + 28_991_029_248


def test_llama_7b_by_hand() -> None:
    """6,738,415,616 weights, as its published files hold; the embedding is only looked up."""
    assert flops.parameters(LLAMA) == (6_738_415_616, 6_738_415_616 - 32000 * 4096)
    assert flops.per_token(LLAMA, 2048) == 6 * 6_607_343_616 + 12 * 32 * 4096 * 2048


def test_palm_540b() -> None:
    """Appendix B of the paper: 6144 chips of 275 TFLOP/s, 238.3K tokens/s, 46.2 % with attention, 45.7 % without.

    PaLM: multi-query attention, SwiGLU of width 4 d, no biases, heads of 256, tied embeddings, parallel layers that
    share one norm. Of its 540.35B parameters no more than norms may be off.
    """
    palm = ModelConfig(
        vocab_size=256_000, context=2048, layers=118, width=18432, heads=48, kv_heads=1, head_width=256,
        ffn_width=4 * 18432, norm="layer_norm", norm_bias=False, tied_head=True,
    )  # fmt: skip
    assert flops.parameters(palm).multiplied == pytest.approx(540.35e9, rel=1e-4)
    with_attention = flops.mfu(238.3e3, flops.per_token(palm, 2048), 275e12, 6144)
    assert with_attention == pytest.approx(0.462, abs=0.0006)
    assert flops.mfu(238.3e3, 6 * 540.35e9, 275e12, 6144) == pytest.approx(0.457, abs=0.0006)


def test_windows_count_the_window() -> None:
    full = flops.per_token(LLAMA, 2048)
    windowed = LLAMA.changed(window=256, full_every=4)
    assert full - flops.per_token(windowed, 2048) == 12 * 24 * 4096 * (2048 - 256)
    assert flops.per_token(windowed, 128) == flops.per_token(LLAMA, 128)  # shorter than the window


@pytest.mark.parametrize(
    ("name", "bf16"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 NVL", 835e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA GH200 480GB", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A100-PCIE-40GB", 312e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("NVIDIA B200", 2250e12),
        ("NVIDIA A10G", None),  # not an A10
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("Tesla T4", None),
        ("cpu, 2 threads", None),
    ],
)
def test_peaks(name: str, bf16: float | None) -> None:
    assert flops.peak(name, "bf16") == bf16


def test_a_cpu_is_measured() -> None:
    torch = pytest.importorskip("torch")
    speed = flops.speed(torch.device("cpu"), "fp32", seconds=0.05)
    assert speed.published is None
    assert speed.reference == speed.measured > 1e8
    assert "no published peak" in str(speed)
    assert flops.mfu(1000, 1e6, speed.reference) == pytest.approx(1e9 / speed.measured)


def test_counts_are_those_of_the_model() -> None:
    torch = pytest.importorskip("torch")
    from dataprep.training.model.transformer import Transformer

    shape = {"vocab_size": 97, "context": 16, "layers": 3, "width": 32, "heads": 4}
    odd: list[dict[str, Any]] = [
        {},
        {"norm": "layer_norm", "activation": "gelu", "position": "learned", "tied_head": True, "output_bias": True},
        {
            "norm": "layer_norm",
            "norm_bias": False,
            "norm_placement": "post",
            "position": "sinusoidal",
            "head_bias": True,
        },
        {"kv_heads": 2, "head_width": 10, "qk_norm": True, "norm_placement": "sandwich", "attention_bias": True},
        {"position": "t5", "activation": "geglu", "ffn_width": 50, "output_bias": True},
        {"position": "alibi", "activation": "relu", "embedding_width": 16, "embedding_norm": True},
        {"embedding_width": 16, "tied_head": True, "head_bias": True, "position": "learned", "norm": "layer_norm"},
    ]
    for more in odd:
        config = ModelConfig.model_validate(shape | more)
        with torch.device("meta"):
            model = Transformer(config)
        counted = flops.parameters(config)
        assert counted.all == sum(p.numel() for p in model.parameters()), more
        tables = {"positions.weight", "relative.weight"} | (set() if config.tied_head else {"embed.weight"})
        looked_up = sum(p.numel() for name, p in model.named_parameters() if name in tables)
        assert counted.multiplied == counted.all - looked_up, more


@pytest.mark.parametrize(
    ("file", "vocab_size", "context", "expected"),
    [
        ("pretrain-tiny", 4096, 256, 2_557_632),
        ("pretrain-124m", 50257, 1024, 124_373_760),  # nanoGPT prints 123.59M: without 786,432 of positions
        ("pretrain-1b", 32000, 2048, 1_100_048_384),  # as TinyLlama's files hold
    ],
)
def test_pipelines_have_the_shapes_they_name(file: str, vocab_size: int, context: int, expected: int) -> None:
    from dataprep.training.model.presets import resolve
    from dataprep.training.settings import load

    settings = load(Path(__file__).parent.parent / "pipelines" / f"{file}.yaml")
    assert Path(settings.mix).is_file()
    config = resolve(settings.model, vocab_size=vocab_size, context=context, where=file)
    assert flops.parameters(config).all == expected
