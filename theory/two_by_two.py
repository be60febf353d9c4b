"""G5 (also called E2): the exact growth of every cell of {norms, none} x {softmax, linear, ..}."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb
from jaxtyping import Float

from theory.anatomy import remembered
from theory.cells import Growth, growth
from theory.errors import TheoryError
from theory.extreme import largest_token
from theory.free_scale import probe
from theory.growth import FAR, derive, tower_alone
from theory.interval import Interval
from theory.linear import Vector, dot, vector
from theory.norms import normalise
from theory.steps import identity, limit_is
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Norm, Weights


def needs_an_example(weights: Weights) -> str | None:
    """None, or why no prompt with an example fits."""
    if len(weights.positions) < 3:
        return f"{len(weights.positions)} positions hold no example and query"
    return None


def bounded_blocks(weights: Weights) -> bool:
    """Pre-norm blocks on a residual stream: h = z w_in + O(1), whatever the scores."""
    kinds = {block.norm.kind for block in weights.blocks}
    return weights.residual and not weights.post_norm and "none" not in kinds


def predicted_growth(
    weights: Weights, tokens: Sequence[float] | Float[np.ndarray, " T"] | None = None
) -> Growth:
    """y(t z) = coefficient t^exponent (1 + o(1)), certified, from the weights and the prompt.

    Bounded blocks: (w.w_in) x_q t, or y_inf(sign x_q) behind a final LayerNorm or RMSNorm, for
    every context. Else the prompt's cell decides (theory.cells); without tokens, on the probe.
    """
    prompt = probe(weights)[0] if tokens is None else np.asarray(tokens, dtype=float)
    query = float(prompt[-1])
    if bounded_blocks(weights) and query != 0:
        out, read_in = vector(weights.read_out), vector(weights.read_in)
        if weights.final_norm.kind == "none":
            slope = dot(out, read_in)
            if slope > 0 or slope < 0:
                return Growth(1, Interval.enclose(slope * arb(query)))
        elif weights.final_norm.kind in ("layernorm", "rmsnorm") and seen(weights):
            y = dot(out, along(weights.final_norm, read_in, query)) + arb(weights.read_out_bias)
            return Growth(0, Interval.enclose(y))
    return growth(weights, prompt)


def seen(weights: Weights) -> bool:
    """Whether the final norm sees w_in at all: P w_in != 0, resp. w_in != 0."""
    if weights.final_norm.kind == "rmsnorm":
        return bool(weights.read_in.any())
    return bool((weights.read_in != weights.read_in[0]).any())


def along(final: Norm, read_in: Vector, query: float) -> Vector:
    """The final norm of ±t w_in, t -> inf: eps no longer matters."""
    side = 1 if query > 0 else -1
    return normalise(replace(final, eps=0.0), [side * x for x in read_in])


@remembered
def cell_numbers(weights: Weights) -> dict[str, Interval]:
    """Exponent and coefficient on the probe, the degree of G1, and lim y/(t a x_q)."""
    tokens, target = probe(weights)
    found = {"degree (G1)": Interval(0.0, float(derive(weights, "the whole prompt").degree))}
    try:
        cell = predicted_growth(weights, tokens)
    except TheoryError:
        # on a wall of the cells, as for tied hardmax scores: no number is claimed
        return found
    found["exponent of y(tz)"] = Interval(float(cell.exponent), float(cell.exponent))
    found["its coefficient"] = cell.coefficient
    if cell.exponent <= 1:
        ends = [arb(end) / arb(target) for end in (cell.coefficient.low, cell.coefficient.high)]
        ratio = Interval.enclose(*ends) if cell.exponent == 1 else Interval(0.0, 0.0)
        found["lim y(tz)/(t a x_q), a = 1/2"] = ratio
    return found


T, BOUND, S, QUERY = sp.symbols("t B s x_q", positive=True)


def ceiling_over_scale() -> bool:
    """|y| <= |c| + R: y(tz)/t -> 0 behind a final norm."""
    return limit_is(BOUND / T, T, sp.oo, sp.Integer(0))


def slope_is_read_out(factor: sp.Expr) -> bool:
    """y = w.(t x_q w_in + r) + b with |r| <= B: y/t -> (w.w_in) x_q."""
    y = S * T * QUERY + BOUND
    return limit_is(y / T, T, sp.oo, factor * S * QUERY)


def final_norm_sees_the_leading_power() -> bool:
    """m/|m| for m = t^k u + r -> u/|u| (two coordinates, k = 1, 3): eps and r drop out."""
    u, v, r = sp.symbols("u v r", positive=True)
    return all(
        limit_is(
            (T**k * u + r) / sp.sqrt((T**k * u + r) ** 2 + (T**k * v) ** 2 + BOUND),
            T,
            sp.oo,
            u / sp.sqrt(u**2 + v**2),
        )
        for k in (1, 3)
    )


def cubes_multiply(factor: sp.Expr) -> bool:
    """One linear layer: leading power k -> 3k with coefficient Σ (q.k) v; L layers: 3^L."""
    h, c = sp.symbols("h c", positive=True)
    layer = c * T + h * (c * T) ** 3
    twice = sp.Poly(sp.expand(layer + h * layer**3), T)
    return twice.degree() == 9 and identity(twice.LC(), factor * h**4 * c**9)


def plateau_cell() -> Attainment:
    """Norms x softmax: LayerNorm of t w_in + r at t = 2^60, eps = 1/4, against LN_0(w_in)."""
    read_in, rest = vector(np.array([3.0, -1.0, -2.0])), vector(np.array([1.0, 2.0, -4.0]))
    final = Norm("layernorm", np.ones(3), np.zeros(3), eps=0.25)
    far = [FAR * a + b for a, b in zip(read_in, rest, strict=True)]
    return Attainment(dot(read_in, normalise(final, far)), dot(read_in, along(final, read_in, 1.0)))


def slope_cell() -> Attainment:
    """Norms in the blocks only: y = (w.w_in) x_q t - 7 at t = 2^60, the blocks adding -7."""
    return Attainment((3 * FAR - 7) / FAR, arb(3))


def power_cell() -> Attainment:
    """No norm, two linear layers, weights 1, one token t: the coefficient of t^9 is reached."""
    return Attainment(FAR**9, tower_alone(2, FAR))


def one_slope_is_not_the_answer() -> bool:
    """G3's layer without norms says 6 t where the query's own slope says 3 t."""
    return bool(largest_token().attained > arb(3) + 2)


def softmax_alone_is_not_the_cause() -> bool:
    """The token alone gives t^9, not t."""
    return bool(tower_alone(2, FAR) / FAR > FAR**7)


def table_formula() -> sp.Basic:
    """y(t z) ~ c t^k: k = 0 (final norm), 1 (softmax or block norms), 3^L (linear, no norm)."""
    k, layers = sp.symbols("k L")
    final, linear = sp.symbols("final_norm linear_scores_no_norm")
    return sp.Eq(k, sp.Piecewise((0, final), (3**layers, linear), (1, True)))


G5 = Theorem(
    "G5",
    "the 2 x 2 of norms and softmax (E2)",
    "leading power of y(tz) on y = a x, x_q ≠ 0. Final norm: exponent 0, coefficient the readout "
    "of LN_0 of the stream's leading coefficient (bounded blocks: y_inf(sign x_q), for every "
    "context). Norms in the blocks only: exponent 1, coefficient (w.w_in) x_q, one slope for all "
    "a. No norm, softmax, hardmax, SSA or sigmoid: exponent 1, the prompt's cell gives the "
    "coefficient (≠ a x_q almost everywhere by G4, SSA apart). No norm, L linear layers: 3^L. So "
    "removing norms, or softmax, or both, leaves a failure of another shape: plateau, fixed slope, "
    "wrong linear form, blow-up",
    assumptions=(
        "pre-norm residual blocks for the closed forms; every other cell from the prompt",
        "a zero leading coefficient (a null set of weights) lowers the exponent",
        "prompts on a wall of the cells are refused",
    ),
    needs=("L2", "N6", "N7", "G1", "G3", "G4"),
    source="this work",
    tight=True,
    formula=table_formula,
    steps=(
        Step("a bounded answer over t vanishes", lambda _: ceiling_over_scale()),
        Step("(w.w_in) x_q t + O(1) over t", slope_is_read_out, bears_constant=True),
        Step("a norm reads the leading coefficient", lambda _: final_norm_sees_the_leading_power()),
        Step("linear layers: degree 3 -> 9, coefficient h^4 c^9", cubes_multiply, True),
    ),
    evaluate=cell_numbers,
    applies=needs_an_example,
    witnesses=(
        Witness("norms: LN(t w_in + r), t = 2^60", plateau_cell),
        Witness("block norms only: 3t - 7", slope_cell),
        Witness("none, softmax: G3's layer, t = 2^20", largest_token),
        Witness("none, linear: t^9", power_cell),
    ),
    mutants=(
        Mutant("(w.w_in) x_q in the cell without norms", one_slope_is_not_the_answer),
        Mutant("linear scores without norms follow a x", softmax_alone_is_not_the_cause),
    ),
)
