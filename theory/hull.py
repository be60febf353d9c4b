"""S3, S6: how far softmax weights of a given score range can move an average of values."""

from collections.abc import Sequence
from functools import cmp_to_key

import sympy as sp
from flint import arb, arb_mat

from theory.interval import Interval
from theory.layernorm import lagrange_gap
from theory.linear import Vector, dot, matrix, root, vector
from theory.norms import normalise
from theory.softmax import needs_bounded_blocks, needs_softmax, softmax
from theory.steps import identity, limit_is, nonnegative, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Attention, Weights


def falls(x: arb, y: arb) -> int:
    """Order of exact balls, the larger first."""
    return int(bool(x < y)) - int(bool(x > y))


def expectile(values: Sequence[arb], ratio: arb) -> arb:
    """max over k of (r Σ_(j≤k) l_(j) + Σ_(j>k) l_(j))/(k r + n - k): the largest average (S3).

    Weights with max/min <= ratio, r >= 1; l_(1) >= l_(2) >= ... The values enter by their upper
    ends: the average grows with each of them.
    """
    falling = sorted((v.upper() for v in values), key=cmp_to_key(falls))
    n, total = len(falling), sum(falling, arb(0))
    best, top = total / n, arb(0)
    for k, value in enumerate(falling, 1):
        top += value
        best = best.max((ratio * top + (total - top)) / (k * ratio + n - k))
    return best


def shrunken_hull(values: Sequence[arb], ratio: arb) -> Interval:
    """Every average of the values under weights with max/min <= ratio; both ends attained."""
    return Interval.enclose(-expectile([-v for v in values], ratio), expectile(values, ratio))


def mean_and_spread(values: Sequence[arb]) -> tuple[arb, arb]:
    """Mean and standard deviation with 1/n."""
    mean = sum(values, arb(0)) / len(values)
    return mean, root(sum(((v - mean) ** 2 for v in values), arb(0)) / len(values))


def sinh_hull(values: Sequence[arb], spread: arb) -> Interval:
    """mean ± std sinh(del/2): the same from two numbers of the values (S6)."""
    mean, deviation = mean_and_spread(values)
    reach = deviation * (spread / 2).sinh()
    return Interval.enclose(mean - reach, mean + reach)


def first_values(weights: Weights, tokens: Sequence[float]) -> list[Vector]:
    """What head h of the first block adds to w.h_T from each token: w.W_O,h(W_V,h u_j + b_V,h)."""
    block = weights.blocks[0]
    assert isinstance(block, Attention)
    w_in, bias = vector(weights.read_in), vector(weights.read_in_bias)
    seen = []
    for token, position in zip(tokens, weights.positions, strict=False):
        at = vector(position)
        h = [arb(float(token)) * a + b + p for a, b, p in zip(w_in, bias, at, strict=True)]
        seen.append(normalise(block.norm, h))
    inputs, found = arb_mat(seen), []
    for head in range(len(block.value)):
        direction = matrix(weights.read_out[None]) * matrix(block.output[head])
        row = direction * matrix(block.value[head])
        shift = dot(direction.entries(), vector(block.value_bias[head]))
        found.append([x + shift for x in (inputs * row.transpose()).entries()])
    return found


def needs_first_attention(weights: Weights) -> str | None:
    """None, or why there are no first values to average by softmax."""
    if (reason := needs_softmax(weights) or needs_bounded_blocks(weights)) is not None:
        return reason
    return None if isinstance(weights.blocks[0], Attention) else "the first block is no attention"


def evaluate(weights: Weights) -> dict[str, Interval]:
    """On the prompt of zeros, per head of the first block: the hull and what range 1 leaves."""
    found = {}
    for head, values in enumerate(first_values(weights, [0.0] * len(weights.positions))):
        name = f"head {head}, zero prompt"
        found[f"{name}: hull"] = Interval.enclose(*values)
        found[f"{name}: score range 1"] = shrunken_hull(values, arb(1).exp())
    return found


def evaluate_sinh(weights: Weights) -> dict[str, Interval]:
    """The same prompt: mean ± std sinh(1/2)."""
    heads = first_values(weights, [0.0] * len(weights.positions))
    return {
        f"head {head}, zero prompt: score range 1, by std": sinh_hull(values, arb(1))
        for head, values in enumerate(heads)
    }


RATIO, T, GAP = sp.Symbol("r", positive=True), sp.Symbol("t"), sp.Symbol("gap", nonnegative=True)
STEEPER = sp.Symbol("r_minus_1", nonnegative=True)


def bang_bang_gap(factor: sp.Expr) -> bool:
    """f r x_+ - x_- - w x >= 0 for 1 <= w <= r: each term is largest at an end of the weight."""
    share = 1 / (1 + sp.Symbol("v", nonnegative=True))
    weight, ratio = 1 + STEEPER * share, 1 + STEEPER
    above = factor * ratio * GAP - weight * GAP
    below = -GAP / factor + weight * GAP
    return nonnegative(above) and nonnegative(below)


def balanced(n: int, k: int, factor: sp.Expr) -> bool:
    """r Σ_top (l - mu) + Σ_rest (l - mu) = 0 at mu = f (r Σ_top l + Σ_rest l)/(kr + n - k)."""
    values = sp.symbols(f"l0:{n}", real=True)
    top, rest = sp.Add(*values[:k]), sp.Add(*values[k:])
    mu = factor * (RATIO * top + rest) / (k * RATIO + n - k)
    return identity(RATIO * (top - k * mu) + rest - (n - k) * mu, 0)


def ratio_is_odds() -> bool:
    """tau/(1 - tau) = e^del for tau = sigmoid(del)."""
    spread = sp.Symbol("del", real=True)
    tau = 1 / (1 + sp.exp(-spread))
    return identity(tau / (1 - tau), sp.exp(spread))


def ends_are_mean_and_max(n: int = 4) -> bool:
    """r = 1: every k gives the mean. r -> inf: k gives the mean of the top k, k = 1 the maximum."""
    values = sp.symbols(f"l0:{n}", real=True)
    for k in range(1, n + 1):
        top, rest = sp.Add(*values[:k]), sp.Add(*values[k:])
        value = (RATIO * top + rest) / (k * RATIO + n - k)
        if not identity(value.subs(RATIO, 1), sp.Add(*values) / n):
            return False
        if not limit_is(value, RATIO, sp.oo, top / k):
            return False
    return True


VALUES = (4, -1, 3, 0, -2)


def two_at_the_top() -> Attainment:
    """Values 4, -1, 3, 0, -2 and score range 1: the two largest at the maximum."""
    values, spread = [arb(v) for v in VALUES], arb(1)
    scores = [spread if v >= 3 else arb(0) for v in VALUES]
    return Attainment(dot(softmax(scores), values), expectile(values, spread.exp()))


def forgotten_factor_two() -> bool:
    """r = e^(del/2), the range [-B, B] read as B, is exceeded."""
    bound = expectile([arb(v) for v in VALUES], (arb(1) / 2).exp())
    return bool(two_at_the_top().attained > bound)


def expectile_formula() -> sp.Basic:
    """ℓ(o) ≤ max_k (r Σ_(j≤k) ℓ_(j) + Σ_(j>k) ℓ_(j))/(kr + n - k), r = e^δ."""
    k, n, r = sp.symbols("k n r", positive=True)
    output, top, rest = sp.symbols("ℓ(o) Σ_(j≤k)ℓ_(j) Σ_(j>k)ℓ_(j)", real=True)
    best = sp.Function("max_k")
    return sp.Le(output, best((r * top + rest) / (k * r + n - k)))


S3 = Theorem(
    "S3",
    "shrunken hull",
    "score range ≤ del, r = e^del: max ℓ(o) = max_(1≤k≤n) (r Σ_(j≤k) ℓ_(j) + Σ_(j>k) ℓ_(j))/"
    "(kr + n - k), attained with the top k at the maximum and the rest at the minimum, k = #{j: "
    "ℓ_j > value}; the minimum is - (the same of -ℓ). S3': that maximum is the tau-expectile, tau "
    "= sigmoid(del), the one mu with r Σ(ℓ_j - mu)_+ = Σ(mu - ℓ_j)_+: del = 0 gives the mean, "
    "del -> inf the maximum",
    assumptions=("n ≥ 1", "positive weights of sum 1 with max w/min w ≤ r (softmax: r = e^del)"),
    needs=("S2",),
    source="Newey & Powell 1987; Bellini et al. 2014 (expectiles); for attention this work",
    tight=True,
    formula=expectile_formula,
    steps=(
        Step("w(ℓ - mu) ≤ m(r(ℓ - mu)_+ - (mu - ℓ)_+) for m ≤ w ≤ rm", bang_bang_gap, True),
        Step(
            "the top k at r, the rest at 1 balance at that value (n ≤ 4)",
            lambda f: all(balanced(n, k, f) for n in range(1, 5) for k in range(1, n + 1)),
            bears_constant=True,
        ),
        Step("tau/(1 - tau) = e^del", lambda f: ratio_is_odds()),
        Step("r = 1 is the mean, r -> inf the maximum", lambda f: ends_are_mean_and_max()),
    ),
    evaluate=evaluate,
    applies=needs_first_attention,
    witnesses=(Witness("the two largest of five values at the top", two_at_the_top),),
    mutants=(Mutant("r -> e^(del/2)", forgotten_factor_two),),
)


def variance_identity() -> bool:
    """mean of (rm - phi)(phi - m) is (rm - 1)(1 - m) - var phi, phi of mean 1."""
    n = 3
    phi = sp.symbols(f"p1:{n}", real=True)
    phi, m = [n - sp.Add(*phi), *phi], sp.Symbol("m", positive=True)
    product = sum(((RATIO * m - p) * (p - m) for p in phi), sp.Integer(0)) / n
    variance = sum((p**2 for p in phi), sp.Integer(0)) / n - 1
    return identity(product, (RATIO * m - 1) * (1 - m) - variance)


def variance_gap(factor: sp.Expr) -> bool:
    """f (r-1)²/(4r) - (rm - 1)(1 - m) = (2rm - r - 1)²/(4r) >= 0."""
    m = sp.Symbol("m", positive=True)
    gap = factor * (RATIO - 1) ** 2 / (4 * RATIO) - (RATIO * m - 1) * (1 - m)
    return sum_of_squares(gap, [(1 / (4 * RATIO), 2 * RATIO * m - RATIO - 1)])


def sinh_square(factor: sp.Expr) -> bool:
    """(e^del - 1)²/(4 e^del) = sinh²(del/2)."""
    spread = sp.Symbol("del", real=True)
    form = (sp.exp(spread) - 1) ** 2 / (4 * sp.exp(spread))
    return identity(form, factor * sp.sinh(spread / 2).rewrite(sp.exp) ** 2)


def one_of_four() -> Attainment:
    """n = 4, r = 3, values 1, 0, 0, 0: 3/6 - 1/4 = 1/4 on both sides."""
    values, spread = [arb(1), arb(0), arb(0), arb(0)], arb(3).log()
    mean, deviation = mean_and_spread(values)
    output = dot(softmax([spread, arb(0), arb(0), arb(0)]), values)
    return Attainment(output - mean, deviation * (spread / 2).sinh())


def tanh_is_refuted() -> bool:
    """tanh(del/2) in place of sinh(del/2) is exceeded."""
    _, deviation = mean_and_spread([arb(1), arb(0), arb(0), arb(0)])
    return bool(one_of_four().attained > deviation * (arb(3).log() / 2).tanh())


def sinh_formula() -> sp.Basic:
    """|ℓ(o) - mean| ≤ std · sinh(δ/2)."""
    output, mean, deviation, spread = sp.symbols("ℓ(o) mean std δ", real=True)
    return sp.Le(sp.Abs(output - mean), deviation * sp.sinh(spread / 2))


S6 = Theorem(
    "S6",
    "sinh bound",
    "|ℓ(o) - mean ℓ(v)| ≤ std(ℓ(v)) sinh(del/2), std with 1/n: a head of small score range is the "
    "average of its values plus at most sinh(del/2) standard deviations. Sharp: n p values 1 and "
    "the rest 0, p = 1/(1 + e^del). With max w/min w ≤ r: sinh(del/2) -> (r - 1)/(2 sqrt(r))",
    assumptions=("score range ≤ del", "n ≥ 1"),
    needs=("S1",),
    source="this work",
    tight=True,
    formula=sinh_formula,
    steps=(
        Step("(rm - phi)(phi - m) ≥ 0, averaged", lambda f: variance_identity()),
        Step("(rm - 1)(1 - m) ≤ (r-1)²/(4r)", variance_gap, bears_constant=True),
        Step("(e^del - 1)²/(4 e^del) = sinh²(del/2)", sinh_square, bears_constant=True),
        Step(
            "|Cov(phi, ℓ)| ≤ std phi std ℓ (n = 2..5)",
            lambda f: all(lagrange_gap(n, f) for n in range(2, 6)),
            bears_constant=True,
        ),
    ),
    evaluate=evaluate_sinh,
    applies=needs_first_attention,
    witnesses=(Witness("one value 1 of four, r = 3", one_of_four),),
    mutants=(Mutant("sinh -> tanh", tanh_is_refuted),),
)
