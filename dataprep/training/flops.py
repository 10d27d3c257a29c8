"""How much arithmetic a token of training takes, how much a device can do, and their ratio: MFU.

Counted as in PaLM (Chowdhery et al. 2022, arXiv:2204.02311, appendix B): 6 N + 12 L H Q T floating-point operations
for one token, forward and backward, with N parameters, L layers of H heads of width Q, and T tokens a sequence. What
is worked out twice to save memory counts once, masked halves of attention scores count in full.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from dataprep.training.model.config import ModelConfig

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]


# ---------------------------------------------------------------- of a model


class Parameters(NamedTuple):
    """Numbers of weights."""

    all: int
    multiplied: int
    """Those that each token is multiplied with: all but tables in which rows are only looked up: positions, and token
    embeddings unless they are the head too. This is PaLM's N, whose head is its embedding."""


def parameters(config: ModelConfig) -> Parameters:
    """The number of weights of a model, from its configuration alone."""
    c, width = config, config.width
    bias = int(c.output_bias)
    norm = width * (2 if c.norm == "layer_norm" and c.norm_bias else 1)
    queries, keys = c.heads * c.head_dim, c.groups * c.head_dim
    attention = width * (queries + 2 * keys) + queries * width + bias * width
    attention += (queries + 2 * keys) * c.attention_bias + 2 * c.head_dim * c.qk_norm
    inner = (2 if c.gated else 1) * c.ffn_dim
    feed_forward = width * inner + c.ffn_dim * width + bias * (inner + width)
    norms = norm * (4 if c.norm_placement == "sandwich" else 2)
    embedded = c.embedding_width or width
    projections = 2 * width * embedded if c.embedding_width else 0
    multiplied = c.layers * (attention + feed_forward + norms) + projections + c.vocab_size * embedded
    multiplied += norm * (c.norm_placement != "post") + norm * c.embedding_norm + c.vocab_size * c.head_bias
    looked_up = c.vocab_size * embedded * (not c.tied_head)
    looked_up += c.context * width * (c.position == "learned") + c.t5_buckets * c.heads * (c.position == "t5")
    return Parameters(multiplied + looked_up, multiplied)


def per_token(config: ModelConfig, length: int) -> int:
    """Operations that one token of a sequence of `length` tokens takes in training, forward and backward.

    A layer with a sliding window counts the window in place of the sequence.
    """
    seen = sum(min(config.window_of(layer) or length, length) for layer in range(config.layers))
    return 6 * parameters(config).multiplied + 12 * config.heads * config.head_dim * seen


# ---------------------------------------------------------------- of a device

_PEAKS: Final[tuple[tuple[str, float, float], ...]] = (
    ("H100 PCIe", 756e12, 51e12),
    ("H100 NVL", 835e12, 60e12),
    ("H100", 989e12, 67e12),  # SXM; NVIDIA H100 Tensor Core GPU datasheet
    ("H200 NVL", 835e12, 60e12),
    ("H200", 989e12, 67e12),  # SXM; NVIDIA H200 Tensor Core GPU datasheet
    ("GH200", 989e12, 67e12),  # NVIDIA GH200 Grace Hopper Superchip datasheet
    ("B200", 2250e12, 75e12),  # NVIDIA HGX B200 datasheet: 36 PFLOPS with sparsity for 8 GPUs
    ("GB200", 2500e12, 80e12),  # NVIDIA GB200 NVL72 datasheet: 360 PFLOPS with sparsity for 72 GPUs
    ("A100", 312e12, 19.5e12),  # NVIDIA A100 Tensor Core GPU datasheet
    ("A40", 149.7e12, 37.4e12),  # NVIDIA A40 datasheet
    ("A10", 125e12, 31.2e12),  # NVIDIA A10 datasheet
    ("L40S", 362e12, 91.6e12),  # NVIDIA L40S datasheet
    ("L4", 121e12, 30.3e12),  # NVIDIA L4 datasheet
    ("RTX 5090", 209.5e12, 104.8e12),  # NVIDIA RTX Blackwell GPU architecture paper, appendix A
    ("RTX 4090", 165.2e12, 82.6e12),  # NVIDIA Ada GPU architecture paper, appendix A
    ("RTX 3090", 71e12, 35.6e12),  # NVIDIA Ampere GA102 GPU architecture paper, appendix A
    ("MI300X", 1307e12, 163.4e12),  # AMD Instinct MI300X datasheet
)
"""Words of a device's name, and its peaks in operations a second: bf16 products summed in fp32, without sparsity
(datasheets that give only the rate with sparsity are halved), and plain fp32, not TF32. The first whose words are
all in the name holds."""


def peak(name: str, precision: Precision) -> float | None:
    """Published peak of a device by the name its driver gives, as `NVIDIA H100 80GB HBM3`; None if it isn't known."""
    words = set(name.replace("-", " ").split())
    if {"Laptop", "Mobile"} & words:
        return None  # another chip under the same name
    for known, bf16, fp32 in _PEAKS:
        if words.issuperset(known.split()):
            return bf16 if precision == "bf16" else fp32
    return None


def measured(device: torch.device, precision: Precision, seconds: float = 1.0) -> float:
    """Operations a second of a big matrix product in PyTorch, the best of those that fit into `seconds`."""
    import torch

    # Big enough that nothing but the product counts; 2 n^3 operations. On a CPU small enough to fit between two other
    # processes' turns. Random: a GPU is faster on equal numbers.
    n = 8192 if device.type == "cuda" else 512
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a = torch.randn(n, n, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    out = torch.empty_like(a)
    best, began = 0.0, time.perf_counter()
    with torch.no_grad():
        torch.mm(a, a, out=out)  # the first loads the library
        while not best or time.perf_counter() - began < seconds:
            started = time.perf_counter()
            torch.mm(a, a, out=out)
            out[0, 0].item()  # waits until it's done
            best = max(best, 2 * n**3 / (time.perf_counter() - started))
    return best


class Speed(NamedTuple):
    """What a device can do, in operations a second."""

    name: str
    published: float | None
    """By its datasheet; None for CPUs and devices that `peak` does not know."""
    measured: float
    """Of a matrix product, here."""

    @property
    def reference(self) -> float:
        """What MFU is a share of: the published peak, else what was measured."""
        return self.published or self.measured

    def __str__(self) -> str:
        said = f"{self.published / 1e12:,.0f} TFLOP/s by its datasheet" if self.published else "no published peak"
        return f"{self.name}: {said}, {_rate(self.measured)} measured in a matrix product"


def _rate(flops: float) -> str:
    return f"{flops / 1e12:,.0f} TFLOP/s" if flops >= 1e13 else f"{flops / 1e9:,.0f} GFLOP/s"


def speed(device: torch.device, precision: Precision, seconds: float = 0.25) -> Speed:
    """The published peak of a device and what a matrix product reaches on it, measured in about `seconds`."""
    import torch

    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        threads = torch.get_num_threads()
        name = f"cpu, {threads} thread{'s' if threads > 1 else ''}" if device.type == "cpu" else device.type
    return Speed(name, peak(name, precision), measured(device, precision, seconds))


def mfu(tokens_per_second: float, flops_per_token: float, reference: float, devices: int = 1) -> float:
    """Model FLOPs utilisation: the share of what `devices` devices can do that went into the model."""
    return tokens_per_second * flops_per_token / (reference * devices)
