"""Small random models for the theorems' tests."""

from collections.abc import Callable

import numpy as np
import pytest

from theory.weights import MLP, Attention, Norm, NormKind, ScoreKind, Weights


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
    """A decoder with Gaussian weights, gammas of both signs, all biases nonzero; float32 numbers."""
    rng = np.random.default_rng(seed)
    dh, hidden = d // heads, 4 * d

    def draw(*shape: int, fan_in: int = 1) -> np.ndarray:
        return (scale * rng.normal(size=shape) / fan_in**0.5).astype(np.float32).astype(float)

    def draw_norm(kind: NormKind) -> Norm:
        return Norm(kind, draw(d), draw(d), eps=eps, alpha=0.5)

    def attention() -> Attention:
        parts = [p for _ in "qkv" for p in (draw(heads, dh, d, fan_in=d), draw(heads, dh))]
        output = draw(heads, d, dh, fan_in=d)
        return Attention(draw_norm(norm), *parts, output, draw(d), score)

    blocks: list[Attention | MLP] = []
    for _ in range(layers):
        blocks.append(attention())
        if mlp:
            up, down = draw(hidden, d, fan_in=d), draw(d, hidden, fan_in=hidden)
            blocks.append(MLP(draw_norm(norm), up, draw(hidden), down, draw(d)))
    return Weights(
        draw(d),
        draw(d),
        draw(context, d),
        tuple(blocks),
        draw_norm(final_norm or norm),
        draw(d),
        float(draw()),
        post_norm=post_norm,
    )


@pytest.fixture(scope="session")
def random_weights() -> Callable[..., Weights]:
    """``random_weights(d=8, layers=2, heads=2, seed=0, ...)``: see ``build_weights``."""
    return build_weights
