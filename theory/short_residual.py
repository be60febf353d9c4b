"""L3: a short residual says little. The ceiling shrinks with |Ph| once eps > 0."""

import sympy as sp
from flint import arb

from theory.interval import Interval
from theory.layernorm import (
    EXAMPLE_GAMMA_W,
    needs_sphere,
    readout_centre,
    readout_radius,
    standardise,
)
from theory.linear import centre, dot, norm
from theory.steps import identity
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def short_residual_reach(radius: arb, rho: arb, d: int, eps: arb) -> arb:
    """R rho / sqrt(rho² + d eps): the ceiling for |Ph| <= rho, eps > 0 or rho > 0 (L3)."""
    return radius * rho / (rho**2 + d * eps).sqrt()


def short_residual_witness() -> Attainment:
    """h = rho a/|a| at eps = 1/4."""
    a = centre([arb(g * w) for g, w in EXAMPLE_GAMMA_W])
    rho, eps, d = arb(2), arb(1) / 4, len(a)
    h = [rho * x / norm(a) for x in a]
    bound = short_residual_reach(arb(d).sqrt() * norm(a), rho, d, eps)
    return Attainment(dot(a, standardise(h, eps)), bound)


def eps_without_d_is_wrong() -> bool:
    """R rho/sqrt(rho² + eps) (d dropped) is not the supremum at rho."""
    good = short_residual_witness()
    a = centre([arb(g * w) for g, w in EXAMPLE_GAMMA_W])
    loose = short_residual_reach(arb(len(a)).sqrt() * norm(a), arb(2), 1, arb(1) / 4)
    return bool(loose > good.attained)


def contraction_is_increasing(factor: sp.Expr) -> bool:
    """kappa = r/sqrt(r² + d eps) increases: (f kappa(rho))² - kappa(r)² >= 0 for r <= rho."""
    r, gap, e = sp.symbols("r gap e", nonnegative=True)
    rho = r + gap
    # cross-multiplied: f² rho²(r² + e) - r²(rho² + e); at f = 1 it is e (rho² - r²)
    difference = factor**2 * rho**2 * (r**2 + e) - r**2 * (rho**2 + e)
    return identity(difference, e * gap * (2 * r + gap))


def short_residual_formula() -> sp.Basic:
    """|y - c| ≤ R ρ / sqrt(ρ² + d ε)."""
    y, c, radius, rho, d, eps = sp.symbols("y c R rho d epsilon", real=True)
    return sp.Le(sp.Abs(y - c), radius * rho / sp.sqrt(rho**2 + d * eps))


def narrowed_ceilings(weights: Weights) -> dict[str, Interval]:
    """The ceiling for residuals no longer than 1e-3, 1e-2, ..., 1."""
    c, radius = readout_centre(weights), readout_radius(weights)
    found = {}
    for exponent in range(-3, 1):
        reach = short_residual_reach(
            radius, arb(10) ** exponent, weights.width, arb(weights.final_norm.eps)
        )
        found[f"y where |Ph| ≤ 1e{exponent}"] = Interval.enclose(c - reach, c + reach)
    return found


L3 = Theorem(
    "L3",
    "short residual",
    "|Ph| ≤ rho implies |y - c| ≤ R rho/sqrt(rho² + d eps) (RMSNorm: |h| ≤ rho)",
    assumptions=("final LayerNorm or RMSNorm", "eps > 0 or rho > 0"),
    needs=("L2",),
    source="this work",
    tight=True,
    formula=short_residual_formula,
    steps=(
        Step(
            "kappa(rho)² - kappa(r)² has the sign of d eps (rho² - r²) ≥ 0",
            contraction_is_increasing,
            bears_constant=True,
        ),
    ),
    evaluate=narrowed_ceilings,
    applies=needs_sphere,
    witnesses=(Witness("h = rho a/|a|", short_residual_witness),),
    mutants=(Mutant("d eps replaced by eps", eps_without_d_is_wrong),),
)
