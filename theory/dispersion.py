"""S4: LayerNorm bounds the range of the scores, so no token keeps its weight in a long context.

Scores of one query: s_j - s_k = (z_j - z_k).(B z + q), |z| <= sqrt(d) for all three tokens, with
B = P Γ W_K' W_Q Γ P / sqrt(dh) and q = P Γ W_K' (W_Q β + b_Q) / sqrt(dh): W_K β and b_K drop out.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import sympy as sp
from flint import arb
from jaxtyping import Float

from theory.anatomy import remembered
from theory.asking import score_maps
from theory.balls import TINY, Array, Balls, concatenate, product_norm
from theory.cones import column
from theory.interval import Interval
from theory.layernorm import LAGRANGE, standardise
from theory.linear import dot, vector
from theory.softmax import needs_bounded_blocks, needs_softmax
from theory.steps import identity, nonnegative, sum_of_squares
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Attention, Norm, Weights


def farthest(c: Float[np.ndarray, "k d"], shift: Float[np.ndarray, " k"]) -> tuple[Array, float]:
    """z of length sqrt(d) where |C z + c| is largest, and s > 0 where |[C, s c]|_2 sqrt(d + 1/s²)
    is least: both floats, a guide. From the secular equation Σ (s_i b_i/(lam - s_i²))² = d.
    """
    d = c.shape[1]
    u, s, v = np.linalg.svd(c, full_matrices=False)
    b = u.T @ shift
    low, high = s[0] ** 2, s[0] ** 2 + np.linalg.norm(s * b) / d**0.5
    for _ in range(100):
        lam = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            length = np.linalg.norm(np.nan_to_num(s * b / (lam - s**2)))
        low, high = (lam, high) if length**2 > d else (low, lam)
    gap = high - s**2
    z = np.divide(s * b, gap, out=np.zeros_like(s), where=gap > 0)
    # where b_1 = 0 the equation may have no root: the top direction takes what is left of d
    z[0] = np.copysign(np.sqrt(max(d - (z[1:] ** 2).sum(), 0.0)), b[0])
    rest = shift @ shift + (s * b) @ z
    # q = 0 asks for s -> inf, B = 0 for s -> 0: far enough for ten digits
    scale = np.sqrt(high / max(rest, high * 2.0**-40, TINY))
    return z @ v, float(max(scale, 2.0**-20))


def largest_query(key: Balls, query: Balls, shift: Balls) -> tuple[float, float]:
    """Enclosure of max |K'(Q z + q)| over |z|² <= d: K, Q (dh, d), q (dh).

    Above: |K'[Q, s q]|_2 sqrt(d + 1/s²) for one s (for the best s it is the maximum: the S-lemma);
    below: one z.
    """
    d = query.shape[-1]
    triangle = np.linalg.qr(key.mid.T)[1]
    z, s = farthest(triangle @ query.mid, triangle @ shift.mid)
    stacked = concatenate([query, column(shift) * s])
    size = (1.0 / (Balls.exact(s) * s) + float(d)).sqrt() * product_norm(key.t, stacked)
    point = Balls.exact(z)
    if z.any():
        point = point * (Balls.exact(float(d)).sqrt() / point.norm())
    value = (key.t @ (query @ column(point) + column(shift)))[:, 0].norm()
    return max(float(value.lower()), 0.0), float(size.upper())


def score_range(attention: Attention, head: int) -> Interval:
    """Enclosure of del_h = 2 sqrt(d) max_{|z|² <= d}|B z + q|: no two scores of a query are farther
    apart, and inputs z come as near to it as they like (S4). DyT: the ball holds its box.
    """
    norm, d = attention.norm, attention.norm.gamma.size
    if norm.kind == "layernorm" and d == 1:
        return Interval(0.0, 0.0)
    low, high = largest_query(*score_maps(attention, head))
    factor = 2 * (arb(d) / len(attention.key[head])).sqrt()
    return Interval.enclose(factor * arb(low), factor * arb(high))


@remembered
def score_ranges(weights: Weights) -> dict[tuple[int, int], Interval]:
    """del_h by (layer, head)."""
    return {
        (layer, head): score_range(attention, head)
        for layer, attention in enumerate(weights.attentions)
        for head in range(len(attention.key))
    }


def block_ranges(weights: Weights, index: int) -> list[Interval]:
    """del_h of every head of the attention that is block ``index``."""
    layer = sum(isinstance(block, Attention) for block in weights.blocks[:index])
    heads = len(weights.attentions[layer].key)
    return [score_ranges(weights)[layer, head] for head in range(heads)]


def needs_bounded_scores(weights: Weights) -> str | None:
    """None, or why nothing bounds the scores, or their range says nothing about the weights."""
    return needs_softmax(weights) or needs_bounded_blocks(weights)


def evaluate(weights: Weights) -> dict[str, Interval]:
    """del_h of every head, and what the other n - 1 tokens must keep of the weight at full length.

    The second number is near 0 on trained models: dispersion is true and says nothing there.
    """
    n, found = len(weights.positions), {}
    for (layer, head), spread in score_ranges(weights).items():
        name = f"layer {layer} head {head}"
        others = (n - 1) / (n - 1 + arb(spread.high).exp())
        found[f"{name}: score range del"] = spread
        found[f"{name}: weight of the others, n = {n}"] = Interval.enclose(others, arb(1))
    return found


def key_constants_drop_out() -> bool:
    """(A z_j + k - (A z_i + k)).p = (z_j - z_i).(A'p): b_K and W_K β are in no difference."""
    a = sp.Matrix(2, 3, sp.symbols("a0:6", real=True))
    p, k = sp.Matrix(sp.symbols("p0:2")), sp.Matrix(sp.symbols("k0:2"))
    z, y = sp.Matrix(sp.symbols("z0:3")), sp.Matrix(sp.symbols("y0:3"))
    left = ((a * z + k) - (a * y + k)).dot(p)
    return identity(left, (z - y).dot(a.T * p))


def apart_gap(factor: sp.Expr) -> bool:
    """f² 2(|z|² + |y|²) - |z - y|² = |z + y|²: two tokens are at most 2 sqrt(d) apart."""
    z, y = sp.symbols("z0:3", real=True), sp.symbols("y0:3", real=True)
    sizes = sum((p**2 + q**2 for p, q in zip(z, y, strict=True)), sp.Integer(0))
    between = sum((p - q) ** 2 for p, q in zip(z, y, strict=True))
    squares = [(sp.Integer(1), p + q) for p, q in zip(z, y, strict=True)]
    return sum_of_squares(factor**2 * 2 * sizes - between, squares)


def closed_form(factor: sp.Expr) -> bool:
    """(|B|² + s²|q|²)(d + 1/s²) = f (sqrt(d)|B| + |q|)² at s² = |B|/(sqrt(d)|q|)."""
    size, shift, root = sp.symbols("|B| |q| sqrt_d", positive=True)
    square = size / (root * shift)
    left = (size**2 + square * shift**2) * (root**2 + 1 / square)
    return identity(left, factor * (root * size + shift) ** 2)


def length_gap(factor: sp.Expr) -> bool:
    """A weight >= 1 - eta needs n - 1 <= e^del eta/(1-eta): one more token and it is less."""
    more, odds = sp.symbols("more odds", nonnegative=True)
    ratio = sp.Symbol("r", positive=True)
    # odds = eta/(1 - eta); n - 1 = f r odds + more
    others = factor * ratio * odds + more
    return nonnegative(1 / (1 + odds) - 1 / (1 + others / ratio))


KEY, QUERY, SHIFT = (2, -1, 0, -1), (1, 1, -3, 1), 5


def rank_one_head() -> Attention:
    """d = 4, dh = 1, gamma = 1, beta = 0, a query bias and a key bias."""
    zeros, row = np.zeros((1, 1)), np.zeros((1, 1, 4))
    norm = Norm("layernorm", np.ones(4), np.zeros(4))
    query, key = (np.array([[values]], dtype=float) for values in (QUERY, KEY))
    bias = np.full((1, 1), float(SHIFT))
    out = np.zeros((1, 4, 1))
    return Attention(norm, query, bias, key, bias + 2, row, zeros, out, np.zeros(4))


def three_tokens() -> Attainment:
    """Residuals along the query row and along ± the key row, eps = 0: their scores' range."""
    rows = [vector(np.array(values, dtype=float)) for values in (QUERY, KEY)]
    asks, high, low = (
        standardise([sign * x for x in row], arb(0))
        for row, sign in ((rows[0], 1), (rows[1], 1), (rows[1], -1))
    )
    q = dot(rows[0], asks) + SHIFT
    scores = [q * (dot(rows[1], token) + SHIFT + 2) for token in (high, low)]
    return Attainment(scores[0] - scores[1], arb(score_range(rank_one_head(), 0).high))


def query_bias_counts() -> bool:
    """2 d|B| alone, the query's bias left out, is exceeded."""
    head = rank_one_head()
    silent = replace(head, query_bias=0 * head.query_bias)
    return bool(three_tokens().attained > score_range(silent, 0).high)


def dispersion_formula() -> sp.Basic:
    """δ_h ≤ 2√d (√d |B_h|₂ + |q_h|)."""
    spread, d, size, shift = sp.symbols("δ_h d |B_h| |q_h|", positive=True)
    return sp.Le(spread, 2 * sp.sqrt(d) * (sp.sqrt(d) * size + shift))


S4 = Theorem(
    "S4",
    "dispersion",
    "pre-norm, additive positions, every input and context: two scores of one query differ by ≤ "
    "del_h = 2 sqrt(d) max_(|z|² ≤ d)|B_h z + q_h| = 2 sqrt(d) min_s |[B_h, s q_h]|_2 sqrt(d + "
    "1/s²) ≤ 2 sqrt(d)(sqrt(d)|B_h|_2 + |q_h|); b_K and W_K beta drop out. So the largest weight "
    "is ≤ 1/(1 + (n-1)e^-del_h) -> 0, and weight 1 - eta on one token needs n ≤ 1 + e^del_h "
    "eta/(1-eta). Not so with relative positions or a temperature log n. Where del_h is far "
    "above ln n the bound is empty, and dispersion explains no failure",
    assumptions=("pre-norm blocks with LayerNorm (RMSNorm: P -> I; DyT)", "softmax", "n ≥ 3"),
    needs=("L1", "S1"),
    source="this work; Velickovic et al., arXiv 2410.01104 for finite vocabularies",
    tight=True,
    formula=dispersion_formula,
    steps=(
        Step("b_K and W_K β are in no score difference", lambda f: key_constants_drop_out()),
        LAGRANGE,
        Step("|z_j - z_k|² ≤ 2|z_j|² + 2|z_k|² ≤ 4d", apart_gap, bears_constant=True),
        Step(
            "|Bz + q| = |[B, sq](z; 1/s)|; the best s with |[B, sq]|² ≤ |B|² + s²|q|²",
            closed_form,
            bears_constant=True,
        ),
        Step("weight 1 - eta needs n - 1 ≤ e^del eta/(1-eta)", length_gap, bears_constant=True),
    ),
    evaluate=evaluate,
    applies=needs_bounded_scores,
    witnesses=(Witness("residuals along the query row and ± the key row", three_tokens),),
    mutants=(
        Mutant("factor 2 dropped", lambda: three_tokens().refutes(Fraction(1, 2))),
        Mutant("the query's bias left out", query_bias_counts),
    ),
)
