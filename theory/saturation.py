"""N4: as one value of the prompt grows the prediction tends to a limit, and how fast."""

import numpy as np
import sympy as sp
from flint import arb

from theory.anatomy import circuits, insist, minus_mean, ray
from theory.asking import askings
from theory.balls import Balls
from theory.bands import merged
from theory.blocks import residual_bound, start
from theory.dispersion import block_ranges
from theory.errors import TheoryError
from theory.functional import functional_spread
from theory.hidden import pass_mlp
from theory.interval import Interval
from theory.passages import Query, normalised, pass_attention, view
from theory.plateau import ray_limit, readout_balls
from theory.slope import (
    covariance_gap,
    mlp_steepness,
    moved_readout,
    needs_slope,
    own_weight_gap,
)
from theory.steps import limit_is, nonnegative, sum_of_squares
from theory.streams import Stream, length
from theory.theorem import Mutant, Step, Theorem
from theory.velocity import velocities
from theory.weights import MLP, Weights


def needs_saturation(weights: Weights) -> str | None:
    """None, or why no constant serves every context."""
    if (reason := needs_slope(weights)) is not None:
        return reason
    if len(weights.positions) < 2:
        return "one position: nothing stands before the query"
    if any(b.norm.eps == 0 for b in weights.blocks) or weights.final_norm.eps == 0:
        return "eps = 0: LayerNorm jumps where a token's stream is constant, no rate is uniform"
    if not pole_ray(weights).norm().lower() > 0:
        return "|P w_in| = 0: the LayerNorms before the blocks do not see a token's value at all"
    return None


def pole_ray(weights: Weights) -> Balls:
    """What of w_in every block's norm sees: P w_in if one of them is a LayerNorm, else w_in."""
    recentred = any(b.norm.kind == "layernorm" for b in weights.blocks)
    return minus_mean(ray(weights)) if recentred else ray(weights)


def saturation_constant(weights: Weights) -> arb:
    """C: |y - y(±)| <= C/|z_k| for |z_k| > X~, every context, any token k before the query.

    Token k's norms are within sqrt(2d) X~/|z_k| of their pole. What other tokens' streams move, e,
    passes a norm times 1/sqrt(eps) and a block times its Lipschitz constant: attention
    Σ|A_h|[(1 + del_h/2) max(key, e) + d|B_h| e], MLP Lip(act)|P W_2||W_1 Γ P| e.
    """
    insist(needs_saturation, weights)
    d, moved = arb(weights.width), arb(0)
    key = (2 * d).sqrt() * far_radius_of(weights)
    for index, block in enumerate(weights.blocks):
        own = moved / arb(block.norm.eps).sqrt()
        if isinstance(block, MLP):
            moved += mlp_steepness(weights, block) * own
            continue
        most = key if key > own else own
        for h, spread in enumerate(block_ranges(weights, index)):
            size = arb(askings(weights)[index][h].size)
            reach = (1 + arb(spread.high) / 2) * most + d * size * own
            moved += arb(circuits(weights)[index].sizes[h]) * reach
    direction, _ = readout_balls(weights)
    steep = arb(length(direction.magnitude())) / d.sqrt() / arb(weights.final_norm.eps).sqrt()
    return steep * moved


def far_radius_of(weights: Weights) -> arb:
    """X~ for the block norms: sqrt(R_tot² + d eps)/|P w_in| with the largest eps."""
    eps = max(b.norm.eps for b in weights.blocks)
    rest = residual_bound(weights) ** 2 + weights.width * arb(eps)
    return rest.sqrt() / arb(float(pole_ray(weights).norm().lower()))


def pole_offsets(weights: Weights, z: float, position: int) -> dict[int, Stream] | None:
    """By attention block: the norm's output for a token of value z or beyond, less its pole.

    None where some cone is not closed, or some norm does not see the token's value.
    """
    if not pole_ray(weights).norm().lower() > 0:
        return None
    query, (stream, last), found = Query(z, 0.0), start(weights, position), {}
    root = Balls.exact(float(weights.width)).sqrt()
    for index, block in enumerate(weights.blocks):
        if isinstance(block, MLP):
            stream = merged(weights, pass_mlp(weights, index, query, stream)[1])
            continue
        seen = view(weights, block.norm, query, stream)
        if not seen.closed:
            return None
        w = minus_mean(ray(weights)) if block.norm.kind == "layernorm" else ray(weights)
        pole = w / w.norm() * root * float(np.sign(z))
        output = normalised(weights, block.norm, seen)
        noise = seen.stream.plain().mapped(output.jacobian, keep=False).loosened(output.ball)
        placed = Stream(np.zeros(weights.width), noise.columns, noise.starts, (), noise.slack)
        found[index] = placed.moved(output.centre - pole)
        stream = pass_attention(weights, index, stream, last)
    return found


def saturation_bound(weights: Weights, x: float, z: float, position: int | None = None) -> arb:
    """Upper bound of |y - y(±)| at the query x for every |z_k| >= |z|, k the token just before it.

    Whatever stands earlier; nothing between them passes the change on. Never more than D(x).
    """
    insist(needs_slope, weights)
    position = len(weights.positions) - 1 if position is None else position
    if position < 1 or np.isnan(z):
        raise TheoryError(f"z = {z} before position {position}: N4 needs a value before the query")
    spread = functional_spread(weights, x, position)
    told = pole_offsets(weights, z, position - 1)
    found = None if told is None else velocities(weights, x, position, told)
    if found is None:
        return spread
    seen = view(weights, weights.final_norm, Query(x), found[0])
    change = arb(moved_readout(weights, seen, found[1]))
    return change if change < spread else spread


def evaluate(weights: Weights) -> dict[str, Interval]:
    """C for any token and query; |y - y(±)| |z_k| for the token just before a far query."""
    values = {"C of |y - y(±)| <= C/|z_k|": Interval.enclose(arb(0), saturation_constant(weights))}
    x = 1e3
    for z in (1e3, -1e3):
        bound = saturation_bound(weights, x, z)
        name = f"|y - y(±)| at x = {x:.0e} for z_(T-1) beyond {z:.0e}"
        values[name] = Interval.enclose(arb(0), bound)
    return values


def chord_is_short(factor: sp.Expr) -> bool:
    """f 2 sin²θ - 4 sin²(θ/2) = 2c(1 - c) >= 0 for c = cos θ in [0, 1]."""
    c = 1 / (1 + sp.Symbol("r", nonnegative=True))
    return nonnegative(factor * 2 * (1 - c**2) - 2 * (1 - c))


def variance_gap(factor: sp.Expr) -> bool:
    """f Σ w t² - (Σ w t)² = p q (t1 - t2)² for w = (p, q), p + q = 1: a mean is below its rms."""
    p, q = sp.symbols("p q", positive=True)
    t1, t2 = sp.symbols("t1 t2", real=True)
    w = [p / (p + q), q / (p + q)]
    mean = w[0] * t1 + w[1] * t2
    gap = factor * (w[0] * t1**2 + w[1] * t2**2) - mean**2
    return sum_of_squares(gap, [(p * q / (p + q) ** 2, t1 - t2)])


def first_order_only() -> bool:
    """The distance of (z, 1)'s direction from (1, 0), times z, tends to 1: not O(1/z²)."""
    z = sp.Symbol("z", positive=True)
    size = sp.sqrt(z**2 + 1)
    distance = sp.sqrt((z / size - 1) ** 2 + 1 / size**2)
    return limit_is(z * distance, z, sp.oo, sp.Integer(1))


def saturation_formula() -> sp.Basic:
    """|y - y(±)| ≤ C/|z_k|."""
    y, limit, c, z = sp.symbols("y y(±) C |z_k|", real=True)
    return sp.Le(sp.Abs(y - limit), c / z)


N4 = Theorem(
    "N4",
    "value saturation",
    "as one token's value z_k -> ±inf its norms tend to their pole at every layer, whatever its "
    "context, and the prediction to a limit y(±): the influence neither vanishes nor grows. eps > "
    "0: |y - y(±)| ≤ C/|z_k| for every context and |z_k| > X~, C = |a|/sqrt(eps) times the blocks' "
    "constants, finite and of no use. Of use: for the token just before a far query nothing else "
    "passes the change on, and y moves by at most sqrt(d) a.(1 - m~m~'/|m~|²) r'/|m~|, r' from "
    "A_h (w_k Δ + w_k(1 - w_k)(κ.Δ)(z_k - rest)), Δ what its norms still lack to the pole (N9's "
    "streams of token k); and never by more than D(x_q)",
    assumptions=("those of N5", "eps > 0 for the constant that serves every context"),
    needs=("L4", "N2", "N5", "N9", "S4"),
    source="this work",
    tight=False,
    formula=saturation_formula,
    steps=(
        Step("2 sin(θ/2) ≤ sqrt(2) sin θ", chord_is_short, bears_constant=True),
        Step("w_k(1 - w_k) ≤ 1/4", own_weight_gap, bears_constant=True),
        Step("(Σ w t)² ≤ Σ w t²: |Cov(η, z)| ≤ max|η| sqrt(d)", variance_gap, bears_constant=True),
        Step("|S κ - d κ/2| ≤ d|κ|/2 for S ≥ 0 of trace ≤ d", covariance_gap, bears_constant=True),
        Step("theta -> 0 as |z_k| -> inf", lambda f: ray_limit()),
    ),
    evaluate=evaluate,
    applies=needs_saturation,
    mutants=(Mutant("C/|z_k| -> C/z_k²", first_order_only),),
)
