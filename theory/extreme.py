"""G3: one attention layer without norms answers with its query and its extreme tokens only."""

from dataclasses import dataclass

import numpy as np
import sympy as sp
from flint import arb
from jaxtyping import Float

from theory.anatomy import insist
from theory.interval import Interval
from theory.linear import Vector, add, dot, matrix, times, vector
from theory.selection import (
    average_form,
    crowd,
    excess,
    lambert,
    lehmer,
    score_difference,
    spread_of,
    ssa_answer,
    ssa_ratio,
    tangent,
)
from theory.softmax import softmax
from theory.steps import nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights

INFINITY = arb("inf")


def needs_one_layer(weights: Weights) -> str | None:
    """None, or why the answer is not one attention average read out linearly."""
    if len(weights.blocks) != 1 or not weights.attentions:
        kinds = ", ".join(type(block).__name__ for block in weights.blocks) or "none"
        return f"one attention block is covered, here are {kinds}: deeper models in G4"
    if weights.blocks[0].norm.kind != "none" or weights.final_norm.kind != "none":
        return "a norm: bounded by L2 (final) or N7 (block)"
    if weights.attentions[0].score not in ("softmax", "hardmax"):
        return f"{weights.attentions[0].score!r} scores select no extreme token"
    return None


@dataclass(frozen=True, eq=False)
class Head:
    """One head seen from a query position: score_j - score_m = (z_j - z_m)(A z_q + B) +
    z_q (C_j - C_m) + E_j - E_m, and its share of y is alpha Σ p_j z_j + Σ p_j values_j.
    """

    steep: arb
    drift: arb
    tilts: Vector
    shifts: Vector
    reach: arb
    values: Vector
    hard: bool

    def slope(self, query: arb) -> arb:
        """A z_q + B: its sign says which extreme wins."""
        return self.steep * query + self.drift

    def shortfall(self, query: arb) -> arb:
        """How far Σ p_j z_j can stay inside the extreme: W((n-1)e^(P-1))/|A z_q + B|, softmax;
        P/|A z_q + B|, hardmax. P is the range of z_q C_j + E_j over the visible j.
        """
        slope = abs(self.slope(query))
        if len(self.tilts) == 1:
            return arb(0)
        if not slope > 0:
            return INFINITY
        noise = [query * c + e for c, e in zip(self.tilts, self.shifts, strict=True)]
        spread = spread_of(noise)
        return (spread if self.hard else excess(len(noise), spread)) / slope


def heads(weights: Weights, position: int) -> list[Head]:
    """The heads as the query at ``position`` sees them (it sees tokens 0..position)."""
    attention = weights.attentions[0]
    read_in, out = vector(weights.read_in), vector(weights.read_out)
    offsets = [
        add(vector(weights.read_in_bias), vector(p)) for p in weights.positions[: position + 1]
    ]
    found = []
    for h in range(len(attention.query)):
        scale = arb(attention.query.shape[1]).rsqrt()
        query, key = matrix(attention.query[h]), matrix(attention.key[h])
        ask = [x * scale for x in times(query, read_in)]
        base = add(times(query, offsets[-1]), vector(attention.query_bias[h]))
        base = [x * scale for x in base]
        keys = [times(key, offset) for offset in offsets]
        along = times(key, read_in)
        seen = times(matrix(attention.output[h].T), out)
        value = matrix(attention.value[h])
        bias = dot(seen, vector(attention.value_bias[h]))
        found.append(
            Head(
                steep=dot(ask, along),
                drift=dot(base, along),
                tilts=[dot(ask, k) for k in keys],
                shifts=[dot(base, k) for k in keys],
                reach=dot(seen, times(value, read_in)),
                values=[dot(seen, times(value, offset)) + bias for offset in offsets],
                hard=attention.score == "hardmax",
            )
        )
    return found


def straight(weights: Weights) -> arb:
    """s = w.w_in, the query's own slope (0 without a residual connection)."""
    s = dot(vector(weights.read_out), vector(weights.read_in))
    return s if weights.residual else arb(0)


def extreme_form(weights: Weights, tokens: Float[np.ndarray, " T"]) -> Interval:
    """Encloses y at this very prompt: s z_q + Σ_h alpha_h ext_h + const, ± what G3 allows."""
    insist(needs_one_layer, weights)
    z = vector(tokens)
    position, out = len(z) - 1, vector(weights.read_out)
    own = add(vector(weights.read_in_bias), vector(weights.positions[position]))
    bias = vector(weights.attentions[0].output_bias)
    y = straight(weights) * z[-1] + arb(weights.read_out_bias) + dot(out, bias)
    y += dot(out, own) if weights.residual else 0
    for head in heads(weights, position):
        up = head.slope(z[-1]) > 0
        end = z[0]
        for token in z[1:]:
            end = end.max(token) if up else end.min(token)
        y += head.reach * end
        inside = head.reach * head.shortfall(z[-1]) * (-1 if up else 1)
        y += arb(0).union(inside) if inside.is_finite() else arb(0, INFINITY)
        low = high = head.values[0]
        for value in head.values[1:]:
            low, high = low.min(value), high.max(value)
        y += low.union(high)
    return Interval.enclose(y)


def play(weights: Weights, query: arb, position: int = -1) -> arb:
    """Width of {y - s z_q - Σ alpha_h ext_h} over every context: all that G3 leaves open."""
    insist(needs_one_layer, weights)
    total = arb(0)
    for head in heads(weights, position % len(weights.positions)):
        total += spread_of(head.values)
        total += arb(0) if head.reach == 0 else abs(head.reach) * head.shortfall(query)
    return total


def missed(weights: Weights, query: arb) -> arb:
    """Least error on one of y = 0, y = x at x_q = query if the x_i straddle 0; 0 if unknown."""
    left = (abs(query) - play(weights, query)) / 2
    return left.max(arb(0)) if left.is_finite() else arb(0)


def two_answers(factor: sp.Expr) -> bool:
    """E >= (x - width)/2 for x = e0 + e1 + width - slack and E = e0 = e1 + gap."""
    e0 = sp.Symbol("E", positive=True)
    gap, slack = sp.symbols("gap slack", nonnegative=True)
    inside = e0 + (e0 - gap) - slack
    return nonnegative(sp.expand(e0 - inside / (2 * factor)))


def answer(tokens: Vector, own: arb, reach: arb) -> arb:
    """d = 1, W_Q = W_K = w_in = 1, nothing else: own z_q + reach Σ_j softmax(z_q z_j) z_j."""
    mixed = dot(softmax([tokens[-1] * z for z in tokens]), tokens)
    return own * tokens[-1] + reach * mixed


PROMPT = [arb(1), arb(2), arb(-1), arb(-2), arb(3)]
FAR = arb(2) ** 20


def largest_token() -> Attainment:
    """y(tz)/t at t = 2^20 against s z_q + max z_j."""
    return Attainment(answer([FAR * z for z in PROMPT], arb(1), arb(1)) / FAR, arb(6))


def half_the_query() -> Attainment:
    """y = x_q/2 is wrong by exactly x_q/2 on y = 0 and on y = x."""
    query = arb(5)
    y = answer([arb(1), arb(0), arb(-1), arb(0), query], arb(1) / 2, arb(0))
    return Attainment(query / 2, abs(y).max(abs(y - query)))


def nothing_for_both() -> Attainment:
    """y = 0 is wrong by exactly |x_q| on y = x and on y = -x."""
    query = arb(5)
    y = answer([arb(7), arb(7), arb(-7), arb(-7), query], arb(0), arb(0))
    return Attainment(query, abs(y - query).max(abs(y + query)))


def positive_mean() -> Attainment:
    """SSA, b = 1, n = 2: the average at t = 2^20 against the Lehmer mean of the positive tokens."""
    limit = lehmer(PROMPT, arb(1), arb(2))
    return Attainment(ssa_answer([FAR * z for z in PROMPT], 2) / FAR, limit)


def self_token_counts() -> bool:
    """The query 3 is the largest token: without it the form says 2."""
    return bool(largest_token().attained > arb(3) + 2)


def smallest_is_wrong() -> bool:
    """max and min exchanged: 3 + (-2)."""
    return bool(largest_token().attained > arb(3) - 2)


def noise_counts() -> bool:
    """W((n-1)/e) without the positional range P is exceeded by ``crowd``."""
    return bool(crowd().attained > excess(5, arb(0)))


def hardmax_needs_its_own() -> bool:
    """Hardmax may pick a token at gap P: more than W(e^(P-1)) for n = 2, P = 10."""
    return bool(arb(10) > excess(2, arb(10)))


def next_power_is_wrong() -> bool:
    """n + 1 in place of n gives a larger Lehmer mean than the layer's."""
    return bool(lehmer(PROMPT, arb(1), arb(3)) > positive_mean().bound * arb(101) / 100)


def extreme_formula() -> sp.Basic:
    """|Σ p_j z_j - ext| ≤ W((n-1) e^(P-1)) / |A z_q + B|."""
    gap, n, noise, a, z, b = sp.symbols("|Σp_jz_j-ext| n P A z_q B", real=True)
    return sp.Le(gap, sp.LambertW((n - 1) * sp.exp(noise - 1)) / sp.Abs(a * z + b))


def extreme_numbers(weights: Weights) -> dict[str, Interval]:
    """s, every head's A and alpha, the play left over all contexts, and what is missed."""
    found = {"slope s in the query": Interval.enclose(straight(weights))}
    for h, head in enumerate(heads(weights, len(weights.positions) - 1)):
        found[f"head {h} A"] = Interval.enclose(head.steep)
        found[f"head {h} alpha"] = Interval.enclose(head.reach)
    for query in (100, 10_000):
        found[f"missed by one of y = 0, y = x at x_q = {query}, at least"] = Interval.enclose(
            missed(weights, arb(query)), INFINITY
        )
    return found


G3 = Theorem(
    "G3",
    "extreme token",
    "one attention layer, no norm, no MLP: |y - s z_q - Σ_h alpha_h ext_h - const| ≤ Σ_h |alpha_h| "
    "W((n-1)e^(P_h-1))/|A_h z_q + B_h| + range of the positions' values, for EVERY prompt; ext_h = "
    "max z_j if A_h z_q + B_h > 0, else min z_j, the query's own token included. So y(tz)/t -> "
    "s z_q + Σ alpha_h ext_h at rate 1/t, uniformly in the context. G3': if the x_i straddle 0, "
    "y = 0 and y = x have the same extremes and one is missed by |x_q|/2 - O(1); if max x_i = "
    "-min x_i ≥ |x_q|, one of y = ±x by |x_q| - O(1). G3'': SSA puts the Lehmer mean "
    "Σ z|z|^n/Σ|z|^n of the tokens with A_h z_q z > 0 in place of ext_h",
    assumptions=(
        "softmax; hardmax with P in place of W",
        "A_h = (W_Q w_in).(W_K w_in)/sqrt(dh) ≠ 0 for the rate 1/t; P_h = range of z_q C_j + E_j",
        "G3'': b, n > 0, all A_h z_q ≠ 0, no token 0; if no token has A_h z_q z > 0: |z|^-n of all",
    ),
    needs=("S2",),
    source="this work; formal/ExtremeBound.v, formal/ExtremeRate.v, formal/Lehmer.v",
    tight=True,
    formula=extreme_formula,
    steps=(
        Step("e^u ≥ 1 + u: so (x - V)e^-x ≤ e^-(1+V)", tangent, bears_constant=True),
        Step(
            "Σ p_j x_j ≤ V iff Σ (x_j - V) w_j ≤ V (n = 2..4)",
            lambda f: all(average_form(n, f) for n in range(2, 5)),
            bears_constant=True,
        ),
        Step("(n-1)e^(P-1-V) = V for V = W((n-1)e^(P-1))", lambert, bears_constant=True),
        Step(
            "s_j - s_m = (z_j - z_m)(A z_q + B) + z_q(C_j - C_m) + E_j - E_m",
            lambda _: score_difference(),
        ),
        Step("two answers at most width apart: E ≥ (|x_q| - width)/2", two_answers, True),
        Step("SSA: equal powers tend to the ratio, opposite signs to 0", lambda _: ssa_ratio()),
    ),
    evaluate=extreme_numbers,
    applies=needs_one_layer,
    witnesses=(
        Witness("n - 1 tokens at gap 1 + V, noise P: Σ p_j x_j = V", crowd),
        Witness("z = (1, 2, -1, -2, 3), t = 2^20", largest_token),
        Witness("s = 1/2, alpha = 0: |x_q|/2", half_the_query),
        Witness("s = 0, alpha = 0: |x_q|", nothing_for_both),
        Witness("SSA, n = 2, t = 2^20", positive_mean),
    ),
    mutants=(
        Mutant("the self token dropped", self_token_counts),
        Mutant("max and min exchanged", smallest_is_wrong),
        Mutant("P dropped", noise_counts),
        Mutant("softmax's W for hardmax", hardmax_needs_its_own),
        Mutant("SSA: n -> n + 1", next_power_is_wrong),
    ),
)
