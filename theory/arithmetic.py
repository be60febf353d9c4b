"""F1, F2: rounding and overflow of the float32 network; the bounds are in theory.rounding."""

from fractions import Fraction
from math import prod

import numpy as np
import sympy as sp
from flint import arb

from theory.anatomy import needs_bounded_stream
from theory.blocks import heads_gap
from theory.enclosure import enclose_prediction
from theory.float32 import growth, layernorm, textbook, welford
from theory.interval import Interval
from theory.layernorm import needs_bounded_readout, readout_centre, standardise
from theory.linear import centre, dot, norm, vector
from theory.rounding import (
    float32_ceiling,
    float32_domain,
    is_float32,
    normalising_error,
    readout_slack,
    stream_growth,
)
from theory.steps import identity, nonnegative
from theory.theorem import Mutant, Step, Theorem
from theory.weights import Norm, Weights


def needs_float32(weights: Weights) -> str | None:
    """None, or why nothing is certified of the float32 read-out."""
    if (reason := needs_bounded_readout(weights)) is not None:
        return reason
    return None if is_float32(weights) else "the read-out's numbers are no float32 numbers"


def needs_float32_stream(weights: Weights) -> str | None:
    """None, or why nothing bounds the stream whose squares may overflow."""
    norms = [block.norm for block in weights.blocks] + [weights.final_norm]
    if any(n.kind in ("layernorm", "rmsnorm") and n.eps < 2.0**-126 for n in norms):
        return "eps = 0 in float32: a norm of a constant stream is 0/0, with no overflow needed"
    return needs_float32(weights) or needs_bounded_stream(weights)


def evaluate_rounding(weights: Weights) -> dict[str, Interval]:
    """The exact prediction for the prompt (1), and the slack of the read-out by condition."""
    found = {"y of the prompt (1), exact network": enclose_prediction(weights, [1.0])}
    for condition in (1.0, 10.0, 1000.0):
        slack = Interval(0.0, readout_slack(weights, condition))
        found[f"|float32 y - y| at |h|/|Ph| ≤ {condition:g}"] = slack
    return found


def overflowing_query(weights: Weights) -> arb | None:
    """|x_q| from which the final variance certainly is inf; None where |P w_in| is too small.

    The float32 w_in x is off by 2^-24 |w_in||x|, a sum along the stream by as much again.
    """
    w_in = vector(weights.read_in)
    seen = norm(centre(w_in) if weights.final_norm.kind == "layernorm" else w_in)
    slope = seen - norm(w_in) / 2**16
    certain = arb(2) ** 64 * (1 + arb(2) ** -10) + stream_growth(weights)
    return certain / slope if slope > 0 else None


def evaluate_overflow(weights: Weights) -> dict[str, Interval]:
    """X32, what every float32 prediction obeys, and where y = c begins."""
    safe = float32_domain(weights)
    found = {
        "X32: no overflow for |z| up to": Interval(safe, safe),
        "float32 y, if not NaN, at |h|/|Ph| ≤ 10": float32_ceiling(weights, 10.0),
    }
    if weights.final_norm.kind != "dyt" and (start := overflowing_query(weights)) is not None:
        found["y = c or NaN for |x_q| from"] = Interval.enclose(start)
        found["c"] = Interval.enclose(readout_centre(weights))
    return found


def one_more_rounding(factor: sp.Expr) -> bool:
    """f gam_(n+1) - ((1 + gam_n)(1 + u) - 1) >= 0: at f = 1 it is 1/(q((n+1)q + 1)).

    (n+1)u = 1/(1 + q) < 1, so gam_(n+1) = 1/q.
    """
    n, q = sp.symbols("n q", positive=True)
    u = 1 / ((n + 1) * (1 + q))
    before = n * u / (1 - n * u)
    return nonnegative(factor / q - ((1 + before) * (1 + u) - 1))


def variance_share() -> bool:
    """(1 + t)²-type sum 2t + t² + t(1 + t)² <= 4t for t = G condition <= 1/8: two-pass."""
    t = 1 / (8 + sp.Symbol("v", nonnegative=True))
    return nonnegative(4 * t - (2 * t + t**2 + t * (1 + t) ** 2))


def reciprocal_root(factor: sp.Expr) -> bool:
    """f (1 + x)²(1 - x) - 1 >= 0, x <= 1/2: 1/sqrt(1 - x) <= 1 + x."""
    x = 1 / (2 + sp.Symbol("v", nonnegative=True))
    return nonnegative(factor * (1 + x) ** 2 * (1 - x) - 1)


def hyperbolic_gap(factor: sp.Expr) -> bool:
    """f (1 + x²) - 2x = (1 - x)² >= 0: x/cosh² x <= x/(1 + x²) <= 1/2."""
    x = sp.Symbol("x", real=True)
    return identity(factor * (1 + x**2) - 2 * x, (1 - x) ** 2)


def welford_share() -> bool:
    """An error at update k reaches the mean of n by the share Π_(j=k+1..n) (1 - 1/j) = k/n."""
    return all(
        prod((1 - Fraction(1, j) for j in range(k + 1, n + 1)), start=Fraction(1)) == Fraction(k, n)
        for n in range(1, 30)
        for k in range(1, n + 1)
    )


def textbook_is_refuted() -> bool:
    """E[x²] - E[x]² at |h|/|Ph| about 5000, d = 8: off by more than the share 4 G condition."""
    h = (np.arange(8) * 1.5 + 16384).astype(np.float32)
    m = centre(vector(h))
    exact, condition = dot(m, m) / 8, norm(vector(h)) / norm(m)
    with np.errstate(all="ignore"):
        computed = arb(float(textbook(h)[1]))
    return bool(abs(computed - exact) > 4 * growth(2 * 8 + 128) * condition * exact)


def condition_is_needed() -> bool:
    """h = 2^20 + (0, 1/8, 3/8, ...): |fl(z) - z| exceeds sqrt(d) Z of condition 1."""
    h = (2.0**20 + np.array([0, 1, 3, 0, 1, 1, 2, 3]) / 8).astype(np.float32)
    z = standardise(vector(h), arb(1e-5))
    gap = norm([a - b for a, b in zip(vector(layernorm(h, 1e-5)), z, strict=True)])
    plain = normalising_error(Norm("layernorm", np.ones(8), np.zeros(8), 1e-5), arb(1))
    return plain is not None and bool(gap > arb(8).sqrt() * plain)


def rounding_formula() -> sp.Basic:
    """|fl(y) - y| ≤ √d|γ∘w| Z + γ_(d+4)(√d|γ∘w|(1 + Z) + Σ|w_i β_i| + |b|)."""
    gap, d, size, z, growing, rest = sp.symbols("|fl(y)-y| d |γ∘w| Z γ_(d+4) Σ|wβ|+|b|")
    reach = sp.sqrt(d) * size
    return sp.Le(gap, reach * z + growing * (reach * (1 + z) + rest))


F1 = Theorem(
    "F1",
    "certificates for float32",
    "(a) per prompt: the weights are dyadic, so arb encloses the exact y and fl(y) - y, no model "
    "of rounding needed. (b) a priori: |fl(y) - y| ≤ sqrt(d)|gamma*w| Z + "
    "gam_(d+4)(sqrt(d)|gamma*w|(1 + Z) + Σ|w_i beta_i| + |b|) + underflow, gam_n = nu/(1 - nu), u "
    "= 2^-24; LayerNorm: Z = G k + (1 + 4Gk)(1 + gam_12) - 1 to first order, G = gam_(2d+128), k "
    "≥ |h|/sqrt(|Ph|² + d eps), valid while the variance is right to 1/4; RMSNorm: Z from "
    "gam_(d+4), no k; DyT: 9u a coordinate. (c) the float32 y obeys L2's ceiling widened by that "
    "slack",
    assumptions=(
        "eps > 0; read-out weights are float32 numbers; no TF32, bfloat16 or fast-math",
        "two-pass, or Welford in ≤ 16 lanes merged by Chan's formula; any order of summation",
        "no overflow (F2); flush to zero allowed; tanh right to 4 ulp",
    ),
    needs=("L2",),
    source="Higham 2002, section 3.1; Chan, Golub & LeVeque 1983; this work",
    tight=False,
    formula=rounding_formula,
    steps=(
        Step("(1 + gam_n)(1 + u) ≤ 1 + gam_(n+1)", one_more_rounding, bears_constant=True),
        Step(
            "the mean is within G Σ|h_i|/d ≤ G|h|/sqrt(d): (Σ|h_i|)² ≤ d Σh_i²",
            lambda f: all(heads_gap(d, f) for d in range(2, 5)),
            bears_constant=True,
        ),
        Step("Welford: an error at update k counts k/n in the mean", lambda f: welford_share()),
        Step("two-pass: (|m| + t|m|)² of d roundings is within 4t", lambda f: variance_share()),
        Step("1/sqrt(1 - x) ≤ 1 + x, x ≤ 1/2", reciprocal_root, bears_constant=True),
        Step("DyT: |x|/cosh² x ≤ 1/2", hyperbolic_gap, bears_constant=True),
    ),
    evaluate=evaluate_rounding,
    applies=needs_float32,
    mutants=(
        Mutant("the variance as E[x²] - E[x]²", textbook_is_refuted),
        Mutant("the condition |h|/|Ph| dropped", condition_is_needed),
    ),
)


def merging_gap(factor: sp.Expr) -> bool:
    """f 2 n m - (n + m) >= 0 for n, m >= 1: (difference of two means)² <= 2 Σ(h - mean)²."""
    n, m = (1 + sp.Symbol(name, nonnegative=True) for name in "nm")
    return nonnegative(sp.expand(factor * 2 * n * m - (n + m)))


def squares_grow(k: int) -> bool:
    """Σ_(i≤k)(x_i - mean_k)² - Σ_(i<k)(x_i - mean_(k-1))² = (k-1)/k (x_k - mean_(k-1))²."""
    x = sp.symbols(f"x1:{k + 1}", real=True)

    def squares(part: tuple[sp.Symbol, ...]) -> sp.Expr:
        mean = sp.Add(*part) / len(part)
        return sum(((p - mean) ** 2 for p in part), sp.Integer(0))

    step = x[-1] - sp.Add(*x[:-1]) / (k - 1)
    return identity(squares(x) - squares(x[:-1]), sp.Rational(k - 1, k) * step**2)


def near_constant_leaves() -> bool:
    """Two neighbouring floats near 2^33, Welford: variance 0, and |z| is 10^5, not sqrt(2)."""
    h = np.array([8388609.0, 8388610.0], dtype=np.float32) * np.float32(1024)
    return bool(norm(vector(layernorm(h, 1e-5, welford))) > 10**5 * arb(2).sqrt())


def plateau_ends() -> bool:
    """|Ph| = 2^66, d = 4: the float32 variance is inf and z = 0, where exactly |z| = 2."""
    h = np.array([1, -1, 1, -1], dtype=np.float32) * np.float32(2.0**65)
    with np.errstate(all="ignore"):
        return bool((layernorm(h, 1e-5) == 0).all())


def overflow_formula() -> sp.Basic:
    """|z||P w_in| + growth ≤ 2^63.4."""
    z, seen, rest = sp.symbols("|z| |P·w_in| growth", positive=True)
    return sp.Le(z * seen + rest, sp.Pow(2, sp.Rational(317, 5), evaluate=False))


F2 = Theorem(
    "F2",
    "domain of float32",
    "|z||P w_in| + growth ≤ 2^63.4 and |z| max|w_in,i| + growth ≤ 2^63 for every token: no norm "
    "overflows. Where Σ(Ph)_i² ≥ 2^128 the variance is inf, z = 0 and y = c (N2's plateau is "
    "gone); from max|h_i| of about 2^64 a mean's square may be inf · 0 and y NaN; where w_in z "
    "itself overflows y is NaN. So for every finite float32 prompt y is NaN or lies in L2's "
    "ceiling widened by F1's slack for the condition of its residual. No bound without the "
    "condition: on residuals constant to an ulp Welford's variance can be 0, and |z| reaches 10^5 "
    "sqrt(d)",
    assumptions=(
        "those of F1 and N1 (growth: a crude bound of what the blocks add, roundings included)",
        "every norm sees a condition at which Z ≤ 1",
    ),
    needs=("F1", "N1"),
    source="this work",
    tight=False,
    formula=overflow_formula,
    steps=(
        Step("merging: nm/(n+m) ≥ 1/2, so the difference² ≤ 2 Σ(h - mean)²", merging_gap, True),
        Step(
            "partial sums of squares only grow (k = 2..4)",
            lambda f: all(squares_grow(k) for k in range(2, 5)),
        ),
    ),
    evaluate=evaluate_overflow,
    applies=needs_float32_stream,
    mutants=(
        Mutant("the ceiling for every float32 residual, no condition", near_constant_leaves),
        Mutant("N2's plateau for every float32 query", plateau_ends),
    ),
)
