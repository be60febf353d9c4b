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
from theory.balls import Balls, balls, concatenate, spectral_norm
from theory.errors import TheoryError
from theory.interval import Interval, up
from theory.network import forward
from theory.steps import nonnegative
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

    def then(self, slope: arb | float, intercept: arb | float) -> "Affine":
        """slope (a + k Z) + intercept, rounded up."""
        steep = arb(slope)
        return Affine(up(steep * arb(self.intercept) + arb(intercept)), up(steep * arb(self.slope)))

    def plus(self, other: "Affine") -> "Affine":
        """The sum of two bounds, rounded up."""
        return Affine(
            up(arb(self.intercept) + arb(other.intercept)), up(arb(self.slope) + arb(other.slope))
        )


def needs_no_norm(weights: Weights) -> str | None:
    """None, or why the tokens' size does not pass through the model at most affinely."""
    norms = [block.norm.kind for block in weights.blocks] + [weights.final_norm.kind]
    if (kind := next((k for k in norms if k != "none"), None)) is not None:
        return f"a {kind} cuts the stream: what is bounded after it is in L2, N1 and N7"
    for attention in weights.attentions:
        if attention.score in ("sigmoid", "linear"):
            return f"{attention.score!r} weights do not sum to 1: a sum of values has no such slope"
    return None


def maps(attention: Attention) -> Balls:
    """W_O,h W_V,h, (H, d, d)."""
    return balls(attention.output) @ attention.value


def written_bias(attention: Attention) -> Balls:
    """Σ_h W_O,h b_V,h + b_O: passes the average unchanged, since the weights sum to 1."""
    per_head = (balls(attention.output) @ attention.value_bias[..., None])[..., 0]
    return per_head.sum(0) + attention.output_bias


def through_attention(attention: Attention, stream: Affine) -> Affine:
    """|attention| <= min(Σ|A_h|, sqrt(H)|[A_1..A_H]|) max|h_j| + |bias|."""
    written = maps(attention)
    heads = [written[h] for h in range(written.shape[0])]
    apart = sum((arb(spectral_norm(head)) for head in heads), arb(0))
    stacked = arb(len(heads)).sqrt() * arb(spectral_norm(concatenate(heads)))
    bias = written_bias(attention).norm().arb()
    return stream.then(apart.min(stacked), bias)


def through_mlp(mlp: MLP, stream: Affine, residual: bool) -> Affine:
    """|h + W_2 act(W_1 h + b_1) + b_2| by act(u) = u/2 + e, |e| <= |u|/2 (all our activations):
    (|I + W_2W_1/2| + |W_2||W_1|/2)|h| + |W_2b_1/2 + b_2| + |W_2||b_1|/2.
    """
    half = balls(mlp.down) * 0.5
    linear = half @ mlp.up + float(residual) * np.eye(len(mlp.down))
    outer = arb(spectral_norm(half))
    slope = arb(spectral_norm(linear)) + outer * arb(spectral_norm(balls(mlp.up)))
    bias = (half @ mlp.up_bias[:, None])[:, 0] + mlp.down_bias
    return stream.then(slope, bias.norm().arb() + outer * balls(mlp.up_bias).norm().arb())


@remembered
def streams(weights: Weights) -> list[Affine]:
    """Bounds of max_t|h_t| before each block and after the last."""
    offsets = (Balls.exact(weights.read_in_bias) + weights.positions).norm().upper().max()
    found = [Affine(float(offsets), float(balls(weights.read_in).norm().upper()))]
    for block in weights.blocks:
        if isinstance(block, MLP):
            found.append(through_mlp(block, found[-1], weights.residual))
        else:
            change = through_attention(block, found[-1])
            found.append(found[-1].plus(change) if weights.residual else change)
    return found


@dataclass(frozen=True, eq=False)
class Functional:
    """y = direction.h + constant + rest at some depth, |rest| <= ``rest``."""

    direction: Balls
    constant: Balls
    rest: Affine

    def before(self, block: Attention | MLP, stream: Affine, residual: bool) -> "Functional":
        """The same y seen before the block, whose input is bounded by ``stream``."""
        u = self.direction
        if isinstance(block, MLP):
            through = (u[None] @ block.down)[0] * 0.5
            straight = (through[None] @ block.up)[0] + u * float(residual)
            constant = through.dot(block.up_bias) + u.dot(block.down_bias)
            size = np.abs(through.mid) + through.rad
            rows = balls(block.up).norm() * size
            slope = rows.sum().arb().min(through.norm().arb() * arb(spectral_norm(balls(block.up))))
            bent = stream.then(slope, balls(size).dot(np.abs(block.up_bias)).arb())
            return Functional(straight, self.constant + constant, self.rest.plus(bent))
        seen = (u[None, None] @ maps(block))[:, 0]
        mixed = stream.then(seen.norm().sum().arb(), 0)
        constant = self.constant + u.dot(written_bias(block))
        return Functional(u * float(residual), constant, self.rest.plus(mixed))


@remembered
def envelope(weights: Weights) -> Affine:
    """|y| <= a0 + kap Z: the residual path's linear map exactly, norms for what leaves it.

    TheoryError for models with a norm or with weights that do not sum to 1.
    """
    insist(needs_no_norm, weights)
    y = Functional(balls(weights.read_out), balls(weights.read_out_bias), Affine(0.0, 0.0))
    for block, stream in zip(weights.blocks[::-1], streams(weights)[-2::-1], strict=True):
        y = y.before(block, stream, weights.residual)
    offsets = Balls.exact(weights.read_in_bias) + weights.positions
    constants = ((offsets @ y.direction[:, None])[:, 0] + y.constant).magnitude()
    slope = float(y.direction.dot(weights.read_in).magnitude())
    return y.rest.plus(Affine(float(constants.max()), slope))


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
    """|u|/2 - |u Φ - u/2| = min(Φ, 1 - Φ)|u| >= 0 for Φ in [0, 1], on both sides of Φ = 1/2."""
    u, q = sp.symbols("|u| q", nonnegative=True)
    high, low = 1 - 1 / (2 * (1 + q)), 1 / (2 * (1 + q))
    above = nonnegative(factor * u / 2 - (u * high - u / 2))
    return above and nonnegative(factor * u / 2 - (u / 2 - u * low))


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
    "no norm anywhere, any depth: |y| ≤ a0 + kap Z, Z = max_t|z_t| over the visible tokens, kap = "
    "|w.w_in| along the residual path plus norms of what leaves it, at most |w||w_in| "
    "Π(1 + Σ_h|W_O,h W_V,h|)(1 + |W_2||W_1|). So (i) p of degree ≥ 2 is lost beyond a computable "
    "radius when the context has |z_t| ≤ Z; (ii) at every scale t some line of slope ≤ A is missed "
    "by t(A - kap) - a0: x_i = t/A, y_i = x_q = t",
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
        Step("|act(u) - u/2| ≤ |u|/2: act(u) = u Φ, Φ in [0, 1]", activation_step, True),
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
