"""P3: the test-set error that no weights can avoid, in closed form and in exact arithmetic."""

from functools import partial
from math import factorial, prod

import sympy as sp
from flint import arb, fmpq

from theory.excess import excess, second_moment
from theory.interval import Interval
from theory.layernorm import needs_bounded_readout, readout_ceiling
from theory.steps import identity, nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def error_floor(
    ceiling: Interval,
    degree: int,
    coefficient_scale: float,
    x_scale: float,
    coefficients: str = "uniform",
    x: str = "uniform",
) -> Interval:
    """E dist(p(x), [B-, B+])² = Psi(B+) + Psi(-B-): no mean squared error is smaller.

    Coefficients uniform on (-a, a) or normal with standard deviation a = coefficient_scale, x
    likewise with x_scale. Any degree; uniform coefficients are integrated exactly (x uniform only).
    """
    psi = partial(excess, degree, a=coefficient_scale, s=x_scale, coefficients=coefficients, x=x)
    return Interval.enclose(psi(ceiling.high) + psi(-ceiling.low))


def plateau_error(
    low: Interval,
    high: Interval,
    degree: int,
    coefficient_scale: float,
    x_scale: float,
    coefficients: str = "uniform",
    x: str = "uniform",
) -> Interval:
    """E (p(x) - y_inf(sign x))², y_inf(-) in low and y_inf(+) in high: what N2 predicts far out.

    = E p² + (y_inf(-)² + y_inf(+)²)/2, for E[p(x) | x] = 0.
    """
    moment = second_moment(degree, coefficient_scale, x_scale, coefficients, x)
    plateaus = [arb(end.low).union(arb(end.high)) ** 2 for end in (low, high)]
    return Interval.enclose(arb(moment.low).union(arb(moment.high)) + sum(plateaus, arb(0)) / 2)


def relative_floor(ceiling: Interval, degree: int, a: float, s: float) -> Interval:
    """floor / E p², uniform laws: 0 if the ceiling covers the class, 1 far beyond it."""
    floor, moment = error_floor(ceiling, degree, a, s), second_moment(degree, a, s)
    return Interval.enclose(arb(floor.low) / arb(moment.high), arb(floor.high) / arb(moment.low))


# o = (B/a - 1)/s and (B/a + 1)/s in the closed form of degree 1.
OFFSET, U, MU = sp.symbols("o u mu", positive=True)
QUARTIC = fmpq(25, 12)


def third_moment_form() -> sp.Expr:
    """m3(o) = (1/8) ∫_o^1 (u - o)^4/u du for 0 < o < 1."""
    inner = sp.Rational(1, 4) - 4 * OFFSET / 3 + 3 * OFFSET**2 - 4 * OFFSET**3
    return (inner + OFFSET**4 * (sp.Rational(25, 12) - sp.log(OFFSET))) / 8


def third_moment(o: arb, quartic: fmpq = QUARTIC) -> arb:
    """m3 at any o: 1/32 at 0, 0 from 1 on, m3(-o) = m3(o) + o³ + o/3."""
    if o == 0:
        return arb(1) / 32
    if o < 0:
        return third_moment(-o, quartic) - o**3 - o / 3
    if o >= 1:
        return arb(0)
    inner = arb(1) / 4 - 4 * o / 3 + 3 * o**2 - 4 * o**3
    return (inner + quartic * o**4 - o**4 * o.log()) / 8


def linear_excess(bound: arb, a: arb, s: arb, quartic: fmpq = QUARTIC) -> arb:
    """Psi(B) of c_0 + c_1 x: (a² s³/6)(m3((B/a - 1)/s) - m3((B/a + 1)/s))."""
    inner, outer = ((bound / a + shift) / s for shift in (-1, 1))
    return a**2 * s**3 / 6 * (third_moment(inner, quartic) - third_moment(outer, quartic))


def monomial_form(degree: int) -> sp.Expr:
    """3 E(|c x^k| - B)_+²/(a² s^2k) at B = a s^k mu^k, 0 < mu < 1."""
    level = MU**degree
    j = -sp.log(MU) if degree == 1 else (MU ** (1 - degree) - 1) / (degree - 1)
    return (
        (1 - MU ** (2 * degree + 1)) / (2 * degree + 1)
        - 3 * level * (1 - MU ** (degree + 1)) / (degree + 1)
        + 3 * level**2 * (1 - MU)
        - level**3 * j
    )


def monomial_integral(degree: int) -> sp.Expr:
    """∫_mu^1 (u^k - mu^k)³/u^k du: the mean over c done, u = |x|/s."""
    return sp.integrate(sp.expand((U**degree - MU**degree) ** 3 / U**degree), (U, MU, 1))


def one_more_uniform(power: int, factor: sp.Expr) -> bool:
    """Mean of (y + c)^m over c ~ U(-b, b) = ((y+b)^(m+1) - (y-b)^(m+1))/(2b(m+1))."""
    y, b, c = sp.symbols("y b c", positive=True)
    mean = sp.integrate((y + c) ** power, (c, -b, b)) / (2 * b)
    form = ((y + b) ** (power + 1) - (y - b) ** (power + 1)) / (2 * b * (power + 1))
    return identity(mean, factor * form)


def normal_curvature(factor: sp.Expr) -> bool:
    """Psi'' = 2 Phi(-B/√v) and Psi, Psi' -> 0 as B -> inf: so Psi = E(N(0,v) - B)_+²."""
    bound, v = sp.Symbol("B", real=True), sp.Symbol("v", positive=True)
    upper = sp.erfc(bound / sp.sqrt(2 * v)) / 2
    density = sp.exp(-(bound**2) / (2 * v)) / sp.sqrt(2 * sp.pi)
    psi = factor * ((v + bound**2) * upper - bound * sp.sqrt(v) * density)
    vanish = all(sp.limit(e, bound, sp.oo) == 0 for e in (psi, sp.diff(psi, bound)))
    return vanish and identity(sp.diff(psi, bound, 2), 2 * upper)


def ratio_meets(factor: sp.Expr) -> bool:
    """p² - (|p| - Bm)_+² <= 2 Bm |p|, Bm = max|B±|: outside (|p| = Bm + g) and inside the band."""
    g, bm, inside = sp.symbols("g Bm q", nonnegative=True)
    outside = 2 * factor * bm * (bm + g) - ((bm + g) ** 2 - g**2)
    within = (2 * factor * (inside + g) * inside - inside**2).expand()
    return nonnegative(outside.expand()) and nonnegative(within)


def split_at_the_ends(factor: sp.Expr) -> bool:
    """dist² = (p - B+)_+² + (B- - p)_+²: one of the two is 0; below alike."""
    g, width = sp.symbols("g width", nonnegative=True)
    above, below = g, sp.Max(0, -g - width)
    return identity(factor * (above**2 + below**2), g**2)


def clipped_line() -> Attainment:
    """Floor by exact pieces against the clipped line's error in closed form, [-0.5, 2.7]."""
    floor = excess(1, 2.7, 1.5, 3.0, "uniform", "uniform") + excess(
        1, 0.5, 1.5, 3.0, "uniform", "uniform"
    )
    a, s = arb(1.5), arb(3.0)
    return Attainment(floor, linear_excess(arb(2.7), a, s) + linear_excess(arb(0.5), a, s))


def quartic_two_is_wrong() -> bool:
    """25/12 -> 2 changes the clipped line's error."""
    a, s = arb(1.5), arb(3.0)
    wrong = sum((linear_excess(arb(b), a, s, fmpq(2)) for b in (2.7, 0.5)), arb(0))
    return not wrong.overlaps(clipped_line().attained)


def logarithm_is_needed() -> bool:
    """J dropped at k = 1: the monomial form no longer is the integral."""
    level = MU**1
    return not identity(monomial_form(1) + level**3 * -sp.log(MU), monomial_integral(1))


def floor_formula() -> sp.Basic:
    """MSE ≥ Ψ(B+) + Ψ(-B-)."""
    mse, low, high = sp.symbols("MSE B- B+", real=True)
    psi = sp.Function("Ψ")
    return sp.Ge(mse, psi(high) + psi(-low))


def relative_floors(weights: Weights) -> dict[str, Interval]:
    """floor / E p² of the model's ceiling, coefficients U(-1, 1), x ~ U(-s, s)."""
    ceiling = readout_ceiling(weights)
    return {
        f"floor / E p², degree {degree}, s = {s:g}": relative_floor(ceiling, degree, 1.0, s)
        for degree in (1, 3, 5)
        for s in (1.0, 10.0, 100.0)
    }


P3 = Theorem(
    "P3",
    "floor of the test error",
    "MSE ≥ E dist(p(x), [B-, B+])² = Psi(B+) + Psi(-B-), Psi(B) = E(p(x) - B)_+²; given x, "
    "Psi = 2/((k+3)! Π 2a|x|^i) Σ_sig prod(sig)(Σ sig_i a|x|^i - B)_+^(k+3) for coefficients "
    "U(-a, a), (v+B²)Phi(-B/√v) - B√v phi(B/√v) for normal ones; with Bm = max|B±| "
    "1 - floor/E p² ≤ 2 Bm E|p|/E p² -> 0 and MSE/E p² ≤ (1 + Bm/sqrt(E p²))²",
    assumptions=("a bounded readout", "independent coefficients of symmetric laws", "x symmetric"),
    needs=("P2",),
    source="this work",
    tight=True,
    formula=floor_formula,
    steps=(
        Step("dist² = (p - B+)_+² + (B- - p)_+²", split_at_the_ends, bears_constant=True),
        Step(
            "one more uniform coefficient: a truncated power's mean is a difference of the next",
            lambda f: all(one_more_uniform(m, f) for m in range(2, 9)),
            bears_constant=True,
        ),
        Step(
            "the factors 1/(3·4···(k+3)) make 2/(k+3)!",
            lambda f: all(
                identity(f / prod(range(3, k + 4)), sp.Rational(2, factorial(k + 3)))
                for k in range(7)
            ),
            bears_constant=True,
        ),
        Step(
            "degree 1: m3(o) = (1/8) ∫_o^1 (u - o)^4/u du",
            lambda f: identity(
                f * third_moment_form(),
                sp.integrate(sp.expand((U - OFFSET) ** 4 / U), (U, OFFSET, 1)) / 8,
            ),
            bears_constant=True,
        ),
        Step(
            "monomials c x^k: the closed form is the integral (k = 1, 2, 3, 5)",
            lambda f: all(
                identity(f * monomial_form(k), monomial_integral(k)) for k in (1, 2, 3, 5)
            ),
            bears_constant=True,
        ),
        Step("normal coefficients: Psi'' = 2 Phi(-B/√v)", normal_curvature, bears_constant=True),
        Step("p² - dist² ≤ 2 Bm |p|", ratio_meets, bears_constant=True),
    ),
    evaluate=relative_floors,
    applies=needs_bounded_readout,
    witnesses=(Witness("the clipped line, a = 1.5, s = 3, [-0.5, 2.7]", clipped_line),),
    mutants=(
        Mutant("25/12 -> 2 in m3", quartic_two_is_wrong),
        Mutant("J dropped for k = 1", logarithm_is_needed),
    ),
)
