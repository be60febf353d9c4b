"""L1-L3: what LayerNorm lets a readout say. The mathematical core of the paper."""

import sympy as sp
from flint import arb

from theory.interval import Interval
from theory.linear import Vector, centre, dot, hadamard, norm, vector
from theory.norms import directional_reach
from theory.steps import identity, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights

SOURCE = "Naim & Asher, arXiv 2502.03503; Brody, Alon & Yahav, arXiv 2305.02582"


def needs_final_layernorm(weights: Weights) -> str | None:
    """None, or why L1-L3, L6 do not speak about this model."""
    kind = weights.final_norm.kind
    return None if kind == "layernorm" else f"the final norm is {kind!r}, not LayerNorm"


def needs_bounded_readout(weights: Weights) -> str | None:
    """None, or why the model has no readout ceiling."""
    if weights.final_norm.kind == "none":
        return "no final norm: the readout has no ceiling"
    return None


def standardise(h: Vector, eps: arb) -> Vector:
    """z = Ph / sqrt(|Ph|²/d + eps)."""
    m = centre(h)
    scale = (dot(m, m) / len(m) + eps).sqrt()
    return [x / scale for x in m]


def readout_direction(weights: Weights) -> Vector:
    """a = P(gamma_f * w), the direction in which a LayerNorm readout looks."""
    return centre(hadamard(vector(weights.final_norm.gamma), vector(weights.read_out)))


def readout_centre(weights: Weights) -> arb:
    """c = b + w.beta_f, the middle of the ceiling."""
    return arb(weights.read_out_bias) + dot(
        vector(weights.read_out), vector(weights.final_norm.beta)
    )


def readout_radius(weights: Weights) -> arb:
    """R = sup_h |y - c|: sqrt(d)|P(gamma*w)|; RMSNorm and DyT in theory.norms."""
    return directional_reach(weights.final_norm, vector(weights.read_out))


def readout_ceiling(weights: Weights) -> Interval:
    """[c - R, c + R]: no prompt whatever makes the model say anything outside (L2)."""
    centre_, radius = readout_centre(weights), readout_radius(weights)
    return Interval.enclose(centre_ - radius, centre_ + radius)


def short_residual_reach(radius: arb, rho: arb, d: int, eps: arb) -> arb:
    """R rho / sqrt(rho² + d eps): the ceiling for |Ph| <= rho, eps > 0 or rho > 0 (L3)."""
    return radius * rho / (rho**2 + d * eps).sqrt()


def coordinate_gap(d: int, factor: sp.Expr) -> bool:
    """Whether factor² (d-1)|u|² - d u_0² is a sum of squares for Σu = 0."""
    rest = sp.symbols(f"u1:{d}", real=True)
    first = -sp.Add(*rest)
    length = first**2 + sum(x**2 for x in rest)
    squares = [(sp.Integer(1), a - b) for j, a in enumerate(rest) for b in rest[:j]]
    return sum_of_squares(factor**2 * (d - 1) * length - d * first**2, squares)


def pair_gap(d: int, factor: sp.Expr) -> bool:
    """Whether factor² 2|u|² - (u_0 - u_1)² is a sum of squares."""
    u = sp.symbols(f"u0:{d}", real=True)
    squares = [(sp.Integer(1), u[0] + u[1]), *((sp.Integer(2), x) for x in u[2:])]
    return sum_of_squares(factor**2 * 2 * sum(x**2 for x in u) - (u[0] - u[1]) ** 2, squares)


def lagrange_gap(d: int, factor: sp.Expr) -> bool:
    """Whether factor² |a|²|z|² - (a.z)² is a sum of squares (Lagrange's identity)."""
    a, z = sp.symbols(f"a0:{d}", real=True), sp.symbols(f"z0:{d}", real=True)
    product = sum(x**2 for x in a) * sum(x**2 for x in z)
    inner = sum(x * y for x, y in zip(a, z, strict=True))
    minors = [(sp.Integer(1), a[i] * z[j] - a[j] * z[i]) for i in range(d) for j in range(i)]
    return sum_of_squares(factor**2 * product - inner**2, minors)


def centring_drops_out(d: int) -> bool:
    """u.z = (Pu).z whenever Σz = 0."""
    u = sp.symbols(f"u0:{d}", real=True)
    z = [*sp.symbols(f"z1:{d}", real=True)]
    z = [-sp.Add(*z), *z]
    mean = sp.Add(*u) / d
    return identity(
        sum(a * b for a, b in zip(u, z, strict=True)),
        sum((a - mean) * b for a, b in zip(u, z, strict=True)),
    )


DIMENSIONS = range(2, 6)

LAGRANGE = Step(
    "(a.z)² ≤ |a|²|z|²: the gap is Σ(a_i z_j - a_j z_i)² (d = 2..5 here, every d in Coq)",
    lambda f: all(lagrange_gap(d, f) for d in DIMENSIONS),
    bears_constant=True,
)
CENTRING = Step("u.z = (Pu).z for Σz = 0", lambda f: all(centring_drops_out(d) for d in DIMENSIONS))


def coordinate_witness(d: int = 8) -> Attainment:
    """h = e_0 at eps = 0: z_0 = sqrt(d - 1)."""
    z = standardise([arb(int(i == 0)) for i in range(d)], arb(0))
    return Attainment(z[0], arb(d - 1).sqrt())


def pair_witness(d: int = 8) -> Attainment:
    """h = e_0 - e_1 at eps = 0: z_0 - z_1 = sqrt(2d), which h = e_0 does not reach."""
    z = standardise([arb((i == 0) - (i == 1)) for i in range(d)], arb(0))
    return Attainment(z[0] - z[1], arb(2 * d).sqrt())


def normalised_ranges(weights: Weights) -> dict[str, Interval]:
    """|z|, |z_i|, |z_i - z_j| of the final LayerNorm before gamma and beta."""
    d = arb(weights.width)
    reaches = {"|z|": d.sqrt(), "|z_i|": (d - 1).sqrt(), "|z_i - z_j|": (2 * d).sqrt()}
    return {name: Interval.enclose(arb(0), reach) for name, reach in reaches.items()}


def layernorm_range_formula() -> sp.Basic:
    """|z_i| ≤ sqrt(d - 1)."""
    z, d = sp.Symbol("z_i", real=True), sp.Symbol("d", positive=True, integer=True)
    return sp.Le(sp.Abs(z), sp.sqrt(d - 1))


L1 = Theorem(
    "L1",
    "range of LayerNorm",
    "z = Ph/sqrt(|Ph|²/d + eps) has Σz = 0 and |z|² ≤ d (equality iff eps = 0 and Ph ≠ 0); "
    "u.z ≤ sqrt(d)|Pu| for every u, so |z_i| ≤ sqrt(d-1) and |z_i - z_j| ≤ sqrt(2d)",
    assumptions=("eps ≥ 0; z := 0 where eps = 0 and Ph = 0",),
    needs=(),
    source=SOURCE,
    tight=True,
    formula=layernorm_range_formula,
    steps=(
        CENTRING,
        LAGRANGE,
        Step(
            "(d-1)|u|² - d u_0² = Σ_(j<k)(u_j - u_k)² for Σu = 0",
            lambda f: all(coordinate_gap(d, f) for d in DIMENSIONS),
            bears_constant=True,
        ),
        Step(
            "2|u|² - (u_0 - u_1)² = (u_0 + u_1)² + 2 Σ u_k²",
            lambda f: all(pair_gap(d, f) for d in DIMENSIONS),
            bears_constant=True,
        ),
    ),
    evaluate=normalised_ranges,
    applies=needs_final_layernorm,
    witnesses=(
        Witness("h = e_0, eps = 0", coordinate_witness),
        Witness("h = e_0 - e_1, eps = 0", pair_witness),
    ),
)


EXAMPLE_GAMMA_W = ((3, 1), (-1, 2), (2, 3), (1, 1), (-2, 1))


def ceiling_witness() -> Attainment:
    """h = gamma*w at eps = 0, with negative gammas: y - c = R."""
    scaled = [arb(g * w) for g, w in EXAMPLE_GAMMA_W]
    z = standardise(scaled, arb(0))
    return Attainment(dot(scaled, z), arb(len(scaled)).sqrt() * norm(centre(scaled)))


def uncentred_is_not_reached() -> bool:
    """sqrt(d)|gamma*w| (P dropped) exceeds every value: it is not the supremum."""
    scaled = [arb(g * w) for g, w in EXAMPLE_GAMMA_W]
    return bool(arb(len(scaled)).sqrt() * norm(scaled) > ceiling_witness().attained)


def ceiling_formula() -> sp.Basic:
    """|y - c| ≤ sqrt(d) |P(γ∘w)|."""
    y, c, d, a = sp.symbols("y c d |P(γ∘w)|", real=True)
    return sp.Le(sp.Abs(y - c), sp.sqrt(d) * a)


L2 = Theorem(
    "L2",
    "readout ceiling",
    "for every residual h: |y - c| ≤ R = sqrt(d)|P(gamma*w)|, c = b + w.beta; RMSNorm: "
    "R = sqrt(d)|gamma*w|; DyT: R = |gamma*w|_1; with eps > 0 the ends are approached, not reached",
    assumptions=("a final LayerNorm, RMSNorm or DyT before a linear readout",),
    needs=("L1",),
    source=SOURCE,
    tight=True,
    formula=ceiling_formula,
    steps=(
        CENTRING,
        LAGRANGE,
    ),
    evaluate=lambda weights: {"ceiling": readout_ceiling(weights)},
    applies=needs_bounded_readout,
    witnesses=(Witness("h = gamma*w, eps = 0", ceiling_witness),),
    mutants=(Mutant("P dropped: sqrt(d)|gamma*w| called the supremum", uncentred_is_not_reached),),
)


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


L3 = Theorem(
    "L3",
    "short residual",
    "|Ph| ≤ rho implies |y - c| ≤ R rho/sqrt(rho² + d eps)",
    assumptions=("final LayerNorm", "eps > 0 or rho > 0"),
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
    evaluate=lambda weights: {
        "ceiling share kappa at |Ph| = 1": Interval.enclose(
            short_residual_reach(arb(1), arb(1), weights.width, arb(weights.final_norm.eps))
        )
    },
    applies=needs_final_layernorm,
    witnesses=(Witness("h = rho a/|a|", short_residual_witness),),
    mutants=(Mutant("d eps replaced by eps", eps_without_d_is_wrong),),
)
