"""L1, L2: what LayerNorm lets a readout say. The mathematical core of the paper."""

import sympy as sp
from flint import arb

from theory.interval import Interval
from theory.linear import Vector, centre, dot, hadamard, norm, vector
from theory.norms import directional_reach
from theory.steps import identity, nonnegative, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights

SOURCE = "Naim & Asher, arXiv 2502.03503; Brody, Alon & Yahav, arXiv 2305.02582"


def needs_final_layernorm(weights: Weights) -> str | None:
    """None, or why L1 does not speak about this model."""
    kind = weights.final_norm.kind
    return None if kind == "layernorm" else f"the final norm is {kind!r}, not LayerNorm"


def needs_sphere(weights: Weights) -> str | None:
    """None, or why the final norm does not map onto a ball of radius sqrt(d) (L3-L6)."""
    kind = weights.final_norm.kind
    if kind in ("layernorm", "rmsnorm"):
        return None
    return f"the final norm is {kind!r}: it keeps no direction"


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
    """a with y - c = a.z: P(gamma_f * w) for a LayerNorm, gamma_f * w for an RMSNorm."""
    scaled = hadamard(vector(weights.final_norm.gamma), vector(weights.read_out))
    return centre(scaled) if weights.final_norm.kind == "layernorm" else scaled


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


def subset_identity() -> bool:
    """d |P 1_S|² = k(d - k) for |S| = k."""
    k, d = sp.symbols("k d", positive=True)
    inside, outside = (1 - k / d) ** 2, (k / d) ** 2
    return identity(d * (k * inside + (d - k) * outside), k * (d - k))


def sign_gap(factor: sp.Expr) -> bool:
    """d |P u|² = d² - (2p - d)² for p signs +1: at most factor d², or factor (d² - 1) for odd d."""
    half, m = sp.symbols("half m", integer=True, nonnegative=True)
    for d, least in ((2 * half, 0), (2 * half + 1, 1)):
        # p above or below d/2: 2p - d = ±(2m + least)
        reach = d**2 - (2 * m + least) ** 2
        if not nonnegative(sp.expand(factor * (d**2 - least) - reach)):
            return False
    return True


def box_gap(factor: sp.Expr) -> bool:
    """factor |a| - a t >= 0 for |t| <= 1 (DyT's tanh): with a > 0 it is a(1 - t)."""
    a, slack = sp.Symbol("a", positive=True), sp.Symbol("slack", nonnegative=True)
    return nonnegative(factor * a - a * (1 - slack))


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


def signs_witness(d: int = 7) -> Attainment:
    """h with (d - 1)/2 entries 1 and the rest -1, d odd, eps = 0: |z|_1 = sqrt(d² - 1)."""
    z = standardise([arb(1 if 2 * i + 1 < d else -1) for i in range(d)], arb(0))
    return Attainment(sum(map(abs, z), arb(0)), arb(d**2 - 1).sqrt())


def subset_witness(k: int = 3, d: int = 8) -> Attainment:
    """h = 1_S, |S| = k, eps = 0: the k coordinates sum to sqrt(k(d - k))."""
    z = standardise([arb(int(i < k)) for i in range(d)], arb(0))
    return Attainment(sum(z[:k], arb(0)), arb(k * (d - k)).sqrt())


def normalised_ranges(weights: Weights) -> dict[str, Interval]:
    """|z|, |z_i|, |z_i - z_j|, |z|_1 of the final LayerNorm before gamma and beta; d = 1: z = 0."""
    d = weights.width
    if d == 1:
        return {"z (width 1)": Interval(0.0, 0.0)}
    squares = {"|z|": d, "|z_i|": d - 1, "|z_i - z_j|": 2 * d, "|z|_1": d**2 - d % 2}
    return {name: Interval.enclose(arb(0), arb(square).sqrt()) for name, square in squares.items()}


def layernorm_range_formula() -> sp.Basic:
    """|z_i| ≤ sqrt(d - 1)."""
    z, d = sp.Symbol("z_i", real=True), sp.Symbol("d", positive=True, integer=True)
    return sp.Le(sp.Abs(z), sp.sqrt(d - 1))


L1 = Theorem(
    "L1",
    "range of LayerNorm",
    "z = Ph/sqrt(|Ph|²/d + eps) has Σz = 0 and |z|² ≤ d (equality iff eps = 0 and Ph ≠ 0); "
    "u.z ≤ sqrt(d)|Pu| for every u, so |z_i| ≤ sqrt(d-1), |z_i - z_j| ≤ sqrt(2d), k coordinates "
    "sum to ≤ sqrt(k(d-k)), |z|_1 ≤ d (d even) or sqrt(d²-1) (d odd). Image: eps > 0 the open ball "
    "of radius sqrt(d) in Σz = 0; eps = 0 its sphere, and 0 (d = 2: ±(1,-1), and 0); d = 1: {0}",
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
        Step("k coordinates: d|P 1_S|² = k(d-k)", lambda f: subset_identity()),
        Step("|z|_1 = u.z, u the signs of z: d|Pu|² = d² - (2p-d)²", sign_gap, bears_constant=True),
    ),
    evaluate=normalised_ranges,
    applies=needs_final_layernorm,
    witnesses=(
        Witness("h = e_0, eps = 0", coordinate_witness),
        Witness("h = e_0 - e_1, eps = 0", pair_witness),
        Witness("h = 1_S, eps = 0", subset_witness),
        Witness("h = (1, 1, 1, -1, -1, -1, -1), eps = 0", signs_witness),
    ),
)


EXAMPLE_GAMMA_W = ((3, 1), (-1, 2), (2, 3), (1, 1), (-2, 1))


def ceiling_witness() -> Attainment:
    """h = gamma*w at eps = 0, with negative gammas: y - c = R."""
    scaled = [arb(g * w) for g, w in EXAMPLE_GAMMA_W]
    z = standardise(scaled, arb(0))
    return Attainment(dot(scaled, z), arb(len(scaled)).sqrt() * norm(centre(scaled)))


def rms_witness() -> Attainment:
    """RMSNorm, h = gamma*w at eps = 0: y - c = sqrt(d)|gamma*w|."""
    scaled = [arb(g * w) for g, w in EXAMPLE_GAMMA_W]
    root = arb(len(scaled)).sqrt()
    return Attainment(root * dot(scaled, scaled) / norm(scaled), root * norm(scaled))


def dyt_witness() -> Attainment:
    """DyT, h_i = 40 sign(gamma_i w_i), alpha = 1: y - c = |gamma*w|_1 to 1e-34."""
    scaled = [arb(g * w) for g, w in EXAMPLE_GAMMA_W]
    reach = sum(map(abs, scaled), arb(0))
    return Attainment(reach * arb(40).tanh(), reach)


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
    "R = sqrt(d)|gamma*w|; DyT: R = |gamma*w|_1. No smaller R: eps = 0 reaches the ends, eps > 0 "
    "and DyT approach them. R = 0 (d = 1, or gamma*w constant): y = c for every input",
    assumptions=("a final LayerNorm, RMSNorm or DyT before a linear readout",),
    needs=("L1",),
    source=SOURCE,
    tight=True,
    formula=ceiling_formula,
    steps=(
        CENTRING,
        LAGRANGE,
        Step("DyT: a t ≤ |a| for |t| ≤ 1, summed over coordinates", box_gap, bears_constant=True),
    ),
    evaluate=lambda weights: {"ceiling": readout_ceiling(weights)},
    applies=needs_bounded_readout,
    witnesses=(
        Witness("h = gamma*w, eps = 0", ceiling_witness),
        Witness("RMSNorm, h = gamma*w, eps = 0", rms_witness),
        Witness("DyT, h = 40 sign(gamma*w)", dyt_witness),
    ),
    mutants=(Mutant("P dropped: sqrt(d)|gamma*w| called the supremum", uncentred_is_not_reached),),
)
