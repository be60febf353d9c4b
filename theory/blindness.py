"""N3, N8: how little a far query can depend on its context, and what range therefore costs."""

import sympy as sp
from flint import arb

from theory.anatomy import needs_ray
from theory.blocks import residual_bound
from theory.interval import Interval
from theory.layernorm import readout_radius
from theory.plateau import far_radius, plateau_band
from theory.steps import nonnegative, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def spread(weights: Weights, x: float, position: int | None = None) -> arb:
    """D(x) >= sup y - inf y over all contexts of one position: the width of N2's band."""
    where = range(len(weights.positions)) if position is None else (position,)
    bands = [plateau_band(weights, x, t) for t in where]
    return arb(max(band.width for band in bands))


def plain_spread(weights: Weights, x: float) -> arb:
    """2 R min(1, X~/|x|): the same from three numbers of the model."""
    share = far_radius(weights) / abs(arb(x))
    return 2 * readout_radius(weights) * (share if share < 1 else arb(1))


def price(weights: Weights) -> arb:
    """R X~: ceiling times blindness radius, at least |x| (W(x)/2 - err) for every |x| (N8)."""
    return readout_radius(weights) * far_radius(weights)


def evaluate(weights: Weights) -> dict[str, Interval]:
    """D at 1e2, 1e3, 1e4."""
    return {
        f"D at x = 1e{k}": Interval.enclose(arb(0), spread(weights, 10.0**k)) for k in (2, 3, 4)
    }


def evaluate_price(weights: Weights) -> dict[str, Interval]:
    """R, X~, R X~ and the largest class c x, |c| <= A, that R X~ admits at |x| = 1 to 1e3."""
    paid = price(weights)
    admitted = {
        f"A of A|x| with error 0 at x = {x}": Interval.enclose(arb(0), paid / x**2)
        for x in (1, 10, 1000)
    }
    return {
        "R": Interval.enclose(readout_radius(weights)),
        "R_tot": Interval.enclose(residual_bound(weights)),
        "R X~": Interval.enclose(paid),
        **admitted,
    }


def narrow_cap_gap(factor: sp.Expr) -> bool:
    """f 2 sin th - (cos(al - th) - cos(al + th)) = 2 sin th (1 - sin al), th <= al <= pi - th."""
    s, rest = sp.symbols("s r", nonnegative=True)
    # rest = 1 - sin al; cos(al - th) - cos(al + th) = 2 sin al sin th
    return nonnegative(factor * 2 * s - 2 * (1 - rest) * s)


def wide_cap_gap(factor: sp.Expr) -> bool:
    """f 2 sin th - (1 - cos 2th) = 2 sin th (1 - sin th): the cap that holds its pole, al <= th."""
    rest = sp.Symbol("r", nonnegative=True)
    s = 1 / (1 + rest)
    return nonnegative(factor * 2 * s - 2 * s**2)


def two_functions_gap(factor: sp.Expr) -> bool:
    """max error over f, g: e_f + e_g >= |f - g| - D when the two answers differ by at most D."""
    e, more, d = sp.symbols("e more D", nonnegative=True)
    # e_f = e, e_g = e - more: the larger is e; |f - g| <= e_f + e_g + D
    gap = 2 * e - more + d
    return nonnegative(factor * e - (gap - d) / 2)


def population_gap(n: int, factor: sp.Expr) -> bool:
    """Σ(f_i - t)² - Σ(f_i - mean)²/f² = n(mean - t)² >= 0: no constant does better than std."""
    f, t = sp.symbols(f"f1:{n + 1}", real=True), sp.Symbol("t", real=True)
    mean = sp.Add(*f) / n
    gap = sum((x - t) ** 2 for x in f) * factor - sum((x - mean) ** 2 for x in f)
    return sum_of_squares(gap, [(sp.Integer(n), mean - t)])


def opposite_residuals(part: int = 5) -> Attainment:
    """eps = 0, a across e: residuals tangent to the ball on both sides; y spans 2R/part."""
    sine = arb(1) / part
    cos, big = (1 - sine**2).sqrt(), arb(7)
    ends = []
    for side in (1, -1):
        m = [big * cos * cos, side * big * cos * sine]
        ends.append(m[1] / (m[0] ** 2 + m[1] ** 2).sqrt())
    return Attainment(ends[0] - ends[1], 2 * sine)


def half_the_spread_is_refuted() -> bool:
    """Two functions ±D/2 are both answered without error by the ball: |f-g|/2 - D/4 > 0 fails."""
    reached = opposite_residuals()
    difference = reached.attained
    return bool(difference / 2 - reached.bound / 4 > 0)


def twice_the_query_is_refuted() -> bool:
    """W/2 = R sin theta is reached at |x| = X~/sin theta: R X~ >= 2|x| W/2 is false."""
    reached = opposite_residuals()
    return bool(2 * reached.attained / 2 > reached.bound / 2)


def spread_formula() -> sp.Basic:
    """D(x) ≤ 2 R min(1, X~/|x|)."""
    d, radius, far, x = sp.symbols("D R X x", positive=True)
    return sp.Le(d, 2 * radius * sp.Min(1, far / x))


N3 = Theorem(
    "N3",
    "context blindness",
    "D(x) = sup y - inf y over all contexts ≤ 2R min(1, X~/|x|), and ≤ 2 sqrt(R² - (y_inf - c)²)"
    " X~/|x| once theta ≤ min(al, pi - al). So for f, g: max error at x ≥ |f(x) - g(x)|/2 - D/2, "
    "and for random f: sqrt E(y - f)² ≥ std f(x) - D/2 (population std)",
    assumptions=("those of N2",),
    needs=("N2",),
    source="this work",
    tight=True,
    formula=spread_formula,
    steps=(
        Step("narrow cap: 2 sin al sin th ≤ 2 sin th", narrow_cap_gap, bears_constant=True),
        Step("cap with its pole: 1 - cos 2th ≤ 2 sin th", wide_cap_gap, bears_constant=True),
        Step("two functions share a band of width D", two_functions_gap, bears_constant=True),
        Step(
            "no constant is nearer to f in mean square than its mean (n = 2..4)",
            lambda f: all(population_gap(n, f) for n in range(2, 5)),
            bears_constant=True,
        ),
    ),
    evaluate=evaluate,
    applies=needs_ray,
    witnesses=(Witness("eps = 0, the whole ball of residuals", opposite_residuals),),
    mutants=(Mutant("D/2 -> D/4", half_the_spread_is_refuted),),
)


def price_gap(factor: sp.Expr) -> bool:
    """f R X~ - |x|(W/2 - err), from W <= D + 2 err and D = 2R X~/|x| - slack."""
    radius, far, x = sp.symbols("R X x", positive=True)
    slack, err = sp.symbols("slack err", nonnegative=True)
    width = 2 * radius * far / x - slack + 2 * err
    return nonnegative(factor * radius * far - x * (width / 2 - err))


def price_formula() -> sp.Basic:
    """R X~ ≥ |x| (W(x)/2 - err)."""
    radius, far, x, width, err = sp.symbols("R X x W err", positive=True)
    return sp.Ge(radius * far, x * (width / 2 - err))


N8 = Theorem(
    "N8",
    "price of range",
    "a model within err at the query x for every f of a class of width W(x) = sup f - inf f has "
    "R ≥ W/2 - err and R X~ ≥ |x|(W/2 - err). Coefficients in [-A, A], degree k: W/2 = A Σ|x|^i, so"
    " ceiling times blindness radius grows like A|x|^(k+1)",
    assumptions=("those of N2",),
    needs=("N3",),
    source="this work",
    tight=True,
    formula=price_formula,
    steps=(Step("2 err ≥ W - D and N3", price_gap, bears_constant=True),),
    evaluate=evaluate_price,
    applies=needs_ray,
    witnesses=(Witness("the same ball: W/2 = R sin theta with err = 0", opposite_residuals),),
    mutants=(Mutant("|x| -> 2|x|", twice_the_query_is_refuted),),
)
