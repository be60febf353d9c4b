"""How a set of streams passes a norm and an attention: linear maps plus certified noise.

Everything is seen from the query: m = x w + t (r), x fixed, r the set of streams, t = 1 for one
query and t in [share, 1] for all queries from x to x/share at once (m is h scaled by x/x').
"""

from dataclasses import dataclass

import numpy as np
from flint import arb
from jaxtyping import Float

from theory.anatomy import (
    centred,
    circuits,
    first_discs,
    head_columns,
    minus_mean,
    ray,
)
from theory.balls import Array, Balls, concatenate, outward
from theory.cones import column
from theory.interval import Interval
from theory.streams import Stream, length, scaled, total
from theory.walls import Cut, walls
from theory.weights import Norm, Weights


@dataclass(frozen=True)
class Query:
    """The query's value, and the far end x/share of the queries that share the certificate."""

    x: float
    share: float = 1.0

    @property
    def middle(self) -> float:
        """The middle of [share, 1]."""
        return (1 + self.share) / 2

    @property
    def half(self) -> float:
        """Bound of |t - middle| for t in [share, 1], whatever rounding did to the middle."""
        return (1 - self.share) / 2 + 2.0**-51 if self.share < 1 else 0.0


@dataclass(frozen=True, eq=False)
class View:
    """m~ = (m, sqrt(d eps) t) = |v~|(p n + q), q across n: 1 - back <= p <= 1 + ahead, |q| <= side.

    ``axis`` (d,) is the first block of n = v~/|v~|, ``size`` is |v~|; ``stream`` holds what m is
    linear in (for share < 1 its own centre is one more noise), ``reach`` bounds its deviation.
    ``height`` bounds what the appended coordinate, which moves with t, contributes to p.
    """

    axis: Balls
    size: Balls
    back: float
    ahead: float
    side: float
    stream: Stream
    reach: float
    height: float = 0.0

    @property
    def closed(self) -> bool:
        """Whether every m~ certainly lies on n's side."""
        return self.back < 1


def widened(query: Query, stream: Stream) -> Stream:
    """t r - centre middle as a deviation: t <= 1 shrinks the noise and moves the centre."""
    half = query.half
    return stream.joined(Balls.exact(stream.centre[:, None]) * half, 1) if half else stream


def recentres(weights: Weights, norm: Norm) -> bool:
    """Whether the norm subtracts a mean that the stream still has."""
    return norm.kind == "layernorm" and not centred(weights)


def view(weights: Weights, norm: Norm, query: Query, stream: Stream) -> View:
    """What a LayerNorm or RMSNorm sees of the streams."""
    middle, half = query.middle, query.half
    wide = widened(query, stream)
    v = ray(weights) * query.x + Balls.exact(stream.centre) * middle
    v = minus_mean(v) if recentres(weights, norm) else v
    height = (Balls.exact(np.array([norm.eps])) * float(weights.width)).sqrt()
    size, lift = concatenate([v, height * middle]).norm(), float((height * half).magnitude()[0])
    reach, floor = total(wide.norm(), lift), float(size.lower())
    if not floor > 0:
        return View(v, size, np.inf, np.inf, np.inf, wide, reach)
    axis = v / size
    # P n = n, so n.(P r) = n.r; the double n^ in place of n costs |n - n^| of the deviation
    low, high = wide.support(Balls.exact(axis.mid[None]))
    off = total(scaled(length(axis.rad), reach), lift)
    parts = np.array([off - low[0], high[0] + off, reach])
    back, ahead, side = outward(np.maximum(parts, 0) / floor, 6)
    upright = scaled(float(height.magnitude()[0]), lift)
    raised = float(outward(np.float64(upright) / floor / floor, 4))
    return View(axis, size, float(back), float(ahead), float(side), wide, reach, raised)


@dataclass(frozen=True, eq=False)
class Normed:
    """z = centre + J v + ball b + diag(box) e: a norm's output, v the deviation of the stream."""

    centre: Balls
    jacobian: Float[np.ndarray, "d d"]
    ball: float
    box: Float[np.ndarray, " d"] | None = None


GRID = 24


def corners(back: float, ahead: float, side: float) -> tuple[Array, Array]:
    """Points (p, q) of the rectangle in which m~/|v~| lies."""
    p = np.linspace(1 - back, 1 + ahead, GRID + 1)
    return np.repeat(p, GRID + 1), np.tile(np.linspace(0, side, GRID + 1), GRID + 1)


def best_fit(p: Array, q: Array) -> tuple[float, float, float]:
    """(c, α, β) for which (c + α(p-1), βq) is near (p, q)/|(p, q)|: Lawson's iteration."""
    size = np.hypot(p, q)
    along, across, weight = p / size, q / size, np.ones(p.size)
    best, fit = np.inf, (0.0, 0.0, 0.0)
    for _ in range(25):
        mean = (weight * (p - 1)).sum() / weight.sum()
        level = (weight * along).sum() / weight.sum()
        spread = (weight * (p - 1 - mean) ** 2).sum()
        alpha = (weight * (p - 1 - mean) * along).sum() / spread if spread > 1e-300 else 0.0
        square = (weight * q**2).sum()
        beta = (weight * q * across).sum() / square if square > 1e-300 else 1.0
        trial = (float(level - alpha * mean), float(alpha), float(beta))
        error = np.hypot(along - trial[0] - alpha * (p - 1), across - beta * q)
        if error.max() < best:
            best, fit = error.max(), trial
        weight = weight * error / error.max() if error.max() > 0 else weight
        if not weight.any():
            break
    return fit


def linearised(back: float, ahead: float, side: float) -> tuple[float, float, float, float]:
    """(c, α, β, noise): (p, q)/|(p, q)| is within noise of (c + α(p-1), βq) on the rectangle.

    At distance r the direction's second derivative along a line that passes 0 at distance h is
    sqrt(h⁴ + 4h²t²)/r⁴, r² = h² + t²: at most 2/(sqrt(3) r²) and 2h/r³. A function is within
    (δp² sup|f_pp| + δq² sup|f_qq|)/8 of its bilinear interpolation on a cell, whose largest length
    is at a corner.
    """
    if not (back < 1 and side < 1e6):
        return 0.0, 0.0, 0.0, 1.0
    p, q = corners(back, ahead, side)
    c, alpha, beta = best_fit(p, q)
    size = np.hypot(p, q)
    error = np.hypot(p / size - c - alpha * (p - 1), q / size - beta * q).max()
    bend = 2 / np.sqrt(3) / (1 - back) ** 2
    radial = min(bend, 2 * side / (1 - back) ** 3)
    step = radial * ((back + ahead) / GRID) ** 2 + bend * (side / GRID) ** 2
    # the grid may end an ulp inside the rectangle, where the error changes by at most this slope
    ulp = 2.0**-48 * (1 + 1 / (1 - back) + abs(alpha) + abs(beta))
    noise = float(outward(error + step / 8 + ulp, 20))
    return (c, alpha, beta, noise) if noise < 1 else (0.0, 0.0, 0.0, 1.0)


def normalised(weights: Weights, norm: Norm, seen: View) -> Normed:
    """sqrt(d) m~/|m~|: a linear map of the deviation plus a ball; the ball alone if not closed."""
    d = weights.width
    root = Balls.exact(float(d)).sqrt()
    c, alpha, beta, noise = linearised(seen.back, seen.ahead, seen.side)
    if c == alpha == beta == 0:
        return Normed(
            Balls.exact(np.zeros(d)), np.zeros((d, d)), scaled(float(root.upper()), noise)
        )
    outer = column(seen.axis) * seen.axis
    jacobian = (Balls.exact(np.eye(d)) * beta + outer * (alpha - beta)) * (root / seen.size)
    jacobian = minus_mean(jacobian) if recentres(weights, norm) else jacobian
    missed = scaled(length(jacobian.rad), seen.reach)
    # p - 1 is n.u~, of which J u has all but the appended coordinate's part
    raised = scaled(abs(alpha - beta), seen.height)
    ball = total(scaled(float(root.upper()), total(noise, raised)), missed)
    return Normed(seen.axis * root * c, jacobian.mid, ball)


def squashed(weights: Weights, norm: Norm, query: Query, stream: Stream) -> Normed:
    """tanh(alpha h) coordinate by coordinate, h = x' w + r for every x' from x to x/share."""
    d = weights.width
    low, high = stream.support(Balls.exact(np.eye(d)))
    start = ray(weights) * query.x
    # no DyT model is centred, so the ray is w_in itself and its signs are exact
    signs = np.sign(weights.read_in) * np.sign(query.x)
    infinite = np.where(signs == 0, 0.0, np.where(signs > 0, np.inf, -np.inf))
    far = start / query.share if query.share else Balls.exact(infinite)
    bottom = np.minimum(start.lower(), far.lower()) + (Balls.exact(low) + stream.centre).lower()
    top = np.maximum(start.upper(), far.upper()) + (Balls.exact(high) + stream.centre).upper()
    ends = [np.nextafter(bottom, -np.inf), np.nextafter(top, np.inf)]
    reached = [[hyperbolic(norm.alpha, float(v)) for v in end] for end in ends]
    ranges = [Interval.enclose(*pair) for pair in zip(*reached, strict=True)]
    box = Balls.between(np.array([r.low for r in ranges]), np.array([r.high for r in ranges]))
    return Normed(Balls.exact(box.mid), np.zeros((d, d)), 0.0, box.rad)


def hyperbolic(alpha: float, h: float) -> arb:
    """tanh(alpha h), also at infinity."""
    if alpha == 0 or not np.isinf(h):
        return (arb(alpha) * arb(h if alpha else 0.0)).tanh()
    return arb(float(np.sign(h) * np.sign(alpha)))


def pass_norm(
    weights: Weights, norm: Norm, query: Query, stream: Stream
) -> tuple[View | None, Normed]:
    """The norm's output."""
    if norm.kind == "dyt":
        return None, squashed(weights, norm, query, stream)
    seen = view(weights, norm, query, stream)
    return seen, normalised(weights, norm, seen)


def pass_attention(weights: Weights, index: int, stream: Stream, position: int) -> Stream:
    """r + constant + Σ_h A_h (average of inputs): half discs for the first, sqrt(d) balls else, cut
    by walls where there are some.
    """
    stream = stream.moved(circuits(weights)[index].constant)
    if index == 0 and (discs := first_discs(weights, position)):
        for disc in discs:
            stream = stream.with_shape(disc)
        return stream
    columns, size, missed = head_columns(weights)[index]
    found = walls(weights, index)
    if found is None:
        return stream.joined(columns, size).loosened(missed)
    for h, wall in enumerate(found):
        part = columns[:, h * size : (h + 1) * size]
        stream = stream.with_shape(Cut(part.mid, wall, length(part.rad)))
    return stream.loosened(missed)
