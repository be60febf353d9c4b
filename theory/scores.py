"""S5: what is left of the hull for hardmax, SSA, kernel, sigmoid and linear attention."""

import sympy as sp
from flint import arb

from theory.anatomy import scaled_rows
from theory.balls import Balls, product_norm, spectral_norm
from theory.dispersion import score_ranges
from theory.interval import Interval
from theory.linear import Vector, dot
from theory.softmax import largest_weight, needs_bounded_blocks
from theory.steps import identity, nonnegative, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Attention, Weights


def ssa_level(s: arb, b: arb, n: arb) -> arb:
    """ln w(s) = n sgn s ln(1 + b|s|) at an exact s: increasing."""
    power = n * (b * abs(s)).log1p()
    return power if s >= 0 else -power


def ssa_score(s: arb, b: arb, n: arb) -> arb:
    """w(s) = (1 + b|s|)^(n sgn s): increasing, so the ends of the ball give its ends."""
    low, high = (ssa_level(end, b, n).exp() for end in (s.lower(), s.upper()))
    return low.union(high)


def ssa_ratio(spread: arb, b: arb, n: arb) -> arb:
    """(1 + b del/2)^(2n): largest w(s)/w(s') over |s - s'| <= del, at s = -s' = del/2."""
    return (2 * n * (b * spread / 2).log1p()).exp()


def weight_ratio(attention: Attention, spread: arb) -> arb:
    """Largest ratio of two weights at score range del: e^del (softmax), ``ssa_ratio``, inf."""
    if attention.score == "softmax":
        return spread.exp()
    if attention.score == "ssa":
        return ssa_ratio(spread, *map(arb, attention.ssa))
    return arb.pos_inf()


def largest_score(attention: Attention, head: int) -> arb:
    """Bound of |s| over all inputs: the least of |k||q| with |k| = |K z + k0| <= sqrt(d)|K| + |k0|
    and |K'Q| taken together: d|K'Q| + sqrt(d)(|K'q0| + |Q'k0|) + |k0.q0|.
    """
    norm, d = attention.norm, attention.norm.gamma.size
    maps, shifts = [], []
    for weight, bias in (
        (attention.query[head], attention.query_bias[head]),
        (attention.key[head], attention.key_bias[head]),
    ):
        maps.append(scaled_rows(norm, weight))
        shifts.append((Balls.exact(weight) @ norm.beta[:, None])[:, 0] + bias)
    (query, key), (q0, k0) = maps, shifts
    root = arb(d).sqrt()

    def size(v: Balls) -> arb:
        return arb(float(v.norm().upper()))

    apart = [root * arb(spectral_norm(m)) + size(s) for m, s in zip(maps, shifts, strict=True)]
    crossed = size((key.t @ q0[:, None])[:, 0]) + size((query.t @ k0[:, None])[:, 0])
    together = d * arb(product_norm(key.t, query)) + root * crossed + abs(q0.dot(k0).arb())
    return (apart[0] * apart[1]).min(together) / arb(len(q0.mid)).sqrt()


def evaluate(weights: Weights) -> dict[str, Interval]:
    """Per head: the sum of the |weights| at full length, and what one weight can be.

    softmax, hardmax, SSA: sum 1. Sigmoid: n sigmoid(max|s|). Linear: n max|s|.
    """
    n, found = len(weights.positions), {}
    for (layer, head), spread in score_ranges(weights).items():
        attention, name = weights.attentions[layer], f"layer {layer} head {head}"
        if attention.score in ("sigmoid", "linear"):
            top = largest_score(attention, head)
            total = n * (1 / (1 + (-top).exp()) if attention.score == "sigmoid" else top)
            found[f"{name}: sum of |weights|, n = {n}"] = Interval.enclose(arb(0), total)
            continue
        found[f"{name}: sum of weights"] = Interval(1.0, 1.0)
        ratio = weight_ratio(attention, arb(spread.high))
        largest = largest_weight(n, ratio).min(arb(1)) if ratio.is_finite() else arb(1)
        found[f"{name}: a weight, n = {n}"] = Interval.enclose(arb(0), largest)
    return found


def needs_bounded_inputs(weights: Weights) -> str | None:
    """None, or why nothing bounds what the attentions read."""
    return needs_bounded_blocks(weights) if weights.attentions else "no attention"


B, N, SPREAD = sp.symbols("b n del", nonnegative=True)


def middle_is_worst(factor: sp.Expr) -> bool:
    """f (1 + b del/2)² - (1 + bu)(1 + b(del - u)) = b²(u - del/2)²: scores of both signs."""
    u = sp.Symbol("u", nonnegative=True)
    gap = factor * (1 + B * SPREAD / 2) ** 2 - (1 + B * u) * (1 + B * (SPREAD - u))
    return sum_of_squares(gap, [(B**2, u - SPREAD / 2)])


def one_sign_is_milder(factor: sp.Expr) -> bool:
    """f (1 + b del/2)²(1 + bv) - (1 + b(del + v)) >= 0: scores of one sign, v the nearer one."""
    v = sp.Symbol("v", nonnegative=True)
    gap = factor * (1 + B * SPREAD / 2) ** 2 * (1 + B * v) - (1 + B * (SPREAD + v))
    return nonnegative(sp.expand(gap))


def below_exponential(factor: sp.Expr) -> bool:
    """f x - ln(1 + x) >= 0 for x >= 0, x = b del/2: slope f - 1/(1 + x), 0 at 0."""
    x = sp.Symbol("x", nonnegative=True)
    gap = factor * x - sp.log(1 + x)
    return gap.subs(x, 0) == 0 and nonnegative(sp.diff(gap, x))


def one_sided_gap(n: int, factor: sp.Expr) -> bool:
    """f Σ max(l, 0) - Σ w l >= 0 for 0 <= w <= 1: sigmoid's interval (n tokens of both signs)."""
    up, down = sp.symbols(f"u0:{n}", nonnegative=True), sp.symbols(f"d0:{n}", nonnegative=True)
    rest = sp.symbols(f"r0:{n}", nonnegative=True)
    w = [1 / (1 + r) for r in rest]
    terms = [factor * p - v * (p - q) for p, q, v in zip(up, down, w, strict=True)]
    return all(nonnegative(t) for t in terms)


def shares_sum_to_one(n: int) -> bool:
    """a_j/Σa sums to 1: hardmax (a = ties 1, rest 0), SSA, phi(q).phi(k) >= 0 not all 0."""
    a = sp.symbols(f"a0:{n}", positive=True)
    total = sp.Add(*a)
    return identity(sum((x / total for x in a), sp.Integer(0)), 1)


def ssa_weights(scores: Vector, b: arb, n: arb) -> Vector:
    """w(s_j)/Σ w(s_i)."""
    raw = [ssa_score(s, b, n) for s in scores]
    total = sum(raw, arb(0))
    return [x / total for x in raw]


def ssa_one_against_all(n: int = 7) -> Attainment:
    """SSA with b = e, n = e^0.4: one score 3/2, the rest -3/2."""
    b, power = arb(1).exp(), (arb(2) / 5).exp()
    weights = ssa_weights([arb(3) / 2, *[-arb(3) / 2] * (n - 1)], b, power)
    return Attainment(weights[0], largest_weight(n, ssa_ratio(arb(3), b, power)))


def sigmoid_of_two() -> Attainment:
    """Sigmoid attention, values 1 and -1 at scores 40 and -40: o = Σ max(l, 0)."""
    weights = [1 / (1 + (-s).exp()) for s in (arb(40), arb(-40))]
    return Attainment(dot(weights, [arb(1), arb(-1)]), arb(1))


def leaves_the_hull(weights: Vector) -> bool:
    """Two tokens of value 1: the hull is {1} and the output is the sum of the weights."""
    return bool(abs(sum(weights, arb(0)) - 1) > 0)


def ssa_is_shift_invariant() -> bool:
    """Whether scores (0, 1) and (1, 2) certainly give other SSA weights (they do)."""
    first, moved = (ssa_weights([arb(s), arb(s + 1)], arb(1), arb(1))[0] for s in (0, 1))
    return bool(abs(first - moved) > 0)


def one_sided_ratio_is_exceeded() -> bool:
    """(1 + b del)^n, the ratio of scores of one sign, is not the largest at range del."""
    reached = ssa_one_against_all()
    b, power = arb(1).exp(), (arb(2) / 5).exp()
    mild = (power * (3 * b).log1p()).exp()
    return bool(reached.attained > largest_weight(7, mild))


def scores_formula() -> sp.Basic:
    """max w/min w ≤ (1 + bδ/2)^(2n)."""
    ratio = sp.Symbol("max w/min w", positive=True)
    b, n, spread = sp.symbols("b n δ", positive=True)
    return sp.Le(ratio, (1 + b * spread / 2) ** (2 * n))


S5 = Theorem(
    "S5",
    "other scores",
    "hardmax, SSA w(s) = (1 + b|s|)^(n sgn s) normalised, and kernels phi(q).phi(k), phi ≥ 0, not "
    "all 0, normalised: S2 holds. SSA, b, n ≥ 0, is not shift invariant, yet its range alone "
    "bounds it: score range ≤ del gives S1, S3, S6 with r = (1 + b del/2)^(2n) in place of e^del, "
    "so for nb ≤ 1 a hull inside softmax's, and dispersion at a polynomial rate. Hardmax: r = "
    "inf. Sigmoid: S2 false, but ℓ(o) in [Σ min(ℓ, 0), Σ max(ℓ, 0)]. Unnormalised linear: no hull "
    "at all",
    assumptions=("n ≥ 1 visible tokens",),
    needs=("S1", "S2", "S4"),
    source="this work; SSA: arXiv 2508.14685",
    tight=True,
    formula=scores_formula,
    steps=(
        Step(
            "normalised weights sum to 1 (n = 1..4)",
            lambda f: all(shares_sum_to_one(n) for n in range(1, 5)),
        ),
        Step("SSA, scores of both signs: the middle is the worst", middle_is_worst, True),
        Step("SSA, scores of one sign: a smaller ratio", one_sign_is_milder, True),
        Step("(1 + b del/2)^(2n) ≤ e^(n b del): ln(1 + x) ≤ x", below_exponential, True),
        Step("sigmoid: w l ≤ max(l, 0) for 0 ≤ w ≤ 1", lambda f: one_sided_gap(2, f), True),
    ),
    evaluate=evaluate,
    applies=needs_bounded_inputs,
    witnesses=(
        Witness("SSA, one score del/2, the rest -del/2", ssa_one_against_all),
        Witness("sigmoid, value 1 at score 40, value -1 at -40", sigmoid_of_two),
    ),
    mutants=(
        Mutant(
            "S2 for sigmoid attention: two values 1, scores 1",
            lambda: leaves_the_hull([1 / (1 + (-arb(1)).exp())] * 2),
        ),
        Mutant(
            "S2 for linear attention: two values 1, scores 1", lambda: leaves_the_hull([arb(1)] * 2)
        ),
        Mutant("SSA shift invariant", ssa_is_shift_invariant),
        Mutant("(1 + b del)^n for SSA", one_sided_ratio_is_exceeded),
    ),
)
