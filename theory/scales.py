"""y(t z)/t for EVERY t >= t0 at once, in balls: where the limits of theory.cells have settled.

h = t u, τ = 1/t in [0, 1/t0]: u = start + τ slope + rest. On the prompt's cell start and slope are
the exact powers; ``rest`` is a ball that holds, for all those t, what selections and activations
have not yet decided: a loser's weight is at most e^(-t0² gap).
"""

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float

from theory.powers import exact
from theory.weights import MLP, ActivationKind, Attention, Weights


@dataclass(frozen=True, eq=False)
class Line:
    """start + τ slope + rest, entry by entry, for every τ of the ball tau."""

    start: arb_mat
    slope: arb_mat
    rest: arb_mat
    tau: arb

    @property
    def hull(self) -> arb_mat:
        """A ball for all τ."""
        return self.start + self.slope * self.tau + self.rest

    def through(self, weight: Float[np.ndarray, "m d"], bias: Float[np.ndarray, " m"]) -> "Line":
        """u W' + τ bias: what W h + bias is over t."""
        turned, size = exact(weight.T), self.start.nrows()
        shift = exact(np.tile(bias, (size, 1)))
        return Line(self.start * turned, self.slope * turned + shift, self.rest * turned, self.tau)

    def __add__(self, other: "Line") -> "Line":
        """The sum."""
        return Line(
            self.start + other.start, self.slope + other.slope, self.rest + other.rest, self.tau
        )


# weights on the cell, and the ball vector for what the true mixture differs by
Mix = tuple[list[arb], list[arb]]


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores over t² as quadratics in τ, with a ball for the rest."""

    powers: tuple[list[list[arb]], ...]
    tau: arb

    @classmethod
    def of(cls, q: Line, k: Line, scale: arb) -> "Scores":
        """q.k scale."""
        start, slope = k.start.transpose(), k.slope.transpose()
        rest = q.hull * k.rest.transpose() + q.rest * (start + slope * k.tau)
        powers = (q.start * start, q.start * slope + q.slope * start, q.slope * slope, rest)
        return cls(tuple((m * scale).tolist() for m in powers), q.tau)

    def difference(self, i: int, j: int, m: int | None = None) -> arb:
        """s_ij - s_im (s_ij without m), a ball for all τ: equal parts cancel before τ enters."""
        zero, one, two, rest = (p[i][j] - (0 if m is None else p[i][m]) for p in self.powers)
        return zero + self.tau * (one + self.tau * two) + rest

    def best(self, i: int) -> int:
        """A leader of the row at τ -> 0: a guess, every other token is checked against it."""
        zero, one = self.powers[0][i], self.powers[1][i]
        return max(range(i + 1), key=lambda j: (float(zero[j]), float(one[j])))


def select(scores: Scores, i: int, values: list[list[arb]], start: arb, hard: bool) -> Mix:
    """Softmax, hardmax: the winner m; rest Σ_(j != m) p_j (v_j - v_m), p_j <= e^(-t0² gap)."""
    best, rest = scores.best(i), [arb(0)] * len(values[0])
    for j in range(i + 1):
        gap = scores.difference(i, best, j)
        if j == best or (hard and gap > 0):
            continue
        share = arb(0).union((-gap.lower() * start**2).exp() if gap > 0 else arb(1))
        moves = [v - w for v, w in zip(values[j], values[best], strict=True)]
        rest = [r + share * move for r, move in zip(rest, moves, strict=True)]
    return [arb(int(j == best)) for j in range(len(values))], rest


def gate(scores: Scores, i: int, values: list[list[arb]], start: arb) -> Mix:
    """Sigmoid: 1 or 0 by the score's sign; the rest is at most e^(-t0² |score|) of the value."""
    weights, rest = [arb(0)] * len(values), [arb(0)] * len(values[0])
    for j in range(i + 1):
        score = scores.difference(i, j)
        share = arb(0).union(arb(1))
        if score > 0 or score < 0:
            share = arb(0).union((-abs(score).lower() * start**2).exp())
        if score > 0:
            weights[j], share = arb(1), -share
        rest = [r + share * v for r, v in zip(rest, values[j], strict=True)]
    return weights, rest


def attend(attention: Attention, u: Line, start: arb) -> Line:
    """The attention's part of u."""
    size, width = u.start.nrows(), u.start.ncols()
    total = u.through(np.zeros((width, width)), attention.output_bias)
    for h in range(len(attention.query)):
        q = u.through(attention.query[h], attention.query_bias[h])
        k = u.through(attention.key[h], attention.key_bias[h])
        v = u.through(attention.value[h], attention.value_bias[h])
        scores = Scores.of(q, k, arb(attention.query.shape[1]).rsqrt())
        hull, hard = v.hull.tolist(), attention.score == "hardmax"
        mixes = [
            gate(scores, i, hull, start)
            if attention.score == "sigmoid"
            else select(scores, i, hull, start, hard)
            for i in range(size)
        ]
        cell, rest = (arb_mat([mix[part] for mix in mixes]) for part in (0, 1))
        mixed = Line(cell * v.start, cell * v.slope, cell * v.rest + rest, u.tau)
        total += mixed.through(attention.output[h], np.zeros(width))
    return total


def short(kind: ActivationKind, size: arb) -> arb:
    """Bound of relu(v) - act(v) >= 0 where |v| >= size; decreasing from |v| = 1.28 on.

    |v| Φ(-|v|) <= φ(v) (Mills) for GELU, |v| e^-|v| for SiLU, |v| e^(-|v| sqrt(8/π)) for its tanh
    form; everywhere 0.1701 and W(1/e) = 0.2785 at most.
    """
    if kind == "relu":
        return arb(0)
    most = arb(-1).exp().lambertw() if kind == "silu" else arb("0.1701")
    if not size > 1.3:
        return most
    if kind == "gelu":
        return most.min((-(size**2) / 2).exp() / (2 * arb.pi()).sqrt())
    rate = arb(1) if kind == "silu" else (8 / arb.pi()).sqrt()
    return most.min(size * (-rate * size).exp())


def feed(mlp: MLP, u: Line, start: arb) -> Line:
    """The MLP's part of u: a unit passes or blocks; where its sign is open the rest holds both."""
    inner = u.through(mlp.up, mlp.up_bias)
    parts = [m.tolist() for m in (inner.start, inner.slope, inner.rest, inner.hull)]
    for i, row in enumerate(parts[3]):
        for j, x in enumerate(row):
            size = abs(x).lower() * start if x > 0 or x < 0 else arb(0)
            loss = arb(0).union(-short(mlp.activation, size) / start)
            if not x > 0:
                parts[0][i][j] = parts[1][i][j] = arb(0)
                parts[2][i][j] = arb(0) if x < 0 else arb(0).union(x.upper().max(arb(0)))
            parts[2][i][j] += loss
    start_, slope, rest = (arb_mat(part) for part in parts[:3])
    hidden = Line(start_, slope, rest, u.tau)
    return hidden.through(mlp.down, mlp.down_bias)


def every_scale(weights: Weights, tokens: Float[np.ndarray, " T"], start: float) -> arb:
    """A ball that holds y(t z)/t for every t >= start.

    For models without norms whose scores are softmax, hardmax or sigmoid.
    """
    size = len(tokens)
    column = exact(np.asarray(tokens)[:, None])
    offsets = exact(weights.positions[:size]) + exact(np.tile(weights.read_in_bias, (size, 1)))
    blank = exact(np.zeros((size, weights.width)))
    tau = arb(0).union(1 / arb(start))
    u = Line(column * exact(weights.read_in[None]), offsets, blank, tau)
    for block in weights.blocks:
        if isinstance(block, Attention):
            change = attend(block, u, arb(start))
        else:
            change = feed(block, u, arb(start))
        u = u + change if weights.residual else change
    y = u.through(weights.read_out[None], np.array([weights.read_out_bias]))
    return y.hull[size - 1, 0]
