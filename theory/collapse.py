"""N6: scale the whole prompt up and only the signs of its tokens are left, at every layer."""

from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb

from theory.anatomy import insist, minus_mean, needs_ray, scaled_rows
from theory.asking import score_maps
from theory.balls import Balls, product_norm
from theory.blocks import residual_bound
from theory.cones import column
from theory.dispersion import score_ranges
from theory.enclosure import readout, residual
from theory.functional import one_head
from theory.interval import Interval
from theory.layernorm import readout_centre
from theory.linear import centre, norm, vector
from theory.norms import normalise
from theory.plateau import plateau, ray_limit
from theory.rays import ray_distance
from theory.softmax import needs_softmax
from theory.steps import nonnegative
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Attention, Norm, Weights


def needs_collapse(weights: Weights) -> str | None:
    """None, or why a growing prompt need not shrink to its signs."""
    dyt = any(block.norm.kind == "dyt" for block in weights.blocks)
    if dyt and not weights.read_in.all():
        return "w_in has a zero entry: DyT keeps the context in that coordinate for ever"
    return needs_ray(weights) or needs_softmax(weights)


def pole(weights: Weights, layer: Norm) -> Balls:
    """What the norm, before gain and shift, outputs for a token at +inf: minus that at -inf.

    sqrt(d) P w_in/|P w_in| (RMSNorm without P), sign(alpha w_in) for a DyT.
    """
    if layer.kind == "dyt":
        return Balls.exact(np.sign(layer.alpha) * np.sign(weights.read_in))
    w_in = Balls.exact(weights.read_in)
    w_in = minus_mean(w_in) if layer.kind == "layernorm" else w_in
    return w_in / w_in.norm() * Balls.exact(float(weights.width)).sqrt()


def pole_distance(weights: Weights, layer: Norm, x: float) -> arb:
    """How far from its pole the norm's output can be for any token |z| >= x, in any context.

    L4 with R_tot; DyT: |tanh(u) - sign u| <= 2 exp(-2|u|) in each coordinate.
    """
    rest, size = residual_bound(weights), arb(abs(x))
    if layer.kind == "dyt":
        room = [size * abs(arb(float(v))) - rest for v in weights.read_in]
        terms = [2 * (-2 * abs(arb(layer.alpha)) * u).exp() for u in room]
        return norm(terms)
    w_in = vector(weights.read_in)
    w_in = centre(w_in) if layer.kind == "layernorm" else w_in
    return ray_distance(weights.width, size * norm(w_in), rest, arb(layer.eps))


def odds(weights: Weights, attention: Attention, head: int, sign: int) -> Interval:
    """Limit of log(weight of a positive / weight of a negative token) for a query of that sign.

    2 p.(± B p + q): B = P Γ W_K' W_Q Γ P/sqrt(dh), q = P Γ W_K'(W_Q β + b_Q)/sqrt(dh), p the pole.
    """
    key, query, shift = score_maps(attention, head)
    seen = pole(weights, attention.norm)
    asked = (query @ column(seen))[:, 0] * float(sign) + shift
    score = (key @ column(seen))[:, 0].dot(asked) * 2.0
    return (score / Balls.exact(float(len(shift.mid))).sqrt()).interval()


def odds_error(weights: Weights, layer: int, head: int, x: float) -> arb:
    """How far the log odds of two tokens are from the limit when every token has |z| >= x.

    (z_j - z_k).(B z + q) moves by at most 2 far (|B z + q| + sqrt(d)|B|), far the pole distance.
    """
    attention = weights.attentions[layer]
    far = pole_distance(weights, attention.norm, x)
    query, key = (scaled_rows(attention.norm, m[head]) for m in (attention.query, attention.key))
    size = arb(product_norm(key.t, query)) / arb(len(attention.key[head])).sqrt()
    root = arb(weights.width).sqrt()
    longest = arb(score_ranges(weights)[layer, head].high) / (2 * root)
    return 2 * far * (longest + root * size)


def evaluate(weights: Weights) -> dict[str, Interval]:
    """y_inf(±) and, for every head, the limit odds for both signs of the query and their error."""
    insist(needs_collapse, weights)
    values = {f"y_inf({name})": plateau(weights, s) for s, name in ((1, "+"), (-1, "-"))}
    for layer, attention in enumerate(weights.attentions):
        for head in range(len(attention.key)):
            name = f"layer {layer} head {head}"
            for sign, query in ((1, "+"), (-1, "-")):
                text = f"{name} log odds + to - for a {query} query"
                values[text] = odds(weights, attention, head, sign)
            error = odds_error(weights, layer, head, 1e6)
            values[f"{name} error of the log odds at |z| >= 1e6"] = Interval.enclose(arb(0), error)
    return values


def score_gap(factor: sp.Expr) -> bool:
    """f 2 far (M + r b) - |(z_j - z_k).(B z + q) - (p_j - p_k).(B p + q)| >= 0.

    The left part is at most |z_j - p_j| + |z_k - p_k| times M, and 2r times b far, p_j = ± p.
    """
    far, near, other, third = (sp.Symbol(n, nonnegative=True) for n in ("far", "s1", "s2", "s3"))
    m, r, b = sp.symbols("M r b", nonnegative=True)
    # each of the three distances is far less a slack
    distances = [far / (1 + s) for s in (near, other, third)]
    moved = (distances[0] + distances[1]) * m + 2 * r * b * distances[2]
    return nonnegative(factor * 2 * far * (m + r * b) - moved)


def along_the_ray() -> Weights:
    """N9's witness read out along e: its ceiling lies at the poles."""
    model = one_head()
    return replace(model, read_out=model.read_in)


def scaled_prompt(scale: float = 1e30) -> Attainment:
    """The prompt (-1, 2, 3) times the scale: y - c against that of y_inf(+)."""
    weights = replace(along_the_ray(), positions=np.arange(9.0).reshape(3, 3))
    y = readout(weights, residual(weights, [-scale, 2 * scale, 3 * scale]))
    limit = arb(plateau(weights, 1).high)
    return Attainment(y - readout_centre(weights), limit - readout_centre(weights))


def positions_are_forgotten() -> bool:
    """Positions (1,0,0) and (0,0,1) at z = 1e30: keys that differ by 1 before the norm do not."""
    layer = Norm("layernorm", np.ones(3), np.zeros(3))
    far = [arb(1e30) * x for x in (1, -1, 0)]
    places = [[arb(x) for x in place] for place in ((1, 0, 0), (0, 0, 1))]
    inputs = [normalise(layer, [a + b for a, b in zip(far, p, strict=True)]) for p in places]
    gap = abs(inputs[0][0] - inputs[1][0])
    return bool(gap < arb(1e-20)) and bool(abs(places[0][0] - places[1][0]) == 1)


def collapse_formula() -> sp.Basic:
    """y(t z) -> y_∞(sign x_q)."""
    return sp.Eq(sp.Symbol("lim y(t·z)"), sp.Symbol("y_∞(sign x_q)"))


N6 = Theorem(
    "N6",
    "sign collapse",
    "scale the whole prompt, t -> inf, no token 0: at every layer norm(h_j) -> ± pole by the sign "
    "of z_j, so the log odds of a positive against a negative token tend to 2 p.(± B p + q), two "
    "numbers a head; positions, sizes and values are forgotten and y(t z) -> y_inf(sign x_q): two "
    "answers for all functions, contexts and lengths. With |z_t| ≥ x for all t the log odds are "
    "within 2 far (max|B z + q| + sqrt(d)|B|), far the distance from the pole (L4 with R_tot)",
    assumptions=("those of N2", "softmax", "no token is 0"),
    needs=("L4", "S4", "N1", "N2"),
    source="this work",
    tight=True,
    formula=collapse_formula,
    steps=(
        Step("|(z_j - z_k).(B z + q) - limit| ≤ 2 far (M + sqrt(d)|B|)", score_gap, True),
        Step("theta -> 0 as |z| -> inf", lambda f: ray_limit()),
    ),
    evaluate=evaluate,
    applies=needs_collapse,
    witnesses=(Witness("three tokens times 1e30, read out along the ray", scaled_prompt),),
    mutants=(Mutant("positions enter the limit scores", positions_are_forgotten),),
)
