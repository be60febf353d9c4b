"""S1, S2: what weights that are positive and sum to 1 can do to values."""

import sympy as sp
from flint import arb

from theory.balls import Balls, balls, spectral_norm
from theory.interval import Interval
from theory.linear import Vector, dot
from theory.steps import identity, nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Attention, Weights


def smallest_weight(n: int, ratio: arb) -> arb:
    """1/(1 + (n-1) ratio): no weight of n is smaller when max w / min w <= ratio."""
    return 1 / (1 + (n - 1) * ratio)


def largest_weight(n: int, ratio: arb) -> arb:
    """1/(1 + (n-1)/ratio): no weight of n is larger when max w / min w <= ratio."""
    return smallest_weight(n, 1 / ratio)


def largest_mass(n: int, k: int, ratio: arb) -> arb:
    """k/(k + (n-k)/ratio): no k weights of n sum to more."""
    return k / (k + (n - k) / ratio)


def softmax(scores: Vector) -> Vector:
    """exp(s_j) / Σ exp(s_i), the exact value enclosed."""
    top = max(scores, key=float)
    powers = [(s - top).exp() for s in scores]
    total = sum(powers, arb(0))
    return [p / total for p in powers]


# The k largest weights sum to T and the other n - k to B. With m = min w and r m >= max w:
# T = k r m - u and B = (n-k) m + b, slacks u, b >= 0; so m = (T + u)/(k r).
TOP, RATIO, K = sp.symbols("T r k", positive=True)
REST, U, B = sp.symbols("n_minus_k u b", nonnegative=True)


def mass_gap(factor: sp.Expr) -> bool:
    """Whether factor k/(k + (n-k)/r) - T/(T+B) >= 0 for all slacks (k = 1: the largest weight)."""
    bottom = REST * (TOP + U) / (K * RATIO) + B
    return nonnegative(factor * K / (K + REST / RATIO) - TOP / (TOP + bottom))


def small_weight_gap(factor: sp.Expr) -> bool:
    """Whether w/(w+B) >= 1/(factor (1 + (n-1) r)) where B = (n-1) r w - slack >= 0."""
    slack = TOP * REST * RATIO * U / (1 + U)
    bottom = REST * RATIO * TOP - slack
    return nonnegative(TOP / (TOP + bottom) - 1 / (factor * (1 + REST * RATIO)))


def one_against_all(n: int = 7) -> Attainment:
    """One token at the top of the score range 3, the rest at the bottom: the largest weight."""
    weights = softmax([arb(3), *[arb(0)] * (n - 1)])
    return Attainment(weights[0], largest_weight(n, arb(3).exp()))


def all_against_one(n: int = 7) -> Attainment:
    """One token at the bottom, the rest at the top: 1 - its weight is the largest mass of n-1."""
    weights = softmax([arb(0), *[arb(3)] * (n - 1)])
    return Attainment(1 - weights[0], largest_mass(n, n - 1, arb(3).exp()))


def three_tops(n: int = 7) -> Attainment:
    """Three tokens at the top: the largest mass of three."""
    weights = softmax([*[arb(3)] * 3, *[arb(0)] * (n - 3)])
    return Attainment(sum(weights[:3], arb(0)), largest_mass(n, 3, arb(3).exp()))


def n_instead_of_others() -> bool:
    """1/(1 + n e^-del) is exceeded by one token against all."""
    return bool(one_against_all().attained > largest_weight(8, arb(3).exp()))


def weight_range_formula() -> sp.Basic:
    """w_j ≤ 1/(1 + (n-1) e^(-δ))."""
    w, n, delta = sp.symbols("w_j n delta", real=True)
    return sp.Le(w, 1 / (1 + (n - 1) * sp.exp(-delta)))


def needs_softmax(weights: Weights) -> str | None:
    """None, or why score ranges do not become ratios e^del of weights in this model."""
    if not weights.attentions:
        return "no attention"
    for attention in weights.attentions:
        if attention.score != "softmax":
            return f"the scores are {attention.score!r}, not softmax (see S5)"
    return None


def weights_at_unit_range(weights: Weights) -> dict[str, Interval]:
    """Every weight over the model's full context if the visible scores differ by at most 1."""
    n, ratio = len(weights.positions), arb(1).exp()
    ends = Interval.enclose(smallest_weight(n, ratio), largest_weight(n, ratio))
    return {f"a weight of {n} at score range 1": ends}


S1 = Theorem(
    "S1",
    "range of softmax weights",
    "scores of the n visible tokens with max - min ≤ del: every weight lies in "
    "[1/(1 + (n-1)e^del), 1/(1 + (n-1)e^-del)], and k weights sum to ≤ k/(k + (n-k)e^-del); the "
    "same for positive weights of sum 1 with max w/min w ≤ r, e^del -> r",
    assumptions=("n ≥ 1 visible tokens", "weights positive with sum 1"),
    needs=(),
    source="Velickovic et al., arXiv 2410.01104; Mudarisov et al., arXiv 2508.17821",
    tight=True,
    formula=weight_range_formula,
    steps=(
        Step("T/(T+B) ≤ k/(k + (n-k)/r) for every 1 ≤ k ≤ n", mass_gap, bears_constant=True),
        Step("w/(w+B) ≥ 1/(1 + (n-1) r)", small_weight_gap, bears_constant=True),
        Step(
            "the lower end of one weight is 1 - the largest mass of the other n-1",
            lambda f: identity(
                1 - 1 / (1 + REST * RATIO), f * REST / (REST + sp.Integer(1) / RATIO)
            ),
            bears_constant=True,
        ),
    ),
    evaluate=weights_at_unit_range,
    applies=needs_softmax,
    witnesses=(
        Witness("one token at the maximum, the rest at the minimum", one_against_all),
        Witness("one token at the minimum, the rest at the maximum", all_against_one),
        Witness("k tokens at the maximum, the rest at the minimum", three_tops),
    ),
    mutants=(Mutant("n - 1 -> n", n_instead_of_others),),
)


def hull_gap(n: int, factor: sp.Expr) -> bool:
    """factor M - Σ w_j l_j = Σ w_j (M - l_j) for Σw = 1: nonnegative when M = max l."""
    w = sp.symbols(f"w1:{n}", nonnegative=True)
    slack, top = sp.symbols(f"s0:{n}", nonnegative=True), sp.Symbol("M", real=True)
    all_weights = [1 - sp.Add(*w), *w]
    mean = sum(a * (top - s) for a, s in zip(all_weights, slack, strict=True))
    gap = sum(a * s for a, s in zip(all_weights, slack, strict=True))
    return identity(factor * top - mean, gap)


def sharp_attention() -> Attainment:
    """One score 40 above the others: the output is the largest value to 1e-17."""
    values = [arb(3), arb(-1), arb(2)]
    return Attainment(dot(softmax([arb(40), arb(0), arb(0)]), values), arb(3))


def constant_values_leave(scale: arb) -> bool:
    """Values all 1: the hull is {1}; weights that sum to ``scale`` give another output."""
    return bool(abs(scale - 1) > 0)


def dropout_leaves() -> bool:
    """Training dropout with p = 1/2 that keeps both tokens doubles the weights."""
    return constant_values_leave(2 * sum(softmax([arb(1), arb(0)]), arb(0)))


def sink_leaves() -> bool:
    """Softmax plus one, e^s/(1 + Σe^s), sums to less than 1."""
    return constant_values_leave(2 * arb(1).exp() / (1 + 2 * arb(1).exp()))


def hull_formula() -> sp.Basic:
    """ℓ(o) ≤ max_j ℓ(v_j)."""
    output, values = sp.Symbol("ℓ(o)", real=True), sp.symbols("ℓ(v_1:4)", real=True)
    return sp.Le(output, sp.Max(*values))


def value_radius(attention: Attention, head: int) -> arb:
    """sqrt(d)|W_V Γ (P)|_2: every value, hence every output, is within it of W_V β + b_V."""
    rows = balls(attention.value[head]) * attention.norm.gamma
    if attention.norm.kind == "layernorm":
        mean = rows.sum() / float(attention.norm.gamma.size)
        rows = rows - Balls(mean.mid[:, None], mean.rad[:, None])
    return arb(attention.norm.gamma.size).sqrt() * arb(spectral_norm(rows))


def output_radii(weights: Weights) -> dict[str, Interval]:
    """Radius of a ball that holds every output of a head, for all prompts."""
    return {
        f"layer {layer} head {head} distance of an output from W_V β + b_V": Interval.enclose(
            arb(0), value_radius(attention, head)
        )
        for layer, attention in enumerate(weights.attentions)
        for head in range(len(attention.value))
    }


def needs_bounded_blocks(weights: Weights) -> str | None:
    """None, or why the inputs of the attentions are not bounded."""
    if weights.post_norm:
        return "post-norm: the first attention reads the raw inputs, which nothing bounds"
    if any(a.norm.kind == "none" for a in weights.attentions):
        return "no norm before an attention: nothing bounds what it reads"
    return None


def needs_weights_that_sum_to_one(weights: Weights) -> str | None:
    """None, or why an attention output can leave the hull of the values."""
    for attention in weights.attentions:
        if attention.score in ("sigmoid", "linear"):
            return f"{attention.score!r} weights do not sum to 1: outputs leave the hull (see S5)"
    return needs_bounded_blocks(weights)


S2 = Theorem(
    "S2",
    "convex hull",
    "an attention output is a convex combination of the values: ℓ(o) ≤ max_j ℓ(v_j) for every "
    "linear ℓ and every score function whose weights are ≥ 0 with sum 1",
    assumptions=("weights ≥ 0 with sum 1: not dropout, sinks, sigmoid or unnormalised linear",),
    needs=(),
    source="folklore; formal/Softmax.v",
    tight=True,
    formula=hull_formula,
    steps=(
        Step(
            "max ℓ - Σ w_j ℓ_j = Σ w_j (max ℓ - ℓ_j) ≥ 0 (n = 1..5 here, every n in Coq)",
            lambda f: all(hull_gap(n, f) for n in range(1, 6)),
            bears_constant=True,
        ),
    ),
    evaluate=output_radii,
    applies=needs_weights_that_sum_to_one,
    witnesses=(Witness("one score 40 above the rest", sharp_attention),),
    mutants=(
        Mutant("training dropout allowed", dropout_leaves),
        Mutant("softmax plus one (a sink) allowed", sink_leaves),
    ),
)
