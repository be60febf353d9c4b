"""P1, P2: where a polynomial leaves a bounded model for good, and what it costs there."""

from collections.abc import Sequence
from fractions import Fraction
from math import inf, isfinite, lcm

import sympy as sp
from flint import arb, fmpz_poly

from theory.errors import TheoryError
from theory.excess import real_roots
from theory.interval import Interval
from theory.layernorm import needs_bounded_readout, readout_ceiling
from theory.steps import nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def distance(value: arb, low: arb, high: arb) -> arb:
    """dist(value, [low, high]): what every model with that ceiling is wrong by, at least (P2)."""
    above, below = value - high, low - value
    return above.max(below).max(arb(0))


def integer_polynomial(coefficients: Sequence[float], level: float) -> fmpz_poly:
    """D (Σ c_i x^i - level), D > 0 the least that makes it integral: the doubles are exact."""
    exact = [Fraction(c) for c in coefficients]
    exact[0] -= Fraction(level)
    scale = lcm(*(c.denominator for c in exact))
    return fmpz_poly([int(c * scale) for c in exact])


def refuse_constant(coefficients: Sequence[float]) -> None:
    """TheoryError for NaN or infinite coefficients and for constant p."""
    if not all(isfinite(c) for c in coefficients):
        raise TheoryError(f"coefficients {tuple(coefficients)}: all must be finite")
    if not any(coefficients[1:]):
        raise TheoryError("a constant is inside the ceiling everywhere or nowhere: no radius")


def largest_root(coefficients: Sequence[float], level: float) -> arb:
    """Largest |x| with p(x) = level, 0 if there is none."""
    radius = arb(0)
    for root in real_roots(integer_polynomial(coefficients, level)):
        radius = radius.max(abs(root))
    return radius


def stays_inside(coefficients: Sequence[float], ceiling: Interval) -> bool:
    """Whether p runs to an infinite end of the ceiling as x -> inf or x -> -inf."""
    degree = max(i for i, c in enumerate(coefficients) if c)
    signs = {coefficients[degree] > 0, (coefficients[degree] > 0) == (degree % 2 == 0)}
    return (ceiling.high == inf and True in signs) or (ceiling.low == -inf and False in signs)


def failure_radius(coefficients: Sequence[float], ceiling: Interval) -> arb:
    """Least r with p(x) outside the ceiling for all |x| > r; p = Σ c_i x^i (P1).

    The largest |real root| of (p - B-)(p - B+), 0 if there is none; inf when p runs to an infinite
    end. TheoryError for constant p: its radius is 0 or infinite.
    """
    refuse_constant(coefficients)
    if stays_inside(coefficients, ceiling):
        return arb.pos_inf()
    ends = [level for level in (ceiling.low, ceiling.high) if isfinite(level)]
    radius = arb(0)
    for level in ends:
        radius = radius.max(largest_root(coefficients, level))
    return radius


def cauchy_radius(coefficients: Sequence[float], ceiling: Interval) -> arb:
    """1 + max_(i<k) max(|c_i - [i=0] B-|, |c_i - [i=0] B+|)/|c_k| >= failure_radius."""
    refuse_constant(coefficients)
    exact = [arb(c) for c in coefficients]
    while exact[-1] == 0:
        exact.pop()
    ends = [abs(exact[0] - arb(level)) for level in (ceiling.low, ceiling.high)]
    rest = arb(0)
    for size in [*ends, *map(abs, exact[1:-1])]:
        rest = rest.max(size)
    return 1 + rest / abs(exact[-1])


def cauchy_gap(degree: int, factor: sp.Expr) -> bool:
    """x^k - M Σ_(i<k) x^i >= 0 for x = factor (1 + M) + t: so no root beyond Cauchy's radius."""
    m, t = sp.symbols("M t", nonnegative=True)
    x = factor * (1 + m) + t
    gap = x**degree - m * sum(x**i for i in range(degree))
    return nonnegative(sp.expand(gap))


def clipped_gap(factor: sp.Expr) -> bool:
    """(p - y)² - (factor (p - B))² >= 0 for y <= B <= p: P2 above the band."""
    beyond, slack = sp.symbols("g s", nonnegative=True)
    return nonnegative(sp.expand((beyond + slack) ** 2 - (beyond / factor) ** 2))


def cube_leaves_at_two() -> Attainment:
    """p = 2x³ - 1 in [-3, 15]: inside at x = 2, outside beyond."""
    return Attainment(arb(2), failure_radius((-1.0, 0.0, 0.0, 2.0), Interval(-3.0, 15.0)))


def upper_roots_are_too_few() -> bool:
    """p = x with the ceiling [-5, 1]: the roots of p - B+ alone say 1, and p(-4) is inside."""
    line = (0.0, 1.0)
    return bool(largest_root(line, 1.0) < failure_radius(line, Interval(-5.0, 1.0)))


def radius_formula() -> sp.Basic:
    """|x| > r implies p(x) outside, r = max{|x| : (p(x) - B-)(p(x) - B+) = 0}."""
    x, r, p, low, high = sp.symbols("x r p(x) B- B+", real=True)
    return sp.Implies(sp.Gt(sp.Abs(x), r), sp.Gt((p - low) * (p - high), 0))


def radii(weights: Weights) -> dict[str, Interval]:
    """Failure radius of x, 2x and of x², x³ under the model's ceiling."""
    ceiling = readout_ceiling(weights)
    examples = {"x": (0.0, 1.0), "2x": (0.0, 2.0), "x²": (0, 0, 1.0), "x³": (0, 0, 0, 1.0)}
    return {
        f"failure radius of p = {name}": Interval.enclose(failure_radius(p, ceiling))
        for name, p in examples.items()
    }


P1 = Theorem(
    "P1",
    "failure radius",
    "p not constant, r = the largest |real root| of (p - B-)(p - B+), 0 if none: |x| > r implies "
    "p(x) outside [B-, B+], and no smaller r does; Cauchy: r ≤ 1 + max_(i<k) max(|c_i - [i=0]B-|, "
    "|c_i - [i=0]B+|)/|c_k|",
    assumptions=("p not constant", "[B-, B+] closed: a touching root counts"),
    needs=("L2",),
    source="Cauchy 1829; this work; formal/FailureRadius.v",
    tight=True,
    formula=radius_formula,
    steps=(
        Step(
            "|p - B| ≥ |c_k|(x^k - M Σ_(i<k) x^i) ≥ 0 for x ≥ 1 + M (k = 1..6)",
            lambda f: all(cauchy_gap(k, f) for k in range(1, 7)),
            bears_constant=True,
        ),
    ),
    evaluate=radii,
    applies=needs_bounded_readout,
    witnesses=(Witness("p = 2x³ - 1 in [-3, 15], x = 2", cube_leaves_at_two),),
    mutants=(Mutant("roots of p - B+ only", upper_roots_are_too_few),),
)


def clipped_polynomial() -> Attainment:
    """y = clip(p(x), B-, B+) at p(x) = 7 in [-3, 5]: dist = |y - p(x)|."""
    value, low, high = arb(7), arb(-3), arb(5)
    clipped = value.min(high).max(low)
    return Attainment(distance(value, low, high), abs(value - clipped))


def smaller_ceiling_is_beaten() -> bool:
    """The floor of [0.99 B-, 0.99 B+] is more than the clipped polynomial's error."""
    reached = clipped_polynomial()
    shrunk = distance(arb(7), arb(-3) * 99 / 100, arb(5) * 99 / 100)
    return bool(shrunk > reached.attained)


def distance_formula() -> sp.Basic:
    """|y - p(x)| ≥ max(p(x) - B+, B- - p(x), 0)."""
    y, p, low, high = sp.symbols("y p(x) B- B+", real=True)
    return sp.Ge(sp.Abs(y - p), sp.Max(p - high, low - p, 0))


P2 = Theorem(
    "P2",
    "pointwise floor",
    "y in [B-, B+] implies |y - p(x)| ≥ dist(p(x), [B-, B+])",
    assumptions=("a bounded readout",),
    needs=("L2",),
    source="this work",
    tight=True,
    formula=distance_formula,
    steps=(
        Step(
            "y = B+ - s, p = B+ + g: (p - y)² - (p - B+)² = s(s + 2g) ≥ 0; below alike",
            clipped_gap,
            bears_constant=True,
        ),
    ),
    evaluate=lambda weights: {
        f"error at p(x) = {value}, at least": Interval.enclose(
            distance(
                arb(value), arb(readout_ceiling(weights).low), arb(readout_ceiling(weights).high)
            )
        )
        for value in (3, 10, 100)
    },
    applies=needs_bounded_readout,
    witnesses=(Witness("the clipped polynomial at p(x) = 7, [-3, 5]", clipped_polynomial),),
    mutants=(Mutant("B± · 0.99", smaller_ceiling_is_beaten),),
)
