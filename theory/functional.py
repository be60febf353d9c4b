"""N9: what a far query still learns from its context, as a functional and not as a norm."""

from collections.abc import Callable

import numpy as np
import sympy as sp
from flint import arb

from theory.anatomy import insist, needs_ray, ray_length, remembered
from theory.balls import Balls
from theory.bands import functional_band, passages, uncut_band
from theory.blocks import chord_gap, half_disc_gap, heads_gap
from theory.enclosure import readout, residual
from theory.interval import Interval
from theory.layernorm import readout_ceiling
from theory.passages import Query, corners, linearised
from theory.plateau import far_radius, readout_across
from theory.steps import identity, limit_is, nonnegative, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.walls import wall_gap
from theory.weights import MLP, Attention, Norm, Weights


@remembered
def functional_spread(weights: Weights, x: float, position: int | None = None) -> arb:
    """D(x) >= sup y - inf y over all contexts: the width of the band."""
    return arb(functional_band(weights, x, position).width)


FAR = 2.0**40


@remembered
def first_order(weights: Weights, sign: int, position: int | None = None) -> Interval:
    """lim |x|(y - y_inf) over all contexts lies inside: g.r/|Q w_in|, g = sqrt(d) a across w_in.

    r is the stream less w_in x where every norm inside reads the pole ±w_in: its MLPs are known
    numbers, its attentions averages of anything.
    """
    insist(needs_ray, weights)
    _, stream = passages(weights, Query(sign * FAR, 0.0), position)
    across = readout_across(weights)
    low, high = stream.support(across[None])
    middle = across.dot(Balls.exact(stream.centre))
    reached = [middle + float(low[0]), middle + float(high[0])]
    return Interval.enclose(*(end.arb() / ray_length(weights) for end in reached))


STEP = 1.01
STRIDE = 8
# X~/X* of trained models is about this: the search starts there, and finds X* from anywhere
USUAL = 2.6


def between(good: tuple[int, float], bad: tuple[int, float]) -> int:
    """A step strictly between two, where the line through the logarithms of the shares meets 0."""
    (first, low), (last, high) = good, bad
    low = max(low, 2.0**-40)
    part = np.log(low) / (np.log(low) - np.log(high)) if high < np.inf else 0.5
    return int(np.clip(first + round((last - first) * part), first + 1, last - 1))


def outer(reached: Callable[[int, float], float], first: int) -> tuple[int, float] | None:
    """A step from which one certificate holds to infinity, and what it says; None if none does."""
    at, jump, bad = first, STRIDE, None
    while not (seen := reached(at, 0.0)) < 1:
        if not at:
            return None
        bad, at, jump = (at, seen), max(0, at - jump), 2 * jump
    # a long jump may have gone far too far out
    for _ in range(4):
        if bad is None or bad[0] - at <= 4 * STRIDE:
            break
        trial = between((at, seen), bad)
        if (tried := reached(trial, 0.0)) < 1:
            at, seen = trial, tried
        else:
            bad = trial, tried
    # what lies nearer in has failed already, unless the first try was good
    while at >= first and (nearer := reached(at + jump, 0.0)) < 1:
        at, seen, jump = at + jump, nearer, 2 * jump
    return at, seen


def blind_from(
    weights: Weights, sign: int, position: int | None = None, near: float | None = None
) -> float:
    """X*: from |x| = X* on, to infinity, contexts cannot move a prediction over the whole ceiling.

    A certified power of STEP between X~/32 and 4 X~ of which the next one nearer in failed, inf if
    there is none; looked for from ``near`` on.
    """
    ceiling = readout_ceiling(weights).width
    top, last = 4 * float(far_radius(weights)), int(np.log(128) / np.log(STEP))

    def reached(step: int, share: float) -> float:
        """The share of the ceiling that contexts may reach: a certificate where it is below 1."""
        if step > last or not ceiling > 0:
            return np.inf
        return uncut_band(weights, sign * top / STEP**step, position, share).width / ceiling

    near = top / 4 / USUAL if near is None else near
    first = int(np.clip(np.log(top / near) / np.log(STEP), 0, last))
    good = outer(reached, first)
    if good is None:
        return np.inf
    # nearer in by the certificate of one short stretch at a time, up to what has one
    bad = None
    while bad is None or bad[0] - good[0] > 1:
        at = good[0] + STRIDE if bad is None else between(good, bad)
        seen = reached(at, STEP ** (good[0] - at) * (1 - 2.0**-30))
        good, bad = ((at, seen), bad) if seen < 1 else (good, (at, seen))
    return top / STEP ** good[0]


def evaluate(weights: Weights) -> dict[str, Interval]:
    """D(x) and lim |x|(y - y_inf) after a full context, X* over contexts of any length."""
    last, values, blind = len(weights.positions) - 1, {}, np.inf
    for sign, name in ((1, ""), (-1, "-")):
        for k in (2, 3, 4):
            spread = functional_spread(weights, sign * 10.0**k, last)
            values[f"D at x = {name}1e{k}"] = Interval.enclose(arb(0), spread)
        values[f"|x|(y - y_inf) as x -> {name}inf"] = first_order(weights, sign, last)
        blind = blind_from(weights, sign, None, blind if blind < np.inf else None)
        values[f"X* for x -> {name}inf"] = Interval.enclose(arb(blind))
    return values


def gnomonic_gap(factor: sp.Expr) -> bool:
    """f μ - a.m/|m~| >= 0 where a.m = μ n.m - slack and |m~| = n.m + more."""
    mu, slack, more = sp.symbols("μ slack more", nonnegative=True)
    front = sp.Symbol("n.m", positive=True)
    return nonnegative(factor * mu - (mu * front - slack) / (front + more))


def bending_gap(factor: sp.Expr) -> bool:
    """f 4/3 (h² + t²)² - (h⁴ + 4h²t²) = (h² - 2t²)²/3: |d²/dt² of the direction of (h, t)| r⁴."""
    h, t = sp.symbols("h t", real=True)
    gap = factor * sp.Rational(4, 3) * (h**2 + t**2) ** 2 - (h**4 + 4 * h**2 * t**2)
    return sum_of_squares(gap, [(sp.Rational(1, 3), h**2 - 2 * t**2)])


def radial_gap(factor: sp.Expr) -> bool:
    """f 4h²(h² + t²) - (h⁴ + 4h²t²) = 3h⁴: the same is at most (2h/r³)²."""
    h, t = sp.symbols("h t", real=True)
    gap = factor * 4 * h**2 * (h**2 + t**2) - (h**4 + 4 * h**2 * t**2)
    return sum_of_squares(gap, [(sp.Integer(3), h**2)])


def second_derivative() -> bool:
    """|d²/dt² (h, t)/r|² = (h⁴ + 4h²t²)/r⁸."""
    h, t = sp.Symbol("h", positive=True), sp.Symbol("t", real=True)
    r = sp.sqrt(h**2 + t**2)
    square = sum(sp.diff(x / r, t, 2) ** 2 for x in (h, t))
    return identity(square, (h**4 + 4 * h**2 * t**2) / r**8)


def first_order_limit() -> bool:
    """x (y - y_inf) -> a2 r2/m for m = (m x + r1, r2): the part of r along the ray drops out."""
    x, m = sp.symbols("x m", positive=True)
    r1, r2, a1, a2 = sp.symbols("r1 r2 a1 a2", real=True)
    y = (a1 * (m * x + r1) + a2 * r2) / sp.sqrt((m * x + r1) ** 2 + r2**2)
    return limit_is(x * (y - a1), x, sp.oo, a2 * r2 / m)


KEY = 32.0


def one_head() -> Weights:
    """One head, two tokens, eps = 0: the values read o, the offset that decides a token at 0.

    Keys read -e, so that the query's own score is KEY sqrt(6) below a token at 0.
    """
    e, o = np.array([1.0, -1.0, 0.0]), np.array([1.0, 1.0, -2.0])
    norm, zero = Norm("layernorm", np.ones(3), np.zeros(3)), np.zeros((1, 1))
    query, key, value = np.zeros((1, 1, 3)), -KEY * e[None, None], o[None, None]
    output = o[None, :, None]
    head = Attention(norm, query, zero + 1, key, zero, value, zero, output, np.zeros(3))
    return Weights(e, o, np.zeros((2, 3)), (head,), norm, o + e, 0.0)


def answer(weights: Weights, *tokens: float) -> arb:
    """The exact prediction at the last token."""
    return readout(weights, residual(weights, tokens))


def extreme_contexts(x: float = 1e4) -> Attainment:
    """Token 0 at z = 0 (its direction is o) against token 0 at z = -1e30 (-e, value 0)."""
    weights = one_head()
    reached = answer(weights, 0.0, x) - answer(weights, -1e30, x)
    return Attainment(reached, functional_spread(weights, x, 1))


def bending_is_needed() -> bool:
    """The norm as its linear part alone: a point of the rectangle is off it."""
    *fit, noise = linearised(0.1, 0.1, 0.5)
    p, q = corners(0.1, 0.1, 0.5)
    size, (c, alpha, beta) = np.hypot(p, q), fit
    off = np.hypot(p / size - c - alpha * (p - 1), q / size - beta * q).max()
    return bool(noise >= off > 0.01)


def wrong_pole_is_refuted() -> bool:
    """A ReLU unit that reads e adds o sqrt(6) on one side of the ray and nothing on the other."""
    e, o = np.array([1.0, -1.0, 0.0]), np.array([1.0, 1.0, -2.0])
    norm, x = Norm("layernorm", np.ones(3), np.zeros(3)), 2.0**40
    unit = MLP(norm, e[None], np.zeros(1), o[:, None], np.zeros(3), "relu")
    weights = Weights(e, 0 * o, np.zeros((1, 3)), (unit,), norm, o, 0.0)
    moved = float(answer(weights, x) * arb(x))  # y_inf = 0: o is across e
    return moved in first_order(weights, 1, 0) and moved not in first_order(weights, -1, 0)


def functional_formula() -> sp.Basic:
    """|x| (y - y_∞) -> g·r / |P w_in|."""
    g, r, w = sp.symbols("g r |P·w_in|", real=True)
    return sp.Eq(sp.Symbol("lim |x|(y - y_∞)"), g * r / w)


N9 = Theorem(
    "N9",
    "functional blindness",
    "|x|(y - y_inf) -> g.r/|P w_in|, g = sqrt(d)(a - (a.e)e), r the stream beside w_in x: for a "
    "far query every norm reads the pole ±e, the MLPs add known vectors, and attention head h of "
    "any layer moves g.r by at most sup g.A_h z (|z|² ≤ d; the exact half discs in the first; in a "
    "later one p.z ≤ 0 too, for p across w_in with p.r ≤ 0 on all that the blocks before add). At "
    "every x, and on [x, inf) at once: the stream stays in centre + Σ M_g b_g, LayerNorm linear on "
    "it up to the bending of directions, act its chord up to act''w²/8, and y ≤ c + sqrt(d)(μ + "
    "(a.n) cos) where a'.m ≤ μ n.m on the set, n its middle direction",
    assumptions=("those of N2", "any context, at one position or at every one"),
    needs=("L1", "L2", "S2", "N1", "N2"),
    source="this work",
    tight=True,
    formula=functional_formula,
    steps=(
        Step("a'.m ≤ μ n.m and |m~| ≥ n.m > 0: a'.m/|m~| ≤ μ", gnomonic_gap, bears_constant=True),
        Step("|d²/dt² direction|² = (h⁴ + 4h²t²)/r⁸", lambda f: second_derivative()),
        Step("it is at most 4/(3r⁴): the rest is (h² - 2t²)²/3", bending_gap, bears_constant=True),
        Step("and at most 4h²/r⁶: the rest is 3h⁴", radial_gap, bears_constant=True),
        Step("between corners: C h²/8 a direction", chord_gap, bears_constant=True),
        Step("half discs: p s + q t ≤ sqrt(p² + q²)", half_disc_gap, bears_constant=True),
        Step("|u - λp|² is least at |u|² - (u.p)²/|p|²", wall_gap, bears_constant=True),
        Step(
            "|Σ M_g b_g|² ≤ G Σ|M_g b_g|²",
            lambda f: all(heads_gap(h, f) for h in range(2, 5)),
            bears_constant=True,
        ),
        Step("x(y - y_inf) -> a2 r2/m", lambda f: first_order_limit()),
    ),
    evaluate=evaluate,
    applies=needs_ray,
    witnesses=(Witness("one head that reads token 0 alone, x = 1e4", extreme_contexts),),
    mutants=(
        Mutant("the bending of directions dropped", bending_is_needed),
        Mutant("the MLPs' and values' pole with the wrong sign", wrong_pole_is_refuted),
    ),
)
