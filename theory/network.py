"""The network that the theorems speak about, in plain float64 numpy: for tests and witnesses."""

import numpy as np
from jaxtyping import Float
from scipy.special import erf, expit

from theory.errors import TheoryError
from theory.weights import MLP, ActivationKind, Attention, Norm, Weights

Stream = Float[np.ndarray, "B T d"]


def normed(norm: Norm, h: Stream) -> Stream:
    """norm(h) along the last axis."""
    if norm.kind == "none":
        return h
    if norm.kind == "dyt":
        return norm.gamma * np.tanh(norm.alpha * h) + norm.beta
    m = h - h.mean(-1, keepdims=True) if norm.kind == "layernorm" else h
    scale = np.sqrt((m**2).mean(-1, keepdims=True) + norm.eps)
    return norm.gamma * np.divide(m, scale, out=np.zeros_like(m), where=scale > 0) + norm.beta


def activate(kind: ActivationKind, u: np.ndarray) -> np.ndarray:
    """The activation, entry by entry."""
    if kind == "relu":
        return np.maximum(u, 0)
    if kind == "silu":
        return u * expit(u)
    if kind == "gelu":
        return u * (1 + erf(u / np.sqrt(2))) / 2
    return u * expit(np.sqrt(8 / np.pi) * (u + 0.044715 * u**3))


def mixing(attention: Attention, scores: Float[np.ndarray, "B H T T"]) -> np.ndarray:
    """Weights of each query (axis -2) on the keys (axis -1), causal, itself included."""
    visible = np.tril(np.ones(scores.shape[-2:], dtype=bool))
    if attention.score == "linear":
        return np.where(visible, scores, 0.0)
    if attention.score == "sigmoid":
        return np.where(visible, expit(scores), 0.0)
    if attention.score == "ssa":
        b, n = attention.ssa
        scores = n * np.sign(scores) * np.log1p(b * np.abs(scores))
    scores = np.where(visible, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    raw = (scores == top).astype(float) if attention.score == "hardmax" else np.exp(scores - top)
    return raw / raw.sum(-1, keepdims=True)


def attend(attention: Attention, u: Stream) -> Stream:
    """Σ_h W_O,h Σ_j weight_tj (W_V,h u_j + b_V,h) + b_O."""
    q, k, v = (
        np.einsum("btd,hed->bhte", u, weight) + bias[None, :, None]
        for weight, bias in (
            (attention.query, attention.query_bias),
            (attention.key, attention.key_bias),
            (attention.value, attention.value_bias),
        )
    )
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    mixed = mixing(attention, scores) @ v
    return np.einsum("bhte,hde->btd", mixed, attention.output) + attention.output_bias


def transform(block: Attention | MLP, u: Stream) -> Stream:
    """What a block adds for normalised inputs u."""
    if isinstance(block, Attention):
        return attend(block, u)
    hidden = activate(block.activation, u @ block.up.T + block.up_bias)
    return hidden @ block.down.T + block.down_bias


def residual(weights: Weights, tokens: Float[np.ndarray, "B T"]) -> Stream:
    """The stream that enters the final norm."""
    length = tokens.shape[1]
    if length > len(weights.positions):
        raise TheoryError(f"{length} tokens, but the model has {len(weights.positions)} positions")
    h = tokens[..., None] * weights.read_in + weights.read_in_bias + weights.positions[:length]
    for block in weights.blocks:
        change = transform(block, h if weights.post_norm else normed(block.norm, h))
        h = h + change if weights.residual else change
        if weights.post_norm:
            h = normed(block.norm, h)
    return h


def forward(weights: Weights, tokens: Float[np.ndarray, "B T"]) -> Float[np.ndarray, "B T"]:
    """Read-out at every token, float64 rounding."""
    final = normed(weights.final_norm, residual(weights, tokens))
    return final @ weights.read_out + weights.read_out_bias
