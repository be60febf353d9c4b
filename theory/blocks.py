"""N1: what the blocks of a pre-norm decoder can add to the query's own ray, block by block."""

from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
from flint import arb
from jaxtyping import Float

from theory.anatomy import (
    circuits,
    first_discs,
    head_columns,
    insist,
    needs_bounded_stream,
    offsets,
    remembered,
)
from theory.balls import Balls, concatenate, outward
from theory.discs import enclose
from theory.errors import TheoryError
from theory.interval import Interval
from theory.layernorm import LAGRANGE
from theory.steps import attains, identity, sum_of_squares
from theory.streams import Stream
from theory.theorem import Mutant, Step, Theorem
from theory.units import energies, unitwise_ball
from theory.weights import MLP, Weights


@remembered
def start(weights: Weights, position: int | None) -> tuple[Stream, int]:
    """b_in + p_T at one position, or at any of them: their mean and t (p_j - mean), t in [0, 1]."""
    places = offsets(weights)
    if position is not None and not 0 <= position < len(places.mid):
        raise TheoryError(f"position {position}: the model has 0 to {len(places.mid) - 1}")
    if position is not None:
        return Stream.at(places[position]), position
    middle = places.mid.mean(0)
    apart = concatenate([Balls.exact(np.zeros((1, weights.width))), places - middle], 0)
    return Stream.at(Balls.exact(middle)).with_shape(enclose(apart.t)), len(weights.positions) - 1


@dataclass(frozen=True, eq=False)
class Contribution:
    """One block: what it adds lies within ``radius`` (T,) of ``centre`` (d,), for every input.

    For any context it is also the centre and a member of ``noise``.
    """

    name: str
    centre: Balls
    radius: Float[np.ndarray, " T"]
    noise: Stream


def mlp_contribution(weights: Weights, index: int, mlp: MLP, name: str) -> Contribution:
    """The better of the MLP's two balls."""
    whole, (centre, radius) = energies(weights)[index], unitwise_ball(weights, mlp)
    every = np.full(len(weights.positions), min(radius, whole.radius))
    if radius < whole.radius:
        ball = Balls.exact(radius * np.eye(weights.width))
        noise = Stream.nothing(weights.width).joined(ball, weights.width)
        return Contribution(name, centre, every, noise)
    columns = Balls.exact(whole.columns)
    noise = Stream.nothing(weights.width).joined(columns, columns.shape[1])
    return Contribution(name, whole.centre, every, noise.loosened(whole.missed))


def attention_contribution(weights: Weights, index: int, name: str) -> Contribution:
    """The attention's heads, or the half discs in their ellipsoids where those are shorter."""
    part, noise = circuits(weights)[index], Stream.nothing(weights.width)
    every = np.full(len(weights.positions), part.radius)
    if index == 0 and (discs := first_discs(weights, len(every) - 1)):
        inside = noise
        for disc in discs:
            inside = inside.with_shape(disc)
        # heads apart, or all of them as one
        apart = np.sum([disc.radii() for disc in discs], axis=0) + inside.slack
        radius = np.minimum(outward(apart, len(discs)), inside.norm())
        if radius[-1] < part.radius:
            centre = part.constant + Balls.exact(inside.centre)
            return Contribution(name, centre, radius, replace(inside, centre=noise.centre))
    heads, size, missed = head_columns(weights)[index]
    noise = noise.joined(heads, size).loosened(missed)
    return Contribution(name, part.constant, np.minimum(every, noise.norm()), noise)


@remembered
def contributions(weights: Weights) -> tuple[Contribution, ...]:
    """Every block's contribution, first to last."""
    insist(needs_bounded_stream, weights)
    found, counts = list[Contribution](), {"attention": 0, "MLP": 0}
    for index, block in enumerate(weights.blocks):
        kind = "MLP" if isinstance(block, MLP) else "attention"
        counts[kind] += 1
        name = f"{kind} {counts[kind]}"
        if isinstance(block, MLP):
            found.append(mlp_contribution(weights, index, block, name))
        else:
            found.append(attention_contribution(weights, index, name))
    return tuple(found)


@remembered
def residual_centre(weights: Weights) -> Balls:
    """k_T = Q(b_in + p_T) + Σ centres, (T, d)."""
    total = offsets(weights)
    for part in contributions(weights):
        total = total + part.centre
    return total


@remembered
def residual_radius(weights: Weights) -> Float[np.ndarray, " T"]:
    """ρ_T >= |Q h_T - Q w_in z_T - k_T| for every input: Σ of the blocks, or all noise as one."""
    parts = contributions(weights)
    apart = np.sum([np.zeros(len(weights.positions)), *(p.radius for p in parts)], axis=0)
    stream = Stream.nothing(weights.width)
    for part in parts:
        stream = stream.plus(part.noise)
    return np.minimum(apart * (1 + (len(parts) + 1) * 2.0**-52), stream.norm())


@remembered
def residual_bounds(weights: Weights) -> Float[np.ndarray, " T"]:
    """R_tot(T) = |k_T| + ρ_T for every position."""
    return (residual_centre(weights).norm() + residual_radius(weights)).upper()


def residual_bound(weights: Weights, position: int | None = None) -> arb:
    """R_tot: |Q h_T - Q w_in z_T| never exceeds it; over all positions when none is named."""
    bounds = residual_bounds(weights)
    return arb(float(bounds.max() if position is None else bounds[position]))


def evaluate(weights: Weights) -> dict[str, Interval]:
    """R_tot over all positions, then each block: |centre|, radius."""
    values = {"R_tot": Interval.enclose(residual_bound(weights))}
    for part in contributions(weights):
        values[f"{part.name} |centre|"] = part.centre.norm().interval()
        values[f"{part.name} radius"] = Interval.enclose(arb(float(part.radius.max())))
    return values


def constant_is_added_once(n: int) -> bool:
    """Σ w_j (v_j + k) = Σ w_j v_j + k for Σ w = 1."""
    w = sp.symbols(f"w1:{n}", real=True)
    v, k = sp.symbols(f"v0:{n}", real=True), sp.Symbol("k", real=True)
    mix = [1 - sp.Add(*w), *w]
    left = sum(a * (x + k) for a, x in zip(mix, v, strict=True))
    return identity(left, sum(a * x for a, x in zip(mix, v, strict=True)) + k)


def slopes_split() -> bool:
    """act = λ(u - c) + λc + mid + (act - λu - mid)."""
    act, lam, u, c, mid = sp.symbols("act λ u c mid", real=True)
    return identity(act, lam * (u - c) + (lam * c + mid) + (act - lam * u - mid))


def heads_gap(heads: int, factor: sp.Expr) -> bool:
    """factor H Σ t_h² - (Σ t_h)² = Σ_(g<h) (t_g - t_h)²: stacking costs sqrt(H)."""
    t = sp.symbols(f"t0:{heads}", real=True)
    squares = [(sp.Integer(1), t[g] - t[h]) for g in range(heads) for h in range(g)]
    return sum_of_squares(factor * heads * sum(x**2 for x in t) - sp.Add(*t) ** 2, squares)


def half_disc_gap(factor: sp.Expr) -> bool:
    """factor² (p² + q²)(s² + t²) - (ps + qt)² = (pt - qs)²: the support of a disc."""
    p, q, s, t = sp.symbols("p q s t", real=True)
    gap = factor**2 * (p**2 + q**2) * (s**2 + t**2) - (p * s + q * t) ** 2
    return sum_of_squares(gap, [(sp.Integer(1), p * t - q * s)])


def chord_gap(factor: sp.Expr) -> bool:
    """factor C w²/8 - C t(w-t)/2 = C (w-2t)²/8: how far a function leaves its chord."""
    c, w, t = sp.symbols("C w t", nonnegative=True)
    return sum_of_squares(factor * c * w**2 / 8 - c * t * (w - t) / 2, [(c / 8, w - 2 * t)])


def energy_gap(factor: sp.Expr) -> bool:
    """f μ z² - (g² + e) for g² = (μ - S) z², e = S z² - slack: the slack."""
    mu, s, z = sp.symbols("μ S z", positive=True)
    slack = sp.Symbol("slack", nonnegative=True)
    gap = factor * mu * z**2 - ((mu - s) * z**2 + s * z**2 - slack)
    return sum_of_squares(gap, [(slack, sp.Integer(1))])


def secant_gap(factor: sp.Expr) -> bool:
    """S(δ) = ∫_0^1 act'(c + tδ) dt: |S(δ) - S(δ')| ≤ f C|δ - δ'|/2 since ∫ t dt = 1/2."""
    t = sp.Symbol("t", nonnegative=True)
    return attains(sp.integrate(t, (t, 0, 1)), factor / 2)


def one_block_left_out() -> bool:
    """Two blocks that add 1 each move the stream by 2: more than either radius alone."""
    return bool(arb(1) + arb(1) > arb(1))


def block_formula() -> sp.Basic:
    """|P h - P w_in x| ≤ |k| + ρ."""
    moved, k, rho = sp.symbols("|Ph-Pw_in·x| |k_T| ρ_T", nonnegative=True)
    return sp.Le(moved, k + rho)


N1 = Theorem(
    "N1",
    "what the blocks can add",
    "pre-norm decoder, every input of every length: |Q h_T - Q w_in x - k_T| ≤ ρ_T, so "
    "|Q h_T - Q w_in x| ≤ R_tot(T) = |k_T| + ρ_T. k_T sums Q(b_in + p_T) and each block's centre "
    "before any norm is taken; ρ_T ≤ Σ ρ_l, and bounds Σ M_g b_g over |b_g| ≤ 1 as one. Attention: "
    "ρ = sqrt(d) min(Σ|A_h|, sqrt(H)|[A_1..A_H]|), in the first the exact half discs that w_in z + "
    "b_in + p_j can reach. MLP, unit by unit: ρ = sqrt(d)|Q W_2 diag(λ) W_1 Γ P| + max |Q W_2 v| "
    "over |v_i| ≤ hw_i, mid ± hw the range of act(u) - λu; by energy: act(u) = act(c) + λδ + rest, "
    "|rest_i| ≤ s_i|δ_i|, ρ² = μ d |[Q W_2 diag(λ) W (μ - S)^(-1/2), Q W_2 τ^(-1/2)]|², S = W' "
    "diag(τ s²) W < μ",
    assumptions=(
        "pre-norm residual blocks with LayerNorm, RMSNorm or DyT before each",
        "attention weights ≥ 0 with sum 1",
    ),
    needs=("L1", "S2"),
    source="this work",
    tight=False,
    formula=block_formula,
    steps=(
        LAGRANGE,
        Step(
            "the value constants leave the average: Σ w_j (A z_j + k) = Σ w_j A z_j + k",
            lambda f: all(constant_is_added_once(n) for n in range(1, 5)),
        ),
        Step(
            "(Σ|A_h z_h|)² ≤ H Σ|A_h z_h|², and |[A](z_1..z_H)|² ≤ |[A]|² H d",
            lambda f: all(heads_gap(h, f) for h in range(2, 5)),
            bears_constant=True,
        ),
        Step("p s + q t ≤ sqrt(p² + q²) on a disc", half_disc_gap, bears_constant=True),
        Step("act(u) = λ(u - c) + (λc + mid) + rest, |rest| ≤ hw", lambda f: slopes_split()),
        Step(
            "Σ τ rest² ≤ z'Sz: |(μ - S)^(1/2) z|² + Σ τ rest² ≤ μ|z|²",
            energy_gap,
            bears_constant=True,
        ),
        Step("secant slopes differ by ≤ C|δ - δ'|/2", secant_gap, bears_constant=True),
        Step(
            "a cell's function is within C w²/8 of its chord, C = sup|act''|",
            chord_gap,
            bears_constant=True,
        ),
    ),
    evaluate=evaluate,
    applies=needs_bounded_stream,
    mutants=(Mutant("one block left out", one_block_left_out),),
)
