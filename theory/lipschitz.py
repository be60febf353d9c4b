"""L5, L6: how fast a normalised readout can move, and that it cannot move at its ceiling."""

import numpy as np
import sympy as sp
from flint import arb

from theory.balls import Balls, balls, spectral_norm
from theory.interval import Interval
from theory.layernorm import (
    EXAMPLE_GAMMA_W,
    needs_bounded_readout,
    needs_sphere,
    readout_radius,
    standardise,
)
from theory.linear import Vector, centre, dot, norm
from theory.steps import identity, nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Norm, Weights


def linear_part(normalisation: Norm) -> arb:
    """|Γ P|_2 (LayerNorm), |Γ|_2 = max|gamma| (RMSNorm, DyT), an upper bound sharp to 1e-12."""
    gamma = np.abs(normalisation.gamma)
    if normalisation.kind != "layernorm":
        return arb(float(gamma.max()))
    d = gamma.size
    if d == 1 or not gamma.any():
        return arb(0)
    # Γ P = Γ - gamma 1'/d; the signs of gamma do not change its norm
    diagonal = Balls.exact(np.diag(gamma))
    return arb(spectral_norm(diagonal - balls(np.outer(gamma, np.ones(d))) / float(d)))


def norm_lipschitz(normalisation: Norm, length: float = 0.0) -> arb:
    """Bound of |J(h)|_2 wherever |Ph| >= length (RMSNorm |h|); length 0 is everywhere.

    |ΓP|_2 / sqrt(length²/d + eps); DyT |alpha| max|gamma|; inf where there is none (eps = 0).
    """
    if normalisation.kind == "none":
        return arb(1)
    size = linear_part(normalisation)
    if normalisation.kind == "dyt":
        return abs(arb(normalisation.alpha)) * size
    if size == 0:
        return size
    scale = arb(length) ** 2 / normalisation.gamma.size + arb(normalisation.eps)
    return size / scale.sqrt() if scale > 0 else arb.pos_inf()


def speed_limit(radius: arb, height: arb, length: arb, d: int, eps: arb) -> arb:
    """L6: |grad_h y| <= sqrt(R² - height²)/sqrt(|Ph|² + d eps), height = |y - c|, length = |Ph|."""
    return (radius**2 - height**2).sqrt() / (length**2 + d * eps).sqrt()


def evaluate_lipschitz(weights: Weights) -> dict[str, Interval]:
    """The final norm's Lipschitz constant, everywhere and away from Ph = 0."""
    final = weights.final_norm
    found = {"everywhere": Interval.enclose(arb(0), norm_lipschitz(final))}
    if final.kind != "dyt":
        for length in (1.0, 100.0):
            bound = norm_lipschitz(final, length)
            found[f"where |Ph| ≥ {length:g}"] = Interval.enclose(arb(0), bound)
    return found


def evaluate_speed(weights: Weights) -> dict[str, Interval]:
    """|grad_h y| where |Ph| = 10, at shares 0, 0.9 and 0.999 of the ceiling."""
    radius, eps = readout_radius(weights), arb(weights.final_norm.eps)
    found = {}
    for share in ("0", "0.9", "0.999"):
        bound = speed_limit(radius, radius * arb(share), arb(10), weights.width, eps)
        found[f"|grad y| where |Ph| = 10, |y - c| = {share} R"] = Interval.enclose(arb(0), bound)
    return found


def jacobian_times(h: Vector, u: Vector, eps: arb) -> Vector:
    """(P - zz'/d) u / sqrt(s + eps): the derivative of z at h along u."""
    m, d = centre(h), len(h)
    scale = (dot(m, m) / d + eps).sqrt()
    z, p = [x / scale for x in m], centre(u)
    inner = dot(z, u) / d
    return [(x - inner * y) / scale for x, y in zip(p, z, strict=True)]


def jacobian_is(d: int) -> bool:
    """d z_i / d h_k = (P - zz'/d)_ik / sqrt(s + eps), by differentiating."""
    h, eps = sp.symbols(f"h0:{d}", real=True), sp.Symbol("eps", positive=True)
    mean = sp.Add(*h) / d
    m = [x - mean for x in h]
    square = sum(x**2 for x in m) / d + eps
    for i, k in ((0, 0), (0, 1)):
        # times square^(3/2): d(m_i square^(-1/2)) = (dm_i square - m_i dsquare/2) square^(-3/2)
        left = sp.diff(m[i], h[k]) * square - m[i] * sp.diff(square, h[k]) / 2
        right = (int(i == k) - sp.Rational(1, d)) * square - m[i] * m[k] / d
        if not identity(left, right):
            return False
    return True


E = sp.Symbol("e", positive=True)


def tangential_image(d: int) -> tuple[list[sp.Expr], list[sp.Expr], sp.Expr, sp.Expr]:
    """u, N (P - mm'/N)u, m.u and N = |m|² + e for symbolic u, centred m: zz'/d = mm'/N."""
    u, rest = sp.symbols(f"u0:{d}", real=True), sp.symbols(f"m1:{d}", real=True)
    m = [-sp.Add(*rest), *rest]
    big = sum((x**2 for x in m), E)
    inner = sum((x * y for x, y in zip(m, u, strict=True)), sp.Integer(0))
    mean = sp.Add(*u) / d
    return list(u), [(x - mean) * big - inner * y for x, y in zip(u, m, strict=True)], inner, big


def contraction_gap(d: int, factor: sp.Expr) -> bool:
    """N² (factor² |u|² - |(P - zz'/d)u|²) >= 0, e = d eps.

    At factor 1 it is N² d mean(u)² + (m.u)²(N + e), whose coefficients are positive.
    """
    u, image, inner, big = tangential_image(d)
    size = sum((x**2 for x in u), sp.Integer(0))
    gap = factor**2 * size * big**2 - sum(y**2 for y in image)
    return identity(gap, sp.Add(*u) ** 2 / d * big**2 + inner**2 * (big + E))


def image_is_centred(d: int) -> bool:
    """(P - zz'/d)u sums to 0: so Γ(P - zz'/d) = ΓP(P - zz'/d)."""
    return identity(sp.Add(*tangential_image(d)[1]), 0)


def radial_part(d: int) -> bool:
    """(P - zz'/d) m = m eps/(s + eps): along h the Jacobian is eps (s + eps)^(-3/2)."""
    rest = sp.symbols(f"m1:{d}", real=True)
    m = [-sp.Add(*rest), *rest]
    length = sum(x**2 for x in m)
    return all(identity(x * (length + E) - length * x, x * E) for x in m)


def gradient_square(d: int, factor: sp.Expr) -> bool:
    """d|(P - zz'/d)a|² = f R² - (y-c)²(2 - kappa²), a centred, R² = d|a|², kappa² = |z|²/d."""
    first, a = sp.symbols(f"z1:{d}", real=True), sp.symbols(f"a1:{d}", real=True)
    z, a = [-sp.Add(*first), *first], [-sp.Add(*a), *a]
    inner = sum(x * y for x, y in zip(z, a, strict=True))
    length = sum(x**2 for x in z)
    image = sum((x - inner * y / d) ** 2 for x, y in zip(a, z, strict=True))
    right = factor * d * sum(x**2 for x in a) - inner**2 * (2 - length / d)
    return identity(d * image, right)


def exponent_gap(factor: sp.Expr) -> bool:
    """factor (R² - y²) - (R² - y²(2 - kappa²)) >= 0 for kappa <= 1, R = y + g."""
    y, g, k = sp.symbols("y g k", nonnegative=True)
    radius = y + g
    # k = 1 - kappa² >= 0
    gap = factor * (radius**2 - y**2) - (radius**2 - y**2 * (1 + k))
    return nonnegative(sp.expand(gap))


DIMENSIONS = (2, 3, 4)


def steepest_at_a_constant() -> Attainment:
    """eps = 1/4, h = 0, gamma = (3, -1): LN moves by |ΓP| t/sqrt(eps) along (1, -1), t -> 0."""
    eps, t = arb(1) / 4, arb(2) ** -40
    moved = standardise([t, -t], eps)
    change = norm([3 * moved[0], -1 * moved[1]]) / (t * arb(2).sqrt())
    # |ΓP|_2 = |Γ (1, -1)|/sqrt(2): ΓP has rank one at d = 2
    return Attainment(change, arb(5).sqrt() / eps.sqrt())


def largest_gamma_is_not_the_constant() -> bool:
    """gamma = e_1, d = 4: |ΓP| = sqrt(3/4), not max|gamma| = 1."""
    gamma = np.array([1.0, 0, 0, 0])
    return bool(linear_part(Norm("layernorm", gamma, 0 * gamma)) < 1)


def jump_at_a_constant() -> bool:
    """eps = 0: h and -h, 2^-60 apart, are normalised sqrt(8) apart: no constant below 2^60."""
    t = arb(2) ** -61
    ends = [standardise([s * t, -s * t], arb(0)) for s in (1, -1)]
    moved = norm([x - y for x, y in zip(*ends, strict=True)])
    return bool(moved > 2**60 * 2 * t * arb(2).sqrt() / 2)


def example_gradient() -> tuple[arb, arb, arb, arb]:
    """|grad y|, R, |y - c|, |Ph| at a residual off the witness direction, eps = 0."""
    a = centre([arb(g * w) for g, w in EXAMPLE_GAMMA_W])
    h = [arb(x) for x in (4, -1, 3, 0, 2)]
    y = dot(a, standardise(h, arb(0)))
    gradient = norm(jacobian_times(h, a, arb(0)))
    return gradient, arb(len(a)).sqrt() * norm(a), abs(y), norm(centre(h))


def speed_is_reached() -> Attainment:
    """Any h at eps = 0 moves at the speed limit."""
    gradient, radius, height, length = example_gradient()
    return Attainment(gradient, speed_limit(radius, height, length, 5, arb(0)))


def linear_slowdown_is_refuted() -> bool:
    """(R - |y-c|)/|Ph|, a slope that dies linearly, is exceeded."""
    gradient, radius, height, length = example_gradient()
    return bool(gradient > (radius - height) / length)


def lipschitz_formula() -> sp.Basic:
    """|LN(h) - LN(k)| ≤ |ΓP|₂/√ε |h - k|."""
    moved, size, eps, apart = sp.symbols("|LN(h)-LN(k)| |ΓP| ε |h-k|", positive=True)
    return sp.Le(moved, size / sp.sqrt(eps) * apart)


def speed_formula() -> sp.Basic:
    """|∇y| ≤ sqrt(R² - (y-c)²)/sqrt(|Ph|² + dε)."""
    slope, radius, y, c, ph, d, eps = sp.symbols("|∇y| R y c |Ph| d ε", real=True)
    return sp.Le(slope, sp.sqrt(radius**2 - (y - c) ** 2) / sp.sqrt(ph**2 + d * eps))


L5 = Theorem(
    "L5",
    "Lipschitz constant of LayerNorm",
    "J(h) = Γ(P - zz'/d)/sqrt(s + eps), s = |Ph|²/d: |J(h)|_2 ≤ |ΓP|_2/sqrt(s + eps). eps > 0: the "
    "exact global constant is |ΓP|_2/sqrt(eps), at constant h; eps = 0, d ≥ 2, gamma ≠ 0: none, LN "
    "jumps at Ph = 0. Along h the Jacobian is eps (s + eps)^(-3/2), 0 for eps = 0 (d = 2: J = 0). "
    "RMSNorm: P -> I, |Γ| = max|gamma|; DyT: |alpha| max|gamma|; d = 1: LN is constant",
    assumptions=("eps ≥ 0",),
    needs=("L1",),
    source="this work; Kim, Papamakarios & Mnih, arXiv 2006.04710 for attention",
    tight=True,
    formula=lipschitz_formula,
    steps=(
        Step("the Jacobian, by differentiating", lambda f: all(jacobian_is(d) for d in DIMENSIONS)),
        Step(
            "Γ(P - zz'/d) = ΓP(P - zz'/d)",
            lambda f: all(image_is_centred(d) for d in DIMENSIONS),
        ),
        Step(
            "|u|² - |(P - zz'/d)u|² = d mean(u)² + (m.u)²(N + d eps)/N² ≥ 0",
            lambda f: all(contraction_gap(d, f) for d in DIMENSIONS),
            bears_constant=True,
        ),
        Step("(P - zz'/d) m = m eps/(s + eps)", lambda f: all(radial_part(d) for d in DIMENSIONS)),
    ),
    evaluate=evaluate_lipschitz,
    applies=needs_bounded_readout,
    witnesses=(Witness("h constant, gamma = (3, -1), eps = 1/4", steepest_at_a_constant),),
    mutants=(
        Mutant("max|gamma| called the exact constant", largest_gamma_is_not_the_constant),
        Mutant("a global constant for eps = 0", jump_at_a_constant),
    ),
)


L6 = Theorem(
    "L6",
    "speed limit at the ceiling",
    "|grad_h y|² = (R² - (2 - kappa²)(y-c)²)/(|Ph|² + d eps), kappa² = |z|²/d ≤ 1, hence |grad_h y|"
    " ≤ sqrt(R² - (y-c)²)/sqrt(|Ph|² + d eps), equal for eps = 0. psi = arcsin((y-c)/R), R > 0, has"
    " |grad psi| ≤ 1/sqrt(|Ph|² + d eps): slope and training gradient die at the ceiling like "
    "sqrt(2R(R - |y-c|)). RMSNorm: P -> I",
    assumptions=("final LayerNorm or RMSNorm", "eps > 0 or Ph ≠ 0"),
    needs=("L2", "L5"),
    source="this work",
    tight=True,
    formula=speed_formula,
    steps=(
        Step(
            "d|(P - zz'/d)a|² = R² - (y-c)²(2 - kappa²)",
            lambda f: all(gradient_square(d, f) for d in DIMENSIONS),
            bears_constant=True,
        ),
        Step("2 - kappa² ≥ 1", exponent_gap, bears_constant=True),
    ),
    evaluate=evaluate_speed,
    applies=needs_sphere,
    witnesses=(Witness("h = (4, -1, 3, 0, 2), eps = 0", speed_is_reached),),
    mutants=(Mutant("R² - (y-c)² -> (R - |y-c|)²", linear_slowdown_is_refuted),),
)
