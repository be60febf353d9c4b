"""Averages under exploding scores: how far they can stay from the winner (used by G3, G4)."""

import sympy as sp
from flint import arb

from theory.linear import Vector, dot
from theory.softmax import softmax
from theory.steps import identity, limit_is
from theory.theorem import Attainment


def spread_of(values: Vector) -> arb:
    """max - min."""
    high = low = values[0]
    for value in values[1:]:
        high, low = high.max(value), low.min(value)
    return high - low


def excess(n: int, noise: arb) -> arb:
    """V = W((n-1) e^(P-1)), Lambert's W: V e^V = (n-1) e^(P-1)."""
    return ((n - 1) * (noise - 1).exp()).lambertw()


def lehmer(tokens: Vector, sign: arb, power: arb) -> arb:
    """G3'': the SSA limit Σ z|z|^n/Σ|z|^n over sign z > 0; all other tokens with -n if none is."""
    chosen = [z for z in tokens if sign * z > 0]
    if not chosen:
        power, chosen = -power, tokens
    weights = [abs(z) ** power for z in chosen]
    return dot(weights, chosen) / sum(weights, arb(0))


def tangent(factor: sp.Expr) -> bool:
    """factor e^u - (1 + u) >= 0: convex, least at e^u = 1/factor, where it is ln(factor)."""
    u = sp.Symbol("u", real=True)
    gap = factor * sp.exp(u) - 1 - u
    lowest = gap.subs(u, -sp.log(factor))
    return bool(sp.diff(gap, u, 2).is_positive) and bool(sp.simplify(lowest) >= 0)


def average_form(n: int, factor: sp.Expr) -> bool:
    """V - Σ x_j w_j/(1 + Σ w_j) = (V - Σ (x_j - V) w_j)/(1 + Σ w_j)."""
    x, w = sp.symbols(f"x1:{n}", positive=True), sp.symbols(f"w1:{n}", positive=True)
    v, total = sp.Symbol("V", positive=True), 1 + sp.Add(*w)
    mean = sum(a * b for a, b in zip(x, w, strict=True)) / total
    rest = sum((a - factor * v) * b for a, b in zip(x, w, strict=True))
    return identity(v - mean, (v - rest) / total)


def lambert(factor: sp.Expr) -> bool:
    """V e^V = (n-1) e^(P-1) makes (n-1) e^(P-(1+V)) = V: the n - 1 terms sum to at most V."""
    v, noise = sp.symbols("V P", positive=True)
    rest = v * sp.exp(v) * sp.exp(1 - noise)
    return identity(factor * v, rest * sp.exp(noise - 1 - v))


def score_difference() -> bool:
    """(q.k_j - q.k_m) sorted by powers of the tokens; b_K drops out."""
    ask, base, along, zq, zj, zm, kj, km, bias = sp.symbols("a β κ z_q z_j z_m π_j π_m b_K")
    query = ask * zq + base
    scores = [query * (along * z + k + bias) for z, k in ((zj, kj), (zm, km))]
    expected = (zj - zm) * (ask * along * zq + base * along)
    expected += zq * (ask * kj - ask * km) + base * kj - base * km
    return identity(scores[0] - scores[1], expected)


def ssa_ratio() -> bool:
    """(1 + b t²p)/(1 + b t²q) -> p/q, and 1/((1 + b t²p)(1 + b t²q)) -> 0."""
    t, b, p, q = sp.symbols("t b p q", positive=True)
    up, down = 1 + b * t**2 * p, 1 + b * t**2 * q
    return limit_is(up / down, t, sp.oo, p / q) and limit_is(1 / (up * down), t, sp.oo, 0 * t)


def crowd(n: int = 5, noise: int = 1) -> Attainment:
    """n - 1 tokens at gap x = 1 + V with noise P in their favour: Σ p_j x_j = V."""
    gap = 1 + excess(n, arb(noise))
    weights = softmax([arb(0), *[arb(noise) - gap] * (n - 1)])
    return Attainment((n - 1) * weights[1] * gap, excess(n, arb(noise)))


def ssa_answer(tokens: Vector, power: int) -> arb:
    """The same layer's average with weights (1 + |s|)^(n sgn s)."""
    scores = [tokens[-1] * z for z in tokens]
    weights = [(1 + abs(s)) ** (power if s > 0 else -power) for s in scores]
    return dot(weights, tokens) / sum(weights, arb(0))
