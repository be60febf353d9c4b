"""N5: how steep a prediction can be in the query, for every context at once."""

import numpy as np
import sympy as sp
from flint import arb

from theory.activations import lipschitz
from theory.anatomy import (
    circuits,
    insist,
    minus_mean,
    needs_ray,
    project,
    ray,
    ray_length,
    scaled_rows,
)
from theory.asking import askings
from theory.balls import Balls, balls, spectral_norm
from theory.dispersion import block_ranges
from theory.errors import TheoryError
from theory.functional import first_order
from theory.interval import Interval
from theory.passages import Query, View, view
from theory.plateau import readout_balls
from theory.softmax import needs_softmax
from theory.steps import identity, limit_is, nonnegative, sum_of_squares
from theory.streams import Stream, length, scaled, total
from theory.theorem import Mutant, Step, Theorem
from theory.velocity import velocities
from theory.weights import MLP, Weights


def readout_slope(weights: Weights, x: float, stream: Stream) -> Interval:
    """dy/dx of the readout with the rest r of the stream held still.

    m = x w + r, e = w/|w|: -sqrt(d)[|w| (m.e)(a'.r) - (a.w)(|r_across|² + d eps)]/|m~|³, a' = a
    across w. With X = |m.e|, X/|m~|³ falls from 1/X² as |r_across| grows.
    """
    w = ray(weights)
    direction, _ = readout_balls(weights)
    if weights.final_norm.kind == "layernorm":
        w, direction = minus_mean(w), minus_mean(direction)
    size = w.norm()
    e = w / size
    across = direction - e * direction.dot(e)
    low, high = stream.support(Balls.exact(np.stack([e.mid, across.mid])))
    centre, spare = Balls.exact(stream.centre), stream.norm()
    errors = [scaled(length(v.rad), spare) for v in (e, across)]
    along, turned = (
        Balls.between(np.array(low[i] - errors[i]), np.array(high[i] + errors[i])) + v.dot(centre)
        for i, v in enumerate((e, across))
    )
    front = size * abs(x) + along * float(np.sign(x))
    if not front.lower() > 0:
        return Interval(-np.inf, np.inf)
    side = total(length((centre - e * e.dot(centre)).magnitude()), spare)
    rest = Balls.exact(side) * side + balls(weights.final_norm.eps) * float(weights.width)
    ends = [Balls.exact(front.lower()), Balls.exact(front.upper())]
    least = [end / ((end * end + rest) * (end * end + rest).sqrt()) for end in ends]
    most = 1.0 / (ends[0] * ends[0])
    share = Balls.between(np.minimum(least[0].lower(), least[1].lower()), most.upper())
    first = -(turned * share * size) * float(np.sign(x))
    bend = Balls.between(np.zeros(()), (rest * most / ends[0]).upper())
    return (first + direction.dot(w) * bend).interval()


def moved_readout(weights: Weights, seen: View, velocity: Stream) -> float:
    """Upper bound of sqrt(d)|a.(1 - m~m~'/|m~|²) r'|/|m~|; inf where the cone is not closed."""
    if not seen.closed:
        return np.inf
    direction, _ = readout_balls(weights)
    across = direction - seen.axis * direction.dot(seen.axis)
    moved = velocity.farthest(across)
    tilt = scaled(length(direction.magnitude()), seen.side, velocity.reach)
    nearest = seen.size * float(np.nextafter(1 - seen.back, 0))
    return float((Balls.exact(total(moved, tilt)) / nearest).upper())


def slope_band(weights: Weights, x: float, position: int | None = None) -> Interval:
    """dy/dx_q at the query x lies inside, for every context; the whole line if nothing is known."""
    insist(needs_slope, weights)
    if x == 0 or not np.isfinite(x):
        raise TheoryError(f"the query {x}: N5's bands speak about finite queries other than 0")
    found = velocities(weights, x, position)
    if found is None:
        return Interval(-np.inf, np.inf)
    seen = view(weights, weights.final_norm, Query(x), found[0])
    still = readout_slope(weights, x, found[0])
    change = moved_readout(weights, seen, found[1])
    return still.widened(change) if np.isfinite(change + still.width) else Interval(-np.inf, np.inf)


def needs_slope(weights: Weights) -> str | None:
    """None, or why N5 does not speak about the model."""
    if any(block.norm.kind == "dyt" for block in weights.blocks):
        return "a DyT before a block: N5 is worked out for norms that divide by a length"
    return needs_ray(weights) or needs_softmax(weights)


def mlp_steepness(weights: Weights, mlp: MLP) -> arb:
    """Lip(act)|P W_2||W_1 Γ P|: how much faster an MLP moves than its normalised input."""
    down = arb(spectral_norm(project(weights, mlp.down.T).t))
    up = arb(spectral_norm(scaled_rows(mlp.norm, mlp.up)))
    return arb(lipschitz(mlp.activation)) * down * up


def global_slope(weights: Weights) -> arb:
    """|a| |P w_in| Π (1 + K_l/sqrt(eps))/sqrt(eps) >= |dy/dx| at every query; inf at eps = 0.

    Attention K = Σ|A_h|(1 + d|B_h| + del_h/4), MLP K = Lip(act)|P W_2||W_1 Γ P|.
    """
    insist(needs_slope, weights)
    eps = [arb(b.norm.eps).sqrt() for b in weights.blocks]
    final = arb(weights.final_norm.eps).sqrt()
    if not all(e > 0 for e in [*eps, final]):
        return arb.pos_inf()
    d = arb(weights.width)
    direction, _ = readout_balls(weights)
    bound = arb(length(direction.magnitude())) / d.sqrt() * ray_length(weights) / final
    for index, (block, e) in enumerate(zip(weights.blocks, eps, strict=True)):
        if isinstance(block, MLP):
            steep = mlp_steepness(weights, block)
        else:
            steep = arb(0)
            for h, spread in enumerate(block_ranges(weights, index)):
                size = arb(askings(weights)[index][h].size)
                move = 1 + d * size + arb(spread.high) / 4
                steep += arb(circuits(weights)[index].sizes[h]) * move
        bound *= 1 + steep / e
    return bound


def evaluate(weights: Weights) -> dict[str, Interval]:
    """dy/dx at ±1e2 and ±1e3 after a full context, the limit of x² dy/dx, and a cap anywhere."""
    last, values = len(weights.positions) - 1, {}
    for sign, name in ((1, ""), (-1, "-")):
        for k in (2, 3):
            values[f"dy/dx at x = {name}1e{k}"] = slope_band(weights, sign * 10.0**k, last)
        limit = first_order(weights, sign, last)
        ends = [arb(-sign) * arb(v) for v in (limit.low, limit.high)]
        values[f"x² dy/dx as x -> {name}inf"] = Interval.enclose(*ends)
    values["|dy/dx| anywhere"] = Interval.enclose(arb(0), global_slope(weights))
    return values


def radial_part_drops() -> bool:
    """(1 - m m'/|m|²)(m/x + v) = (1 - m m'/|m|²) v."""
    m, v = sp.symbols("m0:3", real=True), sp.symbols("v0:3", real=True)
    x, square = sp.Symbol("x", positive=True), sum(a**2 for a in m)

    def across(u: list[sp.Expr]) -> list[sp.Expr]:
        share = sum(a * b for a, b in zip(m, u, strict=True)) / square
        return [b - a * share for a, b in zip(m, u, strict=True)]

    left = across([a / x + b for a, b in zip(m, v, strict=True)])
    return all(identity(p, q) for p, q in zip(left, across(list(v)), strict=True))


def slope_of_the_readout() -> bool:
    """d/dx of (a1 (m x + r1) + a2 r2)/|m~| = -[m (m.e)(a2 r2) - a1 m (r2² + s)]/|m~|³."""
    x, m, s = sp.symbols("x m s", positive=True)
    r1, r2, a1, a2 = sp.symbols("r1 r2 a1 a2", real=True)
    size = sp.sqrt((m * x + r1) ** 2 + r2**2 + s)
    y = (a1 * (m * x + r1) + a2 * r2) / size
    claim = -(m * (m * x + r1) * a2 * r2 - a1 * m * (r2**2 + s)) / size**3
    return identity(sp.diff(y, x), claim)


def covariance_gap(factor: sp.Expr) -> bool:
    """f d²|κ|² - |2 S κ - d κ|² >= 0 for S = d diag(p, q), p, q >= 0, p + q <= 1.

    In the eigenbasis of S: d²[(1 - (2p-1)²) κ1² + (1 - (2q-1)²) κ2²] = 4d²[p(1-p)κ1² + ..].
    """
    p, q, rest = sp.symbols("p q rest", positive=True)
    k1, k2, d = sp.symbols("κ1 κ2 d", real=True)
    whole = p + q + rest
    share = [p / whole, q / whole]
    moved = sum((2 * d * s * k - d * k) ** 2 for s, k in zip(share, (k1, k2), strict=True))
    gap = factor * d**2 * (k1**2 + k2**2) - moved
    squares = [(4 * p * (q + rest) / whole**2, d * k1), (4 * q * (p + rest) / whole**2, d * k2)]
    return sum_of_squares(gap, squares)


def own_weight_gap(factor: sp.Expr) -> bool:
    """f/4 - w(1 - w) = (w - 1/2)²: the query's own weight times the rest's."""
    w = sp.Symbol("w", real=True)
    return sum_of_squares(factor / 4 - w * (1 - w), [(sp.Integer(1), w - sp.Rational(1, 2))])


def nearest_first(factor: sp.Expr) -> bool:
    """f/X² - X/(X² + s)^(3/2) >= 0, squared: (X² + s)³ - X⁶ = s(3X⁴ + 3X²s + s²)."""
    big, s = sp.symbols("X s", positive=True)
    return nonnegative(factor**2 * (big**2 + s) ** 3 - big**6)


def no_longer_than_cubic() -> bool:
    """The slope of the readout falls like 1/x², not 1/x³: x² times it has a limit other than 0."""
    x, m = sp.symbols("x m", positive=True)
    y = (m * x + 1) / sp.sqrt((m * x) ** 2 + 1) - m * x / sp.sqrt((m * x) ** 2 + 1)
    return limit_is(x**2 * sp.diff(y, x), x, sp.oo, -1 / m)


def slope_formula() -> sp.Basic:
    """x² dy/dx -> ∓ g·r/|P w_in|."""
    g, r, w = sp.symbols("g r |P·w_in|", real=True)
    return sp.Eq(sp.Symbol("lim x² dy/dx"), -g * r / w)


N5 = Theorem(
    "N5",
    "slope cap",
    "causal, the query last: x² dy/dx -> ∓ g.r/|P w_in| (N9's functional), so a far prediction "
    "hardly moves with its own query. At every x, with w = P w_in, e = w/|w|: dy/dx = -sqrt(d)[|w|"
    "(m.e)(a'.r) - (a.w)(|r_across|² + d eps)]/|m~|³ + sqrt(d) a.(1 - m~m~'/|m~|²) r'/|m~|. r' is "
    "carried block by block: z' = sqrt(d)/|m~| (1 - m~m~'/|m~|²)(r' - r/x), an attention adds "
    "Σ A_h (w_T z' + S B z' + w_T(1 - w_T)(κ.z')(z_T - rest)), S ≥ 0 of trace ≤ d, an MLP "
    "W_2 diag(act') W_1 Γ z'. Anywhere (eps > 0): |dy/dx| ≤ |a||w| Π(1 + K_l/sqrt(eps))/sqrt(eps), "
    "astronomically large",
    assumptions=("those of N2", "softmax, causal mask, the query last", "no DyT before a block"),
    needs=("N2", "N9", "S4", "L5"),
    source="this work",
    tight=False,
    formula=slope_formula,
    steps=(
        Step("the norm does not see m/x", lambda f: radial_part_drops()),
        Step("the readout's slope with r held still", lambda f: slope_of_the_readout()),
        Step("X/|m~|³ ≤ 1/X²", nearest_first, bears_constant=True),
        Step("|S κ - d κ/2| ≤ d|κ|/2 for S ≥ 0 of trace ≤ d", covariance_gap, bears_constant=True),
        Step("w_T(1 - w_T) ≤ 1/4", own_weight_gap, bears_constant=True),
    ),
    evaluate=evaluate,
    applies=needs_slope,
    mutants=(Mutant("dy/dx = O(1/x³)", no_longer_than_cubic),),
)
