"""G6: one attention layer cannot see which y belongs to which x. Why two layers are needed."""

from itertools import product

import numpy as np
import sympy as sp
from flint import arb

from theory.interval import Interval
from theory.linear import Vector, dot
from theory.softmax import softmax
from theory.steps import identity, nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights


def needs_one_attention(weights: Weights) -> str | None:
    """None, or why neither form of G6 speaks about the model."""
    if (count := len(weights.attentions)) != 1:
        return f"{count} attention layers: from two on, pairs can be read (none: no context at all)"
    if (reason := needs_no_positions(weights)) is None:
        return None
    other = needs_sum_of_tokens(weights)
    return None if other is None else f"{reason}; {other}"


def needs_no_positions(weights: Weights) -> str | None:
    """None, or why the layer may tell equal multisets of tokens apart."""
    used = weights.positions
    return None if (used == used[:1]).all() else "positions tell the tokens apart"


def needs_sum_of_tokens(weights: Weights) -> str | None:
    """None, or why y D is not a sum of terms of one token each (D > 0 the normaliser)."""
    if weights.final_norm.kind != "none" or weights.post_norm:
        return "a norm after the attention mixes the tokens"
    if not weights.blocks or weights.blocks[-1] is not weights.attentions[0]:
        return "an MLP after the attention mixes the tokens"
    attention = weights.attentions[0]
    if len(attention.query) > 1 and attention.score not in ("sigmoid", "linear"):
        return f"{len(attention.query)} heads have {len(attention.query)} normalisers"
    return None


def pairing_floor(weights: Weights) -> dict[str, Interval]:
    """The least of the largest errors on y = ±A x, in units of |A x_q|; at every scale."""
    floor = Interval(1.0, float("inf"))
    found = {}
    if needs_no_positions(weights) is None:
        found["largest error on a x and -a x over |a x_q|, x_i = ±1 balanced"] = floor
    if needs_sum_of_tokens(weights) is None:
        found["largest error over A|x_q| on x = ±(1, -1), y = ±(A, -A)"] = floor
    return found


def exchange(factor: sp.Expr) -> bool:
    """(1, a, -1, -a) and (1, -a, -1, a) give Σ_j w(z_j) v(z_j) and Σ_j w(z_j) alike."""
    a = sp.Symbol("a", real=True)
    weigh, value = sp.Function("w"), sp.Function("v")
    plus, minus = (1, a, -1, -a), (1, -a, -1, a)
    same = identity(sum(map(weigh, plus)), sum(map(weigh, minus)))
    left = sum(weigh(z) * value(z) for z in plus)
    return same and identity(left, factor * sum(weigh(z) * value(z) for z in minus))


def midpoint_error(factor: sp.Expr) -> bool:
    """E² >= f² for E² = the mean of (p - f)² and (p + f)² plus a slack: E >= |f| = |a x_q|."""
    p, f = sp.symbols("p f", real=True)
    mean = sp.expand(((p - f) ** 2 + (p + f) ** 2) / 2)
    return nonnegative(sp.expand(mean - f**2 / factor**2))


def four_prompts() -> bool:
    """Y(++) + Y(--) = Y(+-) + Y(-+) for Y = const + X(sign of x) + Z(sign of y)."""
    first, second = sp.Function("X"), sp.Function("Z")
    total = {
        (s, r): sp.Symbol("const") + first(s) + second(r) for s, r in product((1, -1), repeat=2)
    }
    return identity(total[1, 1] + total[-1, -1], total[1, -1] + total[-1, 1])


def xor_gap(factor: sp.Expr) -> bool:
    """D1 y1 + D2 y2 - D3 y3 - D4 y4 > 0 when y1, y2 > f - E, y3, y4 < E - f with E <= f: so E >= f.

    The signs of y are forced for every error E = factor f - slack; E = f + margin would leave them.
    """
    d = sp.symbols("D1:5", positive=True)
    f, slack = sp.symbols("f slack", positive=True)
    rest = sp.symbols("r1:5", nonnegative=True)
    error = f / factor - slack
    y = [f - error + r for r in rest[:2]] + [error - f - r for r in rest[2:]]
    signs = (1, 1, -1, -1)
    gap = sum(s * a * b for s, a, b in zip(signs, d, y, strict=True))
    return bool(sp.expand(gap).is_positive)


def zero_answer() -> Attainment:
    """y = 0, which one layer can say, has error exactly |a x_q| on both."""
    target = arb(3) * arb(5)
    return Attainment(abs(target), abs(arb(0) - target).max(abs(arb(0) + target)))


def two_layers(tokens: list[int]) -> int:
    """d = 1, two layers of linear attention, W = 1, value bias 1: h += h Σ_(j<=t) h_j (h_j + 1)."""
    stream = list(tokens)
    for _ in range(2):
        seen = np.cumsum([h * (h + 1) for h in stream])
        stream = [h + h * int(s) for h, s in zip(stream, seen, strict=True)]
    return stream[-1]


def two_layers_pair() -> bool:
    """Two layers tell (1, 2, -1, -2, q) from (1, -2, -1, 2, q)."""
    return two_layers([1, 2, -1, -2, 1]) != two_layers([1, -2, -1, 2, 1])


def two_heads(sharpness: int = 5) -> arb:
    """Two heads with positions: head ± reads y_1 against x_1's score ∓K x_1 (value 0 there).

    y = σ(K x_1) y_1 - σ(-K x_1) y_1, near x_1 y_1 = a: the largest error over A|x_q|, x_q = 1.
    """
    worst = arb(0)
    for x, y in product((1, -1), repeat=2):
        heads = [
            dot(softmax([arb(0), arb(-side * sharpness * x)]), two_values(y)) for side in (1, -1)
        ]
        worst = worst.max(abs(heads[0] - heads[1] - x * y))
    return worst


def two_values(y: int) -> Vector:
    """The values of y_1 and of x_1."""
    return [arb(y), arb(0)]


def two_heads_pair() -> bool:
    """The four prompts are answered with an error below A|x_q| by two heads."""
    return bool(two_heads() < 1)


def pairing_formula() -> sp.Basic:
    """max(|y₊ - a x_q|, |y₋ + a x_q|) ≥ |a x_q|, y₊ = y₋."""
    y, a, x = sp.symbols("y a x_q", real=True)
    return sp.Ge(sp.Max(sp.Abs(y - a * x), sp.Abs(y + a * x)), sp.Abs(a * x))


G6 = Theorem(
    "G6",
    "one layer is blind to pairing",
    "one attention layer, any heads and score, any token-wise maps before and after (norms, MLPs), "
    "no positions: the answer depends on the context only through the multiset {x_i} ∪ {y_i}. On "
    "balanced x_i = ±1, y = a x and y = -a x give the same one: the larger error is ≥ |a x_q|, at "
    "every scale. With positions, when y D is a sum of one-token terms (D > 0): one head, linear "
    "readout, nothing after the attention; or any heads of sigmoid or linear scores: of the four "
    "prompts x = ±(1, -1), y = ±(A, -A) one has error ≥ A|x_q|",
    assumptions=(
        "causal mask: a context token's stream before the attention depends on that token alone",
        "hardmax in the second form: as the limit of softmax",
    ),
    needs=(),
    source="this work; Sanford, Hsu & Telgarsky, arXiv 2408.14332, for induction heads",
    tight=True,
    formula=pairing_formula,
    steps=(
        Step("Σ w(z_j)v(z_j) is the same for a and -a", exchange, bears_constant=True),
        Step("max error² ≥ ((p-f)² + (p+f)²)/2 = p² + f² ≥ f²", midpoint_error, True),
        Step("Y(++) + Y(--) = Y(+-) + Y(-+) for sums of one-token terms", lambda _: four_prompts()),
        Step("all four errors < A|x_q|: D y(++) + D y(--) > D y(+-) + D y(-+)", xor_gap, True),
    ),
    evaluate=pairing_floor,
    applies=needs_one_attention,
    witnesses=(Witness("y = 0: error |a x_q| on both", zero_answer),),
    mutants=(
        Mutant("two layers", two_layers_pair),
        Mutant("two heads with positions", two_heads_pair),
    ),
)
