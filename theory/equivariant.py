"""W1 (also called E1): a wrapper that makes any in-context predictor exactly scale-equivariant."""

from collections.abc import Callable, Sequence
from math import inf, isnan
from typing import Any

import sympy as sp
from flint import arb

from theory.envelope import envelope, needs_no_norm
from theory.errors import TheoryError
from theory.fixed_slope import needs_fixed_slope, offset_band, slope
from theory.interval import Interval
from theory.layernorm import needs_bounded_readout, readout_ceiling
from theory.steps import identity
from theory.theorem import Attainment, Mutant, Step, Theorem, Witness
from theory.weights import Weights

Number = Any  # arb in proofs, float in tests: only +, *, / and abs are used
Predictor = Callable[[Sequence[Number], Sequence[Number], Number], Number]


def largest(values: Sequence[Number]) -> Number:
    """max |v|."""
    return max((abs(v) for v in values), key=float)


def equivariant(predict: Predictor, xs: Sequence, ys: Sequence, query: Number) -> Number:
    """Q F(x/S, y/Q, x_q/S), S = max(|x_i|, |x_q|), Q = max|y_i|.

    TheoryError where one is 0 or infinite, without examples and for NaN.
    """
    if not len(ys) or any(isnan(float(v)) for v in (*xs, *ys, query)):
        raise TheoryError("the wrapper needs at least one example, and numbers only")
    size, value = largest([*xs, query]), largest(ys)
    for name, scale in (("inputs", size), ("values", value)):
        if not 0 < scale < inf:
            raise TheoryError(f"all {name} are 0 or one is infinite: no scale to divide by")
    return value * predict([x / size for x in xs], [y / value for y in ys], query / size)


def nearest(xs: Sequence[Number], ys: Sequence[Number], query: Number) -> Number:
    """1-NN: the value of the nearest example; a fixed point of the wrapper."""
    distances = [float(abs(x - query)) for x in xs]
    return ys[distances.index(min(distances))]


S, Q, T, R, ERR = sp.symbols("S Q s q err", positive=True)


def homogeneous(factor: sp.Expr) -> bool:
    """S -> s S, Q -> q Q leaves F's arguments alone, so F~ -> q F~."""
    x, y, query = sp.symbols("x y x_q", real=True)
    model = sp.Function("F")
    plain = Q * model(x / S, y / Q, query / S)
    scaled = R * Q * model(T * x / (T * S), R * y / (R * Q), T * query / (T * S))
    return identity(scaled, factor * R * plain)


def class_is_closed(degree: int) -> bool:
    """f(S u)/Q is a polynomial of the same degree in u."""
    u = sp.Symbol("u")
    coefficients = sp.symbols(f"c0:{degree + 1}")
    inner = sum(c * (S * u) ** i for i, c in enumerate(coefficients)) / Q
    return bool(sp.Poly(sp.expand(inner), u).degree() == degree)


def error_scales(factor: sp.Expr) -> bool:
    """Q F - f = Q (F - f(S .)/Q): |F - f(S .)/Q| <= err gives |F~ - f| <= Q err."""
    model, value = sp.symbols("F f", real=True)
    exact = identity(Q * model - value, Q * (model - value / Q))
    return exact and bool((factor * Q * ERR - Q * ERR).is_nonnegative)


def off_by_one_tenth(xs: Sequence[arb], ys: Sequence[arb], query: arb) -> arb:
    """Right on y = 7 x, plus the constant error 1/10 of a normalised prompt."""
    slope = ys[0] / xs[0]
    return slope * query + arb(1) / 10


PROMPT = ([arb(2), arb(-3)], [arb(14), arb(-21)], arb(5))


def constant_error() -> Attainment:
    """A predictor wrong by 1/10 on every normalised prompt is wrong by Q/10 = 2.1 when wrapped."""
    xs, ys, query = PROMPT
    answer = equivariant(off_by_one_tenth, xs, ys, query)
    return Attainment(abs(answer - 35), largest(ys) / 10)


def one_nearest() -> Attainment:
    """1-NN answers with a value it saw: wrapped, still that value, -21."""
    xs, ys, query = PROMPT
    plain = nearest(xs, ys, -query)
    return Attainment(-equivariant(nearest, xs, ys, -query), -plain)


def wrong_scale_back() -> bool:
    """S F(x/S, y/Q, x_q/S): doubling the values must double the answer and does not."""
    xs, ys, query = PROMPT
    size, answers = largest([*xs, query]), []
    for q in (1, 2):
        value = largest([q * y for y in ys])
        normal = [x / size for x in xs], [q * y / value for y in ys], query / size
        answers.append(size * off_by_one_tenth(*normal))
    return bool(abs(answers[1] - 2 * answers[0]) > 1)


def query_outside_the_scale() -> bool:
    """S = max|x_i| without the query: a query of 5 reaches the model as 5/3, outside [-1, 1]."""
    xs, _, query = PROMPT
    return bool(abs(query) / largest(xs) > 1)


def wrapper_formula() -> sp.Basic:
    """F~(s x, q y, s x_q) = q F~(x, y, x_q)."""
    wrapped = sp.Function("F~")
    x, y, query = sp.symbols("x y x_q")
    return sp.Eq(wrapped(T * x, R * y, T * query), R * wrapped(x, y, query))


def relative_ceiling(weights: Weights) -> dict[str, Interval]:
    """Range of F~/Q: L2's ceiling; N7's slope and band, or G2's envelope, at max|z| = 1."""
    name = "wrapped answer / max|y_i|"
    if needs_bounded_readout(weights) is None:
        return {name: readout_ceiling(weights)}
    if needs_fixed_slope(weights) is None:
        offset, steep = offset_band(weights), abs(slope(weights))
        return {name: Interval.enclose(arb(offset.low) - steep, arb(offset.high) + steep)}
    if needs_no_norm(weights) is None:
        top = envelope(weights).at(1.0)
        return {name: Interval(-top, top)}
    return {name: Interval(-float("inf"), float("inf"))}


W1 = Theorem(
    "W1",
    "equivariant wrapper (E1)",
    "S = max(|x_i|, |x_q|) > 0, Q = max|y_i| > 0, F~(x, y, x_q) := Q F(x/S, y/Q, x_q/S). (i) "
    "F~(s x, q y, s x_q) = q F~(x, y, x_q) for s, q > 0: any weights, no retraining. (ii) if "
    "|F - f| ≤ err on all prompts with S = Q = 1 of a class closed under f -> f(S .)/Q "
    "(polynomials of degree ≤ k), then |F~ - f| ≤ Q err on EVERY prompt. (iii) F~/Q stays in the "
    "ceiling [B-, B+]: it moves with the largest value seen; f(x_q) beyond it is still lost",
    assumptions=(
        "exact reals; in floats bit for bit when s, q are powers of 2 without over- or underflow",
        "price: relative accuracy only; absolute scale discarded; S = 0 or Q = 0 undefined; a "
        "query with |x_q| > max|x_i| stays ill-conditioned (P4); one pass a position",
    ),
    needs=("L2", "N7", "G2"),
    source="this work",
    tight=True,
    formula=wrapper_formula,
    steps=(
        Step("the arguments (s x)/(s S), (q y)/(q Q) do not change", homogeneous, True),
        Step(
            "f(S u)/Q has the degree of f (k = 0..5)",
            lambda _: all(class_is_closed(k) for k in range(6)),
        ),
        Step("Q F - f = Q(F - f(S .)/Q)", error_scales, bears_constant=True),
    ),
    evaluate=relative_ceiling,
    witnesses=(
        Witness("a predictor wrong by 1/10 on normalised prompts", constant_error),
        Witness("1-NN is a fixed point", one_nearest),
    ),
    mutants=(
        Mutant("multiplied back by S instead of Q", wrong_scale_back),
        Mutant("S = max|x_i| without the query", query_outside_the_scale),
    ),
)
