"""ReLU, GELU (exact and tanh form) and SiLU with certified values, slopes, ranges and curvature.

A smooth activation is tabulated once in arb: Taylor coefficients at the midpoints of cells of width
2^-8, a bound of the first dropped one over the whole cell, and the range of act, act', act'' there.
Everything after that is numpy on ``Balls``. Beyond the table act(u) -> max(u, 0) to ``tail``.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from flint import arb, arb_series, ctx
from jaxtyping import Float

from theory.balls import TINY, Array, Balls, gamma, outward
from theory.interval import down, up
from theory.weights import ActivationKind

ORDER = 7
CELL = 2.0**-8
REACH = {"gelu": 12, "gelu_tanh": 12, "silu": 40}


def sigmoid(v: arb_series) -> arb_series:
    """1/(1 + exp(-v))."""
    return 1 / (1 + (-v).exp())


def series(kind: ActivationKind, at: arb) -> list[arb]:
    """Taylor coefficients 0..ORDER of the activation over the ball ``at``."""
    cap = ctx.cap
    ctx.cap = ORDER + 1
    try:
        u = arb_series([at, 1])
        if kind == "gelu":
            value = u * (1 + (u * arb(2).rsqrt()).erf()) / 2
        elif kind == "gelu_tanh":
            value = u * sigmoid((8 / arb.pi()).sqrt() * (u + u * u * u * (arb(44715) / 10**6)))
        else:
            value = u * sigmoid(u)
        coefficients = value.coeffs()
    finally:
        ctx.cap = cap
    return coefficients + [arb(0)] * (ORDER + 1 - len(coefficients))


def tail(kind: ActivationKind) -> float:
    """Bound of |act - max(u,0)|, |act' - [u>0]| and |act''| wherever |u| >= REACH.

    From 1 - Phi(u) <= phi(u)/u and 1 - sigmoid(v), sigmoid'(v), |sigmoid''(v)| <= e^-v; each bound
    is a polynomial times a faster decaying exponential, so its value at REACH is its maximum, and
    act(-u) = act(u) - u carries it to the other side.
    """
    u = arb(REACH[kind])
    if kind == "gelu":
        return up(u**2 * (-(u**2) / 2).exp())
    if kind == "silu":
        return up((2 + u) * (-u).exp())
    root, k = (8 / arb.pi()).sqrt(), arb(44715) / 10**6
    v, slope, bend = root * (u + k * u**3), root * (1 + 3 * k * u**2), root * 6 * k * u
    return up((-v).exp() * (1 + u + 2 * slope + u * slope + u * bend + u * slope**2))


@dataclass(frozen=True, eq=False)
class Table:
    """Cells 1..N cover [-reach, reach]; cells 0 and N+1 are the two tails.

    ``coefficients`` (N, ORDER) balls, ``rest`` (N,) bounds of coefficient ORDER over the cell,
    ``ends``[k] (2, N+2) the range of the k-th derivative on each cell.
    """

    reach: float
    tail: float
    coefficients: Balls
    rest: Array
    ends: tuple[Array, Array, Array]

    def cell(self, u: Array) -> np.ndarray:
        """Index of the cell of each u (cells overlap by far more than a rounding)."""
        count = len(self.rest)
        clipped = np.clip(u, -self.reach - CELL, self.reach + CELL)
        index = np.floor((clipped + self.reach) / CELL).astype(int) + 1
        return np.clip(index, 0, count + 1)


@cache
def table(kind: ActivationKind) -> Table:
    """The certified table of a smooth activation (built once, about 0.3 s)."""
    reach, count = REACH[kind], int(2 * REACH[kind] / CELL)
    mid = np.zeros((count, ORDER))
    rad = np.zeros((count, ORDER))
    rest = np.zeros(count)
    last = tail(kind)
    ends = [np.zeros((2, count + 2)) for _ in range(3)]
    for i in range(count):
        centre = -reach + (i + 0.5) * CELL
        for k, c in enumerate(series(kind, arb(centre))[:ORDER]):
            mid[i, k] = float(c.mid())
            rad[i, k] = up(abs(c - arb(mid[i, k])))
        # a little wider than the cell: a u that rounding put into the neighbour is still covered
        over = series(kind, arb(centre, CELL / 2 * (1 + 2.0**-20)))
        rest[i] = up(abs(over[ORDER]))
        for k, factor in enumerate((1, 1, 2)):
            ends[k][:, i + 1] = down(factor * over[k]), up(factor * over[k])
    for k, right in enumerate((np.inf, 1 + last, last)):
        ends[k][:, 0] = -last, last
        ends[k][:, -1] = (reach - last if k == 0 else 1 - last if k == 1 else -last), right
    return Table(reach, last, Balls(mid, rad), rest, (ends[0], ends[1], ends[2]))


def horner(coefficients: Balls, t: Balls, derivative: int) -> Balls:
    """Σ c_k t^k (derivative 0) or Σ k c_k t^(k-1) (1), the c_k along the last axis.

    Horner's rule errs by at most gamma(2n) Σ|c_k||t|^k (Higham, section 5.1); what the radii of t
    and of the c_k add is Σ k|c_k||t|^(k-1) and Σ rad c_k |t|^k.
    """
    size = np.nextafter(np.abs(t.mid) + t.rad, np.inf)
    total, most, slope, error = (np.zeros_like(t.mid) for _ in range(4))
    order = coefficients.shape[-1]
    for k in range(order - 1, derivative - 1, -1):
        # k is a small integer: c_k k is rounded once, as an addition is
        factor = float(k) if derivative else 1.0
        mid, rad = coefficients.mid[..., k] * factor, coefficients.rad[..., k] * factor
        slope = slope * size + most
        total, most = total * t.mid + mid, most * size + (np.abs(mid) + rad)
        error = error * size + rad
    rad = error + t.rad * slope + gamma(2 * order + 2) * most
    return Balls(total, outward(rad, 4 * order + 6))


def evaluate(kind: ActivationKind, u: Balls, derivative: int) -> Balls:
    """act (derivative 0) or act' (1) at balls: Taylor at the midpoint, mean value beyond."""
    data = table(kind)
    index = data.cell(u.mid)
    inside = np.clip(index - 1, 0, len(data.rest) - 1)
    beyond = np.abs(u.mid) >= data.reach
    # as a ball: next to 0 the distance from a cell's centre is rounded
    t = Balls.exact(np.where(beyond, 0.0, u.mid)) - (-data.reach + (inside + 0.5) * CELL)
    total = horner(data.coefficients[inside], t, derivative)
    dropped = data.rest[inside] * (ORDER if derivative else 1) * CELL ** (ORDER - derivative)
    far = np.maximum(u.mid, 0) if derivative == 0 else (u.mid > 0).astype(float)
    lipschitz = np.abs(data.ends[derivative + 1]).max()
    rad = np.where(beyond, data.tail, total.rad + dropped) + lipschitz * u.rad
    return Balls(np.where(beyond, far, total.mid), outward(rad, 8))


def value(kind: ActivationKind, u: Balls) -> Balls:
    """act(u), entry by entry."""
    if kind == "relu":
        return Balls(np.maximum(u.mid, 0), u.rad)
    return evaluate(kind, u, 0)


def slope(kind: ActivationKind, u: Balls) -> Balls:
    """act'(u); for ReLU the subdifferential where the ball holds 0."""
    if kind == "relu":
        return Balls.between((u.lower() > 0).astype(float), (u.upper() >= 0).astype(float))
    return evaluate(kind, u, 1)


@cache
def pyramid(kind: ActivationKind, derivative: int) -> tuple[Array, Array]:
    """Range of the derivative over 2^k cells from each cell on: (levels, 2, cells) as -min, max."""
    low, high = table(kind).ends[derivative]
    level, levels, step = np.stack([-low, high]), [], 1
    while step <= level.shape[1]:
        levels.append(level)
        shifted = np.concatenate([level[:, step:], np.repeat(level[:, -1:], step, 1)], 1)
        level, step = np.maximum(level, shifted), 2 * step
    stacked = np.stack(levels)
    return stacked[:, 0], stacked[:, 1]


def derivative_range(
    kind: ActivationKind, derivative: int, low: Array, high: Array
) -> tuple[Array, Array]:
    """Enclosures of min and max of act' (1) or act'' (2) over [low, high]; to about one cell."""
    if kind == "relu":
        if derivative == 2:
            raise ValueError("ReLU has no second derivative")
        return (low > 0).astype(float), (high >= 0).astype(float)
    first, last = table(kind).cell(low), table(kind).cell(high)
    level = np.floor(np.log2(last - first + 1)).astype(int)
    minus_low, top = pyramid(kind, derivative)
    second = last - 2**level + 1
    return (
        -np.maximum(minus_low[level, first], minus_low[level, second]),
        np.maximum(top[level, first], top[level, second]),
    )


def lipschitz(kind: ActivationKind) -> float:
    """sup |act'|: 1 for ReLU, about 1.129 for GELU, 1.0998 for SiLU."""
    return 1.0 if kind == "relu" else float(np.abs(table(kind).ends[1]).max())


def bend(kind: ActivationKind) -> float:
    """sup |act''| (0.798 for GELU, 0.5 for SiLU); inf for ReLU."""
    return np.inf if kind == "relu" else float(np.abs(table(kind).ends[2]).max())


def highest(
    kind: ActivationKind,
    sign: float,
    tilt: Array,
    edges: Float[np.ndarray, "n m"],
    at: Balls,
    fine: float,
) -> Float[np.ndarray, " n"]:
    """Upper bound of max of sign (act(u) - tilt u) over n intervals: branch and bound on cells.

    ``at`` is the function itself at the ``edges`` of the first cells. On a cell of width w a
    function with |f''| <= C lies below its larger end plus C w²/8. A cell is split while that is
    above ``fine`` (how far to search, not a tolerance: any stop is sound).
    """
    owner = np.repeat(np.arange(len(tilt)), edges.shape[1] - 1)
    left, right = edges[:, :-1].ravel(), edges[:, 1:].ravel()
    ends = [Balls(part.mid.ravel(), part.rad.ravel()) * sign for part in (at[:, :-1], at[:, 1:])]
    best, result = np.full(len(tilt), -np.inf), np.full(len(tilt), -np.inf)
    while owner.size:
        curve = np.abs(derivative_range(kind, 2, left, right)).max(0)
        gap = outward(curve * (right - left) ** 2 / 8, 6)
        bound = np.nextafter(np.maximum(ends[0].upper(), ends[1].upper()) + gap, np.inf)
        # cells are sorted by their owners
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        reached = np.maximum.reduceat(np.maximum(ends[0].lower(), ends[1].lower()), first)
        best[owner[first]] = np.maximum(best[owner[first]], reached)
        alive = bound > best[owner]
        split = alive & (gap > fine)
        np.maximum.at(result, owner[alive & ~split], bound[alive & ~split])
        steps = left[split, None] + (right - left)[split, None] * np.arange(5) / 4
        steps[:, -1] = right[split]
        left, right = steps[:, :-1].ravel(), steps[:, 1:].ravel()
        owner = np.repeat(owner[split], 4)
        ends = [tilted(kind, tilt[owner], u) * sign for u in (left, right)]
    return np.maximum(result, best)


def tilted(kind: ActivationKind, tilt: Array, u: Array) -> Balls:
    """act(u) - tilt u."""
    return value(kind, Balls.exact(u)) - Balls.exact(u) * tilt


def tilted_range(
    kind: ActivationKind, tilt: Array, low: Array, high: Array, fine: float = 2.0**-24
) -> tuple[Array, Array]:
    """[lo, hi] that holds act(u) - tilt u for every u in [low, high], about ``fine`` too wide."""
    if kind == "relu":
        ends = tilted("relu", tilt, np.stack([low, high, np.clip(0.0, low, high)]))
        return ends.lower().min(0), ends.upper().max(0)
    edges = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 33)
    edges[:, -1] = high
    at = tilted(kind, tilt[:, None], edges)
    low, high = (highest(kind, sign, tilt, edges, at, fine) for sign in (-1.0, 1.0))
    return -low, high


def chord(kind: ActivationKind, low: Array, high: Array) -> Array:
    """Slope of the secant over [low, high] (a double; any slope is sound in ``tilted_range``)."""
    ends = [value(kind, Balls.exact(u)).mid for u in (low, high)]
    width = high - low
    return np.where(width > TINY, (ends[1] - ends[0]) / np.where(width > TINY, width, 1), 0.0)
