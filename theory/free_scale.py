"""G4: no network without norms follows y = a x at all scales, whatever its depth and weights."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import sympy as sp
from flint import acb, arb
from jaxtyping import Float

from theory.anatomy import insist, remembered
from theory.cell_algebra import (
    SCALE,
    SLOPE,
    Q,
    area,
    centred_is_largest,
    differences_are_homogeneous,
    first_power_is_linear,
    losers_vanish,
    one_scale_is_free,
    outside_span,
    stays_linear,
    strip_is_short,
)
from theory.cells import growth
from theory.division import divider, divides_exactly, prompt
from theory.interval import Interval
from theory.scales import every_scale
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Attention, Weights

INFINITY = arb("inf")


def needs_no_division(weights: Weights) -> str | None:
    """None, or what may divide one token by another, or bound the answer."""
    kinds = [block.norm.kind for block in weights.blocks] + [weights.final_norm.kind]
    if (kind := next((k for k in kinds if k != "none"), None)) is not None:
        return f"a {kind}: the answer is bounded (L2) or x_q's slope is fixed (N7)"
    if any(attention.score == "ssa" for attention in weights.attentions):
        return "SSA weights divide: three layers of it follow a x on an open cone of prompts"
    if len(weights.positions) < 3:
        return f"{len(weights.positions)} positions hold no example and query"
    return None


A, QUERY, XS = Fraction(1, 2), Fraction(5, 8), (Fraction(3, 4), Fraction(-1, 2))


def probe(weights: Weights) -> tuple[Float[np.ndarray, " T"], float]:
    """A prompt of y = x/2 with one or two examples, and its answer 5/16; all dyadic."""
    examples = XS[: (len(weights.positions) - 1) // 2]
    tokens = [float(v) for x in examples for v in (x, A * x)]
    return np.array([*tokens, float(QUERY)]), float(A * QUERY)


@remembered
def limit_error(weights: Weights) -> Interval:
    """lim |y(t z) - t a x_q|/t on the probe: > 0, and inf where y grows faster than t."""
    insist(needs_no_division, weights)
    tokens, target = probe(weights)
    found = growth(weights, tokens)
    if found.exponent > 1:
        return Interval(np.inf, np.inf)
    slope = Interval(0.0, 0.0) if found.exponent == 0 else found.coefficient
    gap = abs(arb(target) - arb(slope.low).union(arb(slope.high)))
    return Interval.enclose(gap)


@remembered
def settled_from(weights: Weights) -> float:
    """A power of two t0 such that for EVERY t >= t0 the probe's error is >= t lim/2; inf: none.

    Bisection up to 2^60: the answer is certified itself, earlier ones may be missed.
    """
    insist(needs_no_division, weights)
    tokens, target = probe(weights)
    least = arb(limit_error(weights).low) / 2
    if any(attention.score == "linear" for attention in weights.attentions):
        return np.inf

    def keeps(power: int) -> bool:
        return bool(abs(every_scale(weights, tokens, 2.0**power) - arb(target)) > least)

    low, high = 0, 60
    if not keeps(high):
        return np.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return 2.0**high


def near(share: arb) -> arb:
    """φ(ε) = ε (1 + ln 1/ε): the share of (a, x_q) in [-1, 1]² with |a x_q| <= ε."""
    return share * (1 - share.log())


def least_error(forms: arb) -> arb:
    """ε with N φ(ε) = 1/2: a limit with N linear forms misses half of all prompts by more.

    With u = 1 - ln ε: u e^-u = 1/(2 N e), so u = -W_-1(-1/(2Ne)), Lambert's lower branch.
    """
    c = 1 / (2 * forms)
    return c / -(-c / arb(1).exp()).lambertw(-1)


def walls(weights: Weights, length: int) -> list[int]:
    """Polynomials in (a, x_q) whose signs decide each block's cell, degree <= 2: pairs, or units.

    After the last attention only the query's row matters.
    """
    last = max((i for i, b in enumerate(weights.blocks) if isinstance(b, Attention)), default=-1)
    found = []
    for i, block in enumerate(weights.blocks):
        rows = range(1, length + 1) if i < last else range(length, length + 1)
        if isinstance(block, Attention):
            # a sigmoid decides each score's sign, a softmax each pair
            each = [n if block.score == "sigmoid" else n * (n - 1) // 2 for n in rows]
            found.append(len(block.query) * sum(each))
        else:
            found.append(len(block.up) * len(rows))
    return found


def forms(weights: Weights, length: int) -> arb:
    """N <= Π (4 e s_l)²: Warren's bound on the sign patterns of s polynomials of degree 2 in two
    variables, block by block; on each pattern the limit is one linear form of the prompt.
    """
    total = arb(1)
    for count in walls(weights, length):
        total *= (4 * arb(1).exp() * max(count, 2)) ** 2
    return total


def lost(weights: Weights) -> dict[str, Interval]:
    """The probe's limit error, from where it has settled, and what half of all prompts miss by."""
    tokens, _ = probe(weights)
    found = {
        "lim |y(tz) - t a x_q|/t, a = 1/2": limit_error(weights),
        "half of that is kept at every scale t from": Interval(0.0, settled_from(weights)),
    }
    if all(attention.score != "linear" for attention in weights.attentions):
        least = least_error(forms(weights, len(tokens)))
        name = "limit error of half of all prompts with those x_i, a and x_q ~ U(-1, 1)"
        found[name] = Interval.enclose(least, INFINITY)
    return found


def one_form() -> Attainment:
    """l = 0, N = 1: the share of (a, x_q) with |a x_q| <= ε, by quadrature, against φ(ε)."""
    eps = arb(1) / 1000
    outer = acb.integral(lambda x, _: eps / x, acb(eps), acb(1)).real
    return Attainment(eps + outer, near(eps))


def division_head(xs: Sequence[sp.Symbol]) -> list[sp.Expr]:
    """The feature y_1 x_q/x_1 of a head that divides."""
    return [SLOPE * xs[0] * Q / xs[0]]


def division_is_caught() -> bool:
    """With a division head a x_q is in the span (c = 1 there): the limit error is 0."""
    return outside_span(2, lambda _: []) and not outside_span(2, division_head)


def ssa_follows() -> bool:
    """Three SSA layers: y(t z)/t -> a x_q, in symbols and at corners of a box of prompts."""
    box = [(1.0, -a, q) for a in (2.0, 3.5) for q in (0.75, 1.25)]
    found = [(growth(divider(), prompt(*point)), point[1] * point[2]) for point in box]
    return divides_exactly() and all(
        g.exponent == 1 and target in g.coefficient for g, target in found
    )


def free_scale_formula() -> sp.Basic:
    """lim_(t→∞) |F(t z) - t a x_q| / t > 0."""
    model, z = sp.Function("F"), sp.Symbol("z")
    error = sp.Abs(model(SCALE * z) - SCALE * SLOPE * Q) / SCALE
    return sp.Gt(sp.Limit(error, SCALE, sp.oo), 0)


G4 = Theorem(
    "G4",
    "no free scale",
    "no norm; any depth, width, heads, weights, biases, additive positions; softmax, hardmax, "
    "sigmoid or linear scores; MLPs with ReLU, GELU, SiLU or gated by them. For almost every "
    "(x_1..x_n, x_q, a), lim |F(tz) - t a x_q|/t exists in (0, inf], z = (x_1, a x_1, .., x_q): "
    "off a null set F(tz) is a polynomial in tz plus O(e^(-γt)), its t^1 part one of finitely many "
    "linear forms of z, and a x_q = y_1 x_q/x_1 is none. Rates: (i) at ONE scale there is none, "
    "F_W(tz)/t = F_W'(z); (ii) with N forms the limit misses a x_q by ≤ ε on a share ≤ N ε(1 + "
    "ln 1/ε) of (a, x_q) in [-1,1]², N ≤ Π(4e s_l)², s_l the block's comparisons; (iii) for given "
    "weights and prompt, a t0 from which the error is ≥ half its limit at EVERY t ≥ t0",
    assumptions=(
        "n ≥ 1 examples; no normalisation anywhere, not even h/|h| in scores (W2 escapes)",
        "not SSA: from three layers on it is false there (theory/division); fewer are not covered",
        "(ii), (iii): no linear attention, no gates; Warren's theorem on sign patterns is quoted",
    ),
    needs=("G1", "G3", "S2"),
    source="this work; Warren, Trans. AMS 133 (1968) 167-178; cf. Xu et al., arXiv 2009.11848",
    tight=True,
    formula=free_scale_formula,
    steps=(
        Step("on a cell every stream is linear in z (two layers)", lambda _: stays_linear()),
        Step("linear attention: the power t^1 is linear in z", lambda _: first_power_is_linear()),
        Step(
            "score differences: t^k has degree k in z, so it is 0 identically or off a null set",
            lambda _: differences_are_homogeneous(),
        ),
        Step("t^m e^(-γt) -> 0", lambda _: losers_vanish()),
        Step(
            "a x_q is not in the span of x_i, a x_i, x_q (n = 1..4)",
            lambda _: all(outside_span(n, lambda _: []) for n in range(1, 5)),
        ),
        Step("F_W(tz)/t = F_W'(z) with t w_in, w/t, b/t", lambda _: one_scale_is_free()),
        Step("a x - l = (a - c2)(x - c1) - γ", lambda _: strip_is_short()),
        Step("the strip is largest at c1 = 0", lambda _: centred_is_largest()),
        Step("∫ min(2, 2ε/|x|) dx = 4ε(1 + ln 1/ε)", area, bears_constant=True),
    ),
    evaluate=lost,
    applies=needs_no_division,
    witnesses=(Witness("l = 0, N = 1: the share at ε = 1/1000", one_form),),
    mutants=(
        Mutant("one division head y_1/x_1 x_q allowed: limit 0", division_is_caught),
        Mutant("SSA allowed (three layers, b = n = 1): limit 0 on an open cone", ssa_follows),
    ),
)
