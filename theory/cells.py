"""F(t z) for t -> inf, computed: the cell that holds the prompt z and the powers of t there.

In a network without norms each softmax selects, and each activation passes or blocks, by the
leading powers of t; what loses is e^(-γ t). A norm keeps the leading power only. Dyadic weights
stay exact in long balls, so ties are seen as ties; what stays open is tried with more bits.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from flint import arb, arb_mat, ctx
from jaxtyping import Float

from theory.errors import TheoryError
from theory.interval import Interval
from theory.linear import Vector, norm, vector
from theory.powers import Powers, Row, Undecided, assemble, exact, largest, leading, sign
from theory.softmax import softmax
from theory.weights import MLP, ActivationKind, Attention, Norm, Weights


@dataclass(frozen=True)
class Mode:
    """``pure``: no exponential anywhere, ties of hardmax are exact. ``loose``: an open tie costs
    the average's coefficient, not the answer.
    """

    pure: bool
    loose: bool


def affine(
    x: Powers, weight: Float[np.ndarray, "m d"], bias: Float[np.ndarray, " m"], size: int
) -> Powers:
    """x W' + bias in every row."""
    turned = exact(weight.T)
    return x.map(lambda m: m * turned) + Powers.constant(np.tile(bias, (size, 1)))


def settled(known: float) -> float:
    """What is known of a bounded function of numbers known to o(t^known), known <= 0."""
    if known > 0:
        raise Undecided("a tie that powers beyond the known ones may break")
    return 0.0 if known == 0 else -inf


def winners(
    row: Row, seen: int, known: float, scale: arb, hard: bool, pure: bool
) -> tuple[list[arb], float]:
    """Softmax or hardmax of polynomial scores: the leaders share by their constant parts."""
    left = list(range(seen))
    for k in sorted(row, reverse=True):
        if k >= 1 or hard:
            left = largest(row[k], left)
    precise = -inf
    if len(left) > 1:
        precise = settled(known)
        if hard and not (pure and precise == -inf):
            raise Undecided("a tie of hardmax scores up to terms that are not tracked")
    base = [row[0][j] - row[0][left[0]] if 0 in row else arb(0) for j in left]
    shares = dict(zip(left, equal_or_softmax([s * scale for s in base]), strict=True))
    return [shares.get(j, arb(0)) for j in range(seen)], precise


def equal_or_softmax(scores: Vector) -> Vector:
    """Softmax; scores that are 0 share alike without an exponential, so halves stay exact."""
    if all(s == 0 for s in scores):
        return [arb(1) / len(scores)] * len(scores)
    return softmax(scores)


def gates(row: Row, seen: int, known: float, scale: arb) -> tuple[list[arb], float]:
    """Sigmoid of polynomial scores: 1, 0, or a constant."""
    found, precise = [], -inf
    for j in range(seen):
        power, value = leading(row, j)
        if power == 0:
            precise = max(precise, settled(known))
            found.append(1 / (1 + (-value * scale).exp()))
        else:
            found.append(arb(int(value > 0)))
    return found, precise


def ratios(row: Row, seen: int, known: float, b: arb, n: float) -> tuple[list[arb], float]:
    """SSA, weights (1 + b|s|)^(n sgn s) normalised: the largest power of t takes all."""
    powers, sizes = [], []
    for j in range(seen):
        power, value = leading(row, j)
        if power == 0:
            settled(known)
        side = sign(value) if b != 0 else 0
        powers.append(power * side * sign(arb(n)))
        size = b * abs(value) + int(power == 0)
        sizes.append(size ** (arb(n) * side) if side else arb(1))
    top = max(powers)
    kept = [s if p == top else arb(0) for s, p in zip(sizes, powers, strict=True)]
    total = sum(kept, arb(0))
    return [s / total for s in kept], -inf if seen == 1 else 0.0


def mixing(attention: Attention, scores: Powers, size: int, pure: bool) -> Powers:
    """The weights of each query (row) on the keys it sees, from sqrt(dh) times the scores.

    The root stays outside the comparisons: it would blur exact ties.
    """
    scale = arb(attention.query.shape[1]).rsqrt()
    rows: list[Row] = []
    known = scores.known if attention.score == "linear" else -inf
    for i, row in enumerate(scores.rows(size)):
        row = row or {0: [arb(0)] * size}
        pad = [arb(0)] * (size - i - 1)
        if attention.score == "linear":
            rows.append({k: [x * scale for x in v[: i + 1]] + pad for k, v in row.items()})
            continue
        if attention.score == "sigmoid":
            weights, precise = gates(row, i + 1, scores.known, scale)
        elif attention.score == "ssa":
            b, n = attention.ssa
            weights, precise = ratios(row, i + 1, scores.known, arb(b) * scale, n)
        else:
            hard = attention.score == "hardmax"
            weights, precise = winners(row, i + 1, scores.known, scale, hard, pure)
        rows.append({0: weights + pad})
        known = max(known, precise)
    return assemble(rows, known, size)


def attend(attention: Attention, u: Powers, size: int, mode: Mode) -> Powers:
    """What the attention adds."""
    total = Powers.constant(np.tile(attention.output_bias, (size, 1)))
    for h in range(len(attention.query)):
        q = affine(u, attention.query[h], attention.query_bias[h], size)
        k = affine(u, attention.key[h], attention.key_bias[h], size).map(arb_mat.transpose)
        v = affine(u, attention.value[h], attention.value_bias[h], size)
        out = exact(attention.output[h].T)
        try:
            weights = mixing(attention, q @ k, size, mode.pure)
            total = total + (weights @ v).map(lambda m, out=out: m * out)
        except Undecided:
            if not mode.loose or attention.score == "linear":
                raise
            # weights in [0, 1] on values of size t^degree: O(t^degree), nothing more is said
            total = total + Powers({}, v.degree + 0.5)
    return total


def activate(kind: ActivationKind, value: arb) -> arb:
    """The activation at a constant."""
    if kind == "relu":
        return value.max(arb(0))
    if kind == "silu":
        return value / (1 + (-value).exp())
    if kind == "gelu":
        return value * (1 + (value * arb(2).rsqrt()).erf()) / 2
    cubic = (8 / arb.pi()).sqrt() * (value + value**3 * arb(44715) / 10**6)
    return value / (1 + (-cubic).exp())


def switch(kind: ActivationKind, u: Powers, size: int, width: int) -> Powers:
    """act(u): u where its leading power is positive, 0 where negative, act(constant) else."""
    rows = []
    for row in u.rows(size):
        new: Row = {k: [arb(0)] * width for k in {*row, 0}}
        for j in range(width):
            power, value = leading(row, j)
            if power == 0 and u.known <= 0:
                new[0][j] = activate(kind, value)
            elif power > 0 and value > 0:
                for k, values in row.items():
                    new[k][j] = values[j]
        rows.append(new)
    return assemble(rows, u.known, width)


def direction(normalisation: Norm, row: Row, known: float, width: int) -> tuple[list[arb], float]:
    """LN or RMSNorm of one row before gamma and beta: the leading power alone, or a constant."""
    flat = normalisation.kind == "layernorm"
    for k in sorted({*row, 0}, reverse=True):
        values = row.get(k, [arb(0)] * width)
        # width Ph, so that no division spoils an exact 0
        m = [width * x - sum(values, arb(0)) for x in values] if flat else values
        length = norm(m)
        if k >= 1 and length > 0:
            return [x / length * arb(width).sqrt() for x in m], 0.0
        if k >= 1 and not all(x == 0 for x in m):
            raise Undecided("whether a normalised row has a leading power")
        if k == 0:
            precise = settled(known)
            eps = arb(normalisation.eps) * (width**2 if flat else 1)
            scale = (length**2 / width + eps).sqrt()
            if scale > 0:
                return [x / scale for x in m], precise
    if flat and width == 1:
        return [arb(0)], -inf
    raise Undecided("eps = 0 and a row that the norm sees as 0: its direction is open")


def normalised(normalisation: Norm, h: Powers, size: int, width: int) -> Powers:
    """norm(h), row by row."""
    if normalisation.kind == "none":
        return h
    gamma, beta = vector(normalisation.gamma), vector(normalisation.beta)
    rows, known = [], -inf
    for row in h.rows(size):
        if normalisation.kind == "dyt":
            z, precise = squashed(normalisation.alpha, row, h.known, width)
        else:
            z, precise = direction(normalisation, row, h.known, width)
        rows.append({0: [g * x + b for g, x, b in zip(gamma, z, beta, strict=True)]})
        known = max(known, precise)
    return assemble(rows, known, width)


def squashed(alpha: float, row: Row, known: float, width: int) -> tuple[list[arb], float]:
    """tanh(alpha h) of one row: ±1, or tanh of a constant."""
    found, precise = [], -inf
    for j in range(width):
        power, value = leading(row, j)
        if power == 0 and alpha != 0:
            precise = max(precise, settled(known))
        side = arb(int(value > 0) - int(value < 0)) * int(np.sign(alpha))
        found.append(side if power > 0 else (alpha * value).tanh())
    return found, precise


def expand(weights: Weights, tokens: Float[np.ndarray, " T"], loose: bool = False) -> Powers:
    """y(t z) as powers of t at the present precision; Undecided where a comparison stays open."""
    size, width = len(tokens), weights.width
    pure = all(a.score in ("hardmax", "linear") for a in weights.attentions) and all(
        b.activation == "relu" for b in weights.blocks if isinstance(b, MLP)
    )
    mode = Mode(pure, loose)
    h = Powers({1: exact(tokens[:, None]) * exact(weights.read_in[None])})
    start = weights.read_in_bias + np.zeros((size, 1)), weights.positions[:size]
    h = h + Powers.constant(start[0]) + Powers.constant(start[1])
    for block in weights.blocks:
        u = h if weights.post_norm else normalised(block.norm, h, size, width)
        if isinstance(block, Attention):
            change = attend(block, u, size, mode)
        else:
            hidden = affine(u, block.up, block.up_bias, size)
            hidden = switch(block.activation, hidden, size, len(block.up))
            change = affine(hidden, block.down, block.down_bias, size)
        h = h + change if weights.residual else change
        h = normalised(block.norm, h, size, width) if weights.post_norm else h
    final = normalised(weights.final_norm, h, size, width)
    y = affine(final, weights.read_out[None], np.array([weights.read_out_bias]), size)
    return y.map(lambda m: arb_mat([[m[size - 1, 0]]]))


@dataclass(frozen=True)
class Growth:
    """y(t z) = coefficient t^exponent + lower powers, t -> inf."""

    exponent: int
    coefficient: Interval


def growth(weights: Weights, tokens: Float[np.ndarray, " T"]) -> Growth:
    """The exact leading power of y(t z); TheoryError when the prompt sits on a cell wall."""
    if len(tokens) > len(weights.positions):
        room = len(weights.positions)
        raise TheoryError(f"{len(tokens)} tokens, but the model has {room} positions")
    # balls lose about 20 bits a layer
    bits, reason, first = ctx.prec, "", 128 + 32 * len(weights.blocks)
    for precision, loose in (
        (first, False),
        (4 * first, False),
        (16 * first, False),
        (first, True),
    ):
        ctx.prec = precision
        try:
            y = expand(weights, np.asarray(tokens, dtype=float), loose)
            power, value = leading(y.rows(1)[0], 0)
            if power == 0:
                settled(y.known)
            return Growth(power, Interval.enclose(value))
        except Undecided as error:
            reason = str(error)
        finally:
            ctx.prec = bits
    raise TheoryError(f"no single cell holds this prompt: {reason}")
