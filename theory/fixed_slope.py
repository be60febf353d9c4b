"""N7: without a final norm every far prediction rises with one slope, whatever the context says."""

from dataclasses import replace

import numpy as np
import sympy as sp
from flint import arb

from theory.anatomy import insist, needs_bounded_stream
from theory.balls import Balls, balls
from theory.bands import passages
from theory.blocks import half_disc_gap, start
from theory.enclosure import readout, residual
from theory.errors import TheoryError
from theory.functional import FAR, one_head
from theory.interval import Interval
from theory.layernorm import LAGRANGE
from theory.linear import centre, dot, vector
from theory.passages import Query, pass_attention
from theory.softmax import hull_gap
from theory.steps import identity, limit_is
from theory.streams import Stream
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.units import energies
from theory.weights import MLP, Norm, Weights


def needs_fixed_slope(weights: Weights) -> str | None:
    """None, or why far predictions have no slope of their own."""
    if weights.final_norm.kind != "none":
        return f"the final norm is {weights.final_norm.kind!r}: no slope survives it, see N2"
    return needs_bounded_stream(weights)


def slope(weights: Weights) -> arb:
    """w.w_in: what every prediction gains per unit of a far query."""
    return dot(vector(weights.read_out), vector(weights.read_in))


def any_stream(weights: Weights, position: int | None) -> Stream:
    """All streams less w_in x, at any query: attentions by their hulls, MLPs by their energy."""
    stream, last = start(weights, position)
    for index, block in enumerate(weights.blocks):
        if isinstance(block, MLP):
            whole = energies(weights)[index]
            noise = Balls.exact(whole.columns)
            stream = stream.moved(whole.centre).joined(noise, noise.shape[1])
            stream = stream.loosened(whole.missed)
        else:
            stream = pass_attention(weights, index, stream, last)
    return stream


def offset_band(
    weights: Weights, x: float | None = None, position: int | None = None, share: float = 1.0
) -> Interval:
    """y - (w.w_in) x_q lies inside for every context: at every query (x None), at the query x, or
    at every one from x to x/share; after ``position`` tokens or after any number of them.
    """
    insist(needs_fixed_slope, weights)
    if x is None:
        stream = any_stream(weights, position)
    elif x == 0 or not np.isfinite(x):
        raise TheoryError(f"the query {x}: leave it out for a bound that holds at every query")
    else:
        _, stream = passages(weights, Query(x, share), position)
    low, high = stream.support(Balls.exact(weights.read_out[None]))
    middle = balls(weights.read_out).dot(Balls.exact(stream.centre)) + weights.read_out_bias
    return Interval(float((middle + low[0]).lower()), float((middle + high[0]).upper()))


def evaluate(weights: Weights) -> dict[str, Interval]:
    """The slope, and y - slope x at every query, at ±1e3 and in the limit."""
    values = {
        "slope w.w_in": Interval.enclose(slope(weights)),
        "y - slope x at any x": offset_band(weights),
    }
    for sign, name in ((1, ""), (-1, "-")):
        values[f"y - slope x at x = {name}1e3"] = offset_band(weights, sign * 1e3)
        values[f"y - slope x as x -> {name}inf"] = offset_band(weights, sign * FAR, None, 0.0)
    return values


def slope_remains() -> bool:
    """(s x + r)/x -> s for bounded r."""
    s, x, r = sp.Symbol("s", real=True), sp.Symbol("x", positive=True), sp.Symbol("r", real=True)
    return limit_is((s * x + r) / x, x, sp.oo, s)


def readout_splits() -> bool:
    """w.(w_in x + r) + b = (w.w_in) x + w.r + b."""
    w, w_in, r = (sp.symbols(f"{name}0:3", real=True) for name in ("w", "v", "r"))
    x, b = sp.symbols("x b", real=True)
    left = sum(a * (v * x + q) for a, v, q in zip(w, w_in, r, strict=True)) + b
    right = x * sum(a * v for a, v in zip(w, w_in, strict=True))
    return identity(left, right + sum(a * q for a, q in zip(w, r, strict=True)) + b)


def no_final_norm() -> Weights:
    """N9's witness model read out directly."""
    return replace(one_head(), final_norm=Norm("none", np.ones(3), np.zeros(3)))


def answer(weights: Weights, *tokens: float) -> arb:
    """The exact prediction at the last token."""
    return readout(weights, residual(weights, tokens))


def extreme_contexts(x: float = 1e4) -> Attainment:
    """Token 0 at 0 (direction o, value |o| sqrt(d)) against token 0 at -1e30 (value 0)."""
    weights = no_final_norm()
    reached = answer(weights, 0.0, x) - answer(weights, -1e30, x)
    return Attainment(reached, arb(offset_band(weights, None, 1).width))


def centred_slope_is_refuted() -> bool:
    """w.(P w_in) for w_in = (2, 1, 0), w = (1, 1, 1): 0, but predictions rise by 3 a unit."""
    w, w_in = [arb(1)] * 3, [arb(2), arb(1), arb(0)]
    return bool(dot(w, centre(w_in)) < dot(w, w_in))


def slope_formula() -> sp.Basic:
    """y = (w·w_in) x + b + w·r."""
    s, x, b, r = sp.symbols("w·w_in x b w·r", real=True)
    return sp.Eq(sp.Symbol("y"), s * x + b + r)


N7 = Theorem(
    "N7",
    "fixed slope",
    "pre-norm blocks, no final norm: y = (w.w_in) x_q + b + w.r with w.r in a bounded interval, for"
    " every context and every query. A head adds at most sup w.A_h z to it (half discs in the first"
    " layer), an MLP the support of its energy; far out, known numbers in place of the MLPs (N9). "
    "So without the final norm the plateau becomes one slope: on f = a x + b' the error is at "
    "least |a - w.w_in||x| - const",
    assumptions=("pre-norm blocks as in N1", "no final norm", "weights ≥ 0 with sum 1"),
    needs=("S2", "N1", "N9"),
    source="this work",
    tight=True,
    formula=slope_formula,
    steps=(
        LAGRANGE,
        Step("w.(w_in x + r) + b = (w.w_in) x + w.r + b", lambda f: readout_splits()),
        Step("(s x + r)/x -> s", lambda f: slope_remains()),
        Step(
            "w.A_h of an average is at most the largest w.A_h z_j",
            lambda f: all(hull_gap(n, f) for n in range(1, 5)),
            bears_constant=True,
        ),
        Step("half discs: p s + q t ≤ sqrt(p² + q²)", half_disc_gap, bears_constant=True),
    ),
    evaluate=evaluate,
    applies=needs_fixed_slope,
    witnesses=(Witness("one head that reads token 0 alone", extreme_contexts),),
    mutants=(Mutant("slope w.(P w_in)", centred_slope_is_refuted),),
)
