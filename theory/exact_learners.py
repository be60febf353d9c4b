"""P4: the task itself has no limit: k + 1 points give p everywhere. The limit is architectural."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import sympy as sp
from flint import arb

from theory.errors import TheoryError
from theory.interval import Interval
from theory.layernorm import needs_bounded_readout, readout_ceiling
from theory.steps import identity, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def interpolate(xs: Sequence[Fraction], ys: Sequence[Fraction], query: Fraction) -> Fraction:
    """Lagrange's polynomial through the points, at the query; exact. TheoryError: equal points."""
    if len(set(xs)) < len(xs):
        raise TheoryError(f"{len(xs)} examples at {len(set(xs))} distinct points: give each x once")
    total = Fraction(0)
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        basis = Fraction(1)
        for j, other in enumerate(xs):
            basis *= (query - other) / (x - other) if j != i else 1
        total += y * basis
    return total


def vandermonde(points: Sequence[sp.Expr], degree: int) -> sp.Matrix:
    """Rows (1, x, .., x^degree)."""
    return sp.Matrix([[x**i for i in range(degree + 1)] for x in points])


def posterior_mean(
    points: Sequence[sp.Expr], values: Sequence[sp.Expr], variances: Sequence[sp.Expr]
) -> sp.Matrix:
    """G V'(V G V')^-1 y: Bayes' coefficients under c ~ N(0, G), noiseless, n <= k + 1 points."""
    v, g = vandermonde(points, len(variances) - 1), sp.diag(*variances)
    gram = v * g * v.T
    return g * v.T * gram.adjugate() * sp.Matrix(values) / gram.det()


def chebyshev(degree: int, x: arb) -> arb:
    """T_k(x) = cosh(k arccosh x) for x >= 1: the most that |p| <= 1 on [-1, 1] allows at x."""
    return (degree * x.acosh()).cosh()


def safe_radius(degree: int, ceiling: Interval) -> arb:
    """Largest r such that every p of the degree with |p| <= 1 on [-1, 1] is in the ceiling on
    [-r, r]: T_k(r) = min(B+, -B-); 0 when that is below 1, since p = ±1 leaves at once.
    """
    room = arb(min(ceiling.high, -ceiling.low))
    return (room.acosh() / degree).cosh() if room >= 1 else arb(0)


def unique(degree: int) -> bool:
    """det V = Π (x_j - x_i): not 0 for distinct points, so p is determined."""
    points = sp.symbols(f"x0:{degree + 1}")
    product = sp.Mul(*(b - a for a, b in combinations(points, 2)))
    return identity(sp.expand(vandermonde(points, degree).det()), product)


def basis(points: Sequence[sp.Expr], i: int, x: sp.Expr) -> sp.Expr:
    """Lagrange's l_i(x) = Π_(j != i) (x - x_j)/(x_i - x_j)."""
    return sp.Mul(*((x - b) / (points[i] - b) for j, b in enumerate(points) if j != i))


def lagrange(degree: int, factor: sp.Expr) -> bool:
    """l_i(x_j) = 1 for i = j, else 0: Σ y_i l_i has degree k and meets every point."""
    points = sp.symbols(f"x0:{degree + 1}")
    return all(
        identity(basis(points, i, b), factor * int(i == j))
        for i in range(degree + 1)
        for j, b in enumerate(points)
    )


def full_rank(factor: sp.Expr) -> bool:
    """det(V'V) is the sum of the squared 2 x 2 minors (k = 1, n = 4): least squares is unique."""
    points = sp.symbols("x0:4", real=True)
    gram = vandermonde(points, 1).T * vandermonde(points, 1)
    minors = [(factor, b - a) for a, b in combinations(points, 2)]
    return sum_of_squares(sp.expand(gram.det()), minors)


def bayes_is_exact(factor: sp.Expr) -> bool:
    """k + 1 points: the Gaussian posterior mean is c itself, whatever the variances (k = 1, 2)."""
    for degree in (1, 2):
        points = [sp.Integer(0), sp.Integer(1), sp.Symbol("x")][: degree + 1]
        coefficients = sp.symbols(f"c0:{degree + 1}")
        variances = sp.symbols(f"g0:{degree + 1}", positive=True)
        values = list(vandermonde(points, degree) * sp.Matrix(coefficients))
        mean = posterior_mean(points, values, variances)
        if not all(identity(m, factor * c) for m, c in zip(mean.flat(), coefficients, strict=True)):
            return False
    return True


def extremal(degree: int, factor: sp.Expr) -> bool:
    """Σ|l_i(x)| = T_k(x) for x = 1 + s, s >= 0, at the nodes cos(iπ/k), where T_k = (-1)^i.

    So |p(x)| = |Σ p(node_i) l_i(x)| <= T_k(x) for |p| <= 1; the l_i have alternating signs there.
    """
    s = sp.Symbol("s")
    nodes = [sp.cos(i * sp.pi / degree) for i in range(degree + 1)]
    total = sp.Poly(0, s)
    for i in range(degree + 1):
        signed = sp.Poly(sp.expand((-1) ** i * basis(nodes, i, 1 + s)), s)
        exact = [sp.radsimp(c) for c in signed.all_coeffs()]
        if not all(c.is_nonnegative for c in exact):
            return False
        total += sp.Poly(exact, s)
    return identity(factor * sp.chebyshevt(degree, 1 + s), total.as_expr())


def chebyshev_itself(degree: int = 5) -> Attainment:
    """p = T_5 by its recursion at x = 2, against cosh(5 arccosh 2) = 362."""
    x, before, p = arb(2), arb(1), arb(2)
    for _ in range(degree - 1):
        before, p = p, 2 * x * p - before
    return Attainment(p, chebyshev(degree, x))


def exact_far_away() -> Attainment:
    """Four points of a cubic in [-1, 1], read at x = 10^6: interpolation is exact."""
    cubic = [Fraction(3), Fraction(-1, 2), Fraction(7, 3), Fraction(2)]

    def p(x: Fraction) -> Fraction:
        return sum((c * x**i for i, c in enumerate(cubic)), Fraction(0))

    xs, far = [Fraction(i, 3) for i in (-3, -1, 1, 3)], Fraction(10**6)
    found, exact = interpolate(xs, [p(x) for x in xs], far), p(far)
    return Attainment(*(arb(v.numerator) / v.denominator for v in (found, exact)))


def too_small_an_argument() -> bool:
    """T_5(0.99 · 2) < T_5(2) = |p(2)| for p = T_5."""
    return bool(chebyshev_itself().attained > chebyshev(5, arb(198) / 100))


def fewer_points_do_not_determine() -> bool:
    """Two points, degree 2: x(x - 1) and 0 agree at 0 and 1 and differ by 90 at 10."""
    first, second = (lambda x: x * (x - 1)), (lambda x: Fraction(0))
    same = all(first(Fraction(x)) == second(Fraction(x)) for x in (0, 1))
    return same and first(Fraction(10)) - second(Fraction(10)) == 90


def wrong_prior_has_no_posterior() -> bool:
    """p = 2x under c ~ U(-1, 1)²: the only polynomial through its points has c1 = 2, outside."""
    xs, ys = [Fraction(0), Fraction(1)], [Fraction(0), Fraction(2)]
    slope = interpolate(xs, ys, Fraction(1)) - interpolate(xs, ys, Fraction(0))
    return slope > 1


def equal_points_do_not_count() -> bool:
    """Two examples at one x determine no line: det V = 0."""
    return bool(vandermonde([sp.Integer(3), sp.Integer(3)], 1).det() == 0)


def chebyshev_formula() -> sp.Basic:
    """|p(x)| ≤ T_k(|x|), |x| ≥ 1, for |p| ≤ 1 on [-1, 1]."""
    p, x = sp.symbols("p(x) x", real=True)
    return sp.Le(sp.Abs(p), sp.Function("T_k")(sp.Abs(x)))


def outgrown(weights: Weights) -> dict[str, Interval]:
    """T_k(2), and from where on some polynomial that looks harmless on [-1, 1] is out of reach."""
    found = {}
    for degree in (1, 2, 3, 5):
        name = f"degree {degree}, |p| ≤ 1 on [-1, 1]"
        found[f"{name}: largest |p(2)|"] = Interval.enclose(chebyshev(degree, arb(2)))
        if needs_bounded_readout(weights) is None:
            radius = safe_radius(degree, readout_ceiling(weights))
            found[f"{name}: inside the ceiling up to |x| ="] = Interval.enclose(radius)
    return found


P4 = Theorem(
    "P4",
    "architectural, not statistical",
    "k + 1 distinct noiseless points and degree ≤ k: interpolation, least squares and Bayes under "
    "a Gaussian prior on all coefficients give p(x) exactly, at every x and scale; before k + 1 "
    "points nothing does. Under c ~ U(-a, a) Bayes has no posterior when a coefficient is outside. "
    "Conditioning: |p| ≤ 1 on [-1, 1] implies |p(x)| ≤ T_k(|x|) for |x| ≥ 1, sharp at ±T_k",
    assumptions=("exact arithmetic, no noise", "distinct points", "prior variances > 0"),
    needs=("L2",),
    source="Lagrange; Chebyshev 1854; formal/Chebyshev.v, formal/ExactLearners.v",
    tight=True,
    formula=chebyshev_formula,
    steps=(
        Step("det V = Π(x_j - x_i) (k = 1..3)", lambda _: all(unique(k) for k in range(1, 4))),
        Step(
            "l_i(x_j) = [i = j]: Σ y_i l_i meets the points, hence is p (k = 1..4)",
            lambda f: all(lagrange(k, f) for k in range(1, 5)),
            bears_constant=True,
        ),
        Step("det(V'V) = Σ of squared minors", full_rank, bears_constant=True),
        Step("G V'(V G V')^-1 V c = c (k = 1, 2)", bayes_is_exact, bears_constant=True),
        Step(
            "|p(x)| ≤ Σ|l_i(x)| = T_k(x) at the nodes cos(iπ/k) (k = 1..4)",
            lambda f: all(extremal(k, f) for k in range(1, 5)),
            bears_constant=True,
        ),
    ),
    evaluate=outgrown,
    witnesses=(
        Witness("p = T_5 at x = 2", chebyshev_itself),
        Witness("a cubic from four points, at x = 10^6", exact_far_away),
    ),
    mutants=(
        Mutant("T_k(0.99|x|)", too_small_an_argument),
        Mutant("k points suffice", fewer_points_do_not_determine),
        Mutant("Bayes is exact under any prior", wrong_prior_has_no_posterior),
        Mutant("equal points count", equal_points_do_not_count),
    ),
)
