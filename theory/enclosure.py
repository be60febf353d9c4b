"""One prompt through the exact network in ball arithmetic: what the weights say, to 30 digits.

The weights are dyadic rationals and enter exactly; every operation is arb's, so no model of
rounding is needed. Slow (seconds) and final: the recheck of what any other means has found.
"""

from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np
from flint import arb, arb_mat, ctx
from jaxtyping import Float

from theory.errors import TheoryError
from theory.interval import Interval
from theory.linear import Vector, add, dot, matrix, vector
from theory.norms import normalise
from theory.scores import ssa_weights
from theory.softmax import softmax
from theory.weights import MLP, ActivationKind, Attention, Weights

# GPT-2's tanh form: u sigmoid(sqrt(8/pi)(u + 0.044715 u³))
CUBIC = arb(44715) / 10**6

MOST_BITS = 1024
SMALL = arb(2) ** -60


def sigmoid(v: arb) -> arb:
    """1/(1 + e^-v)."""
    return 1 / (1 + (-v).exp())


def activation(kind: ActivationKind) -> Callable[[arb], arb]:
    """The activation as a function of a ball."""
    if kind == "relu":
        return lambda u: u.max(arb(0))
    if kind == "silu":
        return lambda u: u * sigmoid(u)
    if kind == "gelu":
        root = arb(2).rsqrt()
        return lambda u: u * (-u * root).erfc() / 2
    scale = (8 / arb.pi()).sqrt()
    return lambda u: u * sigmoid(scale * (u + CUBIC * u**3))


def affine(
    rows: Sequence[Vector], weight: Float[np.ndarray, "m d"], bias: Float[np.ndarray, " m"]
) -> arb_mat:
    """rows W' + b: the bias is one more column against 1."""
    augmented = matrix(np.concatenate([weight, bias[:, None]], axis=1))
    return arb_mat([[*row, arb(1)] for row in rows]) * augmented.transpose()


def hardmax(scores: Vector) -> Vector:
    """1 at the maximum; where balls overlap each may have any weight, unless all are exact."""
    best = scores[0].lower()
    for s in scores:
        best = s.lower() if s.lower() > best else best
    top = [not s < best for s in scores]
    ties = [s for s, first in zip(scores, top, strict=True) if first]
    certain = len(ties) == 1 or all(s.is_exact() for s in ties)
    share = 1 / arb(len(ties)) if certain else arb(0).union(arb(1))
    return [share if first else arb(0) for first in top]


def mixing(attention: Attention, scores: Vector) -> Vector:
    """Weights of the visible tokens for one query."""
    match attention.score:
        case "linear":
            return scores
        case "sigmoid":
            return [sigmoid(s) for s in scores]
        case "hardmax":
            return hardmax(scores)
        case "ssa":
            return ssa_weights(scores, *map(arb, attention.ssa))
    return softmax(scores)


def attend(attention: Attention, u: Sequence[Vector], queries: range) -> list[Vector]:
    """Σ_h W_O,h Σ_j weight_tj (W_V,h u_j + b_V,h) + b_O for the queries t."""
    parts = [[vector(attention.output_bias)] for _ in queries]
    for h in range(len(attention.value)):
        q = affine([u[t] for t in queries], attention.query[h], attention.query_bias[h])
        k = affine(u, attention.key[h], attention.key_bias[h])
        v = affine(u, attention.value[h], attention.value_bias[h])
        scores = (q * k.transpose() / arb(attention.query.shape[1]).sqrt()).tolist()
        weights = [
            mixing(attention, row[: t + 1]) + [arb(0)] * (len(u) - t - 1)
            for t, row in zip(queries, scores, strict=True)
        ]
        added = arb_mat(weights) * v * matrix(attention.output[h]).transpose()
        for part, row in zip(parts, added.tolist(), strict=True):
            part.append(row)
    return [add(*part) for part in parts]


def transform(mlp: MLP, u: Sequence[Vector]) -> list[Vector]:
    """W_2 act(W_1 u + b_1) + b_2."""
    act = activation(mlp.activation)
    hidden = [[act(x) for x in row] for row in affine(u, mlp.up, mlp.up_bias).tolist()]
    return affine(hidden, mlp.down, mlp.down_bias).tolist()


def residual(weights: Weights, tokens: Sequence[float]) -> Vector:
    """The stream of the last token where it enters the final norm."""
    w_in, bias = vector(weights.read_in), vector(weights.read_in_bias)
    h = [
        [
            arb(float(token)) * a + b + p
            for a, b, p in zip(w_in, bias, vector(position), strict=True)
        ]
        for token, position in zip(tokens, weights.positions, strict=False)
    ]
    last = max((i for i, b in enumerate(weights.blocks) if isinstance(b, Attention)), default=-1)
    for i, block in enumerate(weights.blocks):
        u = h if weights.post_norm else [normalise(block.norm, row) for row in h]
        # after the last attention nobody reads the other tokens
        queries = range(len(h) - 1, len(h)) if i >= last else range(len(h))
        if isinstance(block, Attention):
            change = attend(block, u, queries)
        else:
            change = transform(block, [u[t] for t in queries])
        h = [h[t] for t in queries]
        h = [add(a, b) for a, b in zip(h, change, strict=True)] if weights.residual else change
        if weights.post_norm:
            h = [normalise(block.norm, row) for row in h]
    return h[-1]


def readout(weights: Weights, h: Vector) -> arb:
    """w.norm_f(h) + b."""
    final = normalise(weights.final_norm, h)
    return dot(vector(weights.read_out), final) + arb(weights.read_out_bias)


def enclose_prediction(weights: Weights, tokens: Sequence[float]) -> Interval:
    """The exact network's prediction at the last token, between two neighbouring doubles or so.

    The working precision is quadrupled until the ball is that small: balls widen with every layer.
    TheoryError for tokens that are no finite numbers and for more of them than positions. Where a
    norm with eps = 0 meets a constant, or hardmax a tie, the interval may stay infinite.
    """
    if not len(tokens) or not all(isfinite(t) for t in tokens):
        raise TheoryError("the prompt must be finite numbers, at least one")
    if len(tokens) > len(weights.positions):
        raise TheoryError(
            f"{len(tokens)} tokens, but the model has {len(weights.positions)} positions"
        )
    kept = ctx.prec
    # balls lose up to 16 bits a block
    ctx.prec = max(kept, 64 + 16 * len(weights.blocks))
    try:
        y = readout(weights, residual(weights, tokens))
        while y.rel_accuracy_bits() < 53 and not y.rad() < SMALL and ctx.prec < MOST_BITS:
            ctx.prec *= 4
            y = readout(weights, residual(weights, tokens))
    finally:
        ctx.prec = kept
    return Interval.enclose(y)
