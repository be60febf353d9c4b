"""G2: without norms a network is at most affine in its largest token, with slope and intercept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

import numpy as np
import sympy as sp
from flint import arb, fmpz_poly
from jaxtyping import Float

from theory.anatomy import insist, remembered
from theory.balls import Array, Balls, balls, concatenate
from theory.errors import TheoryError
from theory.interval import Interval, up
from theory.network import forward
from theory.steps import identity, nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import MLP, Attention, Norm, Weights


@dataclass(frozen=True)
class Affine:
    """intercept + slope Z, Z = max|z_t| over the visible tokens; both are certified from above."""

    intercept: float
    slope: float

    def at(self, size: float) -> float:
        """The bound at Z = size, rounded up."""
        return up(arb(self.intercept) + arb(self.slope) * arb(size))


def needs_no_norm(weights: Weights) -> str | None:
    """None, or why the tokens' size does not pass through the model at most affinely."""
    norms = [block.norm.kind for block in weights.blocks] + [weights.final_norm.kind]
    if (kind := next((k for k in norms if k != "none"), None)) is not None:
        return f"a {kind} cuts the stream: what is bounded after it is in L2, N1 and N7"
    for attention in weights.attentions:
        if attention.score in ("sigmoid", "linear"):
            return f"{attention.score!r} weights do not sum to 1: a sum of values has no such slope"
    return None


# a part with more numbers than this is boxed, coordinate by coordinate
MOST = 2**19


@dataclass(frozen=True, eq=False)
class Part:
    """A convex set that holds a part of every stream: centre + Σ_k ξ_k spread_k + Σ_s (a point of
    the hull of hulls_s), ξ in [-1, 1]^K. Averages of its points stay in it.
    """

    centre: Balls
    spread: Balls
    hulls: Balls

    def reach(self, rows: Balls | Array, shift: Balls | float = 0.0) -> Float[np.ndarray, " m"]:
        """Upper bounds of |u.x + shift| over the set, for every row u."""
        turned = balls(rows).t
        fixed = (self.centre[None] @ turned)[0] + shift
        corners = times(self.hulls, turned).magnitude().max(1, initial=0)
        apart = [fixed.magnitude()[None], (self.spread @ turned).magnitude(), corners]
        return Balls.exact(np.concatenate(apart)).sum(0).upper()

    def mapped(self, linear: Balls) -> "Part":
        """The image under h -> linear h."""
        turned = linear.t
        moved = (self.centre[None] @ turned)[0]
        return Part(moved, self.spread @ turned, times(self.hulls, turned))

    def plus(self, other: "Part") -> "Part":
        """The sum of independent points of both, boxed when it has grown too long."""
        spread = concatenate([self.spread, other.spread], 0)
        hulls = concatenate([self.hulls, other.hulls], 0)
        centre = self.centre + other.centre
        if spread.mid.size > MOST:
            spread = box(Balls.exact(spread.magnitude()).sum(0).upper())
        if hulls.mid.size > MOST:
            high = Balls.exact(hulls.upper().max(1)).sum(0).upper()
            low = Balls.exact(hulls.lower().min(1)).sum(0).lower()
            middle = high / 2 + low / 2
            half = (Balls.exact(np.maximum(high - middle, middle - low)) * (1 + 2.0**-50)).upper()
            return Part(centre + middle, concatenate([spread, box(half)], 0), hulls[:0])
        return Part(centre, spread, hulls)

    def moved(self, shift: Balls) -> "Part":
        """The set shifted."""
        return Part(self.centre + shift, self.spread, self.hulls)


def times(hulls: Balls, turned: Balls) -> Balls:
    """(S, T, d) @ (d, m) as one product of matrices."""
    sets, points, width = hulls.shape
    flat = Balls(hulls.mid.reshape(-1, width), hulls.rad.reshape(-1, width)) @ turned
    shape = (sets, points, flat.shape[-1])
    return Balls(flat.mid.reshape(shape), flat.rad.reshape(shape))


def box(half: Float[np.ndarray, " d"]) -> Balls:
    """The axis-parallel box as a spread."""
    return Balls.exact(np.diag(half))


def alone(width: int, context: int, centre: Array, spread: Array, hulls: Array) -> Part:
    """A part from exact doubles."""
    return Part(
        Balls.exact(centre.reshape(width)),
        Balls.exact(spread.reshape(-1, width)),
        Balls.exact(hulls.reshape(-1, context, width)),
    )


def through_attention(attention: Attention, part: Part, residual: bool, constant: bool) -> Part:
    """h_t + Σ_h A_h (an average of the h_j): A_h = W_O,h W_V,h, biases pass the average whole."""
    maps = balls(attention.output) @ attention.value
    images = [part.mapped(maps[h]) for h in range(maps.shape[0])]
    total = part if residual else images.pop(0)
    for image in images:
        total = total.plus(image)
    if constant:
        bias = (balls(attention.output) @ attention.value_bias[..., None])[..., 0].sum(0)
        total = total.moved(bias + attention.output_bias)
    return total


def through_mlp(mlp: MLP, part: Part, residual: bool, constant: bool) -> Part:
    """h + W_2 act(W_1 h + b_1) + b_2: act(u) = u/2 + e, 0 <= e <= |u|/2 for all our activations,

    so a unit adds W_2,i (r_i/4)(1 + ξ_i), r_i the reach of its pre-activation.
    """
    half = balls(mlp.down) * 0.5
    shift = Balls.exact(mlp.up_bias * float(constant))
    quarter = part.reach(mlp.up, shift) / 4
    units = Balls.exact(mlp.down) * quarter
    image = part.mapped(half @ mlp.up + float(residual) * np.eye(len(mlp.down)))
    image = image.moved(units.sum(1) + (half @ shift[:, None])[:, 0])
    bent = Part(image.centre * 0.0, units.t, image.hulls[:0])
    image = image.plus(bent)
    return image.moved(Balls.exact(mlp.down_bias)) if constant else image


@remembered
def envelope(weights: Weights) -> Affine:
    """|y| <= a0 + kap Z: streams are Z times one set plus another, both carried block by block.

    TheoryError for models with a norm or with weights that do not sum to 1.
    """
    insist(needs_no_norm, weights)
    d, length = weights.width, len(weights.positions)
    nothing = np.zeros(0)
    token = alone(d, length, np.zeros(d), weights.read_in, nothing)
    offset = alone(d, length, weights.read_in_bias, nothing, weights.positions)
    for block in weights.blocks:
        if isinstance(block, MLP):
            token = through_mlp(block, token, weights.residual, False)
            offset = through_mlp(block, offset, weights.residual, True)
        else:
            token = through_attention(block, token, weights.residual, False)
            offset = through_attention(block, offset, weights.residual, True)
    out = weights.read_out[None]
    (slope,), (intercept,) = token.reach(out), offset.reach(out, weights.read_out_bias)
    return Affine(float(intercept), float(slope))


def lost_beyond(coefficients: Sequence[float], bound: Affine, context: float) -> arb:
    """Least r >= context with |p(x)| > a0 + kap max(context, |x|) for all |x| > r, p = Σ c_i x^i.

    TheoryError for degree < 2: an affine function may stay inside an affine envelope.
    """
    if not any(coefficients[2:]):
        raise TheoryError("p has degree < 2: only from degree 2 on does it leave every envelope")
    radius = arb(context)
    for side in (1, -1):
        for sign in (1, -1):
            exact = [Fraction(c) * side**i for i, c in enumerate(coefficients)]
            exact[0] -= sign * Fraction(bound.intercept)
            exact[1] -= sign * Fraction(bound.slope)
            scale = lcm(*(c.denominator for c in exact))
            for entry in fmpz_poly([int(c * scale) for c in exact]).complex_roots():
                root = entry[0]  # pyright: ignore[reportIndexIssue] (stub: no multiplicity)
                if root.imag == 0:
                    radius = radius.max(root.real)
    return radius


def attention_step(n: int, factor: sp.Expr) -> bool:
    """factor Σ p_j M - Σ p_j |v_j| >= 0 for |v_j| = M - s_j: an average is at most the largest."""
    p, slack = sp.symbols(f"p1:{n + 1}", nonnegative=True), sp.symbols("s", nonnegative=True)
    largest = slack + sp.Symbol("v", nonnegative=True)
    mean = p[0] * largest + sum(x * (largest - slack) for x in p[1:])
    return nonnegative(sp.expand(factor * largest * sp.Add(*p) - mean))


def activation_step(factor: sp.Expr) -> bool:
    """0 <= u Φ(u) - u/2 <= |u|/2: Φ = 1/2 + q/(2 + 2q) on the side of u > 0, 1 - that below."""
    u, q = sp.symbols("|u| q", nonnegative=True)
    bent = u * q / (2 + 2 * q)
    above = identity(u * (sp.Rational(1, 2) + q / (2 + 2 * q)) - u / 2, bent)
    below = identity(-u * (sp.Rational(1, 2) - q / (2 + 2 * q)) + u / 2, bent)
    return above and below and nonnegative(bent) and nonnegative(factor * u / 2 - bent)


def slope_step(factor: sp.Expr) -> bool:
    """|A x_q - y| >= t (A - kap) - a0 for x_q = t, y = a0 + kap t - slack: the gap is the slack."""
    a, t, kap, a0 = sp.symbols("A t kap a0", positive=True)
    slack = sp.Symbol("s", nonnegative=True)
    error = a * t - (a0 + kap * t - slack)
    return nonnegative(sp.expand(error - (t * (a - factor * kap) - a0)))


def positive_line(layers: int = 3) -> Weights:
    """d = 1, all weights 1, ReLU, no bias: y = 4^layers z for equal tokens z > 0."""
    none = Norm("none", np.ones(1), np.zeros(1))
    one, bias = np.ones((1, 1, 1)), np.zeros((1, 1))
    attention = Attention(none, one, bias, one, bias, one, bias, one, np.zeros(1))
    mlp = MLP(none, np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1), "relu")
    start = (np.ones(1), np.zeros(1), np.zeros((3, 1)))
    return Weights(*start, (attention, mlp) * layers, none, np.ones(1), 0.0)


def says(weights: Weights, tokens: Float[np.ndarray, " T"]) -> arb:
    """The prediction of ``positive_line`` at equal powers of two: exact in doubles."""
    return arb(float(forward(weights, tokens[None])[0, -1]))


def equal_tokens() -> Attainment:
    """Three tokens of value 2 through three layers: y = 128 = kap Z."""
    weights = positive_line()
    return Attainment(says(weights, np.full(3, 2.0)), arb(envelope(weights).at(2.0)))


def residual_counts() -> bool:
    """Without the "1 +" of the residual path the envelope of ``positive_line`` is exceeded."""
    weights = positive_line()
    short = envelope(replace(weights, residual=False)).at(2.0)
    return bool(says(weights, np.full(3, 2.0)) > short)


def context_counts() -> bool:
    """x² at x = 100 is "lost" if the context is ignored; context tokens 256 lift y to its value."""
    weights = positive_line()
    alone = lost_beyond((0.0, 0.0, 1.0), envelope(weights), 0.0)
    return bool(alone < 100) and bool(says(weights, np.full(3, 256.0)) > arb(100) ** 2)


def envelope_formula() -> sp.Basic:
    """|y| ≤ a0 + κ max_t |z_t|."""
    y, a0, kap, z = sp.symbols("|y| a0 kappa Z", nonnegative=True)
    return sp.Le(y, a0 + kap * z)


def envelope_numbers(weights: Weights) -> dict[str, Interval]:
    """a0, kap and where x² is lost for contexts in [-1, 1]."""
    bound = envelope(weights)
    return {
        "intercept a0": Interval(0.0, bound.intercept),
        "slope kap": Interval(0.0, bound.slope),
        "x² is lost beyond, context in [-1, 1]": Interval.enclose(
            lost_beyond((0.0, 0.0, 1.0), bound, 1.0)
        ),
    }


G2 = Theorem(
    "G2",
    "affine envelope",
    "no norm anywhere, any depth: |y| ≤ a0 + kap Z, Z = max_t|z_t| over the visible tokens. Every "
    "stream lies in Z S + S', convex sets carried through the blocks: an attention adds A_h times "
    "a point of the set, an MLP unit W_2,i r_i(1 + ξ)/4, r_i the reach of W_1,i. So (i) p of "
    "degree ≥ 2 is lost beyond a computable radius when the context has |z_t| ≤ Z; (ii) at every "
    "scale t some line of slope ≤ A is missed by t(A - kap) - a0: x_i = t/A, y_i = x_q = t",
    assumptions=(
        "weights ≥ 0 with sum 1: softmax, hardmax, SSA",
        "without a bound Z on the context there is no radius",
    ),
    needs=("S2",),
    source="this work; formal/Envelope.v",
    tight=False,
    formula=envelope_formula,
    steps=(
        Step(
            "Σ p_j |v_j| ≤ Σ p_j max|v_j| (n = 1..5)",
            lambda f: all(attention_step(n, f) for n in range(1, 6)),
            bears_constant=True,
        ),
        Step("0 ≤ act(u) - u/2 ≤ |u|/2: act(u) = u Φ, Φ in [0, 1]", activation_step, True),
        Step("A t - (a0 + kap t) = t(A - kap) - a0", slope_step, bears_constant=True),
    ),
    evaluate=envelope_numbers,
    applies=needs_no_norm,
    witnesses=(Witness("d = 1, weights 1, ReLU, three tokens of value 2", equal_tokens),),
    mutants=(
        Mutant('the "1 +" of the residual path dropped', residual_counts),
        Mutant("radius without a bound on the context", context_counts),
    ),
)
