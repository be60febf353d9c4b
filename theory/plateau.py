"""N2: far queries all get one of two answers, and how far a finite query can be from them."""

import numpy as np
import sympy as sp
from flint import arb

from theory.anatomy import insist, minus_mean, needs_ray, ray, ray_length
from theory.balls import Balls, balls
from theory.blocks import residual_bound, residual_centre, residual_radius
from theory.cones import cap, cone
from theory.interval import Interval
from theory.layernorm import readout_ceiling, readout_centre, readout_direction
from theory.linear import centre, dot, hadamard, norm, vector
from theory.rays import cap_ends
from theory.steps import limit_is, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def readout_balls(weights: Weights) -> tuple[Balls, Balls]:
    """sqrt(d) a and c as balls: y = c + sqrt(d) a.(m/|m~|)."""
    a = balls(weights.read_out) * weights.final_norm.gamma
    a = minus_mean(a) if weights.final_norm.kind == "layernorm" else a
    c = (balls(weights.read_out) * weights.final_norm.beta).sum() + weights.read_out_bias
    return a * Balls.exact(float(weights.width)).sqrt(), c


def readout_across(weights: Weights) -> Balls:
    """sqrt(d) a less its part along the ray: all that a far query's stream is read out by."""
    pole = ray(weights) / ray(weights).norm()
    direction, _ = readout_balls(weights)
    return direction - pole * direction.dot(pole)


def plateau(weights: Weights, sign: int) -> Interval:
    """y_inf(±): where every context's prediction ends as x_q -> ±inf.

    LayerNorm, RMSNorm: c ± sqrt(d) a.w_in/|Q w_in|. DyT: b + w.(gamma*sign(± alpha w_in) + beta),
    an interval when some w_in,i = 0: such coordinates never learn the query's value.
    """
    if weights.final_norm.kind == "dyt":
        return dyt_plateau(weights, sign)
    insist(needs_ray, weights)
    w_in = vector(weights.read_in)
    if weights.final_norm.kind == "layernorm":
        w_in = centre(w_in)
    reach = arb(weights.width).sqrt() * dot(readout_direction(weights), w_in) / norm(w_in)
    return Interval.enclose(readout_centre(weights) + sign * reach)


def dyt_plateau(weights: Weights, sign: int) -> Interval:
    """The limit through a final DyT; alpha = 0 leaves c alone."""
    final = weights.final_norm
    scaled = hadamard(vector(final.gamma), vector(weights.read_out))
    total, free = readout_centre(weights), arb(0)
    for term, entry in zip(scaled, weights.read_in * final.alpha, strict=True):
        total += int(np.sign(entry)) * sign * term
        free += abs(term) if entry == 0 and final.alpha != 0 else 0
    return Interval.enclose(total - free, total + free)


def far_radius(weights: Weights, position: int | None = None) -> arb:
    """X~ = sqrt(R_tot² + d eps)/|Q w_in|: from |x| > X~ on the query's direction is fixed."""
    insist(needs_ray, weights)
    bound = residual_bound(weights, position)
    return (bound**2 + weights.width * arb(weights.final_norm.eps)).sqrt() / ray_length(weights)


def rows(weights: Weights, position: int | None) -> slice:
    """The positions a caller asks about."""
    return slice(None) if position is None else slice(position, position + 1)


def plateau_band(weights: Weights, x: float, position: int | None = None) -> Interval:
    """Every prediction at the query x lies inside, whatever the context (at one or any position).

    The cap (L4c) of the ball of radius ρ_T about x Q w_in + k_T, never more than the ceiling.
    """
    insist(needs_ray, weights)
    at = rows(weights, position)
    view = cone(
        weights.final_norm,
        ray(weights) * x + residual_centre(weights)[at],
        residual_radius(weights)[at],
    )
    direction, c = readout_balls(weights)
    low, high = cap(direction, view)
    ceiling = readout_ceiling(weights)
    band = Interval(
        float((c + low.min()).lower()),
        float((c + high.max()).upper()),
    )
    return band & ceiling


def needs_plateau(weights: Weights) -> str | None:
    """None, or why far queries need not share an answer."""
    return needs_ray(weights)


def evaluate(weights: Weights) -> dict[str, Interval]:
    """y_inf(±), X~ and the predictions at |x| = 1e3."""
    return {
        "y_inf(+)": plateau(weights, 1),
        "y_inf(-)": plateau(weights, -1),
        "X~": Interval.enclose(far_radius(weights)),
        "y at x = 1e3": plateau_band(weights, 1e3),
        "y at x = -1e3": plateau_band(weights, -1e3),
    }


def turning_gap(factor: sp.Expr) -> bool:
    """f² rho²|m|² - M²|q'|² >= 0, m = M e + q, rho² = |q|² + s: sin(angle) <= rho/M.

    At f = 1 it is (α(M + α) + β²)² + s((M + α)² + β²), q = α e + β across.
    """
    big, alpha, beta = sp.symbols("M α β", real=True)
    s = sp.Symbol("s", nonnegative=True)
    length = (big + alpha) ** 2 + beta**2
    gap = factor**2 * (alpha**2 + beta**2 + s) * length - big**2 * beta**2
    squares = [
        (sp.Integer(1), alpha * (big + alpha) + beta**2),
        (s, big + alpha),
        (s, beta),
    ]
    return sum_of_squares(gap, squares)


def ray_limit() -> bool:
    """M/sqrt(M² + R² + d eps) -> 1."""
    big, rest = sp.symbols("M rest", positive=True)
    return limit_is(big / sp.sqrt(big**2 + rest), big, sp.oo, sp.Integer(1))


def tangent_residual(part: int = 4) -> Attainment:
    """eps = 0, d = 3: the residual on the tangent from 0 to the ball reaches the cap's end.

    e = (1,-1,0)/sqrt2 across o = (1,1,-2)/sqrt6, a between them, sine 1/part.
    """
    sine = arb(1) / part
    e = [arb(x) / arb(2).sqrt() for x in (1, -1, 0)]
    o = [arb(x) / arb(6).sqrt() for x in (1, 1, -2)]
    a = [3 * p + 4 * q for p, q in zip(e, o, strict=True)]
    big, cos = arb(10), (1 - sine**2).sqrt()
    m = [big * cos * (cos * p + sine * q) for p, q in zip(e, o, strict=True)]
    root = arb(3).sqrt()
    reached = root * (dot(a, m) / norm(m) - dot(a, e))
    along, across = root * dot(a, e), root * dot(a, o)
    return Attainment(reached, along * (cos - 1) + across * sine)


def smaller_sine_is_refuted() -> bool:
    """The cap of a sine ten times smaller leaves the tangent residual out."""
    return bool(tangent_residual().attained > tangent_residual(40).bound)


def uncentred_ray_is_refuted() -> bool:
    """w_in = (2,1,0): sqrt(d) a.w_in/|w_in| is not the limit of y - c along w_in."""
    w_in, a = [arb(2), arb(1), arb(0)], [arb(1), arb(0), arb(-1)]
    limit = dot(a, centre(w_in)) / norm(centre(w_in))
    return bool(abs(limit - dot(a, w_in) / norm(w_in)) > 0)


def plateau_formula() -> sp.Basic:
    """y -> c ± R cos α."""
    c, radius, alpha = sp.symbols("c R α", real=True)
    return sp.Eq(sp.Symbol("y_∞(±)"), c + sp.Symbol("±1") * radius * sp.cos(alpha))


N2 = Theorem(
    "N2",
    "plateau",
    "uniformly over all contexts of all lengths, y -> y_inf(±) = c ± sqrt(d) a.w_in/|P w_in| as "
    "x_q -> ±inf: w_in, gamma, w, beta, b alone decide. For |x| > X~ = sqrt(R_tot² + d eps)/"
    "|P w_in|, y lies in c + R [cos(al + theta), cos(al - theta)], sin theta = X~/|x|; sharper, "
    "the same about x P w_in + k_T with ρ_T in place of R_tot (N1)",
    assumptions=("pre-norm blocks as in N1", "final LayerNorm (RMSNorm: P -> I)", "|P w_in| > 0"),
    needs=("L2", "L4", "N1"),
    source="this work",
    tight=True,
    formula=plateau_formula,
    steps=(
        Step("|q| ≤ rho < M: sin angle(M e + q, e) ≤ rho/M", turning_gap, bears_constant=True),
        Step("the farthest directions of the cap are at al ± theta", lambda f: cap_ends()),
        Step("theta -> 0 as |x| -> inf", lambda f: ray_limit()),
    ),
    evaluate=evaluate,
    applies=needs_plateau,
    witnesses=(Witness("the tangent from the origin to the ball of residuals", tangent_residual),),
    mutants=(
        Mutant("sin theta * 0.1", smaller_sine_is_refuted),
        Mutant("w_in uncentred", uncentred_ray_is_refuted),
    ),
)
