"""A transformer written out token by token and head by head from the papers' formulas, to compare the fast one with."""

from __future__ import annotations

import math
from typing import Any

import torch

from dataprep.training.model.config import ModelConfig

Tensor = torch.Tensor


def logits(state: dict[str, Any], config: ModelConfig, tokens: list[int]) -> Tensor:
    """float64 [T, vocab_size] of one document."""
    w = {name: value.detach().double() for name, value in state.items()}
    xs = [w["embed.weight"][token] for token in tokens]
    if config.embedding_width:
        xs = [w["embed_in.weight"] @ x for x in xs]
    if config.position == "learned":
        xs = [x + w["positions.weight"][t] for t, x in enumerate(xs)]
    if config.position == "sinusoidal":
        xs = [x + _sinusoid(t, config.width) for t, x in enumerate(xs)]
    if config.embedding_norm:
        xs = [_norm(w, "embed_norm", config, x) for x in xs]
    for layer in range(config.layers):
        at = f"blocks.{layer}."
        pre = xs if config.norm_placement == "post" else [_norm(w, f"{at}attention_norm", config, x) for x in xs]
        xs = _joined(w, config, f"{at}attention", xs, _attention(w, config, layer, pre))
        pre = xs if config.norm_placement == "post" else [_norm(w, f"{at}feed_forward_norm", config, x) for x in xs]
        xs = _joined(
            w, config, f"{at}feed_forward", xs, [_feed_forward(w, config, f"{at}feed_forward", x) for x in pre]
        )
    if config.norm_placement != "post":
        xs = [_norm(w, "norm", config, x) for x in xs]
    if config.embedding_width:
        xs = [w["embed_out.weight"] @ x for x in xs]
    head = w["embed.weight"] if config.tied_head else w["head.weight"]
    return torch.stack([head @ x + w.get("head.bias", 0) for x in xs])


def _joined(w: dict[str, Tensor], config: ModelConfig, name: str, xs: list[Tensor], made: list[Tensor]) -> list[Tensor]:
    if config.norm_placement == "post":
        return [_norm(w, f"{name}_norm", config, x + m) for x, m in zip(xs, made, strict=True)]
    if config.norm_placement == "sandwich":
        made = [_norm(w, f"{name}_post_norm", config, m) for m in made]
    return [x + m for x, m in zip(xs, made, strict=True)]


def _linear(w: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return w[f"{name}.weight"] @ x + w.get(f"{name}.bias", 0)


def _rms(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return x / math.sqrt(float((x * x).mean()) + eps) * weight


def _norm(w: dict[str, Tensor], name: str, config: ModelConfig, x: Tensor) -> Tensor:
    if config.norm == "rms_norm":
        return _rms(x, w[f"{name}.weight"], config.norm_eps)
    centred = x - x.mean()
    return _rms(centred, w[f"{name}.weight"], config.norm_eps) + w.get(f"{name}.bias", 0)


def _feed_forward(w: dict[str, Tensor], config: ModelConfig, name: str, x: Tensor) -> Tensor:
    def gelu(v: Tensor) -> Tensor:
        return v / 2 * (1 + torch.erf(v / math.sqrt(2)))

    def gelu_tanh(v: Tensor) -> Tensor:
        return v / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))

    def swish(v: Tensor) -> Tensor:
        return v / (1 + torch.exp(-v))

    def relu(v: Tensor) -> Tensor:
        return torch.where(v > 0, v, 0)

    kinds = {"relu": relu, "gelu": gelu, "gelu_tanh": gelu_tanh, "swish": swish, "geglu": gelu, "swiglu": swish}
    act = kinds[config.activation]
    up = _linear(w, f"{name}.up", x)
    inner = act(_linear(w, f"{name}.gate", x)) * up if config.activation in ("geglu", "swiglu") else act(up)
    return _linear(w, f"{name}.down", inner)


def _sinusoid(position: int, width: int) -> Tensor:
    angle = [position / 10000 ** (2 * (i // 2) / width) for i in range(width)]
    return torch.tensor([math.cos(a) if i % 2 else math.sin(a) for i, a in enumerate(angle)], dtype=torch.float64)


def _turned(x: Tensor, position: int, theta: float) -> Tensor:
    half = len(x) // 2
    out = x.clone()
    for i in range(half):
        angle = position * theta ** (-2 * i / len(x))
        out[i] = x[i] * math.cos(angle) - x[i + half] * math.sin(angle)
        out[i + half] = x[i] * math.sin(angle) + x[i + half] * math.cos(angle)
    return out


def slopes(heads: int) -> list[float]:
    """ALiBi's: of the power of two below, and every other one of the power above."""
    below = 1 << (heads.bit_length() - 1)
    made = [2 ** (-8 * (n + 1) / below) for n in range(below)]
    return made + [2 ** (-8 * (n + 1) / (2 * below)) for n in range(0, 2 * (heads - below), 2)]


def t5_bucket(distance: int, buckets: int, most: int) -> int:
    exact = buckets // 2
    if distance < exact:
        return distance
    far = exact + int(math.log(distance / exact) / math.log(most / exact) * (buckets - exact))
    return min(far, buckets - 1)


def _attention(w: dict[str, Tensor], config: ModelConfig, layer: int, xs: list[Tensor]) -> list[Tensor]:
    name, width = f"blocks.{layer}.attention", config.head_dim
    parts: dict[str, list[list[Tensor]]] = {}
    for part in ("query", "key", "value"):
        parts[part] = [list(_linear(w, f"{name}.{part}", x).split(width)) for x in xs]
        for t, heads in enumerate(parts[part]):
            for h, head in enumerate(heads):
                if config.qk_norm and part != "value":
                    heads[h] = _rms(head, w[f"{name}.{part}_norm.weight"], config.norm_eps)
                if config.position == "rope" and part != "value":
                    heads[h] = _turned(heads[h], t, config.rope_theta)
    window = config.window
    if window is not None and config.full_every and (layer + 1) % config.full_every == 0:
        window = None
    made = []
    for t in range(len(xs)):
        mixed = []
        for h in range(config.heads):
            group = h * config.groups // config.heads
            first = 0 if window is None else max(0, t - window + 1)
            scores = []
            for s in range(first, t + 1):
                score = float(parts["query"][t][h] @ parts["key"][s][group]) / math.sqrt(width)
                if config.position == "alibi":
                    score -= slopes(config.heads)[h] * (t - s)
                if config.position == "t5":
                    bucket = t5_bucket(t - s, config.t5_buckets, config.t5_max_distance)
                    score += float(w["relative.weight"][bucket, h])
                scores.append(score)
            shares = torch.tensor(scores, dtype=torch.float64).softmax(0)
            mixed.append(sum(share * parts["value"][first + n][group] for n, share in enumerate(shares)))
        made.append(_linear(w, f"{name}.output", torch.cat(mixed)))  # type: ignore[arg-type]
    return made
