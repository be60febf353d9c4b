"""Small random models for the theorems' tests."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from theory.weights import MLP, Attention, Norm, NormKind, ScoreKind, Weights

Draw = Callable[..., np.ndarray]


def build_attention(draw: Draw, norm: Callable[[], Norm], d: int, heads: int) -> Attention:
    """An attention with softmax scores."""
    dh = d // heads
    (query, bq), (key, bk), (value, bv) = (
        (draw(heads, dh, d, fan_in=d), draw(heads, dh)) for _ in "qkv"
    )
    output = draw(heads, d, dh, fan_in=d)
    return Attention(norm(), query, bq, key, bk, value, bv, output, draw(d))


def build_mlp(draw: Draw, norm: Callable[[], Norm], d: int) -> MLP:
    """An MLP four times as wide."""
    up, down = draw(4 * d, d, fan_in=d), draw(d, 4 * d, fan_in=4 * d)
    return MLP(norm(), up, draw(4 * d), down, draw(d))


def build_weights(
    d: int = 8,
    layers: int = 2,
    heads: int = 2,
    seed: int = 0,
    scale: float = 1.0,
    norm: NormKind = "layernorm",
    final_norm: NormKind | None = None,
    score: ScoreKind = "softmax",
    eps: float = 1e-5,
    context: int = 9,
    mlp: bool = True,
    post_norm: bool = False,
) -> Weights:
    """A decoder with Gaussian weights, gammas of both signs, biases nonzero; float32 numbers."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int, fan_in: int = 1) -> np.ndarray:
        return (scale * rng.normal(size=shape) / fan_in**0.5).astype(np.float32).astype(float)

    def draw_norm(kind: NormKind = norm) -> Norm:
        return Norm(kind, draw(d), draw(d), eps=eps, alpha=0.5)

    blocks: list[Attention | MLP] = []
    for _ in range(layers):
        blocks.append(replace(build_attention(draw, draw_norm, d, heads), score=score))
        if mlp:
            blocks.append(build_mlp(draw, draw_norm, d))
    stream, positions = (draw(d), draw(d)), draw(context, d)
    final, read_out = draw_norm(final_norm or norm), draw(d)
    bias = float(draw())
    return Weights(*stream, positions, tuple(blocks), final, read_out, bias, post_norm=post_norm)


@pytest.fixture(scope="session")
def random_weights() -> Callable[..., Weights]:
    """``random_weights(d=8, layers=2, heads=2, seed=0, ...)``: see ``build_weights``."""
    return build_weights
